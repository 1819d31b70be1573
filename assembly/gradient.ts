// What backward passes need whatever the operator: adding gradients up, filling, and strided copies the other way round.
import { ELEMENTS_ADD, ELEMENTS_TAKE } from "./codes";
import { load_some, store_some } from "./simd";

/** y[i] += x[i]. */
export function accumulate_f32(x: usize, y: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    store_some(y, f32x4.add(load_some(y, n), load_some(x, n)), n);
    x += 16;
    y += 16;
  }
}

/** y[i] = value. */
export function fill_f32(y: usize, value: f32, n: i32): void {
  const v = f32x4.splat(value);
  for (; n > 0; n -= 4) {
    store_some(y, v, n);
    y += 16;
  }
}

/**
 * to[i₀·t₀ + …] += from[i₀·f₀ + …] over `rank` axes: the gradient of a strided copy, whose target may take several elements of its source.
 * `table` is that of `strided_copy`: sizes, strides of `from`, strides of `to`, the strides in bytes.
 */
export function strided_add_f32(from: usize, to: usize, table: usize, rank: i32): void {
  add_axis(from, to, table, rank, 0);
}

function add_axis(from: usize, to: usize, table: usize, rank: i32, axis: i32): void {
  const at = table + (<usize>axis << 2);
  const size = load<i32>(at);
  const stepFrom = load<i32>(at + (<usize>rank << 2));
  const stepTo = load<i32>(at + (<usize>rank << 3));
  if (axis < rank - 1) {
    for (let i = 0; i < size; i++) {
      add_axis(from, to, table, rank, axis + 1);
      from += stepFrom;
      to += stepTo;
    }
  } else if (stepFrom == 4 && stepTo == 4) {
    accumulate_f32(from, to, size);
  } else {
    for (let i = 0; i < size; i++) {
      store<f32>(to, load<f32>(to) + load<f32>(from));
      from += stepFrom;
      to += stepTo;
    }
  }
}

/** dx[o, i_j, :] += dy[o, j, :]: the gradient of `gather`, for float32 runs of `run` elements. dx must hold something to add to. */
export function scatter_add_f32(dy: usize, dx: usize, indices: usize, indexBytes: i32, outer: i32, axis: i32, count: i32, run: i32): void {
  const bytes = <usize>run << 2;
  for (let o = 0; o < outer; o++) {
    let at = indices;
    for (let j = 0; j < count; j++) {
      let i = load<i32>(at);
      if (i < 0) i += axis;
      accumulate_f32(dy, dx + <usize>i * bytes, run);
      dy += bytes;
      at += indexBytes;
    }
    dx += <usize>axis * bytes;
  }
}

/** dx ← dy·(the product of the other elements of x's row), for rows of n: right where elements are 0, too. dx holds dy at the start. */
export function product_gradient_f32(x: usize, dx: usize, n: i32, rows: i32): void {
  const bytes = <usize>n << 2;
  for (; rows > 0; rows--, x += bytes, dx += bytes) {
    let before: f32 = 1, after: f32 = 1;
    for (let at: usize = 0; at < bytes; at += 4) {
      store<f32>(dx + at, load<f32>(dx + at) * before);
      before *= load<f32>(x + at);
    }
    for (let at = bytes; at > 0; at -= 4) {
      store<f32>(dx + at - 4, load<f32>(dx + at - 4) * after);
      after *= load<f32>(x + at - 4);
    }
  }
}

/**
 * Goes through elements x[p] and the elements of y that their indices name, along one axis: ELEMENTS_ADD adds x to y, ELEMENTS_TAKE copies y to x,
 * ELEMENTS_CLEAR sets y to 0. `table`: the sizes of x (and of the indices), the strides of y in elements, the size of y along the axis.
 */
export function elements_f32(mode: i32, x: usize, y: usize, indices: usize, indexBytes: i32, table: usize, rank: i32, axis: i32, count: i32): void {
  const strides = table + (<usize>rank << 2), extent = load<i32>(table + (<usize>rank << 3));
  for (let p = 0; p < count; p++, indices += indexBytes, x += 4) {
    let index = load<i32>(indices), rest = p, at: usize = 0;
    if (index < 0) index += extent;
    for (let k = rank - 1; k >= 0; k--) {
      const size = load<i32>(table + (<usize>k << 2)), place = rest % size;
      rest /= size;
      at += <usize>(k == axis ? index : place) * load<i32>(strides + (<usize>k << 2));
    }
    const to = y + (at << 2);
    if (mode == ELEMENTS_ADD) store<f32>(to, load<f32>(to) + load<f32>(x));
    else if (mode == ELEMENTS_TAKE) store<f32>(x, load<f32>(to));
    else store<f32>(to, 0);
  }
}

// What backward passes need whatever the operator: adding gradients up, filling, and strided copies the other way
// round.
import { ELEMENTS_ADD, ELEMENTS_TAKE } from "../abi/codes";
import { load_some, store_some, sum_lanes } from "../lib/simd";

/** y[i] += x[i]. */
export function accumulate_f32(x: usize, y: usize, n: i32): void {
  for (; n > 0; n -= 4) {
    store_some(y, f32x4.add(load_some(y, n), load_some(x, n)), n);
    x += 16;
    y += 16;
  }
}

/** y[i] += x[i]·factor. */
export function accumulate_scaled(x: usize, y: usize, n: i32, factor: f32): void {
  const f = f32x4.splat(factor);
  for (; n > 0; n -= 4, x += 16, y += 16) store_some(y, f32x4.add(load_some(y, n), f32x4.mul(load_some(x, n), f)), n);
}

/** Σ a[i]·b[i]. */
export function dot_f32(a: usize, b: usize, n: i32): f32 {
  let sum = f32x4.splat(0);
  for (; n > 0; n -= 4, a += 16, b += 16) sum = f32x4.add(sum, f32x4.mul(load_some(a, n), load_some(b, n)));
  return sum_lanes(sum);
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
 * to[i₀·t₀ + …] += from[i₀·f₀ + …] over `rank` axes: the gradient of a strided copy, whose target may take several
 * elements of its source. `table` is that of `strided_copy`: sizes, strides of `from`, strides of `to`, the strides in
 * bytes.
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

/**
 * dx[o, i_j, :] += dy[o, j, :]: the gradient of `gather`, for float32 runs of `run` elements. dx must hold something to
 * add to.
 */
export function scatter_add_f32(
  dy: usize, dx: usize, indices: usize, indexBytes: i32, outer: i32, axis: i32, count: i32, run: i32,
): void {
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

/**
 * dx ← dy·(the product of the other elements of x's row), for rows of n: right where elements are 0, too. dx holds dy
 * at the start.
 */
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
 * Goes through elements x[p] and the elements of y that their indices name, along one axis: ELEMENTS_ADD adds x to y,
 * ELEMENTS_TAKE copies y to x, ELEMENTS_CLEAR sets y to 0. `table`: the sizes of x (and of the indices), the strides of
 * y in elements, the size of y along the axis.
 */
export function elements_f32(
  mode: i32, x: usize, y: usize, indices: usize, indexBytes: i32, table: usize, rank: i32, axis: i32, count: i32,
): void {
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

/**
 * Goes through slices x[i] of `run` elements and the slices of y that tuples of `depth` indices name: what is done
 * with them are the modes of elements_f32. `table`: the sizes of y's axes that are indexed, then their strides in
 * elements. Every `group` tuples y moves on by `slab` elements.
 */
export function slices_f32(
  mode: i32, x: usize, y: usize, indices: usize, indexBytes: i32, count: i32, depth: i32, table: usize, run: i32,
  group: i32, slab: i32,
): void {
  for (let i = 0; i < count; i++, x += <usize>run << 2) {
    let at = <usize>(i / group) * slab;
    for (let k: usize = 0; k < <usize>depth; k++, indices += indexBytes) {
      const index = load<i32>(indices);
      at += <usize>(index < 0 ? index + load<i32>(table + (k << 2)) : index) * load<i32>(table + ((k + depth) << 2));
    }
    const to = y + (at << 2);
    if (mode == ELEMENTS_ADD) accumulate_f32(x, to, run);
    else if (mode == ELEMENTS_TAKE) memory.copy(x, to, run << 2);
    else memory.fill(to, 0, run << 2);
  }
}

/**
 * dx += dy·(the product of the other operands) over every combination of `rank` labels: the gradient of a sum of
 * products in whatever way its operands are indexed. `table`: the sizes of the labels; then for dx, dy and each of the
 * `count` others where it begins (0 for dx and dy, for others in `others`) and a stride per label, in elements.
 * `scratch` has room for rank + count + 2 numbers.
 */
export function contraction_gradient_f32(
  dy: usize, dx: usize, others: usize, table: usize, rank: i32, count: i32, scratch: usize,
): void {
  const strides = table + (<usize>rank << 2), step = (<usize>rank + 1) << 2, places = scratch + (<usize>rank << 2);
  memory.fill(scratch, 0, rank << 2);
  for (let k = 0; k < count + 2; k++) store<i32>(places + (<usize>k << 2), load<i32>(strides + <usize>k * step));
  for (;;) {
    let product = load<f32>(dy + (<usize>load<i32>(places, 4) << 2));
    for (let k = 2; k < count + 2; k++) {
      product *= load<f32>(others + (<usize>load<i32>(places + (<usize>k << 2)) << 2));
    }
    const to = dx + (<usize>load<i32>(places) << 2);
    store<f32>(to, load<f32>(to) + product);
    let axis = rank - 1;
    for (; axis >= 0; axis--) {
      const at = <usize>axis << 2, next = load<i32>(scratch + at) + 1, around = next == load<i32>(table + at);
      store<i32>(scratch + at, around ? 0 : next);
      for (let k = 0; k < count + 2; k++) {
        const place = places + (<usize>k << 2), stride = load<i32>(strides + <usize>k * step + 4 + at);
        store<i32>(place, load<i32>(place) + (around ? (1 - next) * stride : stride));
      }
      if (!around) break;
    }
    if (axis < 0) return;
  }
}

/**
 * From the gradients of running products back to those of x: dx_j = Σ dy_i · Π x_k over the products that x_j is in,
 * without a division. Lanes of n elements `step` apart, counted from the other end with `reverse`; with `exclusive` an
 * element is not in its own product.
 */
export function cumprod_gradient_f32(
  x: usize, dy: usize, dx: usize, n: i32, step: i32, exclusive: i32, reverse: i32,
): void {
  const first = reverse ? (n - 1) * step : 0, next = reverse ? -step : step;
  let before: f32 = 1;
  for (let j = 0; j < n; j++) {
    const at: usize = (first + j * next) << 2;
    let product = before, sum: f32 = 0;
    for (let i = j + exclusive; i < n; i++) {
      if (i > j + exclusive) product *= load<f32>(x + <usize>((first + (i - exclusive) * next) << 2));
      sum += product * load<f32>(dy + <usize>((first + i * next) << 2));
    }
    store<f32>(dx + at, sum);
    before *= load<f32>(x + at);
  }
}

// What backward passes need whatever the operator: adding gradients up, filling, and strided copies the other way round.
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

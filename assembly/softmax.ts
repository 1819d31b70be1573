// Softmax and its relatives over the middle axis of x [outer, axis, inner]. The largest element is subtracted first, so that no
// exponential overflows; a row with a NaN, or with +∞, or of −∞ alone is NaN, as the formula says. x may equal y.
import { ExpOfDifference, Plain, log_one, max_column, max_of, sum_column, sum_of } from "./reduce";
import { exp_bounded, load_some, log, store_some } from "./simd";

/** y[i] = exp(x[i] − shift) */
function exp_row(x: usize, y: usize, n: i32, shift: f32): void {
  const m = f32x4.splat(shift);
  for (; n >= 8; n -= 8) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    const y0 = exp_bounded(f32x4.sub(x0, m));
    const y1 = exp_bounded(f32x4.sub(x1, m));
    v128.store(y, y0);
    v128.store(y, y1, 16);
    x += 32;
    y += 32;
  }
  for (; n > 0; n -= 4) {
    store_some(y, exp_bounded(f32x4.sub(load_some(x, n), m)), n);
    x += 16;
    y += 16;
  }
}

/** y[i] = x[i]·scale − shift, of which a caller uses one. */
function scale_row(x: usize, y: usize, n: i32, scale: f32, shift: f32): void {
  const a = f32x4.splat(scale);
  const b = f32x4.splat(shift);
  for (; n > 0; n -= 4) {
    store_some(y, f32x4.sub(f32x4.mul(load_some(x, n), a), b), n);
    x += 16;
    y += 16;
  }
}

/** Softmax over the middle axis, for outer indices [begin, end). */
export function softmax_f32(x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32): void {
  const stride = (<usize>inner) << 2;
  for (let o = begin; o < end; o++) {
    let from = x + <usize>o * <usize>axis * stride;
    let to = y + <usize>o * <usize>axis * stride;
    if (inner == 1) {
      exp_row(from, to, axis, max_of(from, axis));
      scale_row(to, to, axis, <f32>1 / sum_of<Plain>(to, axis, 0), 0);
      continue;
    }
    for (let left = inner; left > 0; left -= 4) {
      const largest = max_column(from, axis, stride, left);
      for (let k: i32 = 0; k < axis; k++) {
        const e = exp_bounded(f32x4.sub(load_some(from + <usize>k * stride, left), largest));
        store_some(to + <usize>k * stride, e, left);
      }
      const scale = f32x4.div(f32x4.splat(1), sum_column<Plain>(to, axis, stride, left, f32x4.splat(0)));
      for (let k: i32 = 0; k < axis; k++) {
        const at = to + <usize>k * stride;
        store_some(at, f32x4.mul(load_some(at, left), scale), left);
      }
      from += 16;
      to += 16;
    }
  }
}

/** x − log Σ eˣ over the middle axis, for outer indices [begin, end). */
export function log_softmax_f32(x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32): void {
  const stride = (<usize>inner) << 2;
  for (let o = begin; o < end; o++) {
    let from = x + <usize>o * <usize>axis * stride;
    let to = y + <usize>o * <usize>axis * stride;
    if (inner == 1) {
      const largest = max_of(from, axis);
      const rest = log_one(sum_of<ExpOfDifference>(from, axis, largest));
      scale_row(from, to, axis, 1, largest);
      scale_row(to, to, axis, 1, rest);
      continue;
    }
    for (let left = inner; left > 0; left -= 4) {
      const largest = max_column(from, axis, stride, left);
      const rest = log(sum_column<ExpOfDifference>(from, axis, stride, left, largest));
      for (let k: i32 = 0; k < axis; k++) {
        const v = f32x4.sub(f32x4.sub(load_some(from + <usize>k * stride, left), largest), rest);
        store_some(to + <usize>k * stride, v, left);
      }
      from += 16;
      to += 16;
    }
  }
}

/** 1 at the first largest element along the middle axis, 0 elsewhere; x and y must not overlap. */
export function hardmax_f32(x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32): void {
  const stride = (<usize>inner) << 2;
  for (let o = begin; o < end; o++) {
    const offset = <usize>o * <usize>axis * stride;
    memory.fill(y + offset, 0, <usize>axis * stride);
    for (let i: i32 = 0; i < inner; i++) {
      const from = x + offset + ((<usize>i) << 2);
      let best: usize = 0;
      let most = load<f32>(from);
      for (let k: i32 = 1; k < axis; k++) {
        const v = load<f32>(from + <usize>k * stride);
        if (v > most || (v != v && most == most)) {
          most = v;
          best = <usize>k;
        }
      }
      if (axis > 0) store<f32>(y + offset + ((<usize>i) << 2) + best * stride, 1);
    }
  }
}

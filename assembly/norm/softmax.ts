// Softmax and its relatives over the middle axis of x [outer, axis, inner]. The largest element is subtracted first, so
// that no exponential overflows; a row with a NaN, or with +∞, or of −∞ alone is NaN, as the formula says. x may equal
// y.
import { ExpOfDifference, Plain, log_one, max_column, max_of, sum_column, sum_of } from "../reduce/reduce";
import { exp_bounded, exp_near, far, load_some, log, max_lanes, store_some, sum_lanes } from "../lib/simd";

/**
 * y[i] = exp(x[i] − shift). (Adding them up in the same loop was a tenth slower than a second pass over a row in the
 * cache.)
 */
function exp_row(x: usize, y: usize, n: i32, shift: f32): void {
  const m = f32x4.splat(shift);
  for (; n >= 8; n -= 8) {
    const x0 = f32x4.sub(v128.load(x), m);
    const x1 = f32x4.sub(v128.load(x, 16), m);
    let y0: v128, y1: v128;
    if (far(x0, x1)) {
      y0 = exp_bounded(x0);
      y1 = exp_bounded(x1);
    } else {
      y0 = exp_near(x0);
      y1 = exp_near(x1);
    }
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

/** Largest of n numbers. A NaN may be missed: its exponential makes the sum, and so the whole row, NaN all the same. */
function max_row(x: usize, n: i32): f32 {
  let m0 = f32x4.splat(-Infinity), m1 = m0, m2 = m0, m3 = m0;
  for (; n >= 16; n -= 16) {
    m0 = f32x4.pmax(m0, v128.load(x));
    m1 = f32x4.pmax(m1, v128.load(x, 16));
    m2 = f32x4.pmax(m2, v128.load(x, 32));
    m3 = f32x4.pmax(m3, v128.load(x, 48));
    x += 64;
  }
  m0 = f32x4.pmax(f32x4.pmax(m0, m1), f32x4.pmax(m2, m3));
  for (; n >= 4; n -= 4) {
    m0 = f32x4.pmax(m0, v128.load(x));
    x += 16;
  }
  let m = max_lanes(m0);
  for (; n > 0; n--) {
    m = max(m, load<f32>(x));
    x += 4;
  }
  return m;
}

/** y[i] ·= scale. */
function scale_row(y: usize, n: i32, scale: f32): void {
  let a = f32x4.splat(scale);
  for (; n >= 16; n -= 16) {
    v128.store(y, f32x4.mul(v128.load(y), a));
    v128.store(y, f32x4.mul(v128.load(y, 16), a), 16);
    v128.store(y, f32x4.mul(v128.load(y, 32), a), 32);
    v128.store(y, f32x4.mul(v128.load(y, 48), a), 48);
    y += 64;
  }
  for (; n > 0; n -= 4) {
    store_some(y, f32x4.mul(load_some(y, n), a), n);
    y += 16;
  }
}

/** y[i] = x[i] − shift. */
function shift_row(x: usize, y: usize, n: i32, shift: f32): void {
  const b = f32x4.splat(shift);
  for (; n > 0; n -= 4) {
    store_some(y, f32x4.sub(load_some(x, n), b), n);
    x += 16;
    y += 16;
  }
}

/** Softmax down 16 columns: a cache line of every row at a time. */
function softmax_columns(x: usize, y: usize, axis: i32, stride: usize): void {
  let m0 = f32x4.splat(-Infinity);
  let m1 = m0;
  let m2 = m0;
  let m3 = m0;
  let from = x;
  for (let k: i32 = 0; k < axis; k++) {
    m0 = f32x4.max(m0, v128.load(from));
    m1 = f32x4.max(m1, v128.load(from, 16));
    m2 = f32x4.max(m2, v128.load(from, 32));
    m3 = f32x4.max(m3, v128.load(from, 48));
    from += stride;
  }
  from = x;
  let to = y;
  for (let k: i32 = 0; k < axis; k++) {
    const e0 = exp_bounded(f32x4.sub(v128.load(from), m0));
    const e1 = exp_bounded(f32x4.sub(v128.load(from, 16), m1));
    const e2 = exp_bounded(f32x4.sub(v128.load(from, 32), m2));
    const e3 = exp_bounded(f32x4.sub(v128.load(from, 48), m3));
    v128.store(to, e0);
    v128.store(to, e1, 16);
    v128.store(to, e2, 32);
    v128.store(to, e3, 48);
    from += stride;
    to += stride;
  }
  const one = f32x4.splat(1);
  const zero = f32x4.splat(0);
  m0 = f32x4.div(one, sum_column<Plain>(y, axis, stride, 4, zero));
  m1 = f32x4.div(one, sum_column<Plain>(y + 16, axis, stride, 4, zero));
  m2 = f32x4.div(one, sum_column<Plain>(y + 32, axis, stride, 4, zero));
  m3 = f32x4.div(one, sum_column<Plain>(y + 48, axis, stride, 4, zero));
  for (let k: i32 = 0; k < axis; k++) {
    v128.store(y, f32x4.mul(v128.load(y), m0));
    v128.store(y, f32x4.mul(v128.load(y, 16), m1), 16);
    v128.store(y, f32x4.mul(v128.load(y, 32), m2), 32);
    v128.store(y, f32x4.mul(v128.load(y, 48), m3), 48);
    y += stride;
  }
}

/** Softmax of up to four numbers, in registers: scores of a few classes for many examples. */
// @ts-ignore: decorator
@inline
function short_row(x: usize, y: usize, n: i32): void {
  const none = i32x4.le_s(i32x4.splat(n), i32x4(0, 1, 2, 3));
  const v = v128.bitselect(f32x4.splat(-Infinity), load_some(x, n), none);
  const e = v128.andnot(exp_bounded(f32x4.sub(v, f32x4.splat(max_lanes(v)))), none);
  store_some(y, f32x4.mul(e, f32x4.splat(<f32>1 / sum_lanes(e))), n);
}

/** Softmax over the middle axis, for outer indices [begin, end). */
export function softmax_f32(x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32): void {
  const stride = (<usize>inner) << 2;
  for (let o = begin; o < end; o++) {
    let from = x + <usize>o * <usize>axis * stride;
    let to = y + <usize>o * <usize>axis * stride;
    if (inner == 1 && axis <= 4) {
      short_row(from, to, axis);
      continue;
    }
    if (inner == 1) {
      exp_row(from, to, axis, max_row(from, axis));
      scale_row(to, axis, <f32>1 / sum_of<Plain>(to, axis, 0));
      continue;
    }
    let left = inner;
    for (; left >= 16; left -= 16) {
      softmax_columns(from, to, axis, stride);
      from += 64;
      to += 64;
    }
    for (; left > 0; left -= 4) {
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
      shift_row(from, to, axis, largest);
      shift_row(to, to, axis, rest);
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

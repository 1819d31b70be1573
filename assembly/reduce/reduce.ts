// Folds over one axis of x [outer, axis, inner], by the REDUCE_ codes of codes.ts; positions of extremes; running sums.
//
// Sums of many floats are taken in blocks, each by several accumulators, and the blocks' sums are added pairwise
// (N. J. Higham, "The Accuracy of Floating Point Summation", 1993): the error grows with the logarithm of the length,
// and the order of additions depends on the length alone.
import {
  REDUCE_L1, REDUCE_L2, REDUCE_LOG_SUM, REDUCE_LOG_SUM_EXP, REDUCE_MAX, REDUCE_MEAN, REDUCE_MIN, REDUCE_PROD,
  REDUCE_SUM, REDUCE_SUM_SQUARE,
} from "../abi/codes";
import { exp_bounded, load_some, log, max_lanes, min_lanes, store_some, sum_lanes } from "../lib/simd";

/** What is done to four elements before they are added; `shift` is subtracted where the function wants it. */
@unmanaged export class Plain {
  // @ts-ignore: decorator
  @inline of(x: v128, shift: v128): v128 { return x; }
}
@unmanaged export class Square {
  // @ts-ignore: decorator
  @inline of(x: v128, shift: v128): v128 { return f32x4.mul(x, x); }
}
@unmanaged export class SquareOfDifference {
  // @ts-ignore: decorator
  @inline of(x: v128, shift: v128): v128 {
    const d = f32x4.sub(x, shift);
    return f32x4.mul(d, d);
  }
}
@unmanaged class Magnitude {
  // @ts-ignore: decorator
  @inline of(x: v128, shift: v128): v128 { return f32x4.abs(x); }
}
/** Differences are at most 0: the shift is the largest element. */
@unmanaged export class ExpOfDifference {
  // @ts-ignore: decorator
  @inline of(x: v128, shift: v128): v128 { return exp_bounded(f32x4.sub(x, shift)); }
}

const LEAF: i32 = 512;

/** The mask of the first `n` lanes. */
// @ts-ignore: decorator
@inline
function first_lanes(n: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(n));
}

function sum_leaf<F>(x: usize, n: i32, shift: v128): f32 {
  const f = changetype<F>(0);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (; n >= 16; n -= 16) {
    // @ts-ignore: of is resolved when this is compiled for a class
    s0 = f32x4.add(s0, f.of(v128.load(x), shift));
    // @ts-ignore: see above
    s1 = f32x4.add(s1, f.of(v128.load(x, 16), shift));
    // @ts-ignore: see above
    s2 = f32x4.add(s2, f.of(v128.load(x, 32), shift));
    // @ts-ignore: see above
    s3 = f32x4.add(s3, f.of(v128.load(x, 48), shift));
    x += 64;
  }
  for (; n > 0; n -= 4) {
    // @ts-ignore: see above
    s0 = f32x4.add(s0, v128.and(f.of(load_some(x, n), shift), first_lanes(n)));
    x += 16;
  }
  return sum_lanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
}

/** Sum of f(x[i]) over `n` contiguous elements, pairwise above LEAF. */
export function sum_of<F>(x: usize, n: i32, shift: f32): f32 {
  if (n <= LEAF) return sum_leaf<F>(x, n, f32x4.splat(shift));
  const half = ((n >> 1) + (LEAF - 1)) & ~(LEAF - 1);
  return sum_of<F>(x, half, shift) + sum_of<F>(x + ((<usize>half) << 2), n - half, shift);
}

/** Largest of `n` contiguous elements, NaN if one is NaN, −∞ if there are none. */
export function max_of(x: usize, n: i32): f32 {
  let m0 = f32x4.splat(-Infinity);
  let m1 = m0;
  // pmax loses a NaN in x, so the unequal lanes are kept besides: three instructions against the eight of f32x4.max on
  // x86.
  let odd = i32x4.splat(0);
  for (; n >= 8; n -= 8) {
    const x0 = v128.load(x);
    const x1 = v128.load(x, 16);
    m0 = f32x4.pmax(m0, x0);
    m1 = f32x4.pmax(m1, x1);
    odd = v128.or(odd, v128.or(f32x4.ne(x0, x0), f32x4.ne(x1, x1)));
    x += 32;
  }
  m0 = f32x4.max(m0, m1);
  for (; n > 0; n -= 4) {
    m0 = f32x4.max(m0, v128.bitselect(load_some(x, n), m0, first_lanes(n)));
    x += 16;
  }
  return v128.any_true(odd) ? <f32>NaN : max_lanes(m0);
}

/** Smallest of `n` contiguous elements, NaN if one is NaN, +∞ if there are none. */
function min_of(x: usize, n: i32): f32 {
  let m = f32x4.splat(Infinity);
  for (; n >= 4; n -= 4) {
    m = f32x4.min(m, v128.load(x));
    x += 16;
  }
  return min_lanes(f32x4.min(m, v128.bitselect(load_some(x, n), m, first_lanes(n))));
}

function product_of(x: usize, n: i32): f32 {
  let p = f32x4.splat(1);
  for (; n >= 4; n -= 4) {
    p = f32x4.mul(p, v128.load(x));
    x += 16;
  }
  p = f32x4.mul(p, v128.bitselect(load_some(x, n), f32x4.splat(1), first_lanes(n)));
  return f32x4.extract_lane(p, 0) * f32x4.extract_lane(p, 2) * (f32x4.extract_lane(p, 1) * f32x4.extract_lane(p, 3));
}

/** log of one number, by the vector function. */
// @ts-ignore: decorator
@inline
export function log_one(x: f32): f32 {
  return f32x4.extract_lane(log(f32x4.splat(x)), 0);
}

/** What is subtracted before exponentials are taken: the largest element, unless it is infinite. */
// @ts-ignore: decorator
@inline
function finite_or_zero(largest: v128): v128 {
  return v128.and(largest, f32x4.lt(f32x4.abs(largest), f32x4.splat(Infinity)));
}

function fold_row(code: i32, x: usize, n: i32): f32 {
  switch (code) {
    case REDUCE_SUM: return sum_of<Plain>(x, n, 0);
    case REDUCE_MEAN: return sum_of<Plain>(x, n, 0) / <f32>n;
    case REDUCE_MAX: return max_of(x, n);
    case REDUCE_MIN: return min_of(x, n);
    case REDUCE_PROD: return product_of(x, n);
    case REDUCE_SUM_SQUARE: return sum_of<Square>(x, n, 0);
    case REDUCE_L1: return sum_of<Magnitude>(x, n, 0);
    case REDUCE_L2: return sqrt<f32>(sum_of<Square>(x, n, 0));
    case REDUCE_LOG_SUM: return log_one(sum_of<Plain>(x, n, 0));
    case REDUCE_LOG_SUM_EXP: {
      const largest = max_of(x, n);
      if (largest != largest) return largest;
      const shift = f32x4.extract_lane(finite_or_zero(f32x4.splat(largest)), 0);
      // exp_bounded takes at most 60, and with +∞ among the elements the shift is 0.
      return largest == <f32>Infinity ? largest : shift + log_one(sum_of<ExpOfDifference>(x, n, shift));
    }
    default: return unreachable();
  }
}

/** Sum of f(x) over `n` rows, `stride` bytes apart, of `lanes` columns (at most 4): pairwise above 32 rows. */
// @ts-ignore: decorator
@inline
export function sum_column<F>(x: usize, n: i32, stride: usize, lanes: i32, shift: v128): v128 {
  return pairwise_column<F>(x, n, stride, lanes, shift);
}

function pairwise_column<F>(x: usize, n: i32, stride: usize, lanes: i32, shift: v128): v128 {
  const f = changetype<F>(0);
  if (n > 32) {
    const half = n >> 1;
    const upper = pairwise_column<F>(x, half, stride, lanes, shift);
    return f32x4.add(upper, pairwise_column<F>(x + <usize>half * stride, n - half, stride, lanes, shift));
  }
  let s = f32x4.splat(0);
  for (; n > 0; n--) {
    // @ts-ignore: of is resolved when this is compiled for a class
    s = f32x4.add(s, f.of(load_some(x, lanes), shift));
    x += stride;
  }
  return s;
}

/**
 * Sums of f(x) down 16 columns, a cache line of every row at a time, stored at y. Blocks of 32 rows are summed first,
 * so that the chains are short.
 */
export function sum_columns<F>(x: usize, n: i32, stride: usize, y: usize, shift: usize): void {
  const f = changetype<F>(0);
  const zero = f32x4.splat(0);
  const c0 = shift ? v128.load(shift) : zero;
  const c1 = shift ? v128.load(shift, 16) : zero;
  const c2 = shift ? v128.load(shift, 32) : zero;
  const c3 = shift ? v128.load(shift, 48) : zero;
  v128.store(y, zero);
  v128.store(y, zero, 16);
  v128.store(y, zero, 32);
  v128.store(y, zero, 48);
  const block = n > 2048 ? 128 : 32;
  while (n > 0) {
    let s0 = zero;
    let s1 = zero;
    let s2 = zero;
    let s3 = zero;
    for (let k = min(n, block); k > 0; k--) {
      // @ts-ignore: of is resolved when this is compiled for a class
      s0 = f32x4.add(s0, f.of(v128.load(x), c0));
      // @ts-ignore: see above
      s1 = f32x4.add(s1, f.of(v128.load(x, 16), c1));
      // @ts-ignore: see above
      s2 = f32x4.add(s2, f.of(v128.load(x, 32), c2));
      // @ts-ignore: see above
      s3 = f32x4.add(s3, f.of(v128.load(x, 48), c3));
      x += stride;
    }
    v128.store(y, f32x4.add(v128.load(y), s0));
    v128.store(y, f32x4.add(v128.load(y, 16), s1), 16);
    v128.store(y, f32x4.add(v128.load(y, 32), s2), 32);
    v128.store(y, f32x4.add(v128.load(y, 48), s3), 48);
    n -= block;
  }
}

/** As max_of, over `n` rows. */
export function max_column(x: usize, n: i32, stride: usize, lanes: i32): v128 {
  let m = f32x4.splat(-Infinity);
  for (; n > 0; n--) {
    m = f32x4.max(m, load_some(x, lanes));
    x += stride;
  }
  return m;
}

function min_column(x: usize, n: i32, stride: usize, lanes: i32): v128 {
  let m = f32x4.splat(Infinity);
  for (; n > 0; n--) {
    m = f32x4.min(m, load_some(x, lanes));
    x += stride;
  }
  return m;
}

function product_column(x: usize, n: i32, stride: usize, lanes: i32): v128 {
  let p = f32x4.splat(1);
  for (; n > 0; n--) {
    p = f32x4.mul(p, load_some(x, lanes));
    x += stride;
  }
  return p;
}

function fold_column(code: i32, x: usize, n: i32, stride: usize, lanes: i32): v128 {
  const zero = f32x4.splat(0);
  switch (code) {
    case REDUCE_SUM: return sum_column<Plain>(x, n, stride, lanes, zero);
    case REDUCE_MEAN: return f32x4.div(sum_column<Plain>(x, n, stride, lanes, zero), f32x4.splat(<f32>n));
    case REDUCE_MAX: return max_column(x, n, stride, lanes);
    case REDUCE_MIN: return min_column(x, n, stride, lanes);
    case REDUCE_PROD: return product_column(x, n, stride, lanes);
    case REDUCE_SUM_SQUARE: return sum_column<Square>(x, n, stride, lanes, zero);
    case REDUCE_L1: return sum_column<Magnitude>(x, n, stride, lanes, zero);
    case REDUCE_L2: return f32x4.sqrt(sum_column<Square>(x, n, stride, lanes, zero));
    case REDUCE_LOG_SUM: return log(sum_column<Plain>(x, n, stride, lanes, zero));
    case REDUCE_LOG_SUM_EXP: {
      const largest = max_column(x, n, stride, lanes);
      const shift = finite_or_zero(largest);
      const sum = f32x4.add(log(sum_column<ExpOfDifference>(x, n, stride, lanes, shift)), shift);
      const keep = v128.or(f32x4.ne(largest, largest), f32x4.eq(largest, f32x4.splat(Infinity)));
      return v128.bitselect(largest, sum, keep);
    }
    default: return unreachable();
  }
}

/** y [outer, inner] = fold of x [outer, axis, inner] over its middle axis, for outer indices [begin, end). */
export function reduce_f32(code: i32, x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32): void {
  if (inner == 1) {
    for (let o = begin; o < end; o++) {
      store<f32>(y + ((<usize>o) << 2), fold_row(code, x + ((<usize>o * <usize>axis) << 2), axis));
    }
    return;
  }
  const stride = (<usize>inner) << 2;
  for (let o = begin; o < end; o++) {
    let from = x + <usize>o * <usize>axis * stride;
    let to = y + <usize>o * stride;
    let left = inner;
    if (code == REDUCE_SUM || code == REDUCE_MEAN) {
      const scale = f32x4.splat(code == REDUCE_MEAN ? <f32>axis : 1);
      for (; left >= 16; left -= 16) {
        sum_columns<Plain>(from, axis, stride, to, 0);
        for (let lane: usize = 0; lane < 64; lane += 16) v128.store(to + lane, f32x4.div(v128.load(to + lane), scale));
        from += 64;
        to += 64;
      }
    }
    for (; left > 0; left -= 4) {
      store_some(to, fold_column(code, from, axis, stride, left), left);
      from += 16;
      to += 16;
    }
  }
}

/** Index of the first (or last) of `n` contiguous elements that equals `value`, or is NaN if that is. */
function index_of(x: usize, n: i32, value: f32, last: i32): i32 {
  const wanted = f32x4.splat(value);
  const nan = v128.any_true(f32x4.ne(wanted, wanted));
  const step = last ? -4 : 4;
  for (let i: i32 = last ? (n - 1) & ~3 : 0; i >= 0 && i < n; i += step) {
    const v = load_some(x + ((<usize>i) << 2), n - i);
    const hit = v128.and(nan ? f32x4.ne(v, v) : f32x4.eq(v, wanted), first_lanes(n - i));
    if (v128.any_true(hit)) {
      const mask = i32x4.bitmask(hit);
      return i + (last ? 31 - clz<i32>(mask) : ctz<i32>(mask));
    }
  }
  return 0;
}

/**
 * y [outer, inner] (int64) = index along the middle axis of the largest (or smallest) element of x [outer, axis,
 * inner], of the first such or the last. A NaN is taken for the extreme, as NumPy does.
 */
export function arg_extreme_f32(
  x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32, smallest: i32, last: i32,
): void {
  const stride = (<usize>inner) << 2;
  if (inner == 1) {
    for (let o = begin; o < end; o++) {
      const row = x + ((<usize>o * <usize>axis) << 2);
      const extreme = smallest ? min_of(row, axis) : max_of(row, axis);
      store<i64>(y + ((<usize>o) << 3), <i64>index_of(row, axis, extreme, last));
    }
    return;
  }
  for (let o = begin; o < end; o++) {
    for (let i: i32 = 0; i < inner; i++) {
      let at = x + <usize>o * <usize>axis * stride + ((<usize>i) << 2);
      let best = load<f32>(at);
      let index: i32 = 0;
      for (let k: i32 = 1; k < axis; k++) {
        at += stride;
        const v = load<f32>(at);
        const beyond = smallest ? v < best : v > best;
        if (beyond || (v != v && best == best) || (last && (v == best || (v != v && best != best)))) {
          best = v;
          index = k;
        }
      }
      store<i64>(y + ((<usize>o * <usize>inner + <usize>i) << 3), <i64>index);
    }
  }
}

/** Running sums along the middle axis of x [outer, axis, inner], carried in float64. */
export function cumsum_f32(
  x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32, exclusive: i32, reverse: i32,
): void {
  const size = (<usize>inner) << 2;
  const step: usize = reverse ? 0 - size : size;
  for (let o = begin; o < end; o++) {
    for (let i: i32 = 0; i < inner; i++) {
      let offset = <usize>o * <usize>axis * size + ((<usize>i) << 2);
      if (reverse) offset += <usize>(axis - 1) * size;
      let sum: f64 = 0;
      for (let k: i32 = 0; k < axis; k++) {
        const v = <f64>load<f32>(x + offset);
        store<f32>(y + offset, <f32>(exclusive ? sum : sum + v));
        sum += v;
        offset += step;
      }
    }
  }
}

function reduce_int<T>(code: i32, x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32): void {
  const stride = <usize>inner * sizeof<T>();
  for (let o = begin; o < end; o++) {
    for (let i: i32 = 0; i < inner; i++) {
      let at = x + <usize>o * <usize>axis * stride + <usize>i * sizeof<T>();
      let r: T = <T>(code == REDUCE_PROD ? 1 : 0);
      // The smallest and the largest number there are.
      if (code == REDUCE_MAX) r = <T>(<T>1 << (<T>(sizeof<T>() * 8 - 1)));
      else if (code == REDUCE_MIN) r = <T>~(<T>1 << (<T>(sizeof<T>() * 8 - 1)));
      for (let k: i32 = 0; k < axis; k++) {
        const v = load<T>(at);
        at += stride;
        switch (code) {
          case REDUCE_MAX: r = v > r ? v : r; break;
          case REDUCE_MIN: r = v < r ? v : r; break;
          case REDUCE_PROD: r = <T>(r * v); break;
          case REDUCE_SUM_SQUARE: r = <T>(r + v * v); break;
          case REDUCE_L1: r = <T>(r + (v < 0 ? <T>(0 - v) : v)); break;
          default: r = <T>(r + v); break;
        }
      }
      store<T>(y + (<usize>o * <usize>inner + <usize>i) * sizeof<T>(), r);
    }
  }
}

/**
 * As reduce_f32, for SUM, MAX, MIN, PROD, SUM_SQUARE and L1; wraps. Of no elements, MAX is the smallest number and MIN
 * the largest.
 */
export function reduce_i32(code: i32, x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32): void {
  reduce_int<i32>(code, x, y, axis, inner, begin, end);
}

/** As reduce_i32. */
export function reduce_i64(code: i32, x: usize, y: usize, axis: i32, inner: i32, begin: i32, end: i32): void {
  reduce_int<i64>(code, x, y, axis, inner, begin, end);
}

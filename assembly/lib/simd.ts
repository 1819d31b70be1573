// The thin shim between the kernels and the instruction set, and the transcendental functions of four float32 lanes.
//
// Everything here is IEEE 754 arithmetic on lanes, so the `simd` build gives the same bits on every engine. Clamps are
// `pmin(x, bound)` and `pmax(x, bound)` with x first: one instruction on x86 where `f32x4.min` takes seven, and a NaN
// in x comes out as NaN. Constants are read from tables: V8 builds a v128.const anew at every use, even inside a loop,
// by three instructions (move to a general register, to a vector register, duplicate), where a splatting load is one;
// the functions below take about half the time for it. The minimax coefficients are printed by scripts/minimax.ts; the
// budgets are checked by tests/kernels/lib/simd.test.ts.

import { madd, nmadd } from "./lanes";

export { madd, nmadd, load_some, store_some, sum_lanes, max_lanes, min_lanes } from "./lanes";

/** Entry `i` of a table of constants in all lanes. */
// @ts-ignore: decorator
@inline
export function constant(table: usize, i: i32): v128 {
  return v128.load_splat<f32>(table + ((<usize>i) << 2));
}

// Exponentials: x = n·ln 2 + r with |r| ≤ ln 2 / 2, e^x = 2^n·(1 + r + r²·p(r)), p of degree 4 (error 2^−28).
// ln 2 is split as in W. J. Cody and W. Waite, "Software Manual for the Elementary Functions" (1980): the high part has
// 15 bits, so that n times it is exact. Adding 1.5·2^23 rounds to an integer that stands in the low bits of the sum;
// what is added to that constant biases the integer, so that a shift by 23 makes a power of two of it.
const ROUND: f32 = 12582912;
const EXP: usize = memory.data<f32>([
  1.44269504, // 0: log₂e
  0.693145751953125, 1.42860677e-6, // 1: ln 2
  // 3: p, from degree 0 (rounded for the least error of the sum)
  0.5, 0.166665375, 0.0416683406, 0.00836878084, 0.00138156314,
  1, // 8
  -104, 89, // 9: e^x is 0 below, ∞ above
  ROUND + 103, // 11
  ROUND + 127, // 12
  ROUND + 151, // 13
  5.9604644775390625e-8, // 14: 2^−24
  -20, // 15: e^x − 1 is −1 below
  40, // 16: e^x/(1 + e^x) is 1 above
  -1.42860677e-6, // 17
  ROUND, // 18
  ROUND + 126, // 19
]);
const EXP_DOWN: usize = memory.data<i32>([48 << 23, (127 + 24) << 23]);
// |x| ≤ 86 has n in −124 … 124, for which adding n to the exponent of e^r makes a normal number. Masks: all but the
// sign; the sign.
const NEAR: usize = memory.data<i32>([0x42ac0000, 0x7fffffff, <i32>0x80000000]);

/** e^r − r − 1 over r², for |r| ≤ ln 2 / 2. */
// @ts-ignore: decorator
@inline
function exp_tail(r: v128, square: v128): v128 {
  const low = madd(r, constant(EXP, 4), constant(EXP, 3));
  const high = madd(square, constant(EXP, 7), madd(r, constant(EXP, 6), constant(EXP, 5)));
  return madd(square, high, low);
}

/** e^r for r = x − n·ln 2. */
// @ts-ignore: decorator
@inline
function exp_rest(x: v128, n: v128): v128 {
  const one = constant(EXP, 8);
  const high = nmadd(n, constant(EXP, 1), x);
  if (ASC_FEATURE_RELAXED_SIMD) {
    // With fused steps the errors come out just above 1 ulp; the low part of r added last takes one rounding away.
    const low = f32x4.mul(n, constant(EXP, 17));
    const r = f32x4.add(high, low);
    const square = f32x4.mul(r, r);
    return f32x4.add(one, f32x4.add(high, madd(square, exp_tail(r, square), low)));
  }
  const r = nmadd(n, constant(EXP, 2), high);
  const square = f32x4.mul(r, r);
  return f32x4.add(one, madd(square, exp_tail(r, square), r));
}

/** e^x, at most 1 ulp off, subnormal results included. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  x = f32x4.pmin(f32x4.pmax(x, constant(EXP, 9)), constant(EXP, 10));
  const shifted = madd(x, constant(EXP, 0), constant(EXP, 11));
  const n = f32x4.sub(shifted, constant(EXP, 11));
  const p = exp_rest(x, n);
  // n spans −150 … 128, more than one exponent field holds: 2^(n−24)·2^24, for negative x 2^(n+24)·2^−24.
  const down = v128.and(i32x4.shr_s(x, 31), constant(EXP_DOWN, 0));
  const power = i32x4.add(i32x4.shl(shifted, 23), down);
  return f32x4.mul(f32x4.mul(p, power), i32x4.sub(constant(EXP_DOWN, 1), down));
}

/** Whether `exp_near` will not do for one of eight lanes, NaN included. */
// @ts-ignore: decorator
@inline
export function far(x0: v128, x1: v128): bool {
  const magnitude = constant(NEAR, 1);
  return v128.any_true(i32x4.gt_s(i32x4.max_s(v128.and(x0, magnitude), v128.and(x1, magnitude)), constant(NEAR, 0)));
}

/** The bits of `exp` for |x| ≤ 86, without what the other x take. */
// @ts-ignore: decorator
@inline
export function exp_near(x: v128): v128 {
  const shifted = madd(x, constant(EXP, 0), constant(EXP, 18));
  return i32x4.add(exp_rest(x, f32x4.sub(shifted, constant(EXP, 18))), i32x4.shl(shifted, 23));
}

/** e^x for x ≤ 60, at most 1 ulp off: one multiplication and a clamp cheaper than `exp`. */
// @ts-ignore: decorator
@inline
export function exp_bounded(x: v128): v128 {
  x = f32x4.pmax(x, constant(EXP, 9));
  const shifted = madd(x, constant(EXP, 0), constant(EXP, 13));
  const n = f32x4.sub(shifted, constant(EXP, 13));
  const p = exp_rest(x, n);
  return f32x4.mul(f32x4.mul(p, i32x4.shl(shifted, 23)), constant(EXP, 14));
}

/** e^x − 1 for x ≤ 0, without cancellation near 0. */
// @ts-ignore: decorator
@inline
export function expm1_negative(x: v128): v128 {
  x = f32x4.pmax(x, constant(EXP, 15));
  const shifted = madd(x, constant(EXP, 0), constant(EXP, 12));
  const n = f32x4.sub(shifted, constant(EXP, 12));
  const power = i32x4.shl(shifted, 23);
  const r = nmadd(n, constant(EXP, 2), nmadd(n, constant(EXP, 1), x));
  const square = f32x4.mul(r, r);
  return madd(madd(square, exp_tail(r, square), r), power, f32x4.sub(power, constant(EXP, 8)));
}

// tanh and sigmoid end in a division anyway, so that e^x may be a fraction, which takes fewer operations than a
// polynomial: x = n·ln 2 + 2·r, e^x = 2^n·(c + s)/(c − s), where s/c = r·(1 + S·r²)/(1 + C·r²) is tanh r to 2^−27 (|r|
// ≤ ln 2 / 4). For sigmoid, which has x rather than half of it, s and c are twice that, by coefficients of 2·r.
const FRACTION: usize = memory.data<f32>([
  // 0: S; C, 20 ulp up: centres the error of tanh at 0.23, its largest; what c begins with
  0.0665870309, 0.399920702, 1,
  0.0665870309 / 4, 0.399920702 / 2, 2, // 3: the same for 2·r
  2.88539008, // 6: 2·log₂e
  0.34657359028, // 7: ln 2 / 2
  9.5, // 8: tanh is 1 above
]);

/** s of the fraction, with coefficients from entry `first` on. */
// @ts-ignore: decorator
@inline
function fraction_sine(r: v128, square: v128, first: i32): v128 {
  return madd(f32x4.mul(r, square), constant(FRACTION, first), r);
}

/** c of the fraction. */
// @ts-ignore: decorator
@inline
function fraction_cosine(square: v128, first: i32): v128 {
  return madd(square, constant(FRACTION, first + 1), constant(FRACTION, first + 2));
}

/** 1/(1 + e^−x) as e^x/(1 + e^x), which needs no case for either sign; at most 4 ulp off. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  x = f32x4.pmin(f32x4.pmax(x, constant(EXP, 9)), constant(EXP, 16));
  const shifted = madd(x, constant(EXP, 0), constant(EXP, 13));
  const n = f32x4.sub(shifted, constant(EXP, 13));
  const r = nmadd(n, constant(EXP, 2), nmadd(n, constant(EXP, 1), x));
  const square = f32x4.mul(r, r);
  const s = fraction_sine(r, square, 3);
  const c = fraction_cosine(square, 3);
  const power = f32x4.mul(f32x4.mul(i32x4.shl(shifted, 23), f32x4.add(c, s)), constant(EXP, 14));
  return f32x4.div(power, f32x4.add(power, f32x4.sub(c, s)));
}

/**
 * tanh, at most 3 ulp off: with e^(2|x|) = 2·p·(c + s)/(c − s), p = 2^(n − 1), it is m/(m + c − s), m = (p − ½)·c + (p
 * + ½)·s. Where tanh is near 1 the error of m no longer counts, which is also why ln 2 need not be split. (A rational
 * function of x² alone, as for erf, takes as long, and near 1, where the spacing is finest, its last roundings make 4.5
 * ulp.)
 */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  const sign = v128.and(x, constant(NEAR, 2));
  const z = f32x4.pmin(v128.xor(x, sign), constant(FRACTION, 8));
  const shifted = madd(z, constant(FRACTION, 6), constant(EXP, 19));
  const r = nmadd(f32x4.sub(shifted, constant(EXP, 19)), constant(FRACTION, 7), z);
  const square = f32x4.mul(r, r);
  const s = fraction_sine(r, square, 0);
  const c = fraction_cosine(square, 0);
  const power = i32x4.shl(shifted, 23);
  const half = constant(EXP, 3);
  const m = madd(f32x4.sub(power, half), c, f32x4.mul(f32x4.add(power, half), s));
  return v128.or(f32x4.div(m, f32x4.add(m, f32x4.sub(c, s))), sign);
}

// erf x = x·p(x²)/q(x²) for |x| ≤ 3.9, where erf rounds to 1 (error of the fraction 2^−26, relative to erf).
const ERF: usize = memory.data<f32>([
  -3.9, 3.9,
  1.12837911, 0.189666674, 0.0526680611, 0.00373833929, 0.000285062008, 0.00000206647337, // 2: p
  1, 0.501420498, 0.113818891, 0.0149142630, 0.00115737447, 0.0000382700127, // 8: q
  -1, // 14
]);

/** erf, at most 6.6e−7 off. */
// @ts-ignore: decorator
@inline
export function erf(x: v128): v128 {
  x = f32x4.pmin(f32x4.pmax(x, constant(ERF, 0)), constant(ERF, 1));
  const u = f32x4.mul(x, x);
  const square = f32x4.mul(u, u);
  let p = madd(square, madd(u, constant(ERF, 7), constant(ERF, 6)), madd(u, constant(ERF, 5), constant(ERF, 4)));
  let q = madd(square, madd(u, constant(ERF, 13), constant(ERF, 12)), madd(u, constant(ERF, 11), constant(ERF, 10)));
  p = madd(square, p, madd(u, constant(ERF, 3), constant(ERF, 2)));
  q = madd(square, q, madd(u, constant(ERF, 9), constant(ERF, 8)));
  // Rounding may take it just past ±1, which would leave the GELU of a large negative number far from 0.
  const y = f32x4.div(f32x4.mul(x, p), q);
  return f32x4.pmin(f32x4.pmax(y, constant(ERF, 14)), constant(ERF, 8));
}

// log x = k·ln 2 + log(1 + f), √½ ≤ 1 + f < √2, log(1 + f) = f − f²/2 + f³·p(f) with p of degree 8: the decomposition
// and the order of summation of Cephes' logf (S. L. Moshier, netlib.org/cephes), with coefficients of our own.
const LOG: usize = memory.data<f32>([
  0.333333105, -0.249999866, 0.200022265, -0.166692495, 0.142186552, -0.123843722, 0.118730202, -0.117896847,
  0.0691512600,
  0.5, // 9
]);
const LOG_BITS: usize = memory.data<i32>([
  0x3f3504f3, // √½
  0x00800000, 0x7f000000, // the smallest normal number, and how many positive normal numbers there are
]);
const SMALLEST_NORMAL: f32 = 1.17549435e-38;

/** Natural logarithm of normal positive lanes, with `shift` added to the exponent. */
// @ts-ignore: decorator
@inline
function log_normal(x: v128, shift: v128): v128 {
  const k = i32x4.shr_s(i32x4.sub(x, constant(LOG_BITS, 0)), 23);
  const f = f32x4.sub(i32x4.sub(x, i32x4.shl(k, 23)), constant(EXP, 8));
  const exponent = f32x4.add(f32x4.convert_i32x4_s(k), shift);
  const square = f32x4.mul(f, f);
  const fourth = f32x4.mul(square, square);
  const low = madd(square, madd(f, constant(LOG, 3), constant(LOG, 2)), madd(f, constant(LOG, 1), constant(LOG, 0)));
  let p = madd(square, madd(f, constant(LOG, 7), constant(LOG, 6)), madd(f, constant(LOG, 5), constant(LOG, 4)));
  p = madd(fourth, madd(fourth, constant(LOG, 8), p), low);
  let y = madd(exponent, constant(EXP, 2), f32x4.mul(f32x4.mul(f, square), p));
  y = nmadd(square, constant(LOG, 9), y);
  return madd(exponent, constant(EXP, 1), f32x4.add(f, y));
}

/** Natural logarithm, at most 2 ulp off; −∞ at ±0, NaN below. */
// @ts-ignore: decorator
@inline
export function log(x: v128): v128 {
  // As an unsigned number, bits − bits(smallest normal) is large for all that is not a positive normal number.
  const odd = v128.any_true(i32x4.ge_u(i32x4.sub(x, constant(LOG_BITS, 1)), constant(LOG_BITS, 2)));
  let scaled = x;
  let shift = f32x4.splat(0);
  if (odd) {
    const small = f32x4.lt(x, f32x4.splat(SMALLEST_NORMAL));
    scaled = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, small);
    shift = v128.and(small, f32x4.splat(-23));
  }
  let y = log_normal(scaled, shift);
  if (odd) {
    y = v128.bitselect(f32x4.splat(-Infinity), y, f32x4.eq(x, f32x4.splat(0)));
    y = v128.bitselect(f32x4.splat(NaN), y, f32x4.lt(x, f32x4.splat(0)));
    y = v128.bitselect(y, f32x4.add(x, y), f32x4.lt(x, f32x4.splat(Infinity))); // +∞ and NaN as they are
  }
  return y;
}

// log(1 + e) = 2·atanh(s) with s = e/(2 + e), and atanh(s)/s is even: degree 4 in s² leaves 2^−28 for s ≤ 1/3.
const ATANH: usize = memory.data<f32>([2, 0.333332062, 0.200108498, 0.139995709, 0.140122294]);

/** log(1 + e) for 0 ≤ e ≤ 1, relative error about 2 ulp also for tiny e. */
// @ts-ignore: decorator
@inline
export function log1p_unit(e: v128): v128 {
  const s = f32x4.div(e, f32x4.add(e, constant(ATANH, 0)));
  const u = f32x4.mul(s, s);
  let p = madd(u, constant(ATANH, 4), constant(ATANH, 3));
  p = madd(u, p, constant(ATANH, 2));
  p = madd(u, p, constant(ATANH, 1));
  const twice = f32x4.add(s, s);
  return madd(f32x4.mul(twice, u), p, twice);
}

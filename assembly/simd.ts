// The thin shim between the kernels and the instruction set, and the transcendental functions of four float32 lanes.
//
// Everything here is IEEE 754 arithmetic on lanes, so the `simd` build gives the same bits on every engine. Clamps are
// `pmin(x, bound)` and `pmax(x, bound)` with x first: one instruction on x86 where `f32x4.min` takes seven, and a NaN in x
// comes out as NaN. The minimax coefficients are printed by scripts/minimax.ts; the budgets are checked by
// tests/kernels/simd.test.ts.

/**
 * a·b + c: one rounding where the build has fused multiply-add, two in the `simd` build.
 * (relaxed_madd may be either by the specification; every engine on hardware with FMA fuses.)
 */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

/** c − a·b, rounded like madd. */
// @ts-ignore: decorator
@inline
export function nmadd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_nmadd(a, b, c) : f32x4.sub(c, f32x4.mul(a, b));
}

/** The first `n` (1 to 3) floats at `p`, the other lanes 0. Reads nothing beyond them. */
// @ts-ignore: decorator
@inline
export function load_tail(p: usize, n: i32): v128 {
  if (n == 1) return v128.load32_zero(p);
  const two = v128.load64_zero(p);
  return n == 2 ? two : v128.load_lane<f32>(p, two, 2, 8);
}

/** Stores the first `n` (1 to 3) lanes. */
// @ts-ignore: decorator
@inline
export function store_tail(p: usize, v: v128, n: i32): void {
  if (n == 1) {
    v128.store_lane<f32>(p, v, 0);
  } else {
    v128.store_lane<f64>(p, v, 0);
    if (n == 3) v128.store_lane<f32>(p, v, 2, 8);
  }
}

/** (v₀ + v₂) + (v₁ + v₃) */
// @ts-ignore: decorator
@inline
export function sum_lanes(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** Largest lane; NaN if a lane is NaN. */
// @ts-ignore: decorator
@inline
export function max_lanes(v: v128): f32 {
  const pairs = f32x4.max(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return max<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

/** Smallest lane; NaN if a lane is NaN. */
// @ts-ignore: decorator
@inline
export function min_lanes(v: v128): f32 {
  const pairs = f32x4.min(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return min<f32>(f32x4.extract_lane(pairs, 0), f32x4.extract_lane(pairs, 1));
}

// Exponentials: x = n·ln 2 + r with |r| ≤ ln 2 / 2, e^x = 2^n·(1 + r + r²·p(r)), p of degree 4 (error 2^−28).
// ln 2 is split as in W. J. Cody and W. Waite, "Software Manual for the Elementary Functions" (1980): the high part has 15
// bits, so that n times it is exact. Adding 1.5·2^23 rounds to an integer that stands in the low bits of the sum; what is
// added to that constant biases the integer, so that a shift by 23 makes a power of two of it.
const LOG2_E: f32 = 1.44269504;
const LN2_HIGH: f32 = 0.693145751953125;
const LN2_LOW: f32 = 1.42860677e-6;
const ROUND: f32 = 12582912;
const EXP_2: f32 = 0.499999940;
const EXP_3: f32 = 0.166665196;
const EXP_4: f32 = 0.0416683927;
const EXP_5: f32 = 0.00836878084;
const EXP_6: f32 = 0.00138144672;

/** r of the reduction above; `n` is the rounded multiple. */
// @ts-ignore: decorator
@inline
function exp_rest(x: v128, n: v128): v128 {
  return nmadd(n, f32x4.splat(LN2_LOW), nmadd(n, f32x4.splat(LN2_HIGH), x));
}

/** e^r − 1 for |r| ≤ ln 2 / 2. */
// @ts-ignore: decorator
@inline
function expm1_rest(r: v128): v128 {
  let p = madd(r, f32x4.splat(EXP_6), f32x4.splat(EXP_5));
  p = madd(r, p, f32x4.splat(EXP_4));
  p = madd(r, p, f32x4.splat(EXP_3));
  p = madd(r, p, f32x4.splat(EXP_2));
  return madd(f32x4.mul(r, r), p, r);
}

/** e^x, at most 1 ulp off, subnormal results included. */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  x = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-104)), f32x4.splat(89));
  const shifted = madd(x, f32x4.splat(LOG2_E), f32x4.splat(ROUND + 103));
  const n = f32x4.sub(shifted, f32x4.splat(ROUND + 103));
  const p = f32x4.add(f32x4.splat(1), expm1_rest(exp_rest(x, n)));
  // n spans −150 … 128, more than one exponent field holds: 2^(n−24)·2^24, for negative x 2^(n+24)·2^−24.
  const down = v128.and(i32x4.shr_s(x, 31), i32x4.splat(48 << 23));
  const power = i32x4.add(i32x4.shl(shifted, 23), down);
  return f32x4.mul(f32x4.mul(p, power), i32x4.sub(i32x4.splat((127 + 24) << 23), down));
}

/** e^x for x ≤ 60, at most 1 ulp off: one multiplication and a clamp cheaper than `exp`. */
// @ts-ignore: decorator
@inline
export function exp_bounded(x: v128): v128 {
  x = f32x4.pmax(x, f32x4.splat(-104));
  const shifted = madd(x, f32x4.splat(LOG2_E), f32x4.splat(ROUND + 151));
  const n = f32x4.sub(shifted, f32x4.splat(ROUND + 151));
  const p = f32x4.add(f32x4.splat(1), expm1_rest(exp_rest(x, n)));
  return f32x4.mul(f32x4.mul(p, i32x4.shl(shifted, 23)), f32x4.splat(5.9604644775390625e-8)); // 2^−24
}

/** e^x − 1 for x ≤ 0, without cancellation near 0. */
// @ts-ignore: decorator
@inline
export function expm1_negative(x: v128): v128 {
  x = f32x4.pmax(x, f32x4.splat(-20));
  const shifted = madd(x, f32x4.splat(LOG2_E), f32x4.splat(ROUND + 127));
  const n = f32x4.sub(shifted, f32x4.splat(ROUND + 127));
  const power = i32x4.shl(shifted, 23);
  return madd(expm1_rest(exp_rest(x, n)), power, f32x4.sub(power, f32x4.splat(1)));
}

/** 1/(1 + e^−x) as e^x/(1 + e^x), which needs no case for either sign; at most 4 ulp off. */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  const e = exp_bounded(f32x4.pmin(x, f32x4.splat(40)));
  return f32x4.div(e, f32x4.add(e, f32x4.splat(1)));
}

// tanh x = x·p(x²)/q(x²), both of degree 4, for |x| ≤ 9.02, where tanh rounds to 1 (error of the fraction 2^−25).
const TANH_LIMIT: f32 = 9.02;
const TANH_P1: f32 = 0.133826822;
const TANH_P2: f32 = 0.00349745154;
const TANH_P3: f32 = 0.0000206357217;
const TANH_P4: f32 = 1.33841542e-8;
const TANH_Q1: f32 = 0.467160046;
const TANH_Q2: f32 = 0.0258843377;
const TANH_Q3: f32 = 0.000328850758;
const TANH_Q4: f32 = 7.79019274e-7;

/** tanh, at most 3 ulp off. */
// @ts-ignore: decorator
@inline
export function tanh(x: v128): v128 {
  x = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-TANH_LIMIT)), f32x4.splat(TANH_LIMIT));
  const u = f32x4.mul(x, x);
  let p = madd(u, f32x4.splat(TANH_P4), f32x4.splat(TANH_P3));
  let q = madd(u, f32x4.splat(TANH_Q4), f32x4.splat(TANH_Q3));
  p = madd(u, p, f32x4.splat(TANH_P2));
  q = madd(u, q, f32x4.splat(TANH_Q2));
  p = madd(u, p, f32x4.splat(TANH_P1));
  q = madd(u, q, f32x4.splat(TANH_Q1));
  p = madd(u, p, f32x4.splat(1));
  q = madd(u, q, f32x4.splat(1));
  return f32x4.div(f32x4.mul(x, p), q);
}

// erf x = x·p(x²)/q(x²) for |x| ≤ 3.9, where erf rounds to 1 (error of the fraction 2^−26, relative to erf).
const ERF_LIMIT: f32 = 3.9;
const ERF_P0: f32 = 1.12837911;
const ERF_P1: f32 = 0.189666674;
const ERF_P2: f32 = 0.0526680611;
const ERF_P3: f32 = 0.00373833929;
const ERF_P4: f32 = 0.000285062008;
const ERF_P5: f32 = 0.00000206647337;
const ERF_Q1: f32 = 0.501420498;
const ERF_Q2: f32 = 0.113818891;
const ERF_Q3: f32 = 0.0149142630;
const ERF_Q4: f32 = 0.00115737447;
const ERF_Q5: f32 = 0.0000382700127;

/** erf, at most 6.6e−7 off (measured: see the test). */
// @ts-ignore: decorator
@inline
export function erf(x: v128): v128 {
  x = f32x4.pmin(f32x4.pmax(x, f32x4.splat(-ERF_LIMIT)), f32x4.splat(ERF_LIMIT));
  const u = f32x4.mul(x, x);
  let p = madd(u, f32x4.splat(ERF_P5), f32x4.splat(ERF_P4));
  let q = madd(u, f32x4.splat(ERF_Q5), f32x4.splat(ERF_Q4));
  p = madd(u, p, f32x4.splat(ERF_P3));
  q = madd(u, q, f32x4.splat(ERF_Q3));
  p = madd(u, p, f32x4.splat(ERF_P2));
  q = madd(u, q, f32x4.splat(ERF_Q2));
  p = madd(u, p, f32x4.splat(ERF_P1));
  q = madd(u, q, f32x4.splat(ERF_Q1));
  p = madd(u, p, f32x4.splat(ERF_P0));
  q = madd(u, q, f32x4.splat(1));
  return f32x4.div(f32x4.mul(x, p), q);
}

// log x = k·ln 2 + log(1 + f), √½ ≤ 1 + f < √2, log(1 + f) = f − f²/2 + f³·p(f) with p of degree 8: the decomposition and
// the order of summation of Cephes' logf (S. L. Moshier, netlib.org/cephes), with coefficients of our own.
const SQRT_HALF_BITS: i32 = 0x3f3504f3;
const SMALLEST_NORMAL: f32 = 1.17549435e-38;
const LOG_3: f32 = 0.333333105;
const LOG_4: f32 = -0.249999866;
const LOG_5: f32 = 0.200022265;
const LOG_6: f32 = -0.166692495;
const LOG_7: f32 = 0.142186552;
const LOG_8: f32 = -0.123843722;
const LOG_9: f32 = 0.118730202;
const LOG_10: f32 = -0.117896847;
const LOG_11: f32 = 0.0691512600;

/** Natural logarithm of normal positive lanes, with `shift` added to the exponent. */
// @ts-ignore: decorator
@inline
function log_normal(x: v128, shift: v128): v128 {
  const k = i32x4.shr_s(i32x4.sub(x, i32x4.splat(SQRT_HALF_BITS)), 23);
  const f = f32x4.sub(i32x4.sub(x, i32x4.shl(k, 23)), f32x4.splat(1));
  const exponent = f32x4.add(f32x4.convert_i32x4_s(k), shift);
  let p = madd(f, f32x4.splat(LOG_11), f32x4.splat(LOG_10));
  p = madd(f, p, f32x4.splat(LOG_9));
  p = madd(f, p, f32x4.splat(LOG_8));
  p = madd(f, p, f32x4.splat(LOG_7));
  p = madd(f, p, f32x4.splat(LOG_6));
  p = madd(f, p, f32x4.splat(LOG_5));
  p = madd(f, p, f32x4.splat(LOG_4));
  p = madd(f, p, f32x4.splat(LOG_3));
  const square = f32x4.mul(f, f);
  let y = madd(exponent, f32x4.splat(LN2_LOW), f32x4.mul(f32x4.mul(f, square), p));
  y = nmadd(square, f32x4.splat(0.5), y);
  return madd(exponent, f32x4.splat(LN2_HIGH), f32x4.add(f, y));
}

/** Natural logarithm, at most 2 ulp off; −∞ at ±0, NaN below. */
// @ts-ignore: decorator
@inline
export function log(x: v128): v128 {
  // As an unsigned number, bits − bits(smallest normal) is large for all that is not a positive normal number.
  const odd = i32x4.ge_u(i32x4.sub(x, i32x4.splat(0x00800000)), i32x4.splat(0x7f000000));
  let scaled = x;
  let shift = f32x4.splat(0);
  if (v128.any_true(odd)) {
    const small = f32x4.lt(x, f32x4.splat(SMALLEST_NORMAL));
    scaled = v128.bitselect(f32x4.mul(x, f32x4.splat(8388608)), x, small);
    shift = v128.and(small, f32x4.splat(-23));
  }
  let y = log_normal(scaled, shift);
  if (v128.any_true(odd)) {
    const finite = f32x4.lt(x, f32x4.splat(Infinity));
    const positive = f32x4.gt(x, f32x4.splat(0));
    y = v128.bitselect(y, f32x4.add(x, x), finite); // +∞ and NaN as they are
    const below = v128.bitselect(f32x4.splat(-Infinity), f32x4.splat(NaN), f32x4.eq(x, f32x4.splat(0)));
    y = v128.bitselect(y, v128.bitselect(below, y, finite), positive);
  }
  return y;
}

// log(1 + e) = 2·atanh(s) with s = e/(2 + e), and atanh(s)/s is even: degree 4 in s² leaves 2^−28 for s ≤ 1/3.
const ATANH_1: f32 = 0.333332062;
const ATANH_2: f32 = 0.200108498;
const ATANH_3: f32 = 0.139995709;
const ATANH_4: f32 = 0.140122294;

/** log(1 + e) for 0 ≤ e ≤ 1, relative error about 2 ulp also for tiny e. */
// @ts-ignore: decorator
@inline
export function log1p_unit(e: v128): v128 {
  const s = f32x4.div(e, f32x4.add(e, f32x4.splat(2)));
  const u = f32x4.mul(s, s);
  let p = madd(u, f32x4.splat(ATANH_4), f32x4.splat(ATANH_3));
  p = madd(u, p, f32x4.splat(ATANH_2));
  p = madd(u, p, f32x4.splat(ATANH_1));
  const twice = f32x4.add(s, s);
  return madd(f32x4.mul(twice, u), p, twice);
}

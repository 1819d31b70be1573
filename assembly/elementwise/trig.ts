// Sine and cosine of four float32 lanes, computed in float64 two lanes at a time and rounded once.
import { UNARY_COS, UNARY_SIN } from "../abi/codes";
import { evaluate } from "./unary-f64";

// x = n·π/2 + r, π/2 in two parts of which the first has 33 bits (Cody and Waite, 1980), so that n times it is exact;
// then the Taylor series of sin r or cos r, which for |r| ≤ π/4 leave less than 2^−33 after r^11 and r^10.
const TRIG: usize = memory.data<f64>([
  0.63661977236758134, // 0: 2/π
  1.57079632673412561417, 6.07710050650619224932e-11, // 1: π/2
  6755399441055744, // 3: 1.5·2^52, which added rounds to an integer that stands in the low bits
  // 4: sine
  -1.6666666666666667e-1, 8.3333333333333333e-3, -1.9841269841269841e-4, 2.7557319223985891e-6, -2.5052108385441719e-8,
  1, -0.5, 4.1666666666666667e-2, -1.3888888888888889e-3, 2.4801587301587302e-5, -2.7557319223985891e-7, // 9: cosine
]);

// @ts-ignore: decorator
@inline
function entry(i: i32): v128 {
  return v128.load_splat<f64>(TRIG + ((<usize>i) << 3));
}

/** Sine of x + turn·π/2. */
// @ts-ignore: decorator
@inline
function sine(x: v128, turn: i64): v128 {
  const shifted = f64x2.add(f64x2.mul(x, entry(0)), entry(3));
  const n = f64x2.sub(shifted, entry(3));
  const r = f64x2.sub(f64x2.sub(x, f64x2.mul(n, entry(1))), f64x2.mul(n, entry(2)));
  const u = f64x2.mul(r, r);
  let s = f64x2.add(f64x2.mul(u, entry(8)), entry(7));
  s = f64x2.add(f64x2.mul(u, s), entry(6));
  s = f64x2.add(f64x2.mul(u, s), entry(5));
  s = f64x2.add(f64x2.mul(u, s), entry(4));
  s = f64x2.add(f64x2.mul(f64x2.mul(u, r), s), r);
  let c = f64x2.add(f64x2.mul(u, entry(14)), entry(13));
  c = f64x2.add(f64x2.mul(u, c), entry(12));
  c = f64x2.add(f64x2.mul(u, c), entry(11));
  c = f64x2.add(f64x2.mul(u, c), entry(10));
  c = f64x2.add(f64x2.mul(u, c), entry(9));
  const quadrant = i64x2.add(shifted, i64x2.splat(turn));
  const odd = i64x2.shr_s(i64x2.shl(quadrant, 63), 63);
  const sign = i64x2.shl(i64x2.shr_u(quadrant, 1), 63);
  return v128.xor(v128.bitselect(c, s, odd), sign);
}

/**
 * sin x, or cos x with a turn of 1. Numbers beyond 2^17, infinities and NaN go one by one through the full reduction.
 */
// @ts-ignore: decorator
@inline
export function trig(x: v128, turn: i64): v128 {
  if (!i32x4.all_true(f32x4.lt(f32x4.abs(x), f32x4.splat(131072)))) return trig_lanes(
    x, turn == 0 ? UNARY_SIN : UNARY_COS,
  );
  const low = f32x4.demote_f64x2_zero(sine(f64x2.promote_low_f32x4(x), turn));
  const high = f32x4.demote_f64x2_zero(sine(f64x2.promote_low_f32x4(v128.shuffle<i64>(x, x, 1, 1)), turn));
  return v128.shuffle<i64>(low, high, 0, 2);
}

function trig_lanes(x: v128, code: i32): v128 {
  let y = f32x4.splat(<f32>evaluate(code, f32x4.extract_lane(x, 0), 0, 0));
  y = f32x4.replace_lane(y, 1, <f32>evaluate(code, f32x4.extract_lane(x, 1), 0, 0));
  y = f32x4.replace_lane(y, 2, <f32>evaluate(code, f32x4.extract_lane(x, 2), 0, 0));
  return f32x4.replace_lane(y, 3, <f32>evaluate(code, f32x4.extract_lane(x, 3), 0, 0));
}

// The thin shim between kernels and the instruction set: what takes no constants from memory, so that modules that work
// in another one's memory can use it.

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

/** Four floats at `p`, or the `n` there are if fewer (0 for the other lanes). Reads nothing beyond them. */
// @ts-ignore: decorator
@inline
export function load_some(p: usize, n: i32): v128 {
  if (n >= 4) return v128.load(p);
  if (n <= 0) return f32x4.splat(0);
  if (n == 1) return v128.load32_zero(p);
  const two = v128.load64_zero(p);
  return n == 2 ? two : v128.load_lane<f32>(p, two, 2, 8);
}

/** Stores four lanes, or the first `n` if fewer. */
// @ts-ignore: decorator
@inline
export function store_some(p: usize, v: v128, n: i32): void {
  if (n >= 4) {
    v128.store(p, v);
  } else if (n == 1) {
    v128.store_lane<f32>(p, v, 0);
  } else if (n > 0) {
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

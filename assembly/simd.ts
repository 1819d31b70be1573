// The thin shim between the kernels and the instruction set.

/**
 * a·b + c: one rounding where the build has fused multiply-add, two in the `simd` build.
 * (relaxed_madd may be either by the specification; every engine on hardware with FMA fuses.)
 */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

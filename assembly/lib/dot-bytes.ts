/**
 * c plus, in every lane, the sum of four products of signed bytes of `a` with bytes of `b`: what those are is the
 * engine's to say (dot_kind_q8 of quantize/dot.ts). In the simd build they are signed.
 */
// @ts-ignore: decorator
@inline
export function dot_bytes(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i32x4.relaxed_dot_i8x16_i7x16_add_s(a, b, c);
  const even = i32x4.dot_i16x8_s(i16x8.shr_s(i16x8.shl(a, 8), 8), i16x8.shr_s(i16x8.shl(b, 8), 8));
  return i32x4.add(c, i32x4.add(even, i32x4.dot_i16x8_s(i16x8.shr_s(a, 8), i16x8.shr_s(b, 8))));
}

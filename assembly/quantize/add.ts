// Sums and means of 8-bit integers with scales (onnxruntime's QLinearAdd and QLinearGlobalAveragePool).
import { INTEGER_BYTES } from "../abi/codes";
import { INR, integer_column, integer_finish } from "./tile";

const ROUNDER: f32 = 12582912;

// @ts-ignore: decorator
@inline
function element<T>(p: usize): f32 {
  return <f32>load<T>(p);
}

/** round32(x · scale + add) for four bytes: in float64 the product is exact, so that this is a fused multiply-add in every build. */
// @ts-ignore: decorator
@inline
function fused<T>(x: usize, scale: v128, add: v128): v128 {
  let v = isSigned<T>() ? i16x8.extend_low_i8x16_s(v128.load32_zero(x)) : i16x8.extend_low_i8x16_u(v128.load32_zero(x));
  let i = i32x4.extend_low_i16x8_s(v);
  let low = f64x2.add(f64x2.mul(f64x2.convert_low_i32x4_s(i), scale), f64x2.promote_low_f32x4(add));
  let high = f64x2.add(
    f64x2.mul(f64x2.convert_low_i32x4_s(v128.shuffle<i32>(i, i, 2, 3, 2, 3)), scale),
    f64x2.promote_low_f32x4(v128.shuffle<i32>(add, add, 2, 3, 2, 3)),
  );
  return v128.shuffle<i32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

function add<T>(
  a: usize, aScale: usize, aZero: usize, b: usize, bScale: usize, bZero: usize, yScale: usize, yZero: usize, floor: f32, ceiling: f32,
  y: usize, n: i32,
): void {
  let scale = load<f32>(yScale), ratioA = load<f32>(aScale) / scale, ratioB = load<f32>(bScale) / scale;
  let zero: f32 = yZero ? element<T>(yZero) : 0;
  let zeroA: f32 = aZero ? element<T>(aZero) : 0, zeroB: f32 = bZero ? element<T>(bZero) : 0;
  let fixed = f32x4.splat(zero - (ratioA * zeroA + ratioB * zeroB));
  let low = f32x4.splat(max<f32>(isSigned<T>() ? -128 : 0, zero + floor)), high = f32x4.splat(min<f32>(isSigned<T>() ? 127 : 255, zero + ceiling));
  let rounder = f32x4.splat(ROUNDER), scaleA = f64x2.splat(ratioA), scaleB = f64x2.splat(ratioB);
  for (let i = 0; i < n; i += 4) {
    // The last four again rather than beyond the end; fewer than four are the caller's business.
    if (i + 4 > n) i = n - 4;
    let sum = fused<T>(a + i, scaleA, fused<T>(b + i, scaleB, fixed));
    let q = i32x4.sub(f32x4.add(f32x4.pmin(f32x4.pmax(sum, low), high), rounder), rounder);
    let h = i16x8.narrow_i32x4_s(q, q);
    v128.store32_lane(y + i, isSigned<T>() ? i8x16.narrow_i16x8_s(h, h) : i8x16.narrow_i16x8_u(h, h), 0);
  }
}

/**
 * y = saturate(round((a − aZero) · aScale / yScale + (b − bZero) · bScale / yScale bounded to [floor, ceiling]) + yZero) for n ≥ 4 bytes that
 * are all signed or all not, computed in float32 in onnxruntime's order of operations. Scales and zero points (0: none) are addresses.
 */
export function add_q8(
  a: usize, aScale: usize, aZero: usize, b: usize, bScale: usize, bZero: usize, yScale: usize, yZero: usize, bytesSigned: i32, floor: f32,
  ceiling: f32, y: usize, n: i32,
): void {
  if (bytesSigned) add<i8>(a, aScale, aZero, b, bScale, bZero, yScale, yZero, floor, ceiling, y, n);
  else add<u8>(a, aScale, aZero, b, bScale, bZero, yScale, yZero, floor, ceiling, y, n);
}

/** Means over the pixels of x[images, pixels, channels]: y[images, channels] of the sums by an epilogue (tile.ts) of its channels. */
export function global_average_pool_q8(x: usize, xSigned: i32, images: i32, pixels: i32, channels: i32, epilogue: usize, y: usize): void {
  let flips = i16x8.splat(xSigned ? 0x80 : 0), row = <usize>((channels + INR - 1) & -INR) << 2;
  for (let n = 0; n < images; n++) {
    for (let c = 0; c < channels; c += INR) {
      let left = channels - c, column = integer_column(epilogue, c), s0 = v128.load(column), s1 = v128.load(column, 16), p = x + c;
      for (let i = 0; i < pixels; i++) {
        let v = v128.xor(left < INR ? few(p, left) : v128.load8x8_u(p), flips);
        s0 = i32x4.add(s0, i32x4.extend_low_i16x8_u(v));
        s1 = i32x4.add(s1, i32x4.extend_high_i16x8_u(v));
        p += channels;
      }
      integer_finish(y + c, s0, s1, epilogue, column, row, INTEGER_BYTES, left);
    }
    x += <usize>pixels * channels;
    y += channels;
  }
}

/** Fewer than eight bytes, widened. */
function few(p: usize, count: i32): v128 {
  let bits: u64 = 0;
  for (let i = 0; i < count; i++) bits |= <u64>load<u8>(p + i) << (i << 3);
  return i16x8.extend_low_i8x16_u(i64x2.splat(bits));
}

// Sums and means of 8-bit integers with scales (onnxruntime's QLinearAdd and QLinearGlobalAveragePool).
import { INTEGER_BYTES } from "../abi/codes";
import { INR, integer_column, integer_finish } from "../lib/epilogue";

const ROUNDER: f32 = 12582912;

// @ts-ignore: decorator
@inline
function element<T>(p: usize): f32 {
  return <f32>load<T>(p);
}

/**
 * round32(x · scale + add) for four bytes: in float64 the product is exact, so that this is a fused multiply-add in
 * every build.
 */
// @ts-ignore: decorator
@inline
function fused<T>(x: v128, scale: v128, add: v128): v128 {
  let v = isSigned<T>() ? i16x8.extend_low_i8x16_s(x) : i16x8.extend_low_i8x16_u(x);
  let i = i32x4.extend_low_i16x8_s(v);
  let low = f64x2.add(f64x2.mul(f64x2.convert_low_i32x4_s(i), scale), f64x2.promote_low_f32x4(add));
  let high = f64x2.add(
    f64x2.mul(f64x2.convert_low_i32x4_s(v128.shuffle<i32>(i, i, 2, 3, 2, 3)), scale),
    f64x2.promote_low_f32x4(v128.shuffle<i32>(add, add, 2, 3, 2, 3)),
  );
  return v128.shuffle<i32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5);
}

/** Four bytes, or as many as are left. */
// @ts-ignore: decorator
@inline
function four(p: usize, left: i32): v128 {
  return left < 4 ? i64x2.splat(few(p, left)) : v128.load32_zero(p);
}

/** Stores up to four elements that fit a byte. */
// @ts-ignore: decorator
@inline
function store_four<T>(y: usize, q: v128, left: i32): void {
  let h = i16x8.narrow_i32x4_s(q, q), b = isSigned<T>() ? i8x16.narrow_i16x8_s(h, h) : i8x16.narrow_i16x8_u(h, h);
  if (left >= 4) return v128.store32_lane(y, b, 0);
  for (let bits = i32x4.extract_lane(b, 0); left > 0; left--, y++, bits >>= 8) store<u8>(y, <u8>bits);
}

function add<T>(
  a: usize, aScale: usize, aZero: usize, b: usize, bScale: usize, bZero: usize, yScale: usize, yZero: usize, floor: f32,
  ceiling: f32, y: usize, n: i32,
): void {
  let scale = load<f32>(yScale), ratioA = load<f32>(aScale) / scale, ratioB = load<f32>(bScale) / scale;
  let zero: f32 = yZero ? element<T>(yZero) : 0;
  let zeroA: f32 = aZero ? element<T>(aZero) : 0, zeroB: f32 = bZero ? element<T>(bZero) : 0;
  let fixed = f32x4.splat(zero - (ratioA * zeroA + ratioB * zeroB));
  let low = f32x4.splat(max<f32>(isSigned<T>() ? -128 : 0, zero + floor));
  let high = f32x4.splat(min<f32>(isSigned<T>() ? 127 : 255, zero + ceiling));
  let rounder = f32x4.splat(ROUNDER), scaleA = f64x2.splat(ratioA), scaleB = f64x2.splat(ratioB);
  for (let i = 0; i < n; i += 4) {
    let sum = fused<T>(four(a + i, n - i), scaleA, fused<T>(four(b + i, n - i), scaleB, fixed));
    let q = i32x4.sub(f32x4.add(f32x4.pmin(f32x4.pmax(sum, low), high), rounder), rounder);
    store_four<T>(y + i, q, n - i);
  }
}

/** (x − zero) · scale. */
// @ts-ignore: decorator
@inline
function dequantized<T>(x: v128, zero: v128, scale: v128): v128 {
  let v = isSigned<T>() ? i16x8.extend_low_i8x16_s(x) : i16x8.extend_low_i8x16_u(x);
  return f32x4.mul(f32x4.sub(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(v)), zero), scale);
}

function sum<T>(
  a: usize, aScale: usize, aZero: usize, b: usize, bScale: usize, bZero: usize, yScale: usize, yZero: usize, floor: f32,
  ceiling: f32, y: usize, n: i32,
): void {
  let scaleA = v128.load32_splat(aScale), scaleB = v128.load32_splat(bScale), scale = v128.load32_splat(yScale);
  let zeroA = f32x4.splat(aZero ? element<T>(aZero) : 0), zeroB = f32x4.splat(bZero ? element<T>(bZero) : 0);
  let zero: f32 = yZero ? element<T>(yZero) : 0;
  let low = f32x4.splat(max<f32>((isSigned<T>() ? -128 : 0) - zero, floor));
  let high = f32x4.splat(min<f32>((isSigned<T>() ? 127 : 255) - zero, ceiling));
  let rounder = f32x4.splat(ROUNDER), shift = i32x4.splat(<i32>zero);
  for (let i = 0; i < n; i += 4) {
    let left = dequantized<T>(four(a + i, n - i), zeroA, scaleA);
    let exact = f32x4.add(left, dequantized<T>(four(b + i, n - i), zeroB, scaleB));
    let bounded = f32x4.pmin(f32x4.pmax(f32x4.div(exact, scale), low), high);
    // NaN has no integer; the zero point is what stands for 0.
    let q = i32x4.sub(f32x4.add(v128.and(bounded, f32x4.eq(bounded, bounded)), rounder), rounder);
    store_four<T>(y + i, i32x4.add(q, shift), n - i);
  }
}

/**
 * y = saturate(round((a − aZero) · aScale / yScale + (b − bZero) · bScale / yScale bounded to [floor, ceiling]) +
 * yZero) for n bytes that are all signed or all not, computed in float32 in onnxruntime's order of operations.
 * Scales and zero points (0: none) are addresses.
 */
export function add_q8(
  a: usize, aScale: usize, aZero: usize, b: usize, bScale: usize, bZero: usize, yScale: usize, yZero: usize,
  bytesSigned: i32, floor: f32, ceiling: f32, y: usize, n: i32,
): void {
  if (bytesSigned) add<i8>(a, aScale, aZero, b, bScale, bZero, yScale, yZero, floor, ceiling, y, n);
  else add<u8>(a, aScale, aZero, b, bScale, bZero, yScale, yZero, floor, ceiling, y, n);
}

/** The same sum with every step rounded as DequantizeLinear, Add and QuantizeLinear round it. */
export function sum_q8(
  a: usize, aScale: usize, aZero: usize, b: usize, bScale: usize, bZero: usize, yScale: usize, yZero: usize,
  bytesSigned: i32, floor: f32, ceiling: f32, y: usize, n: i32,
): void {
  if (bytesSigned) sum<i8>(a, aScale, aZero, b, bScale, bZero, yScale, yZero, floor, ceiling, y, n);
  else sum<u8>(a, aScale, aZero, b, bScale, bZero, yScale, yZero, floor, ceiling, y, n);
}

/**
 * Means over the pixels of x[images, pixels, channels]: y[images, channels] of the sums by an epilogue (tile.ts) of its
 * channels.
 */
export function global_average_pool_q8(
  x: usize, xSigned: i32, images: i32, pixels: i32, channels: i32, epilogue: usize, y: usize,
): void {
  let flips = i16x8.splat(xSigned ? 0x80 : 0), row = <usize>((channels + INR - 1) & -INR) << 2;
  for (let n = 0; n < images; n++) {
    for (let c = 0; c < channels; c += INR) {
      let left = channels - c, column = integer_column(epilogue, c), s0 = v128.load(column), s1 = v128.load(column, 16);
      let p = x + c;
      for (let i = 0; i < pixels; i++) {
        let v = v128.xor(left < INR ? i16x8.extend_low_i8x16_u(i64x2.splat(few(p, left))) : v128.load8x8_u(p), flips);
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

/** Eight channels of a mean, each step rounded as DequantizeLinear, GlobalAveragePool and QuantizeLinear round it. */
// @ts-ignore: decorator
@inline
function mean4<T>(sum: v128, pixels: i32, xZero: i32, xScale: v128, yScale: v128, yZero: i32): v128 {
  let centred = i32x4.sub(sum, i32x4.splat(pixels * xZero)), count = f32x4.splat(<f32>pixels), zero: f32 = <f32>yZero;
  let q = f32x4.div(f32x4.div(f32x4.mul(f32x4.convert_i32x4_s(centred), xScale), count), yScale);
  q = f32x4.max(q, f32x4.splat((isSigned<T>() ? -128 : 0) - zero));
  q = f32x4.min(q, f32x4.splat((isSigned<T>() ? 127 : 255) - zero));
  return i32x4.add(i32x4.trunc_sat_f32x4_s(f32x4.nearest(q)), i32x4.splat(yZero));
}

function mean<T>(
  x: usize, images: i32, pixels: i32, channels: i32, xScale: usize, xZero: usize, yScale: usize, yZero: usize, y: usize,
): void {
  let from = v128.load32_splat(xScale), to = v128.load32_splat(yScale);
  let zero = <i32>load<T>(xZero), shift = <i32>load<T>(yZero);
  for (let n = 0; n < images; n++, x += <usize>pixels * channels, y += channels) {
    for (let c = 0; c < channels; c += 8) {
      let left = channels - c, s0 = i32x4.splat(0), s1 = s0;
      for (let i = 0, p = x + c; i < pixels; i++, p += channels) {
        let bytes = left < 8 ? i64x2.splat(few(p, left)) : v128.load64_zero(p);
        let v = isSigned<T>() ? i16x8.extend_low_i8x16_s(bytes) : i16x8.extend_low_i8x16_u(bytes);
        s0 = i32x4.add(s0, i32x4.extend_low_i16x8_s(v));
        s1 = i32x4.add(s1, i32x4.extend_high_i16x8_s(v));
      }
      store_four<T>(y + c, mean4<T>(s0, pixels, zero, from, to, shift), left);
      if (left > 4) store_four<T>(y + c + 4, mean4<T>(s1, pixels, zero, from, to, shift), left - 4);
    }
  }
}

/**
 * Means over the pixels of x[images, pixels, channels] as DequantizeLinear, GlobalAveragePool and QuantizeLinear make
 * them of one type of bytes.
 */
export function mean_q8(
  x: usize, bytesSigned: i32, images: i32, pixels: i32, channels: i32, xScale: usize, xZero: usize, yScale: usize,
  yZero: usize, y: usize,
): void {
  if (bytesSigned) mean<i8>(x, images, pixels, channels, xScale, xZero, yScale, yZero, y);
  else mean<u8>(x, images, pixels, channels, xScale, xZero, yScale, yZero, y);
}

/** Fewer than eight bytes. */
function few(p: usize, count: i32): u64 {
  let bits: u64 = 0;
  for (let i = 0; i < count; i++) bits |= <u64>load<u8>(p + i) << (i << 3);
  return bits;
}

// Between float32 and 8-bit integers, with one scale and zero point for all or one per channel (ONNX QuantizeLinear and
// DequantizeLinear). `zero` is of the integers' type; address 0 stands for zero points that are left out.
import { load_some, max_lanes, min_lanes } from "../lib/simd";

// @ts-ignore: decorator
@inline
function extend8<T>(p: usize): v128 {
  return isSigned<T>() ? v128.load8x8_s(p) : v128.load8x8_u(p);
}

// Adding it leaves a float of magnitude below 2^22 with its nearest integer (halves to even) in the low bits: 1.5 ·
// 2^23.
const ROUNDER: f32 = 12582912;

/** Four elements, clamped before they are rounded, which is the same as after; NaN becomes the zero point. */
// @ts-ignore: decorator
@inline
function quantize4<T>(x: v128, scale: v128, zero: v128): v128 {
  const shift = f32x4.convert_i32x4_s(zero);
  const low = f32x4.sub(f32x4.splat(<f32>(isSigned<T>() ? -128 : 0)), shift);
  const high = f32x4.sub(f32x4.splat(<f32>(isSigned<T>() ? 127 : 255)), shift);
  // min and max of WebAssembly take several instructions each to get -0 and NaN right; pmin and pmax take one.
  const q = f32x4.pmin(f32x4.pmax(f32x4.div(x, scale), low), high);
  const rounder = f32x4.splat(ROUNDER);
  const rounded = i32x4.sub(f32x4.add(v128.and(q, f32x4.eq(q, q)), rounder), rounder);
  return i32x4.add(rounded, zero);
}

// @ts-ignore: decorator
@inline
function quantize8<T>(x: usize, y: usize, scale0: v128, scale1: v128, zero: v128): void {
  const q0 = quantize4<T>(v128.load(x), scale0, i32x4.extend_low_i16x8_s(zero));
  const q1 = quantize4<T>(v128.load(x, 16), scale1, i32x4.extend_high_i16x8_s(zero));
  const q = i16x8.narrow_i32x4_s(q0, q1);
  v128.store64_lane(y, isSigned<T>() ? i8x16.narrow_i16x8_s(q, q) : i8x16.narrow_i16x8_u(q, q), 0);
}

// @ts-ignore: decorator
@inline
function quantize1<T>(x: usize, y: usize, scale: f32, zero: i32): void {
  const q = quantize4<T>(v128.load32_splat(x), f32x4.splat(scale), i32x4.splat(zero));
  store<T>(y, <T>i32x4.extract_lane(q, 0));
}

/** n elements that share a scale. */
function quantizeShared<T>(x: usize, y: usize, n: i32, scale: f32, zero: i32): void {
  const scales = f32x4.splat(scale);
  const zeros = i16x8.splat(<i16>zero);
  let i = 0;
  for (; i <= n - 8; i += 8) quantize8<T>(x + (<usize>i << 2), y + i, scales, scales, zeros);
  for (; i < n; i++) quantize1<T>(x + (<usize>i << 2), y + i, scale, zero);
}

/** n elements with a scale each. */
function quantizeEach<T>(x: usize, y: usize, n: i32, scale: usize, zero: usize): void {
  let i = 0;
  for (; i <= n - 8; i += 8) {
    const p = <usize>i << 2;
    const zeros = zero ? extend8<T>(zero + i) : i16x8.splat(0);
    quantize8<T>(x + p, y + i, v128.load(scale + p), v128.load(scale + p, 16), zeros);
  }
  for (; i < n; i++) {
    const p = <usize>i << 2;
    quantize1<T>(x + p, y + i, load<f32>(scale + p), zero ? <i32>load<T>(zero + i) : 0);
  }
}

function quantize<T>(x: usize, y: usize, scale: usize, zero: usize, outer: i32, channels: i32, inner: i32): void {
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      quantizeEach<T>(x, y, channels, scale, zero);
      x += <usize>channels << 2;
      y += channels;
      continue;
    }
    for (let c = 0; c < channels; c++) {
      quantizeShared<T>(x, y, inner, load<f32>(scale + (<usize>c << 2)), zero ? <i32>load<T>(zero + c) : 0);
      x += <usize>inner << 2;
      y += inner;
    }
  }
}

/**
 * y[o, c, i] = saturate(round(x[o, c, i] / scale[c]) + zero[c]), halves to even: x float32, y int8 (`signed` 1) or
 * uint8 (0). One scale for all is outer = channels = 1.
 */
export function quantize_linear(
  x: usize, y: usize, scale: usize, zero: usize, signed: i32, outer: i32, channels: i32, inner: i32,
): void {
  if (signed) quantize<i8>(x, y, scale, zero, outer, channels, inner);
  else quantize<u8>(x, y, scale, zero, outer, channels, inner);
}

/**
 * ONNX DynamicQuantizeLinear: y = x as uint8, with the scale (float32) and the zero point (uint8) that spread the range
 * of x, 0 included, over 0 … 255, which go to `scale` and `zero`. A NaN in x makes the scale NaN and everything else 0;
 * where there is nothing but zeros, the scale is 1.
 */
export function dynamic_quantize_linear(x: usize, y: usize, n: i32, scale: usize, zero: usize): void {
  let low = f32x4.splat(0), high = low, odd = low;
  let p = x, left = n;
  for (; left >= 4; left -= 4) {
    const v = v128.load(p);
    low = f32x4.pmin(low, v);
    high = f32x4.pmax(high, v);
    // pmin and pmax lose a NaN in v.
    odd = v128.or(odd, f32x4.ne(v, v));
    p += 16;
  }
  if (left > 0) {
    const v = load_some(p, left);
    low = f32x4.pmin(low, v);
    high = f32x4.pmax(high, v);
    odd = v128.or(odd, f32x4.ne(v, v));
  }
  const least = min_lanes(low);
  let step: f32 = v128.any_true(odd) ? NaN : (max_lanes(high) - least) / 255, point = 0;
  if (step == 0) step = 1;
  else if (step == step) {
    // Both ends may be infinite.
    const at = -least / step;
    if (at == at) point = <i32>nearest(min<f32>(max<f32>(at, 0), 255));
  }
  store<f32>(scale, step);
  store<u8>(zero, point);
  quantizeShared<u8>(x, y, n, step, point);
}

// @ts-ignore: decorator
@inline
function dequantize8<T>(x: usize, y: usize, scale0: v128, scale1: v128, zero: v128): void {
  const d = i16x8.sub(extend8<T>(x), zero);
  v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(d)), scale0));
  v128.store(y, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(d)), scale1), 16);
}

function dequantizeShared<T>(x: usize, y: usize, n: i32, scale: f32, zero: i32): void {
  const scales = f32x4.splat(scale);
  const zeros = i16x8.splat(<i16>zero);
  let i = 0;
  for (; i <= n - 8; i += 8) dequantize8<T>(x + i, y + (<usize>i << 2), scales, scales, zeros);
  for (; i < n; i++) store<f32>(y + (<usize>i << 2), <f32>(<i32>load<T>(x + i) - zero) * scale);
}

function dequantizeEach<T>(x: usize, y: usize, n: i32, scale: usize, zero: usize): void {
  let i = 0;
  for (; i <= n - 8; i += 8) {
    const p = <usize>i << 2;
    const zeros = zero ? extend8<T>(zero + i) : i16x8.splat(0);
    dequantize8<T>(x + i, y + p, v128.load(scale + p), v128.load(scale + p, 16), zeros);
  }
  for (; i < n; i++) {
    const p = <usize>i << 2;
    const from = zero ? <i32>load<T>(zero + i) : 0;
    store<f32>(y + p, <f32>(<i32>load<T>(x + i) - from) * load<f32>(scale + p));
  }
}

function dequantize<T>(x: usize, y: usize, scale: usize, zero: usize, outer: i32, channels: i32, inner: i32): void {
  for (let o = 0; o < outer; o++) {
    if (inner == 1) {
      dequantizeEach<T>(x, y, channels, scale, zero);
      x += channels;
      y += <usize>channels << 2;
      continue;
    }
    for (let c = 0; c < channels; c++) {
      dequantizeShared<T>(x, y, inner, load<f32>(scale + (<usize>c << 2)), zero ? <i32>load<T>(zero + c) : 0);
      x += inner;
      y += <usize>inner << 2;
    }
  }
}

/** y[o, c, i] = (x[o, c, i] − zero[c]) · scale[c]: the reverse of {@link quantize_linear}. */
export function dequantize_linear(
  x: usize, y: usize, scale: usize, zero: usize, signed: i32, outer: i32, channels: i32, inner: i32,
): void {
  if (signed) dequantize<i8>(x, y, scale, zero, outer, channels, inner);
  else dequantize<u8>(x, y, scale, zero, outer, channels, inner);
}

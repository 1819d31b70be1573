// Conversions between element types.
//
// A float that does not fit an integer gives what onnxruntime's WebAssembly build gives: int32, int64, uint32 and
// uint64 saturate and NaN is 0 (the trunc_sat instructions); narrower types take the low bits of the saturated 32-bit
// number.

function convert<From, To>(x: usize, y: usize, n: i32): void {
  for (; n > 0; n--) {
    store<To>(y, <To>load<From>(x));
    x += sizeof<From>();
    y += sizeof<To>();
  }
}

export function cast_f32_f64(x: usize, y: usize, n: i32): void { convert<f32, f64>(x, y, n); }
export function cast_f32_i32(x: usize, y: usize, n: i32): void { convert<f32, i32>(x, y, n); }
export function cast_f32_i64(x: usize, y: usize, n: i32): void { convert<f32, i64>(x, y, n); }
export function cast_f64_f32(x: usize, y: usize, n: i32): void { convert<f64, f32>(x, y, n); }
export function cast_i32_f32(x: usize, y: usize, n: i32): void { convert<i32, f32>(x, y, n); }
export function cast_i32_i64(x: usize, y: usize, n: i32): void { convert<i32, i64>(x, y, n); }
export function cast_i64_f32(x: usize, y: usize, n: i32): void { convert<i64, f32>(x, y, n); }
export function cast_i64_i32(x: usize, y: usize, n: i32): void { convert<i64, i32>(x, y, n); }
export function cast_i8_f32(x: usize, y: usize, n: i32): void { convert<i8, f32>(x, y, n); }
/** Also from bool. */
export function cast_u8_f32(x: usize, y: usize, n: i32): void { convert<u8, f32>(x, y, n); }

export function cast_f32_i8(x: usize, y: usize, n: i32): void {
  for (let i: i32 = 0; i < n; i++) store<u8>(y + <usize>i, <u8><i32>load<f32>(x + ((<usize>i) << 2)));
}

export function cast_f32_u8(x: usize, y: usize, n: i32): void {
  for (let i: i32 = 0; i < n; i++) store<u8>(y + <usize>i, <u8><u32>load<f32>(x + ((<usize>i) << 2)));
}

/** Everything but ±0 is true, NaN too. */
export function cast_f32_bool(x: usize, y: usize, n: i32): void {
  for (let i: i32 = 0; i < n; i++) store<u8>(y + <usize>i, <u8>(load<f32>(x + ((<usize>i) << 2)) != 0));
}

// float16 after F. Giesen, "Half-to-float done quick" and "Float->half variants" (gist.github.com/rygorous): the
// exponent is rebiased by a multiplication or an addition of floats, which also handles subnormals and rounds to
// nearest even.

/** Four half-precision bit patterns in 32-bit lanes as floats. */
// @ts-ignore: decorator
@inline
function half_to_float(h: v128): v128 {
  const magnitude = i32x4.shl(v128.and(h, i32x4.splat(0x7fff)), 13);
  const scaled = f32x4.mul(magnitude, i32x4.splat(0x77800000)); // 2^112
  const special = i32x4.eq(v128.and(h, i32x4.splat(0x7c00)), i32x4.splat(0x7c00));
  const sign = i32x4.shl(v128.and(h, i32x4.splat(0x8000)), 16);
  return v128.or(v128.or(scaled, v128.and(special, i32x4.splat(0x7f800000))), sign);
}

/** Four floats rounded to half precision, the bit patterns in 32-bit lanes. */
// @ts-ignore: decorator
@inline
function float_to_half(x: v128): v128 {
  const a = v128.and(x, i32x4.splat(0x7fffffff));
  const sign = i32x4.shr_u(v128.andnot(x, i32x4.splat(0x7fffffff)), 16);
  const odd = v128.and(i32x4.shr_u(a, 13), i32x4.splat(1));
  // (15 − 127) << 23, plus half a unit
  const normal = i32x4.shr_u(i32x4.add(i32x4.add(a, odd), i32x4.splat(0xc8000fff)), 13);
  const subnormal = i32x4.sub(f32x4.add(a, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  let r = v128.bitselect(subnormal, normal, i32x4.lt_s(a, i32x4.splat(0x38800000))); // 2^−14
  const infinite = v128.bitselect(i32x4.splat(0x7e00), i32x4.splat(0x7c00), i32x4.gt_s(a, i32x4.splat(0x7f800000)));
  r = v128.bitselect(infinite, r, i32x4.ge_s(a, i32x4.splat(0x47800000))); // 2^16
  return v128.or(r, sign);
}

/** Four floats rounded to bfloat16, the bit patterns in 32-bit lanes. */
// @ts-ignore: decorator
@inline
function float_to_bfloat(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, odd), i32x4.splat(0x7fff)), 16);
  const quiet = v128.or(i32x4.shr_u(x, 16), i32x4.splat(0x40));
  return v128.bitselect(quiet, rounded, f32x4.ne(x, x));
}

/** The low halves of four 32-bit lanes, as 8 bytes at y. */
// @ts-ignore: decorator
@inline
function store_halves(y: usize, v: v128): void {
  v128.store_lane<u64>(y, v128.shuffle<u16>(v, v, 0, 2, 4, 6, 0, 2, 4, 6), 0);
}

export function cast_f16_f32(x: usize, y: usize, n: i32): void {
  for (; n >= 4; n -= 4) {
    v128.store(y, half_to_float(i32x4.extend_low_i16x8_u(v128.load64_zero(x))));
    x += 8;
    y += 16;
  }
  for (; n > 0; n--) {
    v128.store_lane<f32>(y, half_to_float(i32x4.splat(<i32>load<u16>(x))), 0);
    x += 2;
    y += 4;
  }
}

export function cast_f32_f16(x: usize, y: usize, n: i32): void {
  for (; n >= 4; n -= 4) {
    store_halves(y, float_to_half(v128.load(x)));
    x += 16;
    y += 8;
  }
  for (; n > 0; n--) {
    v128.store_lane<u16>(y, float_to_half(v128.load_splat<f32>(x)), 0);
    x += 4;
    y += 2;
  }
}

export function cast_bf16_f32(x: usize, y: usize, n: i32): void {
  for (; n > 0; n--) {
    store<u32>(y, (<u32>load<u16>(x)) << 16);
    x += 2;
    y += 4;
  }
}

export function cast_f32_bf16(x: usize, y: usize, n: i32): void {
  for (; n >= 4; n -= 4) {
    store_halves(y, float_to_bfloat(v128.load(x)));
    x += 16;
    y += 8;
  }
  for (; n > 0; n--) {
    v128.store_lane<u16>(y, float_to_bfloat(v128.load_splat<f32>(x)), 0);
    x += 4;
    y += 2;
  }
}

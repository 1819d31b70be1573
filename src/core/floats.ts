import type { DType } from './dtype.js'

/**
 * Numbers in and out of the types that JavaScript has no arrays of: small floats, kept as bit patterns, and integers of
 * two and four bits, kept one per byte.
 *
 * Conversions to a float round once, to the nearest, ties to even, also from float64. What happens beyond the range is
 * ONNX's Cast (opset 25): https://onnx.ai/onnx/operators/onnx__Cast.html
 */
export type SmallFloat =
  | 'float16'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'float8e8m0'
  | 'float4e2m1'

/** How a cast to float8e8m0 rounds; `nearest` takes ties up. */
export type RoundMode = 'up' | 'down' | 'nearest'

export type NarrowInteger = 'int2' | 'uint2' | 'int4' | 'uint4'

interface Format {
  readonly exponentBits: number
  readonly mantissaBits: number
  readonly bias: number
  /** Code of the largest finite magnitude. */
  readonly max: number
  /** Code of NaN; for float4e2m1, which has none, what a NaN becomes: -0, as in ml_dtypes and ONNX's tests. */
  readonly nan: number
  readonly infinity?: number
  /** One zero only: what would be -0 is NaN. */
  readonly unsignedZero?: boolean
  /**
   * Out of range becomes the largest finite value: always, or only if the cast asks to saturate, or never (then
   * infinity).
   */
  readonly saturates: 'always' | 'asked' | 'never'
}

function ieee(exponentBits: number, mantissaBits: number, saturates: Format['saturates']): Format {
  const infinity = ((1 << exponentBits) - 1) << mantissaBits
  const nan = infinity | (1 << (mantissaBits - 1))
  return {
    exponentBits,
    mantissaBits,
    bias: (1 << (exponentBits - 1)) - 1,
    max: infinity - 1,
    nan,
    infinity,
    saturates,
  }
}

// float8: "FP8 Formats for Deep Learning" (arXiv:2209.05433) and "8-bit Numerical Formats for Deep Neural Networks"
// (arXiv:2206.02915); float4e2m1: the OCP Microscaling Formats specification 1.0, section 5.3.3.
const formats: Record<Exclude<SmallFloat, 'float8e8m0'>, Format> = {
  float16: ieee(5, 10, 'never'),
  bfloat16: ieee(8, 7, 'never'),
  float8e5m2: ieee(5, 2, 'asked'),
  float8e4m3fn: { exponentBits: 4, mantissaBits: 3, bias: 7, max: 0x7e, nan: 0x7f, saturates: 'asked' },
  float8e4m3fnuz: {
    exponentBits: 4,
    mantissaBits: 3,
    bias: 8,
    max: 0x7f,
    nan: 0x80,
    unsignedZero: true,
    saturates: 'asked',
  },
  float8e5m2fnuz: {
    exponentBits: 5,
    mantissaBits: 2,
    bias: 16,
    max: 0x7f,
    nan: 0x80,
    unsignedZero: true,
    saturates: 'asked',
  },
  float4e2m1: { exponentBits: 2, mantissaBits: 1, bias: 1, max: 0x7, nan: 0x8, saturates: 'always' },
}

const E8M0_NAN = 255
const E8M0_MAX = 254
const E8M0_BIAS = 127

/** True for the types that {@link decodeFloats} reads. */
export function isSmallFloat(dtype: DType): dtype is SmallFloat {
  return dtype === 'float8e8m0' || Object.hasOwn(formats, dtype)
}

/** Added to a smaller number and taken away again, it rounds it to a whole one, ties to even. */
const ROUND = 2 ** 52

const double = new Float64Array(1)
const words = new Uint32Array(double.buffer)

/** floor(log2(value)) of a positive number; -1023 for float64's subnormal ones. */
function exponentOf(value: number): number {
  double[0] = value
  return ((words[1] >>> 20) & 0x7ff) - 1023
}

/** 2^exponent, exactly, for -1022 … 1023. Engines' `**` need not be exact. */
function powerOfTwo(exponent: number): number {
  words[0] = 0
  words[1] = (exponent + 1023) << 20
  return double[0]
}

function decodeCode(format: Format, code: number): number {
  const { exponentBits, mantissaBits, bias } = format
  const sign = 1 << (exponentBits + mantissaBits)
  const magnitude = code & (sign - 1)
  if (format.unsignedZero === true && code === sign) return NaN
  const s = (code & sign) === 0 ? 1 : -1
  if (magnitude > format.max) return magnitude === format.infinity ? s * Infinity : NaN
  const mantissa = magnitude & ((1 << mantissaBits) - 1)
  const exponent = magnitude >> mantissaBits
  if (exponent === 0) return s * mantissa * powerOfTwo(1 - bias - mantissaBits)
  return s * (mantissa + (1 << mantissaBits)) * powerOfTwo(exponent - bias - mantissaBits)
}

function encodeCode(format: Format, value: number, saturate: boolean): number {
  const { exponentBits, mantissaBits, bias, max } = format
  if (value !== value) return format.nan
  const sign = value < 0 || Object.is(value, -0) ? 1 << (exponentBits + mantissaBits) : 0
  const size = Math.abs(value)
  let code = max + 1
  if (size !== Infinity) {
    // In units of the last place there: exact, since only the exponent changes.
    const exponent = Math.max(exponentOf(size), 1 - bias)
    const units = size * powerOfTwo(mantissaBits - exponent)
    // The sum carries into the exponent by itself, and below the smallest normal number counts in the same units.
    code = ((exponent + bias - 1) << mantissaBits) + (units + ROUND - ROUND)
  }
  if (code > max) {
    if (format.saturates === 'always' || (format.saturates === 'asked' && saturate)) code = max
    else if (format.unsignedZero === true) return format.nan
    else code = format.infinity ?? format.nan
  }
  return code === 0 && format.unsignedZero === true ? 0 : sign | code
}

function encodeE8M0(value: number, saturate: boolean, mode: RoundMode): number {
  if (value !== value) return E8M0_NAN
  // The format has neither sign nor zero; ONNX leaves negative numbers open, here their sign is dropped.
  const size = Math.abs(value)
  const exponent = exponentOf(size)
  if (exponent > E8M0_BIAS) return saturate ? E8M0_MAX : E8M0_NAN
  if (exponent < -E8M0_BIAS) return saturate || (mode === 'up' && size > 0) ? 0 : E8M0_NAN
  const fraction = size * powerOfTwo(-exponent)
  const up = mode === 'up' ? fraction > 1 : mode === 'nearest' && fraction >= 1.5
  const code = exponent + E8M0_BIAS + (up ? 1 : 0)
  return code > E8M0_MAX && saturate ? E8M0_MAX : code
}

/** The number a bit pattern stands for. */
export function decodeFloat(dtype: SmallFloat, code: number): number {
  if (dtype !== 'float8e8m0') return decodeCode(formats[dtype], code)
  return code === E8M0_NAN ? NaN : powerOfTwo(code - E8M0_BIAS)
}

/**
 * The bit pattern of a number. NaN becomes the positive quiet NaN.
 *
 * @param saturate for float8 only: beyond the range stands the largest finite number, else infinity or, where there is
 *   none, NaN
 * @param roundMode for float8e8m0 only
 */
export function encodeFloat(dtype: SmallFloat, value: number, saturate = true, roundMode: RoundMode = 'up'): number {
  return dtype === 'float8e8m0' ? encodeE8M0(value, saturate, roundMode) : encodeCode(formats[dtype], value, saturate)
}

const tables = new Map<SmallFloat, Float32Array>()

/**
 * Every value of a type by its code: 256 kB for the 16-bit ones, 1 kB or less for the others; made at the first use.
 */
function tableOf(dtype: SmallFloat): Float32Array {
  let table = tables.get(dtype)
  if (table === undefined) {
    const size = dtype === 'float16' ? 65536 : dtype === 'float4e2m1' ? 16 : 256
    table = Float32Array.from({ length: size }, (_, code) => decodeFloat(dtype, code))
    tables.set(dtype, table)
  }
  return table
}

/** The numbers that bit patterns stand for; every one of them is exact in float32. */
export function decodeFloats(dtype: SmallFloat, data: Uint8Array | Uint16Array): Float32Array {
  const out = new Float32Array(data.length)
  if (dtype === 'bfloat16') {
    const bits = new Uint32Array(out.buffer)
    for (let i = 0; i < data.length; i++) bits[i] = data[i] << 16
    return out
  }
  const table = tableOf(dtype)
  for (let i = 0; i < data.length; i++) out[i] = table[data[i]]
  return out
}

/** {@link encodeFloat} over an array. */
export function encodeFloats(
  dtype: SmallFloat,
  values: Float32Array | Float64Array,
  saturate = true,
  roundMode: RoundMode = 'up',
): Uint8Array | Uint16Array {
  const out =
    dtype === 'float16' || dtype === 'bfloat16' ? new Uint16Array(values.length) : new Uint8Array(values.length)
  if (dtype === 'float8e8m0') {
    for (let i = 0; i < values.length; i++) out[i] = encodeE8M0(values[i], saturate, roundMode)
  } else {
    const format = formats[dtype]
    for (let i = 0; i < values.length; i++) out[i] = encodeCode(format, values[i], saturate)
  }
  return out
}

const narrowRanges: Record<NarrowInteger, { bits: number; min: number; max: number }> = {
  int2: { bits: 2, min: -2, max: 1 },
  uint2: { bits: 2, min: 0, max: 3 },
  int4: { bits: 4, min: -8, max: 7 },
  uint4: { bits: 4, min: 0, max: 15 },
}

/**
 * The low bits of a number without its fraction, as Cast does it: -9 becomes 7 in int4. NaN and infinities become 0.
 */
export function wrapInteger(dtype: NarrowInteger, value: number | bigint): number {
  const { bits, max } = narrowRanges[dtype]
  const size = 1 << bits
  const whole = typeof value === 'bigint' ? Number(BigInt.asUintN(bits, value)) : Math.trunc(value) % size
  // % leaves NaN for NaN and infinities, and keeps the sign.
  const low = (whole || 0) & (size - 1)
  return low > max ? low - size : low
}

/** The nearest number in range, for whole numbers, as QuantizeLinear does it. NaN becomes 0. */
export function clampInteger(dtype: NarrowInteger, value: number): number {
  const { min, max } = narrowRanges[dtype]
  return Math.min(Math.max(value, min), max) || 0
}

/** {@link wrapInteger} over an array. */
export function wrapIntegers(
  dtype: NarrowInteger,
  values: ArrayLike<number> | ArrayLike<bigint>,
): Int8Array | Uint8Array {
  const out = dtype.startsWith('u') ? new Uint8Array(values.length) : new Int8Array(values.length)
  for (let i = 0; i < values.length; i++) out[i] = wrapInteger(dtype, values[i])
  return out
}

/** {@link clampInteger} over an array. */
export function clampIntegers(dtype: NarrowInteger, values: ArrayLike<number>): Int8Array | Uint8Array {
  const out = dtype.startsWith('u') ? new Uint8Array(values.length) : new Int8Array(values.length)
  for (let i = 0; i < values.length; i++) out[i] = clampInteger(dtype, values[i])
  return out
}

import type { DType } from '../../src/core/dtype.js'

interface Format {
  readonly exponent: number
  readonly mantissa: number
  readonly bias: number
  /** What the format has beyond numbers: IEEE's infinities and NaNs, NaN as all ones, NaN as minus zero, or nothing. */
  readonly special: 'ieee' | 'all-ones' | 'minus-zero' | 'none'
}

// IEEE 754 binary16; bfloat16; OCP 8-bit and Microscaling formats (MX v1.0); the "fnuz" variants of arXiv:2206.02915.
const formats: Partial<Record<DType, Format>> = {
  float16: { exponent: 5, mantissa: 10, bias: 15, special: 'ieee' },
  bfloat16: { exponent: 8, mantissa: 7, bias: 127, special: 'ieee' },
  float8e4m3fn: { exponent: 4, mantissa: 3, bias: 7, special: 'all-ones' },
  float8e4m3fnuz: { exponent: 4, mantissa: 3, bias: 8, special: 'minus-zero' },
  float8e5m2: { exponent: 5, mantissa: 2, bias: 15, special: 'ieee' },
  float8e5m2fnuz: { exponent: 5, mantissa: 2, bias: 16, special: 'minus-zero' },
  float4e2m1: { exponent: 2, mantissa: 1, bias: 1, special: 'none' },
}

/** True for the floating-point types that the library stores as bit patterns. */
export function isSmallFloat(dtype: DType): boolean {
  return dtype in formats || dtype === 'float8e8m0'
}

/** The number that a bit pattern of a small floating-point type stands for. */
export function decodeSmallFloat(dtype: DType, bits: number): number {
  if (dtype === 'float8e8m0') return bits === 0xff ? NaN : 2 ** (bits - 127)
  const { exponent, mantissa, bias, special } = formats[dtype]!
  const fraction = bits & ((1 << mantissa) - 1)
  const power = (bits >> mantissa) & ((1 << exponent) - 1)
  const negative = (bits >> (mantissa + exponent)) & 1
  const largest = (1 << exponent) - 1
  if (special === 'ieee' && power === largest) return fraction ? NaN : negative ? -Infinity : Infinity
  if (special === 'all-ones' && power === largest && fraction === (1 << mantissa) - 1) return NaN
  if (special === 'minus-zero' && negative && power === 0 && fraction === 0) return NaN
  const unit = 2 ** -mantissa
  const magnitude = power === 0 ? fraction * unit * 2 ** (1 - bias) : (1 + fraction * unit) * 2 ** (power - bias)
  return negative ? -magnitude : magnitude
}

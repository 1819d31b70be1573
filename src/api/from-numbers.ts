import { isBig, makeData, packedBits, type HostData, type NumericDType } from '../core/dtype.js'
import { LanewiseError, present } from '../core/errors.js'
import { shown } from '../core/options.js'
import { decodeFloat, encodeFloats, isSmallFloat, type SmallFloat } from '../core/floats.js'

/**
 * The elements of a numeric tensor from plain numbers, bigints or booleans: one element of storage each, sub-byte types
 * not packed yet.
 *
 * Floats are rounded to the type, as typed arrays round them. What the type cannot hold is refused: where a typed array
 * would make infinity of a number (70000 as a float16) or keep the low bits (300 as a byte is 44) the model would
 * compute with another number. Infinity and NaN stay what they are, in the types that have them.
 *
 * @throws LanewiseError `E_TENSOR` for a value that is no number or that the type does not hold.
 */
export function storageFromNumbers(type: NumericDType, source: ArrayLike<unknown>): HostData {
  const { length } = source
  if (isSmallFloat(type)) {
    const values = new Float64Array(length)
    const largest = largestOf(type)
    for (let i = 0; i < length; i++) {
      values[i] = numberAt(source, i, type)
      if (Math.abs(values[i]) > largest || (type === 'float8e8m0' && values[i] < 0)) refuse(source, i, type)
    }
    const codes = encodeFloats(type, values, false)
    for (let i = 0; i < length; i++) {
      const stored = decodeFloat(type, codes[i])
      const holds = Number.isFinite(values[i])
        ? Number.isFinite(stored)
        : !Number.isNaN(values[i]) || Number.isNaN(stored)
      if (!holds) refuse(source, i, type)
    }
    return codes
  }
  const pairs = type.startsWith('complex')
  if (pairs && length % 2 > 0)
    throw new LanewiseError('E_TENSOR', `${type} takes pairs of numbers, got ${length} numbers`, {
      expected: 'an even count',
      actual: String(length),
    })
  const data = makeData(type, pairs ? length / 2 : length)
  const to = data as { [index: number]: number | bigint }
  const range = rangeOf(type)
  if (isBig(type)) {
    const [least, most] = present(range, 'range').map(BigInt)
    for (let i = 0; i < length; i++) {
      const value = source[i]
      if (typeof value !== 'bigint' && !Number.isInteger(numberAt(source, i, type))) refuse(source, i, type)
      const whole = BigInt(value as number)
      if (whole < least || whole > most) refuse(source, i, type)
      to[i] = whole
    }
    return data
  }
  for (let i = 0; i < length; i++) {
    const value = numberAt(source, i, type)
    if (range && !(Number.isInteger(value) && value >= range[0] && value <= range[1])) refuse(source, i, type)
    to[i] = value
    // Infinity itself is a number of the type; what only becomes infinity by rounding is not.
    if (Number.isFinite(value) && !Number.isFinite(Number(to[i]))) refuse(source, i, type)
  }
  return data
}

function numberAt(source: ArrayLike<unknown>, i: number, type: NumericDType): number {
  const value = source[i]
  if (typeof value === 'number') return value
  return typeof value === 'boolean' || typeof value === 'bigint' ? Number(value) : refuse(source, i, type)
}

/** The least and the largest whole number of a type; undefined for floats and complex numbers. */
function rangeOf(type: NumericDType): readonly [number, number | bigint] | undefined {
  if (type === 'bool') return [0, 1]
  const [, unsigned, bits] = /^(u?)int(\d+)$/.exec(type) ?? []
  if (!bits) return undefined
  const values = 2 ** Number(bits)
  if (bits === '64') return unsigned ? [0, 2n ** 64n - 1n] : [-(2 ** 63), 2n ** 63n - 1n]
  return unsigned ? [0, values - 1] : [-values / 2, values / 2 - 1]
}

/** The largest number of a float type that has no infinity; of the others nothing is out of range. */
function largestOf(type: SmallFloat): number {
  const codes = packedBits(type) ? 16 : 256
  if (type === 'float16' || type === 'bfloat16' || type === 'float8e5m2') return Infinity
  let largest = 0
  for (let code = 0; code < codes; code++) {
    const value = decodeFloat(type, code)
    if (value > largest) largest = value
  }
  return largest
}

function refuse(source: ArrayLike<unknown>, i: number, type: NumericDType): never {
  const value = source[i]
  const actual = shown(value)
  throw new LanewiseError('E_TENSOR', `element ${i}, ${actual}, is no ${type}`, { expected: type, actual })
}

import { isBig, isFloat, isInteger, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { decodeFloats, encodeFloats, isSmallFloat } from '../../core/floats.js'
import { hostTensor, hostZeros, saturatedBigInt, type HostTensor } from '../../core/host.js'
import type { Shape } from '../../core/shape.js'

/** Float elements that arithmetic can be done on. */
export type Floats = Float32Array | Float64Array

/**
 * The elements of a float tensor, widened to float32 where the format has no arithmetic of its own; float32 and float64
 * are not copied.
 *
 * @throws LanewiseError `E_UNSUPPORTED` for a tensor that does not hold floats.
 */
export function floatsOf(tensor: HostTensor): Floats {
  const { dtype, data } = tensor
  if (dtype === 'float32') return data as Float32Array
  if (dtype === 'float64') return data as Float64Array
  if (isSmallFloat(dtype)) return decodeFloats(dtype, data as Uint8Array | Uint16Array)
  throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { expected: 'a float type', actual: dtype })
}

/** A float tensor from numbers, rounded once to the dtype. */
export function floatTensor(dtype: DType, shape: Shape, values: ArrayLike<number>, saturate = true): HostTensor {
  if (dtype === 'float32')
    return hostTensor(dtype, shape, values instanceof Float32Array ? values : new Float32Array(values))
  if (dtype === 'float64')
    return hostTensor(dtype, shape, values instanceof Float64Array ? values : new Float64Array(values))
  if (!isSmallFloat(dtype))
    throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { expected: 'a float type', actual: dtype })
  const wide = values instanceof Float32Array || values instanceof Float64Array ? values : Float64Array.from(values)
  return hostTensor(dtype, shape, encodeFloats(dtype, wide, saturate))
}

/**
 * The elements of a numeric tensor as JavaScript numbers, whatever its dtype. int64 beyond ±2^53 loses its low bits.
 */
export function numbersOf(tensor: HostTensor): ArrayLike<number> {
  const { dtype, data } = tensor
  if (isBig(dtype)) return Float64Array.from(data as BigInt64Array, Number)
  if (dtype === 'bool' || isInteger(dtype)) return data as Int32Array
  return floatsOf(tensor)
}

/** A tensor of any numeric dtype from numbers: rounded for floats, as typed arrays convert for integers. */
export function numericTensor(dtype: DType, shape: Shape, values: ArrayLike<number>): HostTensor {
  if (isFloat(dtype)) return floatTensor(dtype, shape, values)
  const tensor = hostZeros(dtype, shape)
  const data = tensor.data as { [i: number]: number | bigint }
  for (let i = 0; i < values.length; i++) {
    if (dtype === 'bool') data[i] = values[i] === 0 ? 0 : 1
    else data[i] = isBig(dtype) ? saturatedBigInt(values[i], dtype) : values[i]
  }
  return tensor
}

/** Nearest integer, halves to even: what every ONNX quantiser rounds with. */
export function roundEven(x: number): number {
  const floor = Math.floor(x)
  const rest = x - floor
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1
  return floor % 2 === 0 ? floor : floor + 1
}

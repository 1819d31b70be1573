import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'

/**
 * Throws unless every element of an index tensor lies in `[-size, size)`. int64 is read as pairs of int32: big integers
 * would take longer than the gathering itself.
 *
 * @throws LanewiseError `E_TENSOR` for other types than int32 and int64, `E_VALUE` for an index outside.
 */
export function checkIndices({ dtype, data }: HostTensor, size: number): void {
  if (data instanceof BigInt64Array) {
    const words = new Int32Array(data.buffer, data.byteOffset, data.length * 2)
    for (let i = 0; i < words.length; i += 2) {
      const low = words[i]
      if (low < -size || low >= size || words[i + 1] !== low >> 31) throw outside(data[i >> 1], size)
    }
  } else if (data instanceof Int32Array) {
    for (let i = 0; i < data.length; i++) if (data[i] < -size || data[i] >= size) throw outside(data[i], size)
  } else requireIndices(dtype)
}

/** @throws LanewiseError `E_TENSOR` for other types than int32 and int64. */
export function requireIndices(dtype: DType): void {
  if (dtype === 'int32' || dtype === 'int64') return
  throw new LanewiseError('E_TENSOR', `indices must be int32 or int64, got ${dtype}`, {
    expected: 'int32, int64',
    actual: dtype,
  })
}

/**
 * The elements of an index tensor, all in `[0, size)`: negative ones count from the end. Throws as {@link checkIndices}
 * does.
 */
export function indicesOf(tensor: HostTensor, size: number): Int32Array {
  checkIndices(tensor, size)
  const { data } = tensor
  const { buffer, byteOffset, byteLength } = data as Int32Array | BigInt64Array
  const words = new Int32Array(buffer, byteOffset, byteLength / 4)
  const step = data instanceof BigInt64Array ? 2 : 1
  const result = new Int32Array(data.length)
  for (let i = 0; i < result.length; i++) {
    const index = words[i * step]
    result[i] = index < 0 ? index + size : index
  }
  return result
}

function outside(index: number | bigint, size: number): LanewiseError {
  return new LanewiseError('E_VALUE', `index ${index} is outside [${-size}, ${size - 1}]`, {
    expected: `[${-size}, ${size - 1}]`,
    actual: String(index),
  })
}

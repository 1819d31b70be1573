import {
  arrayElements,
  byteSize,
  isBig,
  makeData,
  storesDType,
  type DType,
  type HostData,
  type TypedArray,
} from './dtype.js'
import { LanewiseError } from './errors.js'
import { formatShape, sizeOf, type Shape } from './shape.js'

/**
 * A tensor whose elements are in JavaScript: constants of a model, shape arithmetic, strings, inputs and outputs of
 * rare operators.
 */
export interface HostTensor {
  /** The element type. */
  readonly dtype: DType
  /** Sizes of the axes, outermost first. */
  readonly shape: Shape
  /** The elements in logical order; types without an array of their own in the integers that hold their bits. */
  readonly data: HostData
}

/**
 * A sequence of values, all of one type (ONNX `seq(T)`). `dtype` is the element type, so that an empty one is still
 * typed.
 */
export interface HostSequence {
  readonly kind: 'sequence'
  readonly dtype: DType
  readonly items: readonly HostValue[]
}

/** A value that may be absent (ONNX `optional(T)`). */
export interface HostOptional {
  readonly kind: 'optional'
  readonly value: HostTensor | HostSequence | null
}

/** Keys to values (ONNX `map(K, V)`, from ai.onnx.ml). */
export interface HostMap {
  readonly kind: 'map'
  readonly entries: ReadonlyMap<string | bigint, number | bigint | string>
}

export type HostValue = HostTensor | HostSequence | HostOptional | HostMap

export function isHostTensor(value: HostValue): value is HostTensor {
  return !('kind' in value)
}

/** A zeroed tensor. @throws LanewiseError `E_TENSOR` for an impossible shape. */
export function hostZeros(dtype: DType, shape: Shape): HostTensor {
  return { dtype, shape, data: makeData(dtype, sizeOf(shape)) }
}

/**
 * A tensor around data that already has the storage of its dtype. @throws LanewiseError `E_TENSOR` if length or storage
 * do not fit.
 */
export function hostTensor(dtype: DType, shape: Shape, data: HostData): HostTensor {
  const expected = sizeOf(shape) * arrayElements(dtype)
  if (!storesDType(dtype, data) || data.length !== expected) {
    throw new LanewiseError(
      'E_TENSOR',
      `${dtype}${formatShape(shape)} needs ${expected} elements, got ${data.length}`,
      {
        expected: String(expected),
        actual: String(data.length),
      },
    )
  }
  return { dtype, shape, data }
}

/** What writes the elements of tensors that are made only when they are wanted. */
const writers = new WeakMap<HostTensor, (into: TypedArray) => void>()

/**
 * A tensor whose elements are made when they are first read, or where {@link writeElements} wants them: what is packed
 * for a kernel at once need not lie in JavaScript, too.
 *
 * @param write - fills an array with all elements; may be called several times.
 */
export function lazyTensor(dtype: DType, shape: Shape, write: (into: TypedArray) => void): HostTensor {
  let made: TypedArray | undefined
  const tensor: HostTensor = {
    dtype,
    shape,
    get data() {
      if (!made) {
        const data = makeData(dtype, sizeOf(shape)) as TypedArray
        write(data)
        made = data
      }
      return made
    },
  }
  writers.set(tensor, write)
  return tensor
}

/** The same tensor, but it tells when its elements are read otherwise than by {@link writeElements}. */
export function trackedTensor(tensor: HostTensor, read: () => void): HostTensor {
  const { dtype, shape } = tensor
  const tracked: HostTensor = {
    dtype,
    shape,
    get data() {
      read()
      return tensor.data
    },
  }
  writers.set(tracked, (into) => writeElements(tensor, into))
  return tracked
}

/** Writes all elements of a tensor of numbers to where they are wanted. */
export function writeElements(tensor: HostTensor, into: TypedArray): void {
  const write = writers.get(tensor)
  if (write) write(into)
  else rawBytes(into).set(rawBytes(tensor.data as TypedArray))
}

/** A tensor from plain numbers, e.g. `hostFrom('int64', [2], [3, 4])`. */
export function hostFrom(dtype: DType, shape: Shape, values: readonly (number | bigint)[]): HostTensor {
  const tensor = hostZeros(dtype, shape)
  const data = tensor.data as { [index: number]: number | bigint }
  for (let i = 0; i < values.length; i++) data[i] = isBig(dtype) ? BigInt(values[i]) : values[i]
  return tensor
}

/** Bytes of a tensor's elements as the library stores them. */
export function hostBytes(tensor: HostTensor): number {
  return byteSize(tensor.dtype) * sizeOf(tensor.shape)
}

/** The elements as bytes, sharing memory. Not for strings. */
export function rawBytes(data: TypedArray): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}

/**
 * The elements of an integer (or bool) tensor as JavaScript numbers: shapes, axes, indices.
 * int64 values beyond ±2^53 are clamped there; ONNX uses INT64_MAX as "to the end".
 *
 * @throws LanewiseError `E_TENSOR` for a tensor that does not hold integers.
 */
export function toNumbers(tensor: HostTensor, what = 'tensor'): number[] {
  const { dtype } = tensor
  if (!/^(u?int(8|16|32|64)|bool)$/.test(dtype))
    throw new LanewiseError('E_TENSOR', `${what} must hold integers, got ${dtype}`, { actual: dtype })
  const { data } = tensor
  return isBig(dtype) ? Array.from(data as BigInt64Array, clampToSafe) : Array.from(data as Int32Array)
}

/** A number as an element of a 64-bit integer type: truncated, what does not fit saturated, NaN 0. */
export function saturatedBigInt(value: number, dtype: 'int64' | 'uint64'): bigint {
  if (Number.isNaN(value)) return 0n
  const [least, most] = dtype === 'int64' ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n]
  if (value <= Number(least)) return least
  if (value >= Number(most)) return most
  return BigInt(Math.trunc(value))
}

/** A bigint as a number, clamped to ±(2^53 − 1). */
export function clampToSafe(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) return Number.MAX_SAFE_INTEGER
  if (value < BigInt(Number.MIN_SAFE_INTEGER)) return Number.MIN_SAFE_INTEGER
  return Number(value)
}

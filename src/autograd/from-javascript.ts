import { Tensor, toHost } from '../api/tensor.js'
import type { DType, TypedArray } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { hostTensor, type HostTensor } from '../core/host.js'
import { formatShape, sizeOf, type Shape } from '../core/shape.js'

/** A number, a bigint or a boolean, or a list of such lists, all of one length. */
export type NestedList = number | bigint | boolean | readonly NestedList[]

const types = { number: 'float32', bigint: 'int64', boolean: 'bool' } as const

/**
 * A tensor from what a program has: a tensor, a typed array, numbers.
 *
 * @throws LanewiseError `E_TENSOR` for anything else, and for elements that do not fill the shape.
 */
export function hostOf(source: Tensor | HostTensor | TypedArray | NestedList, shape?: Shape): HostTensor {
  if (source instanceof Tensor) return toHost(source, 'tensor')
  if (ArrayBuffer.isView(source)) return shaped(dtypeOf(source), source, shape ?? [source.length])
  if (isHost(source)) return hostTensor(source.dtype, source.shape, source.data)
  const elements: (number | bigint | boolean)[] = []
  const own = sizesOf(source, elements)
  const kind = typeof elements[0] as keyof typeof types
  const dtype = elements.length === 0 ? 'float32' : types[kind]
  const other = elements.find((element) => typeof element !== kind)
  if (other !== undefined)
    throw new LanewiseError('E_TENSOR', `a tensor is of one type, not of ${kind} and ${typeof other}`)
  const data =
    dtype === 'int64'
      ? BigInt64Array.from(elements as bigint[])
      : dtype === 'bool'
        ? Uint8Array.from(elements, Number)
        : Float32Array.from(elements as number[])
  return shaped(dtype, data, shape ?? own)
}

function isHost(source: unknown): source is HostTensor {
  return typeof source === 'object' && source !== null && 'dtype' in source && 'shape' in source && 'data' in source
}

function shaped(dtype: DType, data: TypedArray, shape: Shape): HostTensor {
  if (sizeOf(shape) !== data.length) {
    throw new LanewiseError(
      'E_TENSOR',
      `${dtype}${formatShape(shape)} needs ${sizeOf(shape)} elements, got ${data.length}`,
      { expected: String(sizeOf(shape)), actual: String(data.length) },
    )
  }
  return { dtype, shape, data }
}

/** The sizes of nested lists, whose elements are put one after the other. */
function sizesOf(list: unknown, elements: (number | bigint | boolean)[]): number[] {
  if (typeof list === 'number' || typeof list === 'bigint' || typeof list === 'boolean') {
    elements.push(list)
    return []
  }
  if (!Array.isArray(list)) {
    const what = list === null ? 'null' : typeof list === 'object' ? Object.prototype.toString.call(list) : typeof list
    throw new LanewiseError('E_TENSOR', `a tensor is made of a Tensor, a typed array or numbers, not of ${what}`)
  }
  const inner = list.map((item) => sizesOf(item, elements))
  const odd = inner.find((sizes) => sizes.join() !== inner[0].join())
  if (odd)
    throw new LanewiseError(
      'E_TENSOR',
      `lists of different lengths are no tensor: ${formatShape(inner[0])} and ${formatShape(odd)}`,
    )
  return [list.length, ...(inner[0] ?? [])]
}

function dtypeOf(data: ArrayBufferView): DType {
  if (data instanceof Float32Array) return 'float32'
  if (data instanceof Float64Array) return 'float64'
  if (data instanceof BigInt64Array) return 'int64'
  if (data instanceof BigUint64Array) return 'uint64'
  if (data instanceof Int32Array) return 'int32'
  if (data instanceof Uint32Array) return 'uint32'
  if (data instanceof Int16Array) return 'int16'
  if (data instanceof Int8Array) return 'int8'
  if (data instanceof Uint8Array) return 'uint8'
  throw new LanewiseError('E_TENSOR', `say the type of this ${data.constructor.name} by passing a Tensor`)
}

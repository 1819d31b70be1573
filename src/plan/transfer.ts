// Tensors between JavaScript and planned memory.
import type { Context } from '../../bindings/context.js'
import type { NumericDType, TypedArray } from '../core/dtype.js'
import { LanewiseError, present } from '../core/errors.js'
import { hostBytes, isHostTensor, rawBytes, type HostTensor, type HostValue } from '../core/host.js'
import { formatShape, sameShape, sizeOf } from '../core/shape.js'
import type { Value } from '../ir/graph.js'
import type { TensorType } from '../ir/op.js'
import type { Placed } from './placed.js'
import type { Source } from './plan-state.js'
import { resolve } from './weights.js'

/**
 * A value as a host value: a copy of what is in the arena, or the caller's storage written to.
 *
 * @param into - the caller's storage for the value.
 */
export function readSource(
  context: Context,
  source: Source,
  hosts: ReadonlyMap<Value, HostValue>,
  into?: HostTensor,
  value?: Value,
): HostValue {
  if ('host' in source || 'known' in source) {
    const host = 'known' in source ? source.known : present(hosts.get(source.host), source.host.name)
    if (!into || !isHostTensor(host)) return host
    checkStorage(into, host, value)
    copyData(into, host.data)
    return into
  }
  const { dtype, shape, data } = viewOf(context, source.placed)
  if (!into) return { dtype, shape, data: (data as TypedArray).slice() as TypedArray }
  checkStorage(into, source.placed, value)
  copyData(into, data)
  return into
}

/** A tensor in memory as it lies there, until something is written or allocated. */
export function viewOf(context: Context, { dtype, shape, size, at }: Placed): HostTensor {
  return { dtype, shape, data: context.view(dtype as NumericDType, resolve(at), size) }
}

/** Copies a fed tensor to its place in the arena. */
export function upload(context: Context, host: HostTensor, to: Placed): void {
  const bytes = hostBytes(host)
  const { byteLength } = host.data as TypedArray
  if (byteLength !== bytes)
    throw new LanewiseError('E_TENSOR', 'the buffer of an input was detached or resized before the run began', {
      expected: String(bytes),
      actual: String(byteLength),
    })
  context.bytes(resolve(to.at), bytes).set(rawBytes(host.data as TypedArray))
}

export function copyData(to: HostTensor, data: HostTensor['data']): void {
  if (Array.isArray(data)) for (let i = 0; i < data.length; i++) (to.data as string[])[i] = data[i]
  else (to.data as Float32Array).set(data as Float32Array)
}

/**
 * A value over memory of its own, down to the tensors in it. Strings cannot be changed; `lists`: but the lists of them
 * can.
 */
export function copyOf(value: HostValue, lists = false): HostValue {
  if (!lists && 'dtype' in value && value.dtype === 'string') return value
  if (isHostTensor(value)) return { ...value, data: value.data.slice() as HostTensor['data'] }
  if (value.kind === 'sequence') return { ...value, items: value.items.map((item) => copyOf(item, lists)) }
  if (value.kind === 'optional') return { ...value, value: value.value && (copyOf(value.value, lists) as HostTensor) }
  return value
}

/** @throws LanewiseError `E_TENSOR` if the caller's storage for a result is not of the result's type and shape. */
export function checkStorage(into: HostTensor, result: TensorType, value: Value | undefined): void {
  if (into.dtype === result.dtype && sameShape(into.shape, result.shape)) {
    const expected = sizeOf(into.shape) * (into.dtype.startsWith('complex') ? 2 : 1)
    if (into.data.length === expected) return
    throw new LanewiseError('E_TENSOR', `the buffer to fetch "${value?.name ?? ''}" into was detached or resized`, {
      tensor: value?.name,
      expected: String(expected),
      actual: String(into.data.length),
    })
  }
  const expected = `${result.dtype}${formatShape(result.shape)}`
  const actual = `${into.dtype}${formatShape(into.shape)}`
  throw new LanewiseError(
    'E_TENSOR',
    `the tensor to fetch "${value?.name ?? ''}" into is ${actual}, the result is ${expected}`,
    {
      tensor: value?.name,
      expected,
      actual,
    },
  )
}

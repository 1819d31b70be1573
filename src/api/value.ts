import type { DeclaredType } from '../ir/graph.js'
import { LanewiseError } from '../core/errors.js'
import type { HostValue } from '../core/host.js'
import { formatShape } from '../core/shape.js'
import { fromHost, Tensor, toHost } from './tensor.js'

/** Anything a model takes or gives: a tensor; an array for a sequence; a Map for a map; null for an optional that is empty. */
export type OnnxValue = Tensor | readonly OnnxValue[] | ReadonlyMap<string | bigint, number | bigint | string> | null

/** What a model says of one of its inputs or outputs. */
export type ValueMetadata =
  | { readonly name: string; readonly isTensor: false }
  | {
      readonly name: string
      readonly isTensor: true
      readonly type: Tensor['type']
      /** A name stands for a size that the model leaves open; an empty array if it says nothing at all. */
      readonly shape: readonly (number | string)[]
    }

export function metadataOf(name: string, declared: DeclaredType | undefined): ValueMetadata {
  if (declared?.kind !== 'tensor' || !declared.dtype) return { name, isTensor: false }
  return { name, isTensor: true, type: declared.dtype, shape: (declared.shape ?? []).map((axis) => axis ?? '') }
}

/**
 * A user's value as the library keeps values, checked against what the model declares.
 *
 * @throws LanewiseError `E_TENSOR` naming the input.
 */
export function acceptValue(name: string, value: unknown, declared: DeclaredType | undefined): HostValue {
  if (value instanceof Tensor) {
    const host = toHost(value, name)
    if (declared?.kind === 'optional') return { kind: 'optional', value: host }
    checkTensor(name, value, declared)
    return host
  }
  if (value === null && declared?.kind === 'optional') return { kind: 'optional', value: null }
  if (Array.isArray(value) && (declared?.kind === 'sequence' || declared?.kind === 'optional')) {
    const items = value.map((item: unknown, i) => acceptValue(`${name}[${i}]`, item, undefined))
    const first = items[0]
    const dtype = declared.dtype ?? (first && 'dtype' in first ? first.dtype : 'float32')
    const sequence = { kind: 'sequence', dtype, items } as const
    return declared.kind === 'optional' ? { kind: 'optional', value: sequence } : sequence
  }
  if (value instanceof Map && declared?.kind === 'map') return { kind: 'map', entries: value }
  const expected = declared?.kind ?? 'tensor'
  throw new LanewiseError('E_TENSOR', `"${name}" must be a ${expected}`, {
    tensor: name,
    expected,
    actual: value === null ? 'null' : typeof value,
  })
}

function checkTensor(name: string, tensor: Tensor, declared: DeclaredType | undefined): void {
  if (!declared) return
  if (declared.kind !== 'tensor')
    throw new LanewiseError('E_TENSOR', `"${name}" must be a ${declared.kind}, not a tensor`, {
      tensor: name,
      expected: declared.kind,
      actual: 'tensor',
    })
  if (declared.dtype && declared.dtype !== tensor.type) {
    throw new LanewiseError('E_TENSOR', `"${name}" must be ${declared.dtype}, got ${tensor.type}`, {
      tensor: name,
      expected: declared.dtype,
      actual: tensor.type,
    })
  }
  const { shape } = declared
  if (!shape) return
  const fits =
    shape.length === tensor.dims.length && shape.every((axis, i) => typeof axis !== 'number' || axis === tensor.dims[i])
  if (!fits) {
    const expected = formatShape(shape)
    const actual = formatShape(tensor.dims)
    throw new LanewiseError('E_TENSOR', `"${name}" must have shape ${expected}, got ${actual}`, {
      tensor: name,
      expected,
      actual,
    })
  }
}

/** A value of the library for a user. */
export function publishValue(value: HostValue): OnnxValue {
  if (!('kind' in value)) return fromHost(value)
  if (value.kind === 'sequence') return value.items.map(publishValue)
  if (value.kind === 'map') return new Map(value.entries)
  return value.value === null ? null : publishValue(value.value)
}

import type { DeclaredType } from '../ir/graph.js'
import { LanewiseError } from '../core/errors.js'
import type { DType } from '../core/dtype.js'
import type { HostMap, HostTensor, HostValue } from '../core/host.js'
import { mapOf } from '../core/realm.js'
import { formatShape } from '../core/shape.js'
import type { TensorType } from '../ir/op.js'
import { fromHost, Tensor, toHost, type TensorSource } from './tensor.js'

/**
 * What a tensor is known by: anything that has it is taken for one, such as a tensor of onnxruntime-common, of another
 * copy of this library or of another JavaScript realm. `getData` is called where `data` is elsewhere (GPU memory).
 */
export interface TensorLike {
  /** The element type, by onnxruntime's names (`float32`, `int64` …). */
  readonly type: string
  /** The elements in logical order, if they are in the memory of the CPU. */
  readonly data?: unknown
  /** The shape, outermost axis first. */
  readonly dims: readonly number[]
  /** Fetches the elements from where else they are. */
  getData?(): Promise<unknown>
}

/**
 * Anything a model takes or gives: a tensor; an array for a sequence; a Map for a map; null for an optional that is
 * empty.
 */
export type ModelValue =
  | Tensor
  | TensorLike
  | readonly ModelValue[]
  | ReadonlyMap<string | bigint, number | bigint | string>
  | null

/** What a model says of one of its inputs or outputs. */
export type ValueMetadata =
  | {
      /** The name in the model. */
      readonly name: string
      /** False for a sequence, a map or an optional, of which no more is told here. */
      readonly isTensor: false
    }
  | {
      /** The name in the model. */
      readonly name: string
      /** True for a tensor, of which type and shape are told. */
      readonly isTensor: true
      /** The element type; what a feed of that input has to have. */
      readonly type: Tensor['type']
      /** A name stands for a size that the model leaves open; an empty array if it says nothing at all. */
      readonly shape: readonly (number | string)[]
    }

export function metadataOf(name: string, declared: DeclaredType | undefined): ValueMetadata {
  if (declared?.kind !== 'tensor' || !declared.dtype) return { name, isTensor: false }
  return {
    name,
    isTensor: true,
    type: declared.dtype as Tensor.Type,
    shape: (declared.shape ?? []).map((axis) => axis ?? ''),
  }
}

/**
 * A user's value as the library keeps values, checked against what the model declares.
 *
 * @throws LanewiseError `E_TENSOR` naming the input.
 */
export function acceptValue(name: string, value: unknown, declared: DeclaredType | undefined): HostValue {
  if (isTensorLike(value)) {
    const host = hostOf(value, name)
    if (declared?.kind === 'optional') return { kind: 'optional', value: host }
    checkTensor(name, host, declared)
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
  const entries = declared?.kind === 'map' && mapOf(value)
  if (entries) return { kind: 'map', entries: entries as HostMap['entries'] }
  const expected = declared?.kind ?? 'tensor'
  throw new LanewiseError('E_TENSOR', `"${name}" must be a ${expected}`, {
    tensor: name,
    expected,
    actual: value === null ? 'null' : typeof value,
  })
}

/** Whether a value says of itself that it is a tensor. */
export function isTensorLike(value: unknown): value is TensorLike {
  try {
    return typeof value === 'object' && value !== null && 'type' in value && 'dims' in value
  } catch {
    // A proxy that refuses to be asked.
    return false
  }
}

/** Whether a tensor's elements have to be fetched first: from a GPU, or from wherever its `getData` has them. */
export function isElsewhere(value: unknown): value is TensorLike & { getData(): Promise<unknown> } {
  if (!isTensorLike(value)) return false
  try {
    if (value instanceof Tensor || value.data !== undefined) return false
  } catch {
    // onnxruntime's tensors throw where their data is not on the CPU.
  }
  return typeof value.getData === 'function'
}

/**
 * A tensor as the library keeps it. @throws LanewiseError `E_TENSOR` naming it if it is none, or refuses to be read.
 */
export function hostOf(value: TensorLike, name: string): HostTensor {
  return reading(name, () => {
    if (value instanceof Tensor) return toHost(value, name)
    const { type, data, dims } = value
    return toHost(new Tensor(type as DType, data as TensorSource, dims), name)
  })
}

/** Reads what belongs to the caller, and may throw anything. @throws LanewiseError `E_TENSOR` naming the tensor. */
export function reading<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof LanewiseError) {
      cause.tensor ??= name
      throw cause
    }
    throw new LanewiseError('E_TENSOR', `"${name}" cannot be read: ${(cause as Error | undefined)?.message}`, {
      tensor: name,
      cause,
    })
  }
}

/** @throws LanewiseError `E_TENSOR` for a type or a shape that the model does not declare. */
export function checkTensor(name: string, tensor: TensorType, declared: DeclaredType | undefined): void {
  if (!declared) return
  if (declared.kind !== 'tensor')
    throw new LanewiseError('E_TENSOR', `"${name}" must be a ${declared.kind}, not a tensor`, {
      tensor: name,
      expected: declared.kind,
      actual: 'tensor',
    })
  if (declared.dtype && declared.dtype !== tensor.dtype) {
    throw new LanewiseError('E_TENSOR', `"${name}" must be ${declared.dtype}, got ${tensor.dtype}`, {
      tensor: name,
      expected: declared.dtype,
      actual: tensor.dtype,
    })
  }
  const { shape } = declared
  // Files that know nothing of a shape say that it has no axes: as in onnxruntime, anything may be fed then.
  if (!shape?.length) return
  const fits =
    shape.length === tensor.shape.length &&
    shape.every((axis, i) => typeof axis !== 'number' || axis === tensor.shape[i])
  if (!fits) {
    const expected = formatShape(shape)
    const actual = formatShape(tensor.shape)
    throw new LanewiseError('E_TENSOR', `"${name}" must have shape ${expected}, got ${actual}`, {
      tensor: name,
      expected,
      actual,
    })
  }
}

/** A value of the library for a user. */
export function publishValue(value: HostValue): ModelValue {
  if (!('kind' in value)) return fromHost(value)
  if (value.kind === 'sequence') return value.items.map(publishValue)
  if (value.kind === 'map') return new Map(value.entries)
  return value.value === null ? null : publishValue(value.value)
}

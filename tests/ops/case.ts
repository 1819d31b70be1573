import type { DType } from '../../src/core/dtype.js'
import type { HostTensor } from '../../src/core/host.js'
import type { Shape } from '../../src/core/shape.js'

/** An input of a case: random within [low, high) unless `values` gives the elements. */
export interface Spec {
  readonly dtype: DType
  readonly shape: Shape
  readonly low?: number
  readonly high?: number
  readonly values?: readonly number[] | readonly string[]
  /** A constant of the model (weights) rather than an input. */
  readonly constant?: boolean
}

/** A float64 (or integer, or string) tensor as references see it: numbers, whatever the dtype. */
export interface Plain {
  readonly shape: Shape
  readonly data: number[]
}

/**
 * Computes a case's outputs naively in float64. int64 elements arrive as numbers; `undefined` stands for an input left
 * out.
 */
export type Reference = (inputs: readonly Plain[], attributes: Readonly<Record<string, unknown>>) => Plain[]

/**
 * A reference for operators whose implementation is itself as naive as can be: outputs worked out by hand or taken from
 * a specification.
 */
export function gives(...outputs: readonly { readonly shape: Shape; readonly data: readonly number[] }[]): Reference {
  const reference: Reference = () => outputs.map(({ shape, data }) => ({ shape, data: [...data] }))
  fixed.add(reference)
  return reference
}

const fixed = new WeakSet<Reference>()

/** Whether a reference gives the same whatever the inputs are: then it has no slope to compare gradients with. */
export function isFixed(reference: Reference): boolean {
  return fixed.has(reference)
}

/** One row of a case table: read by the tests (against the reference and onnxruntime-web) and by the bench. */
export interface Case {
  /** Says what is special: "3x3 stride 2 asymmetric pads". Unique within its operator. */
  readonly name: string
  readonly op: string
  readonly domain?: string
  /** The operator set the attributes are those of, if not the newest. */
  readonly opset?: number
  readonly inputs: readonly (Spec | undefined)[]
  readonly attributes?: Readonly<Record<string, unknown>>
  /** How many outputs are named; 1 by default. */
  readonly outputs?: number
  readonly reference: Reference
  /**
   * Largest |a − b| allowed as a share of max|reference|, and as a share of |b|. By default 2e-6 and 1e-5; exact for
   * other types than floats.
   */
  readonly tolerance?: { readonly absolute?: number; readonly relative?: number }
  /**
   * Which inputs a gradient is checked by, if not every float32 one; false for a case at which the operator is not
   * differentiable.
   */
  readonly gradient?: false | { readonly inputs: readonly number[] }
  /** Why onnxruntime-web is not asked for its answer. */
  readonly withoutOrt?: string
}

/** A float32 input. */
export function f32(shape: Shape, options: Partial<Spec> = {}): Spec {
  return { dtype: 'float32', shape, ...options }
}

/** An input of another type. */
export function typed(dtype: DType, shape: Shape, options: Partial<Spec> = {}): Spec {
  return { dtype, shape, ...options }
}

/** A float32 constant of the model. */
export function weight(shape: Shape, options: Partial<Spec> = {}): Spec {
  return { dtype: 'float32', shape, constant: true, ...options }
}

/** A one-dimensional int64 constant: axes, shapes, pads. */
export function int64s(...values: number[]): Spec {
  return { dtype: 'int64', shape: [values.length], values, constant: true }
}

export function plain(tensor: HostTensor): Plain {
  return { shape: tensor.shape, data: Array.from(tensor.data as ArrayLike<number | bigint>, Number) }
}

import { checkArguments } from '../../core/arguments.js'
import { apply } from '../../autograd/apply.js'
import type { Variable } from '../../autograd/variable.js'
import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostFrom } from '../../core/host.js'
import { shown } from '../../core/options.js'
import type { Shape } from '../../core/shape.js'
import { numericTensor } from '../../ops/shared/scalar-floats.js'

/**
 * A number beside a tensor: of that tensor's type.
 *
 * @throws LanewiseError `E_VALUE` for a fraction beside whole numbers.
 */
export function scalar(like: Variable, value: Variable | number): Variable {
  if (typeof value !== 'number') return value
  const { device, dtype } = like
  if (dtype === 'float32') return device.constant({ dtype, shape: [], data: Float32Array.of(value) })
  if (!isFloat(dtype) && !Number.isInteger(value))
    throw new LanewiseError('E_VALUE', `${value} is no ${dtype}: cast ${like.describe()} to float32 first`)
  return device.constant(numericTensor(dtype, [], [value]))
}

/** Whole numbers that an operator takes as an input: a shape, axes. */
export function numbers(x: Variable, values: readonly number[]): Variable {
  const odd = values.find((value) => !Number.isSafeInteger(value))
  if (odd !== undefined) throw new LanewiseError('E_VALUE', `a shape and axes are whole numbers, got ${shown(odd)}`)
  return x.device.constant(hostFrom('int64', [values.length], values))
}

/** An operator of two operands, of which one may be a number. */
export function binary(op: { readonly name: string }) {
  return (a: Variable | number, b: Variable | number): Variable => {
    checkArguments(op.name, { a, b }, 'tensor|number', 'tensor|number')
    const one = typeof a === 'number' ? b : a
    if (typeof one === 'number') throw new LanewiseError('E_VALUE', 'at least one operand must be a tensor')
    return apply(one.device, op, [scalar(one, a), scalar(one, b)])[0]
  }
}

/** An operator of one operand without attributes. */
export function unary(op: { readonly name: string }) {
  return (x: Variable): Variable => {
    checkArguments(op.name, { x }, 'tensor')
    return apply(x.device, op, [x])[0]
  }
}

/** Options of what slides a window, as they are checked. */
export const windowOptions = {
  stride: 'number|numbers',
  padding: 'number|numbers',
  dilation: 'number|numbers',
} as const

const axes = new Map<number, { readonly axis: number }>()
/** Attributes with an axis alone, one object for each: checked once. */
export function axisAttribute(axis: number): { readonly axis: number } {
  let attribute = axes.get(axis)
  if (!attribute) axes.set(axis, (attribute = { axis }))
  return attribute
}

/** The axis counted from the front. @throws LanewiseError `E_VALUE` for one that the tensor does not have. */
export function axisOf(x: Variable, axis: number): number {
  const rank = x.shape.length
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
    throw new LanewiseError('E_VALUE', `${x.describe()} has no axis ${axis}`)
  return axis < 0 ? axis + rank : axis
}

/** The first of several tensors. @throws LanewiseError `E_VALUE` for an empty list. */
export function firstOf(tensors: readonly Variable[], what: string): Variable {
  checkArguments(what, { tensors }, 'tensors')
  const [first] = tensors
  if (!first) throw new LanewiseError('E_VALUE', `${what} needs at least one tensor`)
  return first
}

/** One number for every spatial axis, or one for each. */
export type PerAxis = number | readonly number[]

/** The numbers of all axes. @throws LanewiseError `E_VALUE` for a list of another length. */
export function perAxis(value: PerAxis, rank: number, what: string): readonly number[] {
  if (typeof value === 'number') return new Array<number>(rank).fill(value)
  const given: unknown = value
  if (!Array.isArray(given) || given.length !== rank)
    throw new LanewiseError(
      'E_VALUE',
      `${what} must be one number or ${rank}, got ${Array.isArray(given) ? given.length : shown(given)}`,
    )
  return value
}

/**
 * Masks of attention are over all keys: what ONNX makes of a shorter one, hiding the keys that it does not reach, is
 * not what PyTorch does or anybody means.
 *
 * @throws LanewiseError `E_SHAPE` for a mask with another last axis.
 */
export function checkMasks(keys: number, ...masks: readonly (Variable | undefined)[]): void {
  for (const mask of masks)
    if (mask && mask.shape.at(-1) !== keys)
      throw new LanewiseError('E_SHAPE', `a mask of attention to ${keys} keys has them last, got ${mask.describe()}`)
}

/**
 * Of predictions and targets one may be spread over the other, but not each over each: the mean of such a loss is a
 * plausible number of nothing.
 *
 * @throws LanewiseError `E_SHAPE` for two shapes neither of which holds the other, such as [N, 1] and [N].
 */
export function checkPair(loss: string, x: Variable, y: Variable): void {
  const holds = (shape: Shape, other: Shape) =>
    other.length <= shape.length && other.every((size, i) => size === 1 || size === shape.at(i - other.length))
  if (!holds(x.shape, y.shape) && !holds(y.shape, x.shape))
    throw new LanewiseError('E_SHAPE', `${loss} compares tensors of one shape, got ${x.describe()} and ${y.describe()}`)
}

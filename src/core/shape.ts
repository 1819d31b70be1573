import { shown } from './options.js'
import { LanewiseError } from './errors.js'

/** Sizes of a tensor's axes, outermost first. */
export type Shape = readonly number[]

/** The most axes a tensor may have; ONNX sets no limit, a file is not trusted to. */
export const MAX_RANK = 64

/**
 * Number of elements of a shape.
 *
 * @throws LanewiseError `E_TENSOR` if an axis is not a non-negative integer or the product passes 2^53 − 1. An axis of
 *   size 0 makes the product 0 whatever stands beside it.
 */
export function sizeOf(shape: Shape): number {
  let size = 1
  let empty = false
  for (const axis of shape) {
    if (!Number.isSafeInteger(axis) || axis < 0) {
      throw new LanewiseError(
        'E_TENSOR',
        `a dimension must be a non-negative integer, got ${shown(axis)} in ${formatShape(shape.map(shown))}`,
      )
    }
    if (axis === 0) empty = true
    else size *= axis
  }
  if (empty) return 0
  if (size > Number.MAX_SAFE_INTEGER) {
    throw new LanewiseError('E_TENSOR', `a tensor of shape ${formatShape(shape)} has too many elements`)
  }
  return size
}

/** `[2,3,4]`, as error messages show shapes. */
export function formatShape(shape: readonly (number | string | null)[]): string {
  return `[${shape.map((axis) => axis ?? '?').join(',')}]`
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length)
  let step = 1
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step
    step *= shape[i]
  }
  return strides
}

/**
 * The axis a possibly negative number names.
 *
 * @throws LanewiseError `E_VALUE` outside `[-rank, rank)`.
 */
export function normalizeAxis(axis: number, rank: number, what = 'axis'): number {
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    throw new LanewiseError('E_VALUE', `${what} ${axis} is outside [${-rank}, ${rank - 1}]`, {
      expected: `[${-rank}, ${rank - 1}]`,
      actual: String(axis),
    })
  }
  return axis < 0 ? axis + rank : axis
}

/** {@link normalizeAxis} over a list, refusing an axis named twice. */
export function normalizeAxes(axes: readonly number[], rank: number, what = 'axes'): number[] {
  const seen = axes.map((axis) => normalizeAxis(axis, rank, what))
  if (new Set(seen).size !== seen.length) {
    throw new LanewiseError('E_VALUE', `${what} [${axes.join(',')}] name an axis twice`)
  }
  return seen
}

/**
 * The shape that all operands broadcast to (NumPy's rule, which is ONNX's multidirectional broadcasting).
 *
 * @throws LanewiseError `E_SHAPE` if two sizes differ and neither is 1.
 */
export function broadcastShapes(...shapes: Shape[]): number[] {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length))
  const result = new Array<number>(rank).fill(1)
  for (const shape of shapes) {
    const lead = rank - shape.length
    for (let i = 0; i < shape.length; i++) {
      const size = shape[i]
      if (size === 1 || size === result[lead + i]) continue
      if (result[lead + i] !== 1) {
        throw new LanewiseError('E_SHAPE', `shapes ${shapes.map(formatShape).join(' and ')} do not broadcast`, {
          expected: String(result[lead + i]),
          actual: String(size),
        })
      }
      result[lead + i] = size
    }
  }
  return result
}

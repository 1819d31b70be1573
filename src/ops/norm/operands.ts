// What normalisations ask of their operands.
import { LanewiseError } from '../../core/errors.js'
import { formatShape, type Shape } from '../../core/shape.js'
import type { TensorType } from '../../ir/op.js'

/** @throws LanewiseError `E_SHAPE` unless the tensor is a vector of that many elements. */
export function requireVector(what: string, type: TensorType, size: number): void {
  if (type.shape.length === 1 && type.shape[0] === size) return
  throw new LanewiseError('E_SHAPE', `${what} has shape ${formatShape(type.shape)}`, {
    expected: `[${size}]`,
    actual: formatShape(type.shape),
  })
}

/** x [batch, channels, …] */
export function channelsOf(shape: Shape): number {
  if (shape.length < 2)
    throw new LanewiseError('E_SHAPE', `the input needs a channel axis, got shape ${formatShape(shape)}`)
  return shape[1]
}

// What authors of operators are given, held to its arguments: the library's own operators, which the compiler has seen,
// do without.
import { checkArguments } from '../../core/arguments.js'
import type { DType } from '../../core/dtype.js'
import { isDType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import * as host from '../../core/host.js'
import type { HostData } from '../../core/dtype.js'
import { shown } from '../../core/options.js'
import * as shapes from '../../core/shape.js'
import type { Shape } from '../../core/shape.js'
import * as emitter from '../../ir/emitter.js'
import * as op from '../../ir/op.js'
import type { Address } from '../../ir/emitter.js'

/**
 * Declares an operator. Its attributes are typed by the schema (none by default); which inputs are always there, by
 * `arity` and `optional`.
 *
 * @throws LanewiseError `E_VALUE` for what is no definition.
 */
export const defineOp: typeof op.defineOp = (definition) => {
  checkArguments('defineOp', { definition }, 'object')
  return op.defineOp(definition)
}

/** An address some bytes after another. @throws LanewiseError `E_VALUE` for what is no address. */
export function plus(address: Address, bytes: number): Address {
  checkArguments('plus', { address, bytes }, 'object', 'number')
  return emitter.plus(address, bytes)
}

/**
 * Number of elements of a shape. @throws LanewiseError `E_TENSOR` if an axis is not a non-negative integer, `E_VALUE`
 * for what is no list.
 */
export function sizeOf(shape: Shape): number {
  checkArguments('sizeOf', { shape }, 'list')
  return shapes.sizeOf(shape)
}

/**
 * The shape to which all of these broadcast. @throws LanewiseError `E_SHAPE` if they do not, `E_VALUE` for what is no
 * list of sizes.
 */
export function broadcastShapes(...given: readonly Shape[]): number[] {
  given.forEach((shape, i) => {
    checkArguments('broadcastShapes', { [`shape ${i}`]: shape }, 'numbers')
  })
  return shapes.broadcastShapes(...given)
}

/** The axis that a possibly negative number names. @throws LanewiseError `E_VALUE` outside [-rank, rank). */
export function normalizeAxis(axis: number, rank: number, what?: string): number {
  checkArguments('normalizeAxis', { axis, rank, what }, 'number', 'number', 'string?')
  return shapes.normalizeAxis(axis, rank, what)
}

/** A zeroed tensor. @throws LanewiseError `E_TENSOR` for an impossible shape or an unknown type. */
export function hostZeros(dtype: DType, shape: Shape): host.HostTensor {
  checkType(dtype)
  checkArguments('hostZeros', { shape }, 'list')
  return host.hostZeros(dtype, shape)
}

/**
 * A tensor around data that already has the storage of its type. @throws LanewiseError `E_TENSOR` if length or storage
 * do not fit.
 */
export function hostTensor(dtype: DType, shape: Shape, data: HostData): host.HostTensor {
  checkType(dtype)
  checkArguments('hostTensor', { shape, data }, 'list', 'list|bytes')
  return host.hostTensor(dtype, shape, data)
}

/**
 * A tensor from plain numbers, e.g. `hostFrom('int64', [2], [3, 4])`. @throws LanewiseError `E_TENSOR` for another
 * number of elements.
 */
export function hostFrom(dtype: DType, shape: Shape, values: readonly (number | bigint)[]): host.HostTensor {
  checkType(dtype)
  checkArguments('hostFrom', { shape, values }, 'list', 'list|bytes')
  if (values.length !== shapes.sizeOf(shape))
    throw new LanewiseError(
      'E_TENSOR',
      `${dtype}${shapes.formatShape(shape)} needs ${shapes.sizeOf(shape)} elements, got ${values.length}`,
    )
  return host.hostFrom(dtype, shape, values)
}

function checkType(dtype: unknown): void {
  if (typeof dtype !== 'string' || !isDType(dtype))
    throw new LanewiseError('E_TENSOR', `${shown(dtype)} is not the name of an element type`)
}

import { REDUCE_SUM } from '../../../assembly/abi/codes.js'
import { sizeOf } from '../../core/shape.js'
import { logicalStrides } from '../../core/layout.js'
import { emitStridedCopy } from '../../ir/strided.js'
import type { GradientEmitter } from '../../ir/gradient.js'
import type { Address, KernelEmitter, Operand } from '../../ir/emitter.js'
import { emitReduce } from './emit-reduce.js'

/**
 * Records the sum of a gradient over the axes along which an operand was broadcast: those that the operand lacks or has
 * of size 1. The axes that are left lie in the order of `from`.
 */
export function emitSumTo(
  e: KernelEmitter,
  from: Pick<Operand, 'at' | 'shape' | 'order'>,
  to: Pick<Operand, 'at' | 'shape'>,
): void {
  if (sizeOf(to.shape) === 0) return
  const lead = from.shape.length - to.shape.length
  const reduced = from.order.map((axis) => axis < lead || (to.shape[axis - lead] === 1 && from.shape[axis] !== 1))
  emitReduce(
    e,
    REDUCE_SUM,
    from.at,
    from.order.map((axis) => from.shape[axis]),
    reduced,
    to.at,
  )
}

/** The operand as it takes part in the result: spread out in scratch where it was broadcast. */
export function spread(g: GradientEmitter<unknown>, operand: Operand, like: Operand): Address {
  if (operand.size === like.size) return operand.at
  const to = g.scratch(like.size * 4)
  const own = logicalStrides(operand.shape, operand.order)
  const strides = logicalStrides(like.shape, like.order)
  const lead = like.shape.length - operand.shape.length
  const axes = like.shape.map((size, axis) => ({
    size,
    from: axis < lead || operand.shape[axis - lead] === 1 ? 0 : own[axis - lead],
    to: strides[axis],
  }))
  emitStridedCopy(g, 'float32', { axes, from: 0, to: 0 }, operand.at, to)
  return to
}

/** Has a gradient of the result's size written by `emit`, and what belongs to one element of the operand added up. */
export function throughBroadcast(
  g: GradientEmitter<unknown>,
  index: number,
  like: Operand,
  emit: (to: Address) => void,
): void {
  const result = g.result(index)
  if (result.size === 0) return
  if (like.size === 0) return g.call('fill_f32', result.at, 0, result.size)
  if (result.size === like.size) return emit(result.at)
  const to = g.scratch(like.size * 4)
  emit(to)
  emitSumTo(g, { at: to, shape: like.shape, order: like.order }, result)
}

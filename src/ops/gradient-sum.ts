import { REDUCE_SUM } from '../../assembly/codes.js'
import { sizeOf } from '../shape.js'
import type { KernelEmitter, Operand } from './op.js'
import { emitReduce } from './reduce.js'

/**
 * Records the sum of a gradient over the axes along which an operand was broadcast: those that the operand lacks or has of size 1. The axes that are
 * left lie in the order of `from`.
 */
export function emitSumTo(e: KernelEmitter, from: Pick<Operand, 'at' | 'shape' | 'order'>, to: Pick<Operand, 'at' | 'shape'>): void {
  if (sizeOf(to.shape) === 0) return
  const lead = from.shape.length - to.shape.length
  const reduced = from.order.map((axis) => axis < lead || (to.shape[axis - lead] === 1 && from.shape[axis] !== 1))
  emitReduce(e, REDUCE_SUM, from.at, from.order.map((axis) => from.shape[axis]), reduced, to.at)
}

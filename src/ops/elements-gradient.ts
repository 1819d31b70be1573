// Gradients of the operators that pick elements along an axis by indices of the data's rank.
import { ELEMENTS_ADD, ELEMENTS_CLEAR, ELEMENTS_TAKE } from '../../assembly/codes.js'
import { byteSize } from '../dtype.js'
import { LanewiseError } from '../errors.js'
import { emitStridedCopy } from '../graph/strided.js'
import { normalizeAxis, stridesOf } from '../shape.js'
import { GatherElements } from './gather.js'
import type { AttributesOfOp, Gradient, GradientEmitter } from './gradient.js'
import type { Address, Operand } from './op.js'
import { ScatterElements } from './scatter.js'

/** Everything lies in logical order here: these operators are computed in plain TypeScript. */
function emitElements(g: GradientEmitter<{ readonly axis: number }>, mode: number, x: Address | number, y: Operand, indices: Operand): void {
  if (indices.size === 0) return
  const axis = normalizeAxis(g.attributes.axis, y.shape.length)
  const table = Int32Array.from([...indices.shape, ...stridesOf(y.shape), y.shape[axis]])
  g.call('elements_f32', mode, x, y.at, indices.at, byteSize(indices.dtype), g.table(table), y.shape.length, axis, indices.size)
}

/** dx is dy at the elements that were taken, added up where one was taken several times. */
export const GatherElementsGradient: Gradient<AttributesOfOp<typeof GatherElements>> = {
  op: GatherElements,
  inputs: [0],
  backward(g) {
    if (!g.wants(0)) return
    const dx = g.result(0)
    if (dx.size === 0) return
    g.call('fill_f32', dx.at, 0, dx.size)
    emitElements(g, ELEMENTS_ADD, g.gradient()!.at, dx, g.input(1))
  },
}

/**
 * Updates have the gradient of the elements that they became, or were added to; what was replaced has none. An element that is replaced twice is
 * not foreseen by ONNX: here each of its updates gets the whole gradient.
 */
export const ScatterElementsGradient: Gradient<AttributesOfOp<typeof ScatterElements>> = {
  op: ScatterElements,
  inputs: [0, 2],
  backward(g) {
    const { reduction } = g.attributes
    if (reduction !== 'none' && reduction !== 'add') throw new LanewiseError('E_UNSUPPORTED', `the reduction "${reduction}" has no gradient`, { op: 'ScatterElements' })
    const dy = g.gradient()!
    const indices = g.input(1)
    if (g.wants(2)) emitElements(g, ELEMENTS_TAKE, g.result(2).at, dy, indices)
    if (!g.wants(0)) return
    if (reduction === 'add') return g.pass(0)
    const dx = g.result(0)
    if (dx.size === 0) return
    emitStridedCopy(g, 'float32', { axes: [{ size: dx.size, from: 1, to: 1 }], from: 0, to: 0 }, dy.at, dx.at)
    emitElements(g, ELEMENTS_CLEAR, 0, dx, indices)
  },
}

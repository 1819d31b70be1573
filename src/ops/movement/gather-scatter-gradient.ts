// Gradients of the operators that pick elements, or slices, by indices.
import { ELEMENTS_ADD, ELEMENTS_CLEAR, ELEMENTS_TAKE } from '../../../assembly/abi/codes.js'
import { byteSize } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { emitDenseCopy } from '../../ir/strided.js'
import { normalizeAxis, sizeOf, stridesOf } from '../../core/shape.js'
import { Gather, GatherElements, GatherND } from './gather.js'
import type { AttributesOfOp, Gradient, GradientEmitter } from '../../ir/gradient.js'
import type { Address, Operand } from '../../ir/emitter.js'
import type { OpDefinition } from '../../ir/op.js'
import { MaxUnpool } from './scatter-window.js'
import { ScatterElements, ScatterND } from './scatter.js'
import { TopK } from '../reduce/top-k.js'

/** Everything lies in logical order here: these operators are computed in plain TypeScript. */
function emitElements(
  g: GradientEmitter<{ readonly axis: number }>,
  mode: number,
  x: Address | 0,
  y: Operand,
  indices: Operand,
): void {
  if (indices.size === 0) return
  const axis = normalizeAxis(g.attributes.axis, y.shape.length)
  const table = Int32Array.from([...indices.shape, ...stridesOf(y.shape), y.shape[axis]])
  g.call(
    'elements_f32',
    mode,
    x,
    y.at,
    indices.at,
    byteSize(indices.dtype),
    g.table(table),
    y.shape.length,
    axis,
    indices.size,
  )
}

/** The call that gives, takes or clears what a node's indices name in y, with x beside them. */
type Emit<A> = (g: GradientEmitter<A>, mode: number, x: Address | 0, y: Operand, indices: Operand) => void

/** dx is dy where something was taken, added up where it was taken several times. */
function gathering<A>(op: OpDefinition<A>, emit: Emit<A>): Gradient<A> {
  return {
    op,
    inputs: [0],
    backward(g) {
      if (!g.wants(0)) return
      const dx = g.result(0)
      if (dx.size === 0) return
      g.call('fill_f32', dx.at, 0, dx.size)
      emit(g, ELEMENTS_ADD, g.gradient().at, dx, g.input(1))
    },
  }
}

/**
 * Updates have the gradient of the elements that they became, or were added to; what was replaced has none. An element
 * that is replaced twice is not foreseen by ONNX: here each of its updates gets the whole gradient.
 */
function scattering<A extends { readonly reduction: string }>(op: OpDefinition<A>, emit: Emit<A>): Gradient<A> {
  return {
    op,
    inputs: [0, 2],
    backward(g) {
      const { reduction } = g.attributes
      if (reduction !== 'none' && reduction !== 'add')
        throw new LanewiseError('E_UNSUPPORTED', `the reduction "${reduction}" has no gradient`)
      const dy = g.gradient()
      const indices = g.input(1)
      if (g.wants(2)) emit(g, ELEMENTS_TAKE, g.result(2).at, dy, indices)
      if (!g.wants(0)) return
      if (reduction === 'add') return g.pass(0)
      const dx = g.result(0)
      if (dx.size === 0) return
      emitDenseCopy(g, dy, dx.at)
      emit(g, ELEMENTS_CLEAR, 0, dx, indices)
    },
  }
}

/** Slices of y that index tuples name, after `batch` axes that both have. */
function emitSlices(
  g: GradientEmitter<unknown>,
  mode: number,
  x: Address | 0,
  y: Operand,
  indices: Operand,
  batch = 0,
): void {
  const depth = indices.shape[indices.shape.length - 1]
  const lead = indices.shape.slice(0, -1)
  const [count, run] = [sizeOf(lead), sizeOf(y.shape.slice(batch + depth))]
  if (count * run === 0) return
  const [sizes, strides] = [y.shape, stridesOf(y.shape)].map((all) => all.slice(batch, batch + depth))
  const table = g.table(Int32Array.from([...sizes, ...strides]))
  g.call(
    'slices_f32',
    mode,
    x,
    y.at,
    indices.at,
    byteSize(indices.dtype),
    count,
    depth,
    table,
    run,
    sizeOf(lead.slice(batch)),
    sizeOf(y.shape.slice(batch)),
  )
}

export const GatherElementsGradient = /* @__PURE__ */ gathering(GatherElements, emitElements)
export const ScatterElementsGradient = /* @__PURE__ */ scattering(ScatterElements, emitElements)
export const GatherNDGradient = /* @__PURE__ */ gathering(GatherND, (g, mode, x, y, indices) =>
  emitSlices(g, mode, x, y, indices, g.attributes.batch_dims),
)
export const ScatterNDGradient = /* @__PURE__ */ scattering(ScatterND, emitSlices)

/** The elements that were chosen have the gradients of their copies. */
export const TopKGradient: Gradient<AttributesOfOp<typeof TopK>> = {
  op: TopK,
  inputs: [0],
  outputs: 2,
  backward(g) {
    if (!g.wants(0)) return
    const indices = g.output(1)
    const dx = g.result(0)
    if (dx.size === 0) return
    g.call('fill_f32', dx.at, 0, dx.size)
    const dy = g.optionalGradient()
    if (dy) emitElements(g, ELEMENTS_ADD, dy.at, dx, indices)
  },
}

/** Every element has the gradient of the place it was put to. */
export const MaxUnpoolGradient: Gradient<AttributesOfOp<typeof MaxUnpool>> = {
  op: MaxUnpool,
  inputs: [0],
  backward(g) {
    if (!g.wants(0)) return
    if (g.inputs[2]) throw new LanewiseError('E_UNSUPPORTED', 'MaxUnpool has no gradient with an output shape')
    const [dx, dy, indices] = [g.result(0), g.gradient(), g.input(1)]
    if (dx.size === 0) return
    g.call(
      'elements_f32',
      ELEMENTS_TAKE,
      dx.at,
      dy.at,
      indices.at,
      byteSize(indices.dtype),
      g.table(Int32Array.of(dx.size, 1, dy.size)),
      1,
      0,
      dx.size,
    )
  },
}

/** Rows that were taken several times get the sum. */
export const GatherGradient: Gradient<{ readonly axis: number }> = {
  op: Gather,
  inputs: [0],
  backward(g) {
    const [x, indices] = [g.input(0), g.input(1)]
    if (!g.wants(0)) return
    const dx = g.result(0)
    if (dx.size === 0) return
    const place = x.order.indexOf(normalizeAxis(g.attributes.axis, x.shape.length))
    g.call('fill_f32', dx.at, 0, dx.size)
    g.call(
      'scatter_add_f32',
      g.gradient().at,
      dx.at,
      indices.at,
      byteSize(indices.dtype),
      sizeOf(x.physical.slice(0, place)),
      x.physical[place],
      indices.size,
      sizeOf(x.physical.slice(place + 1)),
    )
  },
}

import * as code from '../../../assembly/abi/codes.js'
import { emitStridedCopy } from '../../ir/strided.js'
import { logicalStrides } from '../../core/layout.js'
import { toNumbers } from '../../core/host.js'
import { normalizeAxis, sizeOf } from '../../core/shape.js'
import type { Gradient, GradientEmitter } from '../../ir/gradient.js'
import { present } from '../../core/errors.js'
import { plus, type Address, type Operand } from '../../ir/emitter.js'
import type { OpDefinition } from '../../ir/op.js'
import {
  axesOf,
  ReduceL1,
  ReduceL2,
  ReduceLogSum,
  ReduceLogSumExp,
  ReduceMax,
  ReduceMean,
  ReduceMin,
  ReduceProd,
  ReduceSum,
  ReduceSumSquare,
  type ReduceAttributes,
} from './reduce.js'
import { emitReduce } from '../shared/emit-reduce.js'
import { CumProd, CumSum } from './running.js'

/** What stands at the folded place of each element of the input, in the input's order, in scratch or at `to`. */
function unfolded(g: GradientEmitter<ReduceAttributes>, folded: Operand, to: Address): Address {
  const x = g.input(0)
  const axes = axesOf(g.inputs[1]?.constant, x.shape.length, g.attributes)
  const keep = g.attributes.keepdims !== 0
  const own = logicalStrides(folded.shape, folded.order)
  let next = 0
  const from = x.shape.map((_, axis) => (axes.includes(axis) ? ((next += keep ? 1 : 0), 0) : own[next++]))
  const strides = logicalStrides(x.shape, x.order)
  emitStridedCopy(
    g,
    'float32',
    { axes: x.shape.map((size, axis) => ({ size, from: from[axis], to: strides[axis] })), from: 0, to: 0 },
    folded.at,
    to,
  )
  return to
}

/** A gradient that begins with dy spread over what was folded, and goes on in place. */
function spreading(
  op: OpDefinition<ReduceAttributes>,
  finish?: (g: GradientEmitter<ReduceAttributes>, dx: Operand) => void,
): Gradient<ReduceAttributes> {
  return {
    op,
    inputs: [0],
    backward(g) {
      if (!g.wants(0)) return
      const dx = g.result(0)
      if (dx.size === 0) return
      unfolded(g, g.gradient(), dx.at)
      finish?.(g, dx)
    },
  }
}

const multiply = (g: GradientEmitter<unknown>, dx: Operand, by: Address) =>
  g.call('binary_f32', code.BINARY_MUL, dx.at, 1, by, 1, dx.at, dx.size)
const scale = (g: GradientEmitter<unknown>, dx: Operand, factor: number) =>
  g.call('unary_f32', code.UNARY_AFFINE, dx.at, dx.at, dx.size, factor, 0)

/** The least float32 above 0. */
const LEAST_POSITIVE = 2 ** -149
/** Raises what is less, and leaves NaN: −∞ and 0 then divide and subtract without becoming NaN. */
const atLeast = (g: GradientEmitter<unknown>, x: Address, n: number, least: number) =>
  g.call('binary_f32', code.BINARY_MAX, x, 1, g.table(Float32Array.of(least)), 0, x, n)

export const ReduceSumGradient = /* @__PURE__ */ spreading(ReduceSum)
export const ReduceMeanGradient = /* @__PURE__ */ spreading(ReduceMean, (g, dx) =>
  scale(g, dx, g.output(0).size / dx.size),
)
export const ReduceSumSquareGradient = /* @__PURE__ */ spreading(ReduceSumSquare, (g, dx) => {
  multiply(g, dx, g.input(0).at)
  scale(g, dx, 2)
})
export const ReduceL1Gradient = /* @__PURE__ */ spreading(ReduceL1, (g, dx) =>
  g.call('unary_gradient_f32', code.UNARY_ABS, g.input(0).at, g.input(0).at, dx.at, dx.at, dx.size, 0, 0),
)
/** dy·x/y; 0 at the corner, where all elements are 0, as in PyTorch. */
export const ReduceL2Gradient = /* @__PURE__ */ spreading(ReduceL2, (g, dx) => {
  multiply(g, dx, g.input(0).at)
  const lengths = unfolded(g, g.output(0), g.scratch(dx.size * 4))
  atLeast(g, lengths, dx.size, LEAST_POSITIVE)
  g.call('binary_f32', code.BINARY_DIV, dx.at, 1, lengths, 1, dx.at, dx.size)
})
/** dy over the sum, whose logarithm y is. */
export const ReduceLogSumGradient = /* @__PURE__ */ spreading(ReduceLogSum, (g, dx) => {
  const sums = unfolded(g, g.output(0), g.scratch(dx.size * 4))
  g.call('unary_f32', code.UNARY_EXP, sums, sums, dx.size, 0, 0)
  g.call('binary_f32', code.BINARY_DIV, dx.at, 1, sums, 1, dx.at, dx.size)
})
/** dy times softmax; 0 where all elements are −∞, as in PyTorch. */
export const ReduceLogSumExpGradient = /* @__PURE__ */ spreading(ReduceLogSumExp, (g, dx) => {
  const shares = unfolded(g, g.output(0), g.scratch(dx.size * 4))
  atLeast(g, shares, dx.size, -3.4028234663852886e38)
  g.call('binary_f32', code.BINARY_SUB, g.input(0).at, 1, shares, 1, shares, dx.size)
  g.call('unary_f32', code.UNARY_EXP, shares, shares, dx.size, 0, 0)
  multiply(g, dx, shares)
})

/** dy goes to the elements that equal the result, in equal shares. */
function picking(op: OpDefinition<ReduceAttributes>): Gradient<ReduceAttributes> {
  return spreading(op, (g, dx) => {
    const x = g.input(0)
    const y = g.output(0)
    const results = unfolded(g, y, g.scratch(dx.size * 4))
    const ones = g.scratch(dx.size * 4)
    g.call('fill_f32', ones, 1, dx.size)
    g.call('equal_gradient_f32', x.at, results, ones, ones, dx.size)
    const axes = axesOf(g.inputs[1]?.constant, x.shape.length, g.attributes)
    const counts = g.scratch(y.size * 4)
    emitReduce(
      g,
      code.REDUCE_SUM,
      ones,
      x.physical,
      x.order.map((axis) => axes.includes(axis)),
      counts,
    )
    multiply(g, dx, ones)
    g.call(
      'binary_f32',
      code.BINARY_DIV,
      dx.at,
      1,
      unfolded(g, { ...placeOf(y), at: counts }, results),
      1,
      dx.at,
      dx.size,
    )
  })
}

function placeOf({ dtype, shape, order, physical, size }: Operand): Omit<Operand, 'at'> {
  return { dtype, shape, order, physical, size, constant: undefined }
}

export const ReduceMaxGradient = /* @__PURE__ */ picking(ReduceMax)
export const ReduceMinGradient = /* @__PURE__ */ picking(ReduceMin)

/** The running sum from the other side. */
export const CumSumGradient: Gradient<{ readonly exclusive: number; readonly reverse: number }> = {
  op: CumSum,
  inputs: [0],
  backward(g) {
    const x = g.input(0)
    if (!g.wants(0)) return
    const at = x.order.indexOf(
      normalizeAxis(toNumbers(present(g.input(1).constant, 'axis'), 'axis')[0], x.shape.length),
    )
    const [outer, inner] = [sizeOf(x.physical.slice(0, at)), sizeOf(x.physical.slice(at + 1))]
    const dx = g.result(0)
    if (dx.size > 0)
      g.call(
        'cumsum_f32',
        g.gradient().at,
        dx.at,
        x.physical[at],
        inner,
        0,
        outer,
        g.attributes.exclusive,
        g.attributes.reverse ? 0 : 1,
      )
  },
}

/** Lane by lane, and elements against elements: there is no division by an element that may be 0. */
export const CumProdGradient: Gradient<{ readonly exclusive: number; readonly reverse: number }> = {
  op: CumProd,
  inputs: [0],
  backward(g) {
    if (!g.wants(0)) return
    const [x, dx, dy] = [g.input(0), g.result(0), g.gradient()]
    const at = normalizeAxis(toNumbers(present(g.input(1).constant, 'axis'), 'axis')[0], x.shape.length)
    const [n, inner] = [x.shape[at], sizeOf(x.shape.slice(at + 1))]
    for (let lane = 0; x.size > 0 && lane < x.size / n; lane++) {
      const first = (Math.floor(lane / inner) * n * inner + (lane % inner)) * 4
      g.call(
        'cumprod_gradient_f32',
        plus(x.at, first),
        plus(dy.at, first),
        plus(dx.at, first),
        n,
        inner,
        g.attributes.exclusive ? 1 : 0,
        g.attributes.reverse ? 1 : 0,
      )
    }
  },
}

/** dy times the product of the other elements: each set of folded elements as a row, with no division. */
export const ReduceProdGradient = /* @__PURE__ */ spreading(ReduceProd, (g, dx) => {
  const x = g.input(0)
  const folded = axesOf(g.inputs[1]?.constant, x.shape.length, g.attributes)
  const strides = logicalStrides(x.shape, x.order)
  const arranged = [...x.shape.keys()].filter((axis) => !folded.includes(axis)).concat(folded)
  const rows = logicalStrides(x.shape, arranged)
  const copy = (from: readonly number[], to: readonly number[], source: Address, target: Address) =>
    emitStridedCopy(
      g,
      'float32',
      { axes: x.shape.map((size, axis) => ({ size, from: from[axis], to: to[axis] })), from: 0, to: 0 },
      source,
      target,
    )
  const [values, gradients] = [g.scratch(dx.size * 4), g.scratch(dx.size * 4)]
  copy(strides, rows, x.at, values)
  copy(strides, rows, dx.at, gradients)
  const length = sizeOf(folded.map((axis) => x.shape[axis]))
  g.call('product_gradient_f32', values, gradients, length, dx.size / length)
  copy(rows, strides, gradients, dx.at)
})

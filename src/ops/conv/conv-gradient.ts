import { REDUCE_SUM, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { emitReorder } from '../../ir/strided.js'
import { sizeOf } from '../../core/shape.js'
import { Conv, windowOf, type ConvAttributes } from './conv.js'
import { channelsOf, slidingOf, unitTaps, type ConvProblem } from './problem.js'
import { chooseKernel } from './variants.js'
import { ConvTranspose, emitTransposed, geometryOf, type TransposeAttributes } from './conv-transpose.js'
import type { Gradient, GradientEmitter } from '../../ir/gradient.js'
import { plus, type Operand } from '../../ir/emitter.js'
import { emitReduce } from '../shared/emit-reduce.js'
import { flatWindowTable, threeAxes, windowTable, type Window } from '../pool/window.js'

const plain = { bias: 0, residual: 0, activation: { code: UNARY_NONE, a: 0, b: 0 } } as const

/**
 * What a convolution did, or the one that a transposed convolution is the transpose of: from `x` to `y`, whichever of
 * them was the input.
 */
interface Correlation {
  /** [N, C, spatial …], channels-last. */
  readonly x: Operand
  /** [N, M, spatial …], channels-last. */
  readonly y: Operand
  /** [M, C/group, kernel …]. */
  readonly w: Operand
  readonly window: Omit<Window, 'output' | 'end'>
  readonly group: number
}

/**
 * By the input: a convolution or transposed convolution of dY; by the weights: products of X under every tap with dY;
 * by the bias: a sum.
 */
export const ConvGradient: Gradient<ConvAttributes> = {
  op: Conv,
  inputs: [0, 1, 2],
  backward(g) {
    const [x, w, dy] = [g.input(0), g.input(1), g.gradient()]
    const correlation = {
      x,
      y: dy,
      w,
      window: windowOf(g.attributes, x.shape, w.shape, undefined),
      group: g.attributes.group,
    }
    if (g.wants(0)) emitInputGradient(g, correlation, g.result(0))
    if (g.wants(1)) emitWeightGradient(g, correlation, g.result(1))
    emitBiasGradient(g, dy)
  },
}

/**
 * The input's gradient is the convolution that this is the transpose of; for the weights the two images change places.
 */
export const ConvTransposeGradient: Gradient<TransposeAttributes> = {
  op: ConvTranspose,
  inputs: [0, 1, 2],
  backward(g) {
    const [x, w, dy] = [g.input(0), g.input(1), g.gradient()]
    const { group } = g.attributes
    const window = geometryOf(g.attributes, x.shape, w.shape, undefined)
    if (g.wants(0)) {
      const dx = g.result(0)
      if (dx.size > 0) emitConv(g, { ...plain, x: dy, w, y: dx, window: { ...window, end: [], output: [] }, group })
    }
    if (g.wants(1)) emitWeightGradient(g, { x: dy, y: x, w, window, group }, g.result(1))
    emitBiasGradient(g, dy)
  },
}

/** A convolution whose padding at the end follows from the size of its output. */
function emitConv(g: GradientEmitter<unknown>, problem: ConvProblem): void {
  const { kernel, strides, dilations, begin } = problem.window
  const output = problem.y.shape.slice(2)
  const end = output.map(
    (size, i) => (size - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - begin[i] - problem.x.shape[i + 2],
  )
  const whole = { ...problem, window: { ...problem.window, end, output } }
  chooseKernel(g, whole).emit(g, whole)
}

function emitBiasGradient(g: GradientEmitter<unknown>, dy: Operand): void {
  if (!g.inputs[2] || !g.wants(2)) return
  const db = g.result(2)
  emitReduce(g, REDUCE_SUM, dy.at, [dy.size / db.size, db.size], [true, false], db.at)
}

function zero(g: GradientEmitter<unknown>, result: Operand): void {
  g.call('fill_f32', result.at, 0, result.size)
}

function emitInputGradient(g: GradientEmitter<unknown>, { x, y, w, window, group }: Correlation, dx: Operand): void {
  if (dx.size === 0) return
  if (y.size === 0) return zero(g, dx)
  const { kernel, strides, dilations } = window
  const inputs = w.shape[1]
  const outputs = w.shape[0] / group
  const taps = sizeOf(kernel)
  const begin = kernel.map((size, i) => (size - 1) * dilations[i] - window.begin[i])
  if (strides.every((stride) => stride === 1) && begin.every((pad) => pad >= 0)) {
    const at = g.scratch(4 * w.size)
    g.call('conv_flip_f32', w.at, outputs, inputs, taps, group, at)
    const shape = [x.shape[1], outputs, ...kernel]
    const flipped: Operand = {
      ...w,
      shape,
      physical: shape,
      order: shape.map((_, axis) => axis),
      size: w.size,
      at,
      constant: undefined,
    }
    return emitConv(g, {
      ...plain,
      x: y,
      w: flipped,
      y: dx,
      window: { kernel, strides, dilations, begin, end: [], output: [] },
      group,
    })
  }
  if (inputs === 1 && outputs === 1) {
    const channels = group
    const packed = g.scratch(4 * g.ask('depthwise_packed_size', channels, taps))
    g.call('depthwise_pack_f32', w.at, channels, taps, packed)
    const [d, h] = threeAxes(x.shape.slice(2), 1)
    const table = g.table(windowTable(slidingOf({ x, y, w, window, group })))
    g.call('depthwise_input_gradient_f32', y.at, packed, dx.at, table, 0, x.shape[0] * d * h)
    return
  }
  emitTransposed(g, { ...plain, x: y, w, y: dx, window, group })
}

function emitWeightGradient(g: GradientEmitter<unknown>, correlation: Correlation, dw: Operand): void {
  if (dw.size === 0) return
  const { x, y, window, group } = correlation
  const { inputs, outputs } = channelsOf(correlation)
  const taps = sizeOf(window.kernel)
  const sliding = slidingOf(correlation)
  if (group > 1 && inputs === 1 && outputs === 1) {
    const to = g.scratch(4 * dw.size)
    g.call('depthwise_weight_gradient_f32', x.at, y.at, to, g.table(windowTable(sliding)), 0, taps)
    return emitReorder(g, 'float32', [taps, group], [0, 1], [1, 0], to, dw.at)
  }
  const direct = taps * inputs === 1 && group === 1
  const to = direct ? dw.at : g.scratch(4 * dw.size)
  const [size] = threeAxes(x.shape.slice(2), 1)
  const [depth, oh, ow] = threeAxes(y.shape.slice(2), 1)
  const images = x.shape[0] * depth
  // Every depth is an image where the window does nothing along that axis.
  const flat =
    window.kernel.length < 3 ||
    (window.kernel[0] === 1 && window.strides[0] === 1 && window.begin[0] === 0 && depth === size)
  const r = flat && g.fast ? unitTaps(window) : 0
  const m = 7 - r
  if (r > 0 && winogradPays(m, r, images, inputs, outputs, oh, ow)) {
    const table = g.table(flatWindowTable(sliding))
    const scratch = g.scratch(g.ask('winograd_weight_gradient_scratch_size', m, images, inputs, outputs, oh, ow))
    for (let i = 0; i < group; i++) {
      const [from, given] = [plus(x.at, 4 * i * inputs), plus(y.at, 4 * i * outputs)]
      const part = plus(to, 4 * i * taps * inputs * outputs)
      g.call('winograd_weight_gradient_f32', m, from, given, part, table, 0, inputs, scratch)
    }
  } else {
    const scratch = g.scratch(g.ask('gemm_tn_scratch_size', outputs))
    const table = g.table(windowTable(sliding))
    g.call('conv_weight_gradient_f32', x.at, y.at, to, table, 0, group * taps * inputs, scratch)
  }
  if (!direct) emitReorder(g, 'float32', [group, taps, inputs, outputs], [0, 1, 2, 3], [0, 3, 2, 1], to, dw.at)
}

/**
 * Whether sums over transformed tiles are faster than sums over pixels: the evidence is in
 * docs/performance/training.md.
 */
function winogradPays(
  m: number,
  r: number,
  images: number,
  inputs: number,
  outputs: number,
  oh: number,
  ow: number,
): boolean {
  const pixels = images * oh * ow
  const products = 36 * images * Math.ceil(oh / m) * Math.ceil(ow / m)
  return Math.min(inputs, outputs) >= 4 && pixels >= 100 && products <= 0.6 * r * r * pixels
}

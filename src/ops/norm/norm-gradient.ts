import {
  BINARY_DIV,
  BINARY_MAX,
  BINARY_MUL,
  BINARY_SUB,
  REDUCE_L1,
  REDUCE_L2,
  REDUCE_MEAN,
  REDUCE_SUM,
  UNARY_AFFINE,
  UNARY_SIGN,
  UNARY_SQRT,
  UNARY_SQUARE,
} from '../../../assembly/abi/codes.js'
import { emitReorder } from '../../ir/strided.js'
import { channelsLastOrder, sameMemory } from '../../core/layout.js'
import { normalizeAxes, normalizeAxis, sizeOf } from '../../core/shape.js'
import { emitBinary } from '../elementwise/arithmetic.js'
import type { AttributesOfOp, Gradient, GradientEmitter, TrainingEmitter } from '../../ir/gradient.js'
import { emitSumTo } from '../shared/gradient-sum.js'
import { MeanVarianceNormalization } from './mean-variance.js'
import { BatchNormalization, emitRunning } from './batch-norm.js'
import {
  expandedRow,
  requireRow,
  GroupNormalization,
  InstanceNormalization,
  LayerNormalization,
  LpNormalization,
  perChannel,
  RMSNormalization,
  rowsOf,
} from './norm.js'
import { LRN } from './lrn.js'
import type { Address, KernelEmitter, Operand } from '../../ir/emitter.js'
import { withRule } from '../../ir/op.js'
import { emitReduce } from '../shared/emit-reduce.js'

type RowAttributes = AttributesOfOp<typeof LayerNormalization>

/** The kernels of this file want the channels innermost. */
function channelsInnermost(e: KernelEmitter, { shape, order, at, size }: Operand): Address {
  const last = channelsLastOrder(shape.length)
  if (sameMemory(shape, order, last)) return at
  const to = e.scratch(size * 4)
  emitReorder(e, 'float32', shape, order, last, at, to)
  return to
}

/** Has a result computed with its channels innermost, and puts it in its own order. */
function intoInnermost(e: KernelEmitter, { shape, order, at, size }: Operand, emit: (to: Address) => void): void {
  const last = channelsLastOrder(shape.length)
  if (sameMemory(shape, order, last)) return emit(at)
  const to = e.scratch(size * 4)
  emit(to)
  emitReorder(e, 'float32', shape, last, order, to, at)
}

const vectors = (e: KernelEmitter, count: number, size: number): Address[] =>
  Array.from({ length: count }, () => e.scratch(size * 4))

type BatchAttributes = AttributesOfOp<typeof BatchNormalization>

/** In training by the batch's own statistics, else by those given: then these have gradients, too. */
export const BatchNormalizationGradient: Gradient<BatchAttributes> = {
  op: BatchNormalization,
  forward(e) {
    if (e.attributes.training_mode && e.input(0).size > 0) emitBatchTraining(e)
    else withRule(BatchNormalization, 'emit').emit(e)
  },
  backward(g) {
    const dy = g.optionalGradient()
    if (!dy) return
    const [x, scale] = [g.input(0), g.input(1)]
    if (x.size === 0)
      return [0, 1, 2].forEach((i) => g.wants(i) && g.call('fill_f32', g.result(i).at, 0, g.input(i).size))
    const channels = scale.size
    const rows = x.size / channels
    const training = g.attributes.training_mode !== 0
    const [from, given] = [channelsInnermost(g, x), channelsInnermost(g, dy)]
    const sums = g.wants(2) ? g.result(2).at : g.scratch(channels * 4)
    const products = g.wants(1) ? g.result(1).at : g.scratch(channels * 4)
    if (training) {
      const [mean, invstd] = [g.saved(0), g.saved(1)]
      g.call('norm_sums_f32', from, given, mean, invstd, sums, products, channels, rows, 0, 0, 1)
      if (!g.wants(0)) return
      const [a, b, c] = vectors(g, 3, channels)
      g.call('norm_coefficients_f32', scale.at, invstd, sums, products, a, b, c, channels, channels, rows, 0, 1)
      return intoInnermost(g, g.result(0), (to) =>
        g.call('norm_apply_f32', from, given, mean, a, b, c, to, channels, rows, 0, 1),
      )
    }
    const [invstd, factor, ignored] = vectors(g, 3, channels)
    const [zeros, ones] = [g.table(new Float32Array(channels)), g.table(new Float32Array(channels).fill(1))]
    g.call(
      'batch_norm_coefficients_f32',
      ones,
      zeros,
      zeros,
      g.input(4).at,
      invstd,
      ignored,
      channels,
      g.attributes.epsilon,
    )
    g.call('binary_f32', BINARY_MUL, scale.at, 1, invstd, 1, factor, channels)
    if ([1, 2, 3, 4].some((i) => g.wants(i)))
      g.call('norm_sums_f32', from, given, g.input(3).at, invstd, sums, products, channels, rows, 0, 0, 1)
    if (g.wants(0))
      intoInnermost(g, g.result(0), (to) =>
        g.call('affine_channels_last_f32', given, factor, zeros, to, channels, 0, rows),
      )
    if (g.wants(3)) {
      const dmean = g.result(3).at
      g.call('binary_f32', BINARY_MUL, sums, 1, factor, 1, dmean, channels)
      g.call('unary_f32', UNARY_AFFINE, dmean, dmean, channels, -1, 0)
    }
    if (g.wants(4)) {
      const dvariance = g.result(4).at
      g.call('binary_f32', BINARY_MUL, products, 1, factor, 1, dvariance, channels)
      g.call('binary_f32', BINARY_MUL, dvariance, 1, invstd, 1, dvariance, channels)
      g.call('unary_f32', UNARY_AFFINE, dvariance, dvariance, channels, -0.5, 0)
    }
  },
}

/** Statistics of the batch, the normalisation by them, new running statistics. */
function emitBatchTraining(e: TrainingEmitter<BatchAttributes>): void {
  const [x, scale, bias] = [e.input(0), e.input(1), e.input(2)]
  const channels = scale.size
  const rows = x.size / channels
  const [mean, invstd] = [e.save(channels * 4), e.save(channels * 4)]
  const [variance, factor] = vectors(e, 2, channels)
  const from = channelsInnermost(e, x)
  e.call('norm_statistics_f32', from, mean, invstd, variance, channels, channels, rows, e.attributes.epsilon, 0, 1)
  e.call('binary_f32', BINARY_MUL, scale.at, 1, invstd, 1, factor, channels)
  intoInnermost(e, e.output(0), (to) =>
    e.call('norm_apply_f32', from, 0, mean, 0, factor, bias.at, to, channels, rows, 0, 1),
  )
  emitRunning(e, e.attributes.momentum, channels, [mean, variance])
}

/** Statistics are taken again: reading x twice more costs less than a forward pass that keeps them. */
function emitGroupGradient(g: GradientEmitter<{ readonly epsilon: number }>, groups: number): void {
  const [x, dy] = [g.input(0), g.gradient()]
  if (x.size === 0)
    return [0, 1, 2].forEach((i) => g.wants(i) && g.call('fill_f32', g.result(i).at, 0, g.input(i).size))
  const [batch, channels] = x.shape
  const spatial = sizeOf(x.shape.slice(2))
  const [from, given] = [channelsInnermost(g, x), channelsInnermost(g, dy)]
  const [mean, invstd, sums, products] = vectors(g, 4, batch * channels)
  g.call('norm_statistics_f32', from, mean, invstd, 0, channels, groups, spatial, g.attributes.epsilon, 0, batch)
  g.call('norm_sums_f32', from, given, mean, invstd, sums, products, channels, spatial, 0, 0, batch)
  for (const [i, total] of [
    [1, products],
    [2, sums],
  ] as const) {
    if (!g.wants(i)) continue
    const depth = channels / g.input(i).size
    emitReduce(g, REDUCE_SUM, total, [batch, channels / depth, depth], [true, false, true], g.result(i).at)
  }
  if (!g.wants(0)) return
  const [a, b, c] = vectors(g, 3, batch * channels)
  g.call(
    'norm_coefficients_f32',
    perChannel(g, g.input(1), groups, channels),
    invstd,
    sums,
    products,
    a,
    b,
    c,
    channels,
    groups,
    spatial,
    0,
    batch,
  )
  intoInnermost(g, g.result(0), (to) =>
    g.call('norm_apply_f32', from, given, mean, a, b, c, to, channels, spatial, 0, batch),
  )
}

export const InstanceNormalizationGradient: Gradient<AttributesOfOp<typeof InstanceNormalization>> = {
  op: InstanceNormalization,
  backward: (g) => emitGroupGradient(g, g.input(0).shape[1]),
}

export const GroupNormalizationGradient: Gradient<AttributesOfOp<typeof GroupNormalization>> = {
  op: GroupNormalization,
  backward: (g) => emitGroupGradient(g, g.attributes.num_groups),
}

/** Keeps mean and 1/deviation of every row. */
export const LayerNormalizationGradient: Gradient<RowAttributes> = {
  op: LayerNormalization,
  forward(e) {
    const [x, scale, bias, y] = [e.input(0), e.input(1), e.inputs[2], e.output(0)]
    const { normalized, rows, columns } = rowsOf(x.shape, e.attributes.axis)
    requireRow('scale', scale, normalized)
    if (bias) requireRow('bias', bias, normalized)
    const statistics = [e.save(rows * 4), e.save(rows * 4)]
    const addends = bias ? expandedRow(e, bias, normalized) : 0
    if (columns > 0)
      e.call(
        'layer_norm_f32',
        x.at,
        0,
        0,
        0,
        expandedRow(e, scale, normalized),
        addends,
        y.at,
        ...(statistics as [Address, Address]),
        columns,
        e.attributes.epsilon,
        0,
        rows,
      )
    statistics.forEach((from, i) => {
      if (e.outputs[i + 1]) e.call('unary_f32', UNARY_AFFINE, from, e.output(i + 1).at, rows, 1, 0)
    })
  },
  backward: (g) => emitRowGradient(g, g.saved(0), g.saved(1)),
}

export const RMSNormalizationGradient: Gradient<RowAttributes> = {
  op: RMSNormalization,
  forward(e) {
    const [x, scale, y] = [e.input(0), e.input(1), e.output(0)]
    const { normalized, rows, columns } = rowsOf(x.shape, e.attributes.axis)
    const invstd = e.save(rows * 4)
    if (columns > 0)
      e.call(
        'rms_norm_f32',
        x.at,
        0,
        0,
        0,
        expandedRow(e, scale, normalized),
        y.at,
        invstd,
        columns,
        e.attributes.epsilon,
        0,
        rows,
      )
  },
  backward: (g) => emitRowGradient(g, 0, g.saved(0)),
}

/** The loss may depend on the statistics of a LayerNormalization, too. */
function emitRowGradient(g: GradientEmitter<RowAttributes>, mean: Address | 0, invstd: Address): void {
  const [x, scale] = [g.input(0), g.input(1)]
  const { normalized, rows, columns } = rowsOf(x.shape, g.attributes.axis)
  let given = g.optionalGradient()?.at
  if (!given) g.call('fill_f32', (given = g.scratch(x.size * 4)), 0, x.size)
  if (g.wants(0)) {
    const dx = g.result(0)
    const factors = expandedRow(g, scale, normalized)
    g.call(
      'layer_norm_gradient_f32',
      x.at,
      given,
      factors,
      mean,
      invstd,
      g.optionalGradient(1)?.at ?? 0,
      g.optionalGradient(2)?.at ?? 0,
      dx.at,
      columns,
      0,
      rows,
    )
  }
  if (!g.wants(1) && !(g.inputs[2] && g.wants(2))) return
  const [sums, products] = vectors(g, 2, columns)
  g.call('norm_sums_f32', x.at, given, mean, invstd, sums, products, columns, rows, 1, 0, 1)
  const order = normalized.map((_, axis) => axis)
  for (const [i, at] of [
    [1, products],
    [2, sums],
  ] as const) {
    if (g.inputs[i] && g.wants(i)) emitSumTo(g, { at, shape: normalized, order }, g.result(i))
  }
}

export const LRNGradient: Gradient<AttributesOfOp<typeof LRN>> = {
  op: LRN,
  backward(g) {
    const x = g.input(0)
    const dx = g.result(0)
    if (x.size === 0) return
    const { alpha, beta, bias, size } = g.attributes
    const channels = x.shape[1]
    const seen = Math.min(size, 2 * channels + 1)
    const scratch = g.scratch(g.ask('lrn_gradient_scratch_size', channels, seen))
    g.call(
      'lrn_gradient_f32',
      x.at,
      g.gradient().at,
      dx.at,
      channels,
      seen,
      (alpha / size) * seen,
      beta,
      bias,
      0,
      x.size / channels,
      scratch,
    )
  },
}

/** A tensor of an operand's shape, or of one with some axes folded, in its order, in scratch. */
function scratchLike(g: GradientEmitter<unknown>, { dtype, order }: Operand, shape: readonly number[]): Operand {
  const size = sizeOf(shape)
  return {
    dtype,
    shape,
    order,
    physical: order.map((axis) => shape[axis]),
    size,
    at: g.scratch(Math.max(size * 4, 4)),
    constant: undefined,
  }
}

/** dx = (dy − s·Σ dy·y)/‖x‖ with s = y for p = 2 and the signs of x for p = 1; where all elements are 0 it is 0. */
export const LpNormalizationGradient: Gradient<AttributesOfOp<typeof LpNormalization>> = {
  op: LpNormalization,
  backward(g) {
    if (!g.wants(0)) return
    const [x, y, dy, dx] = [g.input(0), g.output(0), g.gradient(), g.result(0)]
    if (x.size === 0) return
    const axis = normalizeAxis(g.attributes.axis, x.shape.length)
    const folded = x.shape.map((size, i) => (i === axis ? 1 : size))
    const reduced = x.order.map((i) => i === axis)
    const [norm, sum, part] = [scratchLike(g, x, folded), scratchLike(g, x, folded), scratchLike(g, x, x.shape)]
    emitReduce(g, g.attributes.p === 1 ? REDUCE_L1 : REDUCE_L2, x.at, x.physical, reduced, norm.at)
    emitBinary(g, BINARY_MUL, dy, y, part)
    emitReduce(g, REDUCE_SUM, part.at, x.physical, reduced, sum.at)
    if (g.attributes.p === 1) g.call('unary_f32', UNARY_SIGN, x.at, part.at, x.size, 0, 0)
    emitBinary(g, BINARY_MUL, g.attributes.p === 1 ? part : y, sum, part)
    emitBinary(g, BINARY_SUB, dy, part, dx)
    // 0 where the norm is 0: there the sign of the norm is, and nothing is divided by it.
    g.call('unary_f32', UNARY_SIGN, norm.at, sum.at, norm.size, 0, 0)
    emitBinary(g, BINARY_MUL, dx, sum, dx)
    g.call('binary_f32', BINARY_MAX, norm.at, 1, g.table(Float32Array.of(1.401298464324817e-45)), 0, norm.at, norm.size)
    emitBinary(g, BINARY_DIV, dx, norm, dx)
  },
}

/** dx = (dy − mean dy − y·mean(dy·y))/deviation: the 1e−9 beside the deviation is below what its square can tell. */
export const MeanVarianceNormalizationGradient: Gradient<AttributesOfOp<typeof MeanVarianceNormalization>> = {
  op: MeanVarianceNormalization,
  backward(g) {
    if (!g.wants(0)) return
    const [x, y, dy, dx] = [g.input(0), g.output(0), g.gradient(), g.result(0)]
    if (x.size === 0) return
    const axes = normalizeAxes(g.attributes.axes, x.shape.length)
    const folded = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    const reduced = x.order.map((axis) => axes.includes(axis))
    const [mean, deviation, part] = [scratchLike(g, x, folded), scratchLike(g, x, folded), scratchLike(g, x, x.shape)]
    emitReduce(g, REDUCE_MEAN, x.at, x.physical, reduced, mean.at)
    emitBinary(g, BINARY_SUB, x, mean, part)
    g.call('unary_f32', UNARY_SQUARE, part.at, part.at, x.size, 0, 0)
    emitReduce(g, REDUCE_MEAN, part.at, x.physical, reduced, deviation.at)
    g.call('unary_f32', UNARY_SQRT, deviation.at, deviation.at, deviation.size, 0, 0)
    g.call('unary_f32', UNARY_AFFINE, deviation.at, deviation.at, deviation.size, 1, 1e-9)
    emitReduce(g, REDUCE_MEAN, dy.at, x.physical, reduced, mean.at)
    emitBinary(g, BINARY_SUB, dy, mean, dx)
    emitBinary(g, BINARY_MUL, dy, y, part)
    emitReduce(g, REDUCE_MEAN, part.at, x.physical, reduced, mean.at)
    emitBinary(g, BINARY_MUL, y, mean, part)
    emitBinary(g, BINARY_SUB, dx, part, dx)
    emitBinary(g, BINARY_DIV, dx, deviation, dx)
  },
}

import { BINARY_ADD, BINARY_SUB, REDUCE_MEAN, UNARY_AFFINE, UNARY_SQUARE } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { follow } from '../../core/layout.js'
import { sizeOf } from '../../core/shape.js'
import { float, int } from '../../ir/attributes.js'
import { emitBinary } from '../elementwise/arithmetic.js'
import { floatsOf, floatTensor, type Floats } from '../shared/scalar-floats.js'
import type { Address, Emitter } from '../../ir/emitter.js'
import { defineOp, type UpgradeContext } from '../../ir/op.js'
import { emitReduce } from '../shared/emit-reduce.js'

import { requireFloat } from '../shared/operands.js'
import { requireVector } from './operands.js'

/** (x − mean) / √(variance + epsilon) · scale + B, all of them of one example's shape. */
function perElement(node: UpgradeContext): void {
  const { attributes, outputs } = node
  if (outputs.slice(1).some((name) => name !== ''))
    throw new LanewiseError('E_UNSUPPORTED', 'spatial = 0 in training is not supported')
  const [x, scale, bias, mean, variance] = node.inputs
  const given = attributes.get('epsilon')
  const epsilon = node.constant(floatTensor('float32', [], [given?.kind === 'float' ? given.value : 1e-5]))
  const spread = node.node('Sqrt', [node.node('Add', [variance, node.node('CastLike', [epsilon, variance])])])
  const centred = node.node('Sub', [x, mean])
  node.inputs = [node.node('Mul', [centred, node.node('Div', [scale, spread])]), bias]
  attributes.clear()
  node.rename('Add')
}

export const BatchNormalization = defineOp({
  name: 'BatchNormalization',
  arity: 5,
  outputs: 3,
  attributes: { epsilon: float(1e-5), momentum: float(0.9), training_mode: int(0) },
  infer({ attributes, inputs: [x, ...vectors] }) {
    requireFloat(x.dtype)
    // With one axis there is one channel.
    const channels = x.shape.length < 2 ? 1 : x.shape[1]
    vectors.forEach((vector, i) => requireVector(['scale', 'B', 'input_mean', 'input_var'][i], vector, channels))
    return attributes.training_mode ? [x, vectors[2], vectors[3]] : [x]
  },
  layout: follow,
  kernel: (types) => types.every((type) => type === 'float32'),
  emit(e) {
    const x = e.input(0)
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => e.input(i).at)
    const { training_mode: training, momentum, epsilon } = e.attributes
    const y = e.overwrite(0, 0)
    if (x.size === 0 && !training) return
    const at = x.order.indexOf(1)
    const channels = at < 0 ? 1 : x.shape[1]
    const inner = at < 0 ? x.size : sizeOf(x.physical.slice(at + 1))
    const factor = e.scratch(channels * 4)
    const addend = e.scratch(channels * 4)
    if (training) {
      const statistics = [e.scratch(channels * 4), e.scratch(channels * 4)]
      const reduced = x.order.map((axis) => axis !== 1)
      const squares = e.scratch(x.size * 4)
      emitReduce(e, REDUCE_MEAN, x.at, x.physical, reduced, statistics[0])
      emitBinary(
        e,
        BINARY_SUB,
        x,
        { shape: x.shape.map((size, axis) => (axis === 1 ? size : 1)), order: x.order, at: statistics[0] },
        y,
      )
      e.call('unary_f32', UNARY_SQUARE, y.at, squares, x.size, 0, 0)
      emitReduce(e, REDUCE_MEAN, squares, x.physical, reduced, statistics[1])
      // The mean has been taken off already.
      e.call(
        'batch_norm_coefficients_f32',
        scale,
        bias,
        e.table(new Float32Array(channels)),
        statistics[1],
        factor,
        addend,
        channels,
        epsilon,
      )
      emitRunning(e, momentum, channels, statistics)
    } else {
      e.call('batch_norm_coefficients_f32', scale, bias, mean, variance, factor, addend, channels, epsilon)
    }
    const from = training ? y.at : x.at
    if (inner === 1) e.call('affine_channels_last_f32', from, factor, addend, y.at, channels, 0, x.size / channels)
    else e.call('affine_channels_first_f32', from, factor, addend, y.at, channels, inner, 0, x.size / inner)
  },
  compute({ attributes: { epsilon, momentum, training_mode: training }, inputs: [x, ...vectors], outputs }) {
    const from = floatsOf(x)
    const [scale, bias, oldMean, oldVariance] = vectors.map((vector) => floatsOf(vector))
    const spatial = sizeOf(x.shape.slice(2))
    const y = new Float64Array(from.length)
    const [mean, variance] = training ? statisticsOf(from, scale.length, spatial) : [oldMean, oldVariance]
    for (let i = 0; i < y.length; i++) {
      const c = Math.floor(i / spatial) % scale.length
      y[i] = ((from[i] - mean[c]) / Math.sqrt(variance[c] + epsilon)) * scale[c] + bias[c]
    }
    const running = (old: Floats, now: Floats) =>
      Float64Array.from(old, (value, c) => value * momentum + now[c] * (1 - momentum))
    return outputs.map(({ dtype, shape }, i) =>
      floatTensor(dtype, shape, i === 0 ? y : i === 1 ? running(oldMean, mean) : running(oldVariance, variance)),
    )
  },
  upgrades: [
    {
      // Statistics per element rather than per channel.
      below: 9,
      apply(node) {
        const { attributes } = node
        const spatial = attributes.get('spatial')
        if (spatial?.kind === 'int' && spatial.value === 0n) return perElement(node)
        for (const name of ['spatial', 'is_test', 'consumed_inputs']) attributes.delete(name)
      },
    },
  ],
})

/** New running statistics from the old ones (inputs 3 and 4) and those of a batch, where they are wanted. */
export function emitRunning(
  e: Emitter<unknown>,
  momentum: number,
  channels: number,
  statistics: readonly Address[],
): void {
  statistics.forEach((now, i) => {
    if (!e.outputs[i + 1]) return
    const next = e.output(i + 1)
    const share = e.scratch(channels * 4)
    e.call('unary_f32', UNARY_AFFINE, now, share, channels, 1 - momentum, 0)
    e.call('unary_f32', UNARY_AFFINE, e.input(i + 3).at, next.at, channels, momentum, 0)
    e.call('binary_f32', BINARY_ADD, next.at, 1, share, 1, next.at, channels)
  })
}

/** Mean and variance (of the population) of every channel. */
function statisticsOf(x: Floats, channels: number, spatial: number): [Float64Array, Float64Array] {
  const [mean, variance] = [new Float64Array(channels), new Float64Array(channels)]
  const count = x.length / channels
  for (let i = 0; i < x.length; i++) mean[Math.floor(i / spatial) % channels] += x[i] / count
  for (let i = 0; i < x.length; i++) {
    const c = Math.floor(i / spatial) % channels
    variance[c] += (x[i] - mean[c]) ** 2 / count
  }
  return [mean, variance]
}

import { LanewiseError } from '../../core/errors.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { int, string } from '../../ir/attributes.js'
import { floatsOf, floatTensor, type Floats } from '../shared/scalar-floats.js'
import { exp, log } from '../../core/scalar-functions.js'
import { BINARY_DIV, REDUCE_SUM } from '../../../assembly/abi/codes.js'
import { isFloat, byteSize } from '../../core/dtype.js'
import type { Gradient } from '../../ir/gradient.js'
import { defineOp, type TensorType } from '../../ir/op.js'

interface LossAttributes {
  readonly ignore_index: number | undefined
  readonly reduction: string
}

const lossAttributes = { ignore_index: int(), reduction: string('mean') }

/** Scores are [batch, classes, …], targets [batch, …]. */
function lossShape(x: Shape, target: Shape, weight: TensorType | undefined, { reduction }: LossAttributes): Shape {
  const rest = [x[0], ...x.slice(2)]
  if (x.length < 2 || target.join() !== rest.join()) {
    throw new LanewiseError('E_SHAPE', `targets of shape ${formatShape(target)} do not fit scores ${formatShape(x)}`, {
      expected: formatShape(rest),
      actual: formatShape(target),
    })
  }
  if (weight && sizeOf(weight.shape) !== x[1])
    throw new LanewiseError('E_SHAPE', `weights of shape ${formatShape(weight.shape)} do not fit ${x[1]} classes`)
  if (reduction !== 'none' && reduction !== 'mean' && reduction !== 'sum')
    throw new LanewiseError('E_VALUE', `reduction "${reduction}" is not known`)
  return reduction === 'none' ? target : []
}

/**
 * −weight[t]·x[t] for every target t, reduced; ignored targets count for nothing. `mean` divides by the sum of the
 * weights.
 */
function negativeLikelihood(
  x: ArrayLike<number>,
  shape: Shape,
  targets: readonly number[],
  weights: Floats | undefined,
  { ignore_index: ignored, reduction }: LossAttributes,
): Float64Array {
  const [batch, classes] = shape
  const inner = sizeOf(shape.slice(2))
  const losses = new Float64Array(batch * inner)
  let total = 0
  for (let i = 0; i < losses.length; i++) {
    const target = targets[i]
    if (target === ignored) continue
    if (!(target >= 0 && target < classes))
      throw new LanewiseError('E_VALUE', `target ${target} is outside [0, ${classes - 1}]`)
    const weight = weights ? weights[target] : 1
    losses[i] = -weight * x[(Math.floor(i / inner) * classes + target) * inner + (i % inner)]
    total += weight
  }
  if (reduction === 'none') return losses
  const sum = losses.reduce((a, b) => a + b, 0)
  return Float64Array.of(reduction === 'mean' ? sum / total : sum)
}

export const NegativeLogLikelihoodLoss = defineOp({
  name: 'NegativeLogLikelihoodLoss',
  takes: isFloat,
  arity: [2, 3],
  attributes: lossAttributes,
  infer: ({ attributes, inputs: [x, target, weight] }) => [
    { dtype: x.dtype, shape: lossShape(x.shape, target.shape, weight, attributes) },
  ],
  compute({ attributes, inputs: [x, target, weight], outputs: [y] }) {
    const loss = negativeLikelihood(
      floatsOf(x),
      x.shape,
      toNumbers(target, 'target'),
      weight && floatsOf(weight),
      attributes,
    )
    return [floatTensor(y.dtype, y.shape, loss)]
  },
})

/** log(softmax) over the classes, axis 1. */
function logProbabilities(x: HostTensor): Float64Array {
  const [batch, classes] = x.shape
  const inner = sizeOf(x.shape.slice(2))
  const values = floatsOf(x)
  const result = new Float64Array(values.length)
  for (let b = 0; b < batch; b++) {
    for (let i = 0; i < inner; i++) {
      const at = b * classes * inner + i
      let largest = -Infinity
      for (let c = 0; c < classes; c++) largest = Math.max(largest, values[at + c * inner])
      let sum = 0
      for (let c = 0; c < classes; c++) sum += exp(values[at + c * inner] - largest)
      const shift = largest + log(sum)
      for (let c = 0; c < classes; c++) result[at + c * inner] = values[at + c * inner] - shift
    }
  }
  return result
}

/** The loss, and the logarithms of the probabilities. */
export const SoftmaxCrossEntropyLoss = defineOp({
  name: 'SoftmaxCrossEntropyLoss',
  takes: isFloat,
  arity: [2, 3],
  outputs: 2,
  attributes: lossAttributes,
  infer: ({ attributes, inputs: [x, target, weight] }) => [
    { dtype: x.dtype, shape: lossShape(x.shape, target.shape, weight, attributes) },
    x,
  ],
  compute({ attributes, inputs: [x, target, weight], outputs: [y], outputCount }) {
    const logs = logProbabilities(x)
    const loss = negativeLikelihood(logs, x.shape, toNumbers(target, 'target'), weight && floatsOf(weight), attributes)
    return [floatTensor(y.dtype, y.shape, loss), ...(outputCount > 1 ? [floatTensor(x.dtype, x.shape, logs)] : [])]
  },
})

/**
 * Cross-entropy fused with its softmax: nothing of the size of the scores is kept, only one number per target. (The
 * second output is not followed.)
 *
 * The order of memory is the scores' logical one: [batch, classes, rest].
 */
export const SoftmaxCrossEntropyLossGradient: Gradient<LossAttributes> = {
  op: SoftmaxCrossEntropyLoss,
  inputs: [0],
  kernel: ([x, target, weight]) =>
    x === 'float32' && (target === 'int32' || target === 'int64') && (weight ?? 'float32') === 'float32',
  forward(e) {
    const [x, target, weight] = [e.input(0), e.input(1), e.inputs[2]]
    const [batch, classes] = x.shape
    const inner = sizeOf(x.shape.slice(2))
    const { ignore_index: ignored, reduction } = e.attributes
    e.check(target, (tensor) => {
      for (const t of toNumbers(tensor, 'target')) {
        if (!(t >= 0 && t < classes) && t !== ignored)
          throw new LanewiseError('E_VALUE', `target ${t} is outside [0, ${classes - 1}]`)
      }
    })
    const count = batch * inner
    const logs = e.save(count * 4)
    const total = e.save(4)
    const y = e.output(0)
    const losses = reduction === 'none' ? y.at : e.scratch(count * 4)
    e.call(
      'cross_entropy_f32',
      x.at,
      target.at,
      byteSize(target.dtype),
      weight?.at ?? 0,
      ignored ?? NEVER,
      losses,
      logs,
      total,
      classes,
      inner,
      0,
      batch,
    )
    if (reduction !== 'none') e.call('reduce_f32', REDUCE_SUM, losses, y.at, count, 1, 0, 1)
    if (reduction === 'mean') e.call('binary_f32', BINARY_DIV, y.at, 1, total, 1, y.at, 1)
    if (!e.outputs[1]) return
    const logarithms = e.output(1)
    e.call('log_softmax_f32', x.at, logarithms.at, classes, inner, 0, batch)
  },
  backward(g) {
    const [x, target, weight] = [g.input(0), g.input(1), g.inputs[2]]
    const [batch, classes] = x.shape
    const dy = g.optionalGradient(0)
    if (g.optionalGradient(1))
      throw new LanewiseError(
        'E_UNSUPPORTED',
        'the logarithms of the probabilities have no gradient here; take LogSoftmax',
        { op: 'SoftmaxCrossEntropyLoss' },
      )
    if (!g.wants(0) || !dy) return
    const { ignore_index: ignored, reduction } = g.attributes
    let each = dy.at
    if (reduction === 'mean') {
      each = g.scratch(4)
      g.call('binary_f32', BINARY_DIV, dy.at, 1, g.saved(1), 1, each, 1)
    }
    g.call(
      'cross_entropy_gradient_f32',
      x.at,
      target.at,
      byteSize(target.dtype),
      weight?.at ?? 0,
      ignored ?? NEVER,
      g.saved(0),
      each,
      reduction === 'none' ? 1 : 0,
      g.result(0).at,
      classes,
      sizeOf(x.shape.slice(2)),
      0,
      batch,
    )
  },
}

/** No target is that. */
const NEVER = -(2 ** 31)

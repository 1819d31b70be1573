import { LanewiseError } from '../../core/errors.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { int, string } from '../../ir/attributes.js'
import { requireFloats, requireIntegers } from '../shared/operands.js'
import { floatsOf, floatTensor, type Floats } from '../shared/scalar-floats.js'
import { exp, log } from '../../core/scalar-functions.js'
import { isFloat } from '../../core/dtype.js'
import { defineOp, type TensorType } from '../../ir/op.js'

export interface LossAttributes {
  readonly ignore_index: number | undefined
  readonly reduction: string
}

const lossAttributes = { ignore_index: int(), reduction: string('mean') }

/** Scores are [batch, classes, …], targets [batch, …]. */
function lossShape(
  { shape: x }: TensorType,
  targets: TensorType,
  weight: TensorType | undefined,
  { reduction }: LossAttributes,
): Shape {
  requireIntegers('target', targets)
  requireFloats(weight)
  const target = targets.shape
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
    { dtype: x.dtype, shape: lossShape(x, target, weight, attributes) },
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
    { dtype: x.dtype, shape: lossShape(x, target, weight, attributes) },
    x,
  ],
  compute({ attributes, inputs: [x, target, weight], outputs: [y], outputCount }) {
    const logs = logProbabilities(x)
    const loss = negativeLikelihood(logs, x.shape, toNumbers(target, 'target'), weight && floatsOf(weight), attributes)
    return [floatTensor(y.dtype, y.shape, loss), ...(outputCount > 1 ? [floatTensor(x.dtype, x.shape, logs)] : [])]
  },
})

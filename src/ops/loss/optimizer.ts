// Optimisers as operators (domain ai.onnx.preview.training): inputs are R, T and lists of tensors one after the other.
import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { float, required, string } from '../../ir/attributes.js'
import { requireFloats, requireIntegers } from '../shared/operands.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { exp, log } from '../../core/scalar-functions.js'
import { defineOp, type TensorType } from '../../ir/op.js'

const domain = 'ai.onnx.preview.training'

/** A step for one element: what becomes of the values of its lists (X, G and the states), and of X first. */
type Update = (values: readonly number[]) => readonly number[]

/** X, then the states after the gradients, of every tensor. */
function updatedTypes(inputs: readonly TensorType[], lists: number): TensorType[] {
  const [rate, step, ...tensors] = inputs
  requireFloats(rate, ...tensors)
  requireIntegers('T', step)
  for (const [what, { shape }] of [
    ['R', rate],
    ['T', step],
  ] as const)
    if (sizeOf(shape) !== 1) throw new LanewiseError('E_SHAPE', `${what} must be one number, got ${formatShape(shape)}`)
  const count = tensors.length / lists
  if (!Number.isInteger(count) || count === 0)
    throw new LanewiseError('E_GRAPH', `${tensors.length} tensors do not make ${lists} lists`)
  for (let i = 0; i < tensors.length; i++) {
    if (sizeOf(tensors[i].shape) !== sizeOf(tensors[i % count].shape))
      throw new LanewiseError('E_SHAPE', `tensor ${i + 2} does not fit tensor ${(i % count) + 2}`)
  }
  return [...tensors.slice(0, count), ...tensors.slice(2 * count)]
}

function updated(
  inputs: readonly HostTensor[],
  outputs: readonly TensorType[],
  lists: number,
  update: Update,
): HostTensor[] {
  const tensors = inputs.slice(2).map(floatsOf)
  const count = tensors.length / lists
  const results = outputs.map(({ shape }) => new Float64Array(sizeOf(shape)))
  for (let k = 0; k < count; k++) {
    for (let i = 0; i < tensors[k].length; i++) {
      const values = update(Array.from({ length: lists }, (_, list) => tensors[list * count + k][i]))
      values.forEach((value, list) => (results[list * count + k][i] = value))
    }
  }
  return results.map((values, i) => floatTensor(outputs[i].dtype, outputs[i].shape, values))
}

function scalars([rate, step]: readonly HostTensor[]): { rate: number; step: number } {
  return { rate: floatsOf(rate)[0], step: toNumbers(step, 'T')[0] }
}

/** Duchi, Hazan and Singer, 2011. Lists X, G, H. */
export const Adagrad = defineOp({
  name: 'Adagrad',
  takes: isFloat,
  domain,
  arity: [5, Infinity],
  outputs: Infinity,
  attributes: { decay_factor: float(0), epsilon: float(1e-6), norm_coefficient: float(0) },
  infer: ({ inputs }) => updatedTypes(inputs, 3),
  compute({ attributes: { decay_factor: decay, epsilon, norm_coefficient: norm }, inputs, outputs }) {
    const { rate, step } = scalars(inputs)
    const r = rate / (1 + step * decay)
    return updated(inputs, outputs, 3, ([x, g, h]) => {
      const gradient = norm * x + g
      const squares = h + gradient * gradient
      return [x - (r * gradient) / (Math.sqrt(squares) + epsilon), squares]
    })
  },
})

/** Kingma and Ba, 2015. Lists X, G, V (mean of gradients), H (mean of their squares). */
export const Adam = defineOp({
  name: 'Adam',
  takes: isFloat,
  domain,
  arity: [6, Infinity],
  outputs: Infinity,
  attributes: {
    alpha: float(0.9),
    beta: float(0.999),
    epsilon: float(1e-6),
    norm_coefficient: float(0),
    norm_coefficient_post: float(0),
  },
  infer: ({ inputs }) => updatedTypes(inputs, 4),
  compute({
    attributes: { alpha, beta, epsilon, norm_coefficient: norm, norm_coefficient_post: post },
    inputs,
    outputs,
  }) {
    const { rate, step } = scalars(inputs)
    const power = (base: number) => (base === 0 ? 0 : exp(step * log(base)))
    const r = step > 0 ? (rate * Math.sqrt(1 - power(beta))) / (1 - power(alpha)) : rate
    return updated(inputs, outputs, 4, ([x, g, v, h]) => {
      const gradient = norm * x + g
      const mean = alpha * v + (1 - alpha) * gradient
      const squares = beta * h + (1 - beta) * gradient * gradient
      return [(1 - post) * (x - (r * mean) / (Math.sqrt(squares) + epsilon)), mean, squares]
    })
  },
})

/** Polyak, 1964, and Nesterov, 1983. Lists X, G, V. */
export const Momentum = defineOp({
  name: 'Momentum',
  takes: isFloat,
  domain,
  arity: [5, Infinity],
  outputs: Infinity,
  attributes: {
    alpha: required(float()),
    beta: required(float()),
    mode: required(string()),
    norm_coefficient: required(float()),
  },
  infer: ({ inputs }) => updatedTypes(inputs, 3),
  compute({ attributes: { alpha, beta, mode, norm_coefficient: norm }, inputs, outputs }) {
    if (mode !== 'standard' && mode !== 'nesterov') throw new LanewiseError('E_VALUE', `mode "${mode}" is not known`)
    const { rate, step } = scalars(inputs)
    const factor = step > 0 ? beta : 1
    return updated(inputs, outputs, 3, ([x, g, v]) => {
      const gradient = norm * x + g
      const momentum = alpha * v + factor * gradient
      return [x - rate * (mode === 'standard' ? momentum : gradient + alpha * momentum), momentum]
    })
  },
})

import {
  UNARY_CELU,
  UNARY_CLIP,
  UNARY_ELU,
  UNARY_GELU,
  UNARY_GELU_TANH,
  UNARY_HARD_SIGMOID,
  UNARY_HARD_SWISH,
  UNARY_LEAKY_RELU,
  UNARY_MISH,
  UNARY_RELU,
  UNARY_SELU,
  UNARY_SHRINK,
  UNARY_SIGMOID,
  UNARY_SILU,
  UNARY_SOFTPLUS,
  UNARY_SOFTSIGN,
  UNARY_TANH,
  UNARY_THRESHOLDED_RELU,
  BINARY_MAX,
  BINARY_MIN,
  BINARY_PRELU,
} from '../../assembly/codes.js'
import { isBig, isFloat } from '../dtype.js'
import { LanewiseError } from '../errors.js'
import { elementwise, follow } from '../graph/layout.js'
import { hostFrom, hostZeros, type HostTensor } from '../host.js'
import { broadcastShapes, formatShape, sameShape } from '../shape.js'
import { float, string } from './attributes.js'
import { emitBroadcast, forEachBroadcast } from './broadcast.js'
import { floatsOf, floatTensor } from './host-floats.js'
import { defineOp, type UpgradeContext } from './op.js'
import { unaryOp } from './unary.js'

export const Sigmoid = unaryOp('Sigmoid', UNARY_SIGMOID)
export const Tanh = unaryOp('Tanh', UNARY_TANH)
export const HardSwish = unaryOp('HardSwish', UNARY_HARD_SWISH)
export const Softplus = unaryOp('Softplus', UNARY_SOFTPLUS)
export const Softsign = unaryOp('Softsign', UNARY_SOFTSIGN)
export const Mish = unaryOp('Mish', UNARY_MISH)
/** max(0, x), of integers too. */
export const Relu = unaryOp('Relu', UNARY_RELU, { plain: (x, zero) => (x < zero ? zero : x), integers: true })
export const LeakyRelu = unaryOp('LeakyRelu', UNARY_LEAKY_RELU, { attributes: { alpha: float(0.01) }, scalars: ({ alpha }) => [alpha, 0] })
export const HardSigmoid = unaryOp('HardSigmoid', UNARY_HARD_SIGMOID, {
  attributes: { alpha: float(0.2), beta: float(0.5) },
  scalars: ({ alpha, beta }) => [alpha, beta],
})
/** x·sigmoid(alpha·x) */
export const Swish = unaryOp('Swish', UNARY_SILU, { attributes: { alpha: float(1) }, scalars: ({ alpha }) => [alpha, 0] })
export const Elu = unaryOp('Elu', UNARY_ELU, { attributes: { alpha: float(1) }, scalars: ({ alpha }) => [alpha, 0] })
export const Selu = unaryOp('Selu', UNARY_SELU, {
  attributes: { alpha: float(1.67326319217681884765625), gamma: float(1.05070102214813232421875) },
  scalars: ({ alpha, gamma }) => [alpha, gamma],
})
export const Celu = unaryOp('Celu', UNARY_CELU, { attributes: { alpha: float(1) }, scalars: ({ alpha }) => [alpha, 0] })
export const ThresholdedRelu = unaryOp('ThresholdedRelu', UNARY_THRESHOLDED_RELU, {
  attributes: { alpha: float(1) },
  scalars: ({ alpha }) => [alpha, 0],
})
export const Shrink = unaryOp('Shrink', UNARY_SHRINK, {
  attributes: { bias: float(0), lambd: float(0.5) },
  scalars: ({ bias, lambd }) => [lambd, bias],
  integers: true,
  plain(x, zero, { bias, lambd }) {
    const value = Number(x)
    const y = value < -lambd ? value + bias : value > lambd ? value - bias : 0
    return (typeof zero === 'bigint' ? BigInt(Math.trunc(y)) : y) as number
  },
})
export const Gelu = unaryOp('Gelu', ({ approximate }) => geluCode(approximate), { attributes: { approximate: string('none') } })

function geluCode(approximate: string): number {
  if (approximate === 'none') return UNARY_GELU
  if (approximate === 'tanh') return UNARY_GELU_TANH
  throw new LanewiseError('E_VALUE', `approximate must be none or tanh, got ${approximate}`, { expected: 'none, tanh', actual: approximate })
}

/** A bound of Clip as a number; an input that is left out bounds nothing. */
function bound(tensor: HostTensor | undefined, otherwise: number): number {
  return tensor ? floatsOf(tensor)[0] : otherwise
}

export const Clip = defineOp({
  name: 'Clip',
  arity: [1, 3],
  attributes: {},
  infer({ inputs: [x, low, high] }) {
    for (const limit of [low, high]) {
      if (limit && limit.shape.some((size) => size !== 1)) {
        throw new LanewiseError('E_SHAPE', `a limit must be a scalar, got shape ${formatShape(limit.shape)}`, { expected: '[]', actual: formatShape(limit.shape) })
      }
    }
    return [x!]
  },
  layout: follow,
  kernel: (types) => types.every((type) => type === undefined || type === 'float32'),
  activation(_, [, low, high]) {
    if ([low, high].some((limit) => limit && limit.dtype !== 'float32')) return undefined
    return { code: UNARY_CLIP, a: bound(low, -Infinity), b: bound(high, Infinity) }
  },
  emit(e) {
    const x = e.input(0)
    const [, low, high] = e.inputs
    const y = e.overwrite(0, 0)
    if ((!low || low.constant) && (!high || high.constant)) {
      e.call('unary_f32', UNARY_CLIP, x.at, y.at, x.size, bound(low?.constant, -Infinity), bound(high?.constant, Infinity))
      return
    }
    const raised = low ? y : x
    if (low) emitBroadcast(e, 'binary_broadcast_f32', BINARY_MAX, x, low, y)
    if (high) emitBroadcast(e, 'binary_broadcast_f32', BINARY_MIN, raised, high, y)
  },
  compute({ inputs: [x, low, high] }) {
    const { dtype, shape } = x!
    if (isFloat(dtype)) {
      const a = bound(low, -Infinity)
      const b = bound(high, Infinity)
      return [floatTensor(dtype, shape, floatsOf(x!).map((value) => { const raised = value < a ? a : value; return raised > b ? b : raised }))]
    }
    const y = hostZeros(dtype, shape)
    const from = x!.data as unknown as number[]
    const to = y.data as unknown as number[]
    const a = low?.data[0] as number | undefined
    const b = high?.data[0] as number | undefined
    for (let i = 0; i < from.length; i++) {
      const raised = a !== undefined && from[i] < a ? a : from[i]
      to[i] = b !== undefined && raised > b ? b : raised
    }
    return [y]
  },
  // Until opset 11 the limits were attributes.
  upgrades: [{ below: 11, apply: limitsToInputs }],
})

function limitsToInputs(node: UpgradeContext): void {
  const limit = (name: string): string => {
    const given = node.attributes.get(name)
    node.attributes.delete(name)
    return given?.kind === 'float' ? node.constant(hostFrom('float32', [], [given.value])) : ''
  }
  node.inputs = [node.inputs[0], limit('min'), limit('max')]
}

export const PRelu = defineOp({
  name: 'PRelu',
  arity: 2,
  attributes: {},
  infer({ inputs: [x, slope] }) {
    if (!sameShape(broadcastShapes(x!.shape, slope!.shape), x!.shape)) {
      throw new LanewiseError('E_SHAPE', `slope ${formatShape(slope!.shape)} does not broadcast to ${formatShape(x!.shape)}`)
    }
    return [x!]
  },
  layout: elementwise,
  kernel: (types) => types.every((type) => type === 'float32'),
  emit(e) {
    emitBroadcast(e, 'binary_broadcast_f32', BINARY_PRELU, e.input(0), e.input(1), e.overwrite(0, 0))
  },
  compute({ inputs: [x, slope] }) {
    const { dtype, shape } = x!
    if (isFloat(dtype)) {
      const [from, slopes] = [floatsOf(x!), floatsOf(slope!)]
      const to = new Float64Array(from.length)
      forEachBroadcast(shape, [shape, slope!.shape], (i, [at, k]) => (to[i] = from[at] < 0 ? from[at] * slopes[k] : from[at]))
      return [floatTensor(dtype, shape, to)]
    }
    const y = hostZeros(dtype, shape)
    const [from, slopes, to] = [x!.data, slope!.data, y.data] as unknown as number[][]
    const multiply = (isBig(dtype) ? (a: number, b: number) => a * b : Math.imul)
    forEachBroadcast(shape, [shape, slope!.shape], (i, [at, k]) => (to[i] = from[at] < 0 ? multiply(from[at], slopes[k]) : from[at]))
    return [y]
  },
})


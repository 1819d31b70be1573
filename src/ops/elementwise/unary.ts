import * as code from '../../../assembly/abi/codes.js'
import { isBig, isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { follow } from '../../core/layout.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { float, int, string, type AttributeSchema, type AttributesOf } from '../../ir/attributes.js'
import { castTensor } from './cast.js'
import { numbersOf } from '../shared/scalar-floats.js'
import type { Activation } from '../../ir/emitter.js'
import { defineOp, type OpDefinition, type PresenceOf } from '../../ir/op.js'
import { isArithmetic, requireArithmetic, sameType } from '../shared/operands.js'

/**
 * How to compute an element where there is no kernel: only with operations that IEEE 754 rounds exactly, so that every
 * engine agrees.
 */
type Exact = (x: number) => number

/**
 * An operator that is a function of one element. float32 is computed by `unary_f32`, float64 by `unary_f64`, both by
 * the same code; the rest by `exact` if there is one.
 */
function unary<S extends AttributeSchema>(
  name: string,
  attributes: S,
  activation: (attributes: AttributesOf<S>) => Activation,
  exact?: Exact,
  more: Pick<OpDefinition<AttributesOf<S>, PresenceOf<1>>, 'compute'> = {},
): OpDefinition<AttributesOf<S>> {
  return defineOp({
    name,
    arity: 1,
    attributes,
    infer: ({ inputs: [x] }) => [x],
    layout: follow,
    kernel: (types) => types[0] === 'float32' || types[0] === 'float64',
    emit(e) {
      const x = e.input(0)
      const y = e.overwrite(0, 0)
      if (x.size === 0) return
      const f = activation(e.attributes)
      e.call(x.dtype === 'float64' ? 'unary_f64' : 'unary_f32', f.code, x.at, y.at, x.size, f.a, f.b)
    },
    ...(exact ? { compute: ({ inputs: [x] }: { inputs: readonly [HostTensor] }) => [mapExact(x, exact)] } : {}),
    activation,
    // Before opset 6 some of these could name the input they were allowed to overwrite.
    upgrades: [{ below: 6, apply: (node) => void node.attributes.delete('consumed_inputs') }],
    ...more,
  })
}

/** A function whose only parameter is its code. */
function plain(name: string, which: number, exact?: Exact): OpDefinition<AttributesOf<Record<never, never>>> {
  return unary(name, {}, () => ({ code: which, a: 0, b: 0 }), exact)
}

function mapExact(x: HostTensor, f: Exact): HostTensor {
  if (x.dtype !== 'bool') requireArithmetic(x.dtype)
  const y = hostZeros(x.dtype, x.shape)
  const from = x.data as ArrayLike<number | bigint>
  const to = y.data as { [i: number]: number | bigint }
  if (isBig(x.dtype)) for (let i = 0; i < from.length; i++) to[i] = bigExact(f, from[i] as bigint)
  else for (let i = 0; i < from.length; i++) to[i] = f(from[i] as number)
  return y
}

/**
 * The functions that integers have only compare with zero and change the sign: asking about ±1 tells which of these to
 * do, at any size.
 */
function bigExact(f: Exact, x: bigint): bigint {
  if (x === 0n) return BigInt(f(0))
  const sign = x > 0n ? 1 : -1
  const [near, far] = [f(sign), f(2 * sign)]
  return near === far ? BigInt(near) : x * BigInt(near * sign)
}

export const Abs = plain('Abs', code.UNARY_ABS, Math.abs)
export const Acos = plain('Acos', code.UNARY_ACOS)
export const Acosh = plain('Acosh', code.UNARY_ACOSH)
export const Asin = plain('Asin', code.UNARY_ASIN)
export const Asinh = plain('Asinh', code.UNARY_ASINH)
export const Atan = plain('Atan', code.UNARY_ATAN)
export const Atanh = plain('Atanh', code.UNARY_ATANH)
export const Ceil = plain('Ceil', code.UNARY_CEIL)
export const Cos = plain('Cos', code.UNARY_COS)
export const Cosh = plain('Cosh', code.UNARY_COSH)
export const Erf = plain('Erf', code.UNARY_ERF)
export const Exp = plain('Exp', code.UNARY_EXP)
export const Floor = plain('Floor', code.UNARY_FLOOR)
export const HardSwish = plain('HardSwish', code.UNARY_HARD_SWISH)
export const Log = plain('Log', code.UNARY_LOG)
export const Mish = plain('Mish', code.UNARY_MISH)
export const Neg = plain('Neg', code.UNARY_NEG, (x) => -x)
export const Reciprocal = plain('Reciprocal', code.UNARY_RECIPROCAL)
export const Relu = plain('Relu', code.UNARY_RELU, (x) => (x < 0 ? 0 : x))
export const Round = plain('Round', code.UNARY_ROUND)
export const Sigmoid = plain('Sigmoid', code.UNARY_SIGMOID)
export const Sign = plain('Sign', code.UNARY_SIGN, Math.sign)
export const Sin = plain('Sin', code.UNARY_SIN)
export const Sinh = plain('Sinh', code.UNARY_SINH)
export const Softplus = plain('Softplus', code.UNARY_SOFTPLUS)
export const Softsign = plain('Softsign', code.UNARY_SOFTSIGN)
export const Sqrt = plain('Sqrt', code.UNARY_SQRT)
export const Tan = plain('Tan', code.UNARY_TAN)
export const Tanh = plain('Tanh', code.UNARY_TANH)

export const Celu = unary('Celu', { alpha: float(1) }, ({ alpha }) => ({ code: code.UNARY_CELU, a: alpha, b: 0 }))
export const Elu = unary('Elu', { alpha: float(1) }, ({ alpha }) => ({ code: code.UNARY_ELU, a: alpha, b: 0 }))
export const HardSigmoid = unary('HardSigmoid', { alpha: float(0.2), beta: float(0.5) }, ({ alpha, beta }) => ({
  code: code.UNARY_HARD_SIGMOID,
  a: alpha,
  b: beta,
}))
export const LeakyRelu = unary('LeakyRelu', { alpha: float(0.01) }, ({ alpha }) => ({
  code: code.UNARY_LEAKY_RELU,
  a: alpha,
  b: 0,
}))
export const Selu = unary(
  'Selu',
  { alpha: float(1.67326319217681884765625), gamma: float(1.05070102214813232421875) },
  ({ alpha, gamma }) => ({
    code: code.UNARY_SELU,
    a: alpha,
    b: gamma,
  }),
)
export const Shrink = unary(
  'Shrink',
  { bias: float(0), lambd: float(0.5) },
  ({ bias, lambd }) => ({ code: code.UNARY_SHRINK, a: lambd, b: bias }),
  undefined,
  {
    compute({ attributes: { bias, lambd }, inputs: [x] }) {
      const f = (value: number) => (value < -lambd ? value + bias : value > lambd ? value - bias : 0)
      // Integers are shrunk as floats and cut off again.
      if (isFloat(x.dtype)) return [mapExact(x, f)]
      requireArithmetic(x.dtype)
      return [castTensor({ dtype: 'float64', shape: x.shape, data: Float64Array.from(numbersOf(x), f) }, x.dtype)]
    },
  },
)
export const Swish = unary('Swish', { alpha: float(1) }, ({ alpha }) => ({ code: code.UNARY_SILU, a: alpha, b: 0 }))
export const ThresholdedRelu = unary('ThresholdedRelu', { alpha: float(1) }, ({ alpha }) => ({
  code: code.UNARY_THRESHOLDED_RELU,
  a: alpha,
  b: 0,
}))

export const Gelu = unary('Gelu', { approximate: string('none') }, ({ approximate }) => {
  if (approximate !== 'none' && approximate !== 'tanh')
    throw new LanewiseError('E_VALUE', `approximate must be "none" or "tanh", got "${approximate}"`)
  return { code: approximate === 'tanh' ? code.UNARY_GELU_TANH : code.UNARY_GELU, a: 0, b: 0 }
})

function flags<S extends AttributeSchema>(
  name: string,
  attributes: S,
  emit: NonNullable<OpDefinition<AttributesOf<S>>['emit']>,
  exact: (x: number, attributes: AttributesOf<S>) => boolean,
): OpDefinition<AttributesOf<S>> {
  return defineOp({
    name,
    arity: 1,
    attributes,
    infer: ({ inputs: [x] }) => [{ dtype: 'bool', shape: x.shape }],
    layout: follow,
    emit,
    compute({ attributes, inputs: [x] }) {
      const y = hostZeros('bool', x.shape)
      const from = x.data as ArrayLike<number>
      for (let i = 0; i < from.length; i++) y.data[i] = exact(Number(from[i]), attributes) ? 1 : 0
      return [y]
    },
  })
}

export const IsNaN = flags(
  'IsNaN',
  {},
  (e) => e.call('isnan_f32', e.input(0).at, e.output(0).at, e.input(0).size),
  (x) => Number.isNaN(x),
)

export const IsInf = flags(
  'IsInf',
  { detect_negative: int(1), detect_positive: int(1) },
  (e) =>
    e.call(
      'isinf_f32',
      e.input(0).at,
      e.output(0).at,
      e.input(0).size,
      e.attributes.detect_negative,
      e.attributes.detect_positive,
    ),
  (x, { detect_negative, detect_positive }) =>
    (detect_positive !== 0 && x === Infinity) || (detect_negative !== 0 && x === -Infinity),
)

export const Not = defineOp({
  name: 'Not',
  arity: 1,
  attributes: {},
  infer: ({ inputs: [x] }) => [x],
  layout: follow,
  kernel: (types) => types[0] === 'bool',
  emit: (e) => e.call('not_u8', e.input(0).at, e.output(0).at, e.input(0).size),
  compute: ({ inputs: [x] }) => [mapExact(x, (value) => (value === 0 ? 1 : 0))],
})

/** min(max(x, low), high); the bounds are inputs, either may be left out. */
export const Clip = defineOp({
  name: 'Clip',
  takes: isArithmetic,
  arity: [1, 3],
  attributes: {},
  infer({ inputs }) {
    const [x, ...bounds] = inputs
    for (const bound of bounds) {
      if (!bound) continue
      // Older operator sets give the bounds as attributes, which are float32 whatever x is.
      if (bound.dtype !== 'float32' || !isFloat(x.dtype)) sameType([x, bound])
      if (sizeOf(bound.shape) !== 1)
        throw new LanewiseError('E_SHAPE', `a bound must be one number, got ${formatShape(bound.shape)}`)
    }
    return [x]
  },
  layout: follow,
  emit(e) {
    const x = e.input(0)
    const y = e.overwrite(0, 0)
    if (x.size === 0) return
    const [low, high] = [e.inputs[1], e.inputs[2]]
    const bounds = clipBounds([undefined, low?.constant, high?.constant])
    if ((!low || low.constant) && (!high || high.constant))
      return e.call('unary_f32', code.UNARY_CLIP, x.at, y.at, x.size, bounds.low, bounds.high)
    const raised = low ? (e.call('binary_f32', code.BINARY_MAX, x.at, 1, low.at, 0, y.at, x.size), y.at) : x.at
    if (high) e.call('binary_f32', code.BINARY_MIN, raised, 1, high.at, 0, y.at, x.size)
  },
  compute({ inputs: [x, low, high] }) {
    requireArithmetic(x.dtype)
    const y = hostZeros(x.dtype, x.shape)
    const from = x.data as ArrayLike<number>
    const to = y.data as { [i: number]: number }
    const [least, most] = [low?.data[0], high?.data[0]] as (number | undefined)[]
    for (let i = 0; i < from.length; i++) {
      let value = from[i]
      if (least !== undefined && value < least) value = least
      if (most !== undefined && value > most) value = most
      to[i] = value
    }
    return [y]
  },
  activation(_, constants) {
    const bounds = clipBounds(constants)
    return { code: code.UNARY_CLIP, a: bounds.low, b: bounds.high }
  },
  upgrades: [
    {
      below: 11,
      apply(node) {
        const bound = (name: string): string => {
          const given = node.attributes.get(name)
          node.attributes.delete(name)
          return given
            ? node.constant({ dtype: 'float32', shape: [], data: Float32Array.of(given.value as number) })
            : ''
        }
        node.attributes.delete('consumed_inputs')
        node.inputs = [node.inputs[0], bound('min'), bound('max')]
      },
    },
  ],
})

/** Clip's bounds, as far as they are constants. */
export function clipBounds(constants: readonly (HostTensor | undefined)[]): { low: number; high: number } {
  return { low: Number(constants[1]?.data[0] ?? -Infinity), high: Number(constants[2]?.data[0] ?? Infinity) }
}

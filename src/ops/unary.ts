import {
  UNARY_ABS,
  UNARY_ACOS,
  UNARY_ACOSH,
  UNARY_ASIN,
  UNARY_ASINH,
  UNARY_ATAN,
  UNARY_ATANH,
  UNARY_CEIL,
  UNARY_COS,
  UNARY_COSH,
  UNARY_ERF,
  UNARY_EXP,
  UNARY_FLOOR,
  UNARY_LOG,
  UNARY_NEG,
  UNARY_RECIPROCAL,
  UNARY_ROUND,
  UNARY_SIGN,
  UNARY_SIN,
  UNARY_SINH,
  UNARY_SQRT,
  UNARY_TAN,
} from '../../assembly/codes.js'
import { isBig, isFloat, isInteger } from '../dtype.js'
import { LanewiseError } from '../errors.js'
import { follow } from '../graph/layout.js'
import { hostZeros, type HostTensor } from '../host.js'
import type { AttributeSchema, AttributesOf } from './attributes.js'
import { floatsOf, floatTensor, roundEven } from './host-floats.js'
import { defineOp, type OpDefinition } from './op.js'

interface UnaryOptions<S extends AttributeSchema> {
  readonly attributes?: S
  /** The kernel's two scalars. */
  readonly scalars?: (attributes: AttributesOf<S>) => readonly [number, number]
  /**
   * The function where plain arithmetic gives it exactly, for folding constants and for integers. `zero` is 0, or 0n if x is a bigint, for
   * comparisons. Operators without one are computed by kernels alone, so that every engine gives the same bits.
   */
  readonly plain?: (x: number, zero: number, attributes: AttributesOf<S>) => number
  /** Whether integers are allowed. */
  readonly integers?: boolean
}

/** An operator that is a function of one element, by a UNARY_ code. */
export function unaryOp<S extends AttributeSchema>(
  name: string,
  code: number | ((attributes: AttributesOf<S>) => number),
  options: UnaryOptions<S> = {},
): OpDefinition<AttributesOf<S>> {
  const { attributes = {} as S, scalars = () => [0, 0] as const, plain, integers = false } = options
  const codeOf = (given: AttributesOf<S>) => (typeof code === 'number' ? code : code(given))
  return defineOp({
    name,
    arity: 1,
    attributes,
    infer({ inputs: [x] }) {
      const { dtype } = x!
      if (!isFloat(dtype) && !(integers && isInteger(dtype))) throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { actual: dtype })
      return [x!]
    },
    layout: follow,
    kernel: ([type]) => type === 'float32' || type === 'float64',
    activation(given) {
      const [a, b] = scalars(given)
      return { code: codeOf(given), a, b }
    },
    emit(e) {
      const x = e.input(0)
      const y = e.overwrite(0, 0)
      const [a, b] = scalars(e.attributes)
      e.call(x.dtype === 'float64' ? 'unary_f64' : 'unary_f32', codeOf(e.attributes), x.at, y.at, x.size, a, b)
    },
    ...(plain && { compute: ({ attributes: given, inputs: [x] }) => [mapPlain(x!, (value, zero) => plain(value, zero, given))] }),
  })
}

function mapPlain(x: HostTensor, f: (x: number, zero: number) => number): HostTensor {
  if (isFloat(x.dtype)) return floatTensor(x.dtype, x.shape, floatsOf(x).map((value) => f(value, 0)))
  const y = hostZeros(x.dtype, x.shape)
  // Elements are numbers or bigints throughout; the functions use only what both have.
  const [from, to] = [x.data, y.data] as unknown as number[][]
  const zero = (isBig(x.dtype) ? 0n : 0) as number
  for (let i = 0; i < from.length; i++) to[i] = f(from[i], zero)
  return y
}

export const Exp = unaryOp('Exp', UNARY_EXP)
export const Log = unaryOp('Log', UNARY_LOG)
export const Erf = unaryOp('Erf', UNARY_ERF)
export const Sqrt = unaryOp('Sqrt', UNARY_SQRT, { plain: Math.sqrt })
export const Reciprocal = unaryOp('Reciprocal', UNARY_RECIPROCAL, { plain: (x) => 1 / x })
export const Abs = unaryOp('Abs', UNARY_ABS, { plain: (x, zero) => (x < zero || Object.is(x, -0) ? -x : x), integers: true })
export const Neg = unaryOp('Neg', UNARY_NEG, { plain: (x) => -x, integers: true })
export const Sign = unaryOp('Sign', UNARY_SIGN, {
  plain: (x, zero) => (x > zero || x < zero ? ((typeof zero === 'bigint' ? BigInt(x > zero ? 1 : -1) : x > zero ? 1 : -1) as number) : x),
  integers: true,
})
export const Floor = unaryOp('Floor', UNARY_FLOOR, { plain: Math.floor })
export const Ceil = unaryOp('Ceil', UNARY_CEIL, { plain: Math.ceil })
/** Halves to even. */
export const Round = unaryOp('Round', UNARY_ROUND, { plain: roundEven })
export const Sin = unaryOp('Sin', UNARY_SIN)
export const Cos = unaryOp('Cos', UNARY_COS)
export const Tan = unaryOp('Tan', UNARY_TAN)
export const Asin = unaryOp('Asin', UNARY_ASIN)
export const Acos = unaryOp('Acos', UNARY_ACOS)
export const Atan = unaryOp('Atan', UNARY_ATAN)
export const Sinh = unaryOp('Sinh', UNARY_SINH)
export const Cosh = unaryOp('Cosh', UNARY_COSH)
export const Asinh = unaryOp('Asinh', UNARY_ASINH)
export const Acosh = unaryOp('Acosh', UNARY_ACOSH)
export const Atanh = unaryOp('Atanh', UNARY_ATANH)

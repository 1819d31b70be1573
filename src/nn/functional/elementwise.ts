import { checkArguments } from '../../core/arguments.js'
import { apply, castAttributes } from '../../autograd/apply.js'
import type { Device } from '../../autograd/device.js'
import type { Variable } from '../../autograd/variable.js'
import {
  Abs,
  Add,
  Atan,
  Cast,
  Ceil,
  Celu,
  Clip,
  Cos,
  Div,
  Elu,
  Erf,
  Exp,
  Floor,
  Gelu,
  HardSigmoid,
  HardSwish,
  LeakyRelu,
  Log,
  Max,
  Mean,
  Min,
  Mish,
  Mod,
  Mul,
  Neg,
  PRelu,
  Pow,
  RandomDropout,
  Reciprocal,
  Relu,
  Round,
  Selu,
  Sigmoid,
  Sign,
  Sin,
  Softplus,
  Softsign,
  Sqrt,
  Sub,
  Swish,
  Tan,
  Tanh,
  Where,
} from '../../autograd/operators.js'
import { isDType, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { And, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Or, Xor } from '../../ops/elementwise/logic.js'
import { IsInf, IsNaN, Not } from '../../ops/elementwise/unary.js'
import { binary, firstOf, scalar, unary } from './common.js'
import { reshape } from './movement.js'

/** a + b */
export const add = binary(Add)
/** a − b */
export const sub = binary(Sub)
/** a · b, element by element */
export const mul = binary(Mul)
/** a / b */
export const div = binary(Div)
/** aᵇ */
export const pow = binary(Pow)
/** The larger of each two elements; of equal ones each gets half of the gradient, as in PyTorch. */
export const maximum = binary(Max)
/** The smaller of each two elements; of equal ones each gets half of the gradient, as in PyTorch. */
export const minimum = binary(Min)

/** a = b, as bools. */
export const eq = binary(Equal)
/** a > b, as bools. */
export const gt = binary(Greater)
/** a ≥ b, as bools. */
export const ge = binary(GreaterOrEqual)
/** a < b, as bools. */
export const lt = binary(Less)
/** a ≤ b, as bools. */
export const le = binary(LessOrEqual)
/** Of bools: both. */
export const logicalAnd = binary(And)
/** Of bools: one or both. */
export const logicalOr = binary(Or)
/** Of bools: one, not both. */
export const logicalXor = binary(Xor)
/** Of bools: the other. */
export const logicalNot = unary(Not)
/** a ≠ b, as bools. */
export function ne(a: Variable | number, b: Variable | number): Variable {
  checkArguments('F.ne', { a, b }, 'number|tensor', 'number|tensor')

  return logicalNot(eq(a, b))
}

/** |x| */
export const abs = unary(Abs)
/** The arc tangent, in radians. */
export const atan = unary(Atan)
/** The least whole number that is not below x. */
export const ceil = unary(Ceil)
/** The cosine of radians. */
export const cos = unary(Cos)
/** The error function 2/√π·∫₀ˣ e^(−t²) dt. */
export const erf = unary(Erf)
/** eˣ */
export const exp = unary(Exp)
/** The greatest whole number that is not above x. */
export const floor = unary(Floor)
/** x·hardsigmoid(x) (Howard et al., arXiv:1905.02244). */
export const hardswish = unary(HardSwish)
/** Whether each element is ±∞, as bools. */
export const isinf = unary(IsInf)
/** Whether each element is NaN, as bools. */
export const isnan = unary(IsNaN)
/** The natural logarithm: −∞ at 0, NaN below. */
export const log = unary(Log)
/** x·tanh(softplus(x)) (Misra, arXiv:1908.08681). */
export const mish = unary(Mish)
/** −x */
export const neg = unary(Neg)
/** 1/x */
export const reciprocal = unary(Reciprocal)
/** max(0, x) */
export const relu = unary(Relu)
/** To the nearest whole number, halves to the even one. */
export const round = unary(Round)
/** λ·elu(x, α) with constants that keep mean and variance (Klambauer et al., arXiv:1706.02515). */
export const selu = unary(Selu)
/** 1/(1 + e^(−x)) */
export const sigmoid = unary(Sigmoid)
/** −1, 0 or 1. */
export const sign = unary(Sign)
/** x·sigmoid(x). */
export const silu = unary(Swish)
/** The sine of radians. */
export const sin = unary(Sin)
/** log(1 + eˣ), which overflows nowhere. */
export const softplus = unary(Softplus)
/** x/(1 + |x|) */
export const softsign = unary(Softsign)
/** The square root: NaN below 0. */
export const sqrt = unary(Sqrt)
/** The tangent of radians. */
export const tan = unary(Tan)
/** The hyperbolic tangent. */
export const tanh = unary(Tanh)

/** Whether each element is a number, neither NaN nor ±∞, as bools. */
export function isfinite(x: Variable): Variable {
  checkArguments('F.isfinite', { x }, 'tensor')

  return logicalNot(logicalOr(isnan(x), isinf(x)))
}

const likeJavaScript = { fmod: 1 }
/** The rest of a / b with the sign of a, as `%` of JavaScript and `torch.fmod`. */
export function fmod(a: Variable, b: Variable | number): Variable {
  checkArguments('F.fmod', { a, b }, 'tensor', 'number|tensor')

  return apply(a.device, Mod, [a, scalar(a, b)], likeJavaScript)[0]
}

/** The rest of a / b with the sign of b, as `torch.remainder`: a − b·⌊a/b⌋. */
export function remainder(a: Variable, b: Variable | number): Variable {
  checkArguments('F.remainder', { a, b }, 'tensor', 'number|tensor')

  return sub(a, mul(floor(div(a, b)), b))
}

/**
 * min(max(x, low), high); a bound that is left out does not count. The gradient is that of x within the bounds, the
 * bounds themselves included.
 *
 * @throws LanewiseError `E_VALUE` without any bound.
 */
export function clip(x: Variable, low?: number, high?: number): Variable {
  checkArguments('F.clip', { x, low, high }, 'tensor', 'number?', 'number?')

  if (low === undefined && high === undefined) throw new LanewiseError('E_VALUE', 'clip needs a bound')
  const bounds = [low, high].map((bound) => (bound === undefined ? undefined : scalar(x, bound)))
  return apply(x.device, Clip, [x, ...bounds])[0]
}
export { clip as clamp }

/** The elements as another type: floats become integers by truncation. Bools become 0 and 1. */
export function cast(x: Variable, dtype: DType): Variable {
  checkArguments('F.cast', { x, dtype }, 'tensor', 'string')
  if (!isDType(dtype)) throw new LanewiseError('E_VALUE', `"${String(dtype)}" is not the name of an element type`)

  return x.dtype === dtype ? x : apply(x.device, Cast, [x], castAttributes(dtype))[0]
}

/** a where the condition (bools) holds, else b; shapes broadcast. */
export function where(condition: Variable, a: Variable | number, b: Variable | number): Variable {
  checkArguments('F.where', { condition, a, b }, 'tensor', 'number|tensor', 'number|tensor')

  const like = typeof a === 'number' ? b : a
  const known = typeof like === 'number' ? floatOn(condition.device) : like
  return apply(condition.device, Where, [condition, scalar(known, a), scalar(known, b)])[0]
}

/** A tensor whose type numbers take where no other says one. */
function floatOn(device: Device): Variable {
  return device.constant({ dtype: 'float32', shape: [], data: Float32Array.of(0) })
}

/** x with `value` where the mask (bools) holds. */
export function maskedFill(x: Variable, mask: Variable, value: number): Variable {
  checkArguments('F.maskedFill', { x, mask, value }, 'tensor', 'tensor', 'number')

  return where(mask, value, x)
}

// PyTorch's hard sigmoid is relu6(x + 3)/6.
const hardSigmoidAttributes = { alpha: 1 / 6, beta: 0.5 }
/** min(1, max(0, x/6 + ½)). */
export function hardsigmoid(x: Variable): Variable {
  checkArguments('F.hardsigmoid', { x }, 'tensor')

  return apply(x.device, HardSigmoid, [x], hardSigmoidAttributes)[0]
}

/** x where it is above 0, negativeSlope·x elsewhere. */
export function leakyRelu(x: Variable, negativeSlope = 0.01): Variable {
  checkArguments('F.leakyRelu', { x, negativeSlope }, 'tensor', 'number?')

  return apply(x.device, LeakyRelu, [x], { alpha: negativeSlope })[0]
}

/** x where it is above 0, alpha·(eˣ − 1) elsewhere (Clevert et al., arXiv:1511.07289). */
export function elu(x: Variable, alpha = 1): Variable {
  checkArguments('F.elu', { x, alpha }, 'tensor', 'number?')

  return apply(x.device, Elu, [x], { alpha })[0]
}

/** max(0, x) + min(0, alpha·(e^(x/alpha) − 1)) (Barron, arXiv:1704.07483). */
export function celu(x: Variable, alpha = 1): Variable {
  checkArguments('F.celu', { x, alpha }, 'tensor', 'number?')

  return apply(x.device, Celu, [x], { alpha })[0]
}

const geluAttributes = { none: { approximate: 'none' }, tanh: { approximate: 'tanh' } }
/**
 * x·Φ(x) with the distribution function Φ of the normal distribution (Hendrycks & Gimpel, arXiv:1606.08415); `tanh`
 * approximates it.
 */
export function gelu(x: Variable, approximate: 'none' | 'tanh' = 'none'): Variable {
  checkArguments('F.gelu', { x, approximate }, 'tensor', 'string?')

  return apply(x.device, Gelu, [x], geluAttributes[approximate])[0]
}

/** x < 0 ? weight · x : x; `weight` has one element or one per channel (axis 1). */
export function prelu(x: Variable, weight: Variable): Variable {
  checkArguments('F.prelu', { x, weight }, 'tensor', 'tensor')

  const slope =
    weight.size > 1 && x.shape.length > 2 ? reshape(weight, [weight.size, ...x.shape.slice(2).map(() => 1)]) : weight
  return apply(x.device, PRelu, [x, slope])[0]
}

/** The mean of several tensors, element by element. */
export function average(...tensors: readonly Variable[]): Variable {
  return apply(firstOf(tensors, 'average').device, Mean, tensors)[0]
}

/** Sets a share `p` of the elements to 0 and scales the rest by 1/(1 − p); does nothing unless `training`. */
export function dropout(x: Variable, p = 0.5, training = true): Variable {
  checkArguments('F.dropout', { x, p, training }, 'tensor', 'share?', 'boolean?')

  return training && p > 0 ? apply(x.device, RandomDropout, [x], ratioAttribute(p))[0] : x
}
const ratios = new Map<number, { readonly ratio: number }>()
function ratioAttribute(ratio: number): { readonly ratio: number } {
  let attribute = ratios.get(ratio)
  if (!attribute) ratios.set(ratio, (attribute = { ratio }))
  return attribute
}

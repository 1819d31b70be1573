// What is a formula of elementwise operators, written so that it loses no digits and has PyTorch's gradient everywhere.
import { checkArguments } from '../../core/arguments.js'
import type { Variable } from '../../autograd/variable.js'
import { Acos, Acosh, Asin, Asinh, Atanh, Cosh, Sinh } from '../../autograd/operators.js'
import { unary } from './common.js'
import { full } from './create.js'
import {
  abs,
  add,
  atan,
  clip,
  div,
  eq,
  exp,
  floor,
  ge,
  isnan,
  le,
  log,
  logicalAnd,
  logicalNot,
  logicalOr,
  lt,
  mul,
  pow,
  reciprocal,
  sign,
  sqrt,
  sub,
  tanh,
  where,
} from './elementwise.js'
import { expand, stack } from './movement.js'
import { logsumexp } from './reduce.js'

/** The arc cosine, in radians: NaN outside [−1, 1]. */
export const acos = unary(Acos)
/** The inverse of {@link cosh}: NaN below 1. */
export const acosh = unary(Acosh)
/** The arc sine, in radians: NaN outside [−1, 1]. */
export const asin = unary(Asin)
/** The inverse of {@link sinh}. */
export const asinh = unary(Asinh)
/** The inverse of `tanh`: NaN outside [−1, 1]. */
export const atanh = unary(Atanh)
/** The hyperbolic cosine. */
export const cosh = unary(Cosh)
/** The hyperbolic sine. */
export const sinh = unary(Sinh)

/** log(1 + x), with all digits where x is next to nothing. */
export function log1p(x: Variable): Variable {
  checkArguments('F.log1p', { x }, 'tensor')

  const sum = add(x, 1)
  // What rounding took from a small x is x − (sum − 1), without error (Sterbenz, 1974); it has no gradient, and the
  // logarithm changes by it over the sum.
  const small = clip(x, -1, 1)
  const lost = sub(small, sub(add(small, 1), 1))
  return add(log(sum), div(lost, clip(sum, 2 ** -24)))
}

/** eˣ − 1, with all digits where x is next to nothing. */
export function expm1(x: Variable): Variable {
  checkArguments('F.expm1', { x }, 'tensor')

  // tanh(x/2)·(eˣ + 1) is the same and subtracts nothing.
  const small = clip(x, -1, 1)
  const exact = mul(tanh(mul(small, 0.5)), add(exp(small), 1))
  return where(lt(abs(x), 1), exact, sub(exp(x), 1))
}

/** The logarithm to the base 2. */
export function log2(x: Variable): Variable {
  checkArguments('F.log2', { x }, 'tensor')

  return div(log(x), Math.LN2)
}

/** The logarithm to the base 10. */
export function log10(x: Variable): Variable {
  checkArguments('F.log10', { x }, 'tensor')

  return div(log(x), Math.LN10)
}

/** 2ˣ */
export function exp2(x: Variable): Variable {
  checkArguments('F.exp2', { x }, 'tensor')

  return pow(2, x)
}

/** x² */
export function square(x: Variable): Variable {
  checkArguments('F.square', { x }, 'tensor')

  return mul(x, x)
}

/** 1/√x */
export function rsqrt(x: Variable): Variable {
  checkArguments('F.rsqrt', { x }, 'tensor')

  return reciprocal(sqrt(x))
}

/** The whole part: x without what is behind its point. */
export function trunc(x: Variable): Variable {
  checkArguments('F.trunc', { x }, 'tensor')

  return mul(sign(x), floor(abs(x)))
}

/** What is behind the point of x, with the sign of x: x − {@link trunc}(x). */
export function frac(x: Variable): Variable {
  checkArguments('F.frac', { x }, 'tensor')

  return sub(x, trunc(x))
}

/** Whether numbers have a minus, that of −0 as well. */
function negative(x: Variable): Variable {
  return logicalOr(lt(x, 0), eq(reciprocal(x), -Infinity))
}

/** The angle of the point (x, y) in radians from −π to π, 0 where both are 0. */
export function atan2(y: Variable, x: Variable): Variable {
  checkArguments('F.atan2', { y, x }, 'tensor', 'tensor')

  // The quotient that is within ±1. Of the other, which is not taken, the divisor is 1: a gradient that is not finite
  // would stay so when it is multiplied by 0.
  const flat = ge(abs(x), abs(y))
  const atAxis = eq(x, 0)
  const rise = where(logicalAnd(flat, atAxis), 0, y)
  const below = where(negative(y), full([], -1, { device: y.device }), 1)
  const shallow = atan(div(rise, where(logicalOr(logicalNot(flat), atAxis), 1, x)))
  const turned = add(shallow, where(negative(x), mul(below, Math.PI), 0))
  return where(flat, turned, sub(mul(below, Math.PI / 2), atan(div(x, where(flat, 1, y)))))
}

/** a + weight·(b − a) */
export function lerp(a: Variable, b: Variable, weight: Variable | number): Variable {
  checkArguments('F.lerp', { a, b, weight }, 'tensor', 'tensor', 'number|tensor')

  return add(a, mul(sub(b, a), weight))
}

/** log(eᵃ + eᵇ) without overflow. */
export function logaddexp(a: Variable, b: Variable): Variable {
  checkArguments('F.logaddexp', { a, b }, 'tensor', 'tensor')

  return logsumexp(stack([expand(a, b.shape), expand(b, a.shape)]), [0])
}

/**
 * x with other numbers for what is none: `nan` (0), and `posinf` and `neginf` (the largest float32 of each sign). Those
 * get no gradient.
 */
export function nanToNum(
  x: Variable,
  options: { readonly nan?: number; readonly posinf?: number; readonly neginf?: number } = {},
): Variable {
  checkArguments('F.nanToNum', { x, options }, 'tensor', { nan: 'number', posinf: 'number', neginf: 'number' })
  const { nan = 0, posinf = MOST, neginf = -MOST } = options

  return where(isnan(x), nan, where(eq(x, Infinity), posinf, where(eq(x, -Infinity), neginf, x)))
}
const MOST = 3.4028234663852886e38

/** How far apart two numbers may be that count as equal. */
export interface Tolerance {
  /** As a share of the second; 1e-5 by default. */
  readonly rtol?: number
  /** Besides that; 1e-8 by default. */
  readonly atol?: number
}

/** Whether |a − b| ≤ atol + rtol·|b|, or both are the same infinity, element by element, as bools. */
export function isclose(a: Variable, b: Variable, options: Tolerance = {}): Variable {
  checkArguments('F.isclose', { a, b, options }, 'tensor', 'tensor', { rtol: 'amount', atol: 'amount' })
  const { rtol = 1e-5, atol = 1e-8 } = options

  const near = le(abs(sub(a, b)), add(mul(abs(b), rtol), atol))
  return logicalOr(eq(a, b), logicalAnd(near, lt(abs(b), Infinity)))
}

/** Whether all elements are close ({@link isclose}): true or false, no tensor. */
export function allclose(a: Variable, b: Variable, options: Tolerance = {}): boolean {
  checkArguments('F.allclose', { a, b, options }, 'tensor', 'tensor', { rtol: 'amount', atol: 'amount' })

  return (isclose(a, b, options).data() as Uint8Array).every(Boolean)
}

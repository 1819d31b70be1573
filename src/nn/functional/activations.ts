import { checkArguments } from '../../core/arguments.js'
import { apply } from '../../autograd/apply.js'
import type { Variable } from '../../autograd/variable.js'
import { Hardtanh, LogSoftmax, Softmax } from '../../autograd/operators.js'
import { LanewiseError } from '../../core/errors.js'
import { axisAttribute, axisOf, scalar } from './common.js'
import { clip, ge, le, logicalAnd, mul, neg, sigmoid, softplus, sub, tanh, where } from './elementwise.js'
import { split } from './movement.js'

/** eˣ divided by its sum along an axis; the last by default. */
export function softmax(x: Variable, axis = -1): Variable {
  checkArguments('F.softmax', { x, axis }, 'tensor', 'number?')

  return apply(x.device, Softmax, [x], axisAttribute(axis))[0]
}

/** The logarithm of {@link softmax}, without computing that. */
export function logSoftmax(x: Variable, axis = -1): Variable {
  checkArguments('F.logSoftmax', { x, axis }, 'tensor', 'number?')

  return apply(x.device, LogSoftmax, [x], axisAttribute(axis))[0]
}

/** {@link softmax} of −x. */
export function softmin(x: Variable, axis = -1): Variable {
  checkArguments('F.softmin', { x, axis }, 'tensor', 'number?')

  return softmax(neg(x), axis)
}

/**
 * min(max(x, low), high). At the bounds themselves the gradient is 0, where that of `clip` is 1, as in PyTorch.
 *
 * @throws LanewiseError `E_VALUE` for a low that is not below high.
 */
export function hardtanh(x: Variable, low = -1, high = 1): Variable {
  checkArguments('F.hardtanh', { x, low, high }, 'tensor', 'number?', 'number?')

  if (!(low < high)) throw new LanewiseError('E_VALUE', `the low bound ${low} is not below the high one, ${high}`)
  return apply(x.device, Hardtanh, [x, scalar(x, low), scalar(x, high)])[0]
}

/** min(max(x, 0), 6) (Howard et al., arXiv:1704.04861). */
export function relu6(x: Variable): Variable {
  checkArguments('F.relu6', { x }, 'tensor')

  return hardtanh(x, 0, 6)
}

/** log(1/(1 + e^(−x))), which overflows nowhere. */
export function logsigmoid(x: Variable): Variable {
  checkArguments('F.logsigmoid', { x }, 'tensor')

  return neg(softplus(neg(x)))
}

/** x − tanh(x) */
export function tanhshrink(x: Variable): Variable {
  checkArguments('F.tanhshrink', { x }, 'tensor')

  return sub(x, tanh(x))
}

/** x nearer to 0 by `lambd`, and 0 where it is within that. */
export function softshrink(x: Variable, lambd = 0.5): Variable {
  checkArguments('F.softshrink', { x, lambd }, 'tensor', 'amount?')

  return sub(x, clip(x, -lambd, lambd))
}

/** 0 where x is within `lambd` of it, else x. */
export function hardshrink(x: Variable, lambd = 0.5): Variable {
  checkArguments('F.hardshrink', { x, lambd }, 'tensor', 'amount?')

  return where(logicalAnd(ge(x, -lambd), le(x, lambd)), 0, x)
}

/** x where it is above `least`, else `value`; NaN stays. */
export function threshold(x: Variable, least: number, value: number): Variable {
  checkArguments('F.threshold', { x, least, value }, 'tensor', 'number', 'number')

  return where(le(x, least), value, x)
}

/**
 * The first half along an axis times the sigmoid of the second (Dauphin et al., arXiv:1612.08083).
 *
 * @throws LanewiseError `E_SHAPE` for an odd size.
 */
export function glu(x: Variable, axis = -1): Variable {
  checkArguments('F.glu', { x, axis }, 'tensor', 'number?')

  const size = x.shape[axisOf(x, axis)]
  if (size % 2 !== 0) throw new LanewiseError('E_SHAPE', `glu halves axis ${axis}, got ${x.describe()}`)
  const [a, b] = split(x, [size / 2, size / 2], axis)
  return mul(a, sigmoid(b))
}

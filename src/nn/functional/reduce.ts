import { checkArguments } from '../../core/arguments.js'
import { apply } from '../../autograd/apply.js'
import type { Variable } from '../../autograd/variable.js'
import {
  CumProd,
  CumSum,
  ReduceL2,
  ReduceLogSumExp,
  ReduceMax,
  ReduceMean,
  ReduceMin,
  ReduceProd,
  ReduceSum,
  ReduceSumSquare,
  TopK,
} from '../../autograd/operators.js'
import { LanewiseError } from '../../core/errors.js'
import { ArgMax, ArgMin } from '../../ops/reduce/arg.js'
import { axisOf, numbers } from './common.js'
import { cast, clip, div, mul, ne, neg, sub } from './elementwise.js'
import { reshape, squeeze } from './movement.js'

function reduction(op: { readonly name: string }) {
  return (x: Variable, axes?: readonly number[], keepdims = false): Variable => {
    checkArguments(op.name, { x, axes, keepdims }, 'tensor', 'numbers?', 'boolean?')
    return apply(x.device, op, axes ? [x, numbers(x, axes)] : [x], keepdims ? kept : dropped)[0]
  }
}
const kept = { keepdims: 1 }
const dropped = { keepdims: 0 }

/** Sum over the given axes, or all. */
export const sum = reduction(ReduceSum)
/** Mean over the given axes, or all. */
export const mean = reduction(ReduceMean)
/** The largest element over the given axes, or all; equal ones share its gradient. */
export const amax = reduction(ReduceMax)
/** The smallest element over the given axes, or all; equal ones share its gradient. */
export const amin = reduction(ReduceMin)
/** Product over the given axes, or all. */
export const prod = reduction(ReduceProd)
/** Sum of squares over the given axes, or all. */
export const sumSquares = reduction(ReduceSumSquare)
/** log Σ eˣ over the given axes, or all, without overflow. */
export const logsumexp = reduction(ReduceLogSumExp)
/** √Σx² over the given axes, or all; its gradient at 0 is 0. */
export const norm = reduction(ReduceL2)

/**
 * The variance over the given axes, or all. `var` by its other name.
 *
 * @param correction - what the number of elements is diminished by before it divides: 1 for the unbiased variance, as
 * PyTorch has it by default, 0 for the population's.
 */
export function variance(x: Variable, axes?: readonly number[], keepdims = false, correction = 1): Variable {
  checkArguments('F.variance', { x, axes, keepdims, correction }, 'tensor', 'numbers?', 'boolean?', 'number?')

  const distance = sub(x, mean(x, axes, true))
  const squares = sumSquares(distance, axes, keepdims)
  return div(squares, Math.max(0, x.size / Math.max(1, squares.size) - correction))
}
export { variance as var }

/** The root of {@link variance}. Its gradient is 0 where all elements are equal. */
export function std(x: Variable, axes?: readonly number[], keepdims = false, correction = 1): Variable {
  checkArguments('F.std', { x, axes, keepdims, correction }, 'tensor', 'numbers?', 'boolean?', 'number?')

  const length = norm(sub(x, mean(x, axes, true)), axes, keepdims)
  return div(length, Math.sqrt(Math.max(0, x.size / Math.max(1, length.size) - correction)))
}

function place(op: { readonly name: string }) {
  return (x: Variable, axis?: number, keepdims = false): Variable => {
    checkArguments(op.name, { x, axis, keepdims }, 'tensor', 'number?', 'boolean?')
    if (axis !== undefined) return apply(x.device, op, [x], { axis, keepdims: Number(keepdims) })[0]
    const flat = apply(x.device, op, [reshape(x, [-1])], { axis: 0, keepdims: 0 })[0]
    return keepdims
      ? reshape(
          flat,
          x.shape.map(() => 1),
        )
      : flat
  }
}

/**
 * The place of the largest element along an axis (of several equal ones the first), or in the tensor read as a list;
 * int64.
 */
export const argmax = place(ArgMax)
/**
 * The place of the smallest element along an axis (of several equal ones the first), or in the tensor read as a list;
 * int64.
 */
export const argmin = place(ArgMin)

/** Running sums along an axis. */
export function cumsum(x: Variable, axis: number): Variable {
  checkArguments('F.cumsum', { x, axis }, 'tensor', 'number')

  return apply(x.device, CumSum, [x, numbers(x, [axisOf(x, axis)])])[0]
}

/** Running products along an axis. */
export function cumprod(x: Variable, axis: number): Variable {
  checkArguments('F.cumprod', { x, axis }, 'tensor', 'number')

  return apply(x.device, CumProd, [x, numbers(x, [axisOf(x, axis)])])[0]
}

/**
 * The k largest elements along an axis, the largest first (the smallest with `largest: false`), and their places
 * (int64). NaN counts as largest.
 *
 * @throws LanewiseError `E_VALUE` for more than there are.
 */
export function topk(
  x: Variable,
  k: number,
  axis = -1,
  options: { readonly largest?: boolean } = {},
): [values: Variable, indices: Variable] {
  checkArguments('F.topk', { x, k, axis, options }, 'tensor', 'number', 'number?', { largest: 'boolean' })
  const { largest = true } = options

  if (!Number.isInteger(k)) throw new LanewiseError('E_VALUE', `k must be a whole number, got ${k}`)
  const [values, indices] = apply(x.device, TopK, [x, numbers(x, [k])], { axis, largest: Number(largest) }, 2)
  return [values, indices]
}

function extreme(largest: boolean) {
  function find(x: Variable): Variable
  function find(x: Variable, axis: number, keepdims?: boolean): [values: Variable, indices: Variable]
  function find(x: Variable, axis?: number, keepdims = false): Variable | [values: Variable, indices: Variable] {
    checkArguments(largest ? 'F.max' : 'F.min', { x, axis, keepdims }, 'tensor', 'number?', 'boolean?')
    if (x.size === 0) throw new LanewiseError('E_SHAPE', `there is nothing in ${x.describe()}`)
    if (axis === undefined) return largest ? amax(x) : amin(x)
    // NaN is the largest of all and, as the largest of what is turned round, the smallest.
    const [found, indices] = topk(largest ? x : neg(x), 1, axis)
    const values = largest ? found : neg(found)
    return keepdims ? [values, indices] : [squeeze(values, [axis]), squeeze(indices, [axis])]
  }
  return find
}

/**
 * The largest element, or with an axis those along it and their places (int64), as `torch.max`; of two tensors
 * `maximum`. NaN is larger than all.
 */
export const max = extreme(true)
/**
 * The smallest element, or with an axis those along it and their places (int64), as `torch.min`; of two tensors
 * `minimum`. NaN is smaller than all.
 */
export const min = extreme(false)

/** What is not 0, as 1. */
function truths(x: Variable): Variable {
  return cast(x.dtype === 'bool' ? x : ne(x, 0), 'float32')
}

/** Whether an element is not 0, over the given axes, or all; bool. */
export function any(x: Variable, axes?: readonly number[], keepdims = false): Variable {
  checkArguments('F.any', { x, axes, keepdims }, 'tensor', 'numbers?', 'boolean?')

  return cast(amax(truths(x), axes, keepdims), 'bool')
}

/** Whether no element is 0, over the given axes, or all; bool. */
export function all(x: Variable, axes?: readonly number[], keepdims = false): Variable {
  checkArguments('F.all', { x, axes, keepdims }, 'tensor', 'numbers?', 'boolean?')

  return cast(amin(truths(x), axes, keepdims), 'bool')
}

/** How many elements are not 0, over the given axes, or all; int64. */
export function countNonzero(x: Variable, axes?: readonly number[]): Variable {
  checkArguments('F.countNonzero', { x, axes }, 'tensor', 'numbers?')

  return sum(cast(x.dtype === 'bool' ? x : ne(x, 0), 'int64'), axes)
}

/** The elements along an axis in order, the smallest first, and where each was (int64). Equal ones keep their order. */
export function sort(
  x: Variable,
  axis = -1,
  options: { readonly descending?: boolean } = {},
): [values: Variable, indices: Variable] {
  checkArguments('F.sort', { x, axis, options }, 'tensor', 'number?', { descending: 'boolean' })
  const { descending = false } = options

  return topk(x, x.shape[axisOf(x, axis)], axis, { largest: descending })
}

/** The places of {@link sort}. */
export function argsort(x: Variable, axis = -1, options: { readonly descending?: boolean } = {}): Variable {
  checkArguments('F.argsort', { x, axis, options }, 'tensor', 'number?', { descending: 'boolean' })

  return sort(x, axis, options)[1]
}

/** x divided by its norm along an axis, or by `eps` where that is larger. */
export function normalize(x: Variable, axis = 1, eps = 1e-12): Variable {
  checkArguments('F.normalize', { x, axis, eps }, 'tensor', 'number?', 'number?')

  const length = norm(x, [axis], true)
  return div(x, clip(length, eps))
}

/** The cosine of the angle between vectors along an axis: a·b / max(|a|·|b|, eps). */
export function cosineSimilarity(a: Variable, b: Variable, axis = 1, eps = 1e-8): Variable {
  checkArguments('F.cosineSimilarity', { a, b, axis, eps }, 'tensor', 'tensor', 'number?', 'number?')

  const lengths = mul(norm(a, [axis]), norm(b, [axis]))
  return div(sum(mul(a, b), [axis]), clip(lengths, eps))
}

// Products and distances of vectors and matrices.
import { checkArguments } from '../../core/arguments.js'
import type { Variable } from '../../autograd/variable.js'
import { LanewiseError } from '../../core/errors.js'
import { axisOf } from './common.js'
import { diagonal, roll } from './arrange.js'
import { abs, add, mul, sub } from './elementwise.js'
import { einsum, matmul } from './layers.js'
import { unsqueeze } from './movement.js'
import { norm, sum } from './reduce.js'

function ofRanks(name: string, ranks: readonly [number, number]) {
  return (a: Variable, b: Variable): Variable => {
    checkArguments(`F.${name}`, { a, b }, 'tensor', 'tensor')
    if (a.shape.length !== ranks[0] || b.shape.length !== ranks[1])
      throw new LanewiseError(
        'E_SHAPE',
        `${name} takes tensors of ${ranks.join(' and ')} axes, got ${a.describe()} and ${b.describe()}`,
      )
    return matmul(a, b)
  }
}

/** The inner product of two lists: a number. */
export const dot = ofRanks('dot', [1, 1])
/** Matrix times list. */
export const mv = ofRanks('mv', [2, 1])
/** Matrix times matrix. */
export const mm = ofRanks('mm', [2, 2])
/** Products of two stacks of matrices, [N, a, b] and [N, b, c]. */
export const bmm = ofRanks('bmm', [3, 3])

/** Every element of one list times every element of another: [a] and [b] make [a, b]. */
export function outer(a: Variable, b: Variable): Variable {
  checkArguments('F.outer', { a, b }, 'tensor', 'tensor')

  if (a.shape.length !== 1 || b.shape.length !== 1)
    throw new LanewiseError('E_SHAPE', `outer takes two lists, got ${a.describe()} and ${b.describe()}`)
  return mul(unsqueeze(a, [1]), b)
}

/** The sum of a matrix's diagonal. */
export function trace(x: Variable): Variable {
  checkArguments('F.trace', { x }, 'tensor')

  if (x.shape.length !== 2) throw new LanewiseError('E_SHAPE', `trace takes a matrix, got ${x.describe()}`)
  return sum(diagonal(x))
}

/** The cross product of vectors along an axis of three places. */
export function cross(a: Variable, b: Variable, axis = -1): Variable {
  checkArguments('F.cross', { a, b, axis }, 'tensor', 'tensor', 'number?')

  for (const x of [a, b])
    if (x.shape[axisOf(x, axis)] !== 3)
      throw new LanewiseError('E_SHAPE', `cross takes vectors of three places along axis ${axis}, got ${x.describe()}`)
  const [next, last] = [(x: Variable) => roll(x, -1, axis), (x: Variable) => roll(x, 1, axis)]
  return sub(mul(next(a), last(b)), mul(last(a), next(b)))
}

/** Which distance: of absolute differences (1), or Euclid's (2, by default). */
export interface DistanceOptions {
  /** 1 for the sum of absolute differences, 2 for Euclid's; 2 by default. */
  readonly p?: 1 | 2
  /** Added to every difference, as PyTorch's layer does; 1e-6 by default. */
  readonly eps?: number
  /** Whether the axis stays, with size 1. Default false. */
  readonly keepdim?: boolean
}

function lengthOf(difference: Variable, p: number, keepdim: boolean): Variable {
  if (p !== 1 && p !== 2) throw new LanewiseError('E_VALUE', `p must be 1 or 2, got ${String(p)}`)
  return p === 1 ? sum(abs(difference), [-1], keepdim) : norm(difference, [-1], keepdim)
}

/** The distances of vectors along the last axis. */
export function pairwiseDistance(a: Variable, b: Variable, options: DistanceOptions = {}): Variable {
  checkArguments('F.pairwiseDistance', { a, b, options }, 'tensor', 'tensor', {
    p: 'number',
    eps: 'amount',
    keepdim: 'boolean',
  })
  const { p = 2, eps = 1e-6, keepdim = false } = options

  return lengthOf(add(sub(a, b), eps), p, keepdim)
}

/**
 * The distances of all vectors of a from all of b: [..., n, size] and [..., m, size] make [..., n, m]. It takes memory
 * for n·m·size numbers.
 */
export function cdist(a: Variable, b: Variable, options: { readonly p?: 1 | 2 } = {}): Variable {
  checkArguments('F.cdist', { a, b, options }, 'tensor', 'tensor', { p: 'number' })

  return lengthOf(sub(unsqueeze(a, [-2]), unsqueeze(b, [-3])), options.p ?? 2, false)
}

/** x₁ᵀ·W·x₂ + bias for each output. @param a - [..., in1]; `b` [..., in2]; `weight` [out, in1, in2]; `bias` [out]. */
export function bilinear(a: Variable, b: Variable, weight: Variable, bias?: Variable): Variable {
  checkArguments('F.bilinear', { a, b, weight, bias }, 'tensor', 'tensor', 'tensor', 'tensor?')

  const products = einsum('...i,oij->...oj', a, weight)
  const y = sum(mul(products, unsqueeze(b, [-2])), [-1])
  return bias ? add(y, bias) : y
}

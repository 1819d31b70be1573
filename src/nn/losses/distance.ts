// Losses between numbers, distributions and embeddings: PyTorch's names, defaults and conventions.
import { checkArguments } from '../../core/arguments.js'
import type { Device } from '../../autograd/device.js'
import type { Variable } from '../../autograd/variable.js'
import { LanewiseError } from '../../core/errors.js'
import * as F from '../functional.js'
import { checkPair } from '../functional/common.js'
import type { DistanceOptions } from '../functional/products.js'
import { Module } from '../module.js'
import { bceWithLogits, reduced, type Reduction } from './losses.js'

function positive(name: string, value: number): void {
  if (!(value > 0 && Number.isFinite(value)))
    throw new LanewiseError('E_VALUE', `${name} must be a number above 0, got ${value}`)
}

/**
 * ½d² for differences up to `delta`, delta·(|d| − ½delta) beyond (Huber, 1964). @param x - any shape; `y` of the same.
 */
export function huber(
  x: Variable,
  y: Variable,
  options: { readonly delta?: number; readonly reduction?: Reduction } = {},
): Variable {
  checkArguments('huber', { x, y, options }, 'tensor', 'tensor', { delta: 'number', reduction: 'string' })
  checkPair('huber', x, y)
  const { delta = 1, reduction = 'mean' } = options

  positive('delta', delta)
  const distance = F.abs(F.sub(x, y))
  // min(|d|, delta)·(|d| − ½·min(|d|, delta)) is both branches at once.
  const near = F.minimum(distance, delta)
  return reduced(F.mul(near, F.sub(distance, F.mul(near, 0.5))), reduction)
}

/**
 * ½d²/beta for differences up to `beta`, |d| − ½beta beyond (Girshick, arXiv:1504.08083); with `beta` 0 the absolute
 * difference.
 */
export function smoothL1(
  x: Variable,
  y: Variable,
  options: { readonly beta?: number; readonly reduction?: Reduction } = {},
): Variable {
  checkArguments('smoothL1', { x, y, options }, 'tensor', 'tensor', { beta: 'number', reduction: 'string' })
  checkPair('smoothL1', x, y)
  const { beta = 1, reduction = 'mean' } = options

  if (beta === 0) return reduced(F.abs(F.sub(x, y)), reduction)
  return F.mul(huber(x, y, { delta: beta, reduction }), 1 / beta)
}

/**
 * The Kullback–Leibler divergence Σ t·(log t − x) of a distribution t from one whose logarithms x are. `batchmean`
 * divides by the number of examples and is the divergence as mathematics has it; `mean` divides by the number of
 * elements, as PyTorch's default does.
 *
 * @param x - logarithms of probabilities. @param target - probabilities of the same shape; with `logTarget` their
 *   logarithms.
 */
export function klDiv(
  x: Variable,
  target: Variable,
  options: { readonly reduction?: Reduction | 'batchmean'; readonly logTarget?: boolean } = {},
): Variable {
  checkArguments('klDiv', { x, target, options }, 'tensor', 'tensor', { reduction: 'string', logTarget: 'boolean' })
  checkPair('klDiv', x, target)
  const { reduction = 'mean', logTarget = false } = options

  // 0·log 0 is 0.
  const losses = logTarget
    ? F.mul(F.exp(target), F.sub(target, x))
    : F.sub(F.mul(target, F.log(F.where(F.gt(target, 0), target, 1))), F.mul(target, x))
  return reduction === 'batchmean' ? F.mul(F.sum(losses), 1 / x.shape[0]) : reduced(losses, reduction)
}

/** max(0, −y·(a − b) + margin): a should rank above b where y is 1, below where it is −1. All of one shape. */
export function marginRanking(
  a: Variable,
  b: Variable,
  y: Variable,
  options: { readonly margin?: number; readonly reduction?: Reduction } = {},
): Variable {
  checkArguments('marginRanking', { a, b, y, options }, 'tensor', 'tensor', 'tensor', {
    margin: 'number',
    reduction: 'string',
  })
  const { margin = 0, reduction = 'mean' } = options

  return reduced(F.relu(F.add(F.mul(F.neg(y), F.sub(a, b)), margin)), reduction)
}

/** x where y is 1, max(0, margin − x) where it is −1: for distances of pairs that are alike, or not. */
export function hingeEmbedding(
  x: Variable,
  y: Variable,
  options: { readonly margin?: number; readonly reduction?: Reduction } = {},
): Variable {
  checkArguments('hingeEmbedding', { x, y, options }, 'tensor', 'tensor', { margin: 'number', reduction: 'string' })
  const { margin = 1, reduction = 'mean' } = options

  return reduced(F.where(F.gt(y, 0), x, F.relu(F.sub(margin, x))), reduction)
}

/**
 * 1 − cos(a, b) where y is 1, max(0, cos(a, b) − margin) where it is −1.
 *
 * @param a - [N, size], as `b`. @param y - [N].
 */
export function cosineEmbedding(
  a: Variable,
  b: Variable,
  y: Variable,
  options: { readonly margin?: number; readonly reduction?: Reduction } = {},
): Variable {
  checkArguments('cosineEmbedding', { a, b, y, options }, 'tensor', 'tensor', 'tensor', {
    margin: 'number',
    reduction: 'string',
  })
  const { margin = 0, reduction = 'mean' } = options

  const cosine = F.cosineSimilarity(a, b, a.shape.length - 1)
  return reduced(F.where(F.gt(y, 0), F.sub(1, cosine), F.relu(F.sub(cosine, margin))), reduction)
}

/**
 * max(0, d(anchor, positive) − d(anchor, negative) + margin) with d the p-norm of the difference (Balntas et al.,
 * 2016). As in PyTorch `eps` is added to every difference.
 *
 * @param anchor - [N, size], as the other two.
 */
export function tripletMargin(
  anchor: Variable,
  positiveExample: Variable,
  negativeExample: Variable,
  options: {
    readonly margin?: number
    readonly p?: 1 | 2
    readonly eps?: number
    /** Takes the smaller of the negative's distances from anchor and positive. */
    readonly swap?: boolean
    readonly reduction?: Reduction
  } = {},
): Variable {
  checkArguments('tripletMargin', { anchor, positiveExample, negativeExample, options }, 'tensor', 'tensor', 'tensor', {
    margin: 'number',
    p: 'number',
    eps: 'number',
    swap: 'boolean',
    reduction: 'string',
  })
  const { margin = 1, p = 2, eps = 1e-6, swap = false, reduction = 'mean' } = options

  const distance = (a: Variable, b: Variable): Variable => {
    const difference = F.add(F.sub(a, b), eps)
    const axes = [a.shape.length - 1]
    return p === 1 ? F.sum(F.abs(difference), axes) : F.norm(difference, axes)
  }
  const near = distance(anchor, positiveExample)
  const far = distance(anchor, negativeExample)
  const nearest = swap ? F.minimum(far, distance(positiveExample, negativeExample)) : far
  return reduced(F.relu(F.add(F.sub(near, nearest), margin)), reduction)
}

/**
 * max(0, margin − x[t] + x[c])^p averaged over the classes c ≠ t. @param x - [N, C]. @param targets - [N], int32 or
 * int64.
 */
export function multiMargin(
  x: Variable,
  targets: Variable,
  options: { readonly p?: 1 | 2; readonly margin?: number; readonly reduction?: Reduction } = {},
): Variable {
  checkArguments('multiMargin', { x, targets, options }, 'tensor', 'tensor', {
    p: 'number',
    margin: 'number',
    reduction: 'string',
  })
  const { p = 1, margin = 1, reduction = 'mean' } = options

  const classes = x.shape[1]
  const column = F.unsqueeze(targets, [1])
  const short = F.relu(F.add(F.sub(x, F.gather(x, 1, column)), margin))
  const each = p === 2 ? F.mul(short, short) : short
  const others = F.sub(1, F.oneHot(targets, classes))
  return reduced(F.mul(F.sum(F.mul(each, others), [1]), 1 / classes), reduction)
}

/** exp(x) − y·x for a count y and the logarithm x of its expectation, without the constant log y!. */
export function poissonNll(x: Variable, y: Variable, reduction: Reduction = 'mean'): Variable {
  checkArguments('poissonNll', { x, y, reduction }, 'tensor', 'tensor', 'string?')
  checkPair('poissonNll', x, y)

  return reduced(F.sub(F.exp(x), F.mul(y, x)), reduction)
}

/** ½(log v + (x − y)²/v) for a mean x and a variance v, which counts as `eps` at least. */
export function gaussianNll(
  x: Variable,
  y: Variable,
  variance: Variable,
  options: { readonly eps?: number; readonly reduction?: Reduction } = {},
): Variable {
  checkArguments('gaussianNll', { x, y, variance, options }, 'tensor', 'tensor', 'tensor', {
    eps: 'number',
    reduction: 'string',
  })
  checkPair('gaussianNll', x, y)
  const { eps = 1e-6, reduction = 'mean' } = options

  const v = F.maximum(variance, eps)
  const difference = F.sub(x, y)
  return reduced(F.mul(F.add(F.log(v), F.div(F.mul(difference, difference), v)), 0.5), reduction)
}

/** log(1 + e^(−y·x)) for y of 1 and −1. */
export function softMargin(x: Variable, y: Variable, reduction: Reduction = 'mean'): Variable {
  checkArguments('softMargin', { x, y, reduction }, 'tensor', 'tensor', 'string?')
  checkPair('softMargin', x, y)

  return reduced(F.softplus(F.neg(F.mul(y, x))), reduction)
}

/**
 * The mean over the classes, the last axis, of the cross-entropies of sigmoid(x) with y of 0 and 1, one for each
 * example.
 */
export function multiLabelSoftMargin(
  x: Variable,
  y: Variable,
  options: { readonly weight?: Variable; readonly reduction?: Reduction } = {},
): Variable {
  checkArguments('multiLabelSoftMargin', { x, y, options }, 'tensor', 'tensor', {
    weight: 'tensor',
    reduction: 'string',
  })
  checkPair('multiLabelSoftMargin', x, y)
  const { weight, reduction = 'mean' } = options

  return reduced(F.mean(bceWithLogits(x, y, { weight, reduction: 'none' }), [-1]), reduction)
}

/** {@link F.cosineSimilarity} as a layer. */
export class CosineSimilarity extends Module {
  constructor(
    /** The axis of the vectors; 1 by default. */
    readonly dim = 1,
    /** The least product of lengths that is divided by; 1e-8 by default. */
    readonly eps = 1e-8,
    options: { readonly device?: Device } = {},
  ) {
    checkArguments(new.target.name, { dim, eps, options }, 'number?', 'amount?', { device: 'device' })
    const { device } = options

    super(device)
  }

  forward(a: Variable, b: Variable): Variable {
    return F.cosineSimilarity(a, b, this.dim, this.eps)
  }
}

/** {@link F.pairwiseDistance} as a layer. */
export class PairwiseDistance extends Module {
  private readonly given: DistanceOptions

  constructor(options: DistanceOptions & { readonly device?: Device } = {}) {
    checkArguments(new.target.name, { options }, { p: 'number', eps: 'amount', keepdim: 'boolean', device: 'device' })
    const { device, ...given } = options

    super(device)
    this.given = given
  }

  forward(a: Variable, b: Variable): Variable {
    return F.pairwiseDistance(a, b, this.given)
  }
}

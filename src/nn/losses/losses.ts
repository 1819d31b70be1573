import { checkArguments } from '../../core/arguments.js'
import { apply } from '../../autograd/apply.js'
import type { Variable } from '../../autograd/variable.js'
import { GatherElements, LinearCrossEntropy, SoftmaxCrossEntropyLoss } from '../../autograd/operators.js'
import { LanewiseError } from '../../core/errors.js'
import { hostFrom } from '../../core/host.js'
import { Equal } from '../../ops/elementwise/logic.js'
import * as F from '../functional.js'
import { checkPair } from '../functional/common.js'

/** What becomes of the losses of single elements: their mean, their sum, or themselves. */
export type Reduction = 'mean' | 'sum' | 'none'

/** Weights, ignored and smoothed targets of a cross-entropy. */
export interface CrossEntropyOptions {
  /** Class weights [C]. */
  readonly weight?: Variable
  /** Targets that count for nothing. */
  readonly ignoreIndex?: number
  /** Share of the target that is spread over all classes (Szegedy et al., 2016). */
  readonly labelSmoothing?: number
  /** The mean by default; `sum`, or `none` for a loss for each element. */
  readonly reduction?: Reduction
}

/**
 * −log softmax of the right class, fused with its softmax.
 *
 * @param scores - [N, C, …], before any softmax.
 * @param given - class indices [N, …] (any integers, bools), or probabilities of the shape of `scores` (floats).
 * @throws LanewiseError `E_VALUE` for a class that does not exist.
 */
export function crossEntropy(scores: Variable, given: Variable, options: CrossEntropyOptions = {}): Variable {
  checkArguments('crossEntropy', { scores, given, options }, 'tensor', 'tensor', {
    weight: 'tensor',
    ignoreIndex: 'number',
    labelSmoothing: 'number',
    reduction: 'string',
  })
  const { weight, ignoreIndex, labelSmoothing = 0, reduction = 'mean' } = options

  const targets = F.asTargets(given)
  if (targets.dtype === 'float32') {
    if (targets.shape.join() !== scores.shape.join())
      throw new LanewiseError(
        'E_SHAPE',
        `labels that are floats are shares of classes, of the shape of the scores (${scores.describe()}), got ${targets.describe()}: cast() numbers of classes to integers`,
      )
    return denseCrossEntropy(scores, targets, { weight, labelSmoothing, reduction })
  }
  const hard = apply(
    scores.device,
    SoftmaxCrossEntropyLoss,
    [scores, targets, weight],
    attributesOf(reduction, ignoreIndex),
  )[0]
  if (labelSmoothing === 0) return hard
  // The part of the target that is spread evenly, for targets that count.
  const logarithms = F.logSoftmax(scores, 1)
  const classes = F.mean(weight ? F.mul(logarithms, perClass(weight, scores)) : logarithms, [1])
  const ignored = ignoredAmong(targets, ignoreIndex)
  const spread = F.neg(ignored ? F.where(ignored, scalar(scores, 0), classes) : classes)
  const total =
    reduction === 'mean' ? F.div(F.sum(spread), countOf(scores, targets, weight, ignored)) : reduced(spread, reduction)
  return F.add(F.mul(hard, 1 - labelSmoothing), F.mul(total, labelSmoothing))
}

function scalar({ device }: Variable, value: number): Variable {
  return device.constant(hostFrom('float32', [], [value]))
}

/** Class weights beside scores [N, C, …]. */
function perClass(weight: Variable, scores: Variable): Variable {
  return scores.shape.length === 2 ? weight : F.reshape(weight, [weight.size, ...scores.shape.slice(2).map(() => 1)])
}

function ignoredAmong(targets: Variable, ignoreIndex: number | undefined): Variable | undefined {
  if (ignoreIndex === undefined) return undefined
  return apply(targets.device, Equal, [targets, targets.device.constant(hostFrom(targets.dtype, [], [ignoreIndex]))])[0]
}

/** What a mean divides by: how many targets count, or the sum of their classes' weights. */
function countOf(
  scores: Variable,
  targets: Variable,
  weight: Variable | undefined,
  ignored: Variable | undefined,
): Variable {
  if (!ignored && !weight) return scalar(scores, targets.size)
  const first = targets.device.constant(hostFrom(targets.dtype, [], [0]))
  const each = weight ? F.embedding(ignored ? F.where(ignored, first, targets) : targets, weight) : scalar(scores, 1)
  return F.sum(ignored ? F.where(ignored, scalar(scores, 0), each) : each)
}

const attributesByKey = new Map<string, object>()
function attributesOf(reduction: Reduction, ignoreIndex: number | undefined): Readonly<Record<string, unknown>> {
  const key = `${reduction} ${ignoreIndex}`
  let attributes = attributesByKey.get(key)
  if (!attributes) attributesByKey.set(key, (attributes = { reduction, ignore_index: ignoreIndex }))
  return attributes as Readonly<Record<string, unknown>>
}

function denseCrossEntropy(
  scores: Variable,
  targets: Variable,
  { weight, labelSmoothing = 0, reduction = 'mean' }: CrossEntropyOptions,
): Variable {
  const classes = scores.shape[1]
  const soft = labelSmoothing === 0 ? targets : F.add(F.mul(targets, 1 - labelSmoothing), labelSmoothing / classes)
  const weighted = weight ? F.mul(soft, perClass(weight, scores)) : soft
  return reduced(F.neg(F.sum(F.mul(weighted, F.logSoftmax(scores, 1)), [1])), reduction)
}

/** What becomes of the losses of single elements. @internal */
export function reduced(losses: Variable, reduction: Reduction): Variable {
  checkArguments('reduced', { losses, reduction }, 'tensor', 'string')

  if (reduction === 'none') return losses
  if (reduction === 'sum') return F.sum(losses)
  if ((reduction as string) === 'mean') return F.mean(losses)
  throw new LanewiseError('E_VALUE', `a reduction is none, sum or mean, not "${String(reduction)}"`)
}

/**
 * −x[t] for logarithms of probabilities x [N, C, …] and classes t [N, …]. A mean is one by the classes' weights.
 *
 * @throws LanewiseError `E_VALUE` for a class that does not exist and is not `ignoreIndex`.
 */
export function nll(
  logProbabilities: Variable,
  given: Variable,
  options: Omit<CrossEntropyOptions, 'labelSmoothing'> = {},
): Variable {
  checkArguments('nll', { logProbabilities, given, options }, 'tensor', 'tensor', {
    weight: 'tensor',
    ignoreIndex: 'number',
    reduction: 'string',
  })
  const { weight, ignoreIndex, reduction = 'mean' } = options

  const targets = F.asTargets(given)
  const ignored = ignoredAmong(targets, ignoreIndex)
  const classes = ignored
    ? F.where(ignored, targets.device.constant(hostFrom(targets.dtype, [], [0])), targets)
    : targets
  const x = weight ? F.mul(logProbabilities, perClass(weight, logProbabilities)) : logProbabilities
  const taken = F.neg(F.squeeze(apply(x.device, GatherElements, [x, F.unsqueeze(classes, [1])], { axis: 1 })[0], [1]))
  const losses = ignored ? F.where(ignored, scalar(x, 0), taken) : taken
  return reduction === 'mean' ? F.div(F.sum(losses), countOf(x, targets, weight, ignored)) : reduced(losses, reduction)
}

/** (x − y)² */
export function mse(x: Variable, y: Variable, reduction: Reduction = 'mean'): Variable {
  checkArguments('mse', { x, y, reduction }, 'tensor', 'tensor', 'string?')
  checkPair('mse', x, y)

  const difference = F.sub(x, y)
  return reduced(F.mul(difference, difference), reduction)
}

/** |x − y| */
export function l1(x: Variable, y: Variable, reduction: Reduction = 'mean'): Variable {
  checkArguments('l1', { x, y, reduction }, 'tensor', 'tensor', 'string?')
  checkPair('l1', x, y)

  return reduced(F.abs(F.sub(x, y)), reduction)
}

/**
 * Cross-entropy of probabilities x with probabilities y: −y·log x − (1 − y)·log(1 − x). As in PyTorch logarithms are at
 * least −100 and the gradient by x is (x − y)/max(x·(1 − x), 1e-12), so that a prediction that is quite wrong still
 * learns. Take {@link bceWithLogits} where there are scores.
 *
 * @param x - within [0, 1]. @param y - of x's shape; it gets no gradient.
 */
export function bce(x: Variable, y: Variable, reduction: Reduction = 'mean'): Variable {
  checkArguments('bce', { x, y, reduction }, 'tensor', 'tensor', 'string?')
  checkPair('bce', x, y)

  const [p, q] = [x.detach(), y.detach()]
  const against = F.sub(1, p)
  const logarithm = (of: Variable) => F.clip(F.log(of), -100)
  const value = F.neg(F.add(F.mul(q, logarithm(p)), F.mul(F.sub(1, q), logarithm(against))))
  const slope = F.div(F.sub(p, q), F.clip(F.mul(p, against), 1e-12))
  // x − p is zero and has the gradient one.
  return reduced(F.add(value, F.mul(F.sub(x, p), slope)), reduction)
}

/** How examples count in a loss of yes and no. */
export interface BceOptions {
  /** What the loss of each element is multiplied by; broadcasts with it. */
  readonly weight?: Variable
  /** How much more a yes counts than a no, for each class; broadcasts with the scores. */
  readonly posWeight?: Variable
  /** The mean by default; `sum`, or `none` for a loss for each element. */
  readonly reduction?: Reduction
}

/** Cross-entropy of sigmoid(x) with probabilities y: softplus(x) − x·y, which overflows nowhere. */
export function bceWithLogits(x: Variable, y: Variable, given: Reduction | BceOptions = {}): Variable {
  checkArguments('bceWithLogits', { x, y }, 'tensor', 'tensor')
  const options = typeof given === 'string' ? { reduction: given } : given
  checkArguments('bceWithLogits', { options }, { weight: 'tensor', posWeight: 'tensor', reduction: 'string' })
  checkPair('bceWithLogits', x, y)
  const { weight, posWeight, reduction = 'mean' } = options

  const losses = posWeight
    ? F.add(F.mul(F.sub(1, y), x), F.mul(F.add(F.mul(F.sub(posWeight, 1), y), 1), F.softplus(F.neg(x))))
    : F.sub(F.softplus(x), F.mul(x, y))
  return reduced(weight ? F.mul(losses, weight) : losses, reduction)
}

/**
 * Cross-entropy of a sequence: the sum over time of the losses of the steps that the mask keeps, divided by the number
 * of sequences.
 *
 * @param scores - [N, T, C]. @param targets - [N, T]. @param mask - [N, T], float32: 1 counts, 0 does not.
 */
export function temporalSoftmax(scores: Variable, targets: Variable, mask: Variable): Variable {
  checkArguments('temporalSoftmax', { scores, targets, mask }, 'tensor', 'tensor', 'tensor')

  const [batch, steps, classes] = scores.shape
  const losses = crossEntropy(F.reshape(scores, [batch * steps, classes]), F.reshape(targets, [batch * steps]), {
    reduction: 'none',
  })
  return F.mul(F.sum(F.mul(losses, F.reshape(mask, [batch * steps]))), 1 / batch)
}

/**
 * {@link crossEntropy} (its mean) of `x · weightᵀ + bias`, for vocabularies so large that the scores of all rows would
 * not fit into memory: they are made for a chunk of rows at a time, and once more for the gradient.
 *
 * @param x - [..., size]. @param weight - [classes, size]. @param bias - [classes], or undefined.
 * @param targets - class indices [...], any integers.
 * @throws LanewiseError `E_VALUE` for a class that does not exist and is not `ignoreIndex`.
 */
export function linearCrossEntropy(
  x: Variable,
  weight: Variable,
  bias: Variable | undefined,
  targets: Variable,
  options: Pick<CrossEntropyOptions, 'ignoreIndex'> = {},
): Variable {
  checkArguments('linearCrossEntropy', { x, weight, bias, targets, options }, 'tensor', 'tensor', 'tensor?', 'tensor', {
    ignoreIndex: 'number',
  })
  const { ignoreIndex } = options

  const rows = x.shape.length === 2 ? x : F.reshape(x, [-1, x.shape[x.shape.length - 1]])
  const indices = F.asTargets(targets)
  const flat = indices.shape.length === 1 ? indices : F.reshape(indices, [-1])
  return apply(x.device, LinearCrossEntropy, [rows, weight, bias, flat], ignored(ignoreIndex))[0]
}

const ignoredByIndex = new Map<number | undefined, object>()
function ignored(index: number | undefined): Readonly<Record<string, unknown>> {
  let attributes = ignoredByIndex.get(index)
  if (!attributes) ignoredByIndex.set(index, (attributes = { ignore_index: index }))
  return attributes as Readonly<Record<string, unknown>>
}

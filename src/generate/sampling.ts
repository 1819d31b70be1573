import { LanewiseError } from '../core/errors.js'
import { checkNumber } from '../core/options.js'
import { Random } from '../core/random.js'
import { exp, log } from '../core/scalar-functions.js'
import type { ScoreProcessor } from './processors.js'

/** How the next token is chosen. Without any of it, the likeliest is. */
export interface SamplingOptions {
  /**
   * Scores are divided by it: below 1 the likely become likelier. 0 takes the likeliest; 1 by default if `topK`, `topP`
   * or `seed` is given, else 0.
   */
  readonly temperature?: number
  /** Only so many of the likeliest are drawn from. */
  readonly topK?: number
  /** Only the likeliest that together have this probability are drawn from (Holtzman et al., 2020). */
  readonly topP?: number
  /** Only those at least so likely, in shares of the likeliest, are drawn from (Nguyen et al., 2024). */
  readonly minP?: number
  /**
   * Only those whose surprise is nearest to that which is to be expected, and that together have this probability, are
   * drawn from: locally typical sampling (Meister et al., 2023).
   */
  readonly typicalP?: number
  /**
   * Above 1, tokens that the text has already become less likely: positive scores are divided by it, others multiplied
   * (Keskar et al., 2019).
   */
  readonly repetitionPenalty?: number
  /**
   * Where the random numbers begin; 0 by default. A seed gives the same text on every machine, as far as the scores are
   * the same.
   */
  readonly seed?: number
  /**
   * Changes the scores before anything else: a function, or several that are called in turn. `noRepeatedRuns`,
   * `forbidTokens`, `atLeast` and others make some.
   */
  readonly adjust?: ScoreProcessor | readonly ScoreProcessor[]
}

/** A token that could be next, and how likely the model holds it to be. */
export interface Alternative {
  /** Its number in the vocabulary. */
  readonly token: number
  /** 0 to 1. */
  readonly probability: number
}

/** @throws LanewiseError `E_VALUE` naming the option that makes no sense. @internal */
function checkSampling(options: SamplingOptions): void {
  const { temperature, topK, topP, minP, typicalP, repetitionPenalty, seed } = options
  if (temperature !== undefined) checkNumber('temperature', temperature, { least: 0, most: Number.MAX_VALUE })
  if (topK !== undefined) checkNumber('topK', topK, { least: 1, whole: true })
  if (topP !== undefined) checkNumber('topP', topP, { above: 0, most: 1 })
  if (minP !== undefined) checkNumber('minP', minP, { least: 0, most: 1 })
  if (typicalP !== undefined) checkNumber('typicalP', typicalP, { above: 0, most: 1 })
  if (repetitionPenalty !== undefined)
    checkNumber('repetitionPenalty', repetitionPenalty, { above: 0, most: Number.MAX_VALUE })
  if (seed !== undefined) checkNumber('seed', seed, { least: -Number.MAX_VALUE, most: Number.MAX_VALUE })
}

/** Tokens that may come, and how much each weighs beside the others. @internal */
export interface Candidates {
  readonly tokens: ArrayLike<number>
  readonly weights: ArrayLike<number>
}

/** Chooses tokens by the scores of a model. @internal */
export class Sampler {
  private readonly temperature: number
  private readonly random: Random

  constructor(private readonly options: SamplingOptions) {
    checkSampling(options)
    const { topK, topP, minP, typicalP, seed } = options
    const drawn = [topK, topP, minP, typicalP, seed].some((option) => option !== undefined)
    this.temperature = options.temperature ?? (drawn ? 1 : 0)
    this.random = new Random(seed ?? 0)
  }

  /** Whether the likeliest is always taken. */
  get greedy(): boolean {
    return this.temperature === 0 || this.options.topK === 1
  }

  /**
   * The next token. The scores are changed to those that it was chosen by.
   *
   * @param given - how many of the tokens were given.
   * @throws LanewiseError `E_VALUE` if a score is NaN or +Infinity, or if no token is possible.
   */
  choose(scores: Float32Array, tokens: readonly number[], given: number): number {
    const candidates = this.candidates(scores, tokens, given)
    return this.greedy ? candidates.tokens[0] : this.draw(candidates)
  }

  /** What may come next. The scores are changed as by {@link choose}. */
  candidates(scores: Float32Array, tokens: readonly number[], given: number): Candidates {
    adjustScores(scores, tokens, given, this.options)
    const { topK = Infinity, topP = 1, minP = 0, typicalP = 1 } = this.options
    const best = largest(scores)
    if (this.greedy) return { tokens: [best], weights: [1] }
    const rest = scores.length > topK ? likeliest(scores, topK) : undefined
    const tokensLeft = rest ?? Int32Array.from(scores.keys())
    const weights = Float64Array.from(tokensLeft, (token) => exp((scores[token] - scores[best]) / this.temperature))
    let left: Candidates = { tokens: tokensLeft, weights }
    if (topP < 1) left = nucleus(left, topP)
    if (minP > 0) left = kept(left, (weight) => weight >= minP)
    if (typicalP < 1) left = typical(left, typicalP)
    return left
  }

  /** One of them, by chance. */
  draw({ tokens, weights }: Candidates): number {
    let sum = 0
    for (let i = 0; i < weights.length; i++) sum += weights[i]
    let left = this.random.uniform() * sum
    let chosen = 0
    for (let i = 0; i < weights.length; i++) {
      if (weights[i] === 0) continue
      chosen = i
      left -= weights[i]
      if (left < 0) break
    }
    return tokens[chosen]
  }

  /** Whether something happens that has a probability. */
  happens(probability: number): boolean {
    return probability >= 1 || this.random.uniform() < probability
  }
}

/** What is to be taken into account before a token is chosen. @internal */
export function adjustScores(
  scores: Float32Array,
  tokens: readonly number[],
  given: number,
  { adjust, repetitionPenalty = 1 }: Pick<SamplingOptions, 'adjust' | 'repetitionPenalty'>,
): void {
  for (const change of typeof adjust === 'function' ? [adjust] : (adjust ?? [])) change(scores, tokens, given)
  if (repetitionPenalty === 1) return
  for (const token of new Set(tokens))
    if (token < scores.length)
      scores[token] = scores[token] > 0 ? scores[token] / repetitionPenalty : scores[token] * repetitionPenalty
}

/**
 * The token of the largest score; the first of several. @throws LanewiseError `E_VALUE` for scores that choose
 * nothing. @internal
 */
function largest(scores: Float32Array): number {
  let best = 0
  for (let i = 0; i < scores.length; i++) {
    if (!(scores[i] < Infinity)) throw new LanewiseError('E_VALUE', `the score of token ${i} is ${scores[i]}`)
    if (scores[i] > scores[best]) best = i
  }
  if (!(scores[best] > -Infinity)) throw new LanewiseError('E_VALUE', 'no token is possible: every score is -Infinity')
  return best
}

/** The tokens of the largest scores, in falling order; of equal ones the first. @internal */
export function likeliest(scores: Float32Array, count: number): Int32Array {
  // A heap whose root is the worst of those kept.
  const heap: number[] = []
  const worse = (a: number, b: number) => scores[a] < scores[b] || (scores[a] === scores[b] && a > b)
  const sink = (at: number): void => {
    for (let i = at; ;) {
      let least = i
      for (const child of [2 * i + 1, 2 * i + 2])
        if (child < heap.length && worse(heap[child], heap[least])) least = child
      if (least === i) return
      ;[heap[i], heap[least]] = [heap[least], heap[i]]
      i = least
    }
  }
  for (let token = 0; token < scores.length; token++) {
    if (heap.length < count) {
      heap.push(token)
      for (let i = heap.length - 1; i > 0;) {
        const parent = (i - 1) >> 1
        if (!worse(heap[i], heap[parent])) break
        ;[heap[i], heap[parent]] = [heap[parent], heap[i]]
        i = parent
      }
    } else if (count > 0 && worse(heap[0], token)) {
      heap[0] = token
      sink(0)
    }
  }
  return Int32Array.from(heap.sort((a, b) => (worse(a, b) ? 1 : -1)))
}

function kept({ tokens, weights }: Candidates, keeps: (weight: number) => boolean): Candidates {
  const order = Array.from(weights, (_, i) => i).filter((i) => keeps(weights[i]))
  return { tokens: order.map((i) => tokens[i]), weights: order.map((i) => weights[i]) }
}

/**
 * The first that together have a probability, the one that reaches it included.
 *
 * @param rank - the least comes first, of equal ones the one that stands first; left out: the likeliest.
 */
function nucleus(all: Candidates, mass: number, rank?: (weight: number) => number): Candidates {
  const weights = Array.from(all.weights)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  // All that are less likely than this have less than what may be left out, taken together.
  const least = ((1 - mass) * sum) / weights.length
  const order = [...weights.keys()].filter((i) => rank !== undefined || weights[i] >= least)
  const ranks = weights.map((weight) => rank?.(weight) ?? -weight)
  order.sort((a, b) => ranks[a] - ranks[b] || a - b)
  let reached = 0
  const count = order.findIndex((i) => (reached += weights[i]) >= mass * sum) + 1
  const first = count === 0 ? order : order.slice(0, count)
  return { tokens: first.map((i) => all.tokens[i]), weights: first.map((i) => weights[i]) }
}

/** Those whose surprise differs least from its mean, the entropy. */
function typical(all: Candidates, mass: number): Candidates {
  const weights = Array.from(all.weights)
  const sum = weights.reduce((total, weight) => total + weight, 0)
  const surprise = (weight: number) => -log(weight / sum)
  let entropy = 0
  for (const weight of weights) if (weight > 0) entropy += (weight / sum) * surprise(weight)
  return nucleus(all, mass, (weight) => (weight > 0 ? Math.abs(surprise(weight) - entropy) : Infinity))
}

/** The logarithm of the sum of exponentials: what scores lack to be logarithms of probabilities. @internal */
export function logSumExp(scores: Float32Array): number {
  const most = scores[largest(scores)]
  let sum = 0
  for (const score of scores) sum += exp(score - most)
  return most + log(sum)
}

/** The likeliest tokens with their probabilities. @internal */
export function alternatives(scores: Float32Array, count: number): Alternative[] {
  const total = logSumExp(scores)
  return Array.from(likeliest(scores, count), (token) => ({ token, probability: exp(scores[token] - total) }))
}

import { LanewiseError } from '../core/errors.js'
import { checkNumber } from '../core/options.js'
import { Random } from '../core/random.js'
import { exp, log } from '../core/scalar-functions.js'

/** How the next token is chosen. Without any of it, the likeliest is. */
export interface SamplingOptions {
  /** Scores are divided by it: below 1 the likely become likelier. 0 takes the likeliest; 1 by default if `topK`, `topP` or `seed` is given, else 0. */
  readonly temperature?: number
  /** Only so many of the likeliest are drawn from. */
  readonly topK?: number
  /** Only the likeliest that together have this probability are drawn from (Holtzman et al., 2020). */
  readonly topP?: number
  /** Above 1, tokens that the text has already become less likely: positive scores are divided by it, others multiplied (Keskar et al., 2019). */
  readonly repetitionPenalty?: number
  /** Where the random numbers begin; 0 by default. A seed gives the same text on every machine, as far as the scores are the same. */
  readonly seed?: number
  /**
   * Changes the scores before anything else: −Infinity forbids a token.
   *
   * @param scores - of every token, to be written to. @param tokens - the text so far, with the prompt.
   */
  readonly adjust?: (scores: Float32Array, tokens: readonly number[]) => void
}

/** A token that could be next, and how likely the model holds it to be. */
export interface Alternative {
  readonly token: number
  readonly probability: number
}

/** @throws LanewiseError `E_VALUE` naming the option that makes no sense. @internal */
function checkSampling({ temperature, topK, topP, repetitionPenalty, seed }: SamplingOptions): void {
  if (temperature !== undefined) checkNumber('temperature', temperature, { least: 0, most: Number.MAX_VALUE })
  if (topK !== undefined) checkNumber('topK', topK, { least: 1, whole: true })
  if (topP !== undefined) checkNumber('topP', topP, { above: 0, most: 1 })
  if (repetitionPenalty !== undefined)
    checkNumber('repetitionPenalty', repetitionPenalty, { above: 0, most: Number.MAX_VALUE })
  if (seed !== undefined) checkNumber('seed', seed, { least: -Number.MAX_VALUE, most: Number.MAX_VALUE })
}

/** Chooses tokens by the scores of a model. @internal */
export class Sampler {
  private readonly temperature: number
  private readonly random: Random

  constructor(private readonly options: SamplingOptions) {
    checkSampling(options)
    const { topK, topP, seed } = options
    const drawn = topK !== undefined || topP !== undefined || seed !== undefined
    this.temperature = options.temperature ?? (drawn ? 1 : 0)
    this.random = new Random(seed ?? 0)
  }

  /**
   * The next token. The scores are changed to those that it was chosen by.
   *
   * @throws LanewiseError `E_VALUE` if a score is NaN or +Infinity, or if no token is possible.
   */
  choose(scores: Float32Array, tokens: readonly number[]): number {
    adjustScores(scores, tokens, this.options)
    const { topK = Infinity, topP = 1 } = this.options
    const best = largest(scores)
    if (this.temperature === 0 || topK === 1) return best
    const rest = scores.length > topK ? likeliest(scores, topK) : undefined
    const candidates = rest ?? Int32Array.from(scores.keys())
    const weights = Float64Array.from(candidates, (token) => exp((scores[token] - scores[best]) / this.temperature))
    return topP < 1 ? this.draw(...nucleus(candidates, weights, topP)) : this.draw(candidates, weights)
  }

  private draw(candidates: ArrayLike<number>, weights: ArrayLike<number>): number {
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
    return candidates[chosen]
  }
}

/** What is to be taken into account before a token is chosen. @internal */
export function adjustScores(
  scores: Float32Array,
  tokens: readonly number[],
  { adjust, repetitionPenalty = 1 }: Pick<SamplingOptions, 'adjust' | 'repetitionPenalty'>,
): void {
  adjust?.(scores, tokens)
  if (repetitionPenalty === 1) return
  for (const token of new Set(tokens))
    if (token < scores.length)
      scores[token] = scores[token] > 0 ? scores[token] / repetitionPenalty : scores[token] * repetitionPenalty
}

/** The token of the largest score; the first of several. @throws LanewiseError `E_VALUE` for scores that choose nothing. @internal */
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

/** The likeliest that together have a probability, the one that reaches it included. */
function nucleus(candidates: Int32Array, weights: Float64Array, mass: number): [tokens: number[], weights: number[]] {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  // All that are less likely than this have less than what may be left out, taken together.
  const least = ((1 - mass) * sum) / weights.length
  const order: number[] = []
  for (let i = 0; i < weights.length; i++) if (weights[i] >= least) order.push(i)
  order.sort((a, b) => weights[b] - weights[a] || a - b)
  let reached = 0
  const count = order.findIndex((i) => (reached += weights[i]) >= mass * sum) + 1
  const kept = count === 0 ? order : order.slice(0, count)
  return [kept.map((i) => candidates[i]), kept.map((i) => weights[i])]
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

import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { exp, log } from '../core/scalar-functions.js'

/** A text as what it is compared by: words, or numbers of tokens. */
export type Words = readonly (string | number)[]

/** A text with the texts that would have been right. */
export interface Judged {
  /** What the model said. */
  readonly said: Words
  /** What would have been right, any of them. */
  readonly right: readonly Words[]
}

/** @throws LanewiseError `E_VALUE` if a text has nothing to be compared with. */
function checkJudged(what: string, pairs: readonly Judged[]): void {
  checkArguments(what, { pairs }, 'list')
  for (const [i, pair] of pairs.entries()) {
    checkArguments(what, { [`pair ${i}`]: pair }, 'object')
    checkArguments(`${what}, in pair ${i},`, { said: pair.said, right: pair.right }, 'list', 'list')
  }
  const bare = pairs.findIndex(({ right }) => right.length === 0)
  if (bare >= 0) throw new LanewiseError('E_VALUE', `text ${bare} has no right ones to compare it with`)
}

/** How often each run of n words is in a text. */
function grams(words: Words, n: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i + n <= words.length; i++) {
    const gram = words.slice(i, i + n).join(' ')
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  return counts
}

/** Adds up what BLEU of a corpus is made of (Papineni et al., ACL 2002). @internal */
export class BleuCounts {
  private readonly matches: number[]
  private readonly possible: number[]
  private length = 0
  private reference = 0

  constructor(readonly maxOrder: number) {
    this.matches = new Array<number>(maxOrder).fill(0)
    this.possible = new Array<number>(maxOrder).fill(0)
  }

  add({ said, right }: Judged): void {
    this.length += said.length
    // The nearest length; of two the shorter one.
    this.reference += right
      .map((one) => one.length)
      .sort((a, b) => Math.abs(a - said.length) - Math.abs(b - said.length) || a - b)[0]
    for (let n = 1; n <= this.maxOrder; n++) {
      const most = new Map<string, number>()
      for (const one of right)
        for (const [gram, count] of grams(one, n)) most.set(gram, Math.max(most.get(gram) ?? 0, count))
      for (const [gram, count] of grams(said, n)) this.matches[n - 1] += Math.min(count, most.get(gram) ?? 0)
      this.possible[n - 1] += Math.max(0, said.length - n + 1)
    }
  }

  /** BLEU with n-grams up to an order; NaN if nothing was said or asked for, 0 if no n-gram of some order is right. */
  value(order = this.maxOrder): number {
    if (this.length === 0) return this.reference === 0 ? NaN : 0
    const matches = this.matches.slice(0, order)
    if (matches.some((count) => count === 0)) return 0
    const mean = matches.reduce((sum, count, i) => sum + log(count / this.possible[i]), 0) / order
    return exp(mean + Math.min(0, 1 - this.reference / this.length))
  }
}

/**
 * BLEU-1 … BLEU-4 of a corpus (Papineni et al., "BLEU: a method for automatic evaluation of machine translation", ACL 2002): precisions of n-grams counted over all
 * texts and all right ones of each, with the penalty for brevity by the closest length. From 0 to 1, without smoothing.
 *
 * @throws LanewiseError `E_VALUE` if a text has no right ones.
 * @example
 * import { corpusBleu } from 'lanewise/train'
 *
 * const said = 'a dog runs on grass'.split(' ')
 * const right = ['a dog runs over grass', 'the brown dog runs'].map((text) => text.split(' '))
 * console.log(corpusBleu([{ said, right }])[0]) // 0.8: all but "on" are there
 */
export function corpusBleu(pairs: readonly Judged[]): [bleu1: number, bleu2: number, bleu3: number, bleu4: number] {
  checkJudged('corpusBleu', pairs)
  const counts = new BleuCounts(4)
  for (const pair of pairs) counts.add(pair)
  return [counts.value(1), counts.value(2), counts.value(3), counts.value(4)]
}

/** How much recall counts beside precision, as in the published evaluation of captions (Chen et al., 2015). */
const BETA = 1.2

/**
 * ROUGE-L (Lin, "ROUGE: a package for automatic evaluation of summaries", 2004): by the longest common subsequence with each right text, the F-measure (β = 1.2) of the
 * best precision and the best recall; the mean over the texts, 0 to 1.
 *
 * @throws LanewiseError `E_VALUE` if a text has no right ones.
 */
export function rougeL(pairs: readonly Judged[]): number {
  checkJudged('rougeL', pairs)
  if (pairs.length === 0) return NaN
  let sum = 0
  for (const { said, right } of pairs) {
    let [precision, recall] = [0, 0]
    for (const one of right) {
      const common = commonLength(said, one)
      if (common === 0) continue
      precision = Math.max(precision, common / said.length)
      recall = Math.max(recall, common / one.length)
    }
    if (precision > 0) sum += ((1 + BETA * BETA) * precision * recall) / (recall + BETA * BETA * precision)
  }
  return sum / pairs.length
}

/** The length of the longest common subsequence. */
function commonLength(a: Words, b: Words): number {
  let row = new Array<number>(b.length + 1).fill(0)
  for (const word of a) {
    const next = [0]
    for (const [i, other] of b.entries()) next.push(word === other ? row[i] + 1 : Math.max(row[i + 1], next[i]))
    row = next
  }
  return row[b.length]
}

/** The deviation of lengths that CIDEr-D forgives. */
const SIGMA = 6

/**
 * CIDEr-D (Vedantam, Zitnick & Parikh, "CIDEr: consensus-based image description evaluation", CVPR 2015): cosines between vectors of n-grams, n = 1 … 4, weighted by how
 * few of the texts' right ones have them; counts are clipped to those of the right text, and lengths that differ cost exp(−(difference)²/(2·6²)). Ten times the mean, as published.
 *
 * @throws LanewiseError `E_VALUE` if a text has no right ones.
 */
export function ciderD(pairs: readonly Judged[]): number {
  checkJudged('ciderD', pairs)
  if (pairs.length === 0) return NaN
  const orders = [1, 2, 3, 4]
  const documents = orders.map((n) => {
    const counts = new Map<string, number>()
    for (const { right } of pairs)
      for (const gram of new Set(right.flatMap((one) => [...grams(one, n).keys()])))
        counts.set(gram, (counts.get(gram) ?? 0) + 1)
    return counts
  })
  const all = log(pairs.length)
  const vectorOf = (words: Words, n: number) => {
    const vector = new Map<string, number>()
    let square = 0
    for (const [gram, count] of grams(words, n)) {
      const weight = count * (all - log(Math.max(1, documents[n - 1].get(gram) ?? 0)))
      vector.set(gram, weight)
      square += weight * weight
    }
    return { vector, norm: Math.sqrt(square) }
  }
  let sum = 0
  for (const { said, right } of pairs) {
    const mine = orders.map((n) => vectorOf(said, n))
    for (const one of right) {
      const difference = said.length - one.length
      const penalty = exp((-difference * difference) / (2 * SIGMA * SIGMA))
      for (const n of orders) {
        const [a, b] = [mine[n - 1], vectorOf(one, n)]
        if (a.norm === 0 || b.norm === 0) continue
        let product = 0
        for (const [gram, weight] of a.vector) {
          const other = b.vector.get(gram) ?? 0
          product += Math.min(weight, other) * other
        }
        sum += (penalty * product) / (a.norm * b.norm) / (orders.length * right.length)
      }
    }
  }
  return (10 * sum) / pairs.length
}

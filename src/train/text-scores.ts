import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber } from '../core/options.js'
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
    for (const right of pair.right) checkArguments(`${what}, in pair ${i},`, { right }, 'list')
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
  /** N-grams that are right, by their order. */
  readonly matches: number[]
  /** N-grams that were said. */
  readonly possible: number[]
  length = 0
  /** What is right, of the nearest lengths. */
  reference = 0

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

  /**
   * BLEU with n-grams up to an order; NaN if nothing was said or asked for, 0 if no n-gram of some order is right.
   *
   * @param more - is added to what is right and to what is possible of each order but the first.
   */
  value(order = this.maxOrder, more = 0): number {
    if (this.length === 0) return this.reference === 0 ? NaN : 0
    const added = (count: number, i: number) => (i === 0 ? count : count + more)
    const matches = this.matches.slice(0, order).map(added)
    if (matches.some((count) => count === 0)) return 0
    const possible = this.possible.map(added)
    const mean = matches.reduce((sum, count, i) => sum + log(count / possible[i]), 0) / order
    return exp(mean + Math.min(0, 1 - this.reference / this.length))
  }
}

/**
 * BLEU-1 … BLEU-4 of a corpus (Papineni et al., "BLEU: a method for automatic evaluation of machine translation", ACL
 * 2002): precisions of n-grams counted over all texts and all right ones of each, with the penalty for brevity by the
 * closest length. From 0 to 1, without smoothing.
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

/**
 * BLEU of a single text, smoothed as by Lin & Och ("ORANGE: a method for evaluating automatic evaluation metrics for
 * machine translation", COLING 2004): one is added to the n-grams that are right and to those that are possible, of
 * every order but the first, so that a text without any right 4-gram is still told from a worse one. From 0 to 1.
 *
 * @param order - the longest n-grams; 4 by default.
 * @throws LanewiseError `E_VALUE` if the text has no right ones, or for an order that is no whole number from 1.
 */
export function sentenceBleu(pair: Judged, order = 4): number {
  checkArguments('sentenceBleu', { pair, order }, 'object', 'number')
  checkJudged('sentenceBleu', [pair])
  checkNumber('order', order, { least: 1, most: 100, whole: true })
  const counts = new BleuCounts(order)
  counts.add(pair)
  return counts.value(order, 1)
}

/**
 * What each of several texts adds to the BLEU of all of them: the BLEU (smoothed as by {@link sentenceBleu}, which of
 * many texts is next to nothing) times 1 + N · the slope of its logarithm by the counts of the text. The mean is about
 * the BLEU; a text that is drawn by a model and rewarded by this makes the BLEU of a corpus better, which the mean of
 * the {@link sentenceBleu} does not: that prefers short texts.
 *
 * @param order - the longest n-grams; 4 by default.
 * @throws LanewiseError `E_VALUE` if a text has no right ones, or for an order that is no whole number from 1.
 */
export function bleuShares(pairs: readonly Judged[], order = 4): number[] {
  checkArguments('bleuShares', { order }, 'number')
  checkJudged('bleuShares', pairs)
  checkNumber('order', order, { least: 1, most: 100, whole: true })
  const all = new BleuCounts(order)
  const each = pairs.map((pair) => {
    const own = new BleuCounts(order)
    own.add(pair)
    all.add(pair)
    return own
  })
  const value = all.value(order, 1)
  if (!(value > 0)) return pairs.map(() => 0)
  return each.map((own) => {
    let slope = 0
    for (let n = 0; n < order; n++) {
      const more = n === 0 ? 0 : 1
      slope += own.matches[n] / (all.matches[n] + more) - own.possible[n] / (all.possible[n] + more)
    }
    slope /= order
    // The penalty for brevity, 1 − reference/length.
    if (all.length < all.reference) slope += (own.length * all.reference) / all.length ** 2 - own.reference / all.length
    return value * (1 + pairs.length * slope)
  })
}

/** How much recall counts beside precision, as in the published evaluation of captions (Chen et al., 2015). */
const BETA = 1.2

/**
 * ROUGE-L (Lin, "ROUGE: a package for automatic evaluation of summaries", 2004): by the longest common subsequence with
 * each right text, the F-measure (β = 1.2) of the best precision and the best recall; the mean over the texts, 0 to 1.
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

const ORDERS = [1, 2, 3, 4]

/** N-grams of one order by their weights, and their length as a vector. */
interface GramVector {
  readonly weights: ReadonlyMap<string, number>
  readonly norm: number
}

/**
 * CIDEr-D of single texts, when it is known beforehand how rare n-grams are: {@link ciderD} takes that from the texts
 * that it compares, a reward of training from the whole training set.
 *
 * @example
 * import { CiderD } from 'lanewise/train'
 *
 * const words = (text: string) => text.split(' ')
 * const cider = new CiderD([[words('a red ball')], [words('a blue car')]])
 * const right = [words('a red ball')]
 * const score = (said: string) => cider.score({ said: words(said), right })
 * console.log(score('a red car') < score('a red ball')) // true
 */
export class CiderD {
  static readonly name: string = 'CiderD'
  /** For each order, in how many documents an n-gram is. */
  private readonly documents: readonly ReadonlyMap<string, number>[]
  private readonly all: number

  /** @param documents - what is right for each picture. @throws LanewiseError `E_VALUE` if there are none. */
  constructor(documents: readonly (readonly Words[])[]) {
    checkArguments(new.target.name, { documents }, 'list')
    for (const [i, right] of documents.entries()) {
      checkArguments(new.target.name, { [`document ${i}`]: right }, 'list')
      for (const text of right) checkArguments(`${new.target.name}, of document ${i},`, { text }, 'list')
    }
    if (documents.length === 0) throw new LanewiseError('E_VALUE', 'CiderD needs texts to count n-grams in')
    this.documents = ORDERS.map((n) => {
      const counts = new Map<string, number>()
      for (const right of documents)
        for (const gram of new Set(right.flatMap((one) => [...grams(one, n).keys()])))
          counts.set(gram, (counts.get(gram) ?? 0) + 1)
      return counts
    })
    this.all = log(documents.length)
  }

  /** @returns from 0 to 10. @throws LanewiseError `E_VALUE` if the text has no right ones. */
  score(pair: Judged): number {
    checkArguments('score', { pair }, 'object')
    checkJudged('score', [pair])
    const { said, right } = pair
    const mine = ORDERS.map((n) => this.vector(said, n))
    let sum = 0
    for (const one of right) {
      const difference = said.length - one.length
      const penalty = exp((-difference * difference) / (2 * SIGMA * SIGMA))
      for (const n of ORDERS) {
        const [a, b] = [mine[n - 1], this.vector(one, n)]
        if (a.norm === 0 || b.norm === 0) continue
        let product = 0
        for (const [gram, weight] of a.weights) {
          const other = b.weights.get(gram) ?? 0
          product += Math.min(weight, other) * other
        }
        sum += (penalty * product) / (a.norm * b.norm) / (ORDERS.length * right.length)
      }
    }
    return 10 * sum
  }

  private vector(words: Words, n: number): GramVector {
    const weights = new Map<string, number>()
    let square = 0
    for (const [gram, count] of grams(words, n)) {
      const weight = count * (this.all - log(Math.max(1, this.documents[n - 1].get(gram) ?? 0)))
      weights.set(gram, weight)
      square += weight * weight
    }
    return { weights, norm: Math.sqrt(square) }
  }
}

/**
 * CIDEr-D (Vedantam, Zitnick & Parikh, "CIDEr: consensus-based image description evaluation", CVPR 2015): cosines
 * between vectors of n-grams, n = 1 … 4, weighted by how few of the texts' right ones have them; counts are clipped to
 * those of the right text, and lengths that differ cost exp(−(difference)²/(2·6²)). Ten times the mean, as published.
 *
 * @throws LanewiseError `E_VALUE` if a text has no right ones.
 */
export function ciderD(pairs: readonly Judged[]): number {
  checkJudged('ciderD', pairs)
  if (pairs.length === 0) return NaN
  const cider = new CiderD(pairs.map(({ right }) => right))
  return pairs.reduce((sum, pair) => sum + cider.score(pair), 0) / pairs.length
}

import { LanewiseError } from '../../src/train.js'

/** What is taken from counts of 1, of 2, and of 3 and more. */
export type Discounts = readonly [one: number, two: number, more: number]

/** For too few counts of counts (as in the KenLM tool). */
const FALLBACK: Discounts = [0.5, 1, 1.5]

/**
 * The three discounts of modified Kneser–Ney smoothing from how many n-grams occur once, twice, three and four times
 * (Chen & Goodman 1999, equation 26). Where one of these is 0 the estimate is not defined: then ½, 1 and 1½.
 */
export function discountsOf([n1, n2, n3, n4]: readonly number[]): Discounts {
  if (!(n1 > 0 && n2 > 0 && n3 > 0 && n4 > 0)) return FALLBACK
  const y = n1 / (n1 + 2 * n2)
  const found: Discounts = [1 - 2 * y * (n2 / n1), 2 - 3 * y * (n3 / n2), 3 - 4 * y * (n4 / n3)]
  return found.every((discount) => discount >= 0) ? found : FALLBACK
}

/** Sorted numbers, each once, with how often they were there. */
interface Counted {
  readonly keys: Float64Array
  readonly counts: Uint32Array
}

function counted(numbers: Float64Array): Counted {
  numbers.sort()
  const keys = new Float64Array(numbers.length)
  const counts = new Uint32Array(numbers.length)
  let length = 0
  for (const key of numbers) {
    if (length === 0 || keys[length - 1] !== key) keys[length++] = key
    counts[length - 1]++
  }
  return { keys: keys.slice(0, length), counts: counts.slice(0, length) }
}

function placeOf(keys: Float64Array, key: number): number {
  let [low, high] = [0, keys.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (keys[middle] < key) low = middle + 1
    else high = middle
  }
  return keys[low] === key ? low : -1
}

/** n-grams of one length as numbers: the context times the vocabulary, plus the token. */
class Level {
  readonly discounts: Discounts
  private readonly contexts: Float64Array
  /** Of each context: the sum of its counts, and what is taken from them. */
  private readonly totals: Float64Array
  private readonly taken: Float64Array

  constructor(
    private readonly grams: Counted,
    private readonly vocabulary: number,
  ) {
    const { keys, counts } = grams
    const ofCounts = [0, 0, 0, 0]
    for (const count of counts) if (count <= 4) ofCounts[count - 1]++
    this.discounts = discountsOf(ofCounts)
    this.contexts = new Float64Array(keys.length)
    this.totals = new Float64Array(keys.length)
    this.taken = new Float64Array(keys.length)
    let length = 0
    keys.forEach((key, i) => {
      const context = Math.floor(key / vocabulary)
      if (length === 0 || this.contexts[length - 1] !== context) this.contexts[length++] = context
      this.totals[length - 1] += counts[i]
      this.taken[length - 1] += this.discountOf(counts[i])
    })
    this.contexts = this.contexts.slice(0, length)
  }

  private discountOf(count: number): number {
    return Math.min(count, this.discounts[Math.min(count, 3) - 1])
  }

  /** Of a token after a context; `lower` is the probability by the shorter one. */
  probability(context: number, token: number, lower: number): number {
    const place = placeOf(this.contexts, context)
    if (place < 0) return lower
    const gram = placeOf(this.grams.keys, context * this.vocabulary + token)
    const count = gram < 0 ? 0 : this.grams.counts[gram]
    const kept = count === 0 ? 0 : count - this.discountOf(count)
    return (kept + this.taken[place] * lower) / this.totals[place]
  }
}

/**
 * A trigram model with interpolated modified Kneser–Ney smoothing (Chen & Goodman, "An empirical study of smoothing
 * techniques for language modeling", 1999, section 5.2): what a neural language model is compared with. Pairs and
 * single tokens are counted by how many different tokens they follow; below them all tokens are equally likely.
 */
export class KneserNey {
  private readonly levels: readonly [one: Level, two: Level, three: Level]

  /**
   * @param ids - the text as one sequence of tokens.
   * @throws LanewiseError `E_VALUE` for a token that is not in the vocabulary, a vocabulary too large, or fewer than
   *   three tokens.
   */
  constructor(
    ids: ArrayLike<number>,
    readonly vocabulary: number,
  ) {
    if (!(Number.isInteger(vocabulary) && vocabulary >= 1 && vocabulary ** 3 <= Number.MAX_SAFE_INTEGER))
      throw new LanewiseError('E_VALUE', `trigrams of ${vocabulary} tokens cannot be numbered`)
    if (ids.length < 3) throw new LanewiseError('E_VALUE', `a trigram needs three tokens, got ${ids.length}`)
    for (let i = 0; i < ids.length; i++) this.check(ids[i])
    const triples = new Float64Array(ids.length - 2)
    for (let i = 2; i < ids.length; i++) triples[i - 2] = (ids[i - 2] * vocabulary + ids[i - 1]) * vocabulary + ids[i]
    const three = counted(triples)
    const two = counted(three.keys.map((key) => key % vocabulary ** 2))
    // Every pair of the text, once: those that end a triple, and the first one, which ends none.
    const first = ids[0] * vocabulary + ids[1]
    const last = new Float64Array(two.keys.length + Number(placeOf(two.keys, first) < 0)).fill(ids[1])
    last.set(two.keys.map((key) => key % vocabulary))
    const one = counted(last)
    this.levels = [new Level(one, vocabulary), new Level(two, vocabulary), new Level(three, vocabulary)]
  }

  private check(token: number): void {
    if (!(Number.isInteger(token) && token >= 0 && token < this.vocabulary))
      throw new LanewiseError('E_VALUE', `there is no token ${token} among ${this.vocabulary}`)
  }

  /** The discounts of single tokens, pairs and triples. */
  get discounts(): readonly Discounts[] {
    return this.levels.map(({ discounts }) => discounts)
  }

  /**
   * How likely it is that a token follows two others. @throws LanewiseError `E_VALUE` for tokens that there are not.
   */
  probability(before: number, previous: number, token: number): number {
    for (const each of [before, previous, token]) this.check(each)
    const [one, two, three] = this.levels
    const lower = two.probability(previous, token, one.probability(0, token, 1 / this.vocabulary))
    return three.probability(before * this.vocabulary + previous, token, lower)
  }

  /**
   * exp of the mean of −log of the probabilities of the tokens of a text from the second on, each after the two before
   * it.
   *
   * @param opening - stands before the text: the end of a document.
   */
  perplexity(ids: ArrayLike<number>, opening: number): { readonly perplexity: number; readonly logarithm: number } {
    let logarithm = 0
    for (let i = 1; i < ids.length; i++)
      logarithm -= Math.log(this.probability(i > 1 ? ids[i - 2] : opening, ids[i - 1], ids[i]))
    return { perplexity: Math.exp(logarithm / (ids.length - 1)), logarithm }
  }
}

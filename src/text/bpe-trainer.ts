import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { characterOfByte, gpt2Pattern } from './byte-level.js'

/** How byte pairs are learned from texts. */
export interface BpeTraining {
  /**
   * Tokens at the end, special ones and the 256 bytes included. Fewer are made if no pair is left that occurs often
   * enough.
   */
  readonly vocabularySize: number
  /** A pair must occur so often to be merged; 2 by default. */
  readonly minFrequency?: number
  /** Tokens that no text is cut into by itself, such as `<|endoftext|>`; they get the first numbers. */
  readonly specialTokens?: readonly string[]
  /** Where texts are cut before pairs are counted, a regular expression with the flags g and u; GPT-2's by default. */
  readonly pattern?: string
  /** What is done to a text first, e.g. `(text) => text.toLowerCase()`. */
  readonly normalize?: (text: string) => string
}

/** What training finds: tokens by number, and pairs of tokens in the order in which they are merged. */
export interface BpeTables {
  /** Tokens by number. */
  readonly tokens: readonly string[]
  /** Pairs that are merged, the earliest first. */
  readonly merges: readonly (readonly [string, string])[]
}

/** Pairs of two symbols as one number: vocabularies are far smaller than 2^26. */
const SHIFT = 2 ** 26

/** Words that differ, as symbols, and how often each occurs. */
interface Words {
  readonly symbols: Int32Array[]
  readonly counts: number[]
}

/**
 * Byte-pair encoding (Sennrich et al., arXiv:1508.07909): starting from bytes, the pair of neighbours that occurs most
 * often becomes a token, again and again. Of pairs equally frequent the one of smaller numbers is taken, so that the
 * same texts give the same tokens everywhere.
 *
 * @param texts - documents or pieces of them; a token never reaches across two.
 * @throws LanewiseError `E_VALUE` for a vocabulary that cannot hold bytes and special tokens, or a pattern that is no
 *   regular expression.
 */
export async function trainBpe(
  texts: Iterable<string> | AsyncIterable<string>,
  options: BpeTraining,
): Promise<BpeTables> {
  checkArguments('trainBpe', { texts, options }, 'iterable', 'object')

  const { vocabularySize, minFrequency = 2, specialTokens = [], pattern = gpt2Pattern, normalize } = options
  const least = 256 + specialTokens.length
  if (!Number.isInteger(vocabularySize) || vocabularySize < least || vocabularySize >= SHIFT) {
    throw new LanewiseError(
      'E_VALUE',
      `a vocabulary of bytes and ${specialTokens.length} special tokens needs a size from ${least}`,
      {
        expected: `a whole number from ${least} to ${SHIFT - 1}`,
        actual: String(vocabularySize),
      },
    )
  }
  if (!Number.isFinite(minFrequency))
    throw new LanewiseError('E_VALUE', `minFrequency must be a number, got ${minFrequency}`)
  if (new Set(specialTokens).size !== specialTokens.length || specialTokens.includes('')) {
    throw new LanewiseError('E_VALUE', 'special tokens must differ and not be empty')
  }
  const cut = splitter(pattern)
  const counts = new Map<string, number>()
  for await (const text of texts) {
    for (const word of cut(normalize ? normalize(text) : text)) counts.set(word, (counts.get(word) ?? 0) + 1)
  }
  // Bytes in the order of the characters that show them, as the tokenizers library has them.
  const alphabet = [...characterOfByte].sort()
  const tokens = [...specialTokens, ...alphabet]
  const symbolOf = new Int32Array(256)
  characterOfByte.forEach((character, byte) => (symbolOf[byte] = specialTokens.length + alphabet.indexOf(character)))
  const merges = mergePairs(wordsOf(counts, symbolOf), tokens, vocabularySize, Math.max(minFrequency, 1))
  return { tokens, merges }
}

/** Cuts a text by a pattern; what the pattern leaves between its matches is a piece, too. */
export function splitter(pattern: string): (text: string) => string[] {
  let regex: RegExp
  try {
    regex = new RegExp(pattern, 'gu')
  } catch (cause) {
    throw new LanewiseError('E_VALUE', `the pattern that cuts texts is no regular expression: ${pattern}`, { cause })
  }
  return (text) => {
    const pieces: string[] = []
    let end = 0
    for (const match of text.matchAll(regex)) {
      if (match.index > end) pieces.push(text.slice(end, match.index))
      if (match[0] !== '') pieces.push(match[0])
      end = match.index + match[0].length
    }
    if (end < text.length) pieces.push(text.slice(end))
    return pieces
  }
}

function wordsOf(counts: ReadonlyMap<string, number>, symbolOf: Int32Array): Words {
  const encoder = new TextEncoder()
  const words: Words = { symbols: [], counts: [] }
  for (const [word, count] of counts) {
    words.symbols.push(Int32Array.from(encoder.encode(word), (byte) => symbolOf[byte]))
    words.counts.push(count)
  }
  return words
}

/**
 * Merges until the vocabulary is full; appends to `tokens` and returns the merges. Only words that hold a pair are
 * looked at again.
 */
function mergePairs(words: Words, tokens: string[], size: number, least: number): [string, string][] {
  const frequency = new Map<number, number>()
  const holders = new Map<number, Set<number>>()
  const queue = new PairQueue()
  const count = (pair: number, word: number, by: number): void => {
    frequency.set(pair, (frequency.get(pair) ?? 0) + by)
    if (by < 0) return
    const set = holders.get(pair)
    if (set) set.add(word)
    else holders.set(pair, new Set([word]))
  }
  words.symbols.forEach((symbols, word) => {
    for (let i = 1; i < symbols.length; i++) count(symbols[i - 1] * SHIFT + symbols[i], word, words.counts[word])
  })
  for (const [pair, times] of frequency) queue.push(times, pair)

  const merges: [string, string][] = []
  const numbers = new Map(tokens.map((token, number) => [token, number]))
  while (tokens.length < size) {
    const top = queue.pop()
    if (!top || top.count < least) break
    const now = frequency.get(top.pair) ?? 0
    // Counts only fall while a pair waits: it goes back with what it has left.
    if (now !== top.count) {
      if (now >= least) queue.push(now, top.pair)
      continue
    }
    const [left, right] = [Math.floor(top.pair / SHIFT), top.pair % SHIFT]
    const token = tokens[left] + tokens[right]
    // Two pairs may spell the same token.
    let merged = numbers.get(token)
    if (merged === undefined) {
      merged = tokens.push(token) - 1
      numbers.set(token, merged)
    }
    merges.push([tokens[left], tokens[right]])
    const changed = new Set<number>()
    for (const word of holders.get(top.pair) ?? []) {
      words.symbols[word] = replaced(words.symbols[word], left, right, merged, (pair, by) => {
        count(pair, word, by * words.counts[word])
        if (by > 0) changed.add(pair)
      })
    }
    frequency.delete(top.pair)
    holders.delete(top.pair)
    changed.delete(top.pair)
    for (const pair of changed) queue.push(frequency.get(pair) ?? 0, pair)
  }
  return merges
}

/** A word with every (left, right) put together; `note` is told of pairs that go (−1) and come (+1). */
function replaced(
  symbols: Int32Array,
  left: number,
  right: number,
  merged: number,
  note: (pair: number, by: number) => void,
): Int32Array {
  const result = new Int32Array(symbols.length)
  let length = 0
  for (let i = 0; i < symbols.length; i++) {
    if (symbols[i] !== left || symbols[i + 1] !== right) {
      result[length++] = symbols[i]
      continue
    }
    if (length > 0) {
      note(result[length - 1] * SHIFT + left, -1)
      note(result[length - 1] * SHIFT + merged, 1)
    }
    if (i + 2 < symbols.length) {
      note(right * SHIFT + symbols[i + 2], -1)
      note(merged * SHIFT + symbols[i + 2], 1)
    }
    result[length++] = merged
    i++
  }
  return result.slice(0, length)
}

/** The most frequent pair first, of equally frequent ones that of the smaller numbers: a binary heap. */
class PairQueue {
  private readonly counts: number[] = []
  private readonly pairs: number[] = []

  private before(a: number, b: number): boolean {
    return this.counts[a] > this.counts[b] || (this.counts[a] === this.counts[b] && this.pairs[a] < this.pairs[b])
  }

  private swap(a: number, b: number): void {
    ;[this.counts[a], this.counts[b]] = [this.counts[b], this.counts[a]]
    ;[this.pairs[a], this.pairs[b]] = [this.pairs[b], this.pairs[a]]
  }

  push(count: number, pair: number): void {
    let at = this.counts.push(count) - 1
    this.pairs.push(pair)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!this.before(at, parent)) return
      this.swap(at, parent)
      at = parent
    }
  }

  pop(): { readonly count: number; readonly pair: number } | undefined {
    const last = this.counts.length - 1
    if (last < 0) return undefined
    this.swap(0, last)
    const top = { count: this.counts[last], pair: this.pairs[last] }
    this.counts.length = this.pairs.length = last
    for (let at = 0; ;) {
      let child = 2 * at + 1
      if (child >= last) return top
      if (child + 1 < last && this.before(child + 1, child)) child++
      if (!this.before(child, at)) return top
      this.swap(at, child)
      at = child
    }
  }
}

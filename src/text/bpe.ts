import { LanewiseError } from '../core/errors.js'
import type { BpeTables } from './bpe-trainer.js'
import { characterOfByte } from './byte-level.js'

const SHIFT = 2 ** 26
/** Up to so many symbols the best pair is searched again after every merge; beyond, a heap finds it. */
const SHORT = 48
/** Words kept with their tokens: most of a text is made of few words. */
const CACHED_WORDS = 1 << 16

/** Merges bytes into tokens by the ranks of a trained table. */
export class BpeModel {
  private readonly ranks = new Map<number, number>()
  private readonly results: Int32Array
  private readonly byteTokens: Int32Array
  private readonly cache = new Map<string, Int32Array>()
  private readonly encoder = new TextEncoder()

  /** @throws LanewiseError `E_VALUE` for tables that lack a byte, or a token that a merge makes. */
  constructor(
    { tokens, merges }: BpeTables,
    private readonly numbers: ReadonlyMap<string, number>,
    /** Whether a word that is a token as a whole is that token, whatever merges would make of it. */
    private readonly wholeWords: boolean,
  ) {
    const numberOf = (token: string): number => {
      const number = numbers.get(token)
      if (number === undefined)
        throw new LanewiseError('E_VALUE', `the vocabulary lacks the token ${JSON.stringify(token)}`)
      return number
    }
    if (tokens.length >= SHIFT) throw new LanewiseError('E_VALUE', `${tokens.length} tokens are too many`)
    this.byteTokens = Int32Array.from(characterOfByte, numberOf)
    this.results = Int32Array.from(merges, ([left, right]) => numberOf(left + right))
    merges.forEach(([left, right], rank) => {
      const pair = numberOf(left) * SHIFT + numberOf(right)
      if (!this.ranks.has(pair)) this.ranks.set(pair, rank)
    })
  }

  /** The tokens of a piece that a text was cut into; `shown` gives the characters that show its bytes. */
  encode(word: string, shown: (word: string) => string): Int32Array {
    const known = this.cache.get(word)
    if (known) return known
    const whole = this.wholeWords ? this.numbers.get(shown(word)) : undefined
    const tokens = whole === undefined ? this.merge(this.encoder.encode(word)) : Int32Array.of(whole)
    // Long words hardly come again, and would make a cache of bounded length one of unbounded size.
    if (word.length <= 64) {
      if (this.cache.size >= CACHED_WORDS) this.cache.clear()
      this.cache.set(word, tokens)
    }
    return tokens
  }

  private merge(bytes: Uint8Array): Int32Array {
    const symbols = Int32Array.from(bytes, (byte) => this.byteTokens[byte])
    return symbols.length <= SHORT ? this.mergeShort(symbols) : this.mergeLong(symbols)
  }

  private rank(left: number, right: number): number {
    return this.ranks.get(left * SHIFT + right) ?? Infinity
  }

  private mergeShort(symbols: Int32Array): Int32Array {
    let length = symbols.length
    for (;;) {
      let best = Infinity
      let at = -1
      for (let i = 1; i < length; i++) {
        const rank = this.rank(symbols[i - 1], symbols[i])
        if (rank < best) [best, at] = [rank, i - 1]
      }
      if (at < 0) return symbols.slice(0, length)
      symbols[at] = this.results[best]
      symbols.copyWithin(at + 1, at + 2, length--)
    }
  }

  /** The same in n·log n: symbols in a list of neighbours, pairs in a heap by rank and then place. */
  private mergeLong(symbols: Int32Array): Int32Array {
    const n = symbols.length
    const next = Int32Array.from(symbols, (_, i) => i + 1)
    const previous = Int32Array.from(symbols, (_, i) => i - 1)
    const heap: number[] = []
    const offer = (at: number): void => {
      if (at < 0 || next[at] >= n) return
      const rank = this.rank(symbols[at], symbols[next[at]])
      if (rank < Infinity) pushHeap(heap, rank * SHIFT + at)
    }
    if (n >= SHIFT)
      throw new LanewiseError('E_VALUE', `a piece of ${n} bytes without a cut is too long to be made into tokens`)
    for (let i = 0; i + 1 < n; i++) offer(i)
    while (heap.length > 0) {
      const entry = popHeap(heap)
      const rank = Math.floor(entry / SHIFT)
      const at = entry % SHIFT
      // The pair may have gone since it was offered: a symbol that was merged away is −1.
      if (symbols[at] < 0 || next[at] >= n || this.rank(symbols[at], symbols[next[at]]) !== rank) continue
      const gone = next[at]
      symbols[at] = this.results[rank]
      symbols[gone] = -1
      next[at] = next[gone]
      if (next[at] < n) previous[next[at]] = at
      offer(previous[at])
      offer(at)
    }
    return symbols.filter((symbol) => symbol >= 0)
  }
}

/** Adds to a binary heap whose first entry is the smallest. @internal */
export function pushHeap(heap: number[], entry: number): void {
  let at = heap.push(entry) - 1
  while (at > 0) {
    const parent = (at - 1) >> 1
    if (heap[parent] <= entry) break
    heap[at] = heap[parent]
    at = parent
  }
  heap[at] = entry
}

/** Takes the smallest entry of a heap that is not empty. @internal */
export function popHeap(heap: number[]): number {
  const top = heap[0]
  const entry = heap.pop() as number
  const n = heap.length
  if (n === 0) return top
  let at = 0
  for (;;) {
    let child = 2 * at + 1
    if (child >= n) break
    if (child + 1 < n && heap[child + 1] < heap[child]) child++
    if (heap[child] >= entry) break
    heap[at] = heap[child]
    at = child
  }
  heap[at] = entry
  return top
}

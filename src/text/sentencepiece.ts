import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { popHeap, pushHeap } from './bpe.js'
import {
  characterMapper,
  pieceKinds,
  readSentencePieceModel,
  type Piece,
  type SentencePieceModel,
} from './sentencepiece-model.js'

/** Places of a text fit into so many numbers. */
const SHIFT = 2 ** 26
/** Stands for a blank in pieces. */
const BLANK = '\u2581'
/** A character that no piece has costs so much more than the rarest piece (SentencePiece's `kUnkPenalty`). */
const UNKNOWN_PENALTY = 10
/** What stands for an unknown piece in a text (`unk_surface`). */
const UNKNOWN_TEXT = ' \u2047 '

/** What one way to cut the beginning of a text ends with. */
interface Step {
  readonly score: number
  readonly from: number
  readonly piece: number
}

/**
 * The tokenizer of a SentencePiece `.model` file, unigram or BPE: text to the numbers of its pieces, and back.
 *
 * @example
 * import { SentencePieceTokenizer } from 'lanewise/train'
 * import { existsSync, readFileSync } from 'node:fs'
 *
 * if (existsSync('tokenizer.model')) {
 *   const tokenizer = SentencePieceTokenizer.fromModel(readFileSync('tokenizer.model'))
 *   console.log(tokenizer.decode(tokenizer.encode('Hello world')))
 * }
 */
export class SentencePieceTokenizer {
  static readonly name = 'SentencePieceTokenizer'
  private readonly pieces: readonly Piece[]
  private readonly numbers: ReadonlyMap<string, number>
  private readonly scores: Float64Array
  private readonly mapped: (text: string) => string
  private readonly unknown: number
  /** The most characters of a piece. */
  private readonly longest: number
  private readonly userDefined: readonly string[]
  /** The pieces of the 256 bytes. */
  private readonly bytes: readonly number[]
  /** Of each piece: how many scores are higher than its own. */
  private readonly ranks: Float64Array

  /** @param model - what `fromModel` reads. */
  private constructor(private readonly model: SentencePieceModel) {
    const { pieces } = model
    this.pieces = pieces
    const cuts = (kind: number) =>
      kind === pieceKinds.normal || kind === pieceKinds.userDefined || kind === pieceKinds.unused
    this.numbers = new Map(pieces.flatMap(({ text, kind }, i) => (cuts(kind) ? [[text, i] as const] : [])))
    this.unknown = pieces.findIndex(({ kind }) => kind === pieceKinds.unknown)
    const normal = pieces.filter(({ kind }) => kind === pieceKinds.normal).map(({ score }) => score)
    const most = normal.reduce((a, b) => Math.max(a, b), -Infinity)
    // What the user has defined is always taken: as if each of its characters were as likely as the likeliest piece.
    this.scores = Float64Array.from(pieces, ({ text, score, kind }) =>
      kind === pieceKinds.userDefined ? [...text].length * Math.max(most, 0) - 0.1 : score,
    )
    if (normal.length > 0)
      this.scores[this.unknown] = normal.reduce((a, b) => Math.min(a, b), Infinity) - UNKNOWN_PENALTY
    this.longest = pieces.reduce((length, { text }) => Math.max(length, [...text].length), 1)
    this.userDefined = pieces
      .filter(({ kind }) => kind === pieceKinds.userDefined)
      .map(({ text }) => text)
      .sort((a, b) => b.length - a.length)
    const bytePieces = new Map(
      pieces.flatMap(({ text, kind }, i) => (kind === pieceKinds.byte ? [[text, i] as const] : [])),
    )
    this.bytes = Array.from({ length: 256 }, (_, byte) => {
      const number = bytePieces.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`)
      if (number === undefined && model.byteFallback)
        throw new LanewiseError('E_PARSE', `the model spells by bytes and has no piece for the byte ${byte}`)
      return number ?? this.unknown
    })
    const ordered = [...new Set(this.scores)].sort((a, b) => b - a)
    const places = new Map(ordered.map((score, i) => [score, i]))
    this.ranks = this.scores.map((score) => places.get(score) ?? ordered.length)
    this.mapped = characterMapper(model.characterMap)
  }

  /**
   * The tokenizer of a `.model` file.
   *
   * @throws LanewiseError `E_PARSE` if it is damaged or none; `E_UNSUPPORTED` for models of words or characters.
   */
  static fromModel(bytes: Uint8Array): SentencePieceTokenizer {
    checkArguments('SentencePieceTokenizer.fromModel', { bytes }, 'bytes')
    return new SentencePieceTokenizer(readSentencePieceModel(bytes))
  }

  /** How many pieces there are. */
  get size(): number {
    return this.pieces.length
  }

  /** The number of a piece. @throws LanewiseError `E_VALUE` if there is none of that name. */
  idOf(piece: string): number {
    const number = this.pieces.findIndex(({ text }) => text === piece)
    if (number < 0) throw new LanewiseError('E_VALUE', `the model has no piece ${JSON.stringify(piece)}`)
    return number
  }

  /** A piece by its number. @throws LanewiseError `E_VALUE` if there is none. */
  pieceOf(number: number): string {
    return this.entry(number).text
  }

  private entry(number: number): Piece {
    const piece = this.pieces[number] as Piece | undefined
    if (!piece)
      throw new LanewiseError('E_VALUE', `there is no piece ${number} among ${this.size}`, {
        expected: `[0, ${this.size - 1}]`,
        actual: String(number),
      })
    return piece
  }

  /** The text as it is cut: replaced characters, blanks as the model wants them. */
  private normalized(text: string): string {
    const { addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces } = this.model
    let result = this.mapped(text)
    if (removeExtraWhitespaces) result = result.replace(/ +/g, ' ').replace(/^ | $/g, '')
    if (result === '') return ''
    if (addDummyPrefix) result = ` ${result}`
    return escapeWhitespaces ? result.replaceAll(' ', BLANK) : result
  }

  /** The numbers of a text's pieces. Tokens for the beginning and the end of a text are not among them. */
  encode(text: string): Int32Array<ArrayBuffer> {
    checkArguments('encode', { text }, 'string')
    const normalized = this.normalized(text)
    if (normalized === '') return new Int32Array(0)
    const characters = [...normalized]
    const cut = this.model.type === 'unigram' ? this.likeliest(characters) : this.merged(characters)
    const numbers: number[] = []
    let beforeUnknown = false
    for (const { number, surface } of cut) {
      if (number !== this.unknown) numbers.push(number)
      else if (this.model.byteFallback) {
        for (const byte of new TextEncoder().encode(surface)) numbers.push(this.bytes[byte])
      } else if (!beforeUnknown) numbers.push(number)
      beforeUnknown = number === this.unknown
    }
    return Int32Array.from(numbers)
  }

  /**
   * The way to cut a text whose pieces are the likeliest together (Kudo 2018; Viterbi's algorithm). Of equal ones that
   * of the longest last piece.
   */
  private likeliest(characters: readonly string[]): { number: number; surface: string }[] {
    const best: (Step | undefined)[] = new Array<Step | undefined>(characters.length + 1)
    best[0] = { score: 0, from: 0, piece: -1 }
    for (let from = 0; from < characters.length; from++) {
      const before = best[from]?.score ?? 0
      const offer = (to: number, piece: number) => {
        const score = before + this.scores[piece]
        const known = best[to]
        if (!known || score > known.score) best[to] = { score, from, piece }
      }
      let text = ''
      let alone = false
      for (let to = from; to < Math.min(characters.length, from + this.longest); to++) {
        text += characters[to]
        const piece = this.numbers.get(text)
        if (piece === undefined || this.pieces[piece].kind === pieceKinds.unused) continue
        alone ||= to === from
        offer(to + 1, piece)
      }
      if (!alone) offer(from + 1, this.unknown)
    }
    const cut: { number: number; surface: string }[] = []
    for (let at = characters.length; at > 0;) {
      const step = best[at]
      if (!step) throw new LanewiseError('E_STATE', 'a text was not cut to its end')
      cut.push({ number: step.piece, surface: characters.slice(step.from, at).join('') })
      at = step.from
    }
    return cut.reverse()
  }

  /**
   * Neighbours are put together, of all pairs always that with the highest score, the first of equal ones. What the
   * user has defined stays as it is.
   */
  private merged(characters: readonly string[]): { number: number; surface: string }[] {
    const texts: string[] = []
    const frozen: boolean[] = []
    for (let at = 0; at < characters.length;) {
      const rest = this.userDefined.length > 0 ? characters.slice(at, at + this.longest).join('') : ''
      const defined = this.userDefined.find((text) => rest.startsWith(text))
      texts.push(defined ?? characters[at])
      frozen.push(defined !== undefined)
      at += defined === undefined ? 1 : [...defined].length
    }
    const n = texts.length
    if (n >= SHIFT) throw new LanewiseError('E_VALUE', `a text of ${n} characters is too long to be cut at once`)
    // Symbols in a list of neighbours, pairs in a heap by rank and then place.
    const next = Int32Array.from(texts, (_, i) => i + 1)
    const previous = Int32Array.from(texts, (_, i) => i - 1)
    const gone = new Uint8Array(n)
    const made = new Map<string, readonly [string, string]>()
    const heap: number[] = []
    const rankAt = (at: number): number => {
      if (gone[at] || next[at] >= n || frozen[at] || frozen[next[at]]) return Infinity
      const piece = this.numbers.get(texts[at] + texts[next[at]])
      return piece === undefined ? Infinity : this.ranks[piece]
    }
    const offer = (at: number): void => {
      const rank = at < 0 ? Infinity : rankAt(at)
      if (rank < Infinity) pushHeap(heap, rank * SHIFT + at)
    }
    for (let i = 0; i < n; i++) offer(i)
    while (heap.length > 0) {
      const entry = popHeap(heap)
      const at = entry % SHIFT
      // The pair may have gone since it was offered.
      if (rankAt(at) !== Math.floor(entry / SHIFT)) continue
      const taken = next[at]
      made.set(texts[at] + texts[taken], [texts[at], texts[taken]])
      texts[at] += texts[taken]
      gone[taken] = 1
      next[at] = next[taken]
      if (next[at] < n) previous[next[at]] = at
      offer(previous[at])
      offer(at)
    }
    // A piece that is not to be used is taken apart again.
    const apart = (text: string): string[] => {
      const piece = this.numbers.get(text)
      const parts = made.get(text)
      if (piece === undefined || this.pieces[piece].kind !== pieceKinds.unused || !parts) return [text]
      return parts.flatMap(apart)
    }
    return texts
      .filter((_, i) => !gone[i])
      .flatMap(apart)
      .map((text) => {
        const piece = this.numbers.get(text)
        const known = piece !== undefined && this.pieces[piece].kind !== pieceKinds.unused
        return { number: known ? piece : this.unknown, surface: text }
      })
  }

  /**
   * The text of pieces: control pieces are left out, bytes are put together to characters (U+FFFD for what is none).
   *
   * @throws LanewiseError `E_VALUE` for a number that is no piece's.
   */
  decode(numbers: ArrayLike<number>): string {
    checkArguments('decode', { numbers }, 'list|bytes')
    let text = ''
    let bytes: number[] = []
    const flush = () => {
      if (bytes.length > 0) text += new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes))
      bytes = []
    }
    for (let i = 0; i < numbers.length; i++) {
      const piece = this.entry(numbers[i])
      if (piece.kind === pieceKinds.byte) {
        bytes.push(Number(piece.text.slice(1, -1)))
        continue
      }
      flush()
      if (piece.kind === pieceKinds.control) continue
      text += piece.kind === pieceKinds.unknown ? UNKNOWN_TEXT : piece.text
    }
    flush()
    const { escapeWhitespaces, addDummyPrefix } = this.model
    if (escapeWhitespaces) text = text.replaceAll(BLANK, ' ')
    return addDummyPrefix && text.startsWith(' ') ? text.slice(1) : text
  }
}

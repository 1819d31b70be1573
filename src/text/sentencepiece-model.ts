import { LanewiseError } from '../core/errors.js'

/** What a piece of a SentencePiece model is: the numbers of its format. */
export const pieceKinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

/** An entry of a vocabulary. */
export interface Piece {
  readonly text: string
  readonly score: number
  readonly kind: number
}

/** The contents of a SentencePiece `.model` file, as far as texts are cut by it. */
export interface SentencePieceModel {
  readonly pieces: readonly Piece[]
  readonly type: 'unigram' | 'bpe'
  /** Whether what is not in the vocabulary is spelled by bytes. */
  readonly byteFallback: boolean
  /** A trie and the texts that take the place of others; empty if texts are taken as they are. */
  readonly characterMap: Uint8Array
  readonly addDummyPrefix: boolean
  readonly removeExtraWhitespaces: boolean
  readonly escapeWhitespaces: boolean
}

type Field = { readonly number: number } & (
  | { readonly wire: 0; readonly value: number }
  | { readonly wire: 5; readonly value: number }
  | { readonly wire: 2; readonly value: Uint8Array }
  | { readonly wire: 1; readonly value: undefined }
)

function bad(reason: string): never {
  throw new LanewiseError('E_PARSE', `this is no SentencePiece model: ${reason}`)
}

/** The fields of a protobuf message (https://protobuf.dev/programming-guides/encoding/). */
function* fieldsOf(bytes: Uint8Array): Generator<Field, void, void> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (at >= bytes.length) bad('it ends inside a number')
      const byte = bytes[at++]
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    return bad('a number of more than ten bytes')
  }
  const need = (count: number) => {
    if (count > bytes.length - at) bad('a field reaches beyond its end')
  }
  while (at < bytes.length) {
    const tag = varint()
    const [number, wire] = [Math.floor(tag / 8), tag % 8]
    if (wire === 0) yield { number, wire, value: varint() }
    else if (wire === 5) {
      need(4)
      yield { number, wire, value: view.getFloat32(at, true) }
      at += 4
    } else if (wire === 1) {
      need(8)
      at += 8
      yield { number, wire, value: undefined }
    } else if (wire === 2) {
      const length = varint()
      need(length)
      yield { number, wire, value: bytes.subarray(at, at + length) }
      at += length
    } else bad(`a field of the wire type ${wire}`)
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return bad('a piece is no UTF-8')
  }
}

function pieceOf(bytes: Uint8Array): Piece {
  let [text, score, kind] = ['', 0, pieceKinds.normal as number]
  for (const field of fieldsOf(bytes)) {
    if (field.number === 1 && field.wire === 2) text = textOf(field.value)
    else if (field.number === 2 && field.wire === 5) score = field.value
    else if (field.number === 3 && field.wire === 0) kind = field.value
  }
  if (text === '') bad('a piece has no text')
  if (Number.isNaN(score)) bad(`the score of ${JSON.stringify(text)} is no number`)
  return { text, score, kind }
}

/**
 * Reads a `.model` file of SentencePiece (Kudo & Richardson, arXiv:1808.06226; `sentencepiece_model.proto`).
 *
 * @throws LanewiseError `E_PARSE` if it is none; `E_UNSUPPORTED` for models of words or characters, and for blanks at
 *   the end of words.
 */
export function readSentencePieceModel(bytes: Uint8Array): SentencePieceModel {
  const pieces: Piece[] = []
  let type = 1
  let [byteFallback, suffix] = [false, false]
  let [addDummyPrefix, removeExtraWhitespaces, escapeWhitespaces] = [true, true, true]
  let characterMap: Uint8Array = new Uint8Array(0)
  for (const field of fieldsOf(bytes)) {
    if (field.wire !== 2) continue
    if (field.number === 1) pieces.push(pieceOf(field.value))
    if (field.number === 2)
      for (const { number, wire, value } of fieldsOf(field.value)) {
        if (wire !== 0) continue
        if (number === 3) type = value
        if (number === 24) suffix = value !== 0
        if (number === 35) byteFallback = value !== 0
      }
    if (field.number === 3)
      for (const inner of fieldsOf(field.value)) {
        if (inner.number === 2 && inner.wire === 2) characterMap = inner.value.slice()
        if (inner.wire !== 0) continue
        if (inner.number === 3) addDummyPrefix = inner.value !== 0
        if (inner.number === 4) removeExtraWhitespaces = inner.value !== 0
        if (inner.number === 5) escapeWhitespaces = inner.value !== 0
      }
  }
  if (pieces.length === 0) bad('it has no pieces')
  const unknown = pieces.filter(({ kind }) => kind === pieceKinds.unknown).length
  if (unknown !== 1) bad(`${unknown} pieces stand for what is not known, not one`)
  if (new Set(pieces.map(({ text }) => text)).size !== pieces.length) bad('a piece is there twice')
  if (type !== 1 && type !== 2)
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `SentencePiece models of the type ${type} are not read: unigram and BPE are`,
    )
  if (suffix) throw new LanewiseError('E_UNSUPPORTED', 'blanks at the end of words (treat_whitespace_as_suffix)')
  return {
    pieces,
    type: type === 1 ? 'unigram' : 'bpe',
    byteFallback,
    characterMap,
    addDummyPrefix,
    removeExtraWhitespaces,
    escapeWhitespaces,
  }
}

/**
 * What SentencePiece does to a text before it is cut: the longest match in a table of replacements, at every place. The
 * table is a double-array trie (Aoe 1989, in the form of Darts-clone) over bytes, whose values are places of texts that
 * end with a zero.
 *
 * @throws LanewiseError `E_PARSE` for a table that is damaged.
 */
export function characterMapper(map: Uint8Array): (text: string) => string {
  if (map.length === 0) return (text) => text
  if (map.length < 4) bad('its table of characters is cut off')
  const view = new DataView(map.buffer, map.byteOffset, map.byteLength)
  const size = view.getUint32(0, true)
  if (size % 4 !== 0 || size === 0 || size > map.length - 4) bad('its table of characters is cut off')
  const units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true))
  const texts = map.subarray(4 + size)
  const offsetOf = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6)
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const encoder = new TextEncoder()
  /** How many bytes the longest match takes, and where its text is. */
  const longest = (bytes: Uint8Array, from: number): { length: number; place: number } | undefined => {
    let node = offsetOf(units[0])
    let found: { length: number; place: number } | undefined
    for (let at = from; at < bytes.length; at++) {
      node ^= bytes[at]
      // A unit beyond the end is undefined: no child.
      const unit = units[node] as number | undefined
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== bytes[at]) break
      node ^= offsetOf(unit)
      if ((unit >>> 8) & 1 && node < units.length) found = { length: at + 1 - from, place: units[node] & 0x7fffffff }
    }
    return found
  }
  return (text) => {
    const bytes = encoder.encode(text)
    let [result, kept, at] = ['', 0, 0]
    while (at < bytes.length) {
      const match = longest(bytes, at)
      if (!match) {
        // On to the next character: bytes 10xxxxxx go on with one.
        do at++
        while (at < bytes.length && (bytes[at] & 0xc0) === 0x80)
        continue
      }
      const end = texts.indexOf(0, match.place)
      if (match.place >= texts.length || end < 0) bad('its table of characters points beyond its texts')
      result += decoder.decode(bytes.subarray(kept, at)) + decoder.decode(texts.subarray(match.place, end))
      at += match.length
      kept = at
    }
    return result + decoder.decode(bytes.subarray(kept))
  }
}

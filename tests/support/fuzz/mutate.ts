import { specOf, type MessageSpec } from '../../../src/onnx/schema/table.js'
import { ascii, bytes, repeat, tag, varint } from '../formats/wire-bytes.js'

/** A protobuf field, taken apart as far as the schema knows it. */
export interface Piece {
  number: number
  type: number
  /** Bytes after the tag (and, for type 2, after the length); messages have `children` instead. */
  body: Uint8Array
  children?: Piece[]
}

export type Random = () => number

function readVarint(file: Uint8Array, at: number): [bigint, number] {
  let value = 0n
  for (let shift = 0n; ; shift += 7n) {
    const byte = file[at++]
    value |= BigInt(byte & 0x7f) << shift
    if (byte < 0x80) return [value, at]
  }
}

/** Takes a well-formed message apart. */
export function parsePieces(file: Uint8Array, spec: MessageSpec): Piece[] {
  const pieces: Piece[] = []
  for (let at = 0; at < file.length;) {
    const [head, afterTag] = readVarint(file, at)
    const number = Number(head >> 3n)
    const type = Number(head & 7n)
    let start = afterTag
    let end = afterTag + (type === 1 ? 8 : 4)
    if (type === 0) end = readVarint(file, afterTag)[1]
    if (type === 2) {
      const [length, afterLength] = readVarint(file, afterTag)
      start = afterLength
      end = afterLength + Number(length)
    }
    const body = file.slice(start, end)
    const field = spec.byNumber[number]
    const children = field?.code === 'm' ? parsePieces(body, specOf(field.message)) : undefined
    pieces.push({ number, type, body, children })
    at = end
  }
  return pieces
}

export function joinPieces(pieces: readonly Piece[]): Uint8Array {
  return bytes(
    ...pieces.flatMap(({ number, type, body, children }) => {
      const content = children === undefined ? body : joinPieces(children)
      return type === 2 ? [tag(number, 2), varint(content.length), content] : [tag(number, type), content]
    }),
  )
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]
}

/** Every list of pieces in the tree, the outermost first. */
function allLists(pieces: Piece[]): Piece[][] {
  return [pieces, ...pieces.flatMap((piece) => (piece.children === undefined ? [] : allLists(piece.children)))]
}

export const interestingNumbers: readonly (number | bigint)[] = [
  0,
  1,
  -1,
  2,
  3,
  7,
  8,
  16,
  26,
  27,
  64,
  65,
  127,
  128,
  255,
  256,
  32767,
  65536,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
  2 ** 32,
  2 ** 53,
  -(2n ** 31n),
  2n ** 62n,
  2n ** 63n - 1n,
  -(2n ** 63n),
  2n ** 64n - 1n,
]

const interestingNames: readonly string[] = [
  '',
  'x',
  'y',
  'w',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  '../w.bin',
  '/etc/passwd',
  'a\0b',
  'ÿ',
  'location',
  'offset',
  'length',
  '-1',
  '9223372036854775807',
  'Relu',
  'If',
  'Loop',
  'Identity',
  'com.microsoft',
  'ai.onnx',
]

/** One change to the tree of fields. */
function mutateTree(pieces: Piece[], donor: Piece[], random: Random): void {
  const lists = allLists(pieces).filter((list) => list.length > 0)
  if (lists.length === 0) return
  const list = pick(random, lists)
  const at = Math.floor(random() * list.length)
  const piece = list[at]
  switch (Math.floor(random() * 12)) {
    case 0:
      list.splice(at, 1)
      break
    case 1:
      list.splice(at, 0, structuredClone(piece))
      break
    case 2:
      for (let i = Math.floor(random() * 50); i > 0; i--) list.push(structuredClone(piece))
      break
    case 3: {
      const other = Math.floor(random() * list.length)
      list[at] = list[other]
      list[other] = piece
      break
    }
    case 4:
      piece.number = pick(random, [0, piece.number + 1, piece.number - 1, 1 + Math.floor(random() * 26), 2 ** 29 - 1])
      break
    case 5:
      piece.type = Math.floor(random() * 8)
      break
    case 6:
    case 7:
      // The value: what its wire type makes likely to matter.
      if (piece.type === 0) piece.body = Uint8Array.from(varint(pick(random, interestingNumbers)))
      else if (piece.type === 2) {
        piece.children = undefined
        piece.body = pick(random, [
          () => ascii(pick(random, interestingNames)),
          () =>
            bytes(...Array.from({ length: Math.floor(random() * 6) }, () => varint(pick(random, interestingNumbers)))),
          () => piece.body.subarray(0, Math.floor(random() * piece.body.length)),
          () => bytes(piece.body, piece.body),
          () => repeat([0xff], Math.floor(random() * 70)),
          () => new Uint8Array(0),
        ])()
      } else piece.body = piece.body.map(() => Math.floor(random() * 256))
      break
    case 8: {
      // Something of the same number from another place: an attribute's tensor as an initializer, a graph inside a
      // graph.
      const same = allLists(donor)
        .flat()
        .filter((other) => other.number === piece.number)
      if (same.length > 0) list[at] = structuredClone(pick(random, same))
      break
    }
    case 9:
      list.splice(at, 0, structuredClone(pick(random, allLists(donor).flat())))
      break
    case 10: {
      // The whole message once more inside itself.
      let inner: Piece[] = structuredClone(pieces)
      for (let depth = Math.floor(random() * 40); depth > 0; depth--) inner = [{ ...piece, type: 2, children: inner }]
      if (piece.children !== undefined) piece.children = inner
      break
    }
    default:
      list.splice(at, 0, {
        number: Math.floor(random() * 30),
        type: 0,
        body: Uint8Array.from(varint(pick(random, interestingNumbers))),
      })
  }
}

/** One change to the bytes. */
function mutateBytes(file: Uint8Array, random: Random): Uint8Array {
  const at = Math.floor(random() * (file.length + 1))
  const length = Math.floor(random() * 8)
  switch (Math.floor(random() * 5)) {
    case 0: {
      const out = file.slice()
      if (at < out.length) out[at] ^= 1 << Math.floor(random() * 8)
      return out
    }
    case 1:
      return file.slice(0, at)
    case 2:
      return bytes(file.subarray(0, at), file.subarray(at + length))
    case 3:
      return bytes(
        file.subarray(0, at),
        Array.from({ length }, () => Math.floor(random() * 256)),
        file.subarray(at),
      )
    default: {
      const out = file.slice()
      for (let i = at; i < Math.min(at + length, out.length); i++) out[i] = pick(random, [0, 0x7f, 0x80, 0xff])
      return out
    }
  }
}

/** A broken relative of `file`: mostly by its structure, sometimes by its bytes, sometimes both. */
export function mutate(file: Uint8Array, donor: Uint8Array, random: Random): Uint8Array {
  let out = file
  if (random() < 0.8) {
    const pieces = parsePieces(file, specOf('ModelProto'))
    const donorPieces = parsePieces(donor, specOf('ModelProto'))
    for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) mutateTree(pieces, donorPieces, random)
    out = joinPieces(pieces)
  }
  if (out === file || random() < 0.15) {
    for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) out = mutateBytes(out, random)
  }
  return out
}

import { specOf, type Field } from '../../../src/onnx/schema/table.js'
import { knownOps } from '../../../src/ir/registry.js'
import { interestingNumbers, joinPieces, parsePieces, pick, type Piece, type Random } from './mutate.js'
import { ascii, bytes, tag, varint } from '../formats/wire-bytes.js'

/** A field of a message somewhere in the file, and the list it stands in. */
interface Place {
  readonly list: Piece[]
  readonly piece: Piece
  readonly field: Field
  /** The message it is a field of. */
  readonly owner: string
}

function placesIn(list: Piece[], owner: string): Place[] {
  const spec = specOf(owner)
  return list.flatMap((piece): Place[] => {
    const field = spec.byNumber[piece.number]
    if (!field) return []
    return [{ list, piece, field, owner }, ...(piece.children ? placesIn(piece.children, field.message) : [])]
  })
}

const float = (value: number): Uint8Array => new Uint8Array(Float32Array.of(value).buffer)
const floats = [0, -0, 1, -1, 0.5, 2, 1e-30, 1e30, 3.4e38, NaN, Infinity, -Infinity]
const small = [-3, -2, -1, 0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 16]
/** Values that string attributes of many operators know. */
const words = [
  '',
  'NOTSET',
  'VALID',
  'SAME_UPPER',
  'SAME_LOWER',
  'nearest',
  'linear',
  'cubic',
  'constant',
  'reflect',
  'edge',
  'wrap',
  'add',
  'mul',
  'min',
  'max',
  'forward',
  'reverse',
  'bidirectional',
  'Tanh',
  'Relu',
  'Affine',
  'DCR',
  'CRD',
  'LEFT',
  'RIGHT',
  'sum',
  'mean',
  'none',
  'align_corners',
  'asymmetric',
  'tf_crop_and_resize',
  'half_pixel',
  'floor',
  'ceil',
  'ij->ji',
  'ii->i',
  '...i->...',
  'zeros',
  'border',
  'tanh',
]

function number(random: Random): number | bigint {
  return pick(random, random() < 0.8 ? small : interestingNumbers)
}

function readVarints(body: Uint8Array): bigint[] {
  const values: bigint[] = []
  for (let at = 0; at < body.length;) {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      const byte = body[at++]
      value |= BigInt(byte & 0x7f) << shift
      if (!(byte >= 0x80)) break
    }
    values.push(value)
  }
  return values
}

/** A list with one element more, less or other. */
function changed<T>(list: readonly T[], random: Random, value: () => T): T[] {
  const out = [...list]
  const at = Math.floor(random() * (out.length + 1))
  const way = random()
  if (way < 0.6 && at < out.length) out[at] = value()
  else if (way < 0.8) out.splice(at, 0, value())
  else out.splice(at, 1)
  return out
}

/** Another value for a scalar field, a packed list or bytes. */
function changeValue({ piece, field, list }: Place, all: readonly Place[], random: Random): void {
  const key = field.name
  if (key === 'opType') {
    const op = pick(random, knownOps())
    piece.body = ascii(op.name)
    const rest = list.filter((other) => other.number !== 7)
    list.splice(0, list.length, ...rest, ...(op.domain ? [{ number: 7, type: 2, body: ascii(op.domain) }] : []))
  } else if (field.code === 's') {
    // A name that is used elsewhere: another wiring.
    piece.body =
      random() < 0.1
        ? new Uint8Array(0)
        : pick(
            random,
            all.filter(({ field: { code } }) => code === 's'),
          ).piece.body
  } else if (key === 's' || key === 'strings') piece.body = ascii(pick(random, words))
  else if (key === 'rawData' || field.code === 'f' || field.code === 'd')
    piece.body = changeElements(piece.body, random)
  else if (piece.type === 0) piece.body = Uint8Array.from(varint(number(random)))
  else if (piece.type === 2 && piece.children === undefined)
    piece.body = bytes(...changed(readVarints(piece.body), random, () => BigInt(number(random))).map(varint))
}

/** Elements of raw data, of whatever type: some replaced, the length nearly always kept. */
function changeElements(body: Uint8Array, random: Random): Uint8Array {
  if (random() < 0.05) return body.subarray(0, Math.floor(random() * body.length))
  const out = body.slice()
  const width = pick(random, [1, 4, 4, 8, 8])
  for (let n = 1 + Math.floor(random() * 3); n > 0; n--) {
    const at = Math.floor((random() * out.length) / width) * width
    const value =
      width === 8
        ? new Uint8Array(BigInt64Array.of(BigInt.asIntN(64, BigInt(number(random)))).buffer)
        : width === 4
          ? float(pick(random, floats))
          : [pick(random, [0, 1, 127, 128, 255])]
    for (let i = 0; i < width && at + i < out.length; i++) out[at + i] = value[i]
  }
  return out
}

/** An attribute that the node's operator knows, with some value. */
function attributeFor(node: Piece, random: Random): Piece | undefined {
  const type = node.children!.find((piece) => piece.number === 4)
  const op = type && knownOps().find(({ name }) => name === new TextDecoder().decode(type.body))
  const known = Object.entries(op?.attributes ?? {})
  if (known.length === 0) return undefined
  const [name, { kind }] = pick(random, known)
  const list = () => Array.from({ length: Math.floor(random() * 5) }, () => number(random))
  const values: Partial<Record<typeof kind, [type: number, field: ArrayLike<number>]>> = {
    int: [2, bytes(tag(3, 0), varint(number(random)))],
    ints: [7, bytes(...list().map((value) => bytes(tag(8, 0), varint(value))))],
    float: [1, bytes(tag(2, 5), float(pick(random, floats)))],
    string: [3, bytes(tag(4, 2), varint(0))],
  }
  const value = values[kind]
  if (!value) return undefined
  const text = kind === 'string' ? ascii(pick(random, words)) : undefined
  const body = text ? bytes(tag(4, 2), varint(text.length), text) : value[1]
  return {
    number: 5,
    type: 2,
    body: bytes(tag(1, 2), varint(name.length), ascii(name), body, tag(20, 0), varint(value[0])),
  }
}

function change(model: Piece[], donor: Piece[], random: Random): void {
  const all = placesIn(model, 'ModelProto').filter(({ owner }) => owner !== 'StringStringEntryProto')
  const interesting = (wanted: (place: Place) => boolean): Place | undefined => {
    const some = all.filter(wanted)
    return some.length > 0 ? pick(random, some) : undefined
  }
  switch (Math.floor(random() * 10)) {
    case 0:
    case 1: {
      const place = interesting(
        ({ owner, field }) =>
          owner === 'AttributeProto' && !['name', 'type', 'docString'].includes(field.name) && field.code !== 'm',
      )
      if (place) return changeValue(place, all, random)
      break
    }
    case 2: {
      const place = interesting(({ owner }) => owner === 'Dimension')
      if (place) return changeValue(place, all, random)
      break
    }
    case 3: {
      const place = interesting(
        ({ owner, field }) => owner === 'TensorProto' && (field.name === 'rawData' || field.name === 'dims'),
      )
      if (place) return changeValue(place, all, random)
      break
    }
    case 4: {
      if (random() < 0.5) return change(model, donor, random)
      const place = interesting(
        ({ owner, field }) => owner === 'NodeProto' && (field.name === 'input' || field.name === 'output'),
      )
      if (place) return changeValue(place, all, random)
      break
    }
    case 5: {
      // A node, an attribute, an input once more, gone, or in another place.
      const place = interesting(
        ({ owner, field }) => owner === 'NodeProto' || (owner === 'GraphProto' && field.name === 'node'),
      )
      if (!place) break
      const at = place.list.indexOf(place.piece)
      const way = random()
      if (way < 0.4) place.list.splice(at, 1)
      else if (way < 0.7) place.list.splice(at, 0, structuredClone(place.piece))
      else place.list.push(...place.list.splice(at, 1))
      return
    }
    case 6: {
      const place = interesting(({ field }) => field.name === 'node')
      const attribute = place && attributeFor(place.piece, random)
      if (attribute) return void place.piece.children!.push(attribute)
      break
    }
    case 7: {
      const place = interesting(({ field }) => field.name === 'opType')
      if (place) return changeValue(place, all, random)
      break
    }
    case 8: {
      // A node of another model with its constants and inputs, behind or before what is here.
      const graph = model.find((piece) => piece.number === 7)?.children
      const given = donor.find((piece) => piece.number === 7)?.children ?? []
      if (!graph) break
      const taken = structuredClone(given.filter((piece) => [1, 5, 11].includes(piece.number)))
      if (random() < 0.5) graph.push(...taken)
      else graph.unshift(...taken)
      return
    }
  }
  const place = interesting(({ field }) => field.code !== 'm')
  if (place) changeValue(place, all, random)
}

/**
 * A relative of a model that is still a well-formed file: other values, wiring, operators, attributes, types and sizes.
 */
export function mutateModel(file: Uint8Array, donor: Uint8Array, random: Random): Uint8Array {
  const pieces = parsePieces(file, specOf('ModelProto'))
  const other = parsePieces(donor, specOf('ModelProto'))
  for (let changes = 1 + Math.floor(random() * 3); changes > 0; changes--) change(pieces, other, random)
  return joinPieces(pieces)
}

import { PbfWriter } from 'pbf'
import { LanewiseError } from '../core/errors.js'
import type { Messages } from './schema/onnx.js'
import { specOf, type Field, type FieldCode, type Init, type MessageSpec } from './schema/table.js'

type Fields = Readonly<Record<string, unknown>>

const MAX_DEPTH = 100
const MAX_BYTES = 2 ** 31 - 1

/** Made when it is needed: the scope of an audio worklet, which only reads, has none. */
let utf8: TextEncoder | undefined

const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const FIXED32 = 5

/** The most one element takes beside its own bytes: a tag up to 2, a length 5, a varint 10. */
const elementBound: Record<FieldCode, number> = { s: 7, y: 7, m: 7, i: 12, n: 12, l: 12, u: 12, f: 6, d: 10 }

/** More bytes than the message will take, so that the writer never has to copy what it has into a larger buffer. */
function upperBound(spec: MessageSpec, message: Fields, depth: number): number {
  if (depth > MAX_DEPTH) throw new LanewiseError('E_VALUE', `messages nested more than ${MAX_DEPTH} deep`)
  let bytes = 0
  for (const field of spec.fields) {
    const value = message[field.name]
    if (value === undefined) continue
    const list = field.repeated ? (value as ArrayLike<unknown>) : [value]
    bytes += 7 + list.length * elementBound[field.code]
    if (field.code === 's') for (const text of list as string[]) bytes += 3 * text.length
    else if (field.code === 'y') for (const data of list as Uint8Array[]) bytes += data.length
    else if (field.code === 'm') {
      const inner = specOf(field.message)
      for (const item of list as Fields[]) bytes += upperBound(inner, item, depth + 1)
    }
  }
  return bytes
}

function writeBigint(value: bigint, writer: PbfWriter): void {
  writer.realloc(10)
  let rest = BigInt.asUintN(64, value)
  while (rest > 0x7fn) {
    writer.buf[writer.pos++] = Number(rest & 0x7fn) | 0x80
    rest >>= 7n
  }
  writer.buf[writer.pos++] = Number(rest)
}

function writeNumber(field: Field, value: unknown, writer: PbfWriter): void {
  switch (field.code) {
    case 'f':
      return writer.writeFloat(value as number)
    case 'd':
      return writer.writeDouble(value as number)
    case 'l':
    case 'u':
      return writeBigint(value as bigint, writer)
    default:
      if (!Number.isSafeInteger(value)) {
        throw new LanewiseError('E_VALUE', `${field.name} must be an integer below 2^53, got ${String(value)}`)
      }
      return writer.writeVarint(value as number)
  }
}

function writeField(field: Field, value: unknown, writer: PbfWriter): void {
  switch (field.code) {
    case 's':
      // pbf 5's own writeString garbles characters from U+20000 on.
      return writer.writeBytesField(field.number, (utf8 ??= new TextEncoder()).encode(value as string))
    case 'y':
      return writer.writeBytesField(field.number, value as Uint8Array)
    case 'm':
      return writer.writeMessage(
        field.number,
        (item, to) => writeMessage(specOf(field.message), item, to),
        value as Fields,
      )
    default:
      writer.writeTag(field.number, field.code === 'f' ? FIXED32 : field.code === 'd' ? FIXED64 : VARINT)
      writeNumber(field, value, writer)
  }
}

function writeMessage(spec: MessageSpec, message: Fields, writer: PbfWriter): void {
  for (const field of spec.fields) {
    const value = message[field.name]
    if (value === undefined) continue
    if (!field.repeated) {
      if (value !== spec.defaults[field.name]) writeField(field, value, writer)
    } else if (field.packed) {
      const list = value as ArrayLike<number | bigint>
      if (list.length > 0) {
        writer.writeTag(field.number, LENGTH)
        writer.writeRawMessage((items) => {
          for (let i = 0; i < items.length; i++) writeNumber(field, items[i], writer)
        }, list)
      }
    } else {
      for (const item of value as Iterable<unknown>) writeField(field, item, writer)
    }
  }
}

/**
 * The bytes of a message, fields in ascending order; fields at their defaults are left out.
 *
 * @throws LanewiseError `E_VALUE` for a number that is no safe integer or for nesting over 100, `E_BUDGET` beyond protobuf's 2 GiB.
 */
export function encode<K extends keyof Messages>(type: K, message: Init<Messages[K]>): Uint8Array {
  const spec = specOf(type)
  const fields = message as Fields
  const bound = upperBound(spec, fields, 1)
  if (bound > MAX_BYTES) {
    throw new LanewiseError(
      'E_BUDGET',
      `${type} would pass protobuf's limit of 2 GiB; keep large tensors as external data`,
    )
  }
  const writer = new PbfWriter(new Uint8Array(bound))
  writeMessage(spec, fields, writer)
  const bytes = writer.finish()
  return bytes.length === bytes.buffer.byteLength ? bytes : bytes.slice()
}

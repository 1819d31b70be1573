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

/** More bytes than the message will take, which is what is reserved. */
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

/** Writes into bytes that are enough: {@link upperBound}. */
class Writer {
  at = 0
  private readonly view: DataView

  constructor(readonly bytes: Uint8Array) {
    this.view = new DataView(bytes.buffer)
  }

  tag(number: number, type: number): void {
    this.varint(number * 8 + type)
  }

  /** @param value - an integer that is no more than 2^53 − 1 from zero. */
  varint(value: number): void {
    if (value < 0) return this.bigint(BigInt(value))
    let rest = value
    for (; rest > 0x7f; rest = Math.floor(rest / 128)) this.bytes[this.at++] = (rest % 128) | 0x80
    this.bytes[this.at++] = rest
  }

  bigint(value: bigint): void {
    let rest = BigInt.asUintN(64, value)
    for (; rest > 0x7fn; rest >>= 7n) this.bytes[this.at++] = Number(rest & 0x7fn) | 0x80
    this.bytes[this.at++] = Number(rest)
  }

  number({ code, name }: Field, value: unknown): void {
    switch (code) {
      case 'f':
        this.view.setFloat32(this.at, value as number, true)
        this.at += 4
        return
      case 'd':
        this.view.setFloat64(this.at, value as number, true)
        this.at += 8
        return
      case 'l':
      case 'u':
        return this.bigint(value as bigint)
      default:
        if (!Number.isSafeInteger(value))
          throw new LanewiseError('E_VALUE', `${name} must be an integer below 2^53, got ${String(value)}`)
        this.varint(value as number)
    }
  }

  field(field: Field, value: unknown): void {
    const { number, code } = field
    switch (code) {
      case 's':
        return this.run(number, (utf8 ??= new TextEncoder()).encode(value as string))
      case 'y':
        return this.run(number, value as Uint8Array)
      case 'm':
        return this.measured(number, () => this.message(specOf(field.message), value as Fields))
      default:
        this.tag(number, code === 'f' ? FIXED32 : code === 'd' ? FIXED64 : VARINT)
        this.number(field, value)
    }
  }

  message(spec: MessageSpec, message: Fields): void {
    for (const field of spec.fields) {
      const value = message[field.name]
      if (value === undefined) continue
      if (!field.repeated) {
        if (value !== spec.defaults[field.name]) this.field(field, value)
      } else if (field.packed) {
        const list = value as ArrayLike<number | bigint>
        if (list.length > 0)
          this.measured(field.number, () => {
            for (let i = 0; i < list.length; i++) this.number(field, list[i])
          })
      } else {
        for (const item of value as Iterable<unknown>) this.field(field, item)
      }
    }
  }

  private run(number: number, bytes: Uint8Array): void {
    this.tag(number, LENGTH)
    this.varint(bytes.length)
    this.bytes.set(bytes, this.at)
    this.at += bytes.length
  }

  /** What `write` writes, behind its length, which is not known before. */
  private measured(number: number, write: () => void): void {
    this.tag(number, LENGTH)
    const from = this.at
    // Most lengths are one byte.
    this.at++
    write()
    const length = this.at - from - 1
    let prefix = 1
    for (let rest = length; rest > 0x7f; rest = Math.floor(rest / 128)) prefix++
    if (prefix > 1) this.bytes.copyWithin(from + prefix, from + 1, this.at)
    this.at = from
    this.varint(length)
    this.at += length
  }
}

/**
 * The bytes of a message, fields in ascending order; fields at their defaults are left out.
 *
 * @throws LanewiseError `E_VALUE` for a number that is no safe integer or for nesting over 100, `E_BUDGET` beyond
 *   protobuf's 2 GiB.
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
  const writer = new Writer(new Uint8Array(bound))
  writer.message(spec, fields)
  return writer.at === bound ? writer.bytes : writer.bytes.slice(0, writer.at)
}

import { PbfReader } from 'pbf'
import { LanewiseError } from '../core/errors.js'
import { tagOf } from '../core/realm.js'
import { textOf } from '../core/utf8.js'
import type { Messages } from './schema/onnx.js'
import { specOf, type Field, type FieldCode, type MessageSpec } from './schema/table.js'

/** How much a file may ask for beyond its own bytes. */
export interface DecodeLimits {
  /** Fields in the whole file; a packed list of dimensions counts by its elements, any other packed list as one. */
  maxFields?: number
  /**
   * Bytes of JavaScript memory that the messages, strings and lists may take (an estimate); views of the file take
   * none.
   */
  maxMemory?: number
}

/** Protobuf's own readers stop at 100 as well. */
const MAX_DEPTH = 100
// A graph of 10^6 nodes has about 6 million fields; ten million tiny fields are refused.
const MAX_FIELDS = 9_500_000
// Real models take up to 15 times their bytes where they are all structure; an empty message of two bytes would take 80
// times.
const MEMORY_PER_BYTE = 24
const MEMORY_BASE = 64 * 2 ** 20

// What V8 needs for the objects that are read, in bytes (64-bit, no pointer compression).
const OBJECT_COST = 32
const VIEW_COST = 128
const SLOT_COST = 8

const VARINT = 0
const FIXED64 = 1
const LENGTH = 2
const GROUP_START = 3
const GROUP_END = 4
const FIXED32 = 5

const wireTypes: Record<FieldCode, number> = {
  s: LENGTH,
  y: LENGTH,
  m: LENGTH,
  i: VARINT,
  n: VARINT,
  l: VARINT,
  u: VARINT,
  f: FIXED32,
  d: FIXED64,
}
const listTypes = { i: Int32Array, l: BigInt64Array, u: BigUint64Array, f: Float32Array, d: Float64Array }

/** Strings up to this length are decoded faster by hand than by TextDecoder, if they are ASCII. */
const SHORT_STRING = 32

/**
 * A growing list of 4- or 8-byte numbers, kept as 32-bit words so that no bit pattern (NaN, int64) passes through a
 * double.
 */
class NumberList {
  private words: Int32Array = new Int32Array(0)
  private used = 0
  private readonly wide: boolean

  constructor(private readonly code: keyof typeof listTypes) {
    this.wide = listTypes[code].BYTES_PER_ELEMENT === 8
  }

  reserve(elements: number): void {
    const needed = this.used + elements * (this.wide ? 2 : 1)
    if (needed <= this.words.length) return
    const grown = new Int32Array(this.used === 0 ? needed : Math.max(needed, 2 * this.used))
    grown.set(this.words.subarray(0, this.used))
    this.words = grown
  }

  push(low: number, high: number): void {
    this.reserve(1)
    this.words[this.used++] = low
    if (this.wide) this.words[this.used++] = high
  }

  /**
   * Appends little-endian bytes; the first chunk of a list is kept as a view of the file where its alignment allows.
   */
  append(bytes: Uint8Array): void {
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
    const words = new Int32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
    if (this.used === 0) {
      this.words = words
    } else {
      this.reserve(words.length / (this.wide ? 2 : 1))
      this.words.set(words, this.used)
    }
    this.used += words.length
  }

  finish(): Int32Array | BigInt64Array | BigUint64Array | Float32Array | Float64Array {
    const type = listTypes[this.code]
    const fits = this.used === this.words.length && this.words.byteOffset % type.BYTES_PER_ELEMENT === 0
    const words = fits ? this.words : this.words.slice(0, this.used)
    return new type(words.buffer as ArrayBuffer, words.byteOffset, this.used / (this.wide ? 2 : 1))
  }
}

/** pbf's reader with every step checked against the end of the innermost message. */
class CheckedReader extends PbfReader {
  private end: number
  private depth = 0
  private fieldsLeft: number
  private memoryLeft: number
  /** Upper 32 bits of the last varint. */
  private high = 0
  /** Where the reader stands: field names and list indices from the root. */
  private readonly path: (string | number)[] = []

  constructor(
    bytes: Uint8Array,
    private readonly what: string,
    limits: DecodeLimits,
  ) {
    super(bytes)
    this.end = bytes.length
    this.fieldsLeft = limits.maxFields ?? MAX_FIELDS
    this.memoryLeft = limits.maxMemory ?? MEMORY_BASE + MEMORY_PER_BYTE * bytes.length
  }

  fail(problem: string): never {
    let at = ''
    for (const step of this.path) at += typeof step === 'number' ? `[${step}]` : `${at === '' ? '' : '.'}${step}`
    throw new LanewiseError('E_PARSE', `${this.what}: ${problem} at byte ${this.pos}${at === '' ? '' : ` in ${at}`}`)
  }

  private countField(): void {
    if (--this.fieldsLeft < 0) this.fail('too many fields')
  }

  private spend(bytes: number): void {
    this.memoryLeft -= bytes
    if (this.memoryLeft < 0) this.fail('far more memory needed than its size warrants')
  }

  /** The low 32 bits, signed; the upper ones are left in `high`. */
  private varint(): number {
    const { buf, end } = this
    let low = 0
    let high = 0
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.pos >= end) this.fail('ends inside a varint')
      const byte = buf[this.pos++]
      const bits = byte & 0x7f
      if (shift < 28) {
        low |= bits << shift
      } else if (shift === 28) {
        low |= bits << 28
        high = bits >> 4
      } else {
        high |= bits << (shift - 32)
      }
      if (byte < 0x80) {
        if (shift === 63 && byte > 1) this.fail('a varint of more than 64 bits')
        this.high = high
        return low
      }
    }
    this.fail('a varint of more than 10 bytes')
  }

  override readVarint(isSigned = false): number {
    const low = this.varint() >>> 0
    return (isSigned ? this.high : this.high >>> 0) * 0x1_0000_0000 + low
  }

  private need(bytes: number): void {
    if (bytes > this.end - this.pos) this.fail('ends inside a number')
  }

  /** Reads a length and returns where what follows it ends. */
  private lengthEnd(): number {
    const length = this.varint()
    if (length < 0 || this.high !== 0) this.fail('a length of 2^31 or more')
    if (length > this.end - this.pos) this.fail(`a length of ${length} reaches beyond the end`)
    return this.pos + length
  }

  override readBytes(): Uint8Array {
    const end = this.lengthEnd()
    this.spend(VIEW_COST)
    const bytes = this.buf.subarray(this.pos, end)
    this.pos = end
    return bytes
  }

  override readString(): string {
    const { buf } = this
    const end = this.lengthEnd()
    const start = this.pos
    this.spend(OBJECT_COST + end - start)
    if (end - start <= SHORT_STRING) {
      let text = ''
      let i = start
      while (i < end && buf[i] < 0x80) text += String.fromCharCode(buf[i++])
      this.pos = end
      if (i === end) return text
    }
    try {
      const text = textOf(buf.subarray(start, end))
      this.pos = end
      return text
    } catch {
      this.pos = start
      this.fail('invalid UTF-8')
    }
  }

  override skip(type: number): void {
    if (type === VARINT) this.varint()
    else if (type === LENGTH) this.pos = this.lengthEnd()
    else {
      const bytes = type === FIXED64 ? 8 : 4
      this.need(bytes)
      this.pos += bytes
    }
  }

  private tag(): number {
    const tag = this.varint()
    const type = tag & 7
    if (this.high !== 0) this.fail('a field number of more than 29 bits')
    if (tag >>> 3 === 0) this.fail('field number 0')
    if (type === GROUP_START || type === GROUP_END) this.fail('a group, which ONNX does not use,')
    if (type > FIXED32) this.fail(`wire type ${type}, which does not exist,`)
    this.type = type
    return tag >>> 3
  }

  /** One message that ends at `end`. */
  message(spec: MessageSpec): Record<string, unknown> {
    this.spend(OBJECT_COST + SLOT_COST * spec.fields.length)
    if (++this.depth > MAX_DEPTH) this.fail(`messages nested more than ${MAX_DEPTH} deep`)
    const message: Record<string, unknown> = { ...spec.defaults }
    let lists: Map<Field, NumberList> | undefined
    while (this.pos < this.end) {
      this.countField()
      const field = spec.byNumber[this.tag()]
      if (field === undefined) {
        this.skip(this.type)
      } else {
        this.path.push(field.name)
        if (!field.repeated) {
          message[field.name] = this.single(field, message[field.name])
        } else if (field.code === 's' || field.code === 'y' || field.code === 'm' || field.code === 'n') {
          let list = message[field.name] as unknown[]
          if (list.length === 0) message[field.name] = list = []
          this.spend(SLOT_COST)
          this.path.push(list.length)
          if (field.code === 'n') this.numbers(field, list as number[])
          else list.push(this.single(field, undefined))
          this.path.pop()
        } else {
          lists ??= new Map()
          let list = lists.get(field)
          if (list === undefined) {
            this.spend(VIEW_COST)
            lists.set(field, (list = new NumberList(field.code)))
          }
          this.words(field, list)
        }
        this.path.pop()
      }
    }
    if (lists !== undefined) for (const [field, list] of lists) message[field.name] = list.finish()
    this.depth--
    return message
  }

  private expect(field: Field): void {
    if (this.type !== wireTypes[field.code]) {
      this.fail(`wire type ${this.type} where ${wireTypes[field.code]} belongs`)
    }
  }

  private single(field: Field, previous: unknown): unknown {
    this.expect(field)
    switch (field.code) {
      case 's':
        return this.readString()
      case 'y':
        return this.readBytes()
      case 'm': {
        // Protobuf would merge the two; no writer of ONNX relies on it, and a file that does is not what it seems.
        if (previous !== undefined) this.fail('a second value')
        const outer = this.end
        this.end = this.lengthEnd()
        const message = this.message(specOf(field.message))
        this.end = outer
        return message
      }
      case 'i':
        return this.varint()
      case 'n':
        return this.readVarint(true)
      case 'l':
      case 'u': {
        const low = BigInt(this.varint() >>> 0)
        return (BigInt(field.code === 'l' ? this.high : this.high >>> 0) << 32n) | low
      }
      case 'f':
        this.need(4)
        return this.readFloat()
      case 'd':
        this.need(8)
        return this.readDouble()
    }
  }

  /** int64 elements as numbers: one, or a packed run. */
  private numbers(field: Field, list: number[]): void {
    if (this.type !== LENGTH) {
      this.expect(field)
      list.push(this.readVarint(true))
      return
    }
    const outer = this.end
    this.end = this.lengthEnd()
    while (this.pos < this.end) {
      this.countField()
      list.push(this.readVarint(true))
    }
    this.end = outer
  }

  /** Elements of a typed array: one, or a packed run. */
  private words(field: Field, list: NumberList): void {
    const fixed = field.code === 'f' ? 4 : field.code === 'd' ? 8 : 0
    if (this.type !== LENGTH) {
      this.expect(field)
      this.spend(SLOT_COST)
      if (fixed === 0) {
        list.push(this.varint(), this.high)
      } else {
        this.need(fixed)
        list.push(this.readSFixed32(), fixed === 8 ? this.readSFixed32() : 0)
      }
      return
    }
    if (fixed !== 0) {
      const bytes = this.readBytes()
      if (bytes.length % fixed !== 0) this.fail(`${bytes.length} bytes of packed numbers of ${fixed} bytes each`)
      list.append(bytes)
      return
    }
    const { buf } = this
    const outer = this.end
    this.end = this.lengthEnd()
    // Each varint has exactly one byte below 0x80, so the count is known before anything is allocated.
    let count = 0
    for (let i = this.pos; i < this.end; i++) if (buf[i] < 0x80) count++
    this.spend(SLOT_COST * count)
    list.reserve(count)
    while (this.pos < this.end) list.push(this.varint(), this.high)
    this.end = outer
  }
}

/**
 * One message from its bytes. Bytes fields, and packed floats where they are aligned, are views of `bytes`.
 *
 * @throws LanewiseError `E_PARSE` with the byte and the path in the message.
 */
export function decode<K extends keyof Messages>(
  type: K,
  bytes: Uint8Array,
  what: string = type,
  limits: DecodeLimits = {},
): Messages[K] {
  // A plain view: a Node Buffer's slice() would not copy. Shared memory could change while it is read, so that is
  // copied.
  const shared = tagOf(bytes.buffer) === 'SharedArrayBuffer'
  const plain = shared ? new Uint8Array(bytes) : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return new CheckedReader(plain, what, limits).message(specOf(type)) as unknown as Messages[K]
}

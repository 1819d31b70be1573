// How a prepared model lies in its file (docs/guides/prepared-models.md): 32 bytes, a header of JSON, small blocks of
// data, and large ones. Blocks begin at multiples of 64. A reader takes the first three at once, and large blocks when
// they are needed.
import { checksum } from '../../core/checksum.js'
import { LanewiseError } from '../../core/errors.js'
import { textOf } from '../../core/utf8.js'
import type { PreparedSource } from '../../platform/platform.js'
import { PREPARED_MAGIC } from '../load/prepared.js'

/** Changes with the layout of the file or the meaning of the header. */
const FORMAT = 1
/** Blocks of so many bytes are read with the header. */
export const SMALL_BYTES = 4096
/**
 * The bytes before the header: magic, format, length and checksum of the header, bytes of header and small blocks
 * together, length of the file.
 */
const PREAMBLE = 32
const ALIGN = 64

/** A stretch of the data. */
export interface BlockPlace {
  readonly at: number
  readonly bytes: number
  readonly sum: number
}

/** What a file begins with: the header, and where everything before the large blocks ends. */
interface Beginning {
  readonly header: unknown
  readonly head: Uint8Array
}

/** A file that cannot be read as a prepared model: damaged, truncated, or made to mislead. */
export function damaged(why: string): never {
  throw new LanewiseError('E_PARSE', `prepared model: ${why}`)
}

/** Bytes as a source. */
export function sourceOfBytes(bytes: Uint8Array): PreparedSource {
  const size = bytes.length
  return {
    size,
    read(from, into) {
      if (bytes.length !== size)
        throw new LanewiseError('E_STATE', 'the bytes of the prepared model were transferred or resized')
      into.set(bytes.subarray(from, from + into.length))
    },
  }
}

/** @throws LanewiseError `E_PARSE` for what is damaged, `E_UNSUPPORTED` for another format. */
export function readBeginning(source: PreparedSource): Beginning {
  if (source.size < PREAMBLE) damaged(`it has only ${source.size} bytes`)
  const preamble = new Uint8Array(PREAMBLE)
  source.read(0, preamble)
  if (PREPARED_MAGIC.some((byte, i) => preamble[i] !== byte)) damaged('it does not begin as one')
  const view = new DataView(preamble.buffer)
  const [format, length, sum, beginning] = [8, 12, 16, 20].map((at) => view.getUint32(at, true))
  const size = view.getFloat64(24, true)
  if (format !== FORMAT)
    throw new LanewiseError(
      'E_UNSUPPORTED',
      `prepared model: its format is ${format}, this version reads ${FORMAT}; prepare it again`,
      {
        expected: String(FORMAT),
        actual: String(format),
      },
    )
  if (size !== source.size) damaged(`${source.size} of ${size} bytes are there`)
  if (length > beginning || PREAMBLE + beginning > size) damaged('its header is longer than the file')
  const head = new Uint8Array(PREAMBLE + beginning)
  source.read(0, head)
  const text = head.subarray(PREAMBLE, PREAMBLE + length)
  if (checksum(text) >>> 0 !== sum) damaged('its header is damaged')
  try {
    return { header: JSON.parse(textOf(text)), head }
  } catch {
    return damaged('its header is no JSON')
  }
}

/** Collects the blocks of a file; equal ones are written once. */
export class BlockWriter {
  private readonly blocks: {
    readonly bytes: Uint8Array
    readonly place: { at: number; bytes: number; sum: number }
  }[] = []
  private readonly bySum = new Map<string, (typeof this.blocks)[number][]>()

  /** @returns the place, whose `at` is known once all is {@link finish}ed. */
  add(bytes: Uint8Array): BlockPlace {
    const sum = checksum(bytes)
    const key = `${bytes.length}:${sum}`
    const alike = this.bySum.get(key) ?? []
    const same = alike.find((other) => sameBytes(other.bytes, bytes))
    if (same) return same.place
    const block = { bytes, place: { at: 0, bytes: bytes.length, sum } }
    this.blocks.push(block)
    this.bySum.set(key, [...alike, block])
    return block.place
  }

  /**
   * The whole file.
   *
   * @param header - makes the header, of places that are numbers from the end of the header on.
   */
  finish(header: () => unknown): Uint8Array<ArrayBuffer> {
    const small = this.blocks.filter(({ bytes }) => bytes.length <= SMALL_BYTES)
    const large = this.blocks.filter(({ bytes }) => bytes.length > SMALL_BYTES)
    let end = 0
    for (const { bytes, place } of small) {
      place.at = end
      end = align(end + bytes.length)
    }
    const smallEnd = end
    for (const { bytes, place } of large) {
      place.at = end
      end = align(end + bytes.length)
    }
    const text = new TextEncoder().encode(JSON.stringify(header()))
    const data = align(PREAMBLE + text.length)
    const file = new Uint8Array(data + end)
    const view = new DataView(file.buffer)
    file.set(PREPARED_MAGIC)
    view.setUint32(8, FORMAT, true)
    view.setUint32(12, text.length, true)
    view.setUint32(16, checksum(text), true)
    view.setUint32(20, data + smallEnd - PREAMBLE, true)
    view.setFloat64(24, file.length, true)
    file.set(text, PREAMBLE)
    for (const { bytes, place } of this.blocks) file.set(bytes, data + place.at)
    return file
  }
}

/** Where the data of a file begins, whose header has so many bytes. */
export function dataStart(headerBytes: number): number {
  return align(PREAMBLE + headerBytes)
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return a.length === b.length
}

function align(bytes: number): number {
  return Math.ceil(bytes / ALIGN) * ALIGN
}

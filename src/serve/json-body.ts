// Requests in JSON, read in pieces: `JSON.parse` of 64 MiB of small values takes a minute and gigabytes, in which
// nobody else is answered. The elements of tensors are left out of what is parsed as a whole, and go from the bytes
// into their array some at a time.
import { byteSize, makeData, type DType, type TypedArray } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { sizeOf, type Shape } from '../core/shape.js'
import { numericTensor } from '../ops/shared/scalar-floats.js'
import { checkStringCount, checkTexts, elementOf, wrong } from './datatypes.js'

/** Called now and then, with the bytes that are taken: lets others have their turn. @throws what ends the work. */
export type Breathe = (bytes: number) => Promise<void>

/**
 * The most bytes of JSON beside elements: names, types and shapes take hundreds. Of this many bytes a list of empty
 * lists is parsed in some 30 ms.
 */
const MAX_REST = 2 ** 20
/** Bytes that are looked at in one go: a fraction of a millisecond. */
const STEP = 2 ** 16
/** Bytes of elements that are parsed in one go. */
const RUN = 2 ** 14
/** Numbers that are converted in one go. */
const SOME = 2 ** 12

const [QUOTE, BACKSLASH, COLON, COMMA, SPACE] = [0x22, 0x5c, 0x3a, 0x2c, 0x20]
const [LIST, LIST_END, OBJECT, OBJECT_END] = [0x5b, 0x5d, 0x7b, 0x7d]
/** What is around the fields of an input: the request, its list of inputs, the input. */
const AROUND = [OBJECT, LIST, OBJECT]
/** No spelling of "data" is longer: six characters for each, and the quotation marks. */
const LONGEST_KEY = 26

const utf8 = new TextDecoder('utf-8', { fatal: true })
const utf8Inside = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A request whose lists of elements are still bytes. */
export interface JsonBody {
  readonly value: unknown
  /** In `value` the data of a tensor are a list with their place here. */
  readonly lists: readonly Uint8Array[]
}

function noJson(why: string, cause?: unknown): LanewiseError {
  return new LanewiseError('E_PARSE', `the request is no JSON: ${why}`, { cause })
}

/**
 * Parses a request but for the lists called "data" of objects in a list of the request.
 *
 * @throws LanewiseError `E_PARSE` if it is no JSON, `E_BUDGET` if it is more than names and shapes take.
 */
export async function parseBody(bytes: Uint8Array, breathe: Breathe): Promise<JsonBody> {
  const lists: Uint8Array[] = []
  const rest: Uint8Array[] = []
  const kinds = [0, 0, 0]
  let size = 0
  // Of what is not in `rest` yet.
  let from = 0
  let list = -1
  let depth = 0
  let text = -1
  let quoted = false
  let key = false
  let next = STEP
  const check = (upTo: number): void => {
    if (size + Math.max(0, upTo - from) > MAX_REST)
      throw new LanewiseError(
        'E_BUDGET',
        `the request has more than ${MAX_REST} bytes of JSON beside the data of its inputs`,
        { expected: `<= ${MAX_REST}` },
      )
  }
  const keep = (piece: Uint8Array): void => {
    rest.push(piece)
    size += piece.length
  }
  for (let i = 0; i < bytes.length; i++) {
    if (i >= next) {
      next = i + STEP
      check(list < 0 ? i : list)
      await breathe(0)
    }
    const byte = bytes[i]
    if (quoted) {
      if (byte === BACKSLASH) i++
      else if (byte === QUOTE) quoted = false
      continue
    }
    if (byte <= SPACE) continue
    if (byte === QUOTE) {
      quoted = true
      if (list < 0) text = i
    } else if (byte === LIST || byte === OBJECT) {
      if (byte === LIST && key && list < 0 && depth === 3 && kinds.every((kind, place) => kind === AROUND[place]))
        if (isData(bytes.subarray(text, text + LONGEST_KEY))) list = i
      if (depth < 3) kinds[depth] = byte
      depth++
    } else if (byte === LIST_END || byte === OBJECT_END) {
      depth--
      if (list >= 0 && depth === 3) {
        keep(bytes.subarray(from, list))
        keep(Buffer.from(`[${lists.length}]`))
        lists.push(bytes.subarray(list, i + 1))
        from = i + 1
        list = -1
      }
    }
    key = byte === COLON
  }
  if (list >= 0) throw noJson('it ends in the middle of data')
  check(bytes.length)
  keep(bytes.subarray(from))
  try {
    return { value: JSON.parse(utf8.decode(Buffer.concat(rest))), lists }
  } catch (cause) {
    const why = (cause as Error).message.slice(0, 200)
    // Places are those of what is left.
    throw noJson(lists.length > 0 ? why.replace(/(?: in JSON)? at position .*$/s, '') : why, cause)
  }
}

/** Whether a key is "data", however its characters are written. */
function isData(bytes: Uint8Array): boolean {
  const key = /^"(?:[^"\\]|\\.)*"/.exec(
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1'),
  )?.[0]
  try {
    return key === '"data"' || (key?.includes('\\') === true && JSON.parse(key) === 'data')
  } catch {
    // A character that cannot be escaped: what is left is no JSON either.
    return false
  }
}

/**
 * A tensor from the bytes of a list in JSON: its elements one after the other, in row-major order, or nested as the
 * shape is.
 *
 * @throws LanewiseError `E_TENSOR` for another number of elements, or elements that are not of the type; `E_PARSE` if
 *   the list is no JSON.
 */
export async function tensorFromList(
  tensor: string,
  dtype: DType,
  shape: Shape,
  list: Uint8Array,
  breathe: Breathe,
): Promise<HostTensor> {
  const size = sizeOf(shape)
  // An element and a comma take two bytes: of what cannot be there the elements are only counted.
  const possible = size <= list.length / 2
  if (possible) await breathe(dtype === 'string' ? list.length : size * byteSize(dtype))
  const elements = new Elements(tensor, dtype, possible ? size : 0)
  const misshapen = () => wrong(tensor, `nested data do not have the shape [${shape.join(',')}]`)
  const bytes = Buffer.from(list.buffer, list.byteOffset, list.length)
  /** How many values each of the lists has that are open. */
  const counts = [0]
  let nested: boolean | undefined
  let follows: 'value or end' | 'value' | 'comma or end' = 'value or end'
  let next = STEP
  for (let i = 1; counts.length > 0;) {
    if (i >= next) {
      next = i + STEP
      await breathe(0)
    }
    const byte = bytes[i]
    if (byte <= SPACE) i++
    else if (byte === COMMA) {
      if (follows !== 'comma or end') throw noJson('a comma stands before a value')
      follows = 'value'
      i++
    } else if (byte === LIST_END) {
      if (follows === 'value') throw noJson('a comma is the last of a list')
      const count = counts.pop()
      if (nested === true && count !== shape[counts.length]) throw misshapen()
      follows = 'comma or end'
      i++
    } else if (byte === OBJECT) throw wrong(tensor, 'an object is no element')
    else if (byte === OBJECT_END) throw noJson('data end like an object')
    else if (follows === 'comma or end') throw noJson('a comma is missing between two values')
    else if (byte === LIST) {
      nested ??= true
      if (!nested || counts.length >= shape.length) throw misshapen()
      counts[counts.length - 1]++
      counts.push(0)
      follows = 'value or end'
      i++
    } else {
      nested ??= false
      if (nested && counts.length < shape.length) throw misshapen()
      const end = endOfRun(bytes, i)
      const values = valuesOf(bytes, i, end)
      counts[counts.length - 1] += values.length
      elements.add(values)
      follows = 'comma or end'
      i = end
    }
  }
  return { dtype, shape, data: elements.whole(size, shape) }
}

/** Where values end that can be parsed together: before a bracket, or at a comma when they are enough. */
function endOfRun(bytes: Uint8Array, from: number): number {
  let comma: number | undefined
  for (let i = from; ; i++) {
    const byte = bytes[i]
    if (byte === QUOTE) while (bytes[++i] !== QUOTE) i += bytes[i] === BACKSLASH ? 1 : 0
    else if (byte === LIST || byte === OBJECT) return comma ?? i
    else if (byte === LIST_END || byte === OBJECT_END) return i
    else if (byte === COMMA) {
      if (i - from >= RUN) return i
      comma = i
    }
  }
}

function valuesOf(bytes: Buffer, from: number, to: number): readonly unknown[] {
  try {
    const text = bytes.toString('latin1', from, to)
    // Outside of strings nothing but ASCII is JSON.
    const exact = text.includes('"') ? utf8Inside.decode(bytes.subarray(from, to)) : text
    return JSON.parse(`[${exact}]`) as readonly unknown[]
  } catch (cause) {
    throw noJson(
      `among data there is ${JSON.stringify(bytes.toString('latin1', from, Math.min(to, from + 40)))}`,
      cause,
    )
  }
}

/** Elements as they come. */
class Elements {
  private readonly texts: string[] | undefined
  private readonly numbers: TypedArray | undefined
  private readonly some: Float64Array
  private readonly element: (value: unknown) => number
  private count = 0
  private filled = 0

  /** @param size - how many are kept, and converted; others are counted. */
  constructor(
    private readonly tensor: string,
    private readonly dtype: DType,
    private readonly size: number,
  ) {
    if (dtype === 'string') this.texts = []
    else this.numbers = makeData(dtype, size) as TypedArray
    this.some = new Float64Array(dtype === 'string' ? 0 : Math.min(size, SOME))
    this.element = elementOf(tensor, dtype)
  }

  add(values: readonly unknown[]): void {
    const kept = Math.min(values.length, Math.max(0, this.size - this.count))
    this.count += values.length
    if (this.texts) {
      checkStringCount(this.tensor, this.count)
      const mine = values.slice(0, kept)
      checkTexts(this.tensor, mine)
      for (const text of mine) this.texts.push(text)
      return
    }
    for (let i = 0; i < kept; i++) {
      this.some[this.filled++] = this.element(values[i])
      if (this.filled === this.some.length) this.flush(this.count - values.length + i + 1)
    }
  }

  /** @param end - the place behind the last of them. */
  private flush(end: number): void {
    const { data } = numericTensor(this.dtype, [this.filled], this.some.subarray(0, this.filled))
    this.numbers?.set(data as never, end - this.filled)
    this.filled = 0
  }

  /** @throws LanewiseError `E_TENSOR` if they are not so many. */
  whole(size: number, shape: Shape): HostTensor['data'] {
    if (this.count !== size)
      throw wrong(this.tensor, `the shape [${shape.join(',')}] has ${size} elements, but ${this.count} were sent`)
    if (this.filled > 0) this.flush(size)
    return this.texts ?? (this.numbers as TypedArray)
  }
}

import { checkArguments } from '../../core/arguments.js'
import { byteSize, makeData, type NumericDType, type TypedArray } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { rawBytes } from '../../core/host.js'
import { formatShape, MAX_RANK, sizeOf } from '../../core/shape.js'
import { Tensor, toHost } from '../../api/tensor.js'

// The format: eight bytes with the length of a header (little-endian), the header as JSON, then the elements of all
// tensors without a hole. https://github.com/huggingface/safetensors#format
const names: Readonly<Record<string, NumericDType>> = {
  F64: 'float64',
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F8_E4M3: 'float8e4m3fn',
  F8_E5M2: 'float8e5m2',
  I64: 'int64',
  I32: 'int32',
  I16: 'int16',
  I8: 'int8',
  U64: 'uint64',
  U32: 'uint32',
  U16: 'uint16',
  U8: 'uint8',
  BOOL: 'bool',
}
const byType = new Map(Object.entries(names).map(([name, dtype]) => [dtype, name]))

/** The limit of the reference implementation. */
export const MAX_HEADER = 100_000_000

/** Tensors by name, in the order of the file, and free text. */
export interface Safetensors {
  /** Tensors by name, in the order of the file. */
  readonly tensors: ReadonlyMap<string, Tensor>
  /** Free text by name. */
  readonly metadata: ReadonlyMap<string, string>
}

/**
 * Reads a safetensors file. The tensors do not share the file's memory.
 *
 * @throws LanewiseError `E_PARSE` if the header is not what the format says or the file is cut off; `E_TENSOR` for a
 *   tensor whose type, shape and place in the file contradict each other; `E_UNSUPPORTED` for a type that tensors do
 *   not have.
 */
export function decodeSafetensors(bytes: Uint8Array, what = 'safetensors file'): Safetensors {
  checkArguments('decodeSafetensors', { bytes, what }, 'bytes', 'string?')

  const { entries, metadata, start } = safetensorsLayout(bytes, bytes.length, what)
  const read = (into: Uint8Array, begin: number) => into.set(bytes.subarray(start + begin, start + begin + into.length))
  return { tensors: tensorsOf(entries, read, what), metadata }
}

/**
 * What the beginning of a file says: where the elements of each tensor lie, counted from `start`.
 *
 * @param bytes - the file as far as the end of its header, or farther.
 * @param size - of the file in whole.
 */
export function safetensorsLayout(
  bytes: Uint8Array,
  size: number,
  what: string,
): { entries: readonly Entry[]; metadata: ReadonlyMap<string, string>; start: number } {
  const { header, start } = headerOf(bytes, what)
  const metadata = new Map<string, string>()
  const entries: Entry[] = []
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') {
      for (const [key, text] of Object.entries(objectOf(value, `${what}: __metadata__`))) {
        if (typeof text !== 'string') throw new LanewiseError('E_PARSE', `${what}: the metadata "${key}" is no text`)
        metadata.set(key, text)
      }
    } else entries.push(entryOf(name, value, size - start, what))
  }
  checkPlaces(entries, size - start, what)
  return { entries, metadata, start }
}

/**
 * The tensors of a file, in the order of its header.
 *
 * @param read - fills bytes from a place among the elements; called in the order of the file.
 */
export function tensorsOf(
  entries: readonly Entry[],
  read: (into: Uint8Array, begin: number) => void,
  what: string,
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>(entries.map(({ name }) => [name, undefined as unknown as Tensor]))
  for (const { name, dtype, shape, begin } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    const data = makeData(dtype, sizeOf(shape)) as TypedArray
    read(rawBytes(data), begin)
    if (dtype === 'bool' && (data as Uint8Array).some((value) => value > 1))
      throw new LanewiseError('E_TENSOR', `${what}: "${name}" holds bytes that are no booleans`, { tensor: name })
    tensors.set(name, new Tensor(dtype, data, shape))
  }
  return tensors
}

/** One tensor of a file. */
export interface Entry {
  readonly name: string
  readonly dtype: NumericDType
  readonly shape: readonly number[]
  readonly begin: number
  readonly end: number
}

function headerOf(bytes: Uint8Array, what: string): { header: Record<string, unknown>; start: number } {
  const fail = (reason: string, cause?: unknown): never => {
    throw new LanewiseError('E_PARSE', `${what}: ${reason}`, { cause })
  }
  if (bytes.length < 8) fail(`${bytes.length} bytes are no safetensors file`)
  const length = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true)
  if (length > BigInt(MAX_HEADER))
    fail(`a header of ${length} bytes is more than the format allows: this is no safetensors file`)
  const start = 8 + Number(length)
  if (start > bytes.length) fail(`the header of ${length} bytes is cut off`)
  // The format wants it here, so that no other kind of file can begin so.
  if (bytes[8] !== 0x7b) fail('the header does not begin with "{"')
  let header: unknown
  let text = ''
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(8, start))
    header = JSON.parse(text)
  } catch (cause) {
    fail(`the header is no JSON (${(cause as Error).message})`, cause)
  }
  const twice = repeatedName(text)
  if (twice !== undefined) fail(`the name "${twice}" stands twice in the header`)
  return { header: objectOf(header, `${what}: the header`), start }
}

/**
 * A name that an object in JSON has twice, of which parsers keep the last without a word. @param text - valid JSON, an
 * object.
 */
function repeatedName(text: string): string | undefined {
  const seen = new Set<string>()
  let depth = 0
  // Strings as a whole, so that what is in them counts for nothing; a name is a string before a colon.
  for (const [token, name] of text.matchAll(/("(?:[^"\\]|\\.)*")\s*:|"(?:[^"\\]|\\.)*"|[{}[\]]/g)) {
    if (name === undefined) {
      if (token === '{' || token === '[') depth++
      else if (token === '}' || token === ']') depth--
    } else if (depth === 1) {
      const plain = JSON.parse(name) as string
      if (seen.has(plain)) return plain
      seen.add(plain)
    }
  }
  return undefined
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new LanewiseError('E_PARSE', `${what} is no object`)
}

function entryOf(name: string, value: unknown, room: number, what: string): Entry {
  const { dtype: type, shape, data_offsets: offsets, ...others } = objectOf(value, `${what}: "${name}"`)
  const fail = (code: 'E_PARSE' | 'E_TENSOR' | 'E_UNSUPPORTED', reason: string): never => {
    throw new LanewiseError(code, `${what}: "${name}" ${reason}`, { tensor: name })
  }
  const whole = (list: unknown): list is number[] =>
    Array.isArray(list) && list.every((number) => Number.isSafeInteger(number) && number >= 0)
  if (Object.keys(others).length > 0) fail('E_PARSE', `has the unknown field "${Object.keys(others)[0]}"`)
  if (typeof type !== 'string') return fail('E_PARSE', 'has no dtype')
  if (!Object.hasOwn(names, type)) fail('E_UNSUPPORTED', `is of type ${type.slice(0, 40)}, which is not supported`)
  if (!whole(shape)) return fail('E_TENSOR', 'has no shape of whole numbers')
  if (shape.length > MAX_RANK) fail('E_TENSOR', `has ${shape.length} axes`)
  if (!whole(offsets) || offsets.length !== 2) return fail('E_PARSE', 'has no two data_offsets')
  const [begin, end] = offsets
  if (begin > end || end > room) fail('E_PARSE', `lies at ${begin} to ${end} of ${room} bytes`)
  const dtype = names[type]
  let size: number
  try {
    size = sizeOf(shape)
  } catch (error) {
    return fail('E_TENSOR', (error as Error).message)
  }
  if (size * byteSize(dtype) !== end - begin)
    fail(
      'E_TENSOR',
      `of type ${type}${formatShape(shape)} takes ${size * byteSize(dtype)} bytes, the file has ${end - begin}`,
    )
  return { name, dtype, shape, begin, end }
}

/** Tensors must fill the file without a hole and without sharing bytes. */
function checkPlaces(entries: readonly Entry[], room: number, what: string): void {
  let at = 0
  for (const { name, begin, end } of [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end)) {
    if (begin !== at)
      throw new LanewiseError(
        'E_PARSE',
        `${what}: "${name}" begins at ${begin}, ${begin > at ? 'behind a hole' : 'inside another tensor'} that ends at ${Math.max(at, begin)}`,
        { tensor: name, expected: String(at), actual: String(begin) },
      )
    at = end
  }
  if (at !== room) throw new LanewiseError('E_PARSE', `${what}: ${room - at} bytes at the end belong to no tensor`)
}

/**
 * Writes a safetensors file, as its pieces one after the other: whoever writes them to a file needs no copy of the
 * elements.
 *
 * @throws LanewiseError `E_UNSUPPORTED` for types that the format does not have; `E_VALUE` for the reserved name.
 */
export function safetensorsPieces(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  // A Map, since a tensor may be called "__proto__".
  const header = new Map<string, string>()
  if (Object.keys(metadata).length > 0) header.set('__metadata__', JSON.stringify(metadata))
  const bodies: Uint8Array[] = []
  let at = 0
  // Wide elements first: each tensor then begins at a multiple of its element size, and readers may map the file.
  for (const [name, tensor] of [...tensors].sort(([, a], [, b]) => byteSize(b.type) - byteSize(a.type))) {
    const dtype = byType.get(tensor.type as NumericDType)
    if (dtype === undefined)
      throw new LanewiseError('E_UNSUPPORTED', `"${name}": safetensors has no type for ${tensor.type}`, {
        tensor: name,
        actual: tensor.type,
      })
    if (name === '__metadata__' || header.has(name))
      throw new LanewiseError(
        'E_VALUE',
        `no tensor can be called "${name}"${name === '__metadata__' ? '' : ' twice'}`,
        { tensor: name },
      )
    const body = rawBytes(toHost(tensor, name).data as TypedArray)
    header.set(name, JSON.stringify({ dtype, shape: tensor.dims, data_offsets: [at, at + body.length] }))
    bodies.push(body)
    at += body.length
  }
  const text = `{${[...header].map(([name, json]) => `${JSON.stringify(name)}:${json}`).join(',')}}`
  const encoded = new TextEncoder().encode(text)
  // Blanks at the end of the header are allowed for this: the elements begin at a multiple of eight.
  const length = Math.ceil(encoded.length / 8) * 8
  const head = new Uint8Array(8 + length).fill(0x20)
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true)
  head.set(encoded, 8)
  return [head, ...bodies]
}

/**
 * Writes a safetensors file in memory.
 *
 * @throws LanewiseError `E_UNSUPPORTED` for types that the format does not have; `E_VALUE` for the reserved name.
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array<ArrayBuffer> {
  checkArguments('encodeSafetensors', { tensors, metadata }, 'iterable', 'texts?')

  const list = [...tensors]
  for (const item of list) {
    checkArguments('encodeSafetensors', { 'an entry': item }, 'list')
    checkArguments('encodeSafetensors', { name: item[0], tensor: item[1] }, 'string', 'Tensor')
  }
  const pieces = safetensorsPieces(list, metadata)
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

import { byteSize, isBig, isFloat, makeData, type DType, type TypedArray } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { rawBytes, type HostTensor } from '../core/host.js'
import { sizeOf, type Shape } from '../core/shape.js'
import { numbersOf, numericTensor } from '../ops/shared/scalar-floats.js'

/**
 * Element types by the names of the Open Inference Protocol (section "Tensor Data Types"; BF16 is Triton's). Types that
 * are not here have no name there, so that a model with such inputs or outputs cannot be served.
 */
const datatypes = new Map<DType, string>([
  ['bool', 'BOOL'],
  ['uint8', 'UINT8'],
  ['uint16', 'UINT16'],
  ['uint32', 'UINT32'],
  ['uint64', 'UINT64'],
  ['int8', 'INT8'],
  ['int16', 'INT16'],
  ['int32', 'INT32'],
  ['int64', 'INT64'],
  ['float16', 'FP16'],
  ['float32', 'FP32'],
  ['float64', 'FP64'],
  ['bfloat16', 'BF16'],
  ['string', 'BYTES'],
])
const dtypes = new Map(Array.from(datatypes, ([dtype, name]) => [name, dtype]))

/** The protocol's name of a type of elements; undefined if it has none. */
export function datatypeOf(dtype: DType): string | undefined {
  return datatypes.get(dtype)
}

/** @throws LanewiseError `E_TENSOR` if the protocol knows no such type. */
export function dtypeOf(datatype: unknown, tensor: string): DType {
  const dtype = typeof datatype === 'string' ? dtypes.get(datatype) : undefined
  if (dtype !== undefined) return dtype
  const known = [...dtypes.keys()].join(', ')
  throw wrong(
    tensor,
    datatype === undefined || datatype === null
      ? `"datatype" is missing, one of ${known}`
      : `the datatype ${shown(datatype)} is none of ${known}`,
  )
}

/** An error of a tensor. */
export function wrong(tensor: string, why: string): LanewiseError {
  return new LanewiseError('E_TENSOR', `"${tensor}": ${why}`, { tensor })
}

/**
 * What JSON has no numbers for, by the names that protobuf's JSON mapping has
 * (https://protobuf.dev/programming-guides/json/).
 */
const notFinite = new Map<unknown, number>([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
])

const integerBounds: Readonly<Partial<Record<DType, readonly [number, number]>>> = {
  bool: [0, 1],
  uint8: [0, 255],
  uint16: [0, 65535],
  uint32: [0, 2 ** 32 - 1],
  // JSON's numbers are read as doubles: beyond 2^53 they would be others than those that were sent.
  uint64: [0, Number.MAX_SAFE_INTEGER],
  int8: [-128, 127],
  int16: [-32768, 32767],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  int64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
}

/**
 * A tensor from its elements in JSON: in one array, in row-major order, or nested as the shape is.
 *
 * @throws LanewiseError `E_TENSOR` for another number of elements, or elements that are not of the type.
 */
export function tensorFromJson(tensor: string, dtype: DType, shape: Shape, data: unknown): HostTensor {
  const size = sizeOf(shape)
  if (!Array.isArray(data)) throw wrong(tensor, '"data" must be an array')
  const flat = Array.isArray(data[0]) ? flattened(tensor, data, shape) : (data as readonly unknown[])
  if (flat.length !== size)
    throw wrong(tensor, `the shape [${shape.join(',')}] has ${size} elements, but ${flat.length} were sent`)
  if (dtype === 'string') {
    checkTexts(tensor, flat)
    return { dtype, shape, data: flat }
  }
  const element = elementOf(tensor, dtype)
  const values = new Float64Array(size)
  for (let i = 0; i < size; i++) values[i] = element(flat[i])
  return dtype === 'float32' ? { dtype, shape, data: Float32Array.from(values) } : numericTensor(dtype, shape, values)
}

/** Takes values of JSON for elements of a type. It throws `E_TENSOR` for those that are none. */
export function elementOf(tensor: string, dtype: DType): (value: unknown) => number {
  const bounds = integerBounds[dtype]
  return bounds ? (value) => integer(tensor, dtype, value, bounds) : (value) => real(tensor, dtype, value)
}

/** @throws LanewiseError `E_TENSOR` if one is no text. */
export function checkTexts(tensor: string, values: readonly unknown[]): asserts values is string[] {
  if (!values.every((text) => typeof text === 'string')) throw wrong(tensor, 'elements of BYTES are strings in JSON')
  if (!values.every(isWellFormed)) throw wrong(tensor, 'half of a surrogate pair is no text')
}

/**
 * Of a tensor in a request. Each is an object that is copied to a thread: so many take some 50 ms, in which nothing
 * else is done.
 */
const MAX_STRINGS = 2 ** 18

/** @throws LanewiseError `E_BUDGET` if they are too many for one request. */
export function checkStringCount(tensor: string, count: number): void {
  if (count <= MAX_STRINGS) return
  throw new LanewiseError(
    'E_BUDGET',
    `"${tensor}": a request may have ${MAX_STRINGS} strings in a tensor: send the others in one of their own`,
    { tensor, expected: `<= ${MAX_STRINGS}` },
  )
}

/** A value of JSON in a message. What is beyond the numbers of JavaScript would else be called null. */
export function shown(value: unknown): string {
  if (typeof value === 'number' && !Number.isFinite(value)) return `a number beyond ${value < 0 ? '-' : ''}1.8e308`
  if (Array.isArray(value)) return `[${value.slice(0, 100).map(shown).join(',')}]`.slice(0, 200)
  return String(JSON.stringify(value) ?? value).slice(0, 40)
}

/** What is not would be sent back as other characters. */
function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text)
}

function integer(tensor: string, dtype: DType, value: unknown, [least, most]: readonly [number, number]): number {
  const number = value === true ? 1 : value === false ? 0 : value
  if (typeof number !== 'number' || !Number.isInteger(number) || number < least || number > most)
    throw wrong(
      tensor,
      `${shown(value)} is no element of ${dtype}${Math.abs(Number(number)) > Number.MAX_SAFE_INTEGER ? ' in JSON (beyond 2^53 only binary data are exact)' : ''}`,
    )
  return number
}

function real(tensor: string, dtype: DType, value: unknown): number {
  if (typeof value === 'number' && Math.abs(value) <= largest(dtype)) return value
  const special = notFinite.get(value)
  if (special === undefined) throw wrong(tensor, `${shown(value)} is no number of ${dtype}`)
  return special
}

/** What is rounded to infinity is another number than the one that was sent. */
function largest(dtype: DType): number {
  if (dtype === 'float32') return 3.4028235677973362e38
  return dtype === 'float16' ? 65519 : dtype === 'bfloat16' ? 3.3961775292304957e38 : Number.MAX_VALUE
}

/** @throws LanewiseError `E_TENSOR` if one of these numbers would become infinity in a type of floats. */
export function checkRange(tensor: string, dtype: DType, numbers: ArrayLike<number>): void {
  const most = largest(dtype)
  for (let i = 0; i < numbers.length; i++)
    if (Math.abs(numbers[i]) > most && Number.isFinite(numbers[i]))
      throw wrong(tensor, `${numbers[i]} is no number of ${dtype}`)
}

/** Nested arrays, row-major; no deeper than the shape has axes, so that no nesting is too deep for the stack. */
function flattened(tensor: string, data: readonly unknown[], shape: Shape): unknown[] {
  const out: unknown[] = []
  const visit = (list: readonly unknown[], axis: number): void => {
    if (axis >= shape.length || list.length !== shape[axis])
      throw wrong(tensor, `nested data do not have the shape [${shape.join(',')}]`)
    for (const item of list) {
      if (Array.isArray(item)) visit(item, axis + 1)
      else if (axis === shape.length - 1) out.push(item)
      else throw wrong(tensor, `nested data do not have the shape [${shape.join(',')}]`)
    }
  }
  visit(data, 0)
  return out
}

/** Some of the elements as JSON, without brackets. */
export function jsonOfSome({ dtype, data }: HostTensor, from: number, to: number): string {
  const some = ArrayBuffer.isView(data) ? (data as Float32Array).subarray(from, to) : data.slice(from, to)
  return jsonOf({ dtype, shape: [some.length], data: some }).slice(1, -1)
}

/** The elements as JSON. */
export function jsonOf({ dtype, data, ...rest }: HostTensor): string {
  if (dtype === 'string') return JSON.stringify(data)
  if (dtype === 'bool') return `[${Array.from(data as Uint8Array, (value) => value !== 0).join(',')}]`
  // Decimal digits of integers of 64 bits are exact.
  if (isBig(dtype)) return `[${(data as BigInt64Array).join(',')}]`
  const numbers = isFloat(dtype) ? numbersOf({ dtype, data, ...rest }) : (data as Int32Array)
  let text = Array.prototype.join.call(numbers, ',')
  // JavaScript writes -0 as 0.
  if (isFloat(dtype) && Array.prototype.some.call(numbers, (value) => Object.is(value, -0)))
    text = Array.from(numbers, (value) => (Object.is(value, -0) ? '-0' : String(value))).join(',')
  return `[${isFloat(dtype) ? text.replaceAll(/NaN|-?Infinity/g, '"$&"') : text}]`
}

/**
 * A tensor from its bytes: little-endian, row-major, without padding; each string after its length in 4 bytes.
 *
 * @throws LanewiseError `E_TENSOR` for another number of bytes, for strings that are cut off or not UTF-8.
 */
export function tensorFromBytes(tensor: string, dtype: DType, shape: Shape, bytes: Uint8Array): HostTensor {
  const size = sizeOf(shape)
  if (dtype === 'string') return { dtype, shape, data: stringsFrom(tensor, size, bytes) }
  const expected = size * byteSize(dtype)
  if (bytes.length !== expected)
    throw wrong(tensor, `the shape [${shape.join(',')}] has ${expected} bytes, but ${bytes.length} were sent`)
  const data = makeData(dtype, size)
  // Every machine that Node runs on is little-endian. A copy: the bytes of a request may stand at any address.
  rawBytes(data as TypedArray).set(bytes)
  if (dtype === 'bool' && (data as Uint8Array).some((value) => value > 1))
    throw wrong(tensor, 'a byte of BOOL is 0 or 1')
  return { dtype, shape, data }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function stringsFrom(tensor: string, size: number, bytes: Uint8Array): string[] {
  // Each takes 4 bytes at least: a size beyond that is refused before room is made for it.
  if (size * 4 > bytes.length) throw wrong(tensor, `${bytes.length} bytes cannot hold ${size} strings`)
  checkStringCount(tensor, size)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const strings: string[] = []
  let at = 0
  while (strings.length < size) {
    if (at + 4 > bytes.length) throw wrong(tensor, `the strings are cut off after ${strings.length} of ${size}`)
    const length = view.getUint32(at, true)
    at += 4
    if (length > bytes.length - at) throw wrong(tensor, `string ${strings.length} of ${length} bytes is cut off`)
    strings.push(decoded(tensor, bytes.subarray(at, at + length), strings.length))
    at += length
  }
  if (at !== bytes.length) throw wrong(tensor, `${bytes.length - at} bytes are left after ${size} strings`)
  return strings
}

function decoded(tensor: string, bytes: Uint8Array, index: number): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw wrong(tensor, `string ${index} is not UTF-8`)
  }
}

/** One string, whose bytes are all of these. @throws LanewiseError `E_TENSOR` if they are not UTF-8. */
export function stringFromBytes(tensor: string, bytes: Uint8Array): HostTensor {
  return { dtype: 'string', shape: [1], data: [decoded(tensor, bytes, 0)] }
}

/** The elements as bytes, as {@link tensorFromBytes} reads them; they share memory with the tensor. */
export function bytesOf({ dtype, data }: HostTensor): Uint8Array {
  if (dtype !== 'string') return rawBytes(data as TypedArray)
  const parts = (data as string[]).flatMap((text) => {
    const bytes = Buffer.from(text, 'utf8')
    const length = Buffer.alloc(4)
    length.writeUInt32LE(bytes.length)
    return [length, bytes]
  })
  return Buffer.concat(parts)
}

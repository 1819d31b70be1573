import { arrayElements, makeData, type DType, type NumericDType, type TypedArray } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { rawBytes, type HostTensor } from '../../core/host.js'
import { transposed } from '../../ops/shared/transposed.js'
import { MAX_RANK, sizeOf, type Shape } from '../../core/shape.js'
import { readNow } from '../../platform/node-files.js'

// The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
/** No header is longer that names up to 64 axes. */
const MAX_HEADER = 2 ** 16
/** Strings of no characters take no room in a file, and so there may be said to be any number of them. */
const MOST_EMPTY = 2 ** 20
const MAGIC = '\x93NUMPY'

const dtypes: Readonly<Record<string, NumericDType>> = {
  f2: 'float16',
  f4: 'float32',
  f8: 'float64',
  i1: 'int8',
  i2: 'int16',
  i4: 'int32',
  i8: 'int64',
  u1: 'uint8',
  u2: 'uint16',
  u4: 'uint32',
  u8: 'uint64',
  b1: 'bool',
  c8: 'complex64',
  c16: 'complex128',
}

/** What a file says of its array. */
interface Head {
  readonly dtype: DType
  readonly shape: Shape
  readonly fortran: boolean
  readonly order: string
  readonly kind: string
  readonly elementBytes: number
  /** Where the elements begin. */
  readonly start: number
}

/** Reads a NumPy array. @throws LanewiseError `E_TENSOR` if it is none or of a type that tensors do not have. */
export function readNpy(bytes: Uint8Array, what: string): HostTensor {
  const head = headOf(bytes, bytes.length, what)
  return arrayOf(head, head.shape, bytes.slice(head.start, head.start + sizeOf(head.shape) * head.elementBytes), what)
}

/**
 * How many bytes the file of an array takes.
 *
 * @param first - its first bytes, the header among them.
 * @param size - how many it is said to have.
 * @throws LanewiseError as {@link readNpy}.
 */
export function npyBytes(first: Uint8Array, size: number, what: string): number {
  const { start, shape, elementBytes } = headOf(first, size, what)
  return start + sizeOf(shape) * elementBytes
}

/**
 * The type and shape of the array in a file.
 *
 * @throws LanewiseError as {@link readNpy}, and if anything follows the elements; `E_EXTERNAL` if it cannot be read.
 */
export function readNpyHead(path: string): { readonly dtype: DType; readonly shape: Shape } {
  return readNow(path, (read, size) => {
    const head = headOf(beginning(read, size), size, path)
    const left = size - head.start - sizeOf(head.shape) * head.elementBytes
    if (left > 0) fail(path, `${left} bytes are left after the elements`)
    return head
  })
}

/**
 * Rows of the array in a file: no more than these are read, where they lie together. @throws LanewiseError as
 * {@link readNpyHead}.
 */
export function readNpyRows(path: string, from: number, to: number): HostTensor {
  return readNow(path, (read, size) => {
    const head = headOf(beginning(read, size), size, path)
    const { shape, start, elementBytes, fortran } = head
    if (shape.length === 0 || to > shape[0]) fail(path, `it has no rows ${from} to ${to}`)
    const each = sizeOf(shape.slice(1))
    const columns = fortran && shape.length > 1
    const body = new Uint8Array((columns ? shape[0] : to - from) * each * elementBytes)
    read(body, start + (columns ? 0 : from * each * elementBytes))
    if (!columns) return arrayOf({ ...head, fortran: false }, [to - from, ...shape.slice(1)], body, path)
    const { dtype, data } = arrayOf(head, shape, body, path)
    const stored = each * arrayElements(dtype)
    return { dtype, shape: [to - from, ...shape.slice(1)], data: data.slice(from * stored, to * stored) }
  })
}

function beginning(read: (into: Uint8Array, from: number) => void, size: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(size, 12 + MAX_HEADER))
  read(bytes, 0)
  return bytes
}

function fail(what: string, reason: string): never {
  throw new LanewiseError('E_TENSOR', `${what}: ${reason}`, { tensor: what })
}

/** @param size - bytes of the whole file, of which these are the first. */
function headOf(bytes: Uint8Array, size: number, what: string): Head {
  if (bytes.length < 10 || Buffer.from(bytes.subarray(0, 6)).toString('latin1') !== MAGIC)
    fail(what, 'this is not a NumPy .npy file')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wide = bytes[6] >= 2
  const begin = wide ? 12 : 10
  if (bytes.length < begin) fail(what, 'the header is cut off')
  const start = begin + (wide ? view.getUint32(8, true) : view.getUint16(8, true))
  if (start > size) fail(what, 'the header is cut off')
  if (start - begin > MAX_HEADER) fail(what, `a header of ${start - begin} bytes is longer than any that is meant`)
  const header = Buffer.from(bytes.subarray(begin, start)).toString('utf8')
  const descr = /'descr':\s*'([<>|=])([a-zA-Z])(\d+)'/.exec(header)
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1]
  const fortran = /'fortran_order':\s*(True|False)/.exec(header)?.[1]
  if (!descr || shapeText === undefined || fortran === undefined)
    return fail(what, `the header is not understood: ${header.trim()}`)
  const shape = shapeText
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number)
  if (shape.length > MAX_RANK) fail(what, `it has ${shape.length} axes`)
  const count = sizeOf(shape)
  const [, order, kind, width] = descr
  const dtype: DType | undefined = kind === 'U' || kind === 'S' ? 'string' : dtypes[kind + width]
  if (!dtype) return fail(what, `elements of type ${kind}${width} are not supported`)
  const elementBytes = Number(width) * (kind === 'U' ? 4 : 1)
  if (start + count * elementBytes > size)
    fail(what, `${count} elements of ${elementBytes} bytes are more than the file holds`)
  if (elementBytes === 0 && count > MOST_EMPTY)
    throw new LanewiseError('E_BUDGET', `${what}: ${count} strings without characters are too many`, { tensor: what })
  return { dtype, shape, fortran: fortran === 'True', order, kind, elementBytes, start }
}

/** The elements, which may be changed on the way. */
function arrayOf(head: Head, shape: Shape, body: Uint8Array, what: string): HostTensor {
  const { dtype, order, kind, elementBytes, fortran } = head
  const size = sizeOf(shape)
  const swap = order === '>'
  let data: HostTensor['data']
  if (dtype === 'string') {
    data = Array.from({ length: size }, (_, i) =>
      textOf(body.subarray(i * elementBytes, (i + 1) * elementBytes), kind === 'U', swap, (reason) =>
        fail(what, reason),
      ),
    )
  } else {
    // A complex number is two floats.
    if (swap) swapBytes(body, kind === 'c' ? elementBytes / 2 : elementBytes)
    data = makeData(dtype, size)
    rawBytes(data as TypedArray).set(body)
  }
  if (!fortran) return { dtype, shape, data }
  return transposed(
    { dtype, shape: [...shape].reverse(), data },
    shape.map((_, i) => shape.length - 1 - i),
  )
}

/** Writes a NumPy array. @throws LanewiseError `E_UNSUPPORTED` for types that NumPy does not have. */
export function writeNpy({ dtype, shape, data }: HostTensor): Uint8Array {
  let descr: string
  let body: Uint8Array
  if (dtype === 'string') {
    const points = (data as string[]).map((text) => [...text])
    const width = points.reduce((most, { length }) => Math.max(most, length), 1)
    if (width * points.length > 2 ** 29)
      throw new LanewiseError(
        'E_BUDGET',
        `${points.length} strings of up to ${width} characters do not fit a NumPy array`,
      )
    const codes = new Uint32Array(width * points.length)
    points.forEach((text, i) => text.forEach((char, k) => (codes[i * width + k] = char.codePointAt(0) ?? 0)))
    descr = `<U${width}`
    body = rawBytes(codes)
  } else {
    const code = Object.keys(dtypes).find((key) => dtypes[key] === dtype)
    if (!code) throw new LanewiseError('E_UNSUPPORTED', `NumPy has no type for ${dtype}`, { actual: dtype })
    descr = `${code.endsWith('1') ? '|' : '<'}${code}`
    body = rawBytes(data as TypedArray)
  }
  const tuple = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${tuple}, }`
  // The elements begin at a multiple of 64 bytes.
  const header = text.padEnd(Math.ceil((10 + text.length + 1) / 64) * 64 - 11) + '\n'
  const bytes = new Uint8Array(10 + header.length + body.length)
  bytes.set(Buffer.from(MAGIC, 'latin1'))
  bytes[6] = 1
  new DataView(bytes.buffer).setUint16(8, header.length, true)
  bytes.set(Buffer.from(header, 'latin1'), 10)
  bytes.set(body, 10 + header.length)
  return bytes
}

function textOf(bytes: Uint8Array, unicode: boolean, swap: boolean, fail: (reason: string) => never): string {
  if (!unicode) return withoutEnd(Buffer.from(bytes).toString('utf8'))
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let text = ''
  for (let i = 0; i < bytes.length; i += 4) {
    const point = view.getUint32(i, !swap)
    if (point > 0x10ffff) fail(`${point} is the code of no character`)
    text += String.fromCodePoint(point)
  }
  return withoutEnd(text)
}

/** Without the NULs that fill an element up. (An expression for it would take quadratic time.) */
function withoutEnd(text: string): string {
  let end = text.length
  while (end > 0 && text.charCodeAt(end - 1) === 0) end--
  return text.slice(0, end)
}

function swapBytes(bytes: Uint8Array, width: number): void {
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse()
}

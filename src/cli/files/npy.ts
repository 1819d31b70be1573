import { makeData, type DType, type NumericDType, type TypedArray } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { rawBytes, type HostTensor } from '../../core/host.js'
import { transposed } from '../../ops/movement/transpose.js'
import { MAX_RANK, sizeOf } from '../../core/shape.js'

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

/** Reads a NumPy array. @throws LanewiseError `E_TENSOR` if it is none or of a type that tensors do not have. */
export function readNpy(bytes: Uint8Array, what: string): HostTensor {
  const fail = (reason: string): never => {
    throw new LanewiseError('E_TENSOR', `${what}: ${reason}`, { tensor: what })
  }
  if (bytes.length < 10 || Buffer.from(bytes.subarray(0, 6)).toString('latin1') !== MAGIC)
    fail('this is not a NumPy .npy file')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const wide = bytes[6] >= 2
  const start = wide ? 12 : 10
  const end = start + (wide ? view.getUint32(8, true) : view.getUint16(8, true))
  if (end > bytes.length) fail('the header is cut off')
  if (end - start > MAX_HEADER) fail(`a header of ${end - start} bytes is longer than any that is meant`)
  const header = Buffer.from(bytes.subarray(start, end)).toString('utf8')
  const descr = /'descr':\s*'([<>|=])([a-zA-Z])(\d+)'/.exec(header)
  const shapeText = /'shape':\s*\(([^)]*)\)/.exec(header)?.[1]
  const fortran = /'fortran_order':\s*(True|False)/.exec(header)?.[1]
  if (!descr || shapeText === undefined || fortran === undefined)
    return fail(`the header is not understood: ${header.trim()}`)
  const shape = shapeText
    .split(',')
    .filter((part) => part.trim() !== '')
    .map(Number)
  if (shape.length > MAX_RANK) fail(`it has ${shape.length} axes`)
  const size = sizeOf(shape)
  const [, order, kind, count] = descr
  const dtype: DType | undefined = kind === 'U' || kind === 'S' ? 'string' : dtypes[kind + count]
  if (!dtype) return fail(`elements of type ${kind}${count} are not supported`)
  const elementBytes = Number(count) * (kind === 'U' ? 4 : 1)
  if (end + size * elementBytes > bytes.length)
    fail(`${size} elements of ${elementBytes} bytes are more than the file holds`)
  if (elementBytes === 0 && size > MOST_EMPTY)
    throw new LanewiseError('E_BUDGET', `${what}: ${size} strings without characters are too many`, { tensor: what })
  const body = bytes.slice(end, end + size * elementBytes)
  const swap = order === '>'
  let data: HostTensor['data']
  if (dtype === 'string') {
    data = Array.from({ length: size }, (_, i) =>
      textOf(body.subarray(i * elementBytes, (i + 1) * elementBytes), kind === 'U', swap, fail),
    )
  } else {
    // A complex number is two floats.
    if (swap) swapBytes(body, kind === 'c' ? elementBytes / 2 : elementBytes)
    data = makeData(dtype, size)
    rawBytes(data as TypedArray).set(body)
  }
  if (fortran === 'False') return { dtype, shape, data }
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

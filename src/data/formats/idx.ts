import { checkArguments } from '../../core/arguments.js'
import { byteSize, viewData, type NumericDType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { rawBytes } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { Tensor } from '../../api/tensor.js'
import { gunzip, isGzip } from './gzip.js'

// The format of the MNIST files: two zeros, a type, the number of axes, their sizes, the elements, all big-endian.
// http://yann.lecun.com/exdb/mnist/ ("the IDX file format")
const types: ReadonlyMap<number, NumericDType> = new Map([
  [0x08, 'uint8'],
  [0x09, 'int8'],
  [0x0b, 'int16'],
  [0x0c, 'int32'],
  [0x0d, 'float32'],
  [0x0e, 'float64'],
])

/** The most bytes a packed file may unpack to if nothing is said: 2 GiB. */
const DEFAULT_LIMIT = 2 ** 31

/**
 * Reads an IDX file, plain or packed with gzip.
 *
 * @param what - the file's name, for messages.
 * @throws LanewiseError `E_PARSE` if it is none, is cut off or has bytes left over; `E_TENSOR` for impossible sizes;
 *   `E_BUDGET` if it unpacks to more than `limit` bytes.
 */
export async function readIdx(bytes: Uint8Array, what = 'IDX file', limit = DEFAULT_LIMIT): Promise<Tensor> {
  checkArguments('readIdx', { bytes, what, limit }, 'bytes', 'string?', 'number?')

  return decodeIdx(isGzip(bytes) ? await gunzip(bytes, what, limit) : bytes, what)
}

/** Reads a plain IDX file; the tensor does not share the file's memory. Errors as {@link readIdx}. */
export function decodeIdx(bytes: Uint8Array, what = 'IDX file'): Tensor {
  checkArguments('decodeIdx', { bytes, what }, 'bytes', 'string?')

  const fail = (reason: string): never => {
    throw new LanewiseError('E_PARSE', `${what}: ${reason}`, { tensor: what })
  }
  if (bytes.length < 4) fail(`an IDX file has at least 4 bytes, this has ${bytes.length}`)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const dtype = types.get(bytes[2])
  if (bytes[0] !== 0 || bytes[1] !== 0 || !dtype)
    return fail(`this is no IDX file: it begins with 0x${view.getUint32(0).toString(16).padStart(8, '0')}`)
  const rank = bytes[3]
  const start = 4 + 4 * rank
  if (bytes.length < start) fail(`the sizes of ${rank} axes are cut off`)
  const dims = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis))
  const size = sizeOf(dims)
  const width = byteSize(dtype)
  if (bytes.length - start !== size * width) {
    fail(`${dtype}${formatShape(dims)} takes ${size * width} bytes, there are ${bytes.length - start}`)
  }
  // Not slice: that of a Node Buffer shares memory.
  const body = new Uint8Array(size * width)
  body.set(bytes.subarray(start))
  swapped(body, width)
  return new Tensor(dtype, viewData(dtype, body.buffer, 0, size), dims)
}

/**
 * Writes an IDX file. @throws LanewiseError `E_UNSUPPORTED` for types that IDX does not have, `E_VALUE` for an axis
 * beyond 2^32 − 1.
 */
export function encodeIdx(tensor: Tensor): Uint8Array<ArrayBuffer> {
  checkArguments('encodeIdx', { tensor }, 'Tensor')
  const { type, dims, data } = tensor
  const code = [...types].find(([, dtype]) => dtype === type)?.[0]
  if (code === undefined) throw new LanewiseError('E_UNSUPPORTED', `IDX has no type for ${type}`, { actual: type })
  if (dims.length > 255 || dims.some((axis) => axis >= 2 ** 32))
    throw new LanewiseError('E_VALUE', `IDX cannot hold the shape ${formatShape(dims)}`)
  const body = rawBytes(data as Uint8Array)
  const bytes = new Uint8Array(4 + 4 * dims.length + body.length)
  const view = new DataView(bytes.buffer)
  bytes[2] = code
  bytes[3] = dims.length
  dims.forEach((axis, i) => view.setUint32(4 + 4 * i, axis))
  bytes.set(body, 4 + 4 * dims.length)
  swapped(bytes.subarray(4 + 4 * dims.length), byteSize(type))
  return bytes
}

/** Turns the bytes of every element round, in place. */
function swapped(bytes: Uint8Array, width: number): void {
  if (width === 1) return
  for (let i = 0; i < bytes.length; i += width) bytes.subarray(i, i + width).reverse()
}

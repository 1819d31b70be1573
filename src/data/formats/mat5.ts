import { checkArguments } from '../../core/arguments.js'
import { makeData, viewData, type NumericDType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { sizeOf } from '../../core/shape.js'
import { inflated } from './gzip.js'
import { Tensor } from '../../api/tensor.js'

// "MAT-File Format" (The MathWorks), level 5: elements of type and size, arrays as elements in an element, packed with
// zlib each.

const TYPES: ReadonlyMap<number, NumericDType> = new Map([
  [1, 'int8'],
  [2, 'uint8'],
  [3, 'int16'],
  [4, 'uint16'],
  [5, 'int32'],
  [6, 'uint32'],
  [7, 'float32'],
  [9, 'float64'],
  [12, 'int64'],
  [13, 'uint64'],
])
const MATRIX = 14
const COMPRESSED = 15
/** Classes of numeric arrays, and the type of their numbers. */
const CLASSES: ReadonlyMap<number, NumericDType> = new Map([
  [6, 'float64'],
  [7, 'float32'],
  [8, 'int8'],
  [9, 'uint8'],
  [10, 'int16'],
  [11, 'uint16'],
  [12, 'int32'],
  [13, 'uint32'],
])
const HEADER = 128
/** An array unpacks to no more: the largest of SVHN has 1.6 GB. */
const DEFAULT_LIMIT = 2 ** 31

const latin1 = (bytes: Uint8Array) => new TextDecoder('latin1').decode(bytes)

/** Which version a MAT file says it is, by its first bytes; undefined for anything else. */
export function matVersion(bytes: Uint8Array): '5.0' | '7.3' | undefined {
  checkArguments('matVersion', { bytes }, 'bytes')

  const text = latin1(bytes.subarray(0, 20))
  return text.startsWith('MATLAB 5.0') ? '5.0' : text.startsWith('MATLAB 7.3') ? '7.3' : undefined
}

/**
 * The numeric arrays of a MAT file of version 5 (what MATLAB's `save` and SciPy's `savemat` write), by their names. As
 * MATLAB has it the first axis runs fastest, so dims are given the other way round: an array 32×32×3×N becomes a tensor
 * [N, 3, 32, 32].
 *
 * @param what - the file's name, for messages.
 * @throws LanewiseError `E_PARSE` if it is damaged, cut off or none, `E_UNSUPPORTED` for version 7.3 (which is HDF5),
 *   `E_BUDGET` for arrays beyond the limit.
 */
export async function readMat(
  bytes: Uint8Array,
  what = 'MAT file',
  limit = DEFAULT_LIMIT,
): Promise<Map<string, Tensor>> {
  checkArguments('readMat', { bytes, what, limit }, 'bytes', 'string?', 'number?')

  const fail = (reason: string): never => {
    throw new LanewiseError('E_PARSE', `${what}: ${reason}`)
  }
  if (matVersion(bytes) === '7.3')
    throw new LanewiseError('E_UNSUPPORTED', `${what}: this MAT file is of version 7.3 (HDF5), expected is version 5`, {
      expected: 'MATLAB 5.0 MAT-file',
      actual: 'MATLAB 7.3 MAT-file',
    })
  const mark = latin1(bytes.subarray(126, 128))
  if (bytes.length < HEADER || (mark !== 'IM' && mark !== 'MI')) fail('this is no MAT file of version 5')
  if (mark === 'MI') fail('a MAT file in the order of big-endian machines')
  const found = new Map<string, Tensor>()
  for (let at = HEADER; at < bytes.length;) {
    const element = elementAt(bytes, at, fail)
    at = element.next
    let { type, body } = element
    if (type === COMPRESSED) {
      const plain = await inflated(body, what, limit)
      ;({ type, body } = elementAt(plain, 0, fail))
    }
    if (type !== MATRIX) continue
    const matrix = matrixOf(body, fail)
    if (matrix) found.set(matrix.name, matrix.tensor)
  }
  return found
}

interface Element {
  type: number
  body: Uint8Array
  /** Where the next one begins. */
  readonly next: number
}

function elementAt(bytes: Uint8Array, at: number, fail: (reason: string) => never): Element {
  if (at + 8 > bytes.length) fail('it is cut off')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const first = view.getUint32(at, true)
  const small = first >>> 16
  if (small > 0) {
    if (small > 4) fail('a small element has more than 4 bytes')
    return { type: first & 0xffff, body: bytes.subarray(at + 4, at + 4 + small), next: at + 8 }
  }
  const size = view.getUint32(at + 4, true)
  const end = at + 8 + size
  if (end > bytes.length)
    fail(`it is cut off: an element of ${size} bytes, of which ${bytes.length - at - 8} are there`)
  // Packed elements are not filled up to eight bytes.
  const next = first === COMPRESSED ? end : Math.ceil(end / 8) * 8
  return { type: first, body: bytes.subarray(at + 8, end), next }
}

/** A numeric array; undefined for texts, structures and others. */
function matrixOf(body: Uint8Array, fail: (reason: string) => never): { name: string; tensor: Tensor } | undefined {
  const flags = elementAt(body, 0, fail)
  const dtype = CLASSES.get(flags.body[0])
  const complex = (flags.body[1] & 0x08) !== 0
  if (!dtype || complex) return undefined
  const shape = elementAt(body, flags.next, fail)
  const name = elementAt(body, shape.next, fail)
  const real = elementAt(body, name.next, fail)
  const dims = Array.from(numbersOf(shape, fail)).reverse()
  const given = numbersOf(real, fail)
  const title = latin1(name.body)
  if (dims.some((size) => size < 0) || given.length !== sizeOf(dims))
    fail(`the array "${title}" of ${dims.join('×')} has ${given.length} numbers`)
  // Numbers are stored in as few bytes as they fit into.
  const data = makeData(dtype, given.length) as Float64Array
  data.set(given)
  return { name: title, tensor: new Tensor(dtype, data, dims) }
}

function numbersOf({ type, body }: Element, fail: (reason: string) => never): ArrayLike<number> {
  const dtype = TYPES.get(type)
  if (!dtype || dtype === 'int64' || dtype === 'uint64') return fail(`numbers of type ${type}`)
  const width = { int8: 1, uint8: 1, int16: 2, uint16: 2, int32: 4, uint32: 4, float32: 4, float64: 8 }[dtype as 'int8']
  if (body.length % width !== 0) return fail(`numbers of ${width} bytes in ${body.length}`)
  const own = new Uint8Array(body.length)
  own.set(body)
  return viewData(dtype, own.buffer, 0, body.length / width) as Uint8Array
}

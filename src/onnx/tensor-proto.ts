import {
  arrayElements,
  byteSize,
  dtypeFromOnnx,
  dtypeToOnnx,
  makeData,
  packedBits,
  viewData,
  type DType,
  type NumericDType,
  type TypedArray,
} from '../core/dtype.js'
import { LanewiseError, present } from '../core/errors.js'
import { hostTensor, rawBytes, type HostTensor } from '../core/host.js'
import { formatShape, MAX_RANK, sizeOf, type Shape } from '../core/shape.js'
import { textOf } from '../core/utf8.js'
import { noExternalData, parseExternal, type ExternalData } from './external-data.js'
import { DataLocation, type SparseTensorProto, type TensorProto } from './schema/onnx.js'
import { createMessage } from './schema/table.js'

/** No tensor of more elements fits a 32-bit address space or a protobuf. */
const MAX_ELEMENTS = 2 ** 31 - 1

const typedFields = ['floatData', 'int32Data', 'stringData', 'int64Data', 'doubleData', 'uint64Data'] as const
type TypedField = (typeof typedFields)[number]

/** The field that holds a dtype's elements where `raw_data` does not (onnx.proto3, TensorProto). */
function fieldOf(dtype: DType): TypedField {
  switch (dtype) {
    case 'string':
      return 'stringData'
    case 'float32':
    case 'complex64':
      return 'floatData'
    case 'float64':
    case 'complex128':
      return 'doubleData'
    case 'int64':
      return 'int64Data'
    case 'uint32':
    case 'uint64':
      return 'uint64Data'
    default:
      return 'int32Data'
  }
}

function fail(message: string, expected?: string | number, actual?: string | number): never {
  throw new LanewiseError('E_TENSOR', message, {
    expected: expected === undefined ? undefined : String(expected),
    actual: actual === undefined ? undefined : String(actual),
  })
}

/** Puts the tensor's name into an error that lacks it. */
function named<T>(name: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof LanewiseError && error.tensor === undefined) {
      error.tensor = name
      error.message = `tensor ${JSON.stringify(name)}: ${error.message}`
    }
    throw error
  }
}

function checkShape(dims: readonly number[]): { shape: Shape; size: number } {
  if (dims.length > MAX_RANK)
    fail(`${dims.length} dimensions; at most ${MAX_RANK} are supported`, MAX_RANK, dims.length)
  const size = sizeOf(dims)
  if (size > MAX_ELEMENTS) fail(`shape ${formatShape(dims)} has more than 2^31 - 1 elements`)
  return { shape: [...dims], size }
}

/** Bytes of `size` elements in an ONNX file. */
function fileBytes(dtype: NumericDType, size: number): number {
  const bits = packedBits(dtype)
  return bits === undefined ? size * byteSize(dtype) : Math.ceil((size * bits) / 8)
}

/** One element per byte from several per byte, the first in the lowest bits; signed types are sign-extended. */
function unpack(dtype: NumericDType, bytes: Uint8Array, size: number): TypedArray {
  const bits = present(packedBits(dtype), dtype)
  const out = makeData(dtype, size) as TypedArray
  const perByte = 8 / bits
  const mask = (1 << bits) - 1
  const signed = out instanceof Int8Array
  for (let i = 0; i < size; i++) {
    const value = (bytes[Math.floor(i / perByte)] >> ((i % perByte) * bits)) & mask
    out[i] = signed ? (value << (32 - bits)) >> (32 - bits) : value
  }
  return out
}

/** Several elements per byte from one per byte; the reverse of {@link unpack}. */
function pack(dtype: NumericDType, data: TypedArray): Uint8Array {
  const bits = present(packedBits(dtype), dtype)
  const perByte = 8 / bits
  const mask = (1 << bits) - 1
  const out = new Uint8Array(Math.ceil(data.length / perByte))
  for (let i = 0; i < data.length; i++) {
    out[Math.floor(i / perByte)] |= (Number(data[i]) & mask) << ((i % perByte) * bits)
  }
  return out
}

/** Kernels count on booleans that are 0 or 1; a file may hold any byte. */
function normalizeBool(bytes: Uint8Array): Uint8Array {
  return bytes.some((byte) => byte > 1) ? bytes.map((byte) => (byte === 0 ? 0 : 1)) : bytes
}

/** Elements from little-endian bytes: a view where the alignment allows, else a copy. */
function fromRaw(dtype: NumericDType, bytes: Uint8Array, size: number): TypedArray {
  if (packedBits(dtype) !== undefined) return unpack(dtype, bytes, size)
  if (dtype === 'bool') return normalizeBool(bytes)
  const alignment = byteSize(dtype) / arrayElements(dtype)
  const aligned = bytes.byteOffset % alignment === 0 ? bytes : new Uint8Array(bytes)
  return viewData(dtype, aligned.buffer, aligned.byteOffset, size)
}

function fromInt32(dtype: NumericDType, data: Int32Array, size: number): TypedArray {
  const bits = packedBits(dtype)
  const width = bits === undefined ? 8 * byteSize(dtype) : 8
  if (width < 32) {
    // Writers store an int8 sign-extended or as its bit pattern; what fits neither is no such element.
    for (const value of data) {
      if (value < -(2 ** (width - 1)) || value >= 2 ** width) fail(`int32_data holds ${value}, which is no ${dtype}`)
    }
  }
  if (dtype === 'int32') return data
  if (bits !== undefined) return unpack(dtype, Uint8Array.from(data), size)
  const out = makeData(dtype, size) as TypedArray
  for (let i = 0; i < size; i++) out[i] = dtype === 'bool' && data[i] !== 0 ? 1 : data[i]
  return out
}

function fromUint64(data: BigUint64Array): Uint32Array {
  const out = new Uint32Array(data.length)
  for (let i = 0; i < out.length; i++) {
    if (data[i] > 0xffffffffn) fail(`uint64_data holds ${data[i]}, which is no uint32`)
    out[i] = Number(data[i])
  }
  return out
}

function fromStrings(items: readonly Uint8Array[]): string[] {
  return items.map((item, i) => {
    try {
      return textOf(item)
    } catch {
      return fail(`element ${i} is not valid UTF-8`)
    }
  })
}

/** Elements from the typed field of the dtype. */
function fromTyped(dtype: DType, proto: TensorProto, size: number): HostTensor['data'] {
  const field = fieldOf(dtype)
  const bits = packedBits(dtype)
  const needed = bits === undefined ? size * arrayElements(dtype) : Math.ceil((size * bits) / 8)
  const found = proto[field].length
  if (found !== needed) {
    const what = `${dtype}${formatShape(proto.dims)} needs ${needed} elements in ${field}, found ${found}`
    fail(what, needed, found)
  }
  switch (field) {
    case 'stringData':
      return fromStrings(proto.stringData)
    case 'int32Data':
      return fromInt32(dtype as NumericDType, proto.int32Data, size)
    case 'uint64Data':
      return dtype === 'uint32' ? fromUint64(proto.uint64Data) : proto.uint64Data
    default:
      return proto[field]
  }
}

export interface TensorDescription {
  dtype: DType
  shape: Shape
  /** Number of elements. */
  size: number
  /** Bytes the elements take inside the library; 0 for strings. */
  bytes: number
}

interface Located extends TensorDescription {
  /**
   * The bytes as the file stores them (little-endian, sub-byte types packed); undefined where a typed field holds the
   * elements.
   */
  raw: Uint8Array | undefined
}

function describe(proto: TensorProto): TensorDescription {
  const dtype = dtypeFromOnnx(proto.dataType)
  if (dtype === undefined) fail(`unknown data type ${proto.dataType}`, 'a TensorProto.DataType', proto.dataType)
  const { shape, size } = checkShape(proto.dims)
  return { dtype, shape, size, bytes: size * byteSize(dtype) }
}

/** Checks type, shape and that exactly one place holds the elements, before anything is allocated. */
function locate(proto: TensorProto, external: ExternalData): Located {
  const description = describe(proto)
  const { dtype, shape, size } = description
  if (proto.segment !== undefined) throw new LanewiseError('E_UNSUPPORTED', 'a tensor stored in segments')
  const isExternal = proto.dataLocation === DataLocation.EXTERNAL
  if (!isExternal && proto.dataLocation !== DataLocation.DEFAULT) fail(`unknown data location ${proto.dataLocation}`)

  const filled: string[] = typedFields.filter((field) => proto[field].length > 0)
  const raw = proto.rawData !== undefined && proto.rawData.length > 0 ? proto.rawData : undefined
  if (raw !== undefined) filled.push('rawData')
  if (isExternal) filled.push('externalData')
  if (filled.length > 1) fail(`elements are given twice, in ${filled.join(' and ')}`)

  if (dtype === 'string') {
    if (raw !== undefined || isExternal) fail('a string tensor cannot have raw or external data')
  } else if (isExternal || raw !== undefined || (proto.rawData !== undefined && filled.length === 0)) {
    const needed = fileBytes(dtype, size)
    const bytes = isExternal ? readExternal(proto, external, needed) : present(proto.rawData, 'raw data')
    if (bytes.length !== needed) {
      fail(
        `${dtype}${formatShape(shape)} needs ${needed} bytes of raw data, found ${bytes.length}`,
        needed,
        bytes.length,
      )
    }
    return { ...description, raw: bytes }
  }
  if (filled.length === 1 && filled[0] !== fieldOf(dtype))
    fail(`the elements of ${dtype} belong in ${fieldOf(dtype)}, not in ${filled[0]}`)
  return { ...description, raw: undefined }
}

function readExternal(proto: TensorProto, external: ExternalData, needed: number): Uint8Array {
  const { location, offset, length = needed } = parseExternal(proto)
  if (length !== needed) {
    // Reading nothing at the end says whether the range lies in the file, without reading what would be thrown away.
    external.read(location, offset + length, 0)
    fail(`${needed} bytes are needed, but the model gives its external data ${length}`, needed, length)
  }
  return external.read(location, offset, length)
}

/**
 * Type, shape and size of a tensor, nothing being read or allocated: for sums against a memory limit before decoding.
 *
 * @throws LanewiseError `E_TENSOR` for an unknown type or an impossible shape.
 */
export function describeTensor(proto: TensorProto): TensorDescription {
  return named(proto.name, () => describe(proto))
}

/**
 * A tensor of an ONNX file as the library keeps tensors: sub-byte types one element per byte, small floats as bit
 * patterns. The data are views of the file where alignment and type allow, and must not be written to.
 *
 * @throws LanewiseError `E_TENSOR` if type, shape and data do not fit each other, `E_EXTERNAL` from `external`.
 */
export function decodeTensor(proto: TensorProto, external: ExternalData = noExternalData): HostTensor {
  return named(proto.name, () => {
    const { dtype, shape, size, raw } = locate(proto, external)
    const data = raw === undefined ? fromTyped(dtype, proto, size) : fromRaw(dtype as NumericDType, raw, size)
    return hostTensor(dtype, shape, data)
  })
}

/**
 * The little-endian bytes of a tensor without any copy, whatever their alignment, to be copied into WebAssembly memory
 * at once; undefined where the file's form is not the library's (typed fields, sub-byte types, bool, strings): use
 * {@link decodeTensor}.
 *
 * @throws LanewiseError as {@link decodeTensor}.
 */
export function tensorBytes(proto: TensorProto, external: ExternalData = noExternalData): Uint8Array | undefined {
  return named(proto.name, () => {
    const { dtype, raw } = locate(proto, external)
    return dtype === 'bool' || packedBits(dtype) !== undefined ? undefined : raw
  })
}

/** A tensor as ONNX stores it, with raw data (strings: string data). */
export function encodeTensor(name: string, tensor: HostTensor): TensorProto {
  const { dtype, shape } = tensor
  const { data } = hostTensor(dtype, shape, tensor.data)
  const common = { name, dims: [...shape], dataType: dtypeToOnnx(dtype) }
  if (dtype === 'string') {
    const utf8 = new TextEncoder()
    return createMessage('TensorProto', { ...common, stringData: (data as string[]).map((text) => utf8.encode(text)) })
  }
  const array = data as TypedArray
  return createMessage('TensorProto', {
    ...common,
    rawData: packedBits(dtype) === undefined ? rawBytes(array) : pack(dtype, array),
  })
}

/**
 * A sparse tensor made dense. Its dense size stands in no relation to the file's, so the caller says how much it may
 * take.
 *
 * @throws LanewiseError `E_TENSOR` for indices that are not int64, repeated, unordered or outside the shape; `E_BUDGET`
 *   above `maxBytes`.
 */
export function decodeSparseTensor(
  proto: SparseTensorProto,
  maxBytes: number,
  external: ExternalData = noExternalData,
): HostTensor {
  const name = proto.values?.name ?? ''
  return named(name, () => {
    if (proto.values === undefined || proto.indices === undefined) fail('a sparse tensor needs values and indices')
    const { shape, size } = checkShape(proto.dims)
    const values = decodeTensor(proto.values, external)
    const indices = decodeTensor(proto.indices, external)
    const count = values.shape[0] ?? 0
    const linear = indices.shape.length === 1
    if (values.shape.length !== 1)
      fail(`the values of a sparse tensor must be one-dimensional, not ${formatShape(values.shape)}`)
    if (indices.dtype !== 'int64') fail(`the indices of a sparse tensor must be int64, not ${indices.dtype}`)
    if (indices.shape[0] !== count || !(linear || (indices.shape.length === 2 && indices.shape[1] === shape.length))) {
      fail(`indices ${formatShape(indices.shape)} do not fit ${count} values in ${formatShape(shape)}`)
    }
    if (values.dtype.startsWith('complex'))
      throw new LanewiseError('E_UNSUPPORTED', `a sparse tensor of ${values.dtype}`)
    // A string costs a slot of 8 bytes here.
    const bytes = size * (byteSize(values.dtype) || 8)
    if (bytes > maxBytes) {
      throw new LanewiseError('E_BUDGET', `made dense, it takes ${bytes} bytes; ${maxBytes} are left`)
    }
    const flat = indices.data as BigInt64Array
    const data = makeData(values.dtype, size)
    let previous = -1
    for (let i = 0; i < count; i++) {
      let at = 0
      if (linear) {
        at = Number(flat[i])
      } else {
        for (const [axis, extent] of shape.entries()) {
          const index = Number(flat[i * shape.length + axis])
          if (!(index >= 0 && index < extent)) fail(`index ${index} is outside axis ${axis} of ${formatShape(shape)}`)
          at = at * extent + index
        }
      }
      if (!(at > previous && at < size)) fail(`index ${at} is out of order or outside ${formatShape(shape)}`)
      previous = at
      data[at] = values.data[i]
    }
    return { dtype: values.dtype, shape, data }
  })
}

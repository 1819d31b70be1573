import { arrayNameOf } from './realm.js'

/**
 * Element types, by ONNX Runtime's names, and how the library stores them.
 *
 * Sub-byte types are stored one element per byte inside the library (the value itself for integers, the bit pattern for
 * `float4e2m1`); they are packed only in ONNX files and in a user's `Tensor`. Small floats are stored as bit patterns.
 */
export type NumericDType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'float8e4m3fn'
  | 'float8e4m3fnuz'
  | 'float8e5m2'
  | 'float8e5m2fnuz'
  | 'float8e8m0'
  | 'float4e2m1'
  | 'int2'
  | 'uint2'
  | 'int4'
  | 'uint4'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'bool'
  | 'complex64'
  | 'complex128'

/** Element types by the names of ONNX; `string` is one of them. */
export type DType = NumericDType | 'string'

/** The arrays of JavaScript in which elements of tensors are held. */
export type TypedArray =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array

/** Storage of one tensor's elements on the JavaScript side. */
export type HostData = TypedArray | string[]

type TypedArrayConstructor = {
  new (length: number): TypedArray
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): TypedArray
  readonly BYTES_PER_ELEMENT: number
}

interface Row {
  /** `TensorProto.DataType`, onnx.proto3. */
  readonly onnx: number
  /** Bytes of one stored element (complex types: of the pair). */
  readonly bytes: number
  readonly array: TypedArrayConstructor
  /** Bits of one element where an ONNX file packs several into a byte. */
  readonly packedBits?: 2 | 4
  readonly kind: 'float' | 'int' | 'uint' | 'bool' | 'complex'
}

const rows: Record<NumericDType, Row> = {
  float32: { onnx: 1, bytes: 4, array: Float32Array, kind: 'float' },
  uint8: { onnx: 2, bytes: 1, array: Uint8Array, kind: 'uint' },
  int8: { onnx: 3, bytes: 1, array: Int8Array, kind: 'int' },
  uint16: { onnx: 4, bytes: 2, array: Uint16Array, kind: 'uint' },
  int16: { onnx: 5, bytes: 2, array: Int16Array, kind: 'int' },
  int32: { onnx: 6, bytes: 4, array: Int32Array, kind: 'int' },
  int64: { onnx: 7, bytes: 8, array: BigInt64Array, kind: 'int' },
  bool: { onnx: 9, bytes: 1, array: Uint8Array, kind: 'bool' },
  float16: { onnx: 10, bytes: 2, array: Uint16Array, kind: 'float' },
  float64: { onnx: 11, bytes: 8, array: Float64Array, kind: 'float' },
  uint32: { onnx: 12, bytes: 4, array: Uint32Array, kind: 'uint' },
  uint64: { onnx: 13, bytes: 8, array: BigUint64Array, kind: 'uint' },
  complex64: { onnx: 14, bytes: 8, array: Float32Array, kind: 'complex' },
  complex128: { onnx: 15, bytes: 16, array: Float64Array, kind: 'complex' },
  bfloat16: { onnx: 16, bytes: 2, array: Uint16Array, kind: 'float' },
  float8e4m3fn: { onnx: 17, bytes: 1, array: Uint8Array, kind: 'float' },
  float8e4m3fnuz: { onnx: 18, bytes: 1, array: Uint8Array, kind: 'float' },
  float8e5m2: { onnx: 19, bytes: 1, array: Uint8Array, kind: 'float' },
  float8e5m2fnuz: { onnx: 20, bytes: 1, array: Uint8Array, kind: 'float' },
  uint4: { onnx: 21, bytes: 1, array: Uint8Array, packedBits: 4, kind: 'uint' },
  int4: { onnx: 22, bytes: 1, array: Int8Array, packedBits: 4, kind: 'int' },
  float4e2m1: { onnx: 23, bytes: 1, array: Uint8Array, packedBits: 4, kind: 'float' },
  float8e8m0: { onnx: 24, bytes: 1, array: Uint8Array, kind: 'float' },
  uint2: { onnx: 25, bytes: 1, array: Uint8Array, packedBits: 2, kind: 'uint' },
  int2: { onnx: 26, bytes: 1, array: Int8Array, packedBits: 2, kind: 'int' },
}

const ONNX_STRING = 8
const byOnnx = new Map<number, DType>([[ONNX_STRING, 'string']])
for (const [name, row] of Object.entries(rows)) byOnnx.set(row.onnx, name as NumericDType)

/** The names of all element types. */
export function allDTypes(): DType[] {
  return [...(Object.keys(rows) as NumericDType[]), 'string']
}

/** The dtype of an ONNX `TensorProto.DataType` number, or undefined for one that is unknown. */
export function dtypeFromOnnx(code: number): DType | undefined {
  return byOnnx.get(code)
}

/** The ONNX `TensorProto.DataType` number of a dtype. */
export function dtypeToOnnx(dtype: DType): number {
  return dtype === 'string' ? ONNX_STRING : rows[dtype].onnx
}

/** True for a dtype's name. */
export function isDType(name: string): name is DType {
  return name === 'string' || Object.hasOwn(rows, name)
}

/** Bytes one element takes inside the library; 0 for strings, which never enter WebAssembly memory. */
export function byteSize(dtype: DType): number {
  return dtype === 'string' ? 0 : rows[dtype].bytes
}

/** Bits of an element in an ONNX file, where several share a byte; undefined otherwise. */
export function packedBits(dtype: DType): 2 | 4 | undefined {
  return dtype === 'string' ? undefined : rows[dtype].packedBits
}

export function isFloat(dtype: DType): boolean {
  return dtype !== 'string' && rows[dtype].kind === 'float'
}

export function isInteger(dtype: DType): boolean {
  return dtype !== 'string' && (rows[dtype].kind === 'int' || rows[dtype].kind === 'uint')
}

export function isUnsigned(dtype: DType): boolean {
  return dtype !== 'string' && rows[dtype].kind === 'uint'
}

/** Types whose elements are bigint in JavaScript. */
export function isBig(dtype: DType): dtype is 'int64' | 'uint64' {
  return dtype === 'int64' || dtype === 'uint64'
}

/** Pairs of floats. */
export function isComplex(dtype: DType | undefined): boolean {
  return dtype === 'complex64' || dtype === 'complex128'
}

/** How many array elements one tensor element takes: 2 for complex, else 1. */
export function arrayElements(dtype: DType): 1 | 2 {
  return isComplex(dtype) ? 2 : 1
}

/** Zeroed storage for `size` elements (empty strings for `string`). */
export function makeData(dtype: DType, size: number): HostData {
  if (dtype === 'string') return new Array<string>(size).fill('')
  return new rows[dtype].array(size * arrayElements(dtype))
}

/** A typed view of `size` elements at a byte offset that is a multiple of the element size. */
export function viewData(dtype: NumericDType, buffer: ArrayBufferLike, byteOffset: number, size: number): TypedArray {
  return new rows[dtype].array(buffer, byteOffset, size * arrayElements(dtype))
}

/** True if `data` is an array of the kind that stores `dtype`, of whatever realm. */
export function storesDType(dtype: DType, data: unknown): data is HostData {
  return dtype === 'string' ? Array.isArray(data) : arrayNameOf(data) === rows[dtype].array.name
}

/** The elements as an array of this realm, sharing memory: operators tell arrays apart by their classes. */
export function localData(dtype: DType, data: HostData): HostData {
  if (dtype === 'string' || data instanceof rows[dtype].array) return data
  const { buffer, byteOffset, length } = data as TypedArray
  return new rows[dtype].array(buffer, byteOffset, length)
}

/** Floats of 16 bits, which have no arithmetic of their own. */
export function isHalf(dtype: DType | undefined): dtype is 'float16' | 'bfloat16' {
  return dtype === 'float16' || dtype === 'bfloat16'
}

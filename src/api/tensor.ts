import {
  isDType,
  makeData,
  packedBits,
  localData,
  storesDType,
  type DType,
  type HostData,
  type NumericDType,
  type TypedArray,
} from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { storageFromNumbers } from './from-numbers.js'
import { lateImages } from './late-parts.js'
import type { HostTensor } from '../core/host.js'
import { arrayNameOf } from '../core/realm.js'
import { formatShape, sizeOf } from '../core/shape.js'
import { dataUrlOf, imageDataOf } from './images/image-data.js'
import type {
  TensorDataTypeMap,
  TensorElementTypeMap,
  GlobalType,
  ImageSource,
  MaybeDisposable,
  TensorConstructor,
  TensorFromImageOptions,
  TensorToImageDataOptions,
} from './tensor-types.js'

/**
 * What a tensor's elements are stored in for a user: as in the library, but float16 as `Float16Array` where the engine
 * has one, and 4-bit types packed.
 */
export type TensorData = HostData | Uint8ClampedArray

/** Anything a tensor can be made from: its storage, or plain numbers, bigints, booleans or strings. */
export type TensorSource = TensorData | ArrayLike<number> | ArrayLike<bigint> | readonly boolean[] | readonly string[]

/** A tensor over memory that the caller owns: results are written there. */
export interface PinnedTensor {
  /** Says that the memory is the caller's. */
  readonly location: 'cpu-pinned'
  /** The element type, which has to be that of the output. */
  readonly type: DType
  /** The memory that is written to: as many elements as `dims` say. */
  readonly data: TensorData
  /** Its shape, outermost axis first. */
  readonly dims: readonly number[]
}

type Float16ArrayConstructor = new (buffer: ArrayBufferLike, byteOffset: number, length: number) => TypedArray

/** `Float16Array` (ES2025) where the engine has it. */
const Float16 = (globalThis as { Float16Array?: Float16ArrayConstructor }).Float16Array

/**
 * A multidimensional array: the input and output of a session. The names, constructor forms and storage types are those
 * of onnxruntime-web, and all ONNX element types are known besides.
 *
 * @example
 * import { Tensor } from 'lanewise'
 *
 * const matrix = new Tensor('float32', [1, 2, 3, 4], [2, 2])
 * const image = new Tensor(new Float32Array(784), [1, 1, 28, 28]) // the type follows from the array
 * const index = new Tensor('int64', [3n], [1])
 * const words = new Tensor(['yes', 'no']) // one axis
 * console.log(matrix.size, image.dims, index.data, words.type)
 */

export interface Tensor extends MaybeDisposable {
  /** Element type. */
  readonly type: Tensor.Type
  /** Shape, outermost axis first. */
  readonly dims: readonly number[]
  /** Number of elements. */
  readonly size: number
  /** Where the elements are: `cpu`, `cpu-pinned` for memory of the caller's, `none` after {@link dispose}. */
  readonly location: Tensor.DataLocation
  /** The elements. @throws LanewiseError `E_STATE` after {@link dispose}. */
  readonly data: Tensor.DataType
  /** @throws LanewiseError `E_UNSUPPORTED`: nothing is ever on a GPU here. */
  readonly texture: Tensor.TextureType
  /** @throws LanewiseError `E_UNSUPPORTED`. */
  readonly gpuBuffer: Tensor.GpuBufferType
  /** @throws LanewiseError `E_UNSUPPORTED`. */
  readonly mlTensor: Tensor.MLTensorType
  /** The elements, as a promise: for code that is written for tensors that may be elsewhere. */
  getData(releaseData?: boolean): Promise<Tensor.DataType>
  /** The same elements under another shape of the same size; the data is shared. @throws LanewiseError `E_TENSOR`. */
  reshape(dims: readonly number[]): Tensor
  /**
   * A tensor [1, channels, height, width] as a picture of a browser. @throws LanewiseError `E_SHAPE`, `E_UNSUPPORTED`
   * where there is no canvas.
   */
  toImageData(options?: TensorToImageDataOptions): GlobalType<'ImageData'>
  /** The same as the address of a PNG. @throws LanewiseError as {@link toImageData}. */
  toDataURL(options?: TensorToImageDataOptions): string
  /** Lets go of the elements. */
  dispose(): void
}

// oxlint-disable-next-line typescript/no-namespace -- the form of onnxruntime-common's types
export declare namespace Tensor {
  type DataTypeMap = TensorDataTypeMap
  type ElementTypeMap = TensorElementTypeMap
  type Type = keyof DataTypeMap
  type DataType = DataTypeMap[Type]
  type ElementType = ElementTypeMap[Type]
  type DataLocation = 'none' | 'cpu' | 'cpu-pinned' | 'texture' | 'gpu-buffer' | 'ml-tensor'
  type CpuPinnedDataTypes = Exclude<Type, 'string'>
  type TextureType = GlobalType<'WebGLTexture'>
  type TextureDataTypes = 'float32'
  type GpuBufferType = GlobalType<'GPUBuffer', { size: number; mapState: 'unmapped' | 'pending' | 'mapped' }>
  type GpuBufferDataTypes = 'float32' | 'float16' | 'int32' | 'int64' | 'uint32' | 'uint8' | 'bool'
  type MLTensorType = GlobalType<'MLTensor', { destroy(): void }>
  type MLTensorDataTypes = Exclude<Type, 'string' | 'uint16' | 'int16' | 'float64'>
}

class TensorOfElements {
  static readonly name = 'Tensor'
  readonly type: DType
  readonly dims: readonly number[]
  readonly size: number
  private readonly pinned: boolean
  private storage: HostData | undefined

  constructor(
    first: DType | TensorData | readonly boolean[] | readonly string[] | PinnedTensor,
    second?: TensorSource | readonly number[],
    third?: readonly number[],
  ) {
    let dims: readonly number[] | undefined
    this.pinned = false
    if (typeof first === 'string') {
      this.type = first
      this.storage = storageFor(first, second as TensorSource)
      // Packed elements do not tell how many they are; numbers do.
      dims = third ?? (packedBits(first) && this.storage !== second ? [(second as TensorSource).length] : undefined)
    } else if (isLocated(first)) {
      if (first.location !== 'cpu-pinned') throw onGpu(String(first.location))
      this.pinned = true
      this.type = first.type
      this.storage = storageFor(first.type, first.data)
      dims = first.dims
    } else {
      ;[this.type, this.storage] = infer(first)
      dims = second as readonly number[] | undefined
    }
    if (dims !== undefined && !Array.isArray(dims))
      throw new LanewiseError('E_TENSOR', 'the dims of a tensor must be an array of numbers')
    this.dims = dims ? [...(dims as readonly number[])] : [this.storage.length]
    this.size = sizeOf(this.dims)
    const stored = storedElements(this.type, this.size)
    if (this.storage.length !== stored && !(packedBits(this.type) && this.storage.length === this.size)) {
      throw new LanewiseError(
        'E_TENSOR',
        `a ${this.type} tensor of shape ${formatShape(this.dims)} holds ${stored} elements, got ${this.storage.length}`,
        {
          expected: String(stored),
          actual: String(this.storage.length),
        },
      )
    }
  }

  get location(): Tensor.DataLocation {
    return !this.storage ? 'none' : this.pinned ? 'cpu-pinned' : 'cpu'
  }

  get data(): HostData {
    if (!this.storage) throw new LanewiseError('E_STATE', 'the tensor was disposed of')
    return this.storage
  }

  get texture(): never {
    throw onGpu('texture')
  }

  get gpuBuffer(): never {
    throw onGpu('gpu-buffer')
  }

  get mlTensor(): never {
    throw onGpu('ml-tensor')
  }

  async getData(releaseData = false): Promise<HostData> {
    const { data } = this
    if (releaseData) this.dispose()
    return data
  }

  reshape(dims: readonly number[]): Tensor {
    return new Tensor(this.type, this.data, dims)
  }

  toImageData(options?: TensorToImageDataOptions): GlobalType<'ImageData'> {
    return imageDataOf(this as unknown as Tensor, options)
  }

  toDataURL(options?: TensorToImageDataOptions): string {
    return dataUrlOf(this as unknown as Tensor, options)
  }

  dispose(): void {
    this.storage = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  static async fromImage(image: ImageSource, options?: TensorFromImageOptions): Promise<Tensor> {
    const { pixels, shape } = await (await lateImages.load()).pixelsOf(image, options)
    return new Tensor('float32', pixels, shape)
  }

  static fromPinnedBuffer(type: DType, data: TensorData, dims?: readonly number[]): Tensor {
    return new Tensor({ location: 'cpu-pinned', type, data, dims } as PinnedTensor)
  }

  static fromTexture(): never {
    throw onGpu('texture')
  }

  static fromGpuBuffer(): never {
    throw onGpu('gpu-buffer')
  }

  static fromMLTensor(): never {
    throw onGpu('ml-tensor')
  }
}

export const Tensor = TensorOfElements as unknown as TensorConstructor

function onGpu(location: string): LanewiseError {
  return new LanewiseError('E_UNSUPPORTED', `tensors in "${location}" memory are not supported`)
}

function isLocated(value: object): value is PinnedTensor {
  return 'location' in Object(value)
}

/** Length of the storage of `size` elements: 4- and 2-bit types are packed, complex numbers are pairs. */
function storedElements(type: DType, size: number): number {
  const bits = packedBits(type)
  if (bits) return Math.ceil((size * bits) / 8)
  return type === 'complex64' || type === 'complex128' ? size * 2 : size
}

function storageFor(type: DType, source: TensorSource): HostData {
  if (!isDType(type)) throw new LanewiseError('E_TENSOR', `"${String(type)}" is not the name of a tensor type`)
  if (source === null || typeof source !== 'object')
    throw new LanewiseError('E_TENSOR', `a ${type} tensor needs data, got ${typeof source}`)
  if (type === 'string') {
    // Unlike `every`, this sees holes.
    if (Array.isArray(source) && source.findIndex((text) => typeof text !== 'string') < 0) return source
    throw new LanewiseError('E_TENSOR', 'the data of a string tensor must be an array of strings')
  }
  if (type === 'float16') return float16Storage(source)
  if (storesDType(type, source)) return type === 'bool' ? checkedBooleans(source as Uint8Array) : source
  const name = arrayNameOf(source)
  if (packedBits(type) && (name === 'Uint8Array' || name === 'Int8Array')) return source as HostData
  if (type === 'uint8' && name === 'Uint8ClampedArray') return unclamped(source)
  return fromNumbers(type, source)
}

/** Kernels take every byte of a bool tensor for 0 or 1. */
function checkedBooleans(bytes: Uint8Array): Uint8Array {
  const wrong = bytes.findIndex((byte) => byte > 1)
  if (wrong < 0) return bytes
  const actual = String(bytes[wrong])
  throw new LanewiseError('E_TENSOR', `element ${wrong} of a bool tensor is ${actual}, not 0 or 1`, {
    expected: '0 or 1',
    actual,
  })
}

/** Anything with a length that is no storage of the type holds numbers. */
function fromNumbers(type: NumericDType, source: TensorSource): HostData {
  if (typeof (source as ArrayLike<unknown>).length !== 'number') {
    throw new LanewiseError('E_TENSOR', `the data of a ${type} tensor must be ${arrayName(type)} or numbers`, {
      expected: arrayName(type),
      actual: source.constructor?.name,
    })
  }
  const data = storageFromNumbers(type, source)
  const bits = packedBits(type)
  return bits ? pack(data as TypedArray, bits) : data
}

function float16Storage(source: TensorSource): HostData {
  const name = arrayNameOf(source)
  if (name === 'Float16Array') return source as TypedArray
  if (name === 'Uint16Array') {
    const bits = source as Uint16Array
    return Float16 ? new Float16(bits.buffer, bits.byteOffset, bits.length) : bits
  }
  const encoded = fromNumbers('float16', source) as Uint16Array
  return Float16 ? new Float16(encoded.buffer, 0, encoded.length) : encoded
}

const inferred: Readonly<Record<string, NumericDType>> = {
  Float32Array: 'float32',
  Uint8Array: 'uint8',
  Int8Array: 'int8',
  Uint16Array: 'uint16',
  Int16Array: 'int16',
  Int32Array: 'int32',
  Float64Array: 'float64',
  Uint32Array: 'uint32',
  BigInt64Array: 'int64',
  BigUint64Array: 'uint64',
  Float16Array: 'float16',
}

function infer(source: unknown): [DType, HostData] {
  if (Array.isArray(source)) {
    if (typeof source[0] === 'string') return ['string', storageFor('string', source as string[])]
    if (typeof source[0] === 'boolean') return ['bool', storageFor('bool', source as boolean[])]
    throw new LanewiseError(
      'E_TENSOR',
      source.length === 0
        ? 'the type of a tensor cannot be told from an empty array'
        : `the type of a tensor cannot be told from ${typeof source[0]}s: name it first`,
    )
  }
  const name = arrayNameOf(source)
  if (name === 'Uint8ClampedArray') return ['uint8', unclamped(source)]
  if (name && Object.hasOwn(inferred, name)) return [inferred[name], source as TypedArray]
  throw new LanewiseError('E_TENSOR', 'the first argument of a tensor must be a type name or data')
}

function unclamped(source: unknown): Uint8Array {
  const { buffer, byteOffset, length } = source as Uint8ClampedArray
  return new Uint8Array(buffer, byteOffset, length)
}

function arrayName(type: DType): string {
  return packedBits(type) ? 'a Uint8Array of packed elements' : `a ${makeData(type, 0).constructor.name}`
}

/**
 * A user's tensor as the library keeps tensors, sharing memory where the storage is the same. @throws LanewiseError
 * `E_TENSOR` for a detached buffer.
 */
export function toHost(tensor: Tensor, name: string): HostTensor {
  const { dims, size, data } = tensor
  const type = tensor.type as DType
  const stored = storedElements(type, size)
  if (data.length !== stored && !(packedBits(type) && data.length === size)) {
    throw new LanewiseError('E_TENSOR', `the buffer of "${name}" was detached or resized`, {
      tensor: name,
      expected: String(stored),
      actual: String(data.length),
    })
  }
  // The buffer of an empty tensor may be detached unseen, and then nothing can be made of it.
  if (size === 0 && type !== 'string') return { dtype: type, shape: dims, data: makeData(type, 0) }
  const bits = packedBits(type)
  if (bits)
    return {
      dtype: type,
      shape: dims,
      data: data.length === stored ? unpack(type, data as Uint8Array, size, bits) : localData(type, data),
    }
  return { dtype: type, shape: dims, data: localData(type, data) }
}

/**
 * Puts a result into the tensor it was meant for, if {@link toHost} could not lend that tensor's own storage: packed
 * elements are unpacked for a run.
 */
export function writeBack(tensor: { readonly data?: unknown }, { dtype, data }: HostTensor): void {
  const bits = packedBits(dtype)
  const own = tensor.data as Uint8Array
  if (bits && own.length > 0 && own.buffer !== (data as TypedArray).buffer) own.set(pack(data as TypedArray, bits))
}

/** A tensor of the library for a user. */
export function fromHost({ dtype, shape, data }: HostTensor): Tensor {
  const bits = packedBits(dtype)
  return new Tensor(dtype, bits ? pack(data as TypedArray, bits) : data, shape)
}

function unpack(type: DType, packed: Uint8Array, size: number, bits: number): HostData {
  const data = makeData(type, size) as Int8Array | Uint8Array
  const perByte = 8 / bits
  for (let i = 0; i < size; i++) {
    const value = packed[Math.floor(i / perByte)] >> ((i % perByte) * bits)
    // Shifting left and back extends the sign of the signed types.
    data[i] = type.startsWith('int') ? (value << (32 - bits)) >> (32 - bits) : value & ((1 << bits) - 1)
  }
  return data
}

function pack(data: TypedArray, bits: number): Uint8Array {
  const perByte = 8 / bits
  const packed = new Uint8Array(Math.ceil(data.length / perByte))
  for (let i = 0; i < data.length; i++)
    packed[Math.floor(i / perByte)] |= (Number(data[i]) & ((1 << bits) - 1)) << ((i % perByte) * bits)
  return packed
}

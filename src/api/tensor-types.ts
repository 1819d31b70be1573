// The types of tensors: those of onnxruntime-common by name, so that code written against them compiles unchanged.
import type { DType } from '../core/dtype.js'
import type { PinnedTensor, Tensor, TensorData, TensorSource } from './tensor.js'

/**
 * A type of the environment (a browser's `ImageData`, a `GPUBuffer`) where its declarations are there, else the
 * fallback.
 */
export type GlobalType<Name extends string, Fallback = unknown> = typeof globalThis extends {
  readonly [K in Name]: { prototype: infer T }
}
  ? T
  : Fallback

/** `[Symbol.dispose]` where the compiler knows of it. */
export type MaybeDisposable = SymbolConstructor extends { readonly dispose: infer S extends symbol }
  ? { [K in S]: () => void }
  : object

/** `[Symbol.asyncDispose]` where the compiler knows of it. */
export type MaybeAsyncDisposable = SymbolConstructor extends { readonly asyncDispose: infer S extends symbol }
  ? { [K in S]: () => Promise<void> }
  : object

/** How the elements of each type are stored. */
export interface TensorDataTypeMap {
  float32: Float32Array
  uint8: Uint8Array
  int8: Int8Array
  uint16: Uint16Array
  int16: Int16Array
  int32: Int32Array
  int64: BigInt64Array
  string: string[]
  bool: Uint8Array
  /** `Float16Array` where the engine has it, the bits otherwise. */
  float16: Uint16Array
  float64: Float64Array
  uint32: Uint32Array
  uint64: BigUint64Array
  uint4: Uint8Array
  int4: Int8Array
}

/** What one element of each type is. */
export interface TensorElementTypeMap {
  float32: number
  uint8: number
  int8: number
  uint16: number
  int16: number
  int32: number
  int64: bigint
  string: string
  bool: boolean
  float16: number
  float64: number
  uint32: number
  uint64: bigint
  uint4: number
  int4: number
}

type Type = keyof TensorDataTypeMap

/** A tensor of a known element type. */
export interface TypedTensor<T extends Type> extends Tensor {
  readonly type: T
  readonly data: TensorDataTypeMap[T]
  getData(releaseData?: boolean): Promise<TensorDataTypeMap[T]>
  reshape(dims: readonly number[]): TypedTensor<T>
}

/** The order of colour channels; one of four has transparency. */
export type ImageFormat = 'RGB' | 'RGBA' | 'BGR' | 'RBG'
/** The order of axes of a tensor made of a picture. */
export type ImageTensorLayout = 'NHWC' | 'NCHW'

/**
 * How colours (0 to 255) and elements of a tensor relate: `(colour + bias) / mean` on the way in,
 * `(element - bias) * mean` out.
 */
export interface OptionsNormalizationParameters {
  /** Bias and mean, one for all channels or one for each in the order of channels; 0 and 255 by default. */
  norm?: {
    bias?: number | [number, number, number] | [number, number, number, number]
    mean?: number | [number, number, number] | [number, number, number, number]
  }
}

/** Options of {@link TensorFactory.fromImage}. */
export interface TensorFromImageOptions extends OptionsNormalizationParameters {
  /**
   * Rows and columns that are taken of the picture, from its upper left corner; what lies outside it is black and
   * transparent.
   */
  resizedHeight?: number
  /** Columns, see `resizedHeight`; all by default. */
  resizedWidth?: number
  /** Default `RGB`. */
  tensorFormat?: ImageFormat
  /** Only `NCHW`. */
  tensorLayout?: ImageTensorLayout
  /** Accepted as onnxruntime has it, without effect: elements are float32. */
  dataType?: 'float32' | 'uint8'
  /** Accepted as onnxruntime has it, without effect: pictures know their size. */
  height?: number
  /** Accepted as onnxruntime has it, without effect: pictures know their size. */
  width?: number
}
/** How `Tensor.fromImage` takes ImageData. */
export type TensorFromImageDataOptions = TensorFromImageOptions
/** How `Tensor.fromImage` takes an image element. */
export type TensorFromImageElementOptions = TensorFromImageOptions
/** How `Tensor.fromImage` takes an ImageBitmap. */
export type TensorFromImageBitmapOptions = TensorFromImageOptions
/** How `Tensor.fromImage` takes the picture at a URL. */
export type TensorFromUrlOptions = TensorFromImageOptions

/** Options of {@link Tensor.toImageData} and {@link Tensor.toDataURL}. */
export interface TensorToImageDataOptions extends OptionsNormalizationParameters {
  /** Default `NCHW`. */
  tensorLayout?: ImageTensorLayout
  /** The order of the tensor's channels. Default `RGB`. */
  format?: ImageFormat
}
/** How `toDataURL` reads a tensor as a picture. */
export type TensorToDataUrlOptions = TensorToImageDataOptions

/** A decoded picture of a browser. */
export type ImageSource = GlobalType<'ImageData'> | GlobalType<'HTMLImageElement'> | GlobalType<'ImageBitmap'> | string

/** Makes tensors of other things. */
export interface TensorFactory {
  /**
   * A picture as float32[1, channels, height, width]: `ImageData`, an `HTMLImageElement`, an `ImageBitmap` or an
   * address.
   *
   * @throws LanewiseError `E_UNSUPPORTED` where there is no canvas or for another layout, `E_VALUE` for options that do
   *   not go with the source, `E_EXTERNAL` if the address cannot be loaded.
   */
  fromImage(
    image: ImageSource,
    options?: TensorFromImageOptions,
  ): Promise<TypedTensor<'float32'> | TypedTensor<'uint8'>>
  /** A tensor over memory that the caller owns. @throws LanewiseError `E_TENSOR`. */
  fromPinnedBuffer<T extends Exclude<Type, 'string'>>(
    type: T,
    buffer: TensorDataTypeMap[T],
    dims?: readonly number[],
  ): TypedTensor<T>
  /** @throws LanewiseError `E_UNSUPPORTED`: nothing runs on a GPU here. */
  fromTexture(texture: unknown, options: object): TypedTensor<'float32'>
  /** @throws LanewiseError `E_UNSUPPORTED`: nothing runs on a GPU here. */
  fromGpuBuffer<T extends Type>(buffer: unknown, options: object): TypedTensor<T>
  /** @throws LanewiseError `E_UNSUPPORTED`: nothing runs on a GPU here. */
  fromMLTensor<T extends Type>(tensor: unknown, options: object): TypedTensor<T>
}

/** Makes tensors of a type (told from the data, if left out), elements and a shape (one axis, if left out). */
export interface TensorConstructor extends TensorFactory {
  /** What all tensors inherit from, as of any constructor. */
  readonly prototype: Tensor
  /** @throws LanewiseError `E_TENSOR` if type, data and dims do not fit each other; `E_UNSUPPORTED` for GPU memory. */
  new (type: 'string', data: readonly string[], dims?: readonly number[]): TypedTensor<'string'>
  new (type: 'bool', data: Uint8Array | readonly boolean[], dims?: readonly number[]): TypedTensor<'bool'>
  new (type: 'uint8', data: Uint8ClampedArray, dims?: readonly number[]): TypedTensor<'uint8'>
  new <T extends 'int64' | 'uint64'>(
    type: T,
    data: TensorDataTypeMap[T] | readonly bigint[] | readonly number[],
    dims?: readonly number[],
  ): TypedTensor<T>
  new <T extends Exclude<Type, 'string' | 'bool' | 'int64' | 'uint64'>>(
    type: T,
    data: TensorDataTypeMap[T] | readonly number[],
    dims?: readonly number[],
  ): TypedTensor<T>
  new (data: Float32Array, dims?: readonly number[]): TypedTensor<'float32'>
  new (data: Int8Array, dims?: readonly number[]): TypedTensor<'int8'>
  new (data: Uint8Array, dims?: readonly number[]): TypedTensor<'uint8'>
  new (data: Uint8ClampedArray, dims?: readonly number[]): TypedTensor<'uint8'>
  new (data: Uint16Array, dims?: readonly number[]): TypedTensor<'uint16'>
  new (data: Int16Array, dims?: readonly number[]): TypedTensor<'int16'>
  new (data: Int32Array, dims?: readonly number[]): TypedTensor<'int32'>
  new (data: BigInt64Array, dims?: readonly number[]): TypedTensor<'int64'>
  new (data: readonly string[], dims?: readonly number[]): TypedTensor<'string'>
  new (data: readonly boolean[], dims?: readonly number[]): TypedTensor<'bool'>
  new (data: Float64Array, dims?: readonly number[]): TypedTensor<'float64'>
  new (data: Uint32Array, dims?: readonly number[]): TypedTensor<'uint32'>
  new (data: BigUint64Array, dims?: readonly number[]): TypedTensor<'uint64'>
  /** Types beyond onnxruntime's: bfloat16, complex64 and so on. */
  new (type: DType, data: TensorSource, dims?: readonly number[]): Tensor
  new (data: TensorData, dims?: readonly number[]): Tensor
  new (pinned: PinnedTensor): Tensor
}

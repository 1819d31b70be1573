// Tensors as sessions take and give them, of this library and of onnxruntime.
import { LanewiseError } from '../core/errors.js'
import { decodeFloats } from '../core/floats.js'

/** A tensor of a session: of this library's, of onnxruntime's, or a plain object. */
export interface SessionTensor {
  /** The element type. */
  readonly type: string
  /** The elements in logical order. */
  readonly data: unknown
  /** The shape, outermost axis first. */
  readonly dims: readonly number[]
}

/** What is asked of a session: an `InferenceSession` of this library or of onnxruntime-web is one. */
export interface GenerationSession {
  /** Names of the inputs, in the model's order. */
  readonly inputNames: readonly string[]
  /** Names of the outputs, in the model's order. */
  readonly outputNames: readonly string[]
  /** Name, element type and shape of every input, as far as the model says them. */
  readonly inputMetadata: readonly {
    readonly name: string
    readonly isTensor: boolean
    readonly type?: string
    readonly shape?: readonly (number | string)[]
  }[]
  /** Inputs that it keeps itself from run to run, with the outputs that they are. */
  readonly states?: Readonly<Record<string, string>>
  /** Runs the model: the outputs that are named in `fetches`, by name. */
  run(feeds: never, fetches: never): Promise<Readonly<Record<string, SessionTensor>>>
}

/** A tensor as both libraries' sessions take it. @internal */
export function tensorOf(type: string, data: ArrayLike<unknown>, dims: readonly number[]): SessionTensor {
  return { type, data, dims, location: 'cpu', size: data.length } as SessionTensor
}

/**
 * Whole numbers in the type that an input has.
 *
 * @param declared - the input's axes: a single number for one without axes has none.
 * @throws LanewiseError `E_UNSUPPORTED` for a type that does not hold them. @internal
 */
export function integerTensor(
  name: string,
  type: string,
  values: readonly number[],
  dims: readonly number[],
  declared: readonly unknown[] = dims,
): SessionTensor {
  const shape = declared.length === 0 && dims.length === 1 && dims[0] === 1 ? [] : dims
  switch (type) {
    case 'int32':
      return tensorOf(type, Int32Array.from(values), shape)
    case 'bool':
      return tensorOf(type, Uint8Array.from(values), shape)
    case 'float32':
      return tensorOf(type, Float32Array.from(values), shape)
    case 'int64':
      return tensorOf(type, BigInt64Array.from(values, BigInt), shape)
    default:
      throw new LanewiseError('E_UNSUPPORTED', `"${name}" is of type ${type}`, { tensor: name, actual: type })
  }
}

/** Entries of an axis, in this order. @internal */
export function rowsOf(tensor: SessionTensor, from: readonly number[], axis: number): SessionTensor {
  const { dims, type } = tensor
  const data = tensor.data as Float32Array
  const outer = dims.slice(0, axis).reduce((product, size) => product * size, 1)
  const inner = dims.slice(axis + 1).reduce((product, size) => product * size, 1)
  const Type = data.constructor as new (length: number) => Float32Array
  const result = new Type(outer * from.length * inner)
  for (let o = 0; o < outer; o++)
    from.forEach((index, i) => {
      const at = (o * dims[axis] + index) * inner
      result.set(data.subarray(at, at + inner), (o * from.length + i) * inner)
    })
  return tensorOf(type, result, [...dims.slice(0, axis), from.length, ...dims.slice(axis + 1)])
}

/** The first entries of an axis. @internal */
export function firstOf(tensor: SessionTensor, count: number, axis: number): SessionTensor {
  const { dims, type } = tensor
  const data = tensor.data as Float32Array
  const outer = dims.slice(0, axis).reduce((product, size) => product * size, 1)
  const inner = dims.slice(axis + 1).reduce((product, size) => product * size, 1)
  const Type = data.constructor as new (length: number) => Float32Array
  const result = new Type(outer * count * inner)
  for (let o = 0; o < outer; o++) {
    const at = o * dims[axis] * inner
    result.set(data.subarray(at, at + count * inner), o * count * inner)
  }
  return tensorOf(type, result, [...dims.slice(0, axis), count, ...dims.slice(axis + 1)])
}

/**
 * The scores of every sequence: a list of rows for each, of which there may be fewer than tokens were given. @internal
 */
export function scoresOf(tensor: SessionTensor, batch: number, name: string): Float32Array[][] {
  const { dims, type } = tensor
  const width = dims.at(-1) ?? 0
  const data = floatsOf(tensor)
  const rows = data.length / width / batch
  if (!data.length || !Number.isInteger(rows))
    throw new LanewiseError('E_SHAPE', `"${name}" (${type}[${dims.join(',')}]) has no scores for ${batch} sequences`, {
      tensor: name,
    })
  return Array.from({ length: batch }, (_, b) =>
    Array.from({ length: rows }, (_, i) => data.subarray((b * rows + i) * width, (b * rows + i + 1) * width)),
  )
}

/** @throws LanewiseError `E_UNSUPPORTED` for what is not float32 or float16. @internal */
export function floatsOf({ type, data }: SessionTensor): Float32Array {
  if (type === 'float32') return data as Float32Array
  if (type === 'float16')
    return data instanceof Uint16Array ? decodeFloats('float16', data) : Float32Array.from(data as ArrayLike<number>)
  throw new LanewiseError('E_UNSUPPORTED', `floats are wanted, not ${type}`, { actual: type })
}

import { viewData, type DType, type NumericDType, type TypedArray } from '../src/core/dtype.js'
import { rawBytes, type HostTensor } from '../src/core/host.js'

export type Feeds = ReadonlyMap<string, HostTensor>

/** What a peer that reads no ONNX has to do; weights are in ONNX's order, `x` is the input. */
export type Layer =
  | { readonly kind: 'matmul' }
  | { readonly kind: 'conv'; readonly stride: number; readonly pad: number; readonly group: number }
  | { readonly kind: 'unary'; readonly op: string }

export interface Identity {
  readonly model: Uint8Array
  readonly feeds: readonly Feeds[]
}

/** One thing to measure: a model and a few inputs for it, used in turn. */
export interface Work {
  readonly suite: string
  /** Works of a group are summed up together: "conv 3x3". */
  readonly group: string
  readonly name: string
  readonly model: Uint8Array
  /** The same model before it was quantised. */
  readonly float32?: Uint8Array
  readonly feeds: readonly Feeds[]
  readonly layer?: Layer
  readonly weights?: Feeds
  /** Of the direct algorithm. */
  readonly flops?: number
  /** Bytes that have to be read from memory, where that is what bounds the work. */
  readonly bytesRead?: number
  /**
   * Inputs that Lanewise keeps from run to run, with the outputs that they become; peers are handed them in every run.
   */
  readonly states?: Readonly<Record<string, string>>
  /**
   * Every round is another session, which runs so many of its inputs untimed and then each of the others once: what a
   * session takes that has not met them before.
   */
  readonly firstMet?: number
  /**
   * An Identity of the input, and one of the output where that has another size: the mean of their runs is what a run
   * costs without the kernel.
   */
  readonly identities?: readonly Identity[]
  /** By output: how far it may be off beyond what floats are, see outputStep. */
  readonly steps?: Readonly<Record<string, number>>
}

/** A work whose model takes a while to make: only what is asked for is. */
export interface LaterWork extends Pick<Work, 'suite' | 'group' | 'name'> {
  later(): Promise<Work>
}

interface Place {
  readonly at: number
  readonly bytes: number
}
interface TensorPlace extends Place {
  readonly name: string
  readonly dtype: DType
  readonly shape: readonly number[]
}

interface Header extends Omit<Work, 'model' | 'float32' | 'feeds' | 'weights' | 'identities'> {
  readonly model: Place
  readonly float32?: Place
  readonly feeds: readonly (readonly TensorPlace[])[]
  readonly weights?: readonly TensorPlace[]
  readonly identities?: readonly { readonly model: Place; readonly feeds: readonly (readonly TensorPlace[])[] }[]
}

/** A work as bytes, for an engine in another process. String tensors are not measured. */
export function serializeWork({ model, float32, feeds, weights, identities, ...rest }: Work): Uint8Array {
  const chunks: Uint8Array[] = []
  let length = 0
  const place = (bytes: Uint8Array): Place => {
    const at = length
    chunks.push(bytes)
    length += Math.ceil(bytes.length / 8) * 8
    return { at, bytes: bytes.length }
  }
  const tensors = (map: Feeds): TensorPlace[] =>
    [...map].map(([name, { dtype, shape, data }]) => ({ name, dtype, shape, ...place(rawBytes(data as TypedArray)) }))
  const header = new TextEncoder().encode(
    JSON.stringify({
      ...rest,
      model: place(model),
      float32: float32 && place(float32),
      feeds: feeds.map(tensors),
      weights: weights && tensors(weights),
      identities: identities?.map((identity) => ({ model: place(identity.model), feeds: identity.feeds.map(tensors) })),
    }),
  )
  const start = Math.ceil((4 + header.length) / 8) * 8
  const out = new Uint8Array(start + length)
  new DataView(out.buffer).setUint32(0, header.length, true)
  out.set(header, 4)
  let at = start
  for (const chunk of chunks) {
    out.set(chunk, at)
    at += Math.ceil(chunk.length / 8) * 8
  }
  return out
}

/** The reverse of {@link serializeWork}; tensors are views of the buffer. */
export function parseWork(buffer: ArrayBuffer): Work {
  const size = new DataView(buffer).getUint32(0, true)
  const start = Math.ceil((4 + size) / 8) * 8
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, size))) as Header
  const bytes = ({ at, bytes: length }: Place): Uint8Array => new Uint8Array(buffer, start + at, length)
  const tensors = (places: readonly TensorPlace[]): Feeds =>
    new Map(
      places.map(({ name, dtype, shape, at }) => {
        const count = shape.reduce((a, b) => a * b, 1)
        return [name, { dtype, shape, data: viewData(dtype as NumericDType, buffer, start + at, count) }]
      }),
    )
  return {
    ...header,
    model: bytes(header.model),
    float32: header.float32 && bytes(header.float32),
    feeds: header.feeds.map(tensors),
    weights: header.weights && tensors(header.weights),
    identities: header.identities?.map((identity) => ({
      model: bytes(identity.model),
      feeds: identity.feeds.map(tensors),
    })),
  }
}

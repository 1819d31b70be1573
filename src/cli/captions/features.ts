import { loadGraph, type ModelGraph } from '../../api/graph/model-graph.js'
import { InferenceSession } from '../../api/session.js'
import { Tensor } from '../../api/tensor.js'
import { LanewiseError } from '../../core/errors.js'
import { planesOf, resizedPicture, type Picture } from '../../data/picture.js'
import type { Value } from '../../ir/graph.js'
import { exportModel } from '../../onnx/export-any.js'
import { sha256Of } from '../../platform/checksum.js'
import { readBytes } from '../../platform/node-files.js'

/** Mean and deviation of the channels of ImageNet: what torchvision's networks are trained with. */
const MEAN = [0.485, 0.456, 0.406]
const DEVIATION = [0.229, 0.224, 0.225]

/** How pixels 0 … 1 are fed: minus mean, by deviation (`imagenet`), or as −1 … 1 (`signed`). */
export type PixelRange = 'imagenet' | 'signed'

/** What a network sees at each place of a picture. */
export interface PictureFeatures {
  /** [rows · columns, channels], rows from the top. */
  readonly data: Float32Array
  readonly rows: number
  readonly columns: number
  readonly channels: number
}

/** Which network is used, and how. */
export interface FeatureOptions {
  /** The side that pictures are scaled to; 224 by default. */
  readonly side?: number
  readonly pixels?: PixelRange
  /** The value that is taken; by default what goes into the pooling over the whole picture. */
  readonly value?: string
}

/**
 * A network for classifying pictures without its end: MobileNetV2 without its last two layers gives 1280 numbers at
 * each of 7×7 places of 224 pixels, 4×4 of 112.
 */
export class FeatureNetwork {
  static readonly name: string = 'FeatureNetwork'

  private constructor(
    private readonly session: InferenceSession,
    readonly side: number,
    private readonly pixels: PixelRange,
    /** SHA-256 of the file: features of another network are other features. */
    readonly print: string,
    readonly value: string,
  ) {}

  /**
   * @param source - a path, or the bytes of a file. @throws LanewiseError `E_VALUE` for a model that has no such value,
   *   and as `loadGraph` does.
   */
  static async load(
    source: string | Uint8Array,
    { side = 224, pixels = 'imagenet', value }: FeatureOptions = {},
  ): Promise<FeatureNetwork> {
    const path = typeof source === 'string' ? source : 'the network of the features'
    const bytes = typeof source === 'string' ? await readBytes(source) : source
    const graph = await loadGraph(bytes)
    const end = value ?? pooledValue(graph, path).name
    const part = graph.extract([end])
    const [input] = part.inputs
    if (part.inputs.length !== 1 || input.declared?.kind !== 'tensor')
      throw new LanewiseError('E_VALUE', `${path} has ${part.inputs.length} inputs: a network for pictures has one`)
    // Exports often fix batch and size although every layer would take others.
    input.declared = { ...input.declared, shape: ['N', 3, side, side] }
    part.declareOutputs()
    const session = await InferenceSession.create(exportModel(part))
    return new FeatureNetwork(session, side, pixels, sha256Of(bytes), end)
  }

  /** @param mirrored - left and right changed. */
  async of(pictures: readonly Picture[], mirrored = false): Promise<PictureFeatures[]> {
    const { side, session } = this
    const area = side * side
    const data = new Float32Array(pictures.length * 3 * area)
    for (const [i, picture] of pictures.entries()) data.set(this.input(picture, mirrored), 3 * area * i)
    const [name] = session.outputNames
    const results = await session.run({
      [session.inputNames[0]]: new Tensor('float32', data, [pictures.length, 3, side, side]),
    })
    const { dims, data: values } = results[name]
    if (dims.length !== 4)
      throw new LanewiseError(
        'E_SHAPE',
        `"${this.value}" has ${dims.length} axes: features are [N, channels, rows, columns]`,
        {
          tensor: this.value,
        },
      )
    const [, channels, rows, columns] = dims
    const places = rows * columns
    return pictures.map((_, i) => ({
      rows,
      columns,
      channels,
      data: transposed((values as Float32Array).subarray(i * channels * places, (i + 1) * channels * places), places),
    }))
  }

  release(): Promise<void> {
    return this.session.release()
  }

  private input(picture: Picture, mirrored: boolean): Float32Array {
    const { side } = this
    const { width, height } = picture
    const { data } = width === side && height === side ? picture : resizedPicture(picture, side, side)
    const planes = planesOf(data, 3)
    const area = side * side
    for (let c = 0; c < 3; c++) {
      const [mean, deviation] = this.pixels === 'imagenet' ? [MEAN[c], DEVIATION[c]] : [0.5, 0.5]
      const plane = planes.subarray(c * area, (c + 1) * area)
      for (let i = 0; i < area; i++) plane[i] = (plane[i] - mean) / deviation
      if (mirrored) for (let row = 0; row < side; row++) plane.subarray(row * side, (row + 1) * side).reverse()
    }
    return planes
  }
}

/** [channels, places] as [places, channels]. */
function transposed(data: Float32Array, places: number): Float32Array {
  const channels = data.length / places
  const out = new Float32Array(data.length)
  for (let c = 0; c < channels; c++) for (let p = 0; p < places; p++) out[p * channels + c] = data[c * places + p]
  return out
}

/** What is pooled over the whole picture, at the end. */
function pooledValue(graph: ModelGraph, path: string): Value {
  const pools = graph.nodes.filter(({ op }) => op.name === 'GlobalAveragePool' || op.name === 'ReduceMean')
  const pooled = pools.at(-1)?.inputs[0]
  if (pooled) return pooled
  throw new LanewiseError('E_VALUE', `${path} pools nothing over the whole picture: say which value its features are`)
}

/**
 * Places of a square grid that each place of a smaller one is the mean of, as in adaptive pooling: of 7 rows and 4,
 * rows 0–1, 1–3, 3–5 and 5–6.
 */
export function pooledPlaces(from: number, to: number): number[][] {
  const cut = (i: number): [number, number] => [Math.floor((i * from) / to), Math.ceil(((i + 1) * from) / to)]
  return Array.from({ length: to * to }, (_, place) => {
    const [top, bottom] = cut(Math.floor(place / to))
    const [left, right] = cut(place % to)
    const places: number[] = []
    for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) places.push(y * from + x)
    return places
  })
}

/**
 * Means of features over a grid of so many rows and columns. @throws LanewiseError `E_SHAPE` if the features are no
 * square of places, or fewer.
 */
export function pooledFeatures(features: PictureFeatures, grid: number): PictureFeatures {
  const { data, rows, columns, channels } = features
  if (rows === grid && columns === grid) return features
  if (rows !== columns || rows < grid)
    throw new LanewiseError('E_SHAPE', `features of ${rows}×${columns} places are not pooled to ${grid}×${grid}`)
  const out = new Float32Array(grid * grid * channels)
  for (const [place, group] of pooledPlaces(rows, grid).entries())
    for (const from of group)
      for (let c = 0; c < channels; c++) out[place * channels + c] += data[from * channels + c] / group.length
  return { data: out, rows: grid, columns: grid, channels }
}

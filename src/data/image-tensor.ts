import { LanewiseError } from '../core/errors.js'
import { isFloat, type DType } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { numericTensor } from '../ops/shared/scalar-floats.js'
import { formatShape, type Shape } from '../core/shape.js'
import { readBytes } from '../platform/node-files.js'
import { loadOptional } from '../platform/optional.js'
import { checkPixels, MAX_PIXELS } from './picture.js'

/** How the pixels of a picture become numbers. */
export interface ImageOptions {
  /** Width and height in pixels where the model's input leaves them open; the picture's own by default. */
  readonly size?: { readonly width: number; readonly height: number }
  /** Keep the proportions and cut what stands out, instead of stretching. */
  readonly crop: boolean
  /** Each pixel value 0…255 is multiplied with this; default 1/255 for floats, 1 for integers. */
  readonly scale?: number
  /** Subtracted afterwards, per channel. */
  readonly mean: readonly number[]
  /** Divided by at last, per channel. */
  readonly std: readonly number[]
  /** Whether blue comes first, instead of red. */
  readonly bgr: boolean
  /**
   * Whether channels are an axis before rows and columns (`nchw`) or after them; told from the input's shape by
   * default.
   */
  readonly layout?: 'nchw' | 'nhwc'
}

/** Where batch, channels, height and width stand in a shape; a shape of three axes has no batch. */
interface Frame {
  readonly layout: 'nchw' | 'nhwc'
  readonly channels: number
  readonly height: number | undefined
  readonly width: number | undefined
}

/**
 * A picture as an input of a model.
 *
 * @param declared - the input's shape; a string is a size that is free.
 * @throws LanewiseError `E_UNSUPPORTED` without the package sharp, `E_TENSOR` if the file is no picture or the input
 *   takes none.
 */
export async function imageTensor(
  path: string,
  input: string,
  dtype: DType,
  declared: readonly (number | string)[],
  options: ImageOptions,
): Promise<HostTensor> {
  const { layout, channels, height: fixedHeight, width: fixedWidth } = frameOf(input, declared, options.layout)
  const bytes = await readBytes(path)
  const { default: sharp } = await loadOptional<typeof import('sharp')>('sharp', 'a picture as input')
  await checkPicture(path, () => sharp(bytes, { limitInputPixels: false }).metadata())
  let pixels: {
    readonly data: Uint8Array
    readonly info: { readonly width: number; readonly height: number; readonly channels: number }
  }
  try {
    // Of no bytes at all sharp makes no picture that could be asked.
    const picture = sharp(bytes, { failOn: 'error', limitInputPixels: MAX_PIXELS })
      .rotate()
      // As `lanewise/train` does with pictures of data sets.
      .flatten({ background: '#ffffff' })
      .toColourspace(channels === 1 ? 'b-w' : 'srgb')
    const width = fixedWidth ?? options.size?.width
    const height = fixedHeight ?? options.size?.height
    const sized =
      width === undefined && height === undefined
        ? picture
        : picture.resize({ width, height, fit: options.crop ? 'cover' : 'fill' })
    pixels = await sized.raw().toBuffer({ resolveWithObject: true })
  } catch (cause) {
    throw new LanewiseError('E_TENSOR', `the picture ${path} cannot be read: ${(cause as Error).message}`, {
      tensor: input,
      cause,
    })
  }
  const { width, height } = pixels.info
  const given = pixels.info.channels
  for (const [name, values] of [
    ['mean', options.mean],
    ['std', options.std],
  ] as const) {
    if (values.length !== 1 && values.length !== channels)
      throw new LanewiseError(
        'E_VALUE',
        `${name} has ${values.length} values, the input "${input}" has ${channels} channels`,
      )
  }
  const scale = options.scale ?? (isFloat(dtype) ? 1 / 255 : 1)
  const area = width * height
  const numbers = new Float32Array(area * channels)
  for (let c = 0; c < channels; c++) {
    const from = Math.min(options.bgr ? channels - 1 - c : c, given - 1)
    const mean = options.mean[c % options.mean.length]
    const std = options.std[c % options.std.length]
    for (let i = 0; i < area; i++) {
      numbers[layout === 'nchw' ? c * area + i : i * channels + c] =
        (pixels.data[i * given + from] * scale - mean) / std
    }
  }
  const frame = layout === 'nchw' ? [channels, height, width] : [height, width, channels]
  const shape: Shape = declared.length === 4 ? [1, ...frame] : frame
  return numericTensor(dtype, shape, isFloat(dtype) ? numbers : numbers.map(Math.round))
}

/** Looks at the size of a picture before any pixel is decoded. */
async function checkPicture(path: string, read: () => Promise<{ width: number; height: number }>): Promise<void> {
  let size
  try {
    size = await read()
  } catch {
    // Decoding it says what is wrong.
    return
  }
  checkPixels(size.width, size.height, path)
}

/** @throws LanewiseError `E_TENSOR` if an input of this shape takes no pictures. */
export function checkTakesPictures(
  input: string,
  declared: readonly (number | string)[],
  { layout }: ImageOptions,
): void {
  frameOf(input, declared, layout)
}

function frameOf(input: string, declared: readonly (number | string)[], wanted: 'nchw' | 'nhwc' | undefined): Frame {
  const shape = declared.length === 4 ? declared.slice(1) : declared
  const refuse = (why: string): never => {
    throw new LanewiseError(
      'E_TENSOR',
      `the input "${input}" of shape ${formatShape(declared)} takes no picture: ${why}`,
      { tensor: input },
    )
  }
  if (shape.length !== 3) refuse('a picture has 3 axes, or 4 with the batch')
  const fits = (axis: number | string) => axis === 1 || axis === 3
  const layout = wanted ?? (fits(shape[0]) ? 'nchw' : fits(shape[2]) ? 'nhwc' : 'nchw')
  const [channels, height, width] = layout === 'nchw' ? shape : [shape[2], shape[0], shape[1]]
  if (typeof channels === 'number' && !fits(channels))
    refuse(`it would have ${channels} channels, pictures have 1 or 3`)
  const size = (axis: number | string) => (typeof axis === 'number' ? axis : undefined)
  return { layout, channels: size(channels) ?? 3, height: size(height), width: size(width) }
}

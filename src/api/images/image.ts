// Pictures of a browser as tensors, with the options and the results of onnxruntime-common. Loaded when a picture
// comes.
import { LanewiseError } from '../../core/errors.js'
import { tagOf } from '../../core/realm.js'
import { canvasOf } from './image-data.js'
import type { ImageFormat, ImageSource, TensorFromImageOptions } from '../tensor-types.js'

interface Picture {
  readonly data: Uint8ClampedArray
  readonly width: number
  readonly height: number
}

/** Where red, green, blue and opacity of a pixel go: channels of the tensor. */
const channelsOf: Readonly<Record<ImageFormat, readonly number[]>> = {
  RGB: [0, 1, 2],
  RGBA: [0, 1, 2, 3],
  BGR: [2, 1, 0],
  RBG: [0, 2, 1],
}

/** A picture's colours as float32, channel by channel. */
export async function pixelsOf(
  image: ImageSource,
  given?: TensorFromImageOptions,
): Promise<{ pixels: Float32Array; shape: number[] }> {
  if (image === undefined || image === null)
    throw new LanewiseError('E_VALUE', `there is no picture: got ${String(image)}`)
  const options = given ?? {}
  if (options.tensorLayout === 'NHWC')
    throw new LanewiseError('E_UNSUPPORTED', 'pictures become tensors of layout NCHW only')
  const kind = typeof image === 'string' ? 'string' : tagOf(image)
  // An element is drawn with its transparency, whatever is asked for: as in onnxruntime.
  if (kind === 'HTMLImageElement' && options.tensorFormat !== undefined)
    throw new LanewiseError('E_VALUE', 'the tensorFormat of an HTMLImageElement is RGBA and cannot be given')
  const format = kind === 'HTMLImageElement' ? 'RGBA' : (options.tensorFormat ?? 'RGB')
  if (!Object.hasOwn(channelsOf, format))
    throw new LanewiseError(
      'E_VALUE',
      `tensorFormat must be one of ${Object.keys(channelsOf).join(', ')}, got ${format}`,
    )
  const { data, width, height } = await pictureOf(image, kind, given)
  const order = channelsOf[format]
  const { norm = {} } = options
  const mean = perChannel(norm.mean, 255)
  const bias = perChannel(norm.bias, 0)
  const count = width * height
  const pixels = new Float32Array(count * order.length)
  order.forEach((to, channel) => {
    for (let i = 0; i < count; i++) pixels[to * count + i] = (data[4 * i + channel] + bias[channel]) / mean[channel]
  })
  return { pixels, shape: [1, order.length, height, width] }
}

function perChannel(given: number | readonly number[] | undefined, standard: number): number[] {
  return Array.from({ length: 4 }, (_, i) => (typeof given === 'number' ? given : (given?.[i] ?? standard)))
}

async function pictureOf(image: ImageSource, kind: string, options?: TensorFromImageOptions): Promise<Picture> {
  if (kind === 'string') {
    const element = await loaded(image as string)
    const { width, height } = element
    return drawn(element, width, height, width, height)
  }
  const source = image as CanvasImageSource & { readonly width: number; readonly height: number }
  const { resizedWidth, resizedHeight } = options ?? {}
  const resized = resizedWidth !== undefined && resizedHeight !== undefined
  const width = resized ? resizedWidth : source.width
  const height = resized ? resizedHeight : source.height
  if (kind === 'ImageData') {
    const data = image as ImageData
    // With options, onnxruntime has a canvas copy even what keeps its size: colours that are nearly transparent lose
    // digits there.
    if (!options) return data
    const context = canvasOf(width, height).getContext('2d') as CanvasRenderingContext2D
    context.putImageData(data, 0, 0)
    return context.getImageData(0, 0, width, height)
  }
  if (kind === 'HTMLImageElement') return drawn(source, source.width, source.height, width, height)
  if (kind === 'ImageBitmap') return drawn(source, source.width, source.height, source.width, source.height)
  throw new LanewiseError(
    'E_VALUE',
    `a picture must be ImageData, an HTMLImageElement, an ImageBitmap or an address, got ${kind}`,
  )
}

/** What a canvas of the source's size shows of it; what is asked for beyond that is transparent. */
function drawn(source: CanvasImageSource, from: number, rows: number, width: number, height: number): Picture {
  const context = canvasOf(from, rows).getContext('2d') as CanvasRenderingContext2D
  context.drawImage(source, 0, 0)
  return context.getImageData(0, 0, width, height)
}

function loaded(address: string): Promise<HTMLImageElement> {
  if (typeof Image === 'undefined')
    throw new LanewiseError('E_UNSUPPORTED', 'pictures are loaded by their address in a page only')
  const element = new Image()
  element.crossOrigin = 'anonymous'
  return new Promise((resolve, reject) => {
    element.onload = () => resolve(element)
    element.onerror = () => reject(new LanewiseError('E_EXTERNAL', `the picture ${address} cannot be loaded`))
    element.src = address
  })
}

// Tensors as pictures of a browser.
import { LanewiseError } from '../../core/errors.js'
import { formatShape } from '../../core/shape.js'
import type { Tensor } from '../tensor.js'
import type { GlobalType, TensorToImageDataOptions } from '../tensor-types.js'

/** @throws LanewiseError `E_UNSUPPORTED` where nothing can be drawn. */
export function canvasOf(width: number, height: number): HTMLCanvasElement | OffscreenCanvas {
  if (typeof document !== 'undefined') return Object.assign(document.createElement('canvas'), { width, height })
  if (typeof OffscreenCanvas !== 'undefined') return new OffscreenCanvas(width, height)
  throw new LanewiseError('E_UNSUPPORTED', 'pictures need a canvas, which only browsers have')
}

/** Elements [1, channels, height, width], or channels last, as `ImageData`. */
export function imageDataOf(
  { dims, data }: Tensor,
  { format, tensorLayout, norm = {} }: TensorToImageDataOptions = {},
): GlobalType<'ImageData'> {
  const last = tensorLayout === 'NHWC'
  const [height, width, channels] = last ? dims.slice(1) : [dims[2], dims[3], dims[1]]
  const order = (format ?? (channels === 4 ? 'RGBA' : 'RGB')).toUpperCase()
  if (dims.length !== 4 || dims[0] !== 1 || order.length !== channels || !/^[RGBA]+$/.test(order))
    throw new LanewiseError('E_SHAPE', `a tensor of shape ${formatShape(dims)} is no picture of channels ${order}`)
  if (typeof ImageData === 'undefined') canvasOf(1, 1)
  const picture = new ImageData(width, height)
  picture.data.fill(255)
  const count = width * height
  for (let c = 0; c < channels; c++) {
    const channel = 'RGBA'.indexOf(order[c])
    const { mean = 255, bias = 0 } = norm
    const scale = typeof mean === 'number' ? mean : (mean[channel] ?? 255)
    const shift = typeof bias === 'number' ? bias : (bias[channel] ?? 0)
    for (let i = 0; i < count; i++)
      picture.data[4 * i + channel] = (Number(data[last ? i * channels + c : c * count + i]) - shift) * scale
  }
  return picture
}

/** The same as the address of a PNG. */
export function dataUrlOf(tensor: Tensor, options?: TensorToImageDataOptions): string {
  const picture = imageDataOf(tensor, options)
  const canvas = canvasOf(picture.width, picture.height)
  if (!('toDataURL' in canvas)) throw new LanewiseError('E_UNSUPPORTED', 'toDataURL needs the canvas of a page')
  canvas.getContext('2d')?.putImageData(picture, 0, 0)
  return canvas.toDataURL()
}

import type { Picture } from '../../src/data/picture.js'

/** Larger pictures are made smaller before anything looks at them. */
const MOST_SIDE = 1600

/** The pixels of what a browser can draw: red, green and blue from 0 to 1, transparent ones on white. */
export function pixelsOf(source: ImageBitmap | HTMLVideoElement | HTMLCanvasElement, most = MOST_SIDE): Picture {
  const [wide, high] = 'videoWidth' in source ? [source.videoWidth, source.videoHeight] : [source.width, source.height]
  const scale = Math.min(1, most / Math.max(wide, high))
  const [width, height] = [Math.max(1, Math.round(wide * scale)), Math.max(1, Math.round(high * scale))]
  const canvas = new OffscreenCanvas(width, height)
  const context = canvas.getContext('2d', { willReadFrequently: true })
  if (!context) throw new Error('this browser draws no more canvases')
  context.fillStyle = '#fff'
  context.fillRect(0, 0, width, height)
  context.drawImage(source, 0, 0, width, height)
  const rgba = context.getImageData(0, 0, width, height).data
  const data = new Float32Array(3 * width * height)
  for (let i = 0; i < width * height; i++) for (let c = 0; c < 3; c++) data[3 * i + c] = rgba[4 * i + c] / 255
  return { width, height, channels: 3, data }
}

/** The picture of a file that somebody chose. @throws Error that says so if it is none. */
export async function readPicture(file: Blob, name: string): Promise<Picture> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error(`${name} is no picture that this browser can read`)
  })
  try {
    return pixelsOf(bitmap)
  } finally {
    bitmap.close()
  }
}

/** Greys, by the weights of ITU-R BT.601. */
export function greyOf({ width, height, data }: Picture): Picture {
  const grey = Float32Array.from(
    { length: width * height },
    (_, i) => 0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2],
  )
  return { width, height, channels: 1, data: grey }
}

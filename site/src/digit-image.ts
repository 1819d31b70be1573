import { drawLine, type Stroke } from '../../src/data/strokes.js'

/** Pixels on a side, as MNIST has them. */
export const SIDE = 28
/** MNIST's digits fill a box of this side, and their centre of mass is in the middle. */
const BOX = 20
/** The pen, in those pixels. */
const PEN = 1.1
/** Drawings smaller than this share of the pad are dots and are not enlarged to fill the box. */
const LEAST = 0.12

/**
 * What a network trained on MNIST expects of a drawing: 28 × 28 numbers from 0 (paper) to 1 (ink), scaled to a box of
 * 20 pixels and centred by mass. Coordinates of strokes are shares of the pad, y downwards.
 */
export function digitImage(strokes: readonly Stroke[]): Float32Array<ArrayBuffer> {
  const empty = new Float32Array(SIDE * SIDE)
  const points = strokes.flat()
  if (points.length === 0) return empty
  const [xs, ys] = [points.map(([x]) => x), points.map(([, y]) => y)]
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
  const scale = (BOX - 2 * PEN - 1) / Math.max(right - left, bottom - top, LEAST)
  const inked = (dx: number, dy: number) => {
    const image = new Float32Array(SIDE * SIDE)
    const at = ([x, y]: readonly [number, number]) =>
      [(x - (left + right) / 2) * scale + dx, (y - (top + bottom) / 2) * scale + dy] as const
    for (const stroke of strokes)
      stroke.forEach((point, i) => drawLine(image, SIDE, at(stroke[Math.max(0, i - 1)]), at(point), PEN))
    return image
  }
  const middle = (SIDE - 1) / 2
  const first = inked(middle, middle)
  let [mass, x, y] = [0, 0, 0]
  first.forEach((ink, i) => {
    mass += ink
    x += ink * (i % SIDE)
    y += ink * Math.floor(i / SIDE)
  })
  return inked(2 * middle - x / mass, 2 * middle - y / mass)
}

/** Puts a picture of one channel on a canvas, ink in the colour of the text. */
export function paint(canvas: HTMLCanvasElement, image: ArrayLike<number>): void {
  const side = Math.round(Math.sqrt(image.length))
  canvas.width = canvas.height = side
  const context = canvas.getContext('2d')
  if (!context) return
  const pixels = context.createImageData(side, side)
  const [r, g, b] = inkColour(canvas)
  for (let i = 0; i < image.length; i++) pixels.data.set([r, g, b, Math.round(255 * image[i])], 4 * i)
  context.putImageData(pixels, 0, 0)
}

function inkColour(element: Element): number[] {
  return (getComputedStyle(element).color.match(/[\d.]+/g) ?? ['0', '0', '0']).slice(0, 3).map(Number)
}

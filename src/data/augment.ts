import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { cos, sin } from '../core/scalar-functions.js'
import type { Random } from '../core/random.js'
import { formatShape } from '../core/shape.js'
import { Tensor } from '../api/tensor.js'
import { fieldOf, type Fields } from './dataset.js'

/** Changes a picture [channels, height, width], float32, at random. */
export type Augmentation = (image: Tensor, random: Random) => Tensor

/**
 * The `transform` of a loader that sends the pictures of a field through augmentations, one after the other.
 *
 * @example
 * import { augment, DataLoader, distort, generateDigits, noise } from 'lanewise/train'
 *
 * const transform = augment('image', distort({ rotate: 10, shift: 2, elastic: 1 }), noise(0.02))
 * const loader = new DataLoader(generateDigits(100, 1), { batchSize: 50, shuffle: true, seed: 1, transform })
 * for await (const { image } of loader) console.log(image.dims)
 */
export function augment(
  field: string,
  ...changes: readonly Augmentation[]
): (example: Fields, random: Random) => Fields {
  checkArguments('augment', { field }, 'string')

  return (example, random) => ({
    ...example,
    [field]: changes.reduce((image, change) => change(image, random), fieldOf(example, field)),
  })
}

/** How far a picture may be turned, moved, scaled and bent. */
export interface Distortion {
  /** Turned by up to so many degrees, either way. */
  readonly rotate?: number
  /** Moved by up to so many pixels, across and down. */
  readonly shift?: number
  /** Larger or smaller by up to this share: 0.1 is from 0.9 to 1.1, across and down each for itself. */
  readonly zoom?: number
  /** Slanted by up to this share of the height. */
  readonly shear?: number
  /**
   * Bent: the points of a coarse grid are moved by up to so many pixels, and the pixels between them smoothly along (a
   * cubic B-spline, as in Rueckert et al. 1999; the idea for digits: Simard, Steinkraus and Platt, 2003).
   */
  readonly elastic?: number
  /** Cells of that grid along each side; 4 by default. */
  readonly grid?: number
  /** What stands outside of the picture; 0 by default. */
  readonly fill?: number
}

/** Everything that moves pixels, as one step, since each resampling (linear between pixels) blurs. */
export function distort(options: Distortion): Augmentation {
  checkArguments(
    'distort',
    { options },
    {
      rotate: 'number',
      shift: 'number',
      zoom: 'number',
      shear: 'number',
      elastic: 'number',
      grid: 'number',
      fill: 'number',
    },
  )
  const { rotate = 0, shift = 0, zoom = 0, shear = 0, elastic = 0, grid = 4, fill = 0 } = options

  if (zoom < 0 || zoom >= 1) throw new LanewiseError('E_VALUE', `zoom must be in [0, 1), got ${zoom}`)
  if (!Number.isInteger(grid) || grid < 1)
    throw new LanewiseError('E_VALUE', `a grid needs a whole number of cells, got ${grid}`)
  return (image, random) => {
    const { data, channels, height, width } = planesOf(image)
    const either = (most: number) => (most === 0 ? 0 : random.between(-most, most))
    const angle = (either(rotate) * Math.PI) / 180
    const [across, down] = [1 + either(zoom), 1 + either(zoom)]
    const slant = either(shear)
    const [right, below] = [either(shift), either(shift)]
    const bent =
      elastic === 0
        ? undefined
        : [bend(random, elastic, grid, height, width), bend(random, elastic, grid, height, width)]
    const [c, s] = [cos(angle), sin(angle)]
    const [cx, cy] = [(width - 1) / 2, (height - 1) / 2]
    const out = new Float32Array(data.length)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const i = y * width + x
        // Backwards: where does what will stand here stand now?
        const [u, v] = [x - cx - right, y - cy - below]
        const sx = cx + (c * u + s * v) / across + slant * v + (bent ? bent[0][i] : 0)
        const sy = cy + (c * v - s * u) / down + (bent ? bent[1][i] : 0)
        for (let p = 0; p < channels; p++)
          out[p * height * width + i] = between(data, p * height * width, height, width, sx, sy, fill)
      }
    }
    return new Tensor('float32', out, image.dims)
  }
}

/** Moves by whole pixels, up to `most` across and down: nothing is blurred. */
export function shift(most: number, fill = 0): Augmentation {
  checkArguments('shift', { most, fill }, 'number', 'number?')

  return (image, random) => {
    const { data, channels, height, width } = planesOf(image)
    const right = random.integer(2 * most + 1) - most
    const below = random.integer(2 * most + 1) - most
    const out = new Float32Array(data.length).fill(fill)
    for (let p = 0; p < channels; p++) {
      for (let y = Math.max(0, below); y < Math.min(height, height + below); y++) {
        for (let x = Math.max(0, right); x < Math.min(width, width + right); x++) {
          out[(p * height + y) * width + x] = data[(p * height + y - below) * width + x - right]
        }
      }
    }
    return new Tensor('float32', out, image.dims)
  }
}

/** Left and right change places (or, with `vertical`, top and bottom), with a probability. */
export function flip(probability = 0.5, vertical = false): Augmentation {
  checkArguments('flip', { probability, vertical }, 'number?', 'boolean?')

  return (image, random) => {
    if (!random.chance(probability)) return image
    const { data, channels, height, width } = planesOf(image)
    const out = new Float32Array(data.length)
    for (let row = 0; row < channels * height; row++) {
      const from = vertical ? row - (row % height) + height - 1 - (row % height) : row
      for (let x = 0; x < width; x++) out[row * width + x] = data[from * width + (vertical ? x : width - 1 - x)]
    }
    return new Tensor('float32', out, image.dims)
  }
}

/** Adds normal noise of a standard deviation and keeps the values within [low, high]. */
export function noise(deviation: number, low = 0, high = 1): Augmentation {
  checkArguments('noise', { deviation, low, high }, 'number', 'number?', 'number?')

  return (image, random) => {
    const { data } = planesOf(image)
    return new Tensor(
      'float32',
      data.map((value) => Math.min(high, Math.max(low, value + deviation * random.normal()))),
      image.dims,
    )
  }
}

function planesOf(image: Tensor): { data: Float32Array; channels: number; height: number; width: number } {
  const { type, dims, data } = image
  if (type !== 'float32' || dims.length !== 3) {
    throw new LanewiseError(
      'E_SHAPE',
      `a picture is float32 [channels, height, width], got ${type}${formatShape(dims)}`,
      { expected: 'float32[channels,height,width]', actual: `${type}${formatShape(dims)}` },
    )
  }
  return { data: data as Float32Array, channels: dims[0], height: dims[1], width: dims[2] }
}

/** The value between four pixels. */
function between(
  data: Float32Array,
  base: number,
  height: number,
  width: number,
  x: number,
  y: number,
  fill: number,
): number {
  const left = Math.floor(x)
  const top = Math.floor(y)
  const u = x - left
  const v = y - top
  if (left >= 0 && top >= 0 && left + 1 < width && top + 1 < height) {
    const i = base + top * width + left
    return (data[i] * (1 - u) + data[i + 1] * u) * (1 - v) + (data[i + width] * (1 - u) + data[i + width + 1] * u) * v
  }
  const at = (px: number, py: number) =>
    px < 0 || px >= width || py < 0 || py >= height ? fill : data[base + py * width + px]
  return (
    (at(left, top) * (1 - u) + at(left + 1, top) * u) * (1 - v) +
    (at(left, top + 1) * (1 - u) + at(left + 1, top + 1) * u) * v
  )
}

/** One coordinate's displacement for every pixel. */
function bend(random: Random, most: number, grid: number, height: number, width: number): Float64Array {
  const points = grid + 3
  const moves = new Float64Array(points * points)
  for (let i = 0; i < moves.length; i++) moves[i] = random.between(-most, most)
  const out = new Float64Array(height * width)
  const line = new Float64Array(points)
  const [down, across] = [splines(height, grid), splines(width, grid)]
  for (let y = 0, i = 0; y < height; y++) {
    const row = down.first[y] * points
    const [w0, w1, w2, w3] = [
      down.weights[4 * y],
      down.weights[4 * y + 1],
      down.weights[4 * y + 2],
      down.weights[4 * y + 3],
    ]
    for (let k = 0; k < points; k++) {
      const at = row + k
      line[k] = w0 * moves[at] + w1 * moves[at + points] + w2 * moves[at + 2 * points] + w3 * moves[at + 3 * points]
    }
    const { first, weights } = across
    for (let x = 0, w = 0; x < width; x++, i++, w += 4) {
      const column = first[x]
      out[i] =
        weights[w] * line[column] +
        weights[w + 1] * line[column + 1] +
        weights[w + 2] * line[column + 2] +
        weights[w + 3] * line[column + 3]
    }
  }
  return out
}

interface Splines {
  /** For each place the first of the four points that decide there, and their weights (uniform cubic B-spline). */
  readonly first: Int32Array
  readonly weights: Float64Array
}

const splinesBySize = new Map<number, Map<number, Splines>>()

/** The same for every picture of a size. */
function splines(size: number, grid: number): Splines {
  let bySize = splinesBySize.get(grid)
  if (!bySize) splinesBySize.set(grid, (bySize = new Map<number, Splines>()))
  const known = bySize.get(size)
  if (known) return known
  const made = { first: new Int32Array(size), weights: new Float64Array(4 * size) }
  for (let at = 0; at < size; at++) {
    const place = (grid * (at + 0.5)) / size
    const first = Math.min(grid - 1, Math.floor(place))
    const u = place - first
    const w = 1 - u
    made.first[at] = first
    made.weights.set(
      [(w * w * w) / 6, (3 * u * u * u - 6 * u * u + 4) / 6, (3 * w * w * w - 6 * w * w + 4) / 6, (u * u * u) / 6],
      4 * at,
    )
  }
  // Folders of pictures of all sizes are not to be remembered for ever.
  if (bySize.size >= 64) bySize.clear()
  bySize.set(size, made)
  return made
}

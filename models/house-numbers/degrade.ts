import { exp } from '../../src/core/scalar-functions.js'
import { cos } from '../../src/core/scalar-functions.js'
import type { Random } from '../../src/train.js'

// What a camera, a small picture and JPEG do to a crop: a grey picture of greys 0 … 1 in a buffer, changed in place.

/** How each of `to` places is made of `from` others: `count` weights each, from `first` on. */
interface Taps {
  readonly count: number
  readonly first: Int32Array
  readonly weights: Float32Array
}

const tapsBySize = new Map<number, Taps>()

/** Linear when it grows, a triangle as wide as the ratio when it shrinks: as `resizedPicture`. */
function tapsOf(from: number, to: number): Taps {
  const key = from * 1024 + to
  const known = tapsBySize.get(key)
  if (known) return known
  const ratio = from / to
  const reach = Math.max(1, ratio)
  const count = Math.ceil(2 * reach) + 1
  const first = new Int32Array(to)
  const weights = new Float32Array(to * count)
  for (let i = 0; i < to; i++) {
    const centre = (i + 0.5) * ratio - 0.5
    const begin = Math.ceil(centre - reach)
    const start = Math.min(Math.max(0, begin), Math.max(0, from - count))
    first[i] = start
    let total = 0
    for (let k = begin; k <= Math.floor(centre + reach); k++) {
      const weight = 1 - Math.abs(k - centre) / reach
      if (weight <= 0) continue
      weights[i * count + Math.min(count - 1, Math.min(from - 1, Math.max(0, k)) - start)] += weight
      total += weight
    }
    for (let k = 0; k < count; k++) weights[i * count + k] /= total
  }
  const taps = {
    count: Math.min(count, from),
    first,
    weights: count <= from ? weights : packed(weights, to, count, from),
  }
  tapsBySize.set(key, taps)
  return taps
}

/** Pictures narrower than the taps: only so many weights as there are places. */
function packed(weights: Float32Array, to: number, count: number, from: number): Float32Array {
  const out = new Float32Array(to * from)
  for (let i = 0; i < to; i++) for (let k = 0; k < from; k++) out[i * from + k] = weights[i * count + k]
  return out
}

/** Buffers for pictures of up to side × side pixels. */
export class Camera {
  private readonly other: Float32Array
  private readonly noise: Float32Array

  /** @param random - makes the noise that all pictures cut theirs from. */
  constructor(
    readonly side: number,
    random: Random,
  ) {
    this.other = new Float32Array(side * side)
    this.noise = Float32Array.from({ length: 1 << 15 }, () => random.normal())
  }

  /** Resamples `data` from one size to another. */
  resize(data: Float32Array, width: number, height: number, toWidth: number, toHeight: number): void {
    const { other } = this
    const across = tapsOf(width, toWidth)
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < toWidth; x++) {
        let sum = 0
        const at = y * width + across.first[x]
        const base = x * across.count
        for (let k = 0; k < across.count; k++) sum += across.weights[base + k] * data[at + k]
        other[y * toWidth + x] = sum
      }
    }
    const down = tapsOf(height, toHeight)
    for (let y = 0; y < toHeight; y++) {
      const base = y * down.count
      const out = data.subarray(y * toWidth, (y + 1) * toWidth)
      out.fill(0)
      for (let k = 0; k < down.count; k++) {
        const weight = down.weights[base + k]
        if (weight === 0) continue
        const row = (down.first[y] + k) * toWidth
        for (let x = 0; x < toWidth; x++) out[x] += weight * other[row + x]
      }
    }
  }

  /** Gaussian blur; edges are repeated. */
  blur(data: Float32Array, width: number, height: number, sigmaX: number, sigmaY: number): void {
    const { other } = this
    const [kx, ky] = [kernel(sigmaX), kernel(sigmaY)]
    const [rx, ry] = [(kx.length - 1) / 2, (ky.length - 1) / 2]
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        let sum = 0
        for (let k = 0; k < kx.length; k++)
          sum += kx[k] * data[y * width + Math.min(width - 1, Math.max(0, x + k - rx))]
        other[y * width + x] = sum
      }
    }
    for (let y = 0; y < height; y++) {
      const out = data.subarray(y * width, (y + 1) * width)
      out.fill(0)
      for (let k = 0; k < ky.length; k++) {
        const row = Math.min(height - 1, Math.max(0, y + k - ry)) * width
        const weight = ky[k]
        for (let x = 0; x < width; x++) out[x] += weight * other[row + x]
      }
    }
  }

  /** Adds normal noise of that deviation. */
  addNoise(data: Float32Array, count: number, deviation: number, random: Random): void {
    const mask = this.noise.length - 1
    const start = random.integer(this.noise.length)
    for (let i = 0; i < count; i++) data[i] += deviation * this.noise[(start + i) & mask]
  }

  /**
   * What is left of a picture after JPEG of a quality 1 … 100 (the luminance table of ITU-T T.81, annex K.1, scaled as
   * the IJG does).
   */
  jpeg(data: Float32Array, width: number, height: number, quality: number): void {
    const scale = (quality < 50 ? 50 / quality : 2 - quality / 50) / 255
    for (let top = 0; top < height; top += 8) {
      for (let left = 0; left < width; left += 8) {
        for (let y = 0; y < 8; y++) {
          const row = Math.min(height - 1, top + y) * width
          for (let x = 0; x < 8; x++) block[y * 8 + x] = data[row + Math.min(width - 1, left + x)]
        }
        transformed(block, basis)
        for (let i = 0; i < 64; i++) {
          const step = Math.max(1 / 255, luminance[i] * scale)
          block[i] = Math.round(block[i] / step) * step
        }
        transformed(block, inverse)
        const [rows, columns] = [Math.min(8, height - top), Math.min(8, width - left)]
        for (let y = 0; y < rows; y++)
          for (let x = 0; x < columns; x++) data[(top + y) * width + left + x] = block[y * 8 + x]
      }
    }
  }
}

const kernels = new Map<number, Float32Array>()

/** Kernels of sigmas in steps of 1/16. */
function kernel(sigma: number): Float32Array {
  const key = Math.round(sigma * 16)
  const known = kernels.get(key)
  if (known) return known
  const radius = key === 0 ? 0 : Math.max(1, Math.ceil((2.5 * key) / 16))
  const weights = Float32Array.from({ length: 2 * radius + 1 }, (_, i) =>
    key === 0 ? 1 : exp(-((i - radius) ** 2) / (2 * (key / 16) ** 2)),
  )
  const total = weights.reduce((a, b) => a + b, 0)
  const made = weights.map((weight) => weight / total)
  kernels.set(key, made)
  return made
}

const block = new Float32Array(64)
const half = new Float32Array(64)
/** basis[frequency · 8 + place]. */
const basis = Float32Array.from(
  { length: 64 },
  (_, i) => (i < 8 ? Math.sqrt(1 / 8) : 0.5) * cos(((2 * (i & 7) + 1) * (i >> 3) * Math.PI) / 16),
)
const inverse = basis.map((_, i) => basis[(i & 7) * 8 + (i >> 3)])

/** matrix · block · matrixᵀ, in place. */
function transformed(data: Float32Array, matrix: Float32Array): void {
  for (let y = 0; y < 8; y++) {
    for (let k = 0; k < 8; k++) {
      let sum = 0
      for (let x = 0; x < 8; x++) sum += matrix[k * 8 + x] * data[y * 8 + x]
      half[y * 8 + k] = sum
    }
  }
  for (let k = 0; k < 8; k++) {
    for (let x = 0; x < 8; x++) {
      let sum = 0
      for (let y = 0; y < 8; y++) sum += matrix[k * 8 + y] * half[y * 8 + x]
      data[k * 8 + x] = sum
    }
  }
}

const luminance = [
  ...[16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56],
  ...[14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92],
  ...[49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99],
]

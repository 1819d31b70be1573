// Numbers to integers and back: scales, zero points and codes.
import { hostTensor, type HostTensor } from '../core/host.js'
import { normalizeAxis, type Shape } from '../core/shape.js'
import type { Range } from './range.js'

/** The least scale: below it a division by the scale would not be finite. */
const LEAST_SCALE = 2 ** -120

/** Scale and zero point of a tensor of bytes. */
export interface Grid {
  readonly scale: number
  readonly zero: number
  readonly dtype: 'uint8' | 'int8'
}

/** A grid of 256 levels over a range that has 0 in it. */
export function gridOf([low, high]: Range, dtype: Grid['dtype']): Grid {
  const least = dtype === 'int8' ? -128 : 0
  const scale = high > low ? Math.max(Math.fround((high - low) / 255), LEAST_SCALE) : 1
  return { scale, zero: Math.min(255, Math.max(0, Math.round(-low / scale))) + least, dtype }
}

/** Weights as int8 with a scale for each position of an axis, symmetric around 0. */
export interface Codes {
  readonly codes: Int8Array
  /** One, or one for each position of the axis. */
  readonly scales: Float32Array
  readonly shape: Shape
  readonly axis: number
}

/** How weights become int8. */
export interface WeightOptions {
  /** A scale for each channel, or one for all. */
  readonly perChannel: boolean
  /** The largest code: 127, or 63 for 7 bits. */
  readonly most: number
}

/** @param least - scales are not smaller than this, by channel. */
export function weightCodes(
  { shape, data }: HostTensor,
  axis: number,
  { perChannel, most }: WeightOptions,
  least?: Float32Array,
): Codes {
  const weights = data as Float32Array
  const at = normalizeAxis(axis, shape.length)
  const channels = perChannel ? shape[at] : 1
  const inner = shape.slice(at + 1).reduce((product, n) => product * n, 1)
  const channelOf = (i: number) => (perChannel ? Math.floor(i / inner) % channels : 0)
  const largest = new Float64Array(channels)
  for (let i = 0; i < weights.length; i++) {
    const c = channelOf(i)
    const size = Math.abs(weights[i])
    if (!(size <= largest[c])) largest[c] = size
  }
  const scales = Float32Array.from(largest, (size, c) =>
    Math.max(size === 0 ? (least?.[c] ? 0 : 1) : Math.fround(size / most), least?.[c] ?? 0, LEAST_SCALE),
  )
  const codes = Int8Array.from(weights, (w, i) => Math.max(-most, Math.min(most, Math.round(w / scales[channelOf(i)]))))
  return { codes, scales, shape, axis: at }
}

/** The codes as weights again. */
export function fromCodes({ codes, scales, shape, axis }: Codes): Float32Array {
  const inner = shape.slice(axis + 1).reduce((product, n) => product * n, 1)
  return Float32Array.from(
    codes,
    (code, i) => code * scales[scales.length === 1 ? 0 : Math.floor(i / inner) % scales.length],
  )
}

export const int8Tensor = ({ codes, shape }: Pick<Codes, 'codes' | 'shape'>): HostTensor =>
  hostTensor('int8', shape, codes)

/** A scalar of a byte type. */
export function byteScalar({ dtype, zero }: Grid): HostTensor {
  return hostTensor(dtype, [], dtype === 'int8' ? Int8Array.of(zero) : Uint8Array.of(zero))
}

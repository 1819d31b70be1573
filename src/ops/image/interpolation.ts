import { LanewiseError } from '../../core/errors.js'

/** How an axis is resized: everything about Resize that one axis needs. */
export interface AxisResize {
  readonly size: number
  readonly outSize: number
  readonly scale: number
  /** `scale · size`, which `outSize` is the floor of. */
  readonly exactSize: number
  /** The part of the axis that tf_crop_and_resize takes, as shares of it. */
  readonly roi: readonly [number, number]
}

export interface Interpolation {
  readonly mode: string
  readonly coordinates: string
  readonly nearest: string
  readonly cubicA: number
  readonly excludeOutside: boolean
  readonly antialias: boolean
}

/** For every position of the output, the positions of the input that are mixed and their weights, `taps` each. */
export interface Taps {
  readonly taps: number
  readonly index: Int32Array
  readonly weight: Float64Array
  /** Output positions that lie outside the input: tf_crop_and_resize gives them the extrapolation value. */
  readonly outside: readonly number[]
}

const MAX_TABLE = 2 ** 27

/** The taps of one axis (ONNX operator Resize, version 19). */
export function tapsOf(axis: AxisResize, how: Interpolation): Taps {
  const { size, outSize } = axis
  if (outSize === 0) return { taps: 1, index: new Int32Array(0), weight: new Float64Array(0), outside: [] }
  const filter = filterOf(axis.scale, how)
  if (outSize * filter.taps > MAX_TABLE)
    throw new LanewiseError('E_BUDGET', `resizing an axis of ${size} to ${outSize} takes too large a table`)
  const index = new Int32Array(outSize * filter.taps)
  const weight = new Float64Array(outSize * filter.taps)
  const outside: number[] = []
  for (let i = 0; i < outSize; i++) {
    const x = sourceOf(i, axis, how.coordinates)
    if (how.coordinates === 'tf_crop_and_resize' && (x < 0 || x > size - 1)) outside.push(i)
    if (filter.clamped) {
      // Both neighbours and their weights as onnxruntime finds them: at an edge the same element twice, with halves
      // that add up to it.
      const inside = Math.min(Math.max(x, 0), size - 1)
      const lower = Math.floor(inside)
      const upper = Math.min(lower + 1, size - 1)
      index.set([lower, upper], i * 2)
      weight.set(lower === upper ? [0.5, 0.5] : [Math.fround(upper - inside), Math.fround(inside - lower)], i * 2)
      continue
    }
    const base = how.mode === 'nearest' ? nearest(x, how.nearest, axis.scale) : Math.floor(x)
    let sum = 0
    for (let t = 0; t < filter.taps; t++) {
      const at = base + filter.first + t
      const inside = at >= 0 && at < size
      const w = how.excludeOutside && !inside ? 0 : filter.weight(at - x)
      index[i * filter.taps + t] = Math.min(Math.max(at, 0), size - 1)
      weight[i * filter.taps + t] = w
      sum += w
    }
    if (how.excludeOutside || filter.normalised)
      for (let t = 0; t < filter.taps; t++) weight[i * filter.taps + t] /= sum
  }
  return { taps: filter.taps, index, weight, outside }
}

interface Filter {
  readonly taps: number
  /** The first tap, counted from the floor of the coordinate. */
  readonly first: number
  /** Coordinates are moved into the input before they are looked at: two neighbours and no more. */
  readonly clamped?: boolean
  /** Weights are divided by their sum. */
  readonly normalised: boolean
  weight(distance: number): number
}

function filterOf(scale: number, { mode, cubicA, antialias, excludeOutside }: Interpolation): Filter {
  if (mode === 'nearest') return { taps: 1, first: 0, normalised: false, weight: () => 1 }
  const reach = mode === 'linear' ? 1 : 2
  const kernel =
    mode === 'linear' ? (d: number) => Math.max(0, 1 - Math.abs(d)) : (d: number) => cubic(Math.abs(d), cubicA)
  if (!antialias || scale >= 1)
    return {
      taps: 2 * reach,
      first: 1 - reach,
      clamped: mode === 'linear' && !excludeOutside,
      normalised: false,
      weight: kernel,
    }
  // The filter is stretched so that every input element counts.
  const first = Math.floor(-reach / scale) + 1
  return { taps: 2 - 2 * first, first, normalised: true, weight: (d) => kernel(d * scale) }
}

/** Keys, "Cubic convolution interpolation for digital image processing" (1981), with free parameter a. */
function cubic(d: number, a: number): number {
  if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1
  if (d < 2) return ((d - 5) * d + 8) * d * a - 4 * a
  return 0
}

/**
 * The coordinate in the input of a position in the output. In float32 steps: which element is nearest may hang on the
 * last bit, and the models were made with runtimes that compute it so.
 */
function sourceOf(i: number, { size, outSize, scale, exactSize, roi }: AxisResize, coordinates: string): number {
  const f = Math.fround
  switch (coordinates) {
    case 'half_pixel':
      return f(f(f(i + 0.5) / f(scale)) - 0.5)
    case 'tf_half_pixel_for_nn':
      return f(f(i + 0.5) / f(scale))
    case 'pytorch_half_pixel':
      return outSize > 1 ? f(f(f(i + 0.5) / f(scale)) - 0.5) : 0
    case 'half_pixel_symmetric': {
      const offset = f(f(size / 2) * f(1 - f(outSize / f(exactSize))))
      return f(f(offset + f(f(i + 0.5) / f(scale))) - 0.5)
    }
    case 'align_corners':
      return exactSize === 1 ? 0 : f(f(i * (size - 1)) / f(exactSize - 1))
    case 'asymmetric':
      return f(i / f(scale))
    case 'tf_crop_and_resize': {
      const [start, end] = roi
      if (outSize === 1) return f(f(f(0.5) * f(start + end)) * (size - 1))
      return f(f(start * (size - 1)) + f(f(f(i * f(end - start)) * (size - 1)) / (outSize - 1)))
    }
    default:
      throw new LanewiseError('E_VALUE', `coordinate_transformation_mode "${coordinates}" is not known`, {
        actual: coordinates,
      })
  }
}

function nearest(x: number, mode: string, scale: number): number {
  switch (mode) {
    case 'round_prefer_floor':
      return Math.ceil(x - 0.5)
    case 'round_prefer_ceil':
      return Math.floor(x + 0.5)
    case 'floor':
      return Math.floor(x)
    case 'ceil':
      return Math.ceil(x)
    case 'legacy':
      // What Resize meant before it had the attribute (opset 10).
      return scale < 1 ? Math.ceil(x) : Math.floor(x)
    default:
      throw new LanewiseError('E_VALUE', `nearest_mode "${mode}" is not known`, { actual: mode })
  }
}

import type { Plain, Reference } from '../case.js'
import { filled } from '../reference-tensor.js'

interface Axis {
  size: number
  out: number
  scale: number
  /** size · scale, before it was made whole. */
  width: number
  roi: [number, number]
}

/**
 * Resize of opset 19 in float64, every output element by itself: the weights of its neighbours on each axis, multiplied
 * out.
 */
export const resize: Reference = (inputs, attributes) => {
  const [x] = inputs
  const [, roi, scales, sizes] = inputs as readonly (Plain | undefined)[]
  const rank = x.shape.length
  const axes =
    (attributes.axes as number[] | undefined)?.map((axis) => (axis < 0 ? axis + rank : axis)) ??
    x.shape.map((_, axis) => axis)
  const policy = attributes.keep_aspect_ratio_policy ?? 'stretch'
  const resized = x.shape.map((size): Axis => ({ size, out: size, scale: 1, width: size, roi: [0, 1] }))
  const ratios = sizes?.data.map((size, i) => size / x.shape[axes[i]]) ?? []
  axes.forEach((axis, i) => {
    const mine = resized[axis]
    if (sizes && policy === 'stretch')
      Object.assign(mine, { out: sizes.data[i], scale: ratios[i], width: sizes.data[i] })
    else {
      mine.scale = sizes ? (policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios)) : scales!.data[i]
      mine.width = mine.scale * mine.size
      mine.out = sizes ? Math.floor(mine.width + 0.5) : Math.floor(mine.width)
    }
    if (roi && attributes.coordinate_transformation_mode === 'tf_crop_and_resize')
      mine.roi = [roi.data[i], roi.data[i + axes.length]]
  })
  // Of every output coordinate of every axis, its neighbours, moved to the border where they are beyond it.
  const taps = resized.map((axis, k) =>
    Array.from({ length: axis.out }, (_, i) =>
      axes.includes(k)
        ? neighbours(i, axis, attributes)?.map(([j, w]) => [Math.min(Math.max(j, 0), axis.size - 1), w] as const)
        : [[i, 1] as const],
    ),
  )
  const shape = resized.map(({ out }) => out)
  return [
    filled(shape, (index) => {
      if (index.some((i, axis) => !taps[axis][i])) return (attributes.extrapolation_value as number) ?? 0
      let sum = 0
      const visit = (axis: number, place: number, weight: number): void => {
        if (axis === rank) sum += weight * x.data[place]
        else for (const [k, w] of taps[axis][index[axis]]!) visit(axis + 1, place * x.shape[axis] + k, weight * w)
      }
      visit(0, 0, 1)
      return sum
    }),
  ]
}

function neighbours(
  i: number,
  axis: Axis,
  attributes: Readonly<Record<string, unknown>>,
): [number, number][] | undefined {
  const { size, scale } = axis
  const mode = attributes.mode ?? 'nearest'
  const x = coordinate(i, axis, attributes.coordinate_transformation_mode as string | undefined)
  if (attributes.coordinate_transformation_mode === 'tf_crop_and_resize' && (x < 0 || x > size - 1)) return undefined
  if (mode === 'nearest') {
    const round = {
      floor: Math.floor(x),
      ceil: Math.ceil(x),
      round_prefer_floor: x % 1 === 0.5 ? Math.floor(x) : Math.round(x),
      round_prefer_ceil: Math.floor(x + 0.5),
    }
    return [[round[(attributes.nearest_mode as keyof typeof round) ?? 'round_prefer_floor'], 1]]
  }
  const stretch = attributes.antialias ? Math.min(scale, 1) : 1
  const a = (attributes.cubic_coeff_a as number) ?? -0.75
  const kernel = (d: number): number => {
    if (mode === 'linear') return d < 1 ? 1 - d : 0
    if (d <= 1) return (a + 2) * d ** 3 - (a + 3) * d ** 2 + 1
    return d < 2 ? a * d ** 3 - 5 * a * d ** 2 + 8 * a * d - 4 * a : 0
  }
  const reach = Math.ceil((mode === 'linear' ? 1 : 2) / stretch) + 1
  const taps: [number, number][] = []
  for (let k = Math.floor(x) - reach; k <= Math.floor(x) + reach; k++) taps.push([k, kernel(Math.abs(k - x) * stretch)])
  const counted = attributes.exclude_outside ? taps.filter(([k]) => k >= 0 && k < size) : taps
  const total = counted.reduce((sum, [, w]) => sum + w, 0)
  return counted.map(([k, w]) => [k, w / total])
}

function coordinate(i: number, { size, out, scale, width, roi: [start, end] }: Axis, mode = 'half_pixel'): number {
  if (mode === 'asymmetric') return i / scale
  if (mode === 'align_corners') return width === 1 ? 0 : (i * (size - 1)) / (width - 1)
  if (mode === 'pytorch_half_pixel') return out > 1 ? (i + 0.5) / scale - 0.5 : 0
  if (mode === 'half_pixel_symmetric') return (size / 2) * (1 - out / width) + (i + 0.5) / scale - 0.5
  if (mode === 'tf_crop_and_resize') {
    return out > 1
      ? start * (size - 1) + (i * (end - start) * (size - 1)) / (out - 1)
      : 0.5 * (start + end) * (size - 1)
  }
  return (i + 0.5) / scale - 0.5
}

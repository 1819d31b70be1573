import { isFloat } from '../../core/dtype.js'
import { PADDING_BORDER, PADDING_REFLECTION, PADDING_ZEROS } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { channelsLast } from '../../core/layout.js'
import { toNumbers } from '../../core/host.js'
import { formatShape, sizeOf, stridesOf } from '../../core/shape.js'
import { int, string } from '../../ir/attributes.js'
import { floatsOf, numericTensor, roundEven } from '../shared/scalar-floats.js'
import { defineOp } from '../../ir/op.js'

export const MODES: Readonly<Record<string, string>> = {
  linear: 'linear',
  bilinear: 'linear',
  nearest: 'nearest',
  cubic: 'cubic',
  bicubic: 'cubic',
}

export const PADDINGS: Readonly<Record<string, number>> = {
  zeros: PADDING_ZEROS,
  border: PADDING_BORDER,
  reflection: PADDING_REFLECTION,
}

/** Samples an image (or a volume) at the places that a grid of coordinates in [−1, 1] names, x first. */
export const GridSample = defineOp({
  name: 'GridSample',
  takes: isFloat,
  arity: 2,
  attributes: { align_corners: int(0), mode: string('linear'), padding_mode: string('zeros') },
  infer({ attributes: { mode, padding_mode: padding }, inputs: [x, grid] }) {
    const rank = x.shape.length
    if (rank < 3 || grid.shape.length !== rank || grid.shape[0] !== x.shape[0] || grid.shape[rank - 1] !== rank - 2) {
      throw new LanewiseError('E_SHAPE', `grid ${formatShape(grid.shape)} does not fit input ${formatShape(x.shape)}`)
    }
    if (!Object.hasOwn(MODES, mode))
      throw new LanewiseError('E_VALUE', `mode "${mode}" is not known`, {
        expected: Object.keys(MODES).join(', '),
        actual: mode,
      })
    if (!Object.hasOwn(PADDINGS, padding)) {
      throw new LanewiseError('E_VALUE', `padding_mode "${padding}" is not known`, {
        expected: Object.keys(PADDINGS).join(', '),
        actual: padding,
      })
    }
    return [{ dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...grid.shape.slice(1, -1)] }]
  },
  kernel: ([x, grid], { mode }) => MODES[mode] === 'linear' && x === 'float32' && grid === 'float32',
  layout: channelsLast,
  emit(e) {
    const [x, grid, y] = [e.input(0), e.input(1), e.output(0)]
    const axes = x.shape.length - 2
    if (axes > 3) throw new LanewiseError('E_UNSUPPORTED', `GridSample of ${axes} axes`)
    const [depth, height, width] = [1, 1, ...x.shape.slice(2)].slice(-3)
    if (y.size === 0) return
    const points = sizeOf(y.shape.slice(2))
    const padding = PADDINGS[e.attributes.padding_mode]
    const aligned = e.attributes.align_corners ? 1 : 0
    const [batch, channels] = x.shape
    e.call(
      'grid_sample_linear_f32',
      x.at,
      grid.at,
      y.at,
      axes,
      depth,
      height,
      width,
      channels,
      points,
      aligned,
      padding,
      0,
      batch * points,
    )
  },
  compute({ attributes, inputs: [x, grid], outputs: [type] }) {
    const sizes = x.shape.slice(2)
    const strides = stridesOf(sizes)
    const [batches, channels] = x.shape
    const points = sizeOf(type.shape.slice(2))
    const plane = sizeOf(sizes)
    const from = floatsOf(x)
    const coordinates = floatsOf(grid)
    const to = new Float64Array(sizeOf(type.shape))
    const how: Sampling = {
      mode: MODES[attributes.mode],
      padding: attributes.padding_mode,
      aligned: attributes.align_corners !== 0,
    }
    for (let n = 0; n < batches; n++) {
      for (let p = 0; p < points; p++) {
        const place = (n * points + p) * sizes.length
        let taps: Tap[] = [{ at: 0, weight: 1 }]
        // The last coordinate belongs to the outermost axis.
        sizes.forEach((size, axis) => {
          const mine = tapsAt(coordinates[place + sizes.length - 1 - axis], size, how)
          taps = taps.flatMap((outer) =>
            mine.map((tap) => ({ at: outer.at + tap.at * strides[axis], weight: outer.weight * tap.weight })),
          )
        })
        for (let c = 0; c < channels; c++) {
          const base = (n * channels + c) * plane
          let sum = 0
          for (const { at, weight } of taps) sum += weight * from[base + at]
          to[(n * channels + c) * points + p] = sum
        }
      }
    }
    return [numericTensor(type.dtype, type.shape, to)]
  },
})

interface Sampling {
  readonly mode: string
  readonly padding: string
  readonly aligned: boolean
}

interface Tap {
  readonly at: number
  readonly weight: number
}

/** What is mixed along one axis of `size` elements; what lies outside and counts as zero is left out. */
function tapsAt(coordinate: number, size: number, { mode, padding, aligned }: Sampling): Tap[] {
  const [low, high] = aligned ? [0, size - 1] : [-0.5, size - 0.5]
  let x = aligned ? ((coordinate + 1) / 2) * (size - 1) : ((coordinate + 1) * size - 1) / 2
  if (mode === 'nearest') x = roundEven(x)
  // Cubic taps reach beyond the edge from within: there it is the taps that stay at the border, not the place.
  if (padding === 'border') x = mode === 'cubic' ? x : Math.min(Math.max(x, 0), size - 1)
  else if (padding === 'reflection') x = reflect(x, low, high)
  const base = Math.floor(x)
  const rest = x - base
  const taps: Tap[] = []
  const tap = (at: number, weight: number) => {
    let inside = at
    if (padding === 'border') inside = Math.min(Math.max(at, 0), size - 1)
    else if (padding === 'reflection') inside = Math.trunc(reflect(at, low, high))
    if (inside >= 0 && inside < size) taps.push({ at: inside, weight })
  }
  if (mode === 'nearest') tap(roundEven(x), 1)
  else if (mode === 'linear') [1 - rest, rest].forEach((weight, i) => tap(base + i, weight))
  else [rest + 1, rest, 1 - rest, 2 - rest].forEach((distance, i) => tap(base - 1 + i, cubic(distance)))
  return taps
}

/** Keys' cubic convolution with a = −3/4. */
function cubic(d: number): number {
  const a = -0.75
  return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((d - 5) * d + 8) * d * a - 4 * a
}

/** x folded back into [low, high] as often as it takes. */
function reflect(x: number, low: number, high: number): number {
  const range = high - low
  if (range === 0) return low
  if (x >= low && x <= high) return x
  const beyond = x < low ? low - x : x - high
  const folds = Math.floor(beyond / range)
  const rest = beyond - folds * range
  return x < low === (folds % 2 === 0) ? low + rest : high - rest
}

/** The i-th of `size` coordinates that are spread evenly over [−1, 1]. */
export function evenCoordinate(i: number, size: number, aligned: number): number {
  if (!aligned) return (2 * i + 1) / size - 1
  return size === 1 ? 0 : (2 * i) / (size - 1) - 1
}

/** onnxruntime had it before ONNX. */
export const ContribGridSample = defineOp({
  name: 'GridSample',
  takes: isFloat,
  domain: 'com.microsoft',
  arity: 2,
  attributes: { align_corners: int(0), mode: string('bilinear'), padding_mode: string('zeros') },
  decompose: (node) => node.rename('GridSample'),
})

/** The grid of an affine map for GridSample. */
export const AffineGrid = defineOp({
  name: 'AffineGrid',
  takes: isFloat,
  arity: 2,
  attributes: { align_corners: int(0) },
  infer({ inputs: [theta], value }) {
    const size = toNumbers(value(1), 'size')
    const dims = size.length - 2
    const expected = [size[0], dims, dims + 1]
    if ((dims !== 2 && dims !== 3) || theta.shape.join() !== expected.join()) {
      throw new LanewiseError('E_SHAPE', `theta ${formatShape(theta.shape)} does not fit size ${formatShape(size)}`, {
        expected: formatShape(expected),
      })
    }
    if (size.some((count) => count < 0)) throw new LanewiseError('E_VALUE', `a size is negative: ${formatShape(size)}`)
    return [{ dtype: theta.dtype, shape: [size[0], ...size.slice(2), dims] }]
  },
  compute({ attributes, inputs: [theta], outputs: [type] }) {
    const sizes = type.shape.slice(1, -1)
    const dims = sizes.length
    const points = sizeOf(sizes)
    const map = floatsOf(theta)
    const to = new Float64Array(sizeOf(type.shape))
    const strides = stridesOf(sizes)
    // x, the innermost axis, comes first.
    const axes = [...sizes.keys()].reverse()
    for (let at = 0; at < to.length; at++) {
      const row = Math.floor(at / dims / points) * dims + (at % dims)
      const point = Math.floor(at / dims) % points
      let sum = map[row * (dims + 1) + dims]
      axes.forEach(
        (axis, k) =>
          (sum +=
            map[row * (dims + 1) + k] *
            evenCoordinate(Math.floor(point / strides[axis]) % sizes[axis], sizes[axis], attributes.align_corners)),
      )
      to[at] = sum
    }
    return [numericTensor(type.dtype, type.shape, to)]
  },
})

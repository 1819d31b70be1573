import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { toNumbers } from '../../core/host.js'
import { formatShape, type Shape } from '../../core/shape.js'
import { float, int, ints, required, string } from '../../ir/attributes.js'
import { floatsOf, floatTensor, roundEven } from '../shared/scalar-floats.js'
import { defineOp } from '../../ir/op.js'

function checkImage(x: Shape): void {
  if (x.length !== 4)
    throw new LanewiseError('E_SHAPE', `the input must be [batch, channels, height, width], got ${formatShape(x)}`)
}

/** Four neighbours of a point: places in a plane and weights; undefined for a point outside. */
interface Sample {
  readonly at: readonly [number, number, number, number]
  readonly weights: readonly [number, number, number, number]
}

function sampleAt(y: number, x: number, height: number, width: number): Sample | undefined {
  if (y < -1 || y > height || x < -1 || x > width) return undefined
  const clampedY = Math.max(y, 0)
  const clampedX = Math.max(x, 0)
  const top = Math.min(Math.floor(clampedY), height - 1)
  const left = Math.min(Math.floor(clampedX), width - 1)
  const bottom = Math.min(top + 1, height - 1)
  const right = Math.min(left + 1, width - 1)
  const dy = top === height - 1 ? 0 : clampedY - top
  const dx = left === width - 1 ? 0 : clampedX - left
  return {
    at: [top * width + left, top * width + right, bottom * width + left, bottom * width + right],
    weights: [(1 - dy) * (1 - dx), (1 - dy) * dx, dy * (1 - dx), dy * dx],
  }
}

/**
 * He, Gkioxari, Dollár and Girshick, 2017. Regions are (x1, y1, x2, y2), each in the image that `batch_indices` names.
 */
export const RoiAlign = defineOp({
  name: 'RoiAlign',
  takes: isFloat,
  arity: 3,
  attributes: {
    coordinate_transformation_mode: string('half_pixel'),
    mode: string('avg'),
    output_height: int(1),
    output_width: int(1),
    sampling_ratio: int(0),
    spatial_scale: float(1),
  },
  infer({ attributes: { output_height, output_width }, inputs: [x, rois, indices] }) {
    checkImage(x.shape)
    if (rois.shape.length !== 2 || rois.shape[1] !== 4 || indices.shape.join() !== String(rois.shape[0])) {
      throw new LanewiseError(
        'E_SHAPE',
        `regions ${formatShape(rois.shape)} and batch indices ${formatShape(indices.shape)} do not fit`,
      )
    }
    if (!(output_height >= 1 && output_width >= 1))
      throw new LanewiseError('E_VALUE', `an output of ${output_height} × ${output_width}`)
    return [{ dtype: x.dtype, shape: [rois.shape[0], x.shape[1], output_height, output_width] }]
  },
  compute({ attributes, inputs: [x, rois, indices], outputs: [y] }) {
    const {
      coordinate_transformation_mode: transformation,
      mode,
      sampling_ratio: ratio,
      spatial_scale: scale,
    } = attributes
    if (mode !== 'avg' && mode !== 'max') throw new LanewiseError('E_VALUE', `mode "${mode}" is not known`)
    if (transformation !== 'half_pixel' && transformation !== 'output_half_pixel')
      throw new LanewiseError('E_VALUE', `coordinate_transformation_mode "${transformation}" is not known`)
    const aligned = transformation === 'half_pixel'
    const [batch, channels, height, width] = x.shape
    const [count, , rows, columns] = y.shape
    const values = floatsOf(x)
    const boxes = floatsOf(rois)
    const images = toNumbers(indices, 'batch_indices')
    const result = new Float64Array(count * channels * rows * columns)
    for (let n = 0; n < count; n++) {
      const image = images[n]
      if (!(image >= 0 && image < batch))
        throw new LanewiseError('E_VALUE', `batch index ${image} is outside [0, ${batch - 1}]`)
      const [x1, y1, x2, y2] = [0, 1, 2, 3].map((k) => boxes[4 * n + k] * scale - (aligned ? 0.5 : 0))
      // Before half-pixel alignment, regions were at least one pixel large.
      const regionWidth = aligned ? x2 - x1 : Math.max(x2 - x1, 1)
      const regionHeight = aligned ? y2 - y1 : Math.max(y2 - y1, 1)
      const binHeight = regionHeight / rows
      const binWidth = regionWidth / columns
      const down = sampleCount(ratio, binHeight, height)
      const across = sampleCount(ratio, binWidth, width)
      for (let r = 0; r < rows; r++) {
        for (let c = 0; c < columns; c++) {
          const samples: Sample[] = []
          for (let i = 0; i < down; i++) {
            for (let j = 0; j < across; j++) {
              const sample = sampleAt(
                y1 + (r + (i + 0.5) / down) * binHeight,
                x1 + (c + (j + 0.5) / across) * binWidth,
                height,
                width,
              )
              if (sample) samples.push(sample)
            }
          }
          for (let channel = 0; channel < channels; channel++) {
            const plane = (image * channels + channel) * height * width
            let sum = 0
            // The maximum is over weighted neighbours, not over interpolated points: so it was defined.
            let largest = -Infinity
            for (const { at, weights } of samples) {
              for (let k = 0; k < 4; k++) {
                const term = weights[k] * values[plane + at[k]]
                sum += term
                largest = Math.max(largest, term)
              }
            }
            const value = mode === 'avg' ? sum / Math.max(down * across, 1) : samples.length === 0 ? 0 : largest
            result[((n * channels + channel) * rows + r) * columns + c] = value
          }
        }
      }
    }
    return [floatTensor(y.dtype, y.shape, result)]
  },
  upgrades: [
    {
      below: 16,
      apply: ({ attributes }) =>
        void attributes.set('coordinate_transformation_mode', { kind: 'string', value: 'output_half_pixel' }),
    },
  ],
})

/**
 * Points per bin along an axis. A region is the user's, who may ask for any size: beyond the image there is nothing to
 * sample.
 */
function sampleCount(ratio: number, bin: number, extent: number): number {
  const wanted = ratio > 0 ? ratio : Math.ceil(bin)
  const most = 64 * (extent + 2)
  if (!(wanted <= most))
    throw new LanewiseError('E_VALUE', `${wanted} samples per bin of a region in an axis of ${extent}`)
  return Math.max(wanted, 0)
}

/** Girshick, 2015. Regions are (image, x1, y1, x2, y2) in whole pixels, both ends included. */
export const MaxRoiPool = defineOp({
  name: 'MaxRoiPool',
  takes: isFloat,
  arity: 2,
  attributes: { pooled_shape: required(ints()), spatial_scale: float(1) },
  infer({ attributes: { pooled_shape: pooled }, inputs: [x, rois] }) {
    checkImage(x.shape)
    if (rois.shape.length !== 2 || rois.shape[1] !== 5)
      throw new LanewiseError('E_SHAPE', `regions must have five columns, got ${formatShape(rois.shape)}`)
    if (pooled.length !== 2 || pooled.some((size) => !(size >= 1)))
      throw new LanewiseError('E_VALUE', `pooled_shape ${formatShape(pooled)} must be two positive sizes`)
    return [{ dtype: x.dtype, shape: [rois.shape[0], x.shape[1], ...pooled] }]
  },
  compute({ attributes: { spatial_scale: scale }, inputs: [x, rois], outputs: [y] }) {
    const [batch, channels, height, width] = x.shape
    const [count, , rows, columns] = y.shape
    const values = floatsOf(x)
    const boxes = floatsOf(rois)
    const result = new Float64Array(count * channels * rows * columns)
    for (let n = 0; n < count; n++) {
      const image = boxes[5 * n]
      if (!(image >= 0 && image < batch && Number.isInteger(image)))
        throw new LanewiseError('E_VALUE', `image ${image} is outside [0, ${batch - 1}]`)
      const [x1, y1, x2, y2] = [1, 2, 3, 4].map((k) => roundAway(boxes[5 * n + k] * scale))
      const binHeight = Math.max(y2 - y1 + 1, 1) / rows
      const binWidth = Math.max(x2 - x1 + 1, 1) / columns
      const clamp = (value: number, high: number) => Math.min(Math.max(value, 0), high)
      for (let r = 0; r < rows; r++) {
        const top = clamp(Math.floor(r * binHeight) + y1, height)
        const bottom = clamp(Math.ceil((r + 1) * binHeight) + y1, height)
        for (let c = 0; c < columns; c++) {
          const left = clamp(Math.floor(c * binWidth) + x1, width)
          const right = clamp(Math.ceil((c + 1) * binWidth) + x1, width)
          const empty = bottom <= top || right <= left
          for (let channel = 0; channel < channels; channel++) {
            const plane = (image * channels + channel) * height * width
            let largest = empty ? 0 : -Infinity
            for (let i = top; i < bottom; i++)
              for (let j = left; j < right; j++) largest = Math.max(largest, values[plane + i * width + j])
            result[((n * channels + channel) * rows + r) * columns + c] = largest
          }
        }
      }
    }
    return [floatTensor(y.dtype, y.shape, result)]
  },
})

/** Halves away from zero, as C's round. */
function roundAway(x: number): number {
  return Math.abs(x % 1) === 0.5 ? x + Math.sign(x) * 0.5 : roundEven(x)
}

// Operators that take the elements of windows apart or put them together.
import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostZeros, toNumbers } from '../../core/host.js'
import { formatShape, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { int, ints, required } from '../../ir/attributes.js'
import { floatsOf, floatTensor, numbersOf, numericTensor } from '../shared/scalar-floats.js'
import { convWindow } from '../matmul/scalar-linear.js'
import { defineOp } from '../../ir/op.js'
import { perAxis, slideWindow, windowAttributes } from '../pool/window.js'
import { advance, eachWindow } from '../pool/window-taps.js'

/** Columns of windows summed back into an image: the reverse of im2col. */
export const Col2Im = defineOp({
  name: 'Col2Im',
  arity: 3,
  attributes: { dilations: ints(), pads: ints(), strides: ints() },
  infer(c) {
    const [x] = c.inputs
    const image = toNumbers(c.value(1), 'image_shape')
    const block = toNumbers(c.value(2), 'block_shape')
    const { output } = slideWindow({ auto_pad: 'NOTSET', ...c.attributes }, image, block)
    const taps = sizeOf(block)
    const fits = x.shape.length === 3 && x.shape[1] % taps === 0 && x.shape[2] === sizeOf(output)
    if (!fits)
      throw new LanewiseError(
        'E_SHAPE',
        `columns ${formatShape(x.shape)} do not fit blocks ${formatShape(block)} of an image ${formatShape(image)}`,
        { expected: `${sizeOf(output)} columns`, actual: formatShape(x.shape) },
      )
    return [{ dtype: x.dtype, shape: [x.shape[0], x.shape[1] / taps, ...image] }]
  },
  compute({ attributes, inputs: [x, , blockTensor], outputs: [y] }) {
    const block = toNumbers(blockTensor, 'block_shape')
    const [batch, channels, ...image] = y.shape
    const window = slideWindow({ auto_pad: 'NOTSET', ...attributes }, image, block)
    const values = numbersOf(x)
    const taps = sizeOf(block)
    const columns = sizeOf(window.output)
    const pixels = sizeOf(image)
    const result = new Float64Array(sizeOf(y.shape))
    eachWindow(window, image, (column, { kernel, input, count }) => {
      for (let p = 0; p < batch * channels; p++) {
        for (let t = 0; t < count; t++)
          result[p * pixels + input[t]] += values[(p * taps + kernel[t]) * columns + column]
      }
    })
    return [numericTensor(y.dtype, y.shape, result)]
  },
})

interface Unpool {
  readonly kernel_shape: readonly number[]
  readonly pads?: readonly number[]
  readonly strides?: readonly number[]
}

function unpooledShape({ kernel_shape: kernel, pads, strides }: Unpool, x: Shape): number[] {
  const rank = x.length - 2
  if (rank < 1) throw new LanewiseError('E_SHAPE', `pooling needs spatial axes, got ${formatShape(x)}`)
  const sizes = perAxis('kernel_shape', kernel, rank, 1)
  const steps = perAxis('strides', strides, rank, 1)
  if (pads && pads.length !== 2 * rank)
    throw new LanewiseError('E_SHAPE', `pads must have ${2 * rank} entries, got ${formatShape(pads)}`)
  return [
    x[0],
    x[1],
    ...sizes.map((size, i) => (x[i + 2] - 1) * steps[i] + size - (pads ? pads[i] + pads[rank + i] : 0)),
  ]
}

/** Every element goes to the place that MaxPool says it came from; everything else is 0. */
export const MaxUnpool = defineOp({
  name: 'MaxUnpool',
  arity: [2, 3],
  attributes: { kernel_shape: required(ints()), pads: ints(), strides: ints() },
  infer(c) {
    const [x, indices] = c.inputs
    const wanted = c.value(2)
    const shape = wanted ? toNumbers(wanted, 'output_shape') : unpooledShape(c.attributes, x.shape)
    if (shape.length !== x.shape.length || indices.shape.join() !== x.shape.join()) {
      throw new LanewiseError(
        'E_SHAPE',
        `indices ${formatShape(indices.shape)} and output shape ${formatShape(shape)} do not fit ${formatShape(x.shape)}`,
      )
    }
    return [{ dtype: x.dtype, shape }]
  },
  compute({ attributes, inputs: [x, indices], outputs: [y] }) {
    const result = hostZeros(y.dtype, y.shape)
    const from = x.data as { [i: number]: number }
    const to = result.data as { [i: number]: number }
    const places = toNumbers(indices, 'indices')
    // Indices count within the tensor that was pooled; a larger output shape leaves room at the ends of its axes.
    const pooled = unpooledShape(attributes, x.shape)
    const same = pooled.join() === y.shape.join()
    const sizes = stridesOf(pooled)
    const strides = stridesOf(y.shape)
    for (let i = 0; i < places.length; i++) {
      const place = places[i]
      let at = place
      if (!same) {
        at = 0
        for (let axis = 0, rest = place; axis < sizes.length; axis++) {
          at += Math.floor(rest / sizes[axis]) * strides[axis]
          rest %= sizes[axis]
        }
      }
      if (!(place >= 0 && at < result.data.length))
        throw new LanewiseError('E_VALUE', `index ${place} is outside an output of ${result.data.length} elements`)
      to[at] = from[i]
    }
    return [result]
  },
})

/**
 * Deformable convolution (Dai et al., 2017; Zhu et al., 2019): every tap of every window is moved by offsets and scaled
 * by a mask.
 */
export const DeformConv = defineOp({
  name: 'DeformConv',
  takes: isFloat,
  arity: [3, 5],
  attributes: { ...windowAttributes, group: int(1), offset_group: int(1) },
  infer({ attributes, inputs: [x, w, offset, bias, mask] }) {
    if (x.shape.length !== 4)
      throw new LanewiseError('E_UNSUPPORTED', `only images can be convolved so, got ${formatShape(x.shape)}`)
    const { output, kernel } = convWindow(attributes, x.shape, w.shape)
    const { offset_group: groups } = attributes
    const taps = sizeOf(kernel)
    const [batch, channels] = x.shape
    const fits =
      groups >= 1 &&
      channels % groups === 0 &&
      offset.shape.join() === [batch, groups * taps * 2, ...output].join() &&
      (!mask || mask.shape.join() === [batch, groups * taps, ...output].join()) &&
      (!bias || sizeOf(bias.shape) === w.shape[0])
    if (!fits)
      throw new LanewiseError(
        'E_SHAPE',
        `offsets ${formatShape(offset.shape)} do not fit ${groups} groups of ${taps} taps over ${formatShape(output)}`,
      )
    return [{ dtype: x.dtype, shape: [batch, w.shape[0], ...output] }]
  },
  compute({ attributes, inputs: [x, w, offset, bias, mask], outputs: [y] }) {
    const window = convWindow(attributes, x.shape, w.shape)
    const [values, weights, offsets] = [x, w, offset].map(floatsOf)
    const [biases, masks] = [bias, mask].map((tensor) => tensor && floatsOf(tensor))
    const [batch, channels, height, width] = x.shape
    const filters = w.shape[0]
    const inner = w.shape[1]
    const taps = sizeOf(window.kernel)
    const positions = sizeOf(window.output)
    const { offset_group: groups, group } = attributes
    const result = new Float64Array(sizeOf(y.shape))
    const gathered = new Float64Array(channels * taps)
    const at = [0, 0]
    for (let b = 0; b < batch; b++) {
      at.fill(0)
      for (let o = 0; o < positions; o++) {
        for (let g = 0; g < groups; g++) {
          for (let t = 0; t < taps; t++) {
            const tap = (b * groups + g) * taps + t
            const row = Math.floor(t / window.kernel[1])
            const py =
              at[0] * window.strides[0] - window.begin[0] + row * window.dilations[0] + offsets[2 * tap * positions + o]
            const px =
              at[1] * window.strides[1] -
              window.begin[1] +
              (t % window.kernel[1]) * window.dilations[1] +
              offsets[(2 * tap + 1) * positions + o]
            const scale = masks ? masks[tap * positions + o] : 1
            for (let c = (g * channels) / groups; c < ((g + 1) * channels) / groups; c++) {
              gathered[c * taps + t] =
                scale * bilinear(values, (b * channels + c) * height * width, height, width, py, px)
            }
          }
        }
        for (let f = 0; f < filters; f++) {
          const first = Math.floor((f * group) / filters) * inner * taps
          let sum = biases ? biases[f] : 0
          for (let k = 0; k < inner * taps; k++) sum += gathered[first + k] * weights[f * inner * taps + k]
          result[(b * filters + f) * positions + o] = sum
        }
        advance(at, window.output)
      }
    }
    return [floatTensor(y.dtype, y.shape, result)]
  },
})

/** A point between pixels; everything beyond the image is 0. */
function bilinear(
  values: ArrayLike<number>,
  plane: number,
  height: number,
  width: number,
  y: number,
  x: number,
): number {
  if (!(y > -1 && y < height && x > -1 && x < width)) return 0
  const top = Math.floor(y)
  const left = Math.floor(x)
  const dy = y - top
  const dx = x - left
  const pixel = (i: number, j: number) =>
    i < 0 || i >= height || j < 0 || j >= width ? 0 : values[plane + i * width + j]
  return (
    (1 - dy) * ((1 - dx) * pixel(top, left) + dx * pixel(top, left + 1)) +
    dy * ((1 - dx) * pixel(top + 1, left) + dx * pixel(top + 1, left + 1))
  )
}

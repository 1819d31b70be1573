import { LanewiseError } from '../../core/errors.js'
import { channelsLast } from '../../core/layout.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import type { Emitter, KernelEmitter, Operand } from '../../ir/emitter.js'
import { defineOp, type TensorType } from '../../ir/op.js'
import { emitCast } from '../elementwise/cast.js'
import { slideWindow, threeAxes, windowAttributes, windowTable, type Window, type WindowAttributes } from './window.js'

interface PoolAttributes extends WindowAttributes {
  readonly ceil_mode?: number
}

const kernelOnly = { ...windowAttributes, ceil_mode: int(0) }

export function poolWindow(attributes: PoolAttributes, x: Shape): Window {
  if (x.length < 3 || x.length > 5) {
    throw new LanewiseError(
      x.length < 3 ? 'E_SHAPE' : 'E_UNSUPPORTED',
      `poolings take inputs of 3 to 5 axes, got ${formatShape(x)}`,
    )
  }
  const kernel = attributes.kernel_shape
  if (!kernel) throw new LanewiseError('E_GRAPH', 'attribute "kernel_shape" is missing')
  const window = slideWindow(attributes, x.slice(2), kernel, attributes.ceil_mode === 1)
  window.begin.forEach((pad, i) => {
    const extent = (kernel[i] - 1) * window.dilations[i] + 1
    if (pad >= extent || window.end[i] >= extent) {
      throw new LanewiseError(
        'E_VALUE',
        `padding ${pad} and ${window.end[i]} must be smaller than the window of ${extent}: some windows would see padding only`,
      )
    }
  })
  return window
}

/** The table of a pooling; a global one is a row of pixels that one window covers. */
export function poolTable(x: Shape, y: Shape, window: Window | undefined): Int32Array {
  const channels = { groups: 1, inputs: x[1], outputs: x[1] }
  if (window) return windowTable({ x, y, window, ...channels })
  const pixels = sizeOf(x.slice(2))
  const whole = { kernel: [pixels], strides: [1], dilations: [1], begin: [0] }
  return windowTable({ x: [x[0], x[1], pixels], y: [x[0], x[1], 1], window: whole, ...channels })
}

/** Rows of the output over all images: what the kernels' ranges run over. */
function rowsOf(y: Shape): number {
  const [depth, height] = threeAxes(y.slice(2), 1)
  return y[0] * depth * height
}

/** An operand of bytes as float32, which holds them all: the largest of them is the same. */
function widened(e: KernelEmitter, { shape, order, physical, size }: Operand): Operand {
  return { dtype: 'float32', shape, order, physical, size, at: e.scratch(4 * size), constant: undefined }
}

export const MaxPool = defineOp({
  name: 'MaxPool',
  arity: 1,
  outputs: 2,
  attributes: { ...kernelOnly, storage_order: int(0) },
  infer({ attributes, inputs: [x] }) {
    const shape = [...x.shape.slice(0, 2), ...poolWindow(attributes, x.shape).output]
    return [
      { dtype: x.dtype, shape },
      { dtype: 'int64', shape },
    ]
  },
  layout: channelsLast,
  kernel: ([type]) => type === 'float32' || type === 'uint8' || type === 'int8',
  emit(e) {
    const bytes = e.input(0).dtype !== 'float32'
    const x = bytes ? widened(e, e.input(0)) : e.input(0)
    const to = e.outputs[0] && e.output(0)
    const indices = e.outputs[1] && e.output(1)
    const wanted = to ?? indices
    if (!wanted || wanted.size === 0) return
    const y = to && !bytes ? to : widened(e, wanted)
    if (bytes) emitCast(e, e.input(0), x)
    const table = e.table(poolTable(x.shape, y.shape, poolWindow(e.attributes, x.shape)))
    const columnMajor = e.attributes.storage_order
    if (indices) e.call('max_pool_indices_f32', x.at, y.at, indices.at, table, columnMajor, 0, rowsOf(y.shape))
    else e.call('max_pool_f32', x.at, y.at, table, 0, rowsOf(y.shape))
    if (to && bytes) emitCast(e, y, to)
  },
  // float64 and the wider integers.
  compute({ attributes, inputs: [x], outputs: [{ shape }], outputCount }) {
    const window = poolWindow(attributes, x.shape)
    const indices = hostZeros('int64', shape)
    const y = reduceWindows(x, shape, window, (places, i) => {
      const data = x.data as { [i: number]: number }
      const best = places.reduce((a, b) => (data[b] > data[a] || Number.isNaN(data[b]) ? b : a))
      if (outputCount > 1) indices.data[i] = BigInt(attributes.storage_order === 1 ? columnMajor(best, x.shape) : best)
      return data[best]
    })
    return [y, indices]
  },
})

export const AveragePool = defineOp({
  name: 'AveragePool',
  arity: 1,
  attributes: { ...kernelOnly, count_include_pad: int(0) },
  infer: ({ attributes, inputs: [x] }) => [
    { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...poolWindow(attributes, x.shape).output] },
  ],
  layout: channelsLast,
  emit(e) {
    const [x, y] = [e.input(0), e.output(0)]
    if (y.size === 0) return
    const table = e.table(poolTable(x.shape, y.shape, poolWindow(e.attributes, x.shape)))
    e.call('average_pool_f32', x.at, y.at, table, e.attributes.count_include_pad, 0, rowsOf(y.shape))
  },
})

/** Powers are multiplied out, and float32 has nothing to say about higher ones. */
const MOST_POWER = 1000

function checkPower(p: number): void {
  if (!(p >= 1 && p <= MOST_POWER)) throw new LanewiseError('E_VALUE', `p must be in [1, ${MOST_POWER}], got ${p}`)
}

export const LpPool = defineOp({
  name: 'LpPool',
  arity: 1,
  attributes: { ...kernelOnly, p: int(2) },
  infer: ({ attributes, inputs: [x] }) => [
    { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...poolWindow(attributes, x.shape).output] },
  ],
  layout: channelsLast,
  emit(e) {
    checkPower(e.attributes.p)
    const [x, y] = [e.input(0), e.output(0)]
    if (y.size === 0) return
    const table = e.table(poolTable(x.shape, y.shape, poolWindow(e.attributes, x.shape)))
    e.call('lp_pool_f32', x.at, y.at, table, e.attributes.p, 0, rowsOf(y.shape))
  },
})

/** One window as large as the image, whatever the number of spatial axes. */
function globalInfer({ inputs: [x] }: { inputs: readonly [TensorType] }) {
  if (x.shape.length < 3)
    throw new LanewiseError('E_SHAPE', `global poolings take inputs of 3 or more axes, got ${formatShape(x.shape)}`)
  return [{ dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)] }]
}

function emitGlobal(e: Emitter<unknown>, kernel: 'global_average_pool_f32' | 'global_max_pool_f32'): void {
  const x = e.input(0)
  const y = e.output(0)
  const [images, channels] = x.shape
  if (y.size > 0) e.call(kernel, x.at, channels, y.at, channels, x.size / (images * channels), channels, 0, images)
}

export const GlobalAveragePool = defineOp({
  name: 'GlobalAveragePool',
  arity: 1,
  attributes: {},
  infer: globalInfer,
  layout: channelsLast,
  emit: (e) => emitGlobal(e, 'global_average_pool_f32'),
})

export const GlobalMaxPool = defineOp({
  name: 'GlobalMaxPool',
  arity: 1,
  attributes: {},
  infer: globalInfer,
  layout: channelsLast,
  emit: (e) => emitGlobal(e, 'global_max_pool_f32'),
})

export const GlobalLpPool = defineOp({
  name: 'GlobalLpPool',
  arity: 1,
  attributes: { p: int(2) },
  infer: globalInfer,
  layout: channelsLast,
  emit(e) {
    const x = e.input(0)
    const y = e.output(0)
    if (y.size === 0) return
    checkPower(e.attributes.p)
    e.call('lp_pool_f32', x.at, y.at, e.table(poolTable(x.shape, y.shape, undefined)), e.attributes.p, 0, x.shape[0])
  },
})

/** Folds the elements under each window; `fold` gets their places in x and the place in the result. */
function reduceWindows(
  x: HostTensor,
  shape: Shape,
  window: Window,
  fold: (places: readonly number[], i: number) => number,
): HostTensor {
  const y = hostZeros(x.dtype, shape)
  const data = y.data as { [i: number]: number | bigint }
  const input = x.shape.slice(2)
  const strides = stridesOf(input)
  const outStrides = stridesOf(shape.slice(2))
  const plane = sizeOf(input)
  const outPlane = sizeOf(shape.slice(2))
  for (let i = 0; i < sizeOf(shape); i++) {
    let places = [Math.floor(i / outPlane) * plane]
    for (let axis = 0; axis < input.length; axis++) {
      const start =
        (Math.floor((i % outPlane) / outStrides[axis]) % shape[axis + 2]) * window.strides[axis] - window.begin[axis]
      const next: number[] = []
      for (const place of places) {
        for (let k = 0; k < window.kernel[axis]; k++) {
          const position = start + k * window.dilations[axis]
          if (position >= 0 && position < input[axis]) next.push(place + position * strides[axis])
        }
      }
      places = next
    }
    data[i] = fold(places, i)
  }
  return y
}

/** The index of an element if the spatial axes were stored in the opposite order (MaxPool's storage_order 1). */
function columnMajor(index: number, shape: Shape): number {
  const input = shape.slice(2)
  const plane = sizeOf(input)
  let rest = index % plane
  let result = 0
  const strides = stridesOf(input)
  let step = 1
  input.forEach((size, axis) => {
    const position = Math.floor(rest / strides[axis])
    rest %= strides[axis]
    result += position * step
    step *= size
  })
  return index - (index % plane) + result
}

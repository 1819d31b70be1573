// ONNX Runtime's operators on quantised tensors that are no products (domain com.microsoft, docs/ContribOperators.md),
// with its order of operations: the zero point of a sum, a product or a mean is added before rounding, that of a
// function of one element afterwards.
import { UNARY_NONE } from '../../../assembly/abi/codes.js'
import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { channelsLast, elementwise } from '../../core/layout.js'
import { hostTensor, hostZeros, type HostTensor } from '../../core/host.js'
import { broadcastShapes, formatShape, normalizeAxis, sameShape, sizeOf, type Shape } from '../../core/shape.js'
import { float, int, ints, required, string } from '../../ir/attributes.js'
import { floatsOf, floatTensor, numbersOf, roundEven, type Floats } from '../shared/scalar-floats.js'
import { exp, sigmoid } from '../../core/scalar-functions.js'
import { broadcastOffsets } from '../shared/broadcast-offsets.js'
import { boundsOf, signed } from './integer-emit.js'
import type { Emitter } from '../../ir/emitter.js'
import { defineOp, requiredInput, type OpDefinition, type TensorType } from '../../ir/op.js'
import { checkQuantized, dequantized, isByte, perTensor, quantized, rangeOf, requireType } from './quantize.js'
import { concatenated } from '../control/sequence.js'
import { slideWindow } from '../pool/window.js'
import { eachWindow } from '../pool/window-taps.js'

const domain = 'com.microsoft'
const { fround } = Math

function real(x: HostTensor, scale: HostTensor, zero: HostTensor | undefined): Float32Array {
  return dequantized(x, scale, zero, 'float32', perTensor(sizeOf(x.shape))).data as Float32Array
}

export function stored(
  dtype: DType,
  shape: Shape,
  values: Float32Array,
  scale: HostTensor,
  zero: HostTensor | undefined,
): HostTensor {
  return quantized(hostTensor('float32', shape, values), scale, zero, dtype, perTensor(values.length))
}

/** Values in units of the scale, zero point added, as the bytes that are nearest. */
function nearest(dtype: DType, shape: Shape, values: ArrayLike<number>): HostTensor {
  const [low, high] = rangeOf(dtype)
  const y = hostZeros(dtype, shape)
  const data = y.data as Int8Array
  for (let i = 0; i < data.length; i++) data[i] = Math.min(Math.max(roundEven(fround(values[i])), low), high)
  return y
}

function zeroOf(zero: HostTensor | undefined): number {
  return zero ? numbersOf(zero)[0] : 0
}

/** One scale and zero point for x, and for y, which is of x's type. */
function checkUnary(inputs: readonly (TensorType | undefined)[]): void {
  checkQuantized(inputs, [
    [inputs[0]?.dtype, 1, 2],
    [inputs[0]?.dtype, 3, 4],
  ])
}

function sameAsInput({
  inputs,
}: {
  readonly inputs: readonly [TensorType, ...(TensorType | undefined)[]]
}): TensorType[] {
  checkUnary(inputs)
  return [inputs[0]]
}

interface Points {
  readonly a: number
  readonly b: number
  readonly y: number
}

/**
 * @param f - makes a function of two bytes, in units of the output's scale and with its zero point, from the scales and
 *   the zero points.
 */
function binary(
  name: string,
  f: (scales: Points, zeros: Points) => (a: number, b: number) => number,
  kernels: Pick<OpDefinition<object>, 'layout' | 'kernel' | 'emit'> = {},
) {
  return defineOp({
    ...kernels,
    name,
    domain,
    arity: [7, 8],
    attributes: {},
    infer({ inputs }) {
      const [a, , , b] = inputs
      checkQuantized(inputs, [
        [a.dtype, 1, 2],
        [b.dtype, 4, 5],
        [a.dtype, 6, 7],
      ])
      if (b.dtype !== a.dtype)
        throw new LanewiseError('E_TENSOR', `${a.dtype} and ${b.dtype} do not go together`, {
          expected: a.dtype,
          actual: b.dtype,
        })
      return [{ dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape) }]
    },
    compute({ inputs: [a, aScale, aZero, b, bScale, bZero, yScale, yZero], outputs: [y] }) {
      const [sa, sb, sy] = [aScale, bScale, yScale].map((scale) => floatsOf(scale)[0])
      const of = f({ a: sa, b: sb, y: sy }, { a: zeroOf(aZero), b: zeroOf(bZero), y: zeroOf(yZero) })
      const [left, right] = [numbersOf(a), numbersOf(b)]
      const leftOf = broadcastOffsets(a.shape, y.shape)
      const rightOf = broadcastOffsets(b.shape, y.shape)
      const values = Float64Array.from(leftOf, (at, i) => of(left[at], right[rightOf[i]]))
      return [nearest(y.dtype, y.shape, values)]
    },
  })
}

/** Whether all but the two tensors have one element. */
function oneScale(operands: readonly ({ readonly shape: Shape } | undefined)[]): boolean {
  return operands.every((operand, i) => !operand || i === 0 || i === 3 || sizeOf(operand.shape) === 1)
}

function emitSum(e: Emitter<object>, kernel: 'add_q8' | 'sum_q8'): void {
  const [a, b, y] = [e.input(0), e.input(3), e.output(0)]
  const at = (index: number) => e.inputs[index]?.at ?? 0
  const bounds = boundsOf(e.fused.activation, e.input(6))
  e.call(kernel, a.at, at(1), at(2), b.at, at(4), at(5), at(6), at(7), signed(a), ...bounds, y.at, y.size)
}

const sums = {
  layout: elementwise,
  kernel: (types, _, __, operands) =>
    isByte(types[0]) &&
    types[0] === types[3] &&
    sameShape(operands[0]?.shape ?? [], operands[3]?.shape ?? []) &&
    oneScale(operands),
} satisfies Partial<OpDefinition<object>>

export const QLinearAdd = binary(
  'QLinearAdd',
  (scales, zeros) => {
    const [p, q] = [fround(scales.a / scales.y), fround(scales.b / scales.y)]
    const fixed = fround(zeros.y - fround(fround(p * zeros.a) + fround(q * zeros.b)))
    return (a, b) => a * p + fround(b * q + fixed)
  },
  { ...sums, emit: (e) => emitSum(e, 'add_q8') },
)

export const QLinearMul = binary('QLinearMul', (scales, zeros) => {
  const ratio = fround(fround(scales.a * scales.b) / scales.y)
  return (a, b) => fround((a - zeros.a) * (b - zeros.b) * ratio) + zeros.y
})

/**
 * What fuse-integers makes of DequantizeLinear, Add and QuantizeLinear: operands as QLinearAdd's, of one shape; each
 * step rounded as those round it.
 */
export const QuantizedSum = defineOp({
  ...sums,
  name: 'QuantizedSum',
  domain: 'lanewise',
  arity: 8,
  attributes: {},
  infer: ({ inputs: [a] }) => [a],
  emit: (e) => emitSum(e, 'sum_q8'),
})

/** The same of DequantizeLinear, GlobalAveragePool and QuantizeLinear: operands as QLinearGlobalAveragePool's. */
export const QuantizedMean = defineOp({
  name: 'QuantizedMean',
  domain: 'lanewise',
  arity: 5,
  attributes: {},
  infer: ({ inputs: [x] }) => [{ dtype: x.dtype, shape: x.shape.map((size, axis) => (axis < 2 ? size : 1)) }],
  layout: channelsLast,
  kernel: ([x]) => isByte(x),
  emit(e) {
    const [x, y] = [e.input(0), e.output(0)]
    if (y.size === 0) return
    const [images, channels] = x.shape
    const [from, zero, to, shift] = [1, 2, 3, 4].map((index) => e.input(index).at)
    e.call('mean_q8', x.at, signed(x), images, x.size / y.size, channels, from, zero, to, shift, y.at)
  },
})

export const QLinearLeakyRelu = defineOp({
  name: 'QLinearLeakyRelu',
  domain,
  arity: [4, 5],
  attributes: { alpha: float(0.01) },
  infer: sameAsInput,
  compute: ({ attributes: { alpha }, inputs, inputs: [x, xScale, xZero, , yZero], outputs: [y] }) => [
    stored(
      y.dtype,
      y.shape,
      real(x, xScale, xZero).map((v) => (v < 0 ? alpha * v : v)),
      requiredInput(inputs, 3),
      yZero,
    ),
  ],
})

export const QLinearSigmoid = defineOp({
  name: 'QLinearSigmoid',
  domain,
  arity: [4, 5],
  attributes: {},
  infer: sameAsInput,
  compute: ({ inputs, inputs: [x, xScale, xZero, , yZero], outputs: [y] }) => [
    stored(
      y.dtype,
      y.shape,
      real(x, xScale, xZero).map((v) => sigmoid(v)),
      requiredInput(inputs, 3),
      yZero,
    ),
  ],
})

export const QLinearSoftmax = defineOp({
  name: 'QLinearSoftmax',
  domain,
  arity: 5,
  /** `opset` is that of the Softmax that was quantised: before 13, all axes from `axis` on are one. */
  attributes: { axis: int(-1), opset: required(int()) },
  infer: sameAsInput,
  compute({ attributes, inputs: [x, xScale, xZero, yScale, yZero], outputs: [y] }) {
    const axis = normalizeAxis(attributes.axis, y.shape.length)
    const flat = attributes.opset < 13
    const inner = flat ? 1 : sizeOf(y.shape.slice(axis + 1))
    const extent = flat ? sizeOf(y.shape.slice(axis)) : y.shape[axis]
    const values = real(x, xScale, xZero)
    for (let o = 0; o < values.length; o += extent * inner) {
      for (let i = 0; i < inner; i++) softmaxRow(values, o + i, extent, inner)
    }
    return [stored(y.dtype, y.shape, values, yScale, yZero)]
  },
})

function softmaxRow(values: Floats, at: number, extent: number, step: number): void {
  let largest = -Infinity
  for (let a = 0; a < extent; a++) largest = Math.max(largest, values[at + a * step])
  let sum = 0
  for (let a = 0; a < extent; a++) sum += exp(values[at + a * step] - largest)
  for (let a = 0; a < extent; a++) values[at + a * step] = exp(values[at + a * step] - largest) / sum
}

/** Channels-last tensors as channels-first and back, by what `channels_last` says. */
function moved(values: Float32Array, shape: Shape, toFirst: boolean): Float32Array {
  const [batch, ...rest] = shape
  const channels = toFirst ? rest[rest.length - 1] : rest[0]
  const spatial = sizeOf(rest) / channels
  const result = new Float32Array(values.length)
  for (let n = 0, i = 0; n < batch; n++) {
    const base = n * channels * spatial
    if (toFirst)
      for (let s = 0; s < spatial; s++) for (let c = 0; c < channels; c++) result[base + c * spatial + s] = values[i++]
    else
      for (let c = 0; c < channels; c++) for (let s = 0; s < spatial; s++) result[base + s * channels + c] = values[i++]
  }
  return result
}

function firstShape(shape: Shape, channelsLast: number): number[] {
  if (shape.length < 3) throw new LanewiseError('E_SHAPE', `pooling needs spatial axes, got ${formatShape(shape)}`)
  return channelsLast ? [shape[0], shape[shape.length - 1], ...shape.slice(1, -1)] : [...shape]
}

function lastShape(shape: Shape, channelsLast: number): number[] {
  return channelsLast ? [shape[0], ...shape.slice(2), shape[1]] : [...shape]
}

export const QLinearAveragePool = defineOp({
  name: 'QLinearAveragePool',
  domain,
  arity: [4, 5],
  attributes: {
    auto_pad: string('NOTSET'),
    ceil_mode: int(0),
    channels_last: int(0),
    count_include_pad: int(0),
    kernel_shape: required(ints()),
    pads: ints(),
    strides: ints(),
  },
  infer({ attributes, inputs }) {
    const [x] = inputs
    checkUnary(inputs)
    const shape = firstShape(x.shape, attributes.channels_last)
    const { output } = slideWindow(attributes, shape.slice(2), attributes.kernel_shape, attributes.ceil_mode !== 0)
    return [{ dtype: x.dtype, shape: lastShape([shape[0], shape[1], ...output], attributes.channels_last) }]
  },
  compute({ attributes, inputs, inputs: [x, xScale, xZero, , yZero], outputs: [y] }) {
    const shape = firstShape(x.shape, attributes.channels_last)
    const [batch, channels, ...spatial] = shape
    const window = slideWindow(attributes, spatial, attributes.kernel_shape, attributes.ceil_mode !== 0)
    const given = real(x, xScale, xZero)
    const [scale] = floatsOf(requiredInput(inputs, 3))
    const values = attributes.channels_last ? moved(given, x.shape, true) : given
    const inSize = sizeOf(spatial)
    const outSize = sizeOf(window.output)
    const result = new Float32Array(batch * channels * outSize)
    eachWindow(window, spatial, (o, taps, at) => {
      // The part of the window that lies on the input or its padding, but not beyond it (ceil_mode).
      const padded = at.reduce((count, p, axis) => {
        const begin = p * window.strides[axis]
        const end = spatial[axis] + window.begin[axis] + window.end[axis]
        return count * (Math.min(begin + window.kernel[axis], end) - begin)
      }, 1)
      const count = attributes.count_include_pad ? padded : taps.count
      for (let p = 0; p < batch * channels; p++) {
        let sum = 0
        for (let t = 0; t < taps.count; t++) sum = fround(sum + values[p * inSize + taps.input[t]])
        result[p * outSize + o] = fround(fround(sum / count) / scale) + zeroOf(yZero)
      }
    })
    const ordered = attributes.channels_last ? moved(result, [batch, channels, ...window.output], false) : result
    return [nearest(y.dtype, y.shape, ordered)]
  },
})

export const QLinearGlobalAveragePool = defineOp({
  name: 'QLinearGlobalAveragePool',
  domain,
  arity: 5,
  attributes: { channels_last: int(0) },
  infer({ attributes, inputs }) {
    const [x] = inputs
    checkUnary(inputs)
    const [batch, channels, ...spatial] = firstShape(x.shape, attributes.channels_last)
    return [{ dtype: x.dtype, shape: lastShape([batch, channels, ...spatial.map(() => 1)], attributes.channels_last) }]
  },
  layout: (query) => (query.attributes.channels_last ? { inputs: [], outputs: [] } : channelsLast(query)),
  kernel: ([x], _, __, operands) =>
    isByte(x) &&
    operands[3].constant &&
    operands.every((operand, i) => !operand || i === 0 || sizeOf(operand.shape) === 1),
  emit(e) {
    const [x, y] = [e.input(0), e.output(0)]
    if (y.size === 0) return
    const images = x.shape[0]
    const channels = y.size / images
    const pixels = x.size / y.size
    // The mean is a sum with filters of ones, whose scale is 1/pixels.
    const ones = e.table(new Int32Array(Math.ceil(channels / 8) * 8).fill(pixels))
    const scale = e.table(Float32Array.of(fround(Number(e.input(3).constant?.data[0]) * pixels)))
    const epilogue = e.scratch(e.ask('epilogue_q8_size', channels))
    e.call(
      'epilogue_q8',
      epilogue,
      ones,
      0,
      channels,
      0,
      0,
      e.inputs[2]?.at ?? 0,
      signed(x),
      e.input(1).at,
      e.table(Float32Array.of(1)),
      1,
      scale,
      e.inputs[4]?.at ?? 0,
      signed(y),
      ...boundsOf({ code: UNARY_NONE, a: 0, b: 0 }, undefined),
    )
    e.call('global_average_pool_q8', x.at, signed(x), images, pixels, channels, epilogue, y.at)
  },
  compute({ attributes, inputs: [x, xScale, xZero, yScale, yZero], outputs: [y] }) {
    const [batch, channels, ...spatial] = firstShape(x.shape, attributes.channels_last)
    const given = Float32Array.from(numbersOf(x))
    const zero = zeroOf(xZero)
    const values = attributes.channels_last ? moved(given, x.shape, true) : given
    const size = sizeOf(spatial)
    // As the kernel: sums of integers by one factor.
    const factor = fround(floatsOf(xScale)[0] / fround(floatsOf(yScale)[0] * size))
    const means = new Float32Array(batch * channels)
    for (let p = 0; p < means.length; p++) {
      let sum = 0
      for (let i = 0; i < size; i++) sum += values[p * size + i] - zero
      means[p] = sum * factor
    }
    return [stored(y.dtype, y.shape, means, floatTensor('float32', [], [1]), yZero)]
  },
})

/** Inputs are the output's scale and zero point, then a tensor, its scale and its zero point each. */
export const QLinearConcat = defineOp({
  name: 'QLinearConcat',
  domain,
  arity: [3, Infinity],
  attributes: { axis: required(int()) },
  infer({ attributes, inputs }) {
    const parts = inputs.filter((_, i) => i >= 2 && i % 3 === 2).map((_, i) => requiredInput(inputs, 3 * i + 2))
    if ((inputs.length - 2) % 3 !== 0 || parts.length === 0)
      throw new LanewiseError('E_GRAPH', 'the inputs do not come in threes')
    checkQuantized(inputs, [
      [parts[0].dtype, 0, 1],
      ...parts.map((part, i) => [part.dtype, 3 * i + 3, 3 * i + 4] as const),
    ])
    const axis = normalizeAxis(attributes.axis, parts[0].shape.length)
    const shape = [...parts[0].shape]
    for (const part of parts.slice(1)) shape[axis] += part.shape[axis]
    return [{ dtype: parts[0].dtype, shape }]
  },
  compute({ attributes, inputs, outputs: [y] }) {
    const parts: HostTensor[] = []
    for (let i = 2; i < inputs.length; i += 3) {
      const part = inputs[i]
      parts.push(hostTensor('float32', part.shape, real(part, requiredInput(inputs, i + 1), inputs[i + 2])))
    }
    const joined = concatenated(parts, normalizeAxis(attributes.axis, y.shape.length))
    return [stored(y.dtype, y.shape, joined.data as Float32Array, inputs[0], inputs[1])]
  },
})

/** What Where chooses of two quantised tensors, in the scale of the result. */
export const QLinearWhere = defineOp({
  name: 'QLinearWhere',
  domain,
  arity: 9,
  attributes: {},
  infer({ inputs }) {
    const [condition, x, , , y] = inputs
    requireType('the condition', condition, 'bool')
    requireType('Y', y, x.dtype)
    checkQuantized(inputs, [
      [x.dtype, 2, 3],
      [x.dtype, 5, 6],
      [x.dtype, 7, 8],
    ])
    return [{ dtype: x.dtype, shape: broadcastShapes(broadcastShapes(condition.shape, x.shape), y.shape) }]
  },
  compute({ inputs: [condition, x, xScale, xZero, y, yScale, yZero, zScale, zZero], outputs: [z] }) {
    const chosen = numbersOf(condition)
    const [left, right] = [real(x, xScale, xZero), real(y, yScale, yZero)]
    const [leftOf, rightOf] = [broadcastOffsets(x.shape, z.shape), broadcastOffsets(y.shape, z.shape)]
    const values = Float32Array.from(broadcastOffsets(condition.shape, z.shape), (at, i) =>
      chosen[at] ? left[leftOf[i]] : right[rightOf[i]],
    )
    return [stored(z.dtype, z.shape, values, zScale, zZero)]
  },
})

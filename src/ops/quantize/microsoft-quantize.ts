// ONNX Runtime's quantised operators (domain com.microsoft, docs/ContribOperators.md): dequantise, compute in float32, quantise.
import { UNARY_NONE } from '../../../assembly/abi/codes.js'
import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { channelsLast, elementwise } from '../../core/layout.js'
import { hostTensor, type HostTensor } from '../../core/host.js'
import { broadcastShapes, formatShape, normalizeAxis, sameShape, sizeOf, type Shape } from '../../core/shape.js'
import { float, int, ints, required, string } from '../../ir/attributes.js'
import { floatsOf, floatTensor, numbersOf, type Floats } from '../elementwise/scalar-floats.js'
import { exp, sigmoid } from '../../core/scalar-functions.js'
import { broadcastOffsets, matmul, productShape, type Matrix } from '../matmul/scalar-linear.js'
import { boundsOf, emitProduct, productKernel, signed } from './integer-emit.js'
import { centred } from './integer-linear.js'
import { defineOp, type OpDefinition } from '../../ir/op.js'
import { dequantized, dynamicRange, isByte, perTensor, quantized } from './quantize.js'
import { concatenated } from '../control/sequence.js'
import { slideWindow } from '../pool/window.js'
import { eachWindow } from '../pool/window-taps.js'

const domain = 'com.microsoft'

/** An input that is required although optional ones stand before it. */
function need<T>(value: T | undefined, index: number): T {
  if (value === undefined) throw new LanewiseError('E_GRAPH', `required input ${index} is missing`)
  return value
}

function real(x: HostTensor, scale: HostTensor, zero: HostTensor | undefined): Float32Array {
  return dequantized(x, scale, zero, 'float32', perTensor(sizeOf(x.shape))).data as Float32Array
}

function stored(
  dtype: DType,
  shape: Shape,
  values: Float32Array,
  scale: HostTensor,
  zero: HostTensor | undefined,
): HostTensor {
  return quantized(hostTensor('float32', shape, values), scale, zero, dtype, perTensor(values.length))
}

function binary(
  name: string,
  apply: (a: number, b: number) => number,
  kernels: Pick<OpDefinition<object>, 'layout' | 'kernel' | 'emit'> = {},
) {
  return defineOp({
    ...kernels,
    name,
    domain,
    arity: [7, 8],
    attributes: {},
    infer: ({ inputs: [a, , , b] }) => [{ dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape) }],
    compute({ inputs: [a, aScale, aZero, b, bScale, bZero, yScale, yZero], outputs: [y] }) {
      const left = real(a, aScale, aZero)
      const right = real(b, bScale, bZero)
      const leftOf = broadcastOffsets(a.shape, y.shape)
      const rightOf = broadcastOffsets(b.shape, y.shape)
      const values = new Float32Array(sizeOf(y.shape))
      for (let i = 0; i < values.length; i++) values[i] = apply(left[leftOf[i]], right[rightOf[i]])
      return [stored(y.dtype, y.shape, values, yScale, yZero)]
    },
  })
}

/** Whether all but the two tensors have one element. */
function oneScale(operands: readonly ({ readonly shape: Shape } | undefined)[]): boolean {
  return operands.every((operand, i) => !operand || i === 0 || i === 3 || sizeOf(operand.shape) === 1)
}

export const QLinearAdd = binary('QLinearAdd', (a, b) => a + b, {
  layout: elementwise,
  // Four bytes at a time; a row of fewer than four is not worth a case.
  kernel: (types, _, __, operands) =>
    isByte(types[0]) &&
    types[0] === types[3] &&
    sameShape(operands[0]!.shape, operands[3]!.shape) &&
    sizeOf(operands[0]!.shape) >= 4 &&
    oneScale(operands),
  emit(e) {
    const [a, b, y] = [e.input(0), e.input(3), e.output(0)]
    const at = (index: number) => e.inputs[index]?.at ?? 0
    e.call(
      'add_q8',
      a.at,
      at(1),
      at(2),
      b.at,
      at(4),
      at(5),
      at(6),
      at(7),
      signed(a),
      ...boundsOf(e.fused.activation, e.input(6)),
      y.at,
      y.size,
    )
  },
})
export const QLinearMul = binary('QLinearMul', (a, b) => a * b)

export const QLinearLeakyRelu = defineOp({
  name: 'QLinearLeakyRelu',
  domain,
  arity: [4, 5],
  attributes: { alpha: float(0.01) },
  infer: ({ inputs: [x] }) => [x],
  compute: ({ attributes: { alpha }, inputs: [x, xScale, xZero, yScale, yZero], outputs: [y] }) => [
    stored(
      y.dtype,
      y.shape,
      real(x, xScale, xZero).map((v) => (v < 0 ? alpha * v : v)),
      need(yScale, 3),
      yZero,
    ),
  ],
})

export const QLinearSigmoid = defineOp({
  name: 'QLinearSigmoid',
  domain,
  arity: [4, 5],
  attributes: {},
  infer: ({ inputs: [x] }) => [x],
  compute: ({ inputs: [x, xScale, xZero, yScale, yZero], outputs: [y] }) => [
    stored(
      y.dtype,
      y.shape,
      real(x, xScale, xZero).map((v) => sigmoid(v)),
      need(yScale, 3),
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
  infer: ({ inputs: [x] }) => [x],
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
  infer({ attributes, inputs: [x] }) {
    const shape = firstShape(x.shape, attributes.channels_last)
    const { output } = slideWindow(attributes, shape.slice(2), attributes.kernel_shape, attributes.ceil_mode !== 0)
    return [{ dtype: x.dtype, shape: lastShape([shape[0], shape[1], ...output], attributes.channels_last) }]
  },
  compute({ attributes, inputs: [x, xScale, xZero, yScale, yZero], outputs: [y] }) {
    const shape = firstShape(x.shape, attributes.channels_last)
    const [batch, channels, ...spatial] = shape
    const window = slideWindow(attributes, spatial, attributes.kernel_shape, attributes.ceil_mode !== 0)
    const given = real(x, xScale, xZero)
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
        for (let t = 0; t < taps.count; t++) sum += values[p * inSize + taps.input[t]]
        result[p * outSize + o] = sum / count
      }
    })
    const ordered = attributes.channels_last ? moved(result, [batch, channels, ...window.output], false) : result
    return [stored(y.dtype, y.shape, ordered, need(yScale, 3), yZero)]
  },
})

export const QLinearGlobalAveragePool = defineOp({
  name: 'QLinearGlobalAveragePool',
  domain,
  arity: 5,
  attributes: { channels_last: int(0) },
  infer({ attributes, inputs: [x] }) {
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
    const scale = e.table(Float32Array.of(Math.fround(Number(e.input(3).constant!.data[0]) * pixels)))
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
    const given = real(x, xScale, xZero)
    const values = attributes.channels_last ? moved(given, x.shape, true) : given
    const size = sizeOf(spatial)
    const result = new Float32Array(batch * channels)
    for (let p = 0; p < result.length; p++) {
      let sum = 0
      for (let i = 0; i < size; i++) sum += values[p * size + i]
      result[p] = sum / size
    }
    return [stored(y.dtype, y.shape, result, yScale, yZero)]
  },
})

/** Inputs are the output's scale and zero point, then a tensor, its scale and its zero point each. */
export const QLinearConcat = defineOp({
  name: 'QLinearConcat',
  domain,
  arity: [3, Infinity],
  attributes: { axis: required(int()) },
  infer({ attributes, inputs }) {
    const parts = inputs.filter((_, i) => i >= 2 && i % 3 === 2).map((part, i) => need(part, 3 * i + 2))
    if ((inputs.length - 2) % 3 !== 0 || parts.length === 0)
      throw new LanewiseError('E_GRAPH', 'the inputs do not come in threes')
    const axis = normalizeAxis(attributes.axis, parts[0].shape.length)
    const shape = [...parts[0].shape]
    for (const part of parts.slice(1)) shape[axis] += part.shape[axis]
    return [{ dtype: parts[0].dtype, shape }]
  },
  compute({ attributes, inputs, outputs: [y] }) {
    const parts: HostTensor[] = []
    for (let i = 2; i < inputs.length; i += 3) {
      const part = inputs[i]
      parts.push(hostTensor('float32', part.shape, real(part, need(inputs[i + 1], i + 1), inputs[i + 2])))
    }
    const joined = concatenated(parts, normalizeAxis(attributes.axis, y.shape.length))
    return [stored(y.dtype, y.shape, joined.data as Float32Array, inputs[0], inputs[1])]
  },
})

/** A, B and C as Gemm has them: y = saturate(round((A·B + C) · alpha · aScale · bScale / yScale) + yZero), without yScale in float32. C is int32. */
export const QGemm = defineOp({
  name: 'QGemm',
  domain,
  arity: [6, 9],
  attributes: { alpha: float(1), transA: int(0), transB: int(0) },
  infer({ attributes: { transA, transB }, inputs: [a, , , b, , , , yScale, yZero] }) {
    const [left, right] = [turned(a.shape, transA), turned(b.shape, transB)]
    if (yScale && !yZero) throw new LanewiseError('E_GRAPH', 'y_scale without y_zero_point')
    return [{ dtype: yScale ? yZero!.dtype : 'float32', shape: productShape(left, right).shape }]
  },
  kernel: (types, { alpha, transA, transB }, _, operands) =>
    alpha === 1 && transA === 0 && productKernel(types, operands, gemmRoles, transB !== 0),
  emit: (e) => emitProduct(e, gemmRoles, e.attributes.transB !== 0),
  compute({
    attributes: { alpha, transA, transB },
    inputs: [a, aScale, aZero, b, bScale, bZero, c, yScale, yZero],
    outputs: [y],
  }) {
    const [m, n] = y.shape
    const left = turnedMatrix(centred(a, aZero), transA)
    const right = turnedMatrix(centred(b, bZero, bZero && transB ? [...bZero.shape, 1] : bZero?.shape), transB)
    const sums = matmul(left, right).data
    const bScales = floatsOf(bScale)
    const added = c && numbersOf(c)
    const addedOf = c && broadcastOffsets(c.shape, [m, n])
    const [from] = floatsOf(aScale)
    const to = yScale ? floatsOf(yScale)[0] : 1
    const values = Float32Array.from(sums, (sum, i) => {
      const scale = Math.fround(Math.fround(Math.fround(alpha * from) * bScales[bScales.length === 1 ? 0 : i % n]) / to)
      return Math.fround(Math.fround(sum + (addedOf ? added![addedOf[i]] : 0)) * scale)
    })
    return [
      yScale
        ? stored(y.dtype, y.shape, values, floatTensor('float32', [], [1]), yZero)
        : floatTensor('float32', y.shape, values),
    ]
  },
})

const gemmRoles = { x: 0, xScale: 1, xZero: 2, w: 3, wScale: 4, wZero: 5, bias: 6, yScale: 7, yZero: 8 }

function turned(shape: Shape, transposed: number): Shape {
  if (shape.length !== 2) throw new LanewiseError('E_SHAPE', `QGemm multiplies matrices, got ${formatShape(shape)}`)
  return transposed ? [shape[1], shape[0]] : shape
}

function turnedMatrix({ shape, data }: Matrix, transposed: number): Matrix {
  if (!transposed) return { shape, data }
  const [rows, columns] = shape
  return {
    shape: [columns, rows],
    data: Float64Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]),
  }
}

/** Integer product · (a's scale · b's scales) + bias. */
function scaledProduct(
  a: HostTensor,
  aZero: HostTensor | undefined,
  aScales: Floats,
  b: HostTensor,
  bZero: HostTensor | undefined,
  bScales: Floats,
  bias: HostTensor | undefined,
  dtype: DType,
  shape: Shape,
): HostTensor {
  const sums = matmul(centred(a, aZero), centred(b, bZero)).data
  const n = shape[shape.length - 1]
  const m = shape[shape.length - 2] ?? 1
  for (const [what, scales, count] of [
    ['a', aScales, m],
    ['b', bScales, n],
  ] as const) {
    if (scales.length !== 1 && scales.length !== count)
      throw new LanewiseError('E_SHAPE', `${scales.length} scales of ${what} do not fit ${formatShape(shape)}`)
  }
  const biases = bias && floatsOf(bias)
  const values = Float32Array.from(sums, (sum, i) => {
    const column = i % n
    const row = Math.floor(i / n) % m
    const scale = Math.fround(aScales[aScales.length === 1 ? 0 : row] * bScales[bScales.length === 1 ? 0 : column])
    return Math.fround(sum * scale) + (biases ? biases[column] : 0)
  })
  return floatTensor(dtype, shape, values)
}

const toFloatRoles = { x: 0, w: 1, xScale: 2, wScale: 3, xZero: 4, wZero: 5, offset: 6 }

export const MatMulIntegerToFloat = defineOp({
  name: 'MatMulIntegerToFloat',
  domain,
  arity: [4, 7],
  attributes: {},
  infer: ({ inputs: [a, b, aScale] }) => [{ dtype: aScale.dtype, shape: productShape(a.shape, b.shape).shape }],
  kernel: (types, _, __, operands) => productKernel(types, operands, toFloatRoles),
  emit: (e) => emitProduct(e, toFloatRoles),
  compute: ({ inputs: [a, b, aScale, bScale, aZero, bZero, bias], outputs: [y] }) => [
    scaledProduct(a, aZero, floatsOf(aScale), b, bZero, floatsOf(bScale), bias, y.dtype, y.shape),
  ],
})

/** The left matrix is quantised to uint8 by its own range. */
export const DynamicQuantizeMatMul = defineOp({
  name: 'DynamicQuantizeMatMul',
  domain,
  arity: [3, 5],
  attributes: {},
  infer: ({ inputs: [a, b] }) => [{ dtype: 'float32', shape: productShape(a.shape, b.shape).shape }],
  compute({ inputs: [a, b, bScale, bZero, bias], outputs: [y] }) {
    const { scale, zero } = dynamicRange(floatsOf(a))
    const scaleTensor = floatTensor('float32', [], [scale])
    const zeroTensor: HostTensor = { dtype: 'uint8', shape: [], data: Uint8Array.of(zero) }
    const integers = quantized(a, scaleTensor, zeroTensor, 'uint8', perTensor(sizeOf(a.shape)))
    return [
      scaledProduct(integers, zeroTensor, Float32Array.of(scale), b, bZero, floatsOf(bScale), bias, 'float32', y.shape),
    ]
  },
})

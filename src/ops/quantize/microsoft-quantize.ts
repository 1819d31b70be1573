// ONNX Runtime's products of quantised matrices (domain com.microsoft, docs/ContribOperators.md).
import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { float, int } from '../../ir/attributes.js'
import { floatsOf, floatTensor, numbersOf, type Floats } from '../shared/scalar-floats.js'
import { matmul, productShape, type Matrix } from '../matmul/scalar-linear.js'
import { broadcastOffsets } from '../shared/broadcast-offsets.js'
import { requireFloat } from '../shared/operands.js'
import { emitProduct, productKernel } from './integer-emit.js'
import { requireBroadcast, centred, checkCentre } from './integer-linear.js'
import { defineOp, type TensorType } from '../../ir/op.js'
import { stored } from './microsoft-qlinear.js'
import { checkQuantized, dynamicRange, perTensor, quantized, requireType } from './quantize.js'

const domain = 'com.microsoft'

function checkZero(data: TensorType, zero: TensorType | undefined): void {
  checkQuantized([zero], [[data.dtype, -1, 0, 'columns']])
}

/**
 * A, B and C as Gemm has them: y = saturate(round((A·B + C) · alpha · aScale · bScale / yScale) + yZero), without
 * yScale in float32. C is int32.
 */
export const QGemm = defineOp({
  name: 'QGemm',
  domain,
  arity: [6, 9],
  attributes: { alpha: float(1), transA: int(0), transB: int(0) },
  infer({ attributes: { transA, transB }, inputs }) {
    const [a, , , b, bScale, bZero, bias, yScale, yZero] = inputs
    checkQuantized(inputs, [
      [a.dtype, 1, 2],
      [b.dtype, 4, 5, 'columns'],
      [yZero?.dtype, 7, 8],
    ])
    requireType('an operand', bias, 'int32')
    const [left, right] = [turned(a.shape, transA), turned(b.shape, transB)]
    if (yScale && !yZero) throw new LanewiseError('E_GRAPH', 'y_scale without y_zero_point')
    const { shape } = productShape(left, right)
    const [m, n] = shape
    checkCentre(b, bZero, columnsOf(bZero, transB))
    checkScales('b', bScale, n, shape)
    if (bias) requireBroadcast(bias.shape, [m, n])
    return [{ dtype: yScale && yZero ? yZero.dtype : 'float32', shape }]
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
    const right = turnedMatrix(centred(b, bZero, columnsOf(bZero, transB)), transB)
    const sums = matmul(left, right).data
    const bScales = floatsOf(bScale)
    const added = c && { values: numbersOf(c), of: broadcastOffsets(c.shape, [m, n]) }
    const [from] = floatsOf(aScale)
    const to = yScale ? floatsOf(yScale)[0] : 1
    const values = Float32Array.from(sums, (sum, i) => {
      const scale = Math.fround(Math.fround(Math.fround(alpha * from) * bScales[bScales.length === 1 ? 0 : i % n]) / to)
      return Math.fround(Math.fround(sum + (added ? added.values[added.of[i]] : 0)) * scale)
    })
    return [
      yScale
        ? stored(y.dtype, y.shape, values, floatTensor('float32', [], [1]), yZero)
        : floatTensor('float32', y.shape, values),
    ]
  },
})

const gemmRoles = { x: 0, xScale: 1, xZero: 2, w: 3, wScale: 4, wZero: 5, bias: 6, yScale: 7, yZero: 8 }

/** How zero points of columns lie over B, which may be transposed. */
function columnsOf(zero: TensorType | undefined, transposed: number): Shape | undefined {
  return zero && transposed ? [...zero.shape, 1] : zero?.shape
}

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

/** @throws LanewiseError `E_SHAPE` unless there is one scale, or one for each of `count` rows or columns. */
function checkScales(of: 'a' | 'b', scales: TensorType, count: number, shape: Shape): void {
  const given = sizeOf(scales.shape)
  if (given !== 1 && given !== count)
    throw new LanewiseError('E_SHAPE', `${given} scales of ${of} do not fit ${formatShape(shape)}`)
}

/** What both of the following ask of B, its scales and zero points, and of the bias of every column. */
function checkColumns(
  shape: Shape,
  b: TensorType,
  scales: TensorType,
  zero: TensorType | undefined,
  bias: TensorType | undefined,
): void {
  const n = shape[shape.length - 1]
  checkScales('b', scales, n, shape)
  checkCentre(b, zero)
  if (bias && sizeOf(bias.shape) !== n)
    throw new LanewiseError('E_SHAPE', `a bias of shape ${formatShape(bias.shape)} does not fit ${n} columns`)
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
  infer({ inputs }) {
    const [a, b, aScale, bScale, , , bias] = inputs
    // Scales may be of any one type of floats: that of the result.
    checkZero(a, inputs[4])
    checkZero(b, inputs[5])
    requireType('an operand', bScale, aScale.dtype)
    requireType('an operand', bias, aScale.dtype)
    requireFloat(aScale.dtype)
    const { shape } = productShape(a.shape, b.shape)
    checkScales('a', aScale, shape[shape.length - 2] ?? 1, shape)
    checkCentre(a, inputs[4])
    checkColumns(shape, b, bScale, inputs[5], bias)
    return [{ dtype: aScale.dtype, shape }]
  },
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
  infer({ inputs }) {
    const [a, b, bScale, bZero, bias] = inputs
    requireType('an operand', a, 'float32')
    requireType('an operand', bias, 'float32')
    checkQuantized(inputs, [[b.dtype, 2, 3, 'columns']])
    const { shape } = productShape(a.shape, b.shape)
    checkColumns(shape, b, bScale, bZero, bias)
    return [{ dtype: 'float32', shape }]
  },
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

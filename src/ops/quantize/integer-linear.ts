// Products and convolutions of 8-bit integers: the integer results are exact, scales are applied in float32.
import { isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { channelsLast } from '../../core/layout.js'
import { hostTensor, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { floatsOf, floatTensor, numbersOf, roundEven } from '../shared/scalar-floats.js'
import { convolve, convWindow, matmul, productShape, type Matrix } from '../matmul/scalar-linear.js'
import { broadcastOffsets } from '../shared/broadcast-offsets.js'
import { requireFloat } from '../shared/operands.js'
import { convKernel, emitConv, emitProduct, productKernel } from './integer-emit.js'
import { defineOp, type TensorType } from '../../ir/op.js'
import { rangeOf, requireQuantizable, requireType } from './quantize.js'
import { windowAttributes } from '../pool/window.js'

const convAttributes = { ...windowAttributes, group: int(1) }

/** A vector that belongs to the rows of a matrix, as a column. */
function asColumn(shape: Shape): Shape {
  return shape.length === 1 && shape[0] !== 1 ? [...shape, 1] : shape
}

/**
 * @throws LanewiseError `E_TENSOR` for a zero point of another type than the data, `E_SHAPE` for zero points of a shape
 *   that does not broadcast to them.
 */
export function checkCentre(x: TensorType, zero: TensorType | undefined, zeroShape: Shape = zero?.shape ?? []): void {
  checkZeroType(x, zero)
  if (zero && sizeOf(zeroShape) !== 1) requireBroadcast(zeroShape, x.shape)
}

function checkZeroType(x: TensorType, zero: TensorType | undefined): void {
  if (!zero || zero.dtype === x.dtype) return
  throw new LanewiseError('E_TENSOR', `the zero point is ${zero.dtype}, the data ${x.dtype}`, {
    expected: x.dtype,
    actual: zero.dtype,
  })
}

/** x − zero, zero broadcast to x. */
export function centred(x: HostTensor, zero: HostTensor | undefined, zeroShape: Shape = zero?.shape ?? []): Matrix {
  const values = numbersOf(x)
  if (!zero) return { shape: x.shape, data: values }
  const zeros = numbersOf(zero)
  if (sizeOf(zeroShape) === 1) return { shape: x.shape, data: Float64Array.from(values, (value) => value - zeros[0]) }
  const offsets = broadcastTo(zeroShape, x.shape)
  return { shape: x.shape, data: Float64Array.from(values, (value, i) => value - zeros[offsets[i]]) }
}

/** @throws LanewiseError `E_SHAPE` for a shape that does not broadcast to another. */
export function requireBroadcast(shape: Shape, to: Shape): void {
  const lead = to.length - shape.length
  if (lead < 0 || shape.some((size, i) => size !== 1 && size !== to[lead + i])) {
    throw new LanewiseError('E_SHAPE', `${formatShape(shape)} does not broadcast to ${formatShape(to)}`)
  }
}

/** {@link broadcastOffsets} that refuses shapes that do not broadcast. */
function broadcastTo(shape: Shape, to: Shape): number[] {
  requireBroadcast(shape, to)
  return broadcastOffsets(shape, to)
}

/** @throws LanewiseError `E_SHAPE` unless there is one for all filters, or one for each. */
function checkFilters(type: TensorType | undefined, filters: number, what: string): void {
  if (!type || [1, filters].includes(sizeOf(type.shape))) return
  throw new LanewiseError('E_SHAPE', `${what} of shape ${formatShape(type.shape)} do not fit ${filters} filters`)
}

/** Zero points or scales over filters: one for all, or one each. */
function perFilter(tensor: HostTensor | undefined): (filter: number) => number {
  if (!tensor) return () => 0
  const values = isFloat(tensor.dtype) ? floatsOf(tensor) : numbersOf(tensor)
  return values.length === 1 ? () => values[0] : (filter) => values[filter]
}

function centredFilters(w: HostTensor, zero: HostTensor | undefined): Matrix {
  const of = perFilter(zero)
  const values = numbersOf(w)
  const each = sizeOf(w.shape.slice(1))
  return { shape: w.shape, data: Float64Array.from(values, (value, i) => value - of(Math.floor(i / each))) }
}

function requireBytes(...dtypes: readonly DType[]): void {
  for (const dtype of dtypes)
    if (dtype !== 'int8' && dtype !== 'uint8')
      throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, {
        expected: 'int8 or uint8',
        actual: dtype,
      })
}

/** int32 sums as they wrap around. */
function int32(shape: Shape, sums: Float64Array): HostTensor {
  return hostTensor(
    'int32',
    shape,
    Int32Array.from(sums, (sum) => Number(BigInt.asIntN(32, BigInt(sum)))),
  )
}

export const MatMulInteger = defineOp({
  name: 'MatMulInteger',
  arity: [2, 4],
  attributes: {},
  infer({ inputs: [a, b, aZero, bZero] }) {
    requireBytes(a.dtype, b.dtype)
    const { shape } = productShape(a.shape, b.shape)
    checkCentre(a, aZero, asColumn(aZero?.shape ?? []))
    checkCentre(b, bZero)
    return [{ dtype: 'int32', shape }]
  },
  kernel: (types, _, __, operands) => productKernel(types, operands, { x: 0, w: 1, xZero: 2, wZero: 3 }),
  emit: (e) => emitProduct(e, { x: 0, w: 1, xZero: 2, wZero: 3 }),
  compute({ inputs: [a, b, aZero, bZero], outputs: [y] }) {
    return [int32(y.shape, matmul(centred(a, aZero, asColumn(aZero?.shape ?? [])), centred(b, bZero)).data)]
  },
})

export const ConvInteger = defineOp({
  name: 'ConvInteger',
  arity: [2, 4],
  attributes: convAttributes,
  infer({ attributes, inputs: [x, w, xZero, wZero] }) {
    requireBytes(x.dtype, w.dtype)
    const { output } = convWindow(attributes, x.shape, w.shape)
    checkCentre(x, xZero)
    checkZeroType(w, wZero)
    checkFilters(wZero, w.shape[0], 'zero points')
    return [{ dtype: 'int32', shape: [x.shape[0], w.shape[0], ...output] }]
  },
  layout: channelsLast,
  kernel: (types, _, __, operands) => convKernel(types, operands, { x: 0, w: 1, xZero: 2, wZero: 3 }),
  emit: (e) => emitConv(e, { x: 0, w: 1, xZero: 2, wZero: 3 }),
  compute({ attributes, inputs: [x, w, xZero, wZero], outputs: [y] }) {
    const window = convWindow(attributes, x.shape, w.shape)
    return [int32(y.shape, convolve(centred(x, xZero), centredFilters(w, wZero), window, attributes.group))]
  },
})

/** Numbers rounded to int8 or uint8 around a zero point. */
function saturated(dtype: DType, shape: Shape, values: ArrayLike<number>, zero: (i: number) => number): HostTensor {
  if (isFloat(dtype)) return floatTensor(dtype, shape, values)
  const [low, high] = rangeOf(dtype)
  const data = low < 0 ? new Int8Array(values.length) : new Uint8Array(values.length)
  for (let i = 0; i < data.length; i++) data[i] = Math.min(Math.max(roundEven(values[i]) + zero(i), low), high)
  return hostTensor(dtype, shape, data)
}

const linear = { x: 0, xScale: 1, xZero: 2, w: 3, wScale: 4, wZero: 5, yScale: 6, yZero: 7 }

export const QLinearMatMul = defineOp({
  name: 'QLinearMatMul',
  arity: 8,
  attributes: {},
  infer({ inputs: [a, aScale, aZero, b, bScale, bZero, yScale, yZero] }) {
    requireQuantizable('the zero point of the result', yZero.dtype)
    const { shape } = productShape(a.shape, b.shape)
    for (const scale of [aScale, bScale, yScale]) requireFloat(scale.dtype)
    for (const given of [asColumn(aScale.shape), bScale.shape, asColumn(yScale.shape), asColumn(yZero.shape)])
      if (sizeOf(given) !== 1) requireBroadcast(given, shape)
    checkCentre(a, aZero, asColumn(aZero.shape))
    checkCentre(b, bZero)
    return [{ dtype: yZero.dtype, shape }]
  },
  kernel: (types, _, __, operands) => productKernel(types, operands, linear),
  emit: (e) => emitProduct(e, linear),
  compute({ inputs: [a, aScale, aZero, b, bScale, bZero, yScale, yZero], outputs: [y] }) {
    const aOf = broadcastTo(asColumn(aScale.shape), y.shape)
    const bOf = broadcastTo(bScale.shape, y.shape)
    const yOf = broadcastTo(asColumn(yScale.shape), y.shape)
    const zeroOf = broadcastTo(asColumn(yZero.shape), y.shape)
    const [aScales, bScales, yScales, zeros] = [floatsOf(aScale), floatsOf(bScale), floatsOf(yScale), numbersOf(yZero)]
    const sums = matmul(centred(a, aZero, asColumn(aZero.shape)), centred(b, bZero)).data
    const values = sums.map((sum, i) => {
      const scale = Math.fround(Math.fround(aScales[aOf[i]] * bScales[bOf[i]]) / yScales[yOf[i]])
      return Math.fround(Math.fround(sum) * scale)
    })
    return [saturated(y.dtype, y.shape, values, (i) => zeros[zeroOf[i]])]
  },
})

export const QLinearConv = defineOp({
  name: 'QLinearConv',
  arity: [8, 9],
  attributes: convAttributes,
  infer({ attributes, inputs: [x, xScale, xZero, w, wScale, wZero, yScale, yZero, bias] }) {
    requireQuantizable('the zero point of the result', yZero.dtype)
    requireType('the bias', bias, 'int32')
    const { output } = convWindow(attributes, x.shape, w.shape)
    const [filters] = w.shape
    for (const scale of [xScale, wScale, yScale]) requireFloat(scale.dtype)
    checkCentre(x, xZero)
    checkZeroType(w, wZero)
    checkFilters(wZero, filters, 'zero points')
    checkFilters(wScale, filters, 'scales')
    checkFilters(bias, filters, 'biases')
    return [{ dtype: yZero.dtype, shape: [x.shape[0], w.shape[0], ...output] }]
  },
  layout: channelsLast,
  kernel: (types, _, __, operands) => convKernel(types, operands, { ...linear, bias: 8 }),
  emit: (e) => emitConv(e, { ...linear, bias: 8 }),
  compute({ attributes, inputs: [x, xScale, xZero, w, wScale, wZero, yScale, yZero, bias], outputs: [y] }) {
    const window = convWindow(attributes, x.shape, w.shape)
    const sums = convolve(centred(x, xZero), centredFilters(w, wZero), window, attributes.group)
    const filters = y.shape[1]
    const each = sizeOf(window.output)
    const [biasOf, scaleOf] = [perFilter(bias), perFilter(wScale)]
    const [[inScale], [outScale], [zero]] = [floatsOf(xScale), floatsOf(yScale), Array.from(numbersOf(yZero))]
    const values = sums.map((sum, i) => {
      const filter = Math.floor(i / each) % filters
      const scale = Math.fround(Math.fround(inScale * scaleOf(filter)) / outScale)
      return Math.fround(Math.fround(sum + biasOf(filter)) * scale)
    })
    return [saturated(y.dtype, y.shape, values, () => zero)]
  },
})

import { UNARY_GRID } from '../../../assembly/abi/codes.js'
import { byteSize, dtypeFromOnnx, isFloat, isInteger, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { follow } from '../../core/layout.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { formatShape, normalizeAxis, sizeOf, type Shape } from '../../core/shape.js'
import { float, int } from '../../ir/attributes.js'
import { floatsOf, floatTensor, numbersOf, roundEven, type Floats } from '../shared/scalar-floats.js'
import type { Emitter } from '../../ir/emitter.js'
import { defineOp, type TensorType } from '../../ir/op.js'

/** The values an integer type of at most 16 bits can hold. */
const ranges: Partial<Record<DType, readonly [number, number]>> = {
  int2: [-2, 1],
  uint2: [0, 3],
  int4: [-8, 7],
  uint4: [0, 15],
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
}

/** @throws LanewiseError `E_UNSUPPORTED` if nothing can be quantised to this type. */
export function rangeOf(dtype: DType): readonly [number, number] {
  const range = ranges[dtype]
  if (!range) throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { actual: dtype })
  return range
}

/** @throws LanewiseError `E_TENSOR` for an operand that is there and of another type than those. */
export function requireType(what: string, type: TensorType | undefined, ...expected: readonly DType[]): void {
  if (!type || expected.includes(type.dtype)) return
  throw new LanewiseError('E_TENSOR', `${what} is ${type.dtype}`, {
    expected: expected.join(' or '),
    actual: type.dtype,
  })
}

/**
 * @throws LanewiseError `E_TENSOR` for a type that nothing is quantised to: zero points and results are integers of at
 *   most 16 bits or floats of at most 8.
 */
export function requireQuantizable(what: string, dtype: DType | undefined): void {
  if (!dtype || ranges[dtype] || (isFloat(dtype) && byteSize(dtype) === 1)) return
  throw new LanewiseError('E_TENSOR', `${what} is ${dtype}`, { expected: 'a type to quantise to', actual: dtype })
}

/**
 * The types of quantised operands: bytes of a type (undefined: an operand left out), the input that is their scale, the
 * input that is their zero point. `columns` allows more than one scale.
 *
 * @throws LanewiseError `E_TENSOR` for data that are no bytes, a scale that is not float32, or a zero point of another
 *   type than the data; `E_SHAPE` for several scales.
 */
export function checkQuantized(
  inputs: readonly (TensorType | undefined)[],
  operands: readonly (readonly [dtype: DType | undefined, scale: number, zero: number, columns?: 'columns'])[],
): void {
  const check = (what: string, expected: DType, type: TensorType | undefined, columns?: string) => {
    if (!type) return
    requireType(what, type, expected)
    if (!columns && sizeOf(type.shape) !== 1)
      throw new LanewiseError('E_SHAPE', `${what} has the shape ${formatShape(type.shape)}`, { expected: 'one number' })
  }
  for (const [dtype, scale, zero, columns] of operands) {
    if (!dtype) continue
    requireType('the data', { dtype, shape: [] }, 'int8', 'uint8')
    check(`the scale (input ${scale})`, 'float32', inputs[scale], columns)
    check(`the zero point (input ${zero})`, dtype, inputs[zero], columns)
  }
}

/**
 * Which scale belongs to the element at (o, a, i) of x seen as outer × extent × inner: number
 * `o·outerStep + ⌊a/block⌋·axisStep + i·innerStep`.
 */
export interface Granularity {
  readonly outer: number
  readonly extent: number
  readonly inner: number
  readonly block: number
  readonly outerStep: number
  readonly axisStep: number
  readonly innerStep: number
}

/**
 * How scales lie over x: one for all (a scalar or one element), one per position of an axis, or one per block of an
 * axis.
 *
 * @throws LanewiseError `E_SHAPE` if they do none of this.
 */
export function granularity(
  x: Shape,
  scale: Shape,
  attributes: { readonly axis: number; readonly block_size: number },
): Granularity {
  const { block_size: block } = attributes
  if (block < 0) throw new LanewiseError('E_VALUE', `block_size must not be negative, got ${block}`)
  if (block === 0 && sizeOf(scale) === 1 && scale.length <= 1) {
    return { outer: 1, extent: 1, inner: sizeOf(x), block: 1, outerStep: 0, axisStep: 0, innerStep: 0 }
  }
  const axis = normalizeAxis(attributes.axis, x.length)
  const outer = sizeOf(x.slice(0, axis))
  const inner = sizeOf(x.slice(axis + 1))
  const extent = x[axis]
  if (block === 0) {
    if (scale.length !== 1 || scale[0] !== extent) {
      throw new LanewiseError(
        'E_SHAPE',
        `scales of shape ${formatShape(scale)} do not fit axis ${axis} of ${formatShape(x)}`,
      )
    }
    return { outer, extent, inner, block: 1, outerStep: 0, axisStep: 1, innerStep: 0 }
  }
  const blocks = Math.ceil(extent / block)
  const fits = scale.length === x.length && scale.every((size, i) => size === (i === axis ? blocks : x[i]))
  if (!fits) {
    throw new LanewiseError(
      'E_SHAPE',
      `scales of shape ${formatShape(scale)} do not fit blocks of ${block} along axis ${axis} of ${formatShape(x)}`,
    )
  }
  return { outer, extent, inner, block, outerStep: blocks * inner, axisStep: inner, innerStep: 1 }
}

/** Calls back with every element's number and its scale's. */
export function eachScaled(g: Granularity, visit: (element: number, scale: number) => void): void {
  let element = 0
  for (let o = 0; o < g.outer; o++) {
    for (let a = 0; a < g.extent; a++) {
      const row = o * g.outerStep + Math.floor(a / g.block) * g.axisStep
      for (let i = 0; i < g.inner; i++) visit(element++, row + i * g.innerStep)
    }
  }
}

/** Float results rounded to the precision of a type. */
function rounded(dtype: DType, values: Float32Array): Floats {
  return dtype === 'float32' ? values : floatsOf(floatTensor(dtype, [values.length], values))
}

/**
 * saturate(round(x / scale) + zero), or the nearest floats for float8 and float4 types.
 *
 * @param precision - type in which the division is rounded.
 */
export function quantized(
  x: HostTensor,
  scale: HostTensor,
  zero: HostTensor | undefined,
  dtype: DType,
  g: Granularity,
  precision: DType = 'float32',
  saturate = true,
): HostTensor {
  const values = numbersOf(x)
  const scales = numbersOf(scale)
  const ratios = new Float32Array(values.length)
  eachScaled(g, (i, s) => (ratios[i] = values[i] / scales[s]))
  const exact = rounded(precision, ratios)
  if (isFloat(dtype)) return floatTensor(dtype, x.shape, exact, saturate)
  const [low, high] = rangeOf(dtype)
  const zeros = zero && numbersOf(zero)
  const result = hostZeros(dtype, x.shape)
  const data = result.data as Int8Array
  eachScaled(g, (i, s) => {
    const shift = zeros ? zeros[s] : 0
    const q = roundEven(exact[i])
    // NaN has no integer; the zero point is what stands for 0.
    data[i] = q !== q ? shift : Math.min(Math.max(q + shift, low), high)
  })
  return result
}

/** (x − zero) · scale, rounded to the dtype. */
export function dequantized(
  x: HostTensor,
  scale: HostTensor,
  zero: HostTensor | undefined,
  dtype: DType,
  g: Granularity,
): HostTensor {
  const values = numbersOf(x)
  const scales = numbersOf(scale)
  const zeros = zero && numbersOf(zero)
  const result = new Float32Array(values.length)
  eachScaled(g, (i, s) => (result[i] = Math.fround(values[i] - (zeros ? zeros[s] : 0)) * scales[s]))
  return floatTensor(dtype, x.shape, result)
}

/** Granularity of one scale for all of `count` elements. */
export function perTensor(count: number): Granularity {
  return { outer: 1, extent: 1, inner: count, block: 1, outerStep: 0, axisStep: 0, innerStep: 0 }
}

/** The dtype an attribute names, or undefined for 0 (left out). */
function namedType(code: number): DType | undefined {
  if (code === 0) return undefined
  const dtype = dtypeFromOnnx(code)
  if (!dtype || !(isInteger(dtype) || isFloat(dtype)))
    throw new LanewiseError('E_VALUE', `data type ${code} is not one of a number`)
  return dtype
}

/** Where the scales lie for the kernels: outer × channels × inner in memory order. */
function inMemory(
  e: Emitter<{ readonly axis: number; readonly block_size: number }>,
): [outer: number, channels: number, inner: number] {
  const x = e.input(0)
  if (e.input(1).size === 1) return [1, 1, x.size]
  const axis = normalizeAxis(e.attributes.axis, x.shape.length)
  const place = x.order.indexOf(axis)
  return [sizeOf(x.physical.slice(0, place)), x.physical[place], sizeOf(x.physical.slice(place + 1))]
}

export const isByte = (dtype: DType | undefined): boolean => dtype === 'uint8' || dtype === 'int8'

export const QuantizeLinear = defineOp({
  name: 'QuantizeLinear',
  arity: [2, 3],
  attributes: { axis: int(1), block_size: int(0), output_dtype: int(0), precision: int(0), saturate: int(1) },
  infer({ attributes, inputs: [x, scale, zero] }) {
    granularity(x.shape, scale.shape, attributes)
    const wanted = namedType(attributes.output_dtype)
    if (zero && wanted && zero.dtype !== wanted) {
      throw new LanewiseError('E_TENSOR', `output_dtype is ${wanted}, the zero point ${zero.dtype}`, {
        expected: wanted,
        actual: zero.dtype,
      })
    }
    requireQuantizable('the zero point', zero?.dtype)
    requireQuantizable('the result', wanted)
    checkZero(scale.shape, zero?.shape)
    return [{ dtype: zero?.dtype ?? wanted ?? 'uint8', shape: x.shape }]
  },
  layout: follow,
  kernel: ([x, scale, zero], { block_size, output_dtype, precision }) => {
    const target = zero ?? namedType(output_dtype) ?? 'uint8'
    return (
      x === 'float32' &&
      scale === 'float32' &&
      isByte(target) &&
      block_size === 0 &&
      (namedType(precision) ?? 'float32') === 'float32'
    )
  },
  emit(e) {
    const [outer, channels, inner] = inMemory(e)
    const y = e.output(0)
    e.call(
      'quantize_linear',
      e.input(0).at,
      y.at,
      e.input(1).at,
      e.inputs[2]?.at ?? 0,
      y.dtype === 'int8' ? 1 : 0,
      outer,
      channels,
      inner,
    )
  },
  compute({ attributes, inputs: [x, scale, zero], outputs: [y] }) {
    const g = granularity(x.shape, scale.shape, attributes)
    const precision = namedType(attributes.precision) ?? (isFloat(scale.dtype) ? scale.dtype : 'float32')
    return [quantized(x, scale, zero, y.dtype, g, precision, attributes.saturate !== 0)]
  },
})

export const DequantizeLinear = defineOp({
  name: 'DequantizeLinear',
  arity: [2, 3],
  attributes: { axis: int(1), block_size: int(0), output_dtype: int(0) },
  infer({ attributes, inputs: [x, scale, zero] }) {
    granularity(x.shape, scale.shape, attributes)
    checkZero(scale.shape, zero?.shape)
    if (zero && zero.dtype !== x.dtype) {
      throw new LanewiseError('E_TENSOR', `the zero point is ${zero.dtype}, the data ${x.dtype}`, {
        expected: x.dtype,
        actual: zero.dtype,
      })
    }
    return [{ dtype: namedType(attributes.output_dtype) ?? scale.dtype, shape: x.shape }]
  },
  layout: follow,
  kernel: ([x, scale], { block_size, output_dtype }) =>
    isByte(x) && scale === 'float32' && block_size === 0 && (namedType(output_dtype) ?? 'float32') === 'float32',
  emit(e) {
    const [outer, channels, inner] = inMemory(e)
    const x = e.input(0)
    e.call(
      'dequantize_linear',
      x.at,
      e.output(0).at,
      e.input(1).at,
      e.inputs[2]?.at ?? 0,
      x.dtype === 'int8' ? 1 : 0,
      outer,
      channels,
      inner,
    )
  },
  compute({ attributes, inputs: [x, scale, zero], outputs: [y] }) {
    if (!isInteger(x.dtype) && !isFloat(x.dtype))
      throw new LanewiseError('E_UNSUPPORTED', `not supported for ${x.dtype}`, { actual: x.dtype })
    return [dequantized(x, scale, zero, y.dtype, granularity(x.shape, scale.shape, attributes))]
  },
})

/**
 * DequantizeLinear after QuantizeLinear, to a byte and with one scale: what passes/fuse-quantize.ts makes of the two.
 * `shift` is the zero point counted from the smallest value of the type.
 */
export const QuantizeDequantize = defineOp({
  name: 'QuantizeDequantize',
  domain: 'lanewise',
  arity: 1,
  attributes: { scale: float(1), shift: float(0) },
  infer: ({ inputs: [x] }) => [x],
  layout: follow,
  emit(e) {
    const y = e.overwrite(0, 0)
    if (y.size > 0) e.call('unary_f32', UNARY_GRID, e.input(0).at, y.at, y.size, e.attributes.scale, e.attributes.shift)
  },
  activation: ({ scale, shift }) => ({ code: UNARY_GRID, a: scale, b: shift }),
})

function checkZero(scale: Shape, zero: Shape | undefined): void {
  if (!zero || (sizeOf(zero) === sizeOf(scale) && (zero.length === scale.length || sizeOf(zero) === 1))) return
  throw new LanewiseError(
    'E_SHAPE',
    `zero points of shape ${formatShape(zero)} do not fit scales of shape ${formatShape(scale)}`,
  )
}

/**
 * Scale and zero point that spread a tensor's range, 0 included, over uint8; all in float32 as the operator's function
 * body has it.
 */
export function dynamicRange(x: Floats): { scale: number; zero: number } {
  let low = 0
  let high = 0
  for (const value of x) {
    low = Math.min(low, value)
    high = Math.max(high, value)
  }
  const scale = Math.fround(Math.fround(high - low) / 255)
  // Nothing but zeros: any scale will do, except the one that divides by zero.
  if (scale === 0) return { scale: 1, zero: 0 }
  return { scale, zero: roundEven(Math.min(Math.max(Math.fround(-low / scale), 0), 255)) }
}

export const DynamicQuantizeLinear = defineOp({
  name: 'DynamicQuantizeLinear',
  takes: isFloat,
  arity: 1,
  outputs: 3,
  attributes: {},
  infer({ inputs: [x] }) {
    return [
      { dtype: 'uint8', shape: x.shape },
      { dtype: 'float32', shape: [] },
      { dtype: 'uint8', shape: [] },
    ]
  },
  layout: follow,
  emit(e) {
    const x = e.input(0)
    const place = (index: number, bytes: number) => (e.outputs[index] ? e.output(index).at : e.scratch(bytes))
    e.call('dynamic_quantize_linear', x.at, place(0, x.size), x.size, place(1, 4), place(2, 1))
  },
  compute({ inputs: [x] }) {
    const { scale, zero } = dynamicRange(floatsOf(x))
    const scaleTensor = floatTensor('float32', [], [scale])
    const zeroTensor: HostTensor = { dtype: 'uint8', shape: [], data: Uint8Array.of(zero) }
    return [quantized(x, scaleTensor, zeroTensor, 'uint8', perTensor(sizeOf(x.shape))), scaleTensor, zeroTensor]
  },
})

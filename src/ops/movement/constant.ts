import { isBig, isFloat, isHalf, isInteger, makeData, type DType, type HostData } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostFrom, hostTensor, hostZeros, toNumbers, type HostTensor } from '../../core/host.js'
import { sizeOf, type Shape as Sizes } from '../../core/shape.js'
import { exact, float, floats, int, ints, string, strings, tensor } from '../../ir/attributes.js'
import { floatsOf, numbersOf, numericTensor } from '../shared/scalar-floats.js'
import { moving } from './copy.js'
import { defineOp } from '../../ir/op.js'

export const Shape = defineOp({
  name: 'Shape',
  arity: 1,
  attributes: { start: int(0), end: int() },
  infer: ({ attributes, inputs: [x] }) => [{ dtype: 'int64', shape: [sizesOf(x.shape, attributes).length] }],
  compute({ attributes, inputs: [x] }) {
    const sizes = sizesOf(x.shape, attributes)
    return [hostFrom('int64', [sizes.length], sizes)]
  },
})

function sizesOf(shape: Sizes, { start, end }: { readonly start: number; readonly end: number | undefined }): Sizes {
  // Array.slice counts from the end and clamps just as the specification does.
  return shape.slice(start, end)
}

export const Size = defineOp({
  name: 'Size',
  arity: 1,
  attributes: {},
  infer: () => [{ dtype: 'int64', shape: [] }],
  compute: ({ inputs: [x] }) => [hostFrom('int64', [], [sizeOf(x.shape)])],
})

const constantAttributes = {
  value: tensor(),
  value_float: float(),
  value_floats: floats(),
  value_int: exact(int()),
  value_ints: exact(ints()),
  value_string: string(),
  value_strings: strings(),
}

export const Constant = defineOp({
  name: 'Constant',
  arity: 0,
  attributes: constantAttributes,
  infer: ({ attributes }) => [constantOf(attributes)],
  compute: ({ attributes }) => [constantOf(attributes)],
})

function constantOf(attributes: { readonly [K in keyof typeof constantAttributes]: unknown }): HostTensor {
  const given = Object.entries(attributes).filter(([, value]) => value !== undefined)
  if (given.length !== 1) throw new LanewiseError('E_GRAPH', `a Constant must have one value, got ${given.length}`)
  const [[name, value]] = given
  switch (name) {
    case 'value_float':
      return hostFrom('float32', [], [value as number])
    case 'value_floats':
      return listOf('float32', value as number[])
    case 'value_int':
      return listOf('int64', [value as bigint], [])
    case 'value_ints':
      return listOf('int64', value as bigint[])
    case 'value_string':
      return hostTensor('string', [], [value as string])
    case 'value_strings':
      return hostTensor('string', [(value as string[]).length], [...(value as string[])])
    default:
      return value as HostTensor
  }
}

function listOf(dtype: DType, values: readonly (number | bigint)[], shape = [values.length]): HostTensor {
  return hostFrom(dtype, shape, values)
}

export const ConstantOfShape = defineOp({
  name: 'ConstantOfShape',
  arity: 1,
  attributes: { value: tensor() },
  infer({ attributes, value }) {
    const shape = toNumbers(value(0), 'shape')
    const element = elementOf(attributes.value)
    if (shape.some((size) => size < 0)) throw new LanewiseError('E_VALUE', `a size is negative: [${shape.join()}]`)
    return [{ dtype: element.dtype, shape }]
  },
  ...moving<{ readonly value: HostTensor | undefined }>(({ attributes, y }) => [
    {
      source: elementOf(attributes.value),
      axes: y.shape.map((size, axis) => ({ size, from: 0, to: y.strides[axis] })),
      from: 0,
      to: 0,
    },
  ]),
})

function elementOf(value: HostTensor | undefined): HostTensor {
  if (value && sizeOf(value.shape) !== 1)
    throw new LanewiseError('E_VALUE', `value must have one element, got ${sizeOf(value.shape)}`)
  return value ?? hostZeros('float32', [1])
}

export const Range = defineOp({
  name: 'Range',
  arity: 3,
  attributes: { stash_type: int(1) },
  infer({ attributes: { stash_type }, inputs: [start], value }) {
    if (isHalf(start.dtype) && stash_type !== 1)
      throw new LanewiseError('E_UNSUPPORTED', `a Range of ${start.dtype} with stash_type ${stash_type}`)
    const [from, to, step] = [value(0), value(1), value(2)]
    return [{ dtype: start.dtype, shape: [countOf(from, to, step)] }]
  },
  compute({ inputs, outputs: [{ dtype, shape }] }) {
    const small = isFloat(dtype) && dtype !== 'float32' && dtype !== 'float64'
    const [start, , delta] = small
      ? inputs.map((tensor) => floatsOf(tensor)[0])
      : inputs.map((tensor) => tensor.data[0])
    const data = small ? new Float64Array(shape[0]) : makeData(dtype, shape[0])
    fillRange(data, start, delta)
    return [small ? numericTensor(dtype, shape, data as Float64Array) : { dtype, shape, data }]
  },
})

/** max(0, ⌈(limit − start) / delta⌉) */
function countOf(start: HostTensor, limit: HostTensor, delta: HostTensor): number {
  const { dtype } = start
  if (limit.dtype !== dtype || delta.dtype !== dtype)
    throw new LanewiseError('E_TENSOR', 'start, limit and delta differ in type')
  if (!isInteger(dtype) && !isFloat(dtype))
    throw new LanewiseError('E_UNSUPPORTED', `Range is not supported for ${dtype}`)
  for (const tensor of [start, limit, delta])
    if (sizeOf(tensor.shape) !== 1) throw new LanewiseError('E_SHAPE', 'start, limit and delta must be scalars')
  const [from, to, step] = [start, limit, delta].map((tensor) => numbersOf(tensor)[0])
  if (step === 0) throw new LanewiseError('E_VALUE', 'the delta of a Range is 0')
  if (isBig(dtype)) {
    const [a, b, d] = [start, limit, delta].map((tensor) => tensor.data[0]) as bigint[]
    // Rounds towards zero; one more where something is left over.
    const whole = (b - a) / d
    return Math.max(0, Number(whole) + ((b - a) % d !== 0n && b - a > 0n === d > 0n ? 1 : 0))
  }
  const count = Math.ceil((to - from) / step)
  if (!Number.isSafeInteger(count)) throw new LanewiseError('E_VALUE', `a Range of ${count} elements`)
  return Math.max(0, count)
}

function fillRange(data: HostData, start: unknown, delta: unknown): void {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    for (let i = 0, x = start as bigint; i < data.length; i++, x += delta as bigint) data[i] = x
  } else {
    const round = data instanceof Float32Array ? Math.fround : (x: number) => x
    const numbers = data as Float32Array
    for (let i = 0; i < numbers.length; i++) numbers[i] = (start as number) + round(i * (delta as number))
  }
}

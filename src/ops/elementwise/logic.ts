import * as code from '../../../assembly/abi/codes.js'
import { byteSize, isBig, isInteger, type DType } from '../../core/dtype.js'
import { LanewiseError, present } from '../../core/errors.js'
import { elementwise } from '../../core/layout.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { broadcastShapes, sizeOf } from '../../core/shape.js'
import { copyElements } from '../../ir/strided.js'
import { required, string } from '../../ir/attributes.js'
import { descriptor, mapBroadcast, placesOf, walkOf } from './broadcast.js'
import { numbersOf } from '../shared/scalar-floats.js'
import { defineOp, type OpDefinition } from '../../ir/op.js'
import { sameType } from '../shared/operands.js'

type Element = number | bigint | string

const old = {
  below: 7,
  apply(node: { attributes: Map<string, unknown> }): void {
    node.attributes.delete('broadcast')
    node.attributes.delete('axis')
  },
}

/** A comparison: bools, for operands of any type that has an order (or, for Equal, any type). */
function comparison(name: string, which: number, f: (x: Element, y: Element) => boolean): OpDefinition<object> {
  const kernels = new Map<
    DType | undefined,
    'compare_broadcast_f32' | 'compare_broadcast_i32' | 'compare_broadcast_i64'
  >([
    ['float32', 'compare_broadcast_f32'],
    ['int32', 'compare_broadcast_i32'],
    ['int64', 'compare_broadcast_i64'],
  ])
  return defineOp({
    name,
    arity: 2,
    attributes: {},
    infer({ inputs }) {
      sameType(inputs)
      return [{ dtype: 'bool', shape: broadcastShapes(inputs[0].shape, inputs[1].shape) }]
    },
    layout: elementwise,
    kernel: (types) => types[0] === types[1] && kernels.has(types[0]),
    emit(e) {
      const [a, b, y] = [e.input(0), e.input(1), e.output(0)]
      if (y.size === 0) return
      const walk = walkOf(y, [a, b])
      e.call(
        present(kernels.get(a.dtype), a.dtype),
        which,
        a.at,
        b.at,
        y.at,
        e.table(descriptor(walk)),
        walk.sizes.length,
        0,
        walk.sizes[0],
      )
    },
    compute: ({ inputs: [a, b] }) => [
      mapBroadcast<Element, number>(comparable(a), comparable(b), 'bool', (x, y) => (f(x, y) ? 1 : 0)),
    ],
    upgrades: [old],
  })
}

/** Elements that JavaScript compares as their values: small floats are stored as bit patterns. */
function comparable(x: HostTensor): HostTensor {
  if (x.dtype === 'string' || isBig(x.dtype) || isInteger(x.dtype) || x.dtype === 'bool') return x
  return { ...x, data: numbersOf(x) as Float64Array }
}

export const Equal = comparison('Equal', code.COMPARE_EQUAL, (x, y) => x === y)
export const Less = comparison('Less', code.COMPARE_LESS, (x, y) => x < y)
export const LessOrEqual = comparison('LessOrEqual', code.COMPARE_LESS_OR_EQUAL, (x, y) => x <= y)
export const Greater = comparison('Greater', code.COMPARE_GREATER, (x, y) => x > y)
export const GreaterOrEqual = comparison('GreaterOrEqual', code.COMPARE_GREATER_OR_EQUAL, (x, y) => x >= y)

/** The same for numbers and for big ones. */
type Functions = readonly [f: (x: number, y: number) => number, big: (x: bigint, y: bigint) => bigint]

/** An operation on the bits of integers; for bools, the logical one. */
function bitwise(name: string, which: number, types: (dtype: DType) => boolean, [f, big]: Functions) {
  return defineOp({
    name,
    arity: 2,
    attributes: {},
    infer({ inputs: [a, b] }) {
      if (!types(a.dtype) || a.dtype !== b.dtype)
        throw new LanewiseError('E_UNSUPPORTED', `not supported for ${a.dtype} and ${b.dtype}`)
      return [{ dtype: a.dtype, shape: broadcastShapes(a.shape, b.shape) }]
    },
    layout: elementwise,
    kernel: ([type]) => type === 'bool' || type === 'uint8' || type === 'int8',
    emit(e) {
      const [a, b, y] = [e.input(0), e.input(1), e.output(0)]
      if (y.size === 0) return
      const walk = walkOf(y, [a, b])
      e.call(
        'binary_broadcast_u8',
        which,
        a.at,
        b.at,
        y.at,
        e.table(descriptor(walk)),
        walk.sizes.length,
        0,
        walk.sizes[0],
      )
    },
    compute: ({ inputs: [a, b] }) => [
      isBig(a.dtype)
        ? mapBroadcast<bigint, bigint>(a, b, a.dtype, big)
        : mapBroadcast<number, number>(a, b, a.dtype, f),
    ],
    upgrades: [old],
  })
}

const and: Functions = [(x, y) => x & y, (x, y) => x & y]
const or: Functions = [(x, y) => x | y, (x, y) => x | y]
const xor: Functions = [(x, y) => x ^ y, (x, y) => x ^ y]

const isBool = (dtype: DType) => dtype === 'bool'
export const And = bitwise('And', code.BINARY_AND, isBool, and)
export const Or = bitwise('Or', code.BINARY_OR, isBool, or)
export const Xor = bitwise('Xor', code.BINARY_XOR, isBool, xor)
export const BitwiseAnd = bitwise('BitwiseAnd', code.BINARY_AND, isInteger, and)
export const BitwiseOr = bitwise('BitwiseOr', code.BINARY_OR, isInteger, or)
export const BitwiseXor = bitwise('BitwiseXor', code.BINARY_XOR, isInteger, xor)

export const BitwiseNot = defineOp({
  name: 'BitwiseNot',
  arity: 1,
  attributes: {},
  infer: ({ inputs: [x] }) => [x],
  compute({ inputs: [x] }) {
    if (!isInteger(x.dtype)) throw new LanewiseError('E_UNSUPPORTED', `not supported for ${x.dtype}`)
    const y = hostZeros(x.dtype, x.shape)
    const from = x.data as ArrayLike<number | bigint>
    const to = y.data as { [i: number]: number | bigint }
    // Typed arrays wrap what they are given, so unsigned types come out right.
    for (let i = 0; i < from.length; i++) to[i] = ~(from[i] as number)
    return [y]
  },
})

export const BitShift = defineOp({
  name: 'BitShift',
  arity: 2,
  attributes: { direction: required(string()) },
  infer: ({ inputs }) => [{ dtype: sameType(inputs), shape: broadcastShapes(inputs[0].shape, inputs[1].shape) }],
  compute({ attributes: { direction }, inputs: [a, b] }) {
    if (direction !== 'LEFT' && direction !== 'RIGHT')
      throw new LanewiseError('E_VALUE', `direction must be LEFT or RIGHT, got "${direction}"`)
    if (!isInteger(a.dtype) || a.dtype !== b.dtype)
      throw new LanewiseError('E_UNSUPPORTED', `not supported for ${a.dtype} and ${b.dtype}`)
    const left = direction === 'LEFT'
    const bits = BigInt(8 * byteSize(a.dtype))
    const shift = (x: bigint, by: bigint): bigint =>
      by >= bits || by < 0n ? 0n : left ? BigInt.asUintN(Number(bits), x << by) : x >> by
    const big = isBig(a.dtype)
    return [
      mapBroadcast<number | bigint, number | bigint>(a, b, a.dtype, (x, y) => {
        if (y < 0) throw new LanewiseError('E_VALUE', `cannot shift by ${y} bits`)
        const shifted = shift(BigInt(x), BigInt(y))
        return big ? shifted : Number(shifted)
      }),
    ]
  },
})

/** condition ? x : y, all three broadcast. */
export const Where = defineOp({
  name: 'Where',
  arity: 3,
  attributes: {},
  infer({ inputs: [condition, a, b] }) {
    if (condition.dtype !== 'bool')
      throw new LanewiseError('E_SHAPE', `the condition must be bool, got ${condition.dtype}`)
    return [{ dtype: sameType([a, b]), shape: broadcastShapes(condition.shape, a.shape, b.shape) }]
  },
  layout: elementwise,
  kernel: (types) => types[1] !== undefined && byteSize(types[1]) > 0 && byteSize(types[1]) <= 8,
  emit(e) {
    const [condition, a, b, y] = [e.input(0), e.input(1), e.input(2), e.output(0)]
    if (y.size === 0) return
    const walk = walkOf(y, [condition, a, b])
    const shift = Math.log2(byteSize(y.dtype))
    e.call(
      'where_broadcast',
      shift,
      condition.at,
      a.at,
      b.at,
      y.at,
      e.table(descriptor(walk)),
      walk.sizes.length,
      0,
      walk.sizes[0],
    )
  },
  compute({ inputs: [condition, a, b] }) {
    const shape = broadcastShapes(condition.shape, a.shape, b.shape)
    const y = hostZeros(a.dtype, shape)
    const [c, p, q] = [condition, a, b].map((x) => placesOf(x.shape, shape))
    for (let i = 0, size = sizeOf(shape); i < size; i++) {
      if (condition.data[c ? c[i] : i]) copyElements(a, p ? p[i] : i, y, i, 1)
      else copyElements(b, q ? q[i] : i, y, i, 1)
    }
    return [y]
  },
})

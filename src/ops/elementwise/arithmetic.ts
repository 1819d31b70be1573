import * as code from '../../../assembly/abi/codes.js'
import { isBig, isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError, present } from '../../core/errors.js'
import { elementwise } from '../../core/layout.js'
import type { HostTensor } from '../../core/host.js'
import { broadcastShapes, formatShape, normalizeAxis, type Shape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { descriptor, mapBroadcast, walkOf } from './broadcast.js'
import { castTensor } from './cast.js'
import { pow } from '../../core/scalar-functions.js'
import type { Emitter, KernelEmitter, Operand } from '../../ir/emitter.js'
import { defineOp, type OpDefinition, type UpgradeContext } from '../../ir/op.js'
import { isArithmetic, requireArithmetic, sameType } from '../shared/operands.js'

type Both = (x: number, y: number) => number
type Big = (x: bigint, y: bigint) => bigint

/** Records y = a op b, broadcast, for float32, int32 and int64. */
export function emitBinary(
  e: KernelEmitter,
  which: number,
  a: Pick<Operand, 'shape' | 'order' | 'at'>,
  b: Pick<Operand, 'shape' | 'order' | 'at'>,
  y: Pick<Operand, 'dtype' | 'shape' | 'order' | 'physical' | 'size' | 'at'>,
): void {
  if (y.size === 0) return
  const walk = walkOf(y, [a, b])
  const { sizes, strides } = walk
  if (y.dtype === 'float32' && sizes.length === 1) {
    e.call('binary_f32', which, a.at, strides[0][0], b.at, strides[1][0], y.at, sizes[0])
    return
  }
  const kernel =
    y.dtype === 'float32'
      ? 'binary_broadcast_f32'
      : y.dtype === 'int64'
        ? 'binary_broadcast_i64'
        : 'binary_broadcast_i32'
  e.call(kernel, which, a.at, b.at, y.at, e.table(descriptor(walk)), sizes.length, 0, sizes[0])
}

function sameKernelType(types: readonly (DType | undefined)[]): boolean {
  return (
    (types[0] === 'float32' || types[0] === 'int32' || types[0] === 'int64') && types.every((type) => type === types[0])
  )
}

/** The output in the place of whichever operand it may overwrite. */
function outputOver(e: Emitter<unknown>): Operand {
  const [a, b] = [e.input(0), e.inputs[1]]
  const size = present(e.outputs[0], 'output').shape.reduce((product, axis) => product * axis, 1)
  if (a.size === size || !b) return e.overwrite(0, 0)
  return b.size === size ? e.overwrite(0, 1) : e.output(0)
}

/** Before opset 7 broadcasting was asked for, and `axis` said where the second operand's axes belong. */
const oldBroadcast = {
  below: 7,
  apply(node: UpgradeContext): void {
    node.attributes.delete('broadcast')
    node.attributes.delete('consumed_inputs')
  },
}

/** The second operand's shape with `axis` (opset 6) made explicit: followed by axes of size 1. */
function placed(b: Shape, rank: number, axis: number | undefined): Shape {
  if (axis === undefined) return b
  if (b.length === 0 || (b.length === 1 && b[0] === 1)) return b
  const start = normalizeAxis(axis, rank)
  return [...b, ...new Array<number>(Math.max(0, rank - start - b.length)).fill(1)]
}

/** The second operand as the kernels broadcast it, with `axis` (opset 6) made explicit. */
function aligned(b: Operand, a: Operand, axis: number | undefined): Pick<Operand, 'shape' | 'order' | 'at'> {
  if (axis === undefined) return b
  const shape = placed(b.shape, a.shape.length, axis)
  return { shape, order: shape.map((_, i) => i), at: b.at }
}

/**
 * An operator of two operands that broadcast. `kernel` says whether integers may use the kernels, too; `whole` is for
 * integers where that is another function.
 */
function binary(
  name: string,
  which: number,
  f: Both,
  big: Big,
  integersByKernel = true,
  whole = f,
): OpDefinition<{ axis: number | undefined }> {
  return defineOp({
    name,
    takes: isArithmetic,
    arity: 2,
    attributes: { axis: int() },
    infer({ attributes, inputs }) {
      const [a, b] = inputs
      return [
        {
          dtype: sameType(inputs),
          shape: broadcastShapes(a.shape, placed(b.shape, a.shape.length, attributes.axis)),
        },
      ]
    },
    layout: (query) => (query.attributes.axis === undefined ? elementwise(query) : { inputs: [], outputs: [] }),
    kernel: (types) => sameKernelType(types) && (types[0] === 'float32' || integersByKernel),
    emit(e) {
      const a = e.input(0)
      const b = e.input(1)
      emitBinary(e, which, a, aligned(b, a, e.attributes.axis), outputOver(e))
    },
    compute({ attributes, inputs: [a, b] }) {
      const right = { ...b, shape: placed(b.shape, a.shape.length, attributes.axis) }
      return [computeBinary(a, right, isFloat(a.dtype) ? f : whole, big)]
    },
    binary: which,
    upgrades: [oldBroadcast],
  })
}

function computeBinary(a: HostTensor, b: HostTensor, f: Both, big: Big): HostTensor {
  requireArithmetic(a.dtype)
  return isBig(a.dtype)
    ? mapBroadcast<bigint, bigint>(a, b, a.dtype, big)
    : mapBroadcast<number, number>(a, b, a.dtype, f)
}

function nonZero<T extends number | bigint>(divisor: T): T {
  if (divisor === 0n) throw new LanewiseError('E_VALUE', 'integer division by zero')
  return divisor
}

export const Add = binary(
  'Add',
  code.BINARY_ADD,
  (x, y) => x + y,
  (x, y) => x + y,
)
export const Sub = binary(
  'Sub',
  code.BINARY_SUB,
  (x, y) => x - y,
  (x, y) => x - y,
)

/** Integers wrap, as in every runtime; products of 32 bits pass 2^53, so they are multiplied as integers. */
export const Mul = binary(
  'Mul',
  code.BINARY_MUL,
  (x, y) => x * y,
  (x, y) => x * y,
  true,
  Math.imul,
)

/** Integers divide towards zero; by zero they do not. */
export const Div = binary(
  'Div',
  code.BINARY_DIV,
  (x, y) => x / y,
  (x, y) => x / nonZero(y),
  false,
  (x, y) => {
    if (y === 0) throw new LanewiseError('E_VALUE', 'integer division by zero')
    return Math.trunc(x / y)
  },
)

/** `fmod` 1: the sign of the dividend, as C's fmod; 0: integers only, the sign of the divisor, as Python's %. */
export const Mod = defineOp({
  name: 'Mod',
  takes: isArithmetic,
  arity: 2,
  attributes: { fmod: int(0) },
  infer({ attributes, inputs }) {
    const [a, b] = inputs
    const dtype = sameType(inputs)
    if (isFloat(dtype) && attributes.fmod === 0)
      throw new LanewiseError('E_VALUE', 'fmod must be 1 for floating-point operands')
    return [{ dtype, shape: broadcastShapes(a.shape, b.shape) }]
  },
  layout: elementwise,
  kernel: (types) => types[0] === 'float32' && types[1] === 'float32',
  emit: (e) => emitBinary(e, code.BINARY_FMOD, e.input(0), e.input(1), outputOver(e)),
  compute({ attributes: { fmod }, inputs: [a, b] }) {
    const floating = isFloat(a.dtype)
    const big = (x: bigint, y: bigint): bigint => {
      const rest = x % nonZero(y)
      return fmod === 0 && rest !== 0n && rest < 0n !== y < 0n ? rest + y : rest
    }
    const number = (x: number, y: number): number => {
      if (y === 0 && !floating) throw new LanewiseError('E_VALUE', 'integer division by zero')
      const rest = x % y
      return fmod === 0 && rest !== 0 && rest < 0 !== y < 0 ? rest + y : rest
    }
    return [computeBinary(a, b, number, big)]
  },
})

/** The base's type is the result's; the exponent may be of any type. */
export const Pow = defineOp({
  name: 'Pow',
  takes: isArithmetic,
  arity: 2,
  attributes: { axis: int() },
  infer: ({ attributes, inputs: [a, b] }) => [
    { dtype: a.dtype, shape: broadcastShapes(a.shape, placed(b.shape, a.shape.length, attributes.axis)) },
  ],
  layout: (query) => (query.attributes.axis === undefined ? elementwise(query) : { inputs: [], outputs: [] }),
  kernel: ([base, exponent]) => base === 'float32' && exponent === 'float32',
  emit(e) {
    const a = e.input(0)
    const b = e.input(1)
    emitBinary(e, code.BINARY_POW, a, aligned(b, a, e.attributes.axis), outputOver(e))
  },
  compute({ inputs: [a, b] }) {
    requireArithmetic(a.dtype)
    requireArithmetic(b.dtype)
    const whole = !isFloat(a.dtype)
    return [
      mapBroadcast<number | bigint, number | bigint>(a, b, a.dtype, (x, y) => {
        if (whole && y >= 0 && Number.isInteger(Number(y))) {
          const power = wholePower(BigInt(x), BigInt(y))
          return isBig(a.dtype) ? power : Number(BigInt.asIntN(32, power))
        }
        const power = pow(Number(x), Number(y))
        return whole
          ? (castTensor({ dtype: 'float64', shape: [], data: Float64Array.of(power) }, a.dtype).data[0] as number)
          : power
      }),
    ]
  },
  upgrades: [oldBroadcast],
})

/** xʸ modulo 2⁶⁴, in a step per bit of y: the power itself may have more digits than there is memory. */
function wholePower(x: bigint, y: bigint): bigint {
  let power = 1n
  for (let square = x, rest = y; rest > 0n; rest >>= 1n, square = BigInt.asIntN(64, square * square)) {
    if (rest & 1n) power = BigInt.asIntN(64, power * square)
  }
  return power
}

/** x < 0 ? slope·x : x, with a slope that broadcasts to x. */
export const PRelu = defineOp({
  name: 'PRelu',
  takes: isArithmetic,
  arity: 2,
  attributes: { axis: int() },
  infer({ attributes, inputs }) {
    const [x, slope] = inputs
    const dtype = sameType(inputs)
    const shape = broadcastShapes(x.shape, placed(slope.shape, x.shape.length, attributes.axis))
    if (formatShape(shape) !== formatShape(x.shape))
      throw new LanewiseError(
        'E_SHAPE',
        `slope ${formatShape(slope.shape)} does not broadcast to ${formatShape(x.shape)}`,
      )
    return [{ dtype, shape }]
  },
  layout: (query) => (query.attributes.axis === undefined ? elementwise(query) : { inputs: [], outputs: [] }),
  kernel: (types) => types.every((type) => type === 'float32'),
  emit: (e) =>
    emitBinary(e, code.BINARY_PRELU, e.input(0), aligned(e.input(1), e.input(0), e.attributes.axis), e.overwrite(0, 0)),
  compute({ attributes, inputs: [x, slope] }) {
    const right = { ...slope, shape: placed(slope.shape, x.shape.length, attributes.axis) }
    return [
      computeBinary(
        x,
        right,
        (a, b) => (a < 0 ? a * b : a),
        (a, b) => (a < 0n ? a * b : a),
      ),
    ]
  },
  // Until opset 7 a slope per channel was a vector over axis 1.
  upgrades: [{ below: 7, apply: ({ attributes }) => void attributes.set('axis', { kind: 'int', value: 1n }) }],
})

/** Any number of operands, folded from the left. */
function variadic(
  name: string,
  which: number,
  f: Both,
  big: Big,
  finish?: (e: Emitter<unknown>, y: Operand, count: number) => void,
): OpDefinition<object> {
  return defineOp({
    name,
    takes: isArithmetic,
    arity: [1, Infinity],
    attributes: {},
    infer: ({ inputs }) => [{ dtype: sameType(inputs), shape: broadcastShapes(...inputs.map((x) => x.shape)) }],
    layout: elementwise,
    kernel: (types) => sameKernelType(types) && (finish === undefined || types[0] === 'float32'),
    emit(e) {
      if (e.inputs.length === 1) return e.view(0, 0)
      const y = outputOver(e)
      // What is folded first must not be overwritten while others are still to be read: only the first two can share
      // y's memory.
      emitBinary(e, which, e.input(0), e.input(1), y)
      for (let i = 2; i < e.inputs.length; i++) emitBinary(e, which, y, e.input(i), y)
      finish?.(e, y, e.inputs.length)
    },
    compute({ inputs }) {
      const shape = broadcastShapes(...inputs.map((x) => x.shape))
      const all = inputs as readonly HostTensor[]
      const sum = all.slice(1).reduce((a, b) => computeBinary(a, b, f, big), all[0])
      if (name !== 'Mean') return [sum]
      const data = (
        isBig(sum.dtype) ? BigInt64Array.of(BigInt(inputs.length)) : Float64Array.of(inputs.length)
      ) as HostTensor['data']
      return [
        computeBinary(
          sum,
          { dtype: sum.dtype, shape: shape.map(() => 1), data },
          (x, y) => x / y,
          (x, y) => x / y,
        ),
      ]
    },
    upgrades: [{ below: 6, apply: (node) => void node.attributes.delete('consumed_inputs') }],
  })
}

/** NaN wins, as in IEEE 754-2019's maximum and minimum. */
const larger: Both = (x, y) => (x > y || Number.isNaN(x) ? x : y)
const smaller: Both = (x, y) => (x < y || Number.isNaN(x) ? x : y)

export const Max = variadic('Max', code.BINARY_MAX, larger, (x, y) => (x > y ? x : y))
export const Min = variadic('Min', code.BINARY_MIN, smaller, (x, y) => (x < y ? x : y))
export const Sum = variadic(
  'Sum',
  code.BINARY_ADD,
  (x, y) => x + y,
  (x, y) => x + y,
)
export const Mean = variadic(
  'Mean',
  code.BINARY_ADD,
  (x, y) => x + y,
  (x, y) => x + y,
  (e, y, count) => e.call('unary_f32', code.UNARY_AFFINE, y.at, y.at, y.size, 1 / count, 0),
)

import {
  BINARY_ADD,
  BINARY_AND,
  BINARY_DIV,
  BINARY_FMOD,
  BINARY_MAX,
  BINARY_MIN,
  BINARY_MUL,
  BINARY_OR,
  BINARY_POW,
  BINARY_SUB,
  BINARY_XOR,
  UNARY_NONE,
} from '../../assembly/codes.js'
import { isBig, isFloat, isInteger, isUnsigned, type DType } from '../dtype.js'
import { LanewiseError } from '../errors.js'
import { elementwise, follow } from '../graph/layout.js'
import { hostZeros, type HostTensor } from '../host.js'
import { broadcastShapes, sizeOf, type Shape } from '../shape.js'
import { int, required, string, type AttributeSchema, type AttributesOf } from './attributes.js'
import { emitBroadcast, forEachBroadcast } from './broadcast.js'
import { floatsOf, floatTensor, numbersOf } from './host-floats.js'
import { pow } from './host-math.js'
import { defineOp, type OpDefinition, type UpgradeContext } from './op.js'

/** How a function of two elements is computed in TypeScript; bigints are passed as if they were numbers. */
interface Arithmetic {
  readonly float?: (a: number, b: number) => number
  /** Of integers of up to 32 bits; the result wraps when it is stored. */
  readonly int?: (a: number, b: number) => number
  readonly big?: (a: bigint, b: bigint) => bigint
}

/** Applies a function to two broadcast tensors of one dtype. @throws LanewiseError `E_UNSUPPORTED` for a dtype it is not defined for. */
function combine(a: HostTensor, b: HostTensor, shape: Shape, functions: Arithmetic): HostTensor {
  const { dtype } = a
  if (isFloat(dtype) && functions.float) {
    const f = functions.float
    const [x, y] = [floatsOf(a), floatsOf(b)]
    const z = new Float64Array(sizeOf(shape))
    forEachBroadcast(shape, [a.shape, b.shape], (i, [p, q]) => (z[i] = f(x[p], y[q])))
    return floatTensor(dtype, shape, z)
  }
  const result = hostZeros(dtype, shape)
  if (isBig(dtype) && functions.big) {
    const f = functions.big
    const [x, y, z] = [a.data, b.data, result.data] as BigInt64Array[]
    forEachBroadcast(shape, [a.shape, b.shape], (i, [p, q]) => (z[i] = f(x[p], y[q])))
  } else if ((isInteger(dtype) || dtype === 'bool') && !isBig(dtype) && functions.int) {
    const f = functions.int
    const [x, y, z] = [a.data, b.data, result.data] as Int32Array[]
    forEachBroadcast(shape, [a.shape, b.shape], (i, [p, q]) => (z[i] = f(x[p], y[q])))
  } else {
    throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { actual: dtype })
  }
  return result
}

interface BinaryOptions<S extends AttributeSchema> {
  readonly attributes?: S
  readonly code: number
  /** dtypes with a kernel: `f32` is float32, and so on. */
  readonly kernels: readonly ('f32' | 'i32' | 'i64' | 'u8')[]
  readonly host: Arithmetic | ((attributes: AttributesOf<S>) => Arithmetic)
  readonly check?: (attributes: AttributesOf<S>, dtype: DType) => void
}

const kernelDTypes = { f32: ['float32'], i32: ['int32'], i64: ['int64'], u8: ['bool', 'uint8', 'int8'] } as const

function kernelOf(kernels: readonly (keyof typeof kernelDTypes)[], dtype: DType | undefined): keyof typeof kernelDTypes | undefined {
  return kernels.find((kernel) => (kernelDTypes[kernel] as readonly (DType | undefined)[]).includes(dtype))
}

/** Both operands must be of one type. */
function requireSame(a: DType, b: DType): void {
  if (a !== b) throw new LanewiseError('E_TENSOR', `the operands are ${a} and ${b}`, { expected: a, actual: b })
}

/** An operator on two broadcast operands. */
function binaryOp<S extends AttributeSchema>(name: string, options: BinaryOptions<S>): OpDefinition<AttributesOf<S>> {
  const { attributes = {} as S, code, kernels, host, check } = options
  return defineOp({
    name,
    arity: 2,
    attributes,
    infer({ attributes: given, inputs: [a, b] }) {
      requireSame(a!.dtype, b!.dtype)
      check?.(given, a!.dtype)
      return [{ dtype: a!.dtype, shape: broadcastShapes(a!.shape, b!.shape) }]
    },
    layout: elementwise,
    kernel: ([a, b]) => a === b && kernelOf(kernels, a) !== undefined,
    emit(e) {
      const [a, b] = [e.input(0), e.input(1)]
      const y = a.size >= b.size ? e.overwrite(0, 0) : e.overwrite(0, 1)
      emitBroadcast(e, `binary_broadcast_${kernelOf(kernels, a.dtype)!}`, code, a, b, y)
    },
    compute: ({ attributes: given, inputs: [a, b], outputs: [y] }) => [combine(a!, b!, y.shape, typeof host === 'function' ? host(given) : host)],
    // Until opset 7 broadcasting had to be asked for.
    upgrades: [{ below: 7, apply: dropBroadcast }],
  })
}

function dropBroadcast({ attributes }: UpgradeContext): void {
  if (attributes.has('axis')) throw new LanewiseError('E_UNSUPPORTED', 'broadcasting along an axis (opset below 7) is not supported')
  attributes.delete('broadcast')
}

const numeric = ['f32', 'i32', 'i64'] as const

export const Add = binaryOp('Add', { code: BINARY_ADD, kernels: numeric, host: { float: (a, b) => a + b, int: (a, b) => a + b, big: (a, b) => a + b } })
export const Sub = binaryOp('Sub', { code: BINARY_SUB, kernels: numeric, host: { float: (a, b) => a - b, int: (a, b) => a - b, big: (a, b) => a - b } })
export const Mul = binaryOp('Mul', { code: BINARY_MUL, kernels: numeric, host: { float: (a, b) => a * b, int: Math.imul, big: (a, b) => a * b } })

/** Integers are checked for a zero divisor, which takes TypeScript. */
export const Div = binaryOp('Div', {
  code: BINARY_DIV,
  kernels: ['f32'],
  host: {
    float: (a, b) => a / b,
    int: (a, b) => Math.trunc(a / nonZero(b)),
    big: (a, b) => a / nonZero(b),
  },
})

function nonZero<T extends number | bigint>(divisor: T): T {
  // eslint-disable-next-line eqeqeq -- 0 and 0n alike
  if (divisor == 0) throw new LanewiseError('E_VALUE', 'an integer is divided by 0')
  return divisor
}

/** The sign of the divisor, or of the dividend with `fmod`. */
export const Mod = binaryOp('Mod', {
  attributes: { fmod: int(0) },
  code: BINARY_FMOD,
  kernels: ['f32'],
  check({ fmod }, dtype) {
    if (isFloat(dtype) && !fmod) throw new LanewiseError('E_VALUE', 'Mod of floats needs fmod = 1', { expected: '1', actual: String(fmod) })
  },
  host: ({ fmod }) => ({
    float: (a, b) => a % b,
    int: (a, b) => (fmod ? a % nonZero(b) : ((a % nonZero(b)) + b) % b),
    big: (a, b) => (fmod ? a % nonZero(b) : ((a % nonZero(b)) + b) % b),
  }),
})

/** xʸ in the type of x; y may be of another. */
export const Pow = defineOp({
  name: 'Pow',
  arity: 2,
  attributes: {},
  infer: ({ inputs: [x, y] }) => [{ dtype: x!.dtype, shape: broadcastShapes(x!.shape, y!.shape) }],
  layout: elementwise,
  kernel: (types) => types.every((type) => type === 'float32'),
  emit(e) {
    const [x, y] = [e.input(0), e.input(1)]
    emitBroadcast(e, 'binary_broadcast_f32', BINARY_POW, x, y, x.size >= y.size ? e.overwrite(0, 0) : e.overwrite(0, 1))
  },
  compute({ inputs: [x, y], outputs: [{ dtype, shape }] }) {
    const exponents = numbersOf(y!)
    const operands = [x!.shape, y!.shape]
    if (isFloat(dtype)) {
      const bases = floatsOf(x!)
      const powers = new Float64Array(sizeOf(shape))
      forEachBroadcast(shape, operands, (i, [p, q]) => (powers[i] = pow(bases[p], exponents[q])))
      return [floatTensor(dtype, shape, powers)]
    }
    if (!isInteger(dtype)) throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { actual: dtype })
    const result = hostZeros(dtype, shape)
    const [bases, powers] = [x!.data, result.data] as unknown as (number | bigint)[][]
    forEachBroadcast(shape, operands, (i, [p, q]) => {
      const power = Number.isInteger(exponents[q]) && exponents[q] >= 0 ? BigInt(bases[p]) ** BigInt(exponents[q]) : undefined
      if (isBig(dtype)) powers[i] = power ?? BigInt(Math.trunc(pow(Number(bases[p]), exponents[q])))
      else powers[i] = power === undefined ? Math.trunc(pow(Number(bases[p]), exponents[q])) : Number(BigInt.asIntN(32, power))
    })
    return [result]
  },
  upgrades: [{ below: 7, apply: dropBroadcast }],
})

const bool: Pick<BinaryOptions<AttributeSchema>, 'kernels'> = { kernels: ['u8'] }
const bits = ['u8', 'i32', 'i64'] as const

export const And = binaryOp('And', { ...bool, code: BINARY_AND, host: { int: (a, b) => a & b } })
export const Or = binaryOp('Or', { ...bool, code: BINARY_OR, host: { int: (a, b) => a | b } })
export const Xor = binaryOp('Xor', { ...bool, code: BINARY_XOR, host: { int: (a, b) => a ^ b } })
export const BitwiseAnd = binaryOp('BitwiseAnd', { code: BINARY_AND, kernels: bits, host: { int: (a, b) => a & b, big: (a, b) => a & b } })
export const BitwiseOr = binaryOp('BitwiseOr', { code: BINARY_OR, kernels: bits, host: { int: (a, b) => a | b, big: (a, b) => a | b } })
export const BitwiseXor = binaryOp('BitwiseXor', { code: BINARY_XOR, kernels: bits, host: { int: (a, b) => a ^ b, big: (a, b) => a ^ b } })

export const Not = defineOp({
  name: 'Not',
  arity: 1,
  attributes: {},
  infer: ({ inputs: [x] }) => [{ dtype: 'bool', shape: x!.shape }],
  layout: follow,
  kernel: ([type]) => type === 'bool',
  emit(e) {
    const x = e.input(0)
    e.call('not_u8', x.at, e.overwrite(0, 0).at, x.size)
  },
  compute: ({ inputs: [x] }) => [{ ...x!, data: (x!.data as Uint8Array).map((value) => (value === 0 ? 1 : 0)) }],
})

export const BitwiseNot = defineOp({
  name: 'BitwiseNot',
  arity: 1,
  attributes: {},
  infer: ({ inputs: [x] }) => [x!],
  compute: ({ inputs: [x] }) => [combine(x!, x!, x!.shape, { int: (a) => ~a, big: (a) => ~a })],
})

export const BitShift = defineOp({
  name: 'BitShift',
  arity: 2,
  attributes: { direction: required(string()) },
  infer({ attributes: { direction }, inputs: [a, b] }) {
    if (direction !== 'LEFT' && direction !== 'RIGHT') throw new LanewiseError('E_VALUE', `direction must be LEFT or RIGHT, got ${direction}`)
    requireSame(a!.dtype, b!.dtype)
    if (!isUnsigned(a!.dtype)) throw new LanewiseError('E_UNSUPPORTED', `not supported for ${a!.dtype}`, { expected: 'an unsigned type', actual: a!.dtype })
    return [{ dtype: a!.dtype, shape: broadcastShapes(a!.shape, b!.shape) }]
  },
  compute({ attributes: { direction }, inputs: [a, b], outputs: [y] }) {
    // JavaScript takes the distance modulo 32; a distance past the width leaves nothing.
    const left = direction === 'LEFT'
    return [
      combine(a!, b!, y.shape, {
        int: (x, by) => (by > 31 ? 0 : left ? x << by : x >>> by),
        big: (x, by) => (by > 63n ? 0n : left ? x << by : x >> by),
      }),
    ]
  },
})

/** An operator on any number of broadcast operands, folded from left to right. */
function variadicOp(name: string, code: number, host: Arithmetic, finish?: (count: number) => number): OpDefinition<AttributesOf<AttributeSchema>> {
  return defineOp({
    name,
    arity: [1, Infinity],
    attributes: {} as AttributeSchema,
    infer({ inputs }) {
      for (const input of inputs) requireSame(inputs[0]!.dtype, input!.dtype)
      return [{ dtype: inputs[0]!.dtype, shape: broadcastShapes(...inputs.map((input) => input!.shape)) }]
    },
    layout: elementwise,
    emit(e) {
      const operands = e.inputs.map((_, i) => e.input(i))
      // In place only if no later step reads what the first one overwrites.
      const again = operands.slice(2).some((operand) => operand.at.block === operands[0].at.block)
      const y = again ? e.output(0) : e.overwrite(0, 0)
      if (y.size === 0) return
      if (operands.length === 1) e.call('unary_f32', UNARY_NONE, operands[0].at, y.at, y.size, 0, 0)
      operands.slice(1).forEach((operand, i) => emitBroadcast(e, 'binary_broadcast_f32', code, i === 0 ? operands[0] : y, operand, y))
      if (finish && operands.length > 1) {
        const divisor = e.table(Float32Array.of(finish(operands.length)))
        e.call('binary_f32', BINARY_DIV, y.at, 1, divisor, 0, y.at, y.size)
      }
    },
    kernel: (types) => types.every((type) => type === 'float32'),
    compute({ inputs, outputs: [{ dtype, shape }] }) {
      const one = { dtype, shape, data: inputs[0]!.data }
      let sum: HostTensor = inputs.length === 1 ? one : combine(inputs[0]!, inputs[1]!, shape, host)
      for (const input of inputs.slice(2)) sum = combine(sum, input!, shape, host)
      if (!finish || inputs.length === 1) return [sum]
      const divisor = finish(inputs.length)
      return [floatTensor(dtype, shape, floatsOf(sum).map((value) => value / divisor))]
    },
  })
}

const larger = <T extends number | bigint>(a: T, b: T): T => (a > b ? a : b)
const smaller = <T extends number | bigint>(a: T, b: T): T => (a < b ? a : b)

export const Sum = variadicOp('Sum', BINARY_ADD, { float: (a, b) => a + b })
export const Mean = variadicOp('Mean', BINARY_ADD, { float: (a, b) => a + b }, (count) => count)
export const Max = variadicOp('Max', BINARY_MAX, { float: Math.max, int: larger, big: larger })
export const Min = variadicOp('Min', BINARY_MIN, { float: Math.min, int: smaller, big: smaller })

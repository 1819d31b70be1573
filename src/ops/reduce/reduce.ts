import { emitReduce, runsOf, stages, type Run } from '../shared/emit-reduce.js'
import {
  REDUCE_L1,
  REDUCE_L2,
  REDUCE_LOG_SUM,
  REDUCE_LOG_SUM_EXP,
  REDUCE_MAX,
  REDUCE_MEAN,
  REDUCE_MIN,
  REDUCE_PROD,
  REDUCE_SUM,
  REDUCE_SUM_SQUARE,
} from '../../../assembly/abi/codes.js'
import { byteSize, isBig, isFloat, isInteger, isUnsigned, type DType } from '../../core/dtype.js'
import { LanewiseError, present } from '../../core/errors.js'
import { identityOrder, type Layout, type LayoutOperand, type LayoutQuery } from '../../core/layout.js'
import { hostFrom, hostZeros, toNumbers, type HostTensor } from '../../core/host.js'
import { normalizeAxes, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { int, type AttributesOf } from '../../ir/attributes.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { exp, log } from '../../core/scalar-functions.js'
import type { Address, Emitter } from '../../ir/emitter.js'
import { defineOp, type OpDefinition, type UpgradeContext } from '../../ir/op.js'

/** With axes kept, any order of them; else logical order. */
export function keptInPlace({
  attributes,
  inputs: [x],
  outputs,
}: LayoutQuery<{ readonly keepdims: number }, readonly [LayoutOperand, ...unknown[]]>): Layout {
  if (attributes.keepdims === 0) return { inputs: [], outputs: [] }
  return { inputs: [x.order], outputs: outputs.map(() => x.order) }
}

/** Sizes with the given axes set to 1 or removed. */
export function reducedShape(shape: Shape, axes: readonly number[], keep: boolean): number[] {
  return keep
    ? shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    : shape.filter((_, axis) => !axes.includes(axis))
}

/** Folds in TypeScript: `add` one element after the other into what `start` gives, then `finish`. */
interface Fold<T> {
  readonly start: T
  readonly add: (sum: T, x: T) => T
  readonly finish?: (sum: T, count: number) => T
}

/** Visits every element of x with the position it is folded to. */
export function forEachFolded(shape: Shape, axes: readonly number[], visit: (from: number, to: number) => void): void {
  const kept = stridesOf(reducedShape(shape, axes, true)).map((stride, axis) => (axes.includes(axis) ? 0 : stride))
  const counters = shape.map(() => 0)
  let to = 0
  for (let from = 0, size = sizeOf(shape); from < size; from++) {
    visit(from, to)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      to += kept[axis]
      if (++counters[axis] < shape[axis]) break
      counters[axis] = 0
      to -= kept[axis] * shape[axis]
    }
  }
}

function foldFloats(x: HostTensor, axes: readonly number[], shape: Shape, fold: Fold<number>): HostTensor {
  const from = floatsOf(x)
  const to = new Float64Array(sizeOf(shape)).fill(fold.start)
  forEachFolded(x.shape, axes, (i, k) => (to[k] = fold.add(to[k], from[i])))
  const count = sizeOf(x.shape) / to.length
  const { finish } = fold
  return floatTensor(x.dtype, shape, finish ? to.map((sum) => finish(sum, count)) : to)
}

/** What an integer type (or bool) can hold. */
function rangeOf(dtype: DType): readonly [bigint, bigint] {
  if (dtype === 'bool') return [0n, 1n]
  const bits = BigInt(8 * byteSize(dtype))
  return isUnsigned(dtype) ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n]
}

/** Integers: as bigints, wrapped to the dtype at the end. */
function foldIntegers(x: HostTensor, axes: readonly number[], shape: Shape, fold: Fold<bigint>): HostTensor {
  const [least, most] = rangeOf(x.dtype)
  const start = fold.start < least ? least : fold.start > most ? most : fold.start
  const to = new Array<bigint>(sizeOf(shape)).fill(start)
  const from = x.data as unknown as (number | bigint)[]
  forEachFolded(x.shape, axes, (i, k) => (to[k] = fold.add(to[k], BigInt(from[i]))))
  const count = to.length === 0 ? 0 : sizeOf(x.shape) / to.length
  const y = hostZeros(x.dtype, shape)
  const data = y.data as { [i: number]: number | bigint }
  to.forEach((sum, i) => {
    let value = sum
    if (fold.finish) {
      value = fold.finish(sum, count)
      value = value < least ? least : value > most ? most : value
    }
    data[i] = isBig(x.dtype) ? value : Number(BigInt.asIntN(32, value))
  })
  return y
}

interface ReduceOptions {
  readonly code: number
  /** How floats are folded where additions and comparisons do; LogSumExp has its own. */
  readonly float: Fold<number> | ((x: HostTensor, axes: readonly number[], shape: Shape) => HostTensor)
  /** None where integers are not allowed. */
  readonly integer?: Fold<bigint>
  /** dtypes of integer kernels. */
  readonly kernels?: boolean
  /** The first opset whose axes are an input. */
  readonly axesInput?: number
}

const reduceAttributes = { keepdims: int(1), noop_with_empty_axes: int(0) }
export type ReduceAttributes = AttributesOf<typeof reduceAttributes>

/** The axes to fold: those given, or all, or (with noop_with_empty_axes) none. */
export function axesOf(
  given: HostTensor | undefined,
  rank: number,
  { noop_with_empty_axes: noop }: ReduceAttributes,
): number[] {
  const axes = given ? toNumbers(given, 'axes') : []
  return axes.length > 0 ? normalizeAxes(axes, rank) : noop ? [] : [...identityOrder(rank)]
}

function reduceOp(
  name: string,
  { code, float, integer, kernels = false, axesInput = 18 }: ReduceOptions,
): OpDefinition<ReduceAttributes> {
  const ordering = code === REDUCE_MAX || code === REDUCE_MIN
  return defineOp({
    name,
    arity: [1, 2],
    attributes: reduceAttributes,
    infer({ attributes, inputs: [x, axes], value }) {
      const { dtype, shape } = x
      const known = axes && value(1)
      const whole = isInteger(dtype) || (dtype === 'bool' && ordering)
      if (!isFloat(dtype) && !(whole && integer))
        throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { actual: dtype })
      return [{ dtype, shape: reducedShape(shape, axesOf(known, shape.length, attributes), attributes.keepdims !== 0) }]
    },
    layout: keptInPlace,
    kernel: ([type]) => type === 'float32' || (kernels && (type === 'int32' || type === 'int64')),
    emit(e) {
      const x = e.input(0)
      const axes = axesOf(e.inputs[1]?.constant, x.shape.length, e.attributes)
      const reduced = x.order.map((axis) => axes.includes(axis))
      const y = e.output(0)
      if (y.size === 0) return
      if (x.dtype === 'float32') return emitReduce(e, code, x.at, x.physical, reduced, y.at)
      const runs = runsOf(x.physical, reduced)
      emitIntegers(e, x.dtype, code, x.at, runs, y.at)
    },
    compute({ attributes, inputs: [x, given], outputs: [{ shape }] }) {
      const axes = axesOf(given, x.shape.length, attributes)
      if (!isFloat(x.dtype)) return [foldIntegers(x, axes, shape, present(integer, 'fold'))]
      return [typeof float === 'function' ? float(x, axes, shape) : foldFloats(x, axes, shape, float)]
    },
    upgrades: [{ below: axesInput, apply: axesToInput }],
  })
}

function emitIntegers(e: Emitter<unknown>, dtype: DType, code: number, x: Address, runs: Run[], y: Address): void {
  const [kernel, bytes] = dtype === 'int32' ? (['reduce_i32', 4] as const) : (['reduce_i64', 8] as const)
  const folds = Math.max(1, runs.filter((run) => run.reduced).length)
  let from = x
  let stage = code
  for (let done = 0; done < folds; done++) {
    const at = runs.findLastIndex((run) => run.reduced)
    const outer = sizeOf(runs.slice(0, Math.max(at, 0)).map((run) => run.size))
    const inner = sizeOf(runs.slice(at < 0 ? 0 : at + 1).map((run) => run.size))
    const to = done === folds - 1 ? y : e.scratch(outer * inner * bytes)
    e.call(kernel, stage, from, to, at < 0 ? 1 : runs[at].size, inner, 0, outer)
    if (at >= 0) runs.splice(at, 1)
    from = to
    // Sums of squares and of magnitudes are summed from then on.
    stage = stages[code].rest
  }
}

/** Axes were an attribute: none given means all. */
function axesToInput(node: UpgradeContext): void {
  const given = node.attributes.get('axes')
  node.attributes.delete('axes')
  if (given?.kind !== 'ints') return
  const axes = Array.from(given.value, Number)
  node.inputs = [node.inputs[0], node.constant(hostFrom('int64', [axes.length], axes))]
}

const plus = <T extends number | bigint>(a: T, b: T): T => ((a as number) + (b as number)) as T
const magnitude = (x: bigint): bigint => (x < 0n ? -x : x)
const larger = (a: bigint, b: bigint): bigint => (a > b ? a : b)
/**
 * NaN (the logarithm of a negative sum) is 0; −∞, that of 0, the least int64: as float to integer conversions saturate.
 */
const saturated = (x: number): bigint => (Number.isNaN(x) ? 0n : x === -Infinity ? -(2n ** 63n) : BigInt(Math.trunc(x)))
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b)

/** log Σ eˣ, with the largest element taken out. */
function logSumExp(x: HostTensor, axes: readonly number[], shape: Shape): HostTensor {
  const from = floatsOf(x)
  const most = new Float64Array(sizeOf(shape)).fill(-Infinity)
  forEachFolded(x.shape, axes, (i, k) => (most[k] = Math.max(most[k], from[i])))
  const sums = new Float64Array(most.length)
  const shift = most.map((value) => (Number.isFinite(value) ? value : 0))
  forEachFolded(x.shape, axes, (i, k) => (sums[k] += exp(from[i] - shift[k])))
  return floatTensor(
    x.dtype,
    shape,
    sums.map((sum, k) => log(sum) + shift[k]),
  )
}

export const ReduceSum = reduceOp('ReduceSum', {
  code: REDUCE_SUM,
  float: { start: 0, add: plus },
  integer: { start: 0n, add: plus },
  kernels: true,
  axesInput: 13,
})
export const ReduceMean = reduceOp('ReduceMean', {
  code: REDUCE_MEAN,
  float: { start: 0, add: plus, finish: (sum, count) => sum / count },
  integer: { start: 0n, add: plus, finish: (sum, count) => sum / BigInt(Math.max(count, 1)) },
})
export const ReduceMax = reduceOp('ReduceMax', {
  code: REDUCE_MAX,
  float: { start: -Infinity, add: Math.max },
  integer: { start: -(2n ** 63n), add: larger },
  kernels: true,
})
export const ReduceMin = reduceOp('ReduceMin', {
  code: REDUCE_MIN,
  float: { start: Infinity, add: Math.min },
  integer: { start: 2n ** 64n - 1n, add: smaller },
  kernels: true,
})
export const ReduceProd = reduceOp('ReduceProd', {
  code: REDUCE_PROD,
  float: { start: 1, add: (a, b) => a * b },
  integer: { start: 1n, add: (a, b) => a * b },
  kernels: true,
})
export const ReduceSumSquare = reduceOp('ReduceSumSquare', {
  code: REDUCE_SUM_SQUARE,
  float: { start: 0, add: (sum, x) => sum + x * x },
  integer: { start: 0n, add: (sum, x) => sum + x * x },
  kernels: true,
})
export const ReduceL1 = reduceOp('ReduceL1', {
  code: REDUCE_L1,
  float: { start: 0, add: (sum, x) => sum + Math.abs(x) },
  integer: { start: 0n, add: (sum, x) => sum + magnitude(x) },
  kernels: true,
})
export const ReduceL2 = reduceOp('ReduceL2', {
  code: REDUCE_L2,
  float: { start: 0, add: (sum, x) => sum + x * x, finish: Math.sqrt },
  integer: { start: 0n, add: (sum, x) => sum + x * x, finish: (sum) => BigInt(Math.trunc(Math.sqrt(Number(sum)))) },
})
export const ReduceLogSum = reduceOp('ReduceLogSum', {
  code: REDUCE_LOG_SUM,
  float: { start: 0, add: plus, finish: log },
  integer: { start: 0n, add: plus, finish: (sum) => saturated(log(Number(sum))) },
})
export const ReduceLogSumExp = reduceOp('ReduceLogSumExp', { code: REDUCE_LOG_SUM_EXP, float: logSumExp })

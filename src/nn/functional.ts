import { apply } from '../autograd/apply.js'
import type { Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { hostFrom } from '../core/host.js'
import { Add, Div, Max, Mean, Min, Mul, Pow, PRelu, Sub } from '../ops/elementwise/arithmetic.js'
import { Concat, Split } from '../ops/movement/concat.js'
import { RandomDropout } from '../ops/random/dropout.js'
import { Expand } from '../ops/movement/expand.js'
import { Gather } from '../ops/movement/gather.js'
import { Where } from '../ops/elementwise/logic.js'
import { Gemm, MatMul } from '../ops/matmul/matmul.js'
import type { OpDefinition } from '../ir/op.js'
import { ReduceMax, ReduceMean, ReduceMin, ReduceSum, ReduceSumSquare } from '../ops/reduce/reduce.js'
import { Flatten, Reshape, Squeeze, Unsqueeze } from '../ops/movement/reshape.js'
import { Slice } from '../ops/movement/slice.js'
import { LogSoftmax, Softmax } from '../ops/norm/softmax.js'
import { Transpose } from '../ops/movement/transpose.js'
import {
  Abs,
  Celu,
  Cos,
  Elu,
  Erf,
  Exp,
  Gelu,
  HardSigmoid,
  HardSwish,
  LeakyRelu,
  Log,
  Mish,
  Neg,
  Reciprocal,
  Relu,
  Selu,
  Sigmoid,
  Sin,
  Softplus,
  Softsign,
  Sqrt,
  Swish,
  Tanh,
} from '../ops/elementwise/unary.js'

// Functions of tensors, each one ONNX operator: what modules are made of. Shapes broadcast as in NumPy.

function scalar(like: Variable, value: Variable | number): Variable {
  return typeof value === 'number'
    ? like.device.constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) })
    : value
}

function binary(op: object) {
  return (a: Variable | number, b: Variable | number): Variable => {
    const one = typeof a === 'number' ? b : a
    if (typeof one === 'number') throw new LanewiseError('E_VALUE', 'at least one operand must be a tensor')
    return apply(one.device, op, [scalar(one, a), scalar(one, b)])[0]
  }
}

function unary(op: object) {
  return (x: Variable): Variable => apply(x.device, op, [x])[0]
}

/** a + b */
export const add = binary(Add)
/** a − b */
export const sub = binary(Sub)
/** a · b, element by element */
export const mul = binary(Mul)
/** a / b */
export const div = binary(Div)
/** aᵇ */
export const pow = binary(Pow)
/** The larger of each two elements. */
export const maximum = binary(Max)
/** The smaller of each two elements. */
export const minimum = binary(Min)

export const abs = unary(Abs)
export const cos = unary(Cos)
export const erf = unary(Erf)
export const exp = unary(Exp)
export const hardswish = unary(HardSwish)
export const log = unary(Log)
export const mish = unary(Mish)
export const neg = unary(Neg)
export const reciprocal = unary(Reciprocal)
export const relu = unary(Relu)
export const selu = unary(Selu)
export const sigmoid = unary(Sigmoid)
export const silu = unary(Swish)
export const sin = unary(Sin)
export const softplus = unary(Softplus)
export const softsign = unary(Softsign)
export const sqrt = unary(Sqrt)
export const tanh = unary(Tanh)

// PyTorch's hard sigmoid is relu6(x + 3)/6.
const hardSigmoidAttributes = { alpha: 1 / 6, beta: 0.5 }
export function hardsigmoid(x: Variable): Variable {
  return apply(x.device, HardSigmoid, [x], hardSigmoidAttributes)[0]
}

export function leakyRelu(x: Variable, negativeSlope = 0.01): Variable {
  return apply(x.device, LeakyRelu, [x], { alpha: negativeSlope })[0]
}

export function elu(x: Variable, alpha = 1): Variable {
  return apply(x.device, Elu, [x], { alpha })[0]
}

export function celu(x: Variable, alpha = 1): Variable {
  return apply(x.device, Celu, [x], { alpha })[0]
}

const geluAttributes = { none: { approximate: 'none' }, tanh: { approximate: 'tanh' } }
export function gelu(x: Variable, approximate: 'none' | 'tanh' = 'none'): Variable {
  return apply(x.device, Gelu, [x], geluAttributes[approximate])[0]
}

/** x < 0 ? weight · x : x; `weight` has one element or one per channel (axis 1). */
export function prelu(x: Variable, weight: Variable): Variable {
  const slope =
    weight.size > 1 && x.shape.length > 2 ? reshape(weight, [weight.size, ...x.shape.slice(2).map(() => 1)]) : weight
  return apply(x.device, PRelu, [x, slope])[0]
}

const axes = new Map<number, { readonly axis: number }>()
function axisAttribute(axis: number): { readonly axis: number } {
  let attribute = axes.get(axis)
  if (!attribute) axes.set(axis, (attribute = { axis }))
  return attribute
}

export function softmax(x: Variable, axis = -1): Variable {
  return apply(x.device, Softmax, [x], axisAttribute(axis))[0]
}

export function logSoftmax(x: Variable, axis = -1): Variable {
  return apply(x.device, LogSoftmax, [x], axisAttribute(axis))[0]
}

/** Matrix product; stacks of matrices broadcast. */
export function matmul(a: Variable, b: Variable): Variable {
  return apply(a.device, MatMul, [a, b])[0]
}

const transposedB = { transB: 1 }
/** x · weightᵀ + bias. @param x - [..., in]; `weight` [out, in]; `bias` [out]. */
export function linear(x: Variable, weight: Variable, bias?: Variable): Variable {
  const rank = x.shape.length
  if (rank === 2) return apply(x.device, Gemm, [x, weight, bias], transposedB)[0]
  const product = matmul(x, transpose(weight, [1, 0]))
  return bias ? add(product, bias) : product
}

function numbers(x: Variable, values: readonly number[]): Variable {
  return x.device.constant(hostFrom('int64', [values.length], values))
}

/** The same elements in another shape: −1 for what is left over, 0 for the size that the axis has. */
export function reshape(x: Variable, shape: readonly number[]): Variable {
  return apply(x.device, Reshape, [x, numbers(x, shape)])[0]
}

/** Axes from `axis` on as one, those before it as another: [N, …] becomes [N, rest]. */
export function flatten(x: Variable, axis = 1): Variable {
  return apply(x.device, Flatten, [x], axisAttribute(axis))[0]
}

export function squeeze(x: Variable, axes: readonly number[]): Variable {
  return apply(x.device, Squeeze, [x, numbers(x, axes)])[0]
}

export function unsqueeze(x: Variable, axes: readonly number[]): Variable {
  return apply(x.device, Unsqueeze, [x, numbers(x, axes)])[0]
}

/** Axis i of the result is axis `perm[i]`. Nothing moves in memory. */
export function transpose(x: Variable, perm: readonly number[]): Variable {
  return apply(x.device, Transpose, [x], { perm })[0]
}

export function expand(x: Variable, shape: readonly number[]): Variable {
  return apply(x.device, Expand, [x, numbers(x, shape)])[0]
}

export function concat(tensors: readonly Variable[], axis = 0): Variable {
  return apply(tensors[0].device, Concat, tensors, axisAttribute(axis))[0]
}

/** Parts of these sizes along an axis. */
export function split(x: Variable, sizes: readonly number[], axis = 0): Variable[] {
  return apply(x.device, Split, [x, numbers(x, sizes)], axisAttribute(axis), sizes.length)
}

/** Elements `start` to `end` (exclusive; negative counts from the end) of an axis. */
export function slice(x: Variable, axis: number, start: number, end: number, step = 1): Variable {
  return apply(x.device, Slice, [x, numbers(x, [start]), numbers(x, [end]), numbers(x, [axis]), numbers(x, [step])])[0]
}

/** Rows of `weight` by index. @param indices - int32 or int64, any shape. */
export function embedding(indices: Variable, weight: Variable): Variable {
  return apply(weight.device, Gather, [weight, indices])[0]
}

export function where(condition: Variable, a: Variable, b: Variable): Variable {
  return apply(a.device, Where, [condition, a, b])[0]
}

function reduction(op: object) {
  return (x: Variable, axes?: readonly number[], keepdims = false): Variable =>
    apply(x.device, op, axes ? [x, numbers(x, axes)] : [x], keepdims ? kept : dropped)[0]
}
const kept = { keepdims: 1 }
const dropped = { keepdims: 0 }

/** Sum over the given axes, or all. */
export const sum = reduction(ReduceSum)
export const mean = reduction(ReduceMean)
export const amax = reduction(ReduceMax)
export const amin = reduction(ReduceMin)
export const sumSquares = reduction(ReduceSumSquare)

/** The mean of several tensors, element by element. */
export function average(...tensors: readonly Variable[]): Variable {
  return apply(tensors[0].device, Mean, tensors)[0]
}

/** Sets a share `p` of the elements to 0 and scales the rest by 1/(1 − p); does nothing unless `training`. */
export function dropout(x: Variable, p = 0.5, training = true): Variable {
  return training && p > 0 ? apply(x.device, RandomDropout, [x], ratioAttribute(p))[0] : x
}
const ratios = new Map<number, { readonly ratio: number }>()
function ratioAttribute(ratio: number): { readonly ratio: number } {
  let attribute = ratios.get(ratio)
  if (!attribute) ratios.set(ratio, (attribute = { ratio }))
  return attribute
}

/** Any operator of the library, by its definition. */
export function op(
  definition: OpDefinition<never>,
  inputs: readonly (Variable | undefined)[],
  attributes: Readonly<Record<string, unknown>> = {},
  outputs = 1,
): Variable[] {
  return apply(inputs.find((input) => input)!.device, definition, inputs, attributes, outputs)
}

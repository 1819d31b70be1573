// What recipes of random graphs take: types, constants, second operands.
import type { DType } from '../../../src/core/dtype.js'
import type { Shape } from '../../../src/core/shape.js'
import type { GraphGrower, RandomValue } from './random-graph.js'

/** Types for which onnxruntime-web has the operators that only move elements. */
export const moved: readonly DType[] = [
  'float32',
  'float32',
  'float32',
  'int64',
  'int32',
  'bool',
  'uint8',
  'float16',
  'float64',
]
/** Types to calculate with, mostly float32. */
export const arithmetic: readonly DType[] = ['float32', 'float32', 'float32', 'int32', 'int64']
/** Elements are moved: no rounding. */
export const exactly = { moves: true }

/** A constant list: axes, sizes, repeats. */
export function list(g: GraphGrower, values: readonly number[]): RandomValue {
  return g.given('int64', [values.length], values)
}

/** A constant number: an axis, a diagonal. */
export function scalar(g: GraphGrower, value: number): RandomValue {
  return g.given('int64', [], [value])
}

/** An axis, named from either end. */
export function axis(g: GraphGrower, rank: number): number {
  return g.int(-rank, rank - 1)
}

/** A shape that broadcasts with another: axes dropped, or of size 1. */
function broadcastable(g: GraphGrower, shape: Shape): number[] {
  return shape.slice(g.chance(0.3) ? g.int(0, shape.length) : 0).map((size) => (g.chance(0.25) ? 1 : size))
}

/** A second operand for a value. */
export function partner(
  g: GraphGrower,
  a: RandomValue,
  choice: { low?: number; high?: number; dtype?: DType; test?: (value: RandomValue) => boolean } = {},
): RandomValue {
  const dtype = choice.dtype ?? a.dtype
  const fits = (value: RandomValue) =>
    value.shape.every((size, i) => size === 1 || size === a.shape[i + a.shape.length - value.shape.length]) &&
    (choice.test?.(value) ?? true)
  const found = g.chance(0.6)
    ? g.existing({ dtypes: [dtype], rank: [0, a.shape.length], ...choice, test: fits })
    : undefined
  return found ?? g.fresh(dtype, broadcastable(g, a.shape), choice)
}

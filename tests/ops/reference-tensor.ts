import type { Shape } from '../../src/core/shape.js'
import type { Plain } from './case.js'
import { indices } from './movement/transpose.reference.js'

/** A tensor from a function of its indices. */
export function filled(shape: Shape, element: (index: number[]) => number): Plain {
  return { shape, data: indices(shape).map(element) }
}

/** The element at an index. */
export function at({ shape, data }: Plain, index: readonly number[]): number {
  let place = 0
  for (let axis = 0; axis < shape.length; axis++) place = place * shape[axis] + index[axis]
  return data[place]
}

/** An axis that may count from the end. */
export function axisOf(attribute: unknown, fallback: number, rank: number): number {
  const axis = (attribute as number | undefined) ?? fallback
  return axis < 0 ? axis + rank : axis
}

/** The index with another coordinate on one axis. */
export function withAxis(index: readonly number[], axis: number, i: number): number[] {
  return index.map((old, k) => (k === axis ? i : old))
}

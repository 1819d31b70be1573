import { stridesOf } from '../../../src/core/shape.js'
import type { Plain, Reference } from '../case.js'

/** y[i₀, i₁, …] = x[i_perm⁻¹…]: axis k of y is axis perm[k] of x. */
export const transpose: Reference = ([x], attributes) => {
  const rank = x.shape.length
  const perm = (attributes.perm as number[] | undefined) ?? Array.from({ length: rank }, (_, i) => rank - 1 - i)
  const shape = perm.map((axis) => x.shape[axis])
  const strides = stridesOf(x.shape)
  const data = indices(shape).map((index) => x.data[index.reduce((at, i, axis) => at + i * strides[perm[axis]], 0)])
  return [{ shape, data }] satisfies Plain[]
}

/** Every index tuple of a shape, in row-major order. */
export function indices(shape: readonly number[]): number[][] {
  let all: number[][] = [[]]
  for (const size of shape) all = all.flatMap((index) => Array.from({ length: size }, (_, i) => [...index, i]))
  return all
}

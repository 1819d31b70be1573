import { broadcastShapes } from '../../../src/core/shape.js'
import type { Reference } from '../case.js'
import { at, filled } from '../reference-tensor.js'

export const expand: Reference = ([x, shape]) => {
  const target = broadcastShapes(x.shape, shape.data)
  const lead = target.length - x.shape.length
  return [
    filled(target, (index) =>
      at(
        x,
        x.shape.map((size, axis) => (size === 1 ? 0 : index[lead + axis])),
      ),
    ),
  ]
}

export const tile: Reference = ([x, repeats]) => {
  const shape = x.shape.map((size, axis) => size * repeats.data[axis])
  return [
    filled(shape, (index) =>
      at(
        x,
        index.map((i, axis) => i % x.shape[axis]),
      ),
    ),
  ]
}

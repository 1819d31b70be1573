import type { Reference } from '../case.js'
import { at, axisOf, filled, withAxis } from '../reference-tensor.js'

const counted = (i: number, size: number) => (i < 0 ? i + size : i)

export const gather: Reference = ([x, taken], attributes) => {
  const axis = axisOf(attributes.axis, 0, x.shape.length)
  const rank = taken.shape.length
  const shape = [...x.shape.slice(0, axis), ...taken.shape, ...x.shape.slice(axis + 1)]
  return [
    filled(shape, (index) => {
      const i = counted(at(taken, index.slice(axis, axis + rank)), x.shape[axis])
      return at(x, [...index.slice(0, axis), i, ...index.slice(axis + rank)])
    }),
  ]
}

export const gatherElements: Reference = ([x, taken], attributes) => {
  const axis = axisOf(attributes.axis, 0, x.shape.length)
  return [filled(taken.shape, (index) => at(x, withAxis(index, axis, counted(at(taken, index), x.shape[axis]))))]
}

export const gatherND: Reference = ([x, taken], { batch_dims = 0 }) => {
  const batch = batch_dims as number
  const depth = taken.shape[taken.shape.length - 1]
  const outer = taken.shape.slice(0, -1)
  return [
    filled([...outer, ...x.shape.slice(batch + depth)], (index) => {
      const tuple = Array.from({ length: depth }, (_, k) =>
        counted(at(taken, [...index.slice(0, outer.length), k]), x.shape[batch + k]),
      )
      return at(x, [...index.slice(0, batch), ...tuple, ...index.slice(outer.length)])
    }),
  ]
}

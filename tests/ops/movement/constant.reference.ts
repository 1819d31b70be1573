import type { Reference } from '../case.js'
import { at, axisOf, filled } from '../reference-tensor.js'

export const shapeOf: Reference = ([x], { start = 0, end }) => {
  const rank = x.shape.length
  const clamp = (i: number) => Math.min(Math.max(i < 0 ? i + rank : i, 0), rank)
  const data = x.shape.filter(
    (_, axis) => axis >= clamp(start as number) && axis < clamp((end as number | undefined) ?? rank),
  )
  return [{ shape: [data.length], data }]
}

export const sizeOf: Reference = ([x]) => [{ shape: [], data: [x.shape.reduce((a, b) => a * b, 1)] }]

export function constantOfShape(value: number): Reference {
  return ([shape]) => [filled(shape.data, () => value)]
}

export const range: Reference = ([start, limit, delta]) => {
  const data: number[] = []
  for (let i = 0; ; i++) {
    const value = start.data[0] + i * delta.data[0]
    if (delta.data[0] > 0 ? value >= limit.data[0] : value <= limit.data[0]) return [{ shape: [data.length], data }]
    data.push(value)
  }
}

export const eyeLike: Reference = ([x], { k = 0 }) => [filled(x.shape, ([row, col]) => (col - row === k ? 1 : 0))]

export const oneHot: Reference = (
  [
    places,
    {
      data: [depth],
    },
    values,
  ],
  attributes,
) => {
  const axis = axisOf(attributes.axis, -1, places.shape.length + 1)
  const [off, on] = values.data
  return [
    filled([...places.shape.slice(0, axis), depth, ...places.shape.slice(axis)], (index) => {
      const named = at(places, [...index.slice(0, axis), ...index.slice(axis + 1)])
      return named === index[axis] || named + depth === index[axis] ? on : off
    }),
  ]
}

import type { Plain, Reference } from '../case.js'
import { indices } from '../movement/transpose.reference.js'

/** Every list of elements that differ only along `axes`, by the index of the rest. */
export function groups(x: Plain, axes: readonly number[]): Map<string, number[]> {
  const found = new Map<string, number[]>()
  // An empty axis leaves groups without elements.
  for (const index of indices(x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))))
    found.set(index.join(), [])
  indices(x.shape).forEach((index, i) => {
    found.get(index.map((k, axis) => (axes.includes(axis) ? 0 : k)).join())!.push(i)
  })
  return found
}

function axesOf(x: Plain, given: Plain | undefined, attributes: Readonly<Record<string, unknown>>): number[] {
  const axes = given?.data ?? []
  if (axes.length > 0) return axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis))
  return attributes.noop_with_empty_axes ? [] : x.shape.map((_, axis) => axis)
}

function shapeOf(shape: readonly number[], axes: readonly number[], keep: unknown): number[] {
  return keep === 0
    ? shape.filter((_, axis) => !axes.includes(axis))
    : shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
}

/** A fold of all elements along axes. */
export function reduce(fold: (values: number[]) => number): Reference {
  return ([x, given], attributes) => {
    const axes = axesOf(x, given, attributes)
    const data = [...groups(x, axes).values()].map((group) => fold(group.map((i) => x.data[i])))
    return [{ shape: shapeOf(x.shape, axes, attributes.keepdims), data }]
  }
}

export const argExtreme =
  (sign: number): Reference =>
  ([x], attributes) => {
    const axis = ((attributes.axis as number | undefined) ?? 0) + ((attributes.axis as number) < 0 ? x.shape.length : 0)
    const last = attributes.select_last_index === 1
    const data = [...groups(x, [axis]).values()].map((group) => {
      const values = group.map((i) => sign * x.data[i])
      const most = Math.max(...values)
      return last ? values.lastIndexOf(most) : values.indexOf(most)
    })
    return [{ shape: shapeOf(x.shape, [axis], attributes.keepdims), data }]
  }

/** A function of each row along one axis. */
export function alongAxis(
  f: (row: number[], attributes: Readonly<Record<string, unknown>>) => number[],
  axisOf: (inputs: readonly Plain[], attributes: Readonly<Record<string, unknown>>) => number,
): Reference {
  return (inputs, attributes) => {
    const [x] = inputs
    const axis = axisOf(inputs, attributes)
    const data = new Array<number>(x.data.length)
    for (const group of groups(x, [axis < 0 ? axis + x.shape.length : axis]).values()) {
      f(
        group.map((i) => x.data[i]),
        attributes,
      ).forEach((value, k) => (data[group[k]] = value))
    }
    return [{ shape: x.shape, data }]
  }
}

import type { Plain, Reference } from '../case.js'

const product = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1)

/** Same elements in the same order; only the shape is worked out. */
export const reshape: Reference = ([x, shape], { allowzero }) => {
  const sizes = shape.data.map((size, axis) => (size === 0 && !allowzero ? x.shape[axis] : size))
  const rest = product(sizes.filter((size) => size !== -1))
  return [{ shape: sizes.map((size) => (size === -1 ? product(x.shape) / rest : size)), data: x.data }]
}

export const flatten: Reference = ([x], { axis = 1 }) => {
  const split = (axis as number) < 0 ? (axis as number) + x.shape.length : (axis as number)
  return [{ shape: [product(x.shape.slice(0, split)), product(x.shape.slice(split))], data: x.data }]
}

export const squeeze: Reference = ([x, axes]: readonly Plain[]) => {
  const named = (axes as Plain | undefined)?.data.map((axis) => (axis < 0 ? axis + x.shape.length : axis))
  return [{ shape: x.shape.filter((size, axis) => (named ? !named.includes(axis) : size !== 1)), data: x.data }]
}

export const unsqueeze: Reference = ([x, axes]) => {
  const rank = x.shape.length + axes.data.length
  const shape = [...x.shape]
  for (const axis of axes.data.map((a) => (a < 0 ? a + rank : a)).sort((a, b) => a - b)) shape.splice(axis, 0, 1)
  return [{ shape, data: x.data }]
}

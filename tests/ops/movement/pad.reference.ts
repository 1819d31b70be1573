import type { Plain, Reference } from '../case.js'
import { at, filled } from '../reference-tensor.js'

/** numpy.pad; negative pads take away first. */
export const pad: Reference = (inputs, { mode = 'constant' }) => {
  const [x, pads] = inputs
  const value = (inputs[2] as Plain | undefined)?.data[0] ?? 0
  const axes = ((inputs[3] as Plain | undefined)?.data ?? x.shape.map((_, axis) => axis)).map((axis) =>
    axis < 0 ? axis + x.shape.length : axis,
  )
  const before = x.shape.map((_, axis) => (axes.includes(axis) ? pads.data[axes.indexOf(axis)] : 0))
  const after = x.shape.map((_, axis) => (axes.includes(axis) ? pads.data[axes.indexOf(axis) + axes.length] : 0))
  const shape = x.shape.map((size, axis) => size + before[axis] + after[axis])
  const source = (i: number, axis: number): number | undefined => {
    const first = Math.max(0, -before[axis])
    const kept = x.shape[axis] - first - Math.max(0, -after[axis])
    let k = i - Math.max(0, before[axis])
    if (mode === 'constant') return k >= 0 && k < kept ? first + k : undefined
    if (mode === 'edge') k = Math.min(Math.max(k, 0), kept - 1)
    if (mode === 'wrap') while (k < 0 || k >= kept) k += k < 0 ? kept : -kept
    if (mode === 'reflect') while (k < 0 || k >= kept) k = k < 0 ? -k : 2 * (kept - 1) - k
    return first + k
  }
  return [
    filled(shape, (index) => {
      const from = index.map(source)
      return from.includes(undefined) ? value : at(x, from as number[])
    }),
  ]
}

export const centerCropPad: Reference = ([x, target], { axes }) => {
  const named =
    (axes as number[] | undefined)?.map((axis) => (axis < 0 ? axis + x.shape.length : axis)) ??
    x.shape.map((_, axis) => axis)
  const shape = x.shape.map((size, axis) => (named.includes(axis) ? target.data[named.indexOf(axis)] : size))
  return [
    filled(shape, (index) => {
      const from = index.map((i, axis) => {
        const spare = shape[axis] - x.shape[axis]
        return spare >= 0 ? i - Math.floor(spare / 2) : i + Math.floor(-spare / 2)
      })
      return from.every((i, axis) => i >= 0 && i < x.shape[axis]) ? at(x, from) : 0
    }),
  ]
}

import type { Reference } from '../case.js'
import { at, axisOf, filled, withAxis } from '../reference-tensor.js'

/** Sorts every lane; NaN is the largest, equal elements keep their order. */
export const topK: Reference = ([x, k], { axis, largest = 1 }) => {
  const along = axisOf(axis, -1, x.shape.length)
  const shape = withAxis(x.shape, along, k.data[0])
  const key = (value: number) => (Number.isNaN(value) ? Infinity : value)
  const order = (index: number[]): number => {
    const lane = Array.from({ length: x.shape[along] }, (_, i) => ({ i, value: at(x, withAxis(index, along, i)) }))
    lane.sort((a, b) => {
      const nans = Number(Number.isNaN(b.value)) - Number(Number.isNaN(a.value))
      const difference = nans || (key(b.value) === key(a.value) ? 0 : key(b.value) - key(a.value))
      return (largest ? difference : -difference) || a.i - b.i
    })
    return lane[index[along]].i
  }
  return [filled(shape, (index) => at(x, withAxis(index, along, order(index)))), filled(shape, order)]
}

import type { Plain, Reference } from '../case.js'
import { at, filled } from '../reference-tensor.js'

export const trilu: Reference = ([x, k]: readonly Plain[], { upper = 1 }) => {
  const diagonal = (k as Plain | undefined)?.data[0] ?? 0
  return [
    filled(x.shape, (index) => {
      const [row, col] = index.slice(-2)
      return (upper ? col - row >= diagonal : col - row <= diagonal) ? at(x, index) : 0
    }),
  ]
}

export const reverseSequence: Reference = ([x, lengths], { batch_axis: batch = 1, time_axis: time = 0 }) => [
  filled(x.shape, (index) => {
    const length = lengths.data[index[batch as number]]
    const t = index[time as number]
    return at(
      x,
      index.map((i, axis) => (axis === time && t < length ? length - 1 - t : i)),
    )
  }),
]

import type { Plain, Reference } from '../case.js'
import { at, filled } from '../reference-tensor.js'

/** NumPy's x[start:end:step] on the named axes, written as the loop it stands for. */
export const slice: Reference = (inputs) => {
  const [x, starts, ends] = inputs
  const axes = (inputs[3] as Plain | undefined)?.data ?? starts.data.map((_, i) => i)
  const steps = (inputs[4] as Plain | undefined)?.data ?? axes.map(() => 1)
  const taken = x.shape.map((size) => Array.from({ length: size }, (_, i) => i))
  axes.forEach((named, k) => {
    const axis = named < 0 ? named + x.shape.length : named
    const size = x.shape[axis]
    const step = steps[k]
    const clamp = (i: number, low: number, high: number) => Math.min(Math.max(i < 0 ? i + size : i, low), high)
    const list: number[] = []
    if (step > 0) for (let i = clamp(starts.data[k], 0, size); i < clamp(ends.data[k], 0, size); i += step) list.push(i)
    else for (let i = clamp(starts.data[k], 0, size - 1); i > clamp(ends.data[k], -1, size - 1); i += step) list.push(i)
    taken[axis] = list
  })
  return [
    filled(
      taken.map((list) => list.length),
      (index) =>
        at(
          x,
          index.map((i, axis) => taken[axis][i]),
        ),
    ),
  ]
}

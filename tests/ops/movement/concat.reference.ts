import type { Plain, Reference } from '../case.js'
import { at, axisOf, filled, withAxis } from '../reference-tensor.js'

export const concat: Reference = (inputs, attributes) => {
  const axis = axisOf(attributes.axis, 0, inputs[0].shape.length)
  const total = inputs.reduce((sum, { shape }) => sum + shape[axis], 0)
  return [
    filled(withAxis(inputs[0].shape, axis, total), (index) => {
      let i = index[axis]
      for (const input of inputs) {
        if (i < input.shape[axis]) return at(input, withAxis(index, axis, i))
        i -= input.shape[axis]
      }
      return NaN
    }),
  ]
}

/** `parts` outputs: of the sizes given as an input, or equal but for the last. */
export function split(parts: number): Reference {
  return ([x, sizes]: readonly Plain[], attributes) => {
    const axis = axisOf(attributes.axis, 0, x.shape.length)
    const whole = x.shape[axis]
    const each = Math.ceil(whole / parts)
    let from = 0
    return Array.from({ length: parts }, (_, part) => {
      const size = (sizes as Plain | undefined)?.data[part] ?? Math.min(each, whole - from)
      const start = from
      from += size
      return filled(withAxis(x.shape, axis, size), (index) => at(x, withAxis(index, axis, index[axis] + start)))
    })
  }
}

import type { Reference } from '../case.js'
import { at, axisOf, filled, withAxis } from '../reference-tensor.js'
import { indices } from './transpose.reference.js'

export const nonZero: Reference = ([x]) => {
  const found = indices(x.shape).filter((_, i) => x.data[i] !== 0)
  return [filled([x.shape.length, found.length], ([axis, i]) => found[i][axis])]
}

export const compress: Reference = ([x, condition], attributes) => {
  const source = attributes.axis === undefined ? { shape: [x.data.length], data: x.data } : x
  const axis = axisOf(attributes.axis, 0, source.shape.length)
  const taken = condition.data.flatMap((kept, i) => (kept ? [i] : []))
  return [
    filled(withAxis(source.shape, axis, taken.length), (index) =>
      at(source, withAxis(index, axis, taken[index[axis]])),
    ),
  ]
}

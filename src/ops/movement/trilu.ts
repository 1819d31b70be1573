import { LanewiseError } from '../../core/errors.js'
import { copyElements } from '../../ir/strided.js'
import { hostZeros, toNumbers } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

/** The upper or lower triangle of matrices, from the k-th diagonal on; zeros elsewhere. */
export const Trilu = defineOp({
  name: 'Trilu',
  arity: [1, 2],
  attributes: { upper: int(1) },
  infer({ inputs: [x, k] }) {
    if (x.shape.length < 2)
      throw new LanewiseError('E_SHAPE', `the input must have at least 2 axes, got ${formatShape(x.shape)}`)
    if (k && sizeOf(k.shape) !== 1)
      throw new LanewiseError('E_SHAPE', `k must be one number, got ${formatShape(k.shape)}`)
    return [x]
  },
  compute({ attributes, inputs: [x, diagonal] }) {
    const { dtype, shape } = x
    const [rows, cols] = shape.slice(-2)
    const k = diagonal ? toNumbers(diagonal, 'k')[0] : 0
    const y = hostZeros(dtype, shape)
    for (let row = 0, all = sizeOf(shape.slice(0, -1)); row < all; row++) {
      const edge = Math.min(Math.max((row % rows) + k + (attributes.upper ? 0 : 1), 0), cols)
      const [start, end] = attributes.upper ? [edge, cols] : [0, edge]
      copyElements(x, row * cols + start, y, row * cols + start, end - start)
    }
    return [y]
  },
})

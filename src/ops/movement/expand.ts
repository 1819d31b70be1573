import { LanewiseError } from '../../core/errors.js'
import { follow, type Layout, type LayoutOperand, type LayoutQuery } from '../../core/layout.js'
import { toNumbers } from '../../core/host.js'
import { broadcastShapes } from '../../core/shape.js'
import { moving } from './copy.js'
import { defineOp } from '../../ir/op.js'

export const Expand = defineOp({
  name: 'Expand',
  arity: 2,
  attributes: {},
  infer({ inputs: [x], value }) {
    const shape = toNumbers(value(1), 'shape')
    if (shape.some((size) => size < 0)) throw new LanewiseError('E_VALUE', `a size is negative: [${shape.join()}]`)
    return [{ dtype: x.dtype, shape: broadcastShapes(x.shape, shape) }]
  },
  layout: trailing,
  ...moving(({ input, y }) => {
    const x = input(0)
    const lead = y.shape.length - x.shape.length
    const stride = (axis: number) => (axis < 0 || x.shape[axis] === 1 ? 0 : x.strides[axis])
    return [
      {
        source: 0,
        axes: y.shape.map((size, axis) => ({ size, from: stride(axis - lead), to: y.strides[axis] })),
        from: 0,
        to: 0,
      },
    ]
  }),
})

/** The input in any order, the output in the same with its new axes outermost. */
function trailing({
  inputs: [x],
  outputs: [shape],
}: LayoutQuery<unknown, readonly [LayoutOperand, LayoutOperand]>): Layout {
  const lead = shape.length - x.shape.length
  return { inputs: [x.order], outputs: [[...shape.slice(0, lead).keys(), ...x.order.map((axis) => axis + lead)]] }
}

export const Tile = defineOp({
  name: 'Tile',
  arity: 2,
  attributes: {},
  infer({ inputs, value }) {
    const { dtype, shape } = inputs[0]
    const repeats = toNumbers(value(1), 'repeats')
    if (repeats.length !== shape.length) {
      throw new LanewiseError('E_SHAPE', `repeats must have one number per axis`, {
        expected: String(shape.length),
        actual: String(repeats.length),
      })
    }
    if (repeats.some((count) => count < 0))
      throw new LanewiseError('E_VALUE', `a repeat is negative: [${repeats.join()}]`)
    return [{ dtype, shape: shape.map((size, axis) => size * repeats[axis]) }]
  },
  layout: follow,
  ...moving(({ input, y }) => {
    const x = input(0)
    const axes = x.shape.flatMap((size, axis) => [
      { size: size === 0 ? 0 : y.shape[axis] / size, from: 0, to: size * y.strides[axis] },
      { size, from: x.strides[axis], to: y.strides[axis] },
    ])
    return [{ source: 0, axes, from: 0, to: 0 }]
  }),
})

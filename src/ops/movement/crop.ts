import { LanewiseError } from '../../core/errors.js'
import { follow } from '../../core/layout.js'
import { formatShape } from '../../core/shape.js'
import { ints } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'
import { moving } from './copy.js'

interface Frame {
  readonly border: readonly number[] | undefined
  readonly scale: readonly number[] | undefined
}

/** Where the part that stays begins, and its size. */
function partOf({ border, scale }: Frame, [, , height, width]: readonly number[]) {
  if (border?.length !== 4 || (scale && scale.length !== 2))
    throw new LanewiseError('E_VALUE', 'border must have four entries, scale two')
  const [left, top, right, bottom] = border
  const [rows, columns] = scale ?? [height - top - bottom, width - left - right]
  const fits =
    border.every((size) => size >= 0) && rows >= 0 && columns >= 0 && top + rows <= height && left + columns <= width
  if (!fits)
    throw new LanewiseError('E_VALUE', `a border of ${formatShape(border)} leaves nothing of ${height}x${width}`)
  return { top, left, rows, columns }
}

/**
 * An experimental operator of the first operator sets: images without a border, or a part of them of the given size.
 */
export const Crop = defineOp({
  name: 'Crop',
  arity: 1,
  attributes: { border: ints(), scale: ints() },
  infer({ attributes, inputs: [x] }) {
    const { shape } = x
    if (shape.length !== 4) throw new LanewiseError('E_SHAPE', `the input must have 4 axes, got ${formatShape(shape)}`)
    const { rows, columns } = partOf(attributes, shape)
    return [{ dtype: x.dtype, shape: [shape[0], shape[1], rows, columns] }]
  },
  layout: follow,
  ...moving<Frame>(({ attributes, input, y }) => {
    const x = input(0)
    const { top, left } = partOf(attributes, x.shape)
    const axes = y.shape.map((size, axis) => ({ size, from: x.strides[axis], to: y.strides[axis] }))
    return [{ source: 0, axes, from: top * x.strides[2] + left * x.strides[3], to: 0 }]
  }),
})

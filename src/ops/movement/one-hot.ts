import { dtypeFromOnnx } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { copyElements } from '../../ir/strided.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { formatShape, normalizeAxis, sizeOf } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { numbersOf, numericTensor } from '../shared/scalar-floats.js'
import { moving } from './copy.js'
import { defineOp } from '../../ir/op.js'

export const EyeLike = defineOp({
  name: 'EyeLike',
  arity: 1,
  attributes: { dtype: int(), k: int(0) },
  infer({ attributes, inputs: [x] }) {
    const dtype = attributes.dtype === undefined ? x.dtype : dtypeFromOnnx(attributes.dtype)
    if (!dtype || dtype === 'string') throw new LanewiseError('E_VALUE', `dtype ${attributes.dtype} is not a number's`)
    if (x.shape.length !== 2)
      throw new LanewiseError('E_SHAPE', `the input must be a matrix, got ${formatShape(x.shape)}`)
    return [{ dtype, shape: x.shape }]
  },
  ...moving<{ readonly k: number }>(({ attributes: { k }, y, dtype }) => {
    const [rows, cols] = y.shape
    const [down, right] = y.strides
    const size = Math.max(0, Math.min(rows - Math.max(-k, 0), cols - Math.max(k, 0)))
    const zeros = {
      axes: [
        { size: rows, from: 0, to: down },
        { size: cols, from: 0, to: right },
      ],
      from: 0,
      to: 0,
    }
    const diagonal = {
      axes: [{ size, from: 0, to: down + right }],
      from: 0,
      to: size > 0 ? Math.max(-k, 0) * down + Math.max(k, 0) * right : 0,
    }
    return [
      { source: hostZeros(dtype, [1]), ...zeros },
      { source: numericTensor(dtype, [1], [1]), ...diagonal },
    ]
  }),
})

export const OneHot = defineOp({
  name: 'OneHot',
  arity: 3,
  attributes: { axis: int(-1) },
  infer({ attributes, inputs: [indices, , values], value }) {
    const depth = depthOf(value(1))
    if (values.shape.length !== 1 || values.shape[0] !== 2)
      throw new LanewiseError('E_SHAPE', `values must be [off, on], got ${formatShape(values.shape)}`)
    const axis = normalizeAxis(attributes.axis, indices.shape.length + 1)
    return [{ dtype: values.dtype, shape: [...indices.shape.slice(0, axis), depth, ...indices.shape.slice(axis)] }]
  },
  compute({ attributes, inputs: [indices, , values], outputs: [type] }) {
    const axis = normalizeAxis(attributes.axis, type.shape.length)
    const depth = type.shape[axis]
    const inner = sizeOf(type.shape.slice(axis + 1))
    const y = hostZeros(type.dtype, type.shape)
    for (let i = 0, size = sizeOf(type.shape); i < size; i++) copyElements(values, 0, y, i, 1)
    const places = numbersOf(indices)
    for (let i = 0; i < places.length; i++) {
      const at = Math.trunc(places[i])
      // An index outside names nothing: all off.
      if (at >= -depth && at < depth)
        copyElements(
          values,
          1,
          y,
          (Math.floor(i / inner) * depth + (at < 0 ? at + depth : at)) * inner + (i % inner),
          1,
        )
    }
    return [y]
  },
})

function depthOf(tensor: HostTensor): number {
  if (sizeOf(tensor.shape) !== 1)
    throw new LanewiseError('E_SHAPE', `depth must be one number, got ${formatShape(tensor.shape)}`)
  const depth = Math.trunc(numbersOf(tensor)[0])
  if (!(depth >= 0)) throw new LanewiseError('E_VALUE', `a depth of ${depth}`)
  return depth
}

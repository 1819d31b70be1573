import { byteSize } from '../dtype.js'
import { LanewiseError } from '../errors.js'
import type { Layout, LayoutQuery } from '../graph/layout.js'
import { copyStrided } from '../graph/strided.js'
import { hostZeros } from '../host.js'
import { normalizeAxis, sizeOf, stridesOf } from '../shape.js'
import { int } from './attributes.js'
import { checkIndices, indicesOf } from './indices.js'
import { defineOp } from './op.js'

export const Gather = defineOp({
  name: 'Gather',
  arity: 2,
  attributes: { axis: int(0) },
  infer({ attributes, inputs: [x, indices] }) {
    const { dtype, shape } = x!
    const axis = normalizeAxis(attributes.axis, shape.length)
    if (indices!.dtype !== 'int32' && indices!.dtype !== 'int64') {
      throw new LanewiseError('E_TENSOR', `indices must be int32 or int64, got ${indices!.dtype}`, { expected: 'int32, int64', actual: indices!.dtype })
    }
    return [{ dtype, shape: [...shape.slice(0, axis), ...indices!.shape, ...shape.slice(axis + 1)] }]
  },
  kernel: () => true,
  layout: inPlaceOfAxis,
  emit(e) {
    const [x, indices] = [e.input(0), e.input(1)]
    const axis = normalizeAxis(e.attributes.axis, x.shape.length)
    e.check(indices, (tensor) => checkIndices(tensor, x.shape[axis]))
    const y = e.output(0)
    if (y.size === 0) return
    const place = x.order.indexOf(axis)
    const outer = sizeOf(x.physical.slice(0, place))
    const run = sizeOf(x.physical.slice(place + 1)) * byteSize(x.dtype)
    e.call('gather', x.at, y.at, indices.at, byteSize(indices.dtype), outer, x.shape[axis], indices.size, run)
  },
  compute({ attributes, inputs: [x, indices], outputs: [type] }) {
    const axis = normalizeAxis(attributes.axis, x!.shape.length)
    const strides = stridesOf(x!.shape)
    const y = hostZeros(type.dtype, type.shape)
    const inner = strides[axis]
    const outer = sizeOf(x!.shape.slice(0, axis))
    const taken = indicesOf(indices!, x!.shape[axis])
    taken.forEach((index, j) => {
      const axes = [
        { size: outer, from: inner * x!.shape[axis], to: inner * taken.length },
        { size: inner, from: 1, to: 1 },
      ]
      copyStrided({ axes, from: index * inner, to: j * inner }, x!, y)
    })
    return [y]
  },
})

/** The data in any order; the axes of the indices stand where the axis stood. */
function inPlaceOfAxis({ attributes, inputs: [x, indices] }: LayoutQuery<{ readonly axis: number }>): Layout {
  const axis = normalizeAxis(attributes.axis, x!.shape.length)
  const rank = indices!.shape.length
  const order = x!.order.flatMap((a) => {
    if (a === axis) return Array.from({ length: rank }, (_, i) => axis + i)
    return [a < axis ? a : a + rank - 1]
  })
  return { inputs: [x!.order, undefined], outputs: [order] }
}

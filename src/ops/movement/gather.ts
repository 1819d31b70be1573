import { byteSize } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { Layout, LayoutOperand, LayoutQuery } from '../../core/layout.js'
import { copyElements } from '../../ir/strided.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { formatShape, normalizeAxis, sameShape, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { checkIndices, indicesOf, requireIndices } from './indices.js'
import { defineOp } from '../../ir/op.js'

export const Gather = defineOp({
  name: 'Gather',
  arity: 2,
  attributes: { axis: int(0) },
  infer({ attributes, inputs: [x, indices] }) {
    const { dtype, shape } = x
    const axis = normalizeAxis(attributes.axis, shape.length)
    if (indices.dtype !== 'int32' && indices.dtype !== 'int64') {
      throw new LanewiseError('E_TENSOR', `indices must be int32 or int64, got ${indices.dtype}`, {
        expected: 'int32, int64',
        actual: indices.dtype,
      })
    }
    return [{ dtype, shape: [...shape.slice(0, axis), ...indices.shape, ...shape.slice(axis + 1)] }]
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
    const axis = normalizeAxis(attributes.axis, x.shape.length)
    const inner = sizeOf(x.shape.slice(axis + 1))
    const y = hostZeros(type.dtype, type.shape)
    const taken = indicesOf(indices, x.shape[axis])
    for (let o = 0, outer = sizeOf(x.shape.slice(0, axis)); o < outer; o++) {
      taken.forEach((index, j) =>
        copyElements(x, (o * x.shape[axis] + index) * inner, y, (o * taken.length + j) * inner, inner),
      )
    }
    return [y]
  },
})

/** The data in any order; the axes of the indices stand where the axis stood. */
function inPlaceOfAxis({
  attributes,
  inputs: [x, indices],
}: LayoutQuery<{ readonly axis: number }, readonly [LayoutOperand, LayoutOperand]>): Layout {
  const axis = normalizeAxis(attributes.axis, x.shape.length)
  const rank = indices.shape.length
  const order = x.order.flatMap((a) => {
    if (a === axis) return Array.from({ length: rank }, (_, i) => axis + i)
    return [a < axis ? a : a + rank - 1]
  })
  return { inputs: [x.order, undefined], outputs: [order] }
}

export const GatherElements = defineOp({
  name: 'GatherElements',
  arity: 2,
  attributes: { axis: int(0) },
  infer({ attributes, inputs: [x, indices] }) {
    checkElementIndices(x.shape, indices.shape, normalizeAxis(attributes.axis, x.shape.length))
    return [{ dtype: x.dtype, shape: indices.shape }]
  },
  compute({ attributes, inputs: [x, indices] }) {
    const axis = normalizeAxis(attributes.axis, x.shape.length)
    const y = hostZeros(x.dtype, indices.shape)
    const places = elementPlaces(x.shape, indices, axis)
    places.forEach((from, to) => copyElements(x, from, y, to, 1))
    return [y]
  },
})

/**
 * The indices of GatherElements and ScatterElements have the data's rank and are nowhere longer than it, but along the
 * axis.
 */
export function checkElementIndices(shape: Shape, indices: Shape, axis: number): void {
  if (indices.length !== shape.length || indices.some((size, i) => i !== axis && size > shape[i])) {
    throw new LanewiseError(
      'E_SHAPE',
      `indices ${formatShape(indices)} do not fit data ${formatShape(shape)} along axis ${axis}`,
    )
  }
}

/**
 * For every index, in order, the element of the data it names: its own place with the index in the place of one
 * coordinate.
 */
export function elementPlaces(shape: Shape, indices: HostTensor, axis: number): Float64Array {
  const strides = stridesOf(shape)
  const taken = indicesOf(indices, shape[axis])
  const places = new Float64Array(taken.length)
  const index = new Array<number>(shape.length).fill(0)
  let base = 0
  for (let i = 0; i < places.length; i++) {
    places[i] = base + taken[i] * strides[axis]
    for (let k = shape.length - 1; k >= 0; k--) {
      const stride = k === axis ? 0 : strides[k]
      base += stride
      if (++index[k] < indices.shape[k]) break
      base -= stride * indices.shape[k]
      index[k] = 0
    }
  }
  return places
}

export const GatherND = defineOp({
  name: 'GatherND',
  arity: 2,
  attributes: { batch_dims: int(0) },
  infer({ attributes: { batch_dims: batch }, inputs: [x, indices] }) {
    const depth = indices.shape.at(-1)
    if (
      depth === undefined ||
      batch < 0 ||
      batch >= Math.min(x.shape.length, indices.shape.length) ||
      depth < 1 ||
      batch + depth > x.shape.length
    ) {
      throw new LanewiseError(
        'E_SHAPE',
        `indices ${formatShape(indices.shape)} do not fit data ${formatShape(x.shape)} with ${batch} batch axes`,
      )
    }
    if (!sameShape(x.shape.slice(0, batch), indices.shape.slice(0, batch)))
      throw new LanewiseError('E_SHAPE', 'data and indices differ in their batch axes')
    return [{ dtype: x.dtype, shape: [...indices.shape.slice(0, -1), ...x.shape.slice(batch + depth)] }]
  },
  compute({ attributes: { batch_dims: batch }, inputs: [x, indices], outputs: [type] }) {
    const y = hostZeros(type.dtype, type.shape)
    const { places, run } = slicePlaces(x.shape, indices, batch)
    places.forEach((from, i) => copyElements(x, from, y, i * run, run))
    return [y]
  },
})

/** For every index tuple of GatherND and ScatterND, where the slice that it names begins; `run` elements each. */
export function slicePlaces(shape: Shape, indices: HostTensor, batch = 0): { places: Float64Array; run: number } {
  requireIndices(indices.dtype)
  const depth = indices.shape[indices.shape.length - 1]
  const strides = stridesOf(shape)
  const run = sizeOf(shape.slice(batch + depth))
  const count = sizeOf(indices.shape.slice(0, -1))
  const perBatch = count / sizeOf(shape.slice(0, batch))
  const slab = sizeOf(shape.slice(batch))
  const places = new Float64Array(count)
  // One coordinate after the other: each has its own limit.
  for (let k = 0; k < depth; k++) {
    const column = hostZeros(indices.dtype, [count])
    for (let i = 0; i < count; i++) (column.data as { [i: number]: unknown })[i] = indices.data[i * depth + k]
    const taken = indicesOf(column, shape[batch + k])
    for (let i = 0; i < count; i++) places[i] += taken[i] * strides[batch + k]
  }
  if (batch > 0) for (let i = 0; i < count; i++) places[i] += Math.floor(i / perBatch) * slab
  return { places, run }
}

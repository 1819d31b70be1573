import { stridesOf } from '../../../src/core/shape.js'
import type { Plain, Reference } from '../case.js'
import { axisOf, withAxis } from '../reference-tensor.js'
import { indices } from './transpose.reference.js'

const combine: Readonly<Record<string, (a: number, b: number) => number>> = {
  none: (_, b) => b,
  add: (a, b) => a + b,
  mul: (a, b) => a * b,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
}

function updated(x: Plain, updates: readonly (readonly [readonly number[], number])[], reduction: unknown): Plain[] {
  const data = [...x.data]
  const strides = stridesOf(x.shape)
  for (const [index, value] of updates) {
    const place = index.reduce((sum, i, axis) => sum + (i < 0 ? i + x.shape[axis] : i) * strides[axis], 0)
    data[place] = combine[(reduction as string | undefined) ?? 'none'](data[place], value)
  }
  return [{ shape: x.shape, data }]
}

export const scatterElements: Reference = ([x, taken, updates], { axis, reduction }) => {
  const along = axisOf(axis, 0, x.shape.length)
  return updated(
    x,
    indices(taken.shape).map((index, i) => [withAxis(index, along, taken.data[i]), updates.data[i]] as const),
    reduction,
  )
}

export const scatterND: Reference = ([x, taken, updates], { reduction }) => {
  const depth = taken.shape[taken.shape.length - 1]
  const lead = taken.shape.length - 1
  const strides = stridesOf(taken.shape)
  return updated(
    x,
    indices(updates.shape).map((index, i) => {
      const start = index.slice(0, lead).reduce((sum, k, axis) => sum + k * strides[axis], 0)
      return [[...taken.data.slice(start, start + depth), ...index.slice(lead)], updates.data[i]] as const
    }),
    reduction,
  )
}

export const tensorScatter: Reference = ([cache, update, starts], { axis, mode }) => {
  const along = axisOf(axis, -2, cache.shape.length)
  const writes = indices(update.shape).map((index, i) => {
    const at = ((starts as Plain | undefined)?.data[index[0]] ?? 0) + index[along]
    return [withAxis(index, along, mode === 'circular' ? at % cache.shape[along] : at), update.data[i]] as const
  })
  return updated(cache, writes, 'none')
}

/** One spatial axis: every column adds its elements to the places its window covers. */
export const col2im: Reference = ([x, image, block], attributes) => {
  const [length] = image.data
  const [taps] = block.data
  const [batch, rows, columns] = x.shape
  const [begin] = (attributes.pads as number[] | undefined) ?? [0]
  const [stride] = (attributes.strides as number[] | undefined) ?? [1]
  const [dilation] = (attributes.dilations as number[] | undefined) ?? [1]
  const channels = rows / taps
  const data = new Array<number>(batch * channels * length).fill(0)
  for (let row = 0; row < batch * rows; row++) {
    for (let column = 0; column < columns; column++) {
      const at = column * stride + (row % taps) * dilation - begin
      if (at >= 0 && at < length) data[Math.floor(row / taps) * length + at] += x.data[row * columns + column]
    }
  }
  return [{ shape: [batch, channels, length], data }] satisfies Plain[]
}

import { arrayElements, byteSize, type DType } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { plus, type Address, type Operand, type PackEmitter } from './emitter.js'
import { logicalStrides, type Order } from '../core/layout.js'
import { sizeOf, type Shape } from '../core/shape.js'

/**
 * One axis of a copy between two strided views; strides are in elements, `from` may be 0 (repeat) or negative
 * (backwards).
 */
export interface StridedAxis {
  readonly size: number
  readonly from: number
  readonly to: number
}

/**
 * A copy between strided views: offsets and strides in elements. Transpose, Slice, Concat, Expand, Tile, borders of Pad
 * … are all this.
 */
export interface StridedCopy {
  readonly axes: readonly StridedAxis[]
  readonly from: number
  readonly to: number
}

/** The same copy with as few axes as it takes, outermost (as written) first; undefined if it copies nothing. */
export function collapseAxes(axes: readonly StridedAxis[]): StridedAxis[] | undefined {
  const result: StridedAxis[] = []
  for (const axis of axes.filter(({ size }) => size !== 1).sort((a, b) => b.to - a.to)) {
    if (axis.size === 0) return undefined
    const outer = result.at(-1)
    // An axis that continues the one before it, on both sides, is the same axis.
    if (outer && outer.from === axis.from * axis.size && outer.to === axis.to * axis.size) {
      result[result.length - 1] = { ...axis, size: outer.size * axis.size }
    } else {
      result.push(axis)
    }
  }
  return result
}

/** Whether the copy takes a stretch of memory as it is. */
export function isDense({ axes }: StridedCopy): boolean {
  const collapsed = collapseAxes(axes)
  return (
    !collapsed || collapsed.length === 0 || (collapsed.length === 1 && collapsed[0].from === 1 && collapsed[0].to === 1)
  )
}

/** Records the copy of a whole tensor, in the order that it lies in. */
export function emitDenseCopy(
  e: PackEmitter,
  { dtype, size, at }: { readonly dtype: DType; readonly size: number; readonly at: Address },
  to: Address,
): void {
  emitStridedCopy(e, dtype, { axes: [{ size, from: 1, to: 1 }], from: 0, to: 0 }, at, to)
}

/** Records the kernel call of a strided copy. */
export function emitStridedCopy(e: PackEmitter, dtype: DType, copy: StridedCopy, x: Address, y: Address): void {
  const collapsed = collapseAxes(copy.axes)
  if (!collapsed) return
  let bytes = byteSize(dtype)
  const axes = collapsed.map(({ size, from, to }) => ({ size, from: from * bytes, to: to * bytes }))
  const from = plus(x, copy.from * bytes)
  const to = plus(y, copy.to * bytes)
  // A short run is an element of its own.
  const last = axes.at(-1)
  if (last && last.from === bytes && last.to === bytes && [2, 4, 8, 16].includes(last.size * bytes)) {
    bytes *= last.size
    axes.pop()
  }
  // Where reading and writing go along different axes, the two stand last: that is a transpose, and goes in blocks.
  const reading = axes.findIndex((axis) => axis.from === bytes)
  if (reading >= 0 && reading < axes.length - 2 && axes[axes.length - 1].to === bytes)
    axes.splice(axes.length - 2, 0, ...axes.splice(reading, 1))
  while (axes.length < 2) axes.unshift({ size: 1, from: 0, to: 0 })
  const table = [...axes.map((axis) => axis.size), ...axes.map((axis) => axis.from), ...axes.map((axis) => axis.to)]
  e.call('strided_copy', from, to, e.table(Int32Array.from(table)), axes.length, bytes)
}

/** The same copy in JavaScript. */
export function copyStrided(copy: StridedCopy, from: HostTensor, to: HostTensor): void {
  // A complex element is two numbers side by side.
  const lanes = arrayElements(from.dtype)
  const axes = copy.axes.map(({ size, from, to }) => ({ size, from: from * lanes, to: to * lanes }))
  if (lanes > 1) axes.push({ size: lanes, from: 1, to: 1 })
  const x = from.data as { [i: number]: unknown }
  const y = to.data as { [i: number]: unknown }
  const index = new Array<number>(axes.length).fill(0)
  let read = copy.from * lanes
  let write = copy.to * lanes
  for (let left = sizeOf(axes.map(({ size }) => size)); left > 0; left--) {
    y[write] = x[read]
    for (let k = axes.length - 1; k >= 0; k--) {
      const axis = axes[k]
      read += axis.from
      write += axis.to
      if (++index[k] < axis.size) break
      read -= axis.from * axis.size
      write -= axis.to * axis.size
      index[k] = 0
    }
  }
}

/** Copies a run of elements between tensors of one type; places are in elements. */
export function copyElements(from: HostTensor, at: number, to: HostTensor, target: number, count: number): void {
  const lanes = arrayElements(from.dtype)
  const x = from.data as { [i: number]: unknown }
  const y = to.data as { [i: number]: unknown }
  for (let i = 0; i < count * lanes; i++) y[target * lanes + i] = x[at * lanes + i]
}

/** Records the calls that put a tensor's elements into another order of axes. */
export function emitReorder(
  e: PackEmitter,
  dtype: Operand['dtype'],
  shape: Shape,
  from: Order,
  to: Order,
  x: Address,
  y: Address,
): void {
  const sourceStrides = logicalStrides(shape, from)
  const targetStrides = logicalStrides(shape, to)
  const axes = shape.map((size, axis) => ({ size, from: sourceStrides[axis], to: targetStrides[axis] }))
  emitStridedCopy(e, dtype, { axes, from: 0, to: 0 }, x, y)
}

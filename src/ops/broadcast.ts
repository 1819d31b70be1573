import type { KernelName } from '../../bindings/module.js'
import { logicalStrides } from '../graph/layout.js'
import { sizeOf, stridesOf, type Shape } from '../shape.js'
import type { Address, Emitter, Operand } from './op.js'

/** An operand as it lies in memory: logical sizes, and strides in elements. */
export interface Strided {
  readonly shape: Shape
  readonly strides: readonly number[]
}

/** A broadcast as kernels walk it: sizes of merged axes, outermost first, and the strides of every operand. */
export interface Walk {
  readonly sizes: readonly number[]
  readonly strides: readonly (readonly number[])[]
}

/**
 * The walk over an output's elements in memory order. Axes of size 1 are dropped, and axes that every operand runs through evenly are one.
 *
 * @param axes - the output's logical axes in memory order.
 */
export function walkOf(shape: Shape, axes: readonly number[], operands: readonly Strided[]): Walk {
  const sizes: number[] = []
  const strides = operands.map((): number[] => [])
  for (const axis of axes) {
    const size = shape[axis]
    if (size === 1) continue
    const steps = operands.map((operand) => {
      const own = axis - (shape.length - operand.shape.length)
      return own < 0 || operand.shape[own] === 1 ? 0 : operand.strides[own]
    })
    const last = sizes.length - 1
    if (last >= 0 && steps.every((step, i) => strides[i][last] === step * size)) {
      sizes[last] *= size
      steps.forEach((step, i) => (strides[i][last] = step))
    } else {
      sizes.push(size)
      steps.forEach((step, i) => strides[i].push(step))
    }
  }
  if (sizes.length === 0) return { sizes: [1], strides: operands.map(() => [0]) }
  return { sizes, strides }
}

/** Something to broadcast that is in memory: an operand of the node or an intermediate result. */
export type Source = Pick<Operand, 'shape' | 'order' | 'at'>

export function walkOfOperands(output: Pick<Operand, 'shape' | 'order'>, operands: readonly Source[]): Walk {
  return walkOf(output.shape, output.order, operands.map(({ shape, order }) => ({ shape, strides: logicalStrides(shape, order) })))
}

/** Kernels over two broadcast operands. */
type BroadcastKernel = Extract<KernelName, `${string}_broadcast_${'f32' | 'i32' | 'i64' | 'u8'}`>

/** Records y = a op b with broadcasting. The output has elements of its own size; y may be an operand that is not repeated. */
export function emitBroadcast(e: Emitter<unknown>, kernel: BroadcastKernel, code: number, a: Source, b: Source, y: Operand): void {
  if (y.size === 0) return
  const { sizes, strides } = walkOfOperands(y, [a, b])
  if (kernel === 'binary_broadcast_f32' && sizes.length === 1) {
    e.call('binary_f32', code, a.at, strides[0][0], b.at, strides[1][0], y.at, sizes[0])
    return
  }
  const table = e.table(Int32Array.from([...sizes, ...strides.flat()]))
  e.call(kernel, code, a.at, b.at, y.at, table, sizes.length, 0, sizes[0])
}

/** The same for a condition and two values of `1 << shift` bytes. */
export function emitWhere(e: Emitter<unknown>, shift: number, condition: Source, a: Source, b: Source, y: Operand): void {
  if (y.size === 0) return
  const { sizes, strides } = walkOfOperands(y, [condition, a, b])
  const table = e.table(Int32Array.from([...sizes, ...strides.flat()]))
  e.call('where_broadcast', shift, condition.at, a.at, b.at, y.at, table, sizes.length, 0, sizes[0])
}

/** Something whose elements lie at an address in the given order, densely. */
export function dense(shape: Shape, order: readonly number[], at: Address): Source {
  return { shape, order, at }
}

/** Calls `visit` for every element of a broadcast's output, in logical order, with the offsets of the operands' elements. */
export function forEachBroadcast(shape: Shape, operands: readonly Shape[], visit: (index: number, offsets: readonly number[]) => void): void {
  const { sizes, strides } = walkOf(shape, [...shape.keys()], operands.map((operand) => ({ shape: operand, strides: stridesOf(operand) })))
  const total = sizeOf(shape)
  const counters = sizes.map(() => 0)
  const offsets = operands.map(() => 0)
  for (let index = 0; index < total; index++) {
    visit(index, offsets)
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      counters[axis]++
      for (let i = 0; i < offsets.length; i++) offsets[i] += strides[i][axis]
      if (counters[axis] < sizes[axis]) break
      counters[axis] = 0
      for (let i = 0; i < offsets.length; i++) offsets[i] -= strides[i][axis] * sizes[axis]
    }
  }
}

import type { DType } from '../../core/dtype.js'
import { logicalStrides } from '../../core/layout.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { broadcastShapes, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import type { Operand } from '../../ir/emitter.js'

/** Strides of an operand along the axes of the result, outermost in memory first; 0 where it is repeated. */
interface Walk {
  readonly sizes: readonly number[]
  readonly strides: readonly (readonly number[])[]
}

/**
 * How the operands of a broadcast are walked to write `y` from its first element to its last, with as few axes as it
 * takes. At least one axis; the innermost is last.
 */
export function walkOf(y: Pick<Operand, 'shape' | 'order'>, inputs: readonly Pick<Operand, 'shape' | 'order'>[]): Walk {
  const all = inputs.map((x) => {
    const own = logicalStrides(x.shape, x.order)
    const lead = y.shape.length - x.shape.length
    return y.order.map((axis) => (axis < lead || x.shape[axis - lead] === 1 ? 0 : own[axis - lead]))
  })
  const sizes: number[] = []
  const strides: number[][] = inputs.map(() => [])
  y.order.forEach((axis, place) => {
    const size = y.shape[axis]
    if (size === 1) return
    const last = sizes.length - 1
    // An axis that continues the one before it in every operand is the same axis.
    if (last >= 0 && strides.every((list, i) => list[last] === all[i][place] * size)) {
      sizes[last] *= size
      strides.forEach((list, i) => (list[last] = all[i][place]))
    } else {
      sizes.push(size)
      strides.forEach((list, i) => list.push(all[i][place]))
    }
  })
  if (sizes.length === 0) return { sizes: [1], strides: inputs.map(() => [0]) }
  return { sizes, strides }
}

/** The descriptor of assembly/elementwise/broadcast.ts: sizes, then the strides of each operand. */
export function descriptor({ sizes, strides }: Walk): Int32Array {
  return Int32Array.from([...sizes, ...strides.flat()])
}

/** For each element of the result, the place of the element of `shape` that it is computed from. */
export function placesOf(shape: Shape, result: Shape): Int32Array | undefined {
  const size = sizeOf(result)
  if (sizeOf(shape) === size) return undefined
  const places = new Int32Array(size)
  const strides = stridesOf(shape)
  const lead = result.length - shape.length
  const index = new Array<number>(result.length).fill(0)
  let at = 0
  for (let i = 0; i < size; i++) {
    places[i] = at
    for (let axis = result.length - 1; axis >= 0; axis--) {
      const step = axis < lead || shape[axis - lead] === 1 ? 0 : strides[axis - lead]
      at += step
      if (++index[axis] < result[axis]) break
      at -= step * result[axis]
      index[axis] = 0
    }
  }
  return places
}

/**
 * f over two tensors, broadcast, in plain TypeScript: the elements are whatever their storage holds (numbers, bigints,
 * strings).
 */
export function mapBroadcast<T, R>(a: HostTensor, b: HostTensor, dtype: DType, f: (x: T, y: T) => R): HostTensor {
  const shape = broadcastShapes(a.shape, b.shape)
  const y = hostZeros(dtype, shape)
  const from = placesOf(a.shape, shape)
  const by = placesOf(b.shape, shape)
  const left = a.data as unknown as { [i: number]: T }
  const right = b.data as unknown as { [i: number]: T }
  const to = y.data as unknown as { [i: number]: R }
  for (let i = 0, size = sizeOf(shape); i < size; i++) to[i] = f(left[from ? from[i] : i], right[by ? by[i] : i])
  return y
}

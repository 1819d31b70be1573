import { isBig, isComplex, isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { copyElements } from '../../ir/strided.js'
import { hostFrom, hostZeros, type HostTensor } from '../../core/host.js'
import { normalizeAxis, sizeOf } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { floatsOf } from '../shared/scalar-floats.js'
import { defineOp } from '../../ir/op.js'

// Operators whose output shapes depend on data: they have no `infer`.

export const Compress = defineOp({
  name: 'Compress',
  arity: 2,
  attributes: { axis: int() },
  compute({ attributes, inputs }) {
    const [x, condition] = [inputs[0], inputs[1]]
    if (condition.dtype !== 'bool' || condition.shape.length !== 1)
      throw new LanewiseError('E_TENSOR', 'the condition must be a list of bools')
    const shape = attributes.axis === undefined ? [sizeOf(x.shape)] : x.shape
    const axis = normalizeAxis(attributes.axis ?? 0, shape.length)
    const taken: number[] = []
    for (let i = 0; i < Math.min(condition.data.length, shape[axis]); i++) if (condition.data[i]) taken.push(i)
    return [takeSlices(x, shape, axis, taken)]
  },
})

/** The slices of x (read as `shape`) at some places of an axis. */
function takeSlices(x: HostTensor, shape: readonly number[], axis: number, taken: readonly number[]): HostTensor {
  const y = hostZeros(
    x.dtype,
    shape.map((size, i) => (i === axis ? taken.length : size)),
  )
  const inner = sizeOf(shape.slice(axis + 1))
  const outer = sizeOf(shape.slice(0, axis))
  for (let o = 0; o < outer; o++) {
    taken.forEach((from, i) =>
      copyElements(x, (o * shape[axis] + from) * inner, y, (o * taken.length + i) * inner, inner),
    )
  }
  return y
}

export const Unique = defineOp({
  name: 'Unique',
  arity: 1,
  outputs: 4,
  attributes: { axis: int(), sorted: int(1) },
  compute({ attributes, inputs }) {
    const x = inputs[0]
    const shape = attributes.axis === undefined ? [sizeOf(x.shape)] : x.shape
    const axis = normalizeAxis(attributes.axis ?? 0, shape.length)
    const compare = slicesOf(x, shape, axis)
    // Equal slices side by side, the first one first.
    const order = Array.from({ length: shape[axis] }, (_, i) => i).sort((a, b) => compare(a, b) || a - b)
    let groups: number[][] = []
    for (const i of order) {
      const last = groups.at(-1)
      if (last && compare(last[0], i) === 0) last.push(i)
      else groups.push([i])
    }
    if (attributes.sorted === 0) groups = groups.sort((a, b) => a[0] - b[0])
    const first = groups.map((group) => group[0])
    const inverse = new Array<number>(shape[axis])
    groups.forEach((group, i) => group.forEach((place) => (inverse[place] = i)))
    const list = (values: readonly number[]) => hostFrom('int64', [values.length], values)
    return [takeSlices(x, shape, axis, first), list(first), list(inverse), list(groups.map((group) => group.length))]
  },
})

/** A comparison of the slices at two places of an axis, element by element. */
function slicesOf(x: HostTensor, shape: readonly number[], axis: number): (a: number, b: number) => number {
  const inner = sizeOf(shape.slice(axis + 1))
  const outer = sizeOf(shape.slice(0, axis))
  const values = comparable(x.dtype, x)
  return (a, b) => {
    for (let o = 0; o < outer; o++) {
      const base = o * shape[axis] * inner
      for (let i = 0; i < inner; i++) {
        const order = compareElements(values[base + a * inner + i], values[base + b * inner + i])
        if (order !== 0) return order
      }
    }
    return 0
  }
}

function comparable(dtype: DType, x: HostTensor): ArrayLike<number | bigint | string> {
  if (isComplex(dtype)) throw new LanewiseError('E_UNSUPPORTED', `${dtype} has no order`)
  return isFloat(dtype) && !isBig(dtype) ? floatsOf(x) : x.data
}

/** NaNs are equal to each other and come after everything else. */
function compareElements(a: number | bigint | string, b: number | bigint | string): number {
  if (a < b) return -1
  if (a > b) return 1
  return a === b ? 0 : (a !== a ? 1 : 0) - (b !== b ? 1 : 0)
}

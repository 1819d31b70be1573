import { LanewiseError } from '../../core/errors.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { requireFloat } from '../shared/operands.js'
import { defineOp } from '../../ir/op.js'

/**
 * The inverses of square matrices (domain com.microsoft), by elimination with partial pivoting in float64. A singular
 * matrix is an error.
 */
export const Inverse = defineOp({
  name: 'Inverse',
  domain: 'com.microsoft',
  arity: 1,
  attributes: {},
  infer({ inputs: [x] }) {
    requireFloat(x.dtype)
    const [rows, columns] = x.shape.slice(-2)
    if (x.shape.length < 2 || rows !== columns)
      throw new LanewiseError('E_SHAPE', `matrices must be square, got ${formatShape(x.shape)}`)
    return [x]
  },
  compute({ inputs: [x] }) {
    const { dtype, shape } = x
    const n = shape[shape.length - 1]
    const from = floatsOf(x)
    const result = new Float64Array(from.length)
    for (let at = 0, count = sizeOf(shape.slice(0, -2)); at < count; at++)
      result.set(inverted(Float64Array.from(from.subarray(at * n * n, (at + 1) * n * n)), n), at * n * n)
    return [floatTensor(dtype, shape, result)]
  },
})

function inverted(a: Float64Array, n: number): Float64Array {
  const b = new Float64Array(n * n)
  for (let i = 0; i < n; i++) b[i * n + i] = 1
  const swap = (m: Float64Array, i: number, j: number) => {
    const row = m.slice(i * n, (i + 1) * n)
    m.copyWithin(i * n, j * n, (j + 1) * n)
    m.set(row, j * n)
  }
  for (let k = 0; k < n; k++) {
    let pivot = k
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]) > Math.abs(a[pivot * n + k])) pivot = i
    if (a[pivot * n + k] === 0) throw new LanewiseError('E_VALUE', 'a matrix is singular')
    for (const m of [a, b]) if (pivot !== k) swap(m, k, pivot)
    const scale = 1 / a[k * n + k]
    for (const m of [a, b]) for (let j = 0; j < n; j++) m[k * n + j] *= scale
    for (let i = 0; i < n; i++) {
      const factor = a[i * n + k]
      if (i === k || factor === 0) continue
      for (const m of [a, b]) for (let j = 0; j < n; j++) m[i * n + j] -= factor * m[k * n + j]
    }
  }
  return b
}

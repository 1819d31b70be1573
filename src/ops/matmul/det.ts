import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { defineOp } from '../../ir/op.js'

/** Determinants of square matrices, by elimination with partial pivoting. */
export const Det = defineOp({
  name: 'Det',
  takes: isFloat,
  arity: 1,
  attributes: {},
  infer({ inputs: [x] }) {
    const { shape, dtype } = x
    if (shape.length < 2 || shape.at(-1) !== shape.at(-2))
      throw new LanewiseError('E_SHAPE', `determinants need square matrices, got ${formatShape(shape)}`)
    return [{ dtype, shape: shape.slice(0, -2) }]
  },
  compute({ inputs: [x], outputs: [y] }) {
    const n = x.shape[x.shape.length - 1]
    const values = floatsOf(x)
    const result = new Float64Array(sizeOf(y.shape))
    for (let i = 0; i < result.length; i++)
      result[i] = determinant(Float64Array.from(values.subarray(i * n * n, (i + 1) * n * n)), n)
    return [floatTensor(y.dtype, y.shape, result)]
  },
})

/** @param a - the matrix, which is overwritten. */
function determinant(a: Float64Array, n: number): number {
  let product = 1
  for (let k = 0; k < n; k++) {
    let pivot = k
    for (let i = k + 1; i < n; i++) if (Math.abs(a[i * n + k]) > Math.abs(a[pivot * n + k])) pivot = i
    if (a[pivot * n + k] === 0) return 0
    if (pivot !== k) {
      for (let j = k; j < n; j++) [a[k * n + j], a[pivot * n + j]] = [a[pivot * n + j], a[k * n + j]]
      product = -product
    }
    product *= a[k * n + k]
    for (let i = k + 1; i < n; i++) {
      const factor = a[i * n + k] / a[k * n + k]
      for (let j = k + 1; j < n; j++) a[i * n + j] -= factor * a[k * n + j]
    }
  }
  return product
}

import { expect, test } from 'vitest'
import { postTransform } from '../../../src/ops/ml/ml-transform.js'

test('SOFTMAX_ZERO leaves out scores of next to nothing, as onnxruntime does', () => {
  const rows = Float64Array.of(3e-14, 1, 0, 1, 2, 0, 2e-7, 1, -3e-8)
  postTransform('SOFTMAX_ZERO', rows, 3)
  const [a, b, c] = [1 / (1 + Math.exp(-1)), Math.exp(-1) / (1 + Math.exp(-1)), Math.exp(-1)]
  const expected = [3e-14 * c, 1, 0, b, a, 0, Math.exp(2e-7 - 1) / (1 + Math.exp(2e-7 - 1)), a, -3e-8 * b]
  rows.forEach((value, i) => expect(Math.abs(value - expected[i])).toBeLessThanOrEqual(1e-7 * Math.abs(expected[i])))
})

import { LanewiseError } from '../../core/errors.js'
import { exp, log, sigmoid } from '../../core/scalar-functions.js'

/** What models of ai.onnx.ml do to rows of `columns` scores, in place. */
export function postTransform(name: string, scores: Float64Array, columns: number): void {
  switch (name) {
    case 'NONE':
      return
    case 'LOGISTIC':
      scores.forEach((score, i) => (scores[i] = sigmoid(score)))
      return
    case 'PROBIT':
      scores.forEach((score, i) => (scores[i] = probit(score)))
      return
    case 'SOFTMAX':
    case 'SOFTMAX_ZERO':
      for (let at = 0; at < scores.length; at += columns)
        softmax(scores.subarray(at, at + columns), name === 'SOFTMAX_ZERO')
      return
    default:
      throw new LanewiseError('E_VALUE', `post_transform "${name}" is not known`)
  }
}

/** What ONNX Runtime takes for a score of 0. */
const ZERO = Math.fround(1e-7)

/** @param keepZeros - scores of 0, or of next to nothing, stay so and take no part. */
function softmax(row: Float64Array, keepZeros: boolean): void {
  const largest = row.reduce((a, b) => Math.max(a, b), -Infinity)
  let sum = 0
  row.forEach((score, i) => {
    const none = keepZeros && Math.abs(score) <= ZERO
    row[i] = none ? score * exp(-largest) : exp(score - largest)
    if (!none) sum += row[i]
  })
  if (sum !== 0) row.forEach((score, i) => (row[i] = score / sum))
}

/** √2·erf⁻¹(2x − 1), by Winitzki's approximation, which ONNX Runtime has as well. */
function probit(x: number): number {
  const z = 2 * x - 1
  const logarithm = log((1 - z) * (1 + z))
  const a = 2 / (Math.PI * 0.147) + logarithm / 2
  return Math.SQRT2 * Math.sign(z) * Math.sqrt(Math.sqrt(a * a - logarithm / 0.147) - a)
}

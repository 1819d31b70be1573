import type { Reference } from '../case.js'
import { sizeOf } from '../../../src/core/shape.js'

/** −w[t]·log softmax(x)[t] for every target t, reduced; scores are [batch, classes, …]. */
export const softmaxCrossEntropy: Reference = ([x, target, weight], attributes) => {
  const { reduction = 'mean', ignore_index: ignored } = attributes as { reduction?: string; ignore_index?: number }
  const [batch, classes] = x.shape
  const inner = sizeOf(x.shape.slice(2))
  let total = 0
  const losses = target.data.map((t, row) => {
    if (t === ignored) return 0
    const [b, i] = [Math.floor(row / inner), row % inner]
    const scores = Array.from({ length: classes }, (_, c) => x.data[(b * classes + c) * inner + i])
    const largest = Math.max(...scores)
    const log = largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0))
    const w = weight ? weight.data[t] : 1
    total += w
    return w * (log - scores[t])
  })
  if (reduction === 'none') return [{ shape: [batch, ...x.shape.slice(2)], data: losses }]
  const sum = losses.reduce((a, b) => a + b, 0)
  return [{ shape: [], data: [reduction === 'mean' ? sum / total : sum] }]
}

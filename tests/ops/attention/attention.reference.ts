import type { Plain, Reference } from '../case.js'

/** softmax(scale · Q·Kᵀ + mask) · V, one score at a time; heads stand before the sequence or within the last axis. */
const attention =
  (allows: boolean): Reference =>
  ([q, k, v, mask], attributes) => {
    const { is_causal: causal = 0, scale } = attributes as Record<string, number | undefined>
    const split = q.shape.length === 4
    const heads = split ? q.shape[1] : (attributes.q_num_heads as number)
    const shared = heads / (split ? k.shape[1] : (attributes.kv_num_heads as number))
    const [batch, queries, keys] = [q.shape[0], q.shape.at(-2)!, k.shape.at(-2)!]
    const size = split ? q.shape[3] : q.shape[2] / heads
    const width = split ? v.shape[3] : v.shape[2] / (heads / shared)
    const vector = (x: Plain, b: number, h: number, i: number, count: number): number[] => {
      const length = x.shape.at(-2)!
      const all = split ? x.shape[1] : x.shape[2] / count
      const at = split ? ((b * all + h) * length + i) * count : (b * length + i) * x.shape[2] + h * count
      return x.data.slice(at, at + count)
    }
    const maskAt = (place: readonly number[]) => {
      const own = place.slice(4 - mask.shape.length)
      return mask.data[mask.shape.reduce((at, extent, axis) => at * extent + (extent === 1 ? 0 : own[axis]), 0)]
    }
    const shape = split ? [batch, heads, queries, width] : [batch, queries, heads * width]
    const data = new Array<number>(batch * heads * queries * width).fill(0)
    for (let b = 0; b < batch; b++) {
      for (let h = 0; h < heads; h++) {
        for (let i = 0; i < queries; i++) {
          const query = vector(q, b, h, i, size)
          const scores = Array.from({ length: keys }, (_, j) => {
            if (causal && j > i) return -Infinity
            const key = vector(k, b, Math.floor(h / shared), j, size)
            const score = query.reduce((sum, value, d) => sum + value * key[d], 0) * (scale ?? 1 / Math.sqrt(size))
            if (!mask) return score
            const m = maskAt([b, h, i, j])
            return allows ? (m ? score : -Infinity) : score + m
          })
          const most = Math.max(...scores)
          if (most === -Infinity) continue
          const weights = scores.map((score) => Math.exp(score - most))
          const total = weights.reduce((sum, weight) => sum + weight, 0)
          const to = split ? ((b * heads + h) * queries + i) * width : (b * queries + i) * heads * width + h * width
          weights.forEach((weight, j) =>
            vector(v, b, Math.floor(h / shared), j, width).forEach(
              (value, d) => (data[to + d] += (weight / total) * value),
            ),
          )
        }
      }
    }
    return [{ shape, data }]
  }

/** The mask, if there is one, is added. */
export const attentionReference = attention(false)
/** The mask says which keys a query sees. */
export const allowedAttentionReference = attention(true)

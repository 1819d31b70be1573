import { LanewiseError } from '../errors.js'
import { sizeOf } from '../shape.js'
import { attentionTable, headsOf, headsWithin, maskOf } from './attention-emit.js'
import { Attention, sizesOf } from './attention.js'
import type { AttributesOfOp, Gradient } from './gradient.js'

/**
 * Gradients by queries, keys, values and an added mask. Probabilities are made again, a block of queries at a time: what is kept from the forward pass is
 * its result.
 */
export const AttentionGradient: Gradient<AttributesOfOp<typeof Attention>> = {
  op: Attention,
  backward(g) {
    const { attributes } = g
    const { batch, heads, kvHeads, queries, length, past, size, valueSize, split } = sizesOf(attributes, g.inputs)
    if (past > 0 || [1, 2, 3].some((output) => g.gradient(output))) {
      throw new LanewiseError('E_UNSUPPORTED', 'attention has no gradient with past keys, nor by other outputs than the first', { op: 'Attention' })
    }
    if (attributes.softcap !== 0) throw new LanewiseError('E_UNSUPPORTED', 'attention with a soft cap has no gradient', { op: 'Attention' })
    const dy = g.gradient()!
    const [q, k, v] = [0, 1, 2].map((i) => (split ? headsOf(g.input(i)) : headsWithin(g.input(i), i === 2 ? valueSize : size)))
    const y = split ? headsOf(g.output(0)) : headsWithin(g.output(0), valueSize)
    const mask = g.inputs[3]
    const width = mask?.shape.at(-1) ?? 1
    const keys = width === 1 ? length : Math.min(length, width)
    const valid = g.inputs[6]
    const ends = valid && ({ at: g.scratch(Math.max(batch * 4, 4)), add: 0, padded: 'in front' } as const)
    if (ends) g.call('cast_i64_i32', valid.at, ends.at, batch)
    const gradients = [0, 1, 2, 3].map((i) => {
      const result = g.inputs[i]?.dtype === 'float32' && g.wants(i) ? g.result(i) : undefined
      // Added to, or (keys that no mask reaches, and everything where nothing is computed) not written at all.
      if (result && result.size > 0 && (i === 3 || keys < length || sizeOf(dy.shape) === 0)) g.call('fill_f32', result.at, 0, result.size)
      return result && result.size > 0 ? result.at : 0
    })
    if (sizeOf(dy.shape) === 0) return
    const table = attentionTable({
      batch,
      heads,
      kvHeads,
      queries,
      keys,
      size,
      valueSize,
      q,
      k,
      v,
      y,
      mask: mask && maskOf(mask, batch, heads, queries, keys),
      causal: attributes.is_causal ? 0 : undefined,
      ends,
      scale: attributes.scale ?? 1 / Math.sqrt(size),
    })
    const [dq, dk, dv, dmask] = gradients
    const scratch = g.scratch(g.ask('attention_gradient_scratch_size', keys, size, valueSize))
    g.call(
      'attention_gradient_f32', q.at, k.at, v.at, mask?.at ?? 0, ends?.at ?? 0, y.at, dy.at, g.table(table), attributes.scale ?? 1 / Math.sqrt(size),
      dq, dk, dv, dmask, 0, batch * kvHeads, scratch,
    )
  },
}

import { ATTENTION_DROPPED, ATTENTION_KEPT } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { sizeOf } from '../../core/shape.js'
import { attentionTable, headsOf, headsWithin, maskOf, type AttentionEmission } from './attention-emit.js'
import { Attention, attentionAttributes, attentionLayout, attentionTypes, keysReached, sizesOf } from './attention.js'
import { float, required } from '../../ir/attributes.js'
import type { AttributesOfOp, Gradient, GradientEmitter, TrainingEmitter } from '../../ir/gradient.js'
import type { Address, Operand } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'

type AttentionAttributes = AttributesOfOp<typeof Attention>

/** What forward and backward pass of a training step compute by. */
function emissionOf(
  e: GradientEmitter<AttentionAttributes> | TrainingEmitter<AttentionAttributes>,
  result: Operand,
): AttentionEmission {
  const { attributes, inputs } = e
  const { batch, heads, kvHeads, queries, length, size, valueSize, split } = sizesOf(attributes, inputs)
  const [q, k, v] = [0, 1, 2].map((i) =>
    split ? headsOf(e.input(i)) : headsWithin(e.input(i), i === 2 ? valueSize : size),
  )
  const mask = inputs[3]
  const keys = keysReached(mask, length)
  const valid = inputs[6]
  const ends = valid && ({ at: e.scratch(Math.max(batch * 4, 4)), add: 0, padded: 'in front' } as const)
  if (ends) e.call('cast_i64_i32', valid.at, ends.at, batch)
  return {
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
    y: split ? headsOf(result) : headsWithin(result, valueSize),
    mask: mask && maskOf(mask, batch, heads, queries, keys),
    causal: attributes.is_causal ? 0 : undefined,
    ends,
    scale: attributes.scale ?? 1 / Math.sqrt(size),
  }
}

/** The table of an attention that drops a share of its probabilities. */
function droppingTable(a: AttentionEmission, dropped: number): Int32Array {
  const entries = attentionTable(a)
  entries[ATTENTION_DROPPED] = Math.floor(dropped * 2 ** 32)
  new Float32Array(entries.buffer)[ATTENTION_KEPT] = 1 / (1 - dropped)
  return entries
}

/**
 * Gradients by queries, keys, values and an added mask. Probabilities are made again, a block of queries at a time:
 * what is kept from the forward pass is its result.
 */
function emitAttentionGradient(g: GradientEmitter<AttentionAttributes>, dropped = 0, seed: Address | 0 = 0): void {
  const { attributes } = g
  const { past, length } = sizesOf(attributes, g.inputs)
  if (past > 0 || [1, 2, 3].some((output) => g.optionalGradient(output))) {
    throw new LanewiseError(
      'E_UNSUPPORTED',
      'attention has no gradient with past keys, nor by other outputs than the first',
      { op: 'Attention' },
    )
  }
  if (attributes.softcap !== 0)
    throw new LanewiseError('E_UNSUPPORTED', 'attention with a soft cap has no gradient', { op: 'Attention' })
  if (attributes.left_window_size >= 0 || attributes.right_window_size >= 0)
    throw new LanewiseError('E_UNSUPPORTED', 'attention with a window has no gradient', { op: 'Attention' })
  const dy = g.gradient()
  const a = emissionOf(g, g.output(0))
  const { batch, kvHeads, keys, size, valueSize, q, k, v, y, mask, ends } = a
  const gradients = [0, 1, 2, 3].map((i) => {
    const result = g.inputs[i]?.dtype === 'float32' && g.wants(i) ? g.result(i) : undefined
    // Added to, or (keys that no mask reaches, and everything where nothing is computed) not written at all.
    if (result && result.size > 0 && (i === 3 || keys < length || sizeOf(dy.shape) === 0))
      g.call('fill_f32', result.at, 0, result.size)
    return result && result.size > 0 ? result.at : 0
  })
  if (sizeOf(dy.shape) === 0) return
  const [dq, dk, dv, dmask] = gradients
  const scratch = g.scratch(g.ask('attention_gradient_scratch_size', keys, size, valueSize))
  g.call(
    'attention_gradient_f32',
    q.at,
    k.at,
    v.at,
    mask?.at ?? 0,
    ends?.at ?? 0,
    y.at,
    dy.at,
    g.table(droppingTable(a, dropped)),
    dq,
    dk,
    dv,
    dmask,
    seed,
    0,
    batch * kvHeads,
    scratch,
  )
}

export const AttentionGradient: Gradient<AttentionAttributes> = {
  op: Attention,
  backward: (g) => emitAttentionGradient(g),
}

type DroppingAttributes = AttentionAttributes & { readonly dropout: number }

/**
 * ONNX's Attention with a share of the probabilities dropped: an operator of training alone. The choice is
 * RandomDropout's over the probabilities [batch, heads, queries, keys].
 */
export const RandomAttention = defineOp({
  name: 'Attention',
  domain: 'lanewise.train',
  arity: [3, 4],
  attributes: { ...attentionAttributes, dropout: required(float()) },
  infer(c) {
    const { dropout } = c.attributes
    if (!(dropout >= 0 && dropout < 1))
      throw new LanewiseError('E_VALUE', `the share to drop must be in [0, 1), got ${dropout}`)
    return attentionTypes(c.attributes, c.inputs).slice(0, 1)
  },
  layout: attentionLayout,
  random: true,
})

/** The mask is not kept: it follows from the seed. */
export const RandomAttentionGradient: Gradient<DroppingAttributes> = {
  op: RandomAttention,
  kernel: (types) => types.every((type, i) => type === undefined || type === 'float32' || (i === 3 && type === 'bool')),
  forward(e) {
    const seed = e.save(8)
    e.call('seed_store', seed, ...(e.seed().map((word) => word | 0) as [number, number]))
    const y = e.output(0)
    if (y.size === 0) return
    const a = emissionOf(e, y)
    const scratch = e.scratch(e.ask('attention_dropout_scratch_size', a.keys, a.size, a.valueSize))
    e.call(
      'attention_dropout_f32',
      a.q.at,
      a.k.at,
      a.v.at,
      a.mask?.at ?? 0,
      0,
      a.y.at,
      e.table(droppingTable(a, e.attributes.dropout)),
      seed,
      0,
      a.batch * a.kvHeads,
      scratch,
    )
  },
  backward: (g) => emitAttentionGradient(g, g.attributes.dropout, g.saved(0)),
}

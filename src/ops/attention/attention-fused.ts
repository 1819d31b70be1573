import { LanewiseError } from '../../core/errors.js'
import { identityOrder, logicalStrides } from '../../core/layout.js'
import type { HostTensor } from '../../core/host.js'
import { broadcastShapes, formatShape, type Shape } from '../../core/shape.js'
import { broadcastStrides, emitAttention, maskOf, type HeadsAt } from './attention-emit.js'
import { float } from '../../ir/attributes.js'
import type { Operand } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'

interface Sizes {
  /** Examples and heads: what stands before the last two axes. */
  readonly lead: readonly number[]
  readonly queries: number
  readonly keys: number
  readonly size: number
  readonly valueSize: number
}

/** Sizes of softmax(scale · Q·K + mask)·V for Q […, queries, size], K […, size, keys], V […, keys, valueSize]. */
export function fusedSizes(q: Shape, k: Shape, v: Shape): Sizes {
  if (q.length < 2 || k.length < 2 || v.length < 2 || q.at(-1) !== k.at(-2) || k.at(-1) !== v.at(-2)) {
    throw new LanewiseError(
      'E_SHAPE',
      `factors of attention do not fit each other: ${[q, k, v].map(formatShape).join(', ')}`,
    )
  }
  const lead = broadcastShapes(broadcastShapes(q.slice(0, -2), k.slice(0, -2)), v.slice(0, -2))
  const [queries, size] = q.slice(-2)
  return { lead, queries, size, keys: k[k.length - 1], valueSize: v[v.length - 1] }
}

/**
 * What the pass fuse-attention makes of MatMul, Softmax, MatMul: softmax(scale · Q·K, masked)·V, K being transposed
 * already. A mask of floats is added; where one of bools is false, `fill` takes the score's place.
 */
export const FusedAttention = defineOp({
  name: 'FusedAttention',
  domain: 'lanewise',
  arity: [3, 4],
  attributes: { scale: float(1), fill: float(-Infinity) },
  infer({ inputs: [q, k, v] }) {
    const { lead, queries, valueSize } = fusedSizes(q.shape, k.shape, v.shape)
    return [{ dtype: q.dtype, shape: [...lead, queries, valueSize] }]
  },
  kernel: (types) => types.every((type, i) => type === undefined || type === 'float32' || (i === 3 && type === 'bool')),
  layout({ inputs, outputs }) {
    const [q, k, v] = inputs
    const same = q.order.length === outputs[0].length && q.order.at(-1) === outputs[0].length - 1
    return { inputs: [q.order, k.order, v.order], outputs: [same ? q.order : identityOrder(outputs[0].length)] }
  },
  emit(e) {
    const [q, k, v] = [e.input(0), e.input(1), e.input(2)]
    const { lead, queries, keys, size, valueSize } = fusedSizes(q.shape, k.shape, v.shape)
    const [batch, heads] = [1, 1, ...lead].slice(-2)
    const y = e.output(0)
    const mask = e.inputs[3]
    const causal = mask?.constant && causalShift(mask.constant, queries, keys, e.attributes.fill)
    emitAttention(e, {
      batch,
      heads,
      kvHeads: heads,
      queries,
      keys,
      size,
      valueSize,
      q: within(q),
      k: turned(within(k)),
      v: within(v),
      y: within(y),
      mask:
        mask && causal === undefined
          ? { ...maskOf(mask, batch, heads, queries, keys), fill: e.attributes.fill }
          : undefined,
      causal,
      asWritten: true,
      scale: e.attributes.scale,
    })
  },
})

/**
 * What is added to a score, or put in its place, that no other score outweighs: its probability is 0, to the last bit.
 */
const FORBIDDING = -1e30

/**
 * A mask that lets query i see keys up to i + shift and no further, as a constant of the model: then what it hides need
 * not be computed. The shift, if it is one.
 */
function causalShift(
  { dtype, shape, data }: HostTensor,
  queries: number,
  keys: number,
  fill: number,
): number | undefined {
  const shift = keys - queries
  const [rows, columns] = shape.slice(-2)
  if (shift < 0 || rows !== queries || columns !== keys || data.length !== queries * keys) return undefined
  const values = data as Float32Array | Uint8Array
  const allowed = dtype === 'bool' ? 1 : 0
  const forbidden =
    dtype === 'bool' ? (value: number) => value === 0 && fill <= FORBIDDING : (value: number) => value <= FORBIDDING
  for (let i = 0, at = 0; i < queries; i++) {
    for (let j = 0; j < keys; j++, at++) {
      if (j > i + shift ? !forbidden(values[at]) : values[at] !== allowed) return undefined
    }
  }
  return shift
}

/** Strides of an operand of two to four axes; 0 where it is broadcast. */
function within(operand: Operand): HeadsAt {
  const strides = logicalStrides(operand.shape, operand.order)
  const [batch, head] = broadcastStrides(operand.shape, strides)
  const [row, column] = strides.slice(-2)
  return { at: operand.at, strides: [batch, head, row, column] }
}

function turned({ at, strides: [batch, head, row, column] }: HeadsAt): HeadsAt {
  return { at, strides: [batch, head, column, row] }
}

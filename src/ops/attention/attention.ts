import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { Layout, LayoutOperand, LayoutQuery } from '../../core/layout.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { emitAttention, emitJoined, headsOf, headsWithin, maskOf } from './attention-emit.js'
import { attend, headsFirst, headsLast, joined, type ScoreStage } from './attention-scalar.js'
import { float, int } from '../../ir/attributes.js'
import { requireFloats, requireIntegers } from '../shared/operands.js'
import { floatsOf, floatTensor, type Floats } from '../shared/scalar-floats.js'
import { broadcastOffsets } from '../shared/broadcast-offsets.js'
import { defineOp, requiredInput, type TensorType } from '../../ir/op.js'

/** How many heads the last axis holds, where heads are not an axis. */
export interface Heads {
  readonly q_num_heads: number | undefined
  readonly kv_num_heads: number | undefined
}

export interface Sizes {
  readonly batch: number
  readonly heads: number
  readonly kvHeads: number
  readonly queries: number
  /** New keys, without past ones. */
  readonly length: number
  readonly past: number
  readonly size: number
  readonly valueSize: number
  /** Whether heads stand before the sequence (four axes) or are part of the last axis (three). */
  readonly split: boolean
}

/** @throws LanewiseError `E_SHAPE` or `E_VALUE` if the operands do not fit each other. */
export function sizesOf(attributes: Heads, inputs: readonly (TensorType | undefined)[]): Sizes {
  const [q, k, v] = [0, 1, 2].map((i) => requiredInput(inputs, i).shape)
  const [pastKey, pastValue] = [4, 5].map((i) => inputs[i]?.shape)
  const rank = q.length
  if ((rank !== 3 && rank !== 4) || k.length !== rank || v.length !== rank) {
    throw new LanewiseError(
      'E_SHAPE',
      `queries, keys and values must have three or four axes, got ${[q, k, v].map(formatShape).join(', ')}`,
    )
  }
  const split = rank === 4
  const heads = split ? q[1] : attributes.q_num_heads
  const kvHeads = split ? k[1] : attributes.kv_num_heads
  if (!heads || !kvHeads || heads < 0 || kvHeads < 0 || heads % kvHeads !== 0) {
    throw new LanewiseError('E_VALUE', `${heads} heads of queries cannot share ${kvHeads} heads of keys`)
  }
  const [queries, length] = split ? [q[2], k[2]] : [q[1], k[1]]
  const size = split ? q[3] : q[2] / heads
  const valueSize = split ? v[3] : v[2] / kvHeads
  const past = pastKey ? pastKey[2] : 0
  const batch = q[0]
  const fits =
    Number.isInteger(size) &&
    Number.isInteger(valueSize) &&
    same(k, split ? [batch, kvHeads, length, size] : [batch, length, kvHeads * size]) &&
    same(v, split ? [batch, kvHeads, length, valueSize] : [batch, length, kvHeads * valueSize]) &&
    (!pastKey || same(pastKey, [batch, kvHeads, past, size])) &&
    (!pastValue || same(pastValue, [batch, kvHeads, past, valueSize])) &&
    !pastKey === !pastValue
  if (!fits) {
    const all = [q, k, v, pastKey, pastValue].map((shape) => (shape ? formatShape(shape) : 'none')).join(', ')
    throw new LanewiseError('E_SHAPE', `queries, keys, values and past ones do not fit each other: ${all}`)
  }
  return { batch, heads, kvHeads, queries, length, past, size, valueSize, split }
}

function same(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, i) => extent === b[i])
}

function maskMisfit(mask: Shape, scores: Shape): never {
  throw new LanewiseError('E_SHAPE', `a mask of shape ${formatShape(mask)} does not fit scores ${formatShape(scores)}`)
}

/**
 * With four axes queries, keys and values as they lie, and the result like the queries, if elements of a vector are
 * neighbours there.
 */
export function attentionLayout({
  inputs,
  outputs,
}: LayoutQuery<unknown, readonly [LayoutOperand, ...(LayoutOperand | undefined)[]]>): Layout {
  if (outputs[0].length !== 4) return { inputs: [], outputs: [] }
  const { order } = inputs[0]
  return {
    inputs: inputs.slice(0, 3).map((input) => input?.order),
    outputs: [order.at(-1) === order.length - 1 ? order : undefined],
  }
}

/** How many keys each example has that are not padding. */
function validKeys(tensor: HostTensor, keys: number): number[] {
  const valid = toNumbers(tensor, 'nonpad_kv_seqlen')
  const wrong = valid.find((count) => !(count >= 0 && count <= keys))
  if (wrong !== undefined)
    throw new LanewiseError('E_VALUE', `${wrong} keys that are not padding are not among ${keys}`, {
      expected: `0 … ${keys}`,
      actual: String(wrong),
    })
  return valid
}

/** @throws LanewiseError `E_SHAPE` unless the mask broadcasts to the scores, of whose keys it may have fewer. */
function checkMask(mask: TensorType, batch: number, heads: number, queries: number, keys: number): void {
  const { shape } = mask
  const width = shape[shape.length - 1]
  const rows = [batch, heads, queries]
  const lead = shape.slice(0, -1)
  // What has more axes, or others, than the rows does not broadcast to them.
  const spread = lead.every((size, i) => size === 1 || size === rows[rows.length - lead.length + i])
  if (shape.length < 1 || shape.length > 4 || (width > keys && width !== 1) || !spread)
    maskMisfit(shape, [...rows, keys])
}

/** Adds the mask's row for a query to the scores; keys that a shorter mask does not reach are forbidden. */
function maskRows(
  mask: HostTensor,
  batch: number,
  heads: number,
  queries: number,
  keys: number,
): (b: number, h: number, i: number, row: Float64Array) => void {
  const width = mask.shape[mask.shape.length - 1]
  const rows = [batch, heads, queries]
  const lead = mask.shape.slice(0, -1)
  const reach = width === 1 && keys !== 1 ? keys : width
  const offsets = broadcastOffsets(lead, rows)
  const step = width === 1 ? 0 : 1
  const forbids = mask.dtype === 'bool'
  const values = forbids ? (mask.data as Uint8Array) : floatsOf(mask)
  return (b, h, i, row) => {
    const from = offsets[(b * heads + h) * queries + i] * width
    for (let j = 0; j < reach; j++) {
      const value = values[from + j * step]
      if (!forbids) row[j] += value
      else if (value === 0) row[j] = -Infinity
    }
    row.fill(-Infinity, reach)
  }
}

/** How many keys there are for a mask: those that a shorter one does not reach are forbidden. */
export function keysReached(mask: TensorType | undefined, keys: number): number {
  const width = mask?.shape.at(-1) ?? 1
  return width === 1 ? keys : Math.min(keys, width)
}

/** Y, the present keys and values, and the scores. */
export function attentionTypes(attributes: Heads, inputs: readonly (TensorType | undefined)[]): readonly TensorType[] {
  const { batch, heads, kvHeads, queries, length, past, size, valueSize, split } = sizesOf(attributes, inputs)
  const { dtype } = requiredInput(inputs, 0)
  const total = past + length
  return [
    { dtype, shape: split ? [batch, heads, queries, valueSize] : [batch, queries, heads * valueSize] },
    { dtype, shape: [batch, kvHeads, total, size] },
    { dtype: requiredInput(inputs, 2).dtype, shape: [batch, kvHeads, total, valueSize] },
    { dtype, shape: [batch, heads, queries, total] },
  ]
}

export const attentionAttributes = {
  is_causal: int(0),
  kv_num_heads: int(),
  /** How far before its own place a query sees keys, and how far behind it; -1 is without an end. */
  left_window_size: int(-1),
  q_num_heads: int(),
  qk_matmul_output_mode: int(0),
  right_window_size: int(-1),
  scale: float(),
  softcap: float(0),
  softmax_precision: int(),
}

/** Opset 23 to 25. */
export const Attention = defineOp({
  name: 'Attention',
  takes: isFloat,
  arity: [3, 7],
  outputs: 4,
  attributes: attentionAttributes,
  infer({ attributes, inputs }) {
    for (const name of ['left_window_size', 'right_window_size'] as const)
      if (attributes[name] < -1)
        throw new LanewiseError('E_VALUE', `${name} must be -1 or a number of keys, got ${attributes[name]}`)
    const types = attentionTypes(attributes, inputs)
    const [, k, v, mask, pastKey, pastValue, valid] = inputs
    requireFloats(k, v, mask?.dtype === 'bool' ? undefined : mask, pastKey, pastValue)
    requireIntegers('nonpad_kv_seqlen', valid)
    const { batch } = sizesOf(attributes, inputs)
    if (valid && sizeOf(valid.shape) !== batch)
      throw new LanewiseError('E_SHAPE', `nonpad_kv_seqlen has ${sizeOf(valid.shape)} entries for a batch of ${batch}`)
    return types
  },
  // The kernel keeps no scores. Its window ends at the query's own place, or at the last key that a mask reaches.
  kernel: (types, { is_causal, left_window_size: left, right_window_size: right }, wanted) =>
    !wanted[3] &&
    ((left < 0 && right < 0) || (is_causal !== 0 && (left < 0 || types[3] === undefined))) &&
    types.every(
      (type, i) => type === undefined || type === (i === 6 ? 'int64' : 'float32') || (i === 3 && type === 'bool'),
    ),
  layout: attentionLayout,
  emit(e) {
    const { attributes } = e
    const { batch, heads, kvHeads, queries, length, past, size, valueSize, split } = sizesOf(attributes, e.inputs)
    const [q, k, v] = [0, 1, 2].map((i) =>
      split ? headsOf(e.input(i)) : headsWithin(e.input(i), i === 2 ? valueSize : size),
    )
    const joinedHeads = (given: typeof k, output: number, width: number) => {
      if (past === 0 && !e.outputs[output]) return given
      const to = e.outputs[output] ? e.output(output).at : e.scratch(batch * kvHeads * (past + length) * width * 4)
      const before = e.inputs[3 + output]
      return emitJoined(e, before && headsOf(before), given, to, [batch, kvHeads, past, length, width])
    }
    const mask = e.inputs[3]
    const keys = keysReached(mask, past + length)
    if (mask && mask.shape[mask.shape.length - 1] > past + length) maskMisfit(mask.shape, [batch, heads, queries, keys])
    const valid = e.inputs[6]
    let ends
    if (valid) {
      e.check(valid, (tensor) => void validKeys(tensor, past + length))
      ends = { at: e.scratch(batch * 4), add: 0, padded: 'in front' } as const
      e.call('cast_i64_i32', valid.at, ends.at, batch)
    }
    emitAttention(e, {
      batch,
      heads,
      kvHeads,
      queries,
      keys,
      size,
      valueSize,
      q,
      k: joinedHeads(k, 1, size),
      v: joinedHeads(v, 2, valueSize),
      y: split ? headsOf(e.output(0)) : headsWithin(e.output(0), valueSize),
      mask: mask && maskOf(mask, batch, heads, queries, keys),
      causal: attributes.is_causal ? past : undefined,
      window: attributes.left_window_size + 1,
      ends,
      scale: attributes.scale ?? 1 / Math.sqrt(size),
      softcap: attributes.softcap,
    })
  },
  compute({ attributes, inputs, outputs, outputCount }) {
    const sizes = sizesOf(attributes, inputs)
    const { batch, heads, kvHeads, queries, length, past, size, valueSize, split } = sizes
    const keys = past + length
    if (inputs[3]) checkMask(inputs[3], batch, heads, queries, keys)
    const stage = attributes.qk_matmul_output_mode
    if (!(stage >= 0 && stage <= 3))
      throw new LanewiseError('E_VALUE', `qk_matmul_output_mode ${stage} is outside [0, 3]`)
    const [q, k, v] = [inputs[0], inputs[1], inputs[2]].map(floatsOf)
    const [pastKey, pastValue] = [4, 5].map((i) => inputs[i] && floatsOf(inputs[i]))
    const view = split ? headsFirst : headsLast
    const allKeys = joined(pastKey, past, view(k, kvHeads, length, size), batch, kvHeads, length, size)
    const allValues = joined(pastValue, past, view(v, kvHeads, length, valueSize), batch, kvHeads, length, valueSize)
    const make = (count: number): Floats =>
      q instanceof Float64Array ? new Float64Array(count) : new Float32Array(count)
    const y = make(sizeOf(outputs[0].shape))
    const scores = outputCount > 3 ? make(sizeOf(outputs[3].shape)) : undefined
    const mask = inputs[3] && maskRows(inputs[3], batch, heads, queries, keys)
    const valid = inputs[6] && validKeys(inputs[6], keys)
    attend({
      batch,
      heads,
      kvHeads,
      queries,
      keys,
      size,
      valueSize,
      q: view(q, heads, queries, size),
      k: headsFirst(allKeys, kvHeads, keys, size),
      v: headsFirst(allValues, kvHeads, keys, valueSize),
      y: view(y, heads, queries, valueSize),
      scale: attributes.scale ?? 1 / Math.sqrt(size),
      softcap: attributes.softcap,
      bias: (b, h, i, row) => {
        mask?.(b, h, i, row)
        // Where keys are padded, the last query stands at the last one that is not.
        const first = i + (valid ? valid[b] - queries : past)
        const { left_window_size: left, right_window_size: right } = attributes
        if (attributes.is_causal) row.fill(-Infinity, Math.max(first + 1, 0))
        if (left >= 0) row.fill(-Infinity, 0, Math.max(first - left, 0))
        if (right >= 0) row.fill(-Infinity, Math.max(first + right + 1, 0))
        if (valid) row.fill(-Infinity, Math.max(valid[b], 0))
      },
      scores: scores && { stage: stage as ScoreStage, to: scores },
    })
    return [y, allKeys, allValues, scores ?? make(0)]
      .slice(0, outputCount)
      .map((values, i) => floatTensor(outputs[i].dtype, outputs[i].shape, values))
  },
})

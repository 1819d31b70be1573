import { LanewiseError } from '../errors.js'
import type { Layout, LayoutQuery } from '../graph/layout.js'
import { toNumbers, type HostTensor } from '../host.js'
import { broadcastShapes, formatShape, sizeOf, type Shape } from '../shape.js'
import { emitAttention, emitJoined, headsOf, headsWithin, maskOf } from './attention-emit.js'
import { attend, headsFirst, headsLast, joined, type ScoreStage } from './attention-host.js'
import { float, int } from './attributes.js'
import { floatsOf, floatTensor, type Floats } from './host-floats.js'
import { broadcastOffsets } from './host-linear.js'
import { defineOp, type TensorType } from './op.js'

interface Heads {
  readonly q_num_heads: number | undefined
  readonly kv_num_heads: number | undefined
}

interface Sizes {
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

function sizesOf(attributes: Heads, inputs: readonly (TensorType | undefined)[]): Sizes {
  const [q, k, v, , pastKey, pastValue] = inputs.map((input) => input?.shape)
  const rank = q!.length
  if ((rank !== 3 && rank !== 4) || k!.length !== rank || v!.length !== rank) {
    throw new LanewiseError('E_SHAPE', `queries, keys and values must have three or four axes, got ${[q!, k!, v!].map(formatShape).join(', ')}`)
  }
  const split = rank === 4
  const heads = split ? q![1] : attributes.q_num_heads
  const kvHeads = split ? k![1] : attributes.kv_num_heads
  if (!heads || !kvHeads || heads < 0 || kvHeads < 0 || heads % kvHeads !== 0) {
    throw new LanewiseError('E_VALUE', `${heads} heads of queries cannot share ${kvHeads} heads of keys`)
  }
  const [queries, length] = split ? [q![2], k![2]] : [q![1], k![1]]
  const size = split ? q![3] : q![2] / heads
  const valueSize = split ? v![3] : v![2] / kvHeads
  const past = pastKey ? pastKey[2] : 0
  const batch = q![0]
  const fits =
    Number.isInteger(size) &&
    Number.isInteger(valueSize) &&
    same(k!, split ? [batch, kvHeads, length, size] : [batch, length, kvHeads * size]) &&
    same(v!, split ? [batch, kvHeads, length, valueSize] : [batch, length, kvHeads * valueSize]) &&
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

/** Queries, keys and values as they lie, and the result like the queries, if elements of a vector are neighbours there. */
export function attentionLayout(inputs: LayoutQuery<unknown>['inputs']): Layout {
  const order = inputs[0]!.order
  return { inputs: inputs.slice(0, 3).map((input) => input?.order), outputs: [order.at(-1) === order.length - 1 ? order : undefined] }
}

/** How many keys each example has that are not padding. */
function validKeys(tensor: HostTensor, batch: number, keys: number): number[] {
  const valid = toNumbers(tensor, 'nonpad_kv_seqlen')
  if (valid.length !== batch) throw new LanewiseError('E_SHAPE', `nonpad_kv_seqlen has ${valid.length} entries for a batch of ${batch}`)
  const wrong = valid.find((count) => !(count >= 0 && count <= keys))
  if (wrong !== undefined) throw new LanewiseError('E_VALUE', `${wrong} keys that are not padding are not among ${keys}`, { expected: `0 … ${keys}`, actual: String(wrong) })
  return valid
}

/** Adds the mask's row for a query to the scores; keys that a shorter mask does not reach are forbidden. */
function maskRows(mask: HostTensor, batch: number, heads: number, queries: number, keys: number): (b: number, h: number, i: number, row: Float64Array) => void {
  const width = mask.shape[mask.shape.length - 1]
  const rows = [batch, heads, queries]
  const lead = mask.shape.slice(0, -1)
  const reach = width === 1 && keys !== 1 ? keys : width
  if (mask.shape.length < 1 || mask.shape.length > 4 || reach > keys || !same(broadcastShapes(lead, rows), rows)) {
    maskMisfit(mask.shape, [...rows, keys])
  }
  const offsets = broadcastOffsets(lead, rows)
  const step = width === 1 ? 0 : 1
  const allowed = mask.dtype === 'bool' ? (mask.data as Uint8Array) : undefined
  const values = allowed ? undefined : floatsOf(mask)
  return (b, h, i, row) => {
    const from = offsets[(b * heads + h) * queries + i] * width
    for (let j = 0; j < reach; j++) {
      if (values) row[j] += values[from + j * step]
      else if (allowed![from + j * step] === 0) row[j] = -Infinity
    }
    row.fill(-Infinity, reach)
  }
}

/** Opset 23 and 24. */
export const Attention = defineOp({
  name: 'Attention',
  since: 23,
  arity: [3, 7],
  attributes: {
    is_causal: int(0),
    kv_num_heads: int(),
    q_num_heads: int(),
    qk_matmul_output_mode: int(0),
    scale: float(),
    softcap: float(0),
    softmax_precision: int(),
  },
  infer({ attributes, inputs }) {
    const { batch, heads, kvHeads, queries, length, past, size, valueSize, split } = sizesOf(attributes, inputs)
    const { dtype } = inputs[0]!
    const total = past + length
    return [
      { dtype, shape: split ? [batch, heads, queries, valueSize] : [batch, queries, heads * valueSize] },
      { dtype, shape: [batch, kvHeads, total, size] },
      { dtype: inputs[2]!.dtype, shape: [batch, kvHeads, total, valueSize] },
      { dtype, shape: [batch, heads, queries, total] },
    ]
  },
  // The kernel keeps no scores.
  kernel: (types, _, wanted) => !wanted[3] && types.every((type, i) => type === undefined || type === (i === 6 ? 'int64' : 'float32') || (i === 3 && type === 'bool')),
  layout: ({ inputs, outputs }) => (outputs[0].length === 4 ? attentionLayout(inputs) : { inputs: [], outputs: [] }),
  emit(e) {
    const { attributes } = e
    const { batch, heads, kvHeads, queries, length, past, size, valueSize, split } = sizesOf(attributes, e.inputs)
    const [q, k, v] = [0, 1, 2].map((i) => (split ? headsOf(e.input(i)) : headsWithin(e.input(i), i === 2 ? valueSize : size)))
    const joinedHeads = (given: typeof k, output: number, width: number) => {
      if (past === 0 && !e.outputs[output]) return given
      const to = e.outputs[output] ? e.output(output).at : e.scratch(batch * kvHeads * (past + length) * width * 4)
      return emitJoined(e, e.inputs[3 + output], given, to, [batch, kvHeads, past, length, width])
    }
    const mask = e.inputs[3]
    const width = mask?.shape.at(-1) ?? 1
    // Keys that a shorter mask does not reach are forbidden.
    const keys = width === 1 ? past + length : Math.min(past + length, width)
    if (width > past + length) maskMisfit(mask!.shape, [batch, heads, queries, keys])
    const valid = e.inputs[6]
    let ends
    if (valid) {
      e.check(valid, (tensor) => void validKeys(tensor, batch, past + length))
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
      ends,
      scale: attributes.scale ?? 1 / Math.sqrt(size),
      softcap: attributes.softcap,
    })
  },
  compute({ attributes, inputs, outputs, outputCount }) {
    const sizes = sizesOf(attributes, inputs)
    const { batch, heads, kvHeads, queries, length, past, size, valueSize, split } = sizes
    const keys = past + length
    const stage = attributes.qk_matmul_output_mode
    if (!(stage >= 0 && stage <= 3)) throw new LanewiseError('E_VALUE', `qk_matmul_output_mode ${stage} is outside [0, 3]`)
    const [q, k, v] = [0, 1, 2].map((i) => floatsOf(inputs[i]!))
    const [pastKey, pastValue] = [4, 5].map((i) => inputs[i] && floatsOf(inputs[i]))
    const view = split ? headsFirst : headsLast
    const allKeys = joined(pastKey, past, view(k, kvHeads, length, size), batch, kvHeads, length, size)
    const allValues = joined(pastValue, past, view(v, kvHeads, length, valueSize), batch, kvHeads, length, valueSize)
    const make = (count: number): Floats => (q instanceof Float64Array ? new Float64Array(count) : new Float32Array(count))
    const y = make(sizeOf(outputs[0].shape))
    const scores = outputCount > 3 ? make(sizeOf(outputs[3].shape)) : undefined
    const mask = inputs[3] && maskRows(inputs[3], batch, heads, queries, keys)
    const valid = inputs[6] && validKeys(inputs[6], batch, keys)
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
        if (attributes.is_causal) row.fill(-Infinity, Math.max(first + 1, 0))
        if (valid) row.fill(-Infinity, Math.max(valid[b], 0))
      },
      scores: scores && { stage: stage as ScoreStage, to: scores },
    })
    return [y, allKeys, allValues, scores ?? make(0)].slice(0, outputCount).map((values, i) => floatTensor(outputs[i].dtype, outputs[i].shape, values))
  },
})

/** Cosines and sines of a pair of elements, for a position of the sequence. */
export interface RotaryTables {
  readonly cos: Floats
  readonly sin: Floats
  /** Pairs per position. */
  readonly pairs: number
  readonly positions: number
}

/**
 * Rotates pairs of elements of a vector by the angles of its position (Su et al., 2021): neighbours if `interleaved`, else the first half of
 * the rotated part with its second half.
 */
export function rotate(x: Floats, at: number, tables: RotaryTables, position: number, interleaved: boolean): void {
  const { cos, sin, pairs, positions } = tables
  if (!(position >= 0 && position < positions)) throw new LanewiseError('E_VALUE', `position ${position} is outside [0, ${positions - 1}]`)
  for (let j = 0; j < pairs; j++) {
    const first = at + (interleaved ? 2 * j : j)
    const second = at + (interleaved ? 2 * j + 1 : j + pairs)
    const c = cos[position * pairs + j]
    const s = sin[position * pairs + j]
    const a = x[first]
    const b = x[second]
    x[first] = c * a - s * b
    x[second] = s * a + c * b
  }
}

/** Opset 23. X is [batch, heads, length, size], or [batch, length, heads · size]. */
export const RotaryEmbedding = defineOp({
  name: 'RotaryEmbedding',
  since: 23,
  arity: [3, 4],
  attributes: { interleaved: int(0), num_heads: int(0), rotary_embedding_dim: int(0) },
  infer: ({ inputs: [x] }) => [x!],
  compute({ attributes, inputs: [x, cos, sin, ids], outputs: [y] }) {
    const { shape } = y
    const split = shape.length === 4
    if (!split && shape.length !== 3) throw new LanewiseError('E_SHAPE', `the input must have three or four axes, got ${formatShape(shape)}`)
    const heads = split ? shape[1] : attributes.num_heads
    if (!(heads > 0)) throw new LanewiseError('E_VALUE', `num_heads must be positive, got ${heads}`)
    const length = split ? shape[2] : shape[1]
    const size = split ? shape[3] : shape[2] / heads
    const pairs = (attributes.rotary_embedding_dim || size) / 2
    if (!Number.isInteger(size) || !Number.isInteger(pairs) || 2 * pairs > size) {
      throw new LanewiseError('E_SHAPE', `${heads} heads with ${2 * pairs} rotated elements do not fit ${formatShape(shape)}`)
    }
    const [batch] = shape
    // Without ids there is a row of angles per element of the sequence.
    const rows = ids ? cos!.shape[0] : batch * length
    const expected = ids ? [rows, pairs] : [batch, length, pairs]
    for (const table of [cos!, sin!]) {
      if (same(table.shape, expected)) continue
      throw new LanewiseError('E_SHAPE', `angles of shape ${formatShape(table.shape)} should be ${formatShape(expected)}`)
    }
    const positions = ids && toNumbers(ids, 'position_ids')
    if (positions && positions.length !== batch * length) throw new LanewiseError('E_SHAPE', `${positions.length} positions for ${batch} sequences of ${length}`)
    const tables = { cos: floatsOf(cos!), sin: floatsOf(sin!), pairs, positions: rows }
    const values = floatsOf(x!).slice()
    const view = (split ? headsFirst : headsLast)(values, heads, length, size)
    for (let b = 0; b < batch; b++) {
      for (let i = 0; i < length; i++) {
        const position = positions ? positions[b * length + i] : b * length + i
        for (let h = 0; h < heads; h++) rotate(values, b * view.batch + h * view.head + i * view.row, tables, position, attributes.interleaved !== 0)
      }
    }
    return [floatTensor(y.dtype, shape, values)]
  },
})

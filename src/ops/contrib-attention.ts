// ONNX Runtime's attention operators (domain com.microsoft, docs/ContribOperators.md) in plain TypeScript.
import { LanewiseError } from '../errors.js'
import { toNumbers, type HostTensor } from '../host.js'
import { broadcastShapes, formatShape, sizeOf, type Shape } from '../shape.js'
import { emitAttention, emitJoined, headsOf, headsWithin, maskOf, type HeadsAt } from './attention-emit.js'
import { attend, headsFirst, headsLast, joined, type AttentionJob, type HeadView } from './attention-host.js'
import { float, int, ints, required } from './attributes.js'
import { floatsOf, floatTensor, type Floats } from './host-floats.js'
import { broadcastOffsets, matmul } from './host-linear.js'
import { defineOp, plus, type Operand, type TensorType } from './op.js'

const domain = 'com.microsoft'

type AddBias = AttentionJob['bias']

export function misfit(what: string, shape: Shape): LanewiseError {
  return new LanewiseError('E_SHAPE', `${what} of shape ${formatShape(shape)} does not fit`)
}

export function like(values: Floats, size: number): Floats {
  return values instanceof Float64Array ? new Float64Array(size) : new Float32Array(size)
}

/** A bias that broadcasts to [batch, heads, queries, keys]; keys may be fewer than it has columns. */
export function attentionBias(bias: HostTensor | undefined, batch: number, heads: number, queries: number, keys: number): AddBias {
  if (!bias) return () => {}
  const rows = [batch, heads, queries]
  const width = bias.shape[bias.shape.length - 1]
  const lead = bias.shape.slice(0, -1)
  if (bias.shape.length !== 4 || width < keys || broadcastShapes(lead, rows).join() !== rows.join()) throw misfit('an attention bias', bias.shape)
  const values = floatsOf(bias)
  const offsets = broadcastOffsets(lead, rows)
  return (b, h, i, row) => {
    const from = offsets[(b * heads + h) * queries + i] * width
    for (let j = 0; j < keys; j++) row[j] += values[from + j]
  }
}

/**
 * What a mask of one of the documented forms forbids, by adding `filter`: lengths (batch), or ends and starts (2 · batch), or 0 and 1 as
 * [batch, keys], [batch, queries, keys] or [batch, 1, side, side].
 */
function maskBias(mask: HostTensor | undefined, filter: number, batch: number, queries: number, keys: number): AddBias {
  if (!mask) return () => {}
  const values = toNumbers(mask, 'mask')
  const { shape } = mask
  if (shape.length === 1 && (shape[0] === batch || shape[0] === 2 * batch)) {
    const start = (b: number) => (shape[0] === batch ? 0 : values[batch + b])
    return (b, _, __, row) => {
      for (let j = 0; j < row.length; j++) if (j >= values[b] || j < start(b)) row[j] += filter
    }
  }
  let at: (b: number, i: number) => number
  if (shape.join() === [batch, keys].join()) at = (b) => b * keys
  else if (shape.join() === [batch, queries, keys].join()) at = (b, i) => (b * queries + i) * keys
  else if (shape.length === 4 && shape[0] === batch && shape[1] === 1 && shape[2] === shape[3] && shape[3] >= keys) {
    const side = shape[3]
    at = (b, i) => (b * side + keys - queries + i) * side
  } else throw misfit('a mask', shape)
  return (b, _, i, row) => {
    const from = at(b, i)
    for (let j = 0; j < row.length; j++) if (values[from + j] <= 0) row[j] += filter
  }
}

/** Queries see keys up to their own place. */
function causalBias(causal: boolean, past: number): AddBias {
  return (_, __, i, row) => {
    if (causal) row.fill(-Infinity, past + i + 1)
  }
}

export function together(...parts: readonly AddBias[]): AddBias {
  return (b, h, i, row) => parts.forEach((part) => part(b, h, i, row))
}

interface Sizes {
  readonly batch: number
  readonly queries: number
  readonly length: number
  readonly past: number
  readonly size: number
  readonly valueSize: number
}

function attentionSizes(
  { num_heads: heads, qkv_hidden_sizes: hidden }: { readonly num_heads: number; readonly qkv_hidden_sizes: readonly number[] | undefined },
  [x, w, bias, , past]: readonly (TensorType | undefined)[],
): Sizes & { readonly widths: readonly number[] } {
  if (!(heads > 0)) throw new LanewiseError('E_VALUE', `num_heads must be positive, got ${heads}`)
  const [batch, queries, input] = x!.shape
  const widths = hidden ?? new Array<number>(3).fill(w!.shape[1] / 3)
  const total = widths.reduce((a, b) => a + b, 0)
  const fits =
    x!.shape.length === 3 &&
    w!.shape.join() === [input, total].join() &&
    widths.length === 3 &&
    widths[0] === widths[1] &&
    heads > 0 &&
    widths.every((width) => Number.isInteger(width) && width % heads === 0) &&
    (!bias || sizeOf(bias.shape) === total)
  if (!fits) throw misfit(`weights ${formatShape(w!.shape)} for ${heads} heads and an input`, x!.shape)
  const size = widths[0] / heads
  if (past && (past.shape.length !== 5 || past.shape.join() !== [2, batch, heads, past.shape[3], size].join() || widths[2] !== widths[0])) throw misfit('a past', past.shape)
  return { batch, queries, length: queries, past: past ? past.shape[3] : 0, size, valueSize: widths[2] / heads, widths }
}

/** Self-attention with its projections: input · weights + bias gives queries, keys and values side by side. */
export const ContribAttention = defineOp({
  name: 'Attention',
  domain,
  arity: [2, 7],
  attributes: {
    num_heads: required(int()),
    unidirectional: int(0),
    qkv_hidden_sizes: ints(),
    mask_filter_value: float(-10000),
    scale: float(0),
    do_rotary: int(0),
    rotary_embedding_dim: int(0),
    past_present_share_buffer: int(0),
  },
  infer({ attributes, inputs }) {
    if (attributes.do_rotary || attributes.past_present_share_buffer) throw new LanewiseError('E_UNSUPPORTED', 'do_rotary and past_present_share_buffer are not supported')
    const { batch, queries, past, size, valueSize } = attentionSizes(attributes, inputs)
    const { dtype } = inputs[0]!
    const heads = attributes.num_heads
    return [
      { dtype, shape: [batch, queries, heads * valueSize] },
      { dtype, shape: [2, batch, heads, past + queries, size] },
    ]
  },
  compute({ attributes, inputs, outputs, outputCount }) {
    const [x, w, bias, mask, pastTensor, extra] = inputs
    const { batch, queries, past, size, valueSize, widths } = attentionSizes(attributes, inputs)
    const heads = attributes.num_heads
    const keys = past + queries
    const projected = matmul({ shape: x!.shape, data: floatsOf(x!) }, { shape: w!.shape, data: floatsOf(w!) }).data
    const biases = bias && floatsOf(bias)
    const total = w!.shape[1]
    const rows = like(floatsOf(x!), projected.length)
    for (let i = 0; i < rows.length; i++) rows[i] = projected[i] + (biases ? biases[i % total] : 0)
    const view = (offset: number, per: number): HeadView => ({ data: rows, offset, batch: queries * total, head: per, row: total })
    const pasts = pastTensor && floatsOf(pastTensor)
    const half = batch * heads * past * size
    const allKeys = joined(pasts?.subarray(0, half), past, view(widths[0], size), batch, heads, queries, size)
    const allValues = joined(pasts?.subarray(half), past, view(widths[0] + widths[1], valueSize), batch, heads, queries, valueSize)
    const y = like(rows, sizeOf(outputs[0].shape))
    attend({
      batch,
      heads,
      kvHeads: heads,
      queries,
      keys,
      size,
      valueSize,
      q: view(0, size),
      k: headsFirst(allKeys, heads, keys, size),
      v: headsFirst(allValues, heads, keys, valueSize),
      y: headsLast(y, heads, queries, valueSize),
      scale: attributes.scale || 1 / Math.sqrt(size),
      softcap: 0,
      bias: together(
        attentionBias(extra, batch, heads, queries, keys),
        maskBias(mask, attributes.mask_filter_value, batch, queries, keys),
        causalBias(attributes.unidirectional !== 0, past),
      ),
    })
    const results = [floatTensor(outputs[0].dtype, outputs[0].shape, y)]
    if (outputCount > 1) {
      const present = like(rows, sizeOf(outputs[1].shape))
      present.set(allKeys)
      present.set(allValues, allKeys.length)
      results.push(floatTensor(outputs[1].dtype, outputs[1].shape, present))
    }
    return results
  },
})

/** Queries, keys and values as views, whichever way they were packed; biases added. */
interface Packed extends Sizes {
  readonly q: HeadView
  readonly k: HeadView
  readonly v: HeadView
}

interface MultiHeadShapes extends Sizes {
  /** How keys and values come: with the queries in one tensor, keys and values in one, apart, or apart with heads first (cross attention). */
  readonly form: 'qkv' | 'kv' | 'apart' | 'heads'
}

function multiHeadSizes(heads: number, inputs: readonly (TensorType | undefined)[]): MultiHeadShapes {
  const sizes = multiHeadForm(heads, inputs)
  const { batch, past, size, valueSize } = sizes
  const [pastKey, pastValue] = inputs.slice(6)
  if (!pastKey !== !pastValue) throw new LanewiseError('E_GRAPH', 'past keys and past values come together')
  for (const [of, width] of [[pastKey, size], [pastValue, valueSize]] as const) {
    if (of && of.shape.join() !== [batch, heads, past, width].join()) throw misfit('past keys or values', of.shape)
  }
  return sizes
}

function multiHeadForm(heads: number, [q, k, v, , , , pastKey]: readonly (TensorType | undefined)[]): MultiHeadShapes {
  const shape = q!.shape
  const [batch, queries] = shape
  const past = pastKey ? pastKey.shape[2] : 0
  if (shape.length === 5 && !k && !v) {
    if (shape[2] !== heads || shape[3] !== 3) throw misfit('a packed query', shape)
    return { batch, queries, length: queries, past, size: shape[4], valueSize: shape[4], form: 'qkv' }
  }
  const size = shape[2] / heads
  if (shape.length !== 3 || !Number.isInteger(size) || !k) throw misfit('a query', shape)
  if (k.shape.length === 5 && !v) {
    if (k.shape.join() !== [batch, k.shape[1], heads, 2, size].join()) throw misfit('packed keys and values', k.shape)
    return { batch, queries, length: k.shape[1], past, size, valueSize: size, form: 'kv' }
  }
  if (!v) throw new LanewiseError('E_GRAPH', 'required input 2 is missing')
  if (k.shape.length === 4) {
    const valueSize = v.shape[3]
    if (k.shape.join() !== [batch, heads, k.shape[2], size].join() || v.shape.join() !== [batch, heads, k.shape[2], valueSize].join()) throw misfit('keys', k.shape)
    return { batch, queries, length: k.shape[2], past, size, valueSize, form: 'heads' }
  }
  const valueSize = v.shape[2] / heads
  if (k.shape.join() !== [batch, k.shape[1], heads * size].join() || v.shape.length !== 3 || v.shape[1] !== k.shape[1] || !Number.isInteger(valueSize)) throw misfit('keys', k.shape)
  return { batch, queries, length: k.shape[1], past, size, valueSize, form: 'apart' }
}

function unpacked(heads: number, inputs: readonly (HostTensor | undefined)[]): Packed {
  const sizes = multiHeadSizes(heads, inputs)
  const { batch, queries, length, size, valueSize, form } = sizes
  const [q, k, v] = inputs.map((tensor, i) => (tensor && i < 3 ? floatsOf(tensor).slice() : undefined))
  let views: [HeadView, HeadView, HeadView]
  if (form === 'qkv') {
    const view = (part: number): HeadView => ({ data: q!, offset: part * size, batch: queries * heads * 3 * size, head: 3 * size, row: heads * 3 * size })
    views = [view(0), view(1), view(2)]
  } else if (form === 'kv') {
    const view = (part: number): HeadView => ({ data: k!, offset: part * size, batch: length * heads * 2 * size, head: 2 * size, row: heads * 2 * size })
    views = [headsLast(q!, heads, queries, size), view(0), view(1)]
  } else {
    const make = form === 'heads' ? headsFirst : headsLast
    views = [headsLast(q!, heads, queries, size), make(k!, heads, length, size), make(v!, heads, length, valueSize)]
  }
  const bias = inputs[3] && floatsOf(inputs[3])
  if (bias) {
    if (bias.length !== heads * (2 * size + valueSize)) throw misfit('a bias', inputs[3]!.shape)
    const parts = [[views[0], 0, queries, size], [views[1], heads * size, length, size], [views[2], 2 * heads * size, length, valueSize]] as const
    for (const [view, from, count, width] of form === 'heads' ? parts.slice(0, 1) : parts) {
      for (let b = 0; b < batch; b++) {
        for (let h = 0; h < heads; h++) {
          for (let i = 0; i < count; i++) {
            const at = view.offset + b * view.batch + h * view.head + i * view.row
            for (let c = 0; c < width; c++) view.data[at + c] += bias[from + h * width + c]
          }
        }
      }
    }
  }
  return { ...sizes, q: views[0], k: views[1], v: views[2] }
}

export const MultiHeadAttention = defineOp({
  name: 'MultiHeadAttention',
  domain,
  arity: [1, 8],
  attributes: { num_heads: required(int()), mask_filter_value: float(-10000), scale: float(0), unidirectional: int(0) },
  infer({ attributes: { num_heads: heads }, inputs }) {
    if (!(heads > 0)) throw new LanewiseError('E_VALUE', `num_heads must be positive, got ${heads}`)
    const { batch, queries, length, past, size, valueSize } = multiHeadSizes(heads, inputs)
    const { dtype } = inputs[0]!
    return [
      { dtype, shape: [batch, queries, heads * valueSize] },
      { dtype, shape: [batch, heads, past + length, size] },
      { dtype, shape: [batch, heads, past + length, valueSize] },
      { dtype, shape: [batch, heads, queries, past + length] },
    ]
  },
  // The kernel adds no bias to what it is given, reads no mask of integers and keeps no scores.
  kernel: (types, _, wanted) => !wanted[3] && types[3] === undefined && types[4] === undefined && types.every((type) => type === undefined || type === 'float32'),
  emit(e) {
    const heads = e.attributes.num_heads
    const { batch, queries, length, past, size, valueSize, form } = multiHeadSizes(heads, e.inputs)
    const part = (operand: Operand, parts: number, index: number): HeadsAt => {
      const row = heads * parts * size
      return { at: plus(operand.at, index * size * 4), strides: [operand.shape[1] * row, parts * size, row, 1] }
    }
    let q: HeadsAt, k: HeadsAt, v: HeadsAt
    if (form === 'qkv') [q, k, v] = [0, 1, 2].map((index) => part(e.input(0), 3, index))
    else if (form === 'kv') [q, k, v] = [headsWithin(e.input(0), size), part(e.input(1), 2, 0), part(e.input(1), 2, 1)]
    else if (form === 'heads') [q, k, v] = [headsWithin(e.input(0), size), headsOf(e.input(1)), headsOf(e.input(2))]
    else [q, k, v] = [headsWithin(e.input(0), size), headsWithin(e.input(1), size), headsWithin(e.input(2), valueSize)]
    const keys = past + length
    const all = (given: HeadsAt, output: number, width: number) => {
      if (past === 0 && !e.outputs[output]) return given
      const to = e.outputs[output] ? e.output(output).at : e.scratch(batch * heads * keys * width * 4)
      return emitJoined(e, e.inputs[5 + output], given, to, [batch, heads, past, length, width])
    }
    const bias = e.inputs[5]
    emitAttention(e, {
      batch,
      heads,
      kvHeads: heads,
      queries,
      keys,
      size,
      valueSize,
      q,
      k: all(k, 1, size),
      v: all(v, 2, valueSize),
      y: headsWithin(e.output(0), valueSize),
      mask: bias && maskOf(bias, batch, heads, queries, keys),
      causal: e.attributes.unidirectional ? past : undefined,
      scale: e.attributes.scale || 1 / Math.sqrt(size),
    })
  },
  compute({ attributes, inputs, outputs, outputCount }) {
    const heads = attributes.num_heads
    const { batch, queries, length, past, size, valueSize, q, k, v } = unpacked(heads, inputs)
    const keys = past + length
    const [pastKey, pastValue] = [6, 7].map((i) => inputs[i] && floatsOf(inputs[i]))
    const allKeys = joined(pastKey, past, k, batch, heads, length, size)
    const allValues = joined(pastValue, past, v, batch, heads, length, valueSize)
    const y = like(q.data, sizeOf(outputs[0].shape))
    const scores = like(q.data, outputCount > 3 ? sizeOf(outputs[3].shape) : 0)
    attend({
      batch,
      heads,
      kvHeads: heads,
      queries,
      keys,
      size,
      valueSize,
      q,
      k: headsFirst(allKeys, heads, keys, size),
      v: headsFirst(allValues, heads, keys, valueSize),
      y: headsLast(y, heads, queries, valueSize),
      scale: attributes.scale || 1 / Math.sqrt(size),
      softcap: 0,
      bias: together(
        attentionBias(inputs[5], batch, heads, queries, keys),
        maskBias(inputs[4], attributes.mask_filter_value, batch, queries, keys),
        causalBias(attributes.unidirectional !== 0, past),
      ),
      scores: outputCount > 3 ? { stage: 0, to: scores } : undefined,
    })
    return [y, allKeys, allValues, scores].slice(0, outputCount).map((values, i) => floatTensor(outputs[i].dtype, outputs[i].shape, values))
  },
})

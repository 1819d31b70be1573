// ONNX Runtime's Attention (domain com.microsoft, docs/ContribOperators.md), and what its other attention operators
// share with it.
import { isFloat } from '../../core/dtype.js'
import { BINARY_ADD, MASK_ADDED } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { emitStridedCopy } from '../../ir/strided.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { broadcastShapes, formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { emitBinary } from '../elementwise/arithmetic.js'
import {
  emitAttention,
  emitJoined,
  emitPlacedHeads,
  emitRepeated,
  headsWithin,
  maskOf,
  type HeadsAt,
  type MaskAt,
} from './attention-emit.js'
import { attend, headsFirst, headsLast, joined, type AttentionJob, type HeadView } from './attention-scalar.js'
import { float, int, ints, required } from '../../ir/attributes.js'
import { floatsOf, floatTensor, type Floats } from '../shared/scalar-floats.js'
import { matmul } from '../matmul/scalar-linear.js'
import { broadcastOffsets } from '../shared/broadcast-offsets.js'
import { requireFloats, requireIntegers } from '../shared/operands.js'
import { emitProjection } from '../matmul/product.js'
import { plus, type Address, type Emitter, type Operand } from '../../ir/emitter.js'
import { defineOp, requiredInput, type TensorType } from '../../ir/op.js'

const domain = 'com.microsoft'

type AddBias = AttentionJob['bias']

export function misfit(what: string, shape: Shape): LanewiseError {
  return new LanewiseError('E_SHAPE', `${what} of shape ${formatShape(shape)} does not fit`)
}

export function like(values: Floats, size: number): Floats {
  return values instanceof Float64Array ? new Float64Array(size) : new Float32Array(size)
}

/** @throws LanewiseError `E_SHAPE` unless the bias broadcasts to [batch, heads, queries] and has enough columns. */
export function checkBias(
  bias: TensorType | undefined,
  batch: number,
  heads: number,
  queries: number,
  keys: number,
): void {
  if (!bias) return
  const rows = [batch, heads, queries]
  const fits = bias.shape.length === 4 && rows.every((size, axis) => [1, size].includes(bias.shape[axis]))
  if (!fits || bias.shape[3] < keys) throw misfit('an attention bias', bias.shape)
}

/** @throws LanewiseError for a number of rows in use that is none. */
export function checkUsed(used: TensorType | undefined): void {
  requireIntegers('past_sequence_length', used)
  if (used && sizeOf(used.shape) !== 1) throw misfit('past_sequence_length', used.shape)
}

/** A bias that broadcasts to [batch, heads, queries, keys]; keys may be fewer than it has columns. */
export function attentionBias(
  bias: HostTensor | undefined,
  batch: number,
  heads: number,
  queries: number,
  keys: number,
): AddBias {
  if (!bias) return () => {}
  checkBias(bias, batch, heads, queries, keys)
  const rows = [batch, heads, queries]
  const width = bias.shape[bias.shape.length - 1]
  const lead = bias.shape.slice(0, -1)
  const values = floatsOf(bias)
  const offsets = broadcastOffsets(lead, rows)
  return (b, h, i, row) => {
    const from = offsets[(b * heads + h) * queries + i] * width
    for (let j = 0; j < keys; j++) row[j] += values[from + j]
  }
}

/** Where a mask of one of the documented forms has what it says of a query's keys; distances are in elements. */
interface KeyMask {
  /** How many lists of one number per example it is (lengths; ends and starts); 0 if it has a number for each key. */
  readonly bounds: 0 | 1 | 2
  readonly first: number
  readonly example: number
  /** 0 if it says the same for every query. */
  readonly row: number
}

/**
 * Lengths [batch], or ends and starts [2 · batch], or 0 and 1 as [batch, keys], [batch, queries, keys] or [batch, 1,
 * side, side].
 *
 * @throws LanewiseError `E_SHAPE` for another form.
 */
export function keyMaskOf(shape: Shape, batch: number, queries: number, keys: number): KeyMask {
  if (shape.length === 1 && (shape[0] === batch || shape[0] === 2 * batch))
    return { bounds: shape[0] === batch ? 1 : 2, first: 0, example: 0, row: 0 }
  if (shape.join() === [batch, keys].join()) return { bounds: 0, first: 0, example: keys, row: 0 }
  if (shape.join() === [batch, queries, keys].join()) return { bounds: 0, first: 0, example: queries * keys, row: keys }
  const side = shape[3]
  if (shape.length !== 4 || shape[0] !== batch || shape[1] !== 1 || shape[2] !== side || side < keys)
    throw misfit('a mask', shape)
  return { bounds: 0, first: (keys - queries) * side, example: side * side, row: side }
}

/** What a mask forbids, by adding `filter`. */
export function maskBias(
  mask: HostTensor | undefined,
  filter: number,
  batch: number,
  queries: number,
  keys: number,
): AddBias {
  if (!mask) return () => {}
  const values = toNumbers(mask, 'mask')
  const { bounds, first, example, row: step } = keyMaskOf(mask.shape, batch, queries, keys)
  if (bounds) {
    const start = (b: number) => (bounds === 1 ? 0 : values[batch + b])
    return (b, _, __, row) => {
      for (let j = 0; j < row.length; j++) if (j >= values[b] || j < start(b)) row[j] += filter
    }
  }
  return (b, _, i, row) => {
    const from = first + b * example + i * step
    for (let j = 0; j < row.length; j++) if (values[from + j] <= 0) row[j] += filter
  }
}

/** A mask of keys and a bias of scores as one thing that is added to the scores. */
export function emitScoreMask(
  e: Emitter<unknown>,
  mask: Operand | undefined,
  filter: number,
  bias: Operand | undefined,
  batch: number,
  heads: number,
  queries: number,
  keys: number,
): MaskAt | undefined {
  const added = bias && maskOf(bias, batch, heads, queries, keys)
  if (!mask) return added
  const { bounds, first, example, row } = keyMaskOf(mask.shape, batch, queries, keys)
  const rows = row > 0 ? queries : 1
  const at = e.scratch(batch * rows * keys * 4)
  e.call('key_mask_f32', plus(mask.at, 4 * first), bounds, example, row, at, filter, batch, rows, keys)
  if (!added) return { at, strides: [rows * keys, 0, row > 0 ? keys : 0, 1], kind: MASK_ADDED }
  if (bias.shape.at(-1) !== keys) throw misfit('an attention bias beside a mask', bias.shape)
  const shape = broadcastShapes(bias.shape, [batch, 1, rows, keys])
  const order = [0, 1, 2, 3]
  const y: Operand = {
    dtype: 'float32',
    shape,
    order,
    physical: shape,
    size: sizeOf(shape),
    at: e.scratch(sizeOf(shape) * 4),
    constant: undefined,
  }
  emitBinary(e, BINARY_ADD, { shape: [batch, 1, rows, keys], order, at }, bias, y)
  return maskOf(y, batch, heads, queries, keys)
}

/**
 * How many rows of a buffer of keys or values are in use.
 *
 * @throws LanewiseError `E_VALUE` if there is no room for new ones after them.
 */
export function usedRows(past: HostTensor, length: number, room: number): number {
  const [used] = toNumbers(past, 'past_sequence_length')
  if (used >= 0 && used + length <= room) return used
  throw new LanewiseError('E_VALUE', `${length} new keys behind ${used} do not fit a cache of ${room}`, {
    expected: `0 … ${room - length}`,
    actual: String(used),
  })
}

/** How many keys a mask of rows tells of. */
export function maskWidth(mask: Operand | undefined): number | undefined {
  return mask && mask.shape.length > 1 ? mask.shape[mask.shape.length - 1] : undefined
}

/** The same as a kernel reads it, checked: the number for every example, and how many keys it is with the new ones. */
export function emitUsed(
  e: Emitter<unknown>,
  used: Operand,
  batch: number,
  length: number,
  room: number,
): { readonly at: Address; readonly add: number } {
  e.check(used, (tensor) => void usedRows(tensor, length, room))
  return { at: batch === 1 ? used.at : emitRepeated(e, used.at, batch), add: length }
}

/**
 * Copies new vectors after those that a buffer [batch, heads, rows, size] holds, which stays as it is otherwise; first
 * the buffer, if it is to be elsewhere.
 */
export function emitBuffered(
  e: Emitter<unknown>,
  buffer: Address,
  next: HeadsAt,
  to: Address,
  ends: { readonly at: Address; readonly add: number },
  [batch, heads, rows, length, size]: readonly [number, number, number, number, number],
): HeadsAt {
  const y = { at: to, strides: [heads * rows * size, rows * size, size, 1] as const }
  if (buffer.block !== to.block || buffer.offset !== to.offset) {
    emitStridedCopy(
      e,
      'float32',
      { axes: [{ size: batch * heads * rows * size, from: 1, to: 1 }], from: 0, to: 0 },
      buffer,
      to,
    )
  }
  emitPlacedHeads(e, { batch, heads, rows: length, size, x: next, y, ends, cache: { rows, past: to, pastRows: rows } })
  return y
}

/** Queries see keys up to their own place. */
export function causalBias(causal: boolean, past: number): AddBias {
  return (_, __, i, row) => {
    if (causal) row.fill(-Infinity, past + i + 1)
  }
}

export function together(...parts: readonly AddBias[]): AddBias {
  return (b, h, i, row) => parts.forEach((part) => part(b, h, i, row))
}

export interface Sizes {
  readonly batch: number
  readonly queries: number
  readonly length: number
  /** Rows of the past; where past and present share a buffer, rows of that. */
  readonly past: number
  readonly shared: boolean
  readonly size: number
  readonly valueSize: number
}

function attentionSizes(
  {
    num_heads: heads,
    qkv_hidden_sizes: hidden,
    past_present_share_buffer: share,
  }: {
    readonly num_heads: number
    readonly qkv_hidden_sizes: readonly number[] | undefined
    readonly past_present_share_buffer: number
  },
  inputs: readonly (TensorType | undefined)[],
): Sizes & { readonly widths: readonly number[] } {
  const [x, w] = [requiredInput(inputs, 0), requiredInput(inputs, 1)]
  const [, , bias, , past, , used] = inputs
  if (share && !(past && used))
    throw new LanewiseError('E_GRAPH', 'past_present_share_buffer needs a past and past_sequence_length')
  if (!(heads > 0)) throw new LanewiseError('E_VALUE', `num_heads must be positive, got ${heads}`)
  const [batch, queries, input] = x.shape
  const widths = hidden ?? new Array<number>(3).fill(w.shape[1] / 3)
  const total = widths.reduce((a, b) => a + b, 0)
  const fits =
    x.shape.length === 3 &&
    w.shape.join() === [input, total].join() &&
    widths.length === 3 &&
    widths[0] === widths[1] &&
    heads > 0 &&
    widths.every((width) => Number.isInteger(width) && width % heads === 0) &&
    (!bias || sizeOf(bias.shape) === total)
  if (!fits) throw misfit(`weights ${formatShape(w.shape)} for ${heads} heads and an input`, x.shape)
  const size = widths[0] / heads
  if (
    past &&
    (past.shape.length !== 5 ||
      past.shape.join() !== [2, batch, heads, past.shape[3], size].join() ||
      widths[2] !== widths[0])
  )
    throw misfit('a past', past.shape)
  return {
    batch,
    queries,
    length: queries,
    past: past ? past.shape[3] : 0,
    shared: share !== 0,
    size,
    valueSize: widths[2] / heads,
    widths,
  }
}

/** Self-attention with its projections: input · weights + bias gives queries, keys and values side by side. */
export const ContribAttention = defineOp({
  name: 'Attention',
  takes: isFloat,
  domain,
  arity: [2, 7],
  outputs: 2,
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
    if (attributes.do_rotary) throw new LanewiseError('E_UNSUPPORTED', 'do_rotary is not supported')
    const { batch, queries, past, shared, size, valueSize } = attentionSizes(attributes, inputs)
    const [x, w, bias, mask, pastTensor, extra, used] = inputs
    requireFloats(w, bias, pastTensor, extra)
    requireIntegers('mask', mask)
    checkUsed(used)
    const { dtype } = x
    const heads = attributes.num_heads
    return [
      { dtype, shape: [batch, queries, heads * valueSize] },
      { dtype, shape: [2, batch, heads, shared ? past : past + queries, size] },
    ]
  },
  kernel: (types) =>
    types.every((type, i) => type === undefined || type === (i === 3 || i === 6 ? 'int32' : 'float32')),
  emit(e) {
    const { num_heads: heads, mask_filter_value: filter, unidirectional, scale } = e.attributes
    const [x, w] = [e.input(0), e.input(1)]
    const [bias, mask, pastOperand, extra, used] = e.inputs.slice(2)
    const { batch, queries, past, shared, size, valueSize, widths } = attentionSizes(e.attributes, e.inputs)
    const total = w.shape[1]
    const projected = e.scratch(batch * queries * total * 4)
    emitProjection(e, projected, x, w, bias?.at ?? 0)
    const part = (from: number, width: number): HeadsAt => ({
      at: plus(projected, 4 * from),
      strides: [queries * total, width, total, 1],
    })
    const reach = shared
      ? Math.min(past, ...[mask, extra].map((operand) => maskWidth(operand) ?? past))
      : past + queries
    const ends = shared && used && emitUsed(e, used, batch, queries, reach)
    const rows = shared ? past : past + queries
    const half = batch * heads * rows * size * 4
    const present =
      shared && e.outputs[1] && e.keep(1, 4)
        ? e.overwrite(1, 4).at
        : e.outputs[1]
          ? e.output(1).at
          : shared
            ? e.scratch(2 * half)
            : undefined
    const cached = (from: number, width: number, which: 0 | 1): HeadsAt => {
      const next = part(from, width)
      if (!pastOperand && !present) return next
      const to = present ? plus(present, which * half) : e.scratch(half)
      const before = pastOperand && plus(pastOperand.at, which * batch * heads * past * size * 4)
      const strides = [heads * past * size, past * size, size, 1] as const
      return ends && before
        ? emitBuffered(e, before, next, to, ends, [batch, heads, past, queries, size])
        : emitJoined(e, before && { at: before, strides }, next, to, [batch, heads, past, queries, width])
    }
    emitAttention(e, {
      batch,
      heads,
      kvHeads: heads,
      queries,
      keys: reach,
      size,
      valueSize,
      q: part(0, size),
      k: cached(widths[0], size, 0),
      v: cached(widths[0] + widths[1], valueSize, 1),
      y: headsWithin(e.output(0), valueSize),
      mask: emitScoreMask(e, mask, filter, extra, batch, heads, queries, reach),
      causal: unidirectional ? past : undefined,
      ends: ends || undefined,
      scale: scale || 1 / Math.sqrt(size),
    })
  },
  compute({ attributes, inputs, outputs, outputCount }) {
    const [x, w, bias, mask, pastTensor, extra, usedTensor] = inputs
    const { batch, queries, past: room, shared, size, valueSize, widths } = attentionSizes(attributes, inputs)
    const heads = attributes.num_heads
    // How many keys there are in a buffer is for an element to say.
    checkBias(extra, batch, heads, queries, shared ? queries : room + queries)
    if (mask && !shared) keyMaskOf(mask.shape, batch, queries, room + queries)
    const past = shared && usedTensor ? usedRows(usedTensor, queries, room) : room
    const rows = shared ? room : past + queries
    const keys = past + queries
    const projected = matmul({ shape: x.shape, data: floatsOf(x) }, { shape: w.shape, data: floatsOf(w) }).data
    const biases = bias && floatsOf(bias)
    const total = w.shape[1]
    const data = like(floatsOf(x), projected.length)
    for (let i = 0; i < data.length; i++) data[i] = projected[i] + (biases ? biases[i % total] : 0)
    const view = (offset: number, per: number): HeadView => ({
      data,
      offset,
      batch: queries * total,
      head: per,
      row: total,
    })
    const pasts = pastTensor && floatsOf(pastTensor)
    const half = batch * heads * room * size
    const all = (from: Floats | undefined, at: number, width: number) =>
      joined(from, past, view(at, width), batch, heads, queries, width, shared ? room : undefined)
    const allKeys = all(pasts?.subarray(0, half), widths[0], size)
    const allValues = all(pasts?.subarray(half), widths[0] + widths[1], valueSize)
    const y = like(data, sizeOf(outputs[0].shape))
    attend({
      batch,
      heads,
      kvHeads: heads,
      queries,
      keys,
      size,
      valueSize,
      q: view(0, size),
      k: headsFirst(allKeys, heads, rows, size),
      v: headsFirst(allValues, heads, rows, valueSize),
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
      const present = like(data, sizeOf(outputs[1].shape))
      present.set(allKeys)
      present.set(allValues, allKeys.length)
      results.push(floatTensor(outputs[1].dtype, outputs[1].shape, present))
    }
    return results
  },
})

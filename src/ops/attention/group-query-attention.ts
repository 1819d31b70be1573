// ONNX Runtime's GroupQueryAttention (docs/ContribOperators.md): attention over a cache of keys and values that may be
// larger than what is in it.
import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { emitAttention, emitPlacedHeads, headsWithin, maskOf, type HeadsAt, type Rotary } from './attention-emit.js'
import { attend, headsFirst, headsLast, type HeadView } from './attention-scalar.js'
import { float, int, required, string } from '../../ir/attributes.js'
import { attentionBias, checkBias, like, misfit, together } from './microsoft-attention.js'
import { requireFloats, requireIntegers } from '../shared/operands.js'
import { floatsOf, floatTensor, type Floats } from '../shared/scalar-floats.js'
import { plus, type Address, type Emitter } from '../../ir/emitter.js'
import { defineOp, requiredInput, type TensorType } from '../../ir/op.js'
import { checkPositions, rotate } from './rotary-embedding.js'

interface GroupHeads {
  readonly num_heads: number
  readonly kv_num_heads: number
}

function groupSizes(
  { num_heads: heads, kv_num_heads: kvHeads }: GroupHeads,
  inputs: readonly (TensorType | undefined)[],
) {
  const [, k, v, pastKey, pastValue, , , , , , , sinks] = inputs
  const { shape } = requiredInput(inputs, 0)
  const lengths = requiredInput(inputs, 5)
  const [batch, queries, width] = shape
  const packed = !k
  const size = packed ? width / (heads + 2 * kvHeads) : width / heads
  const rest = [batch, queries, kvHeads * size].join()
  const fits =
    shape.length === 3 &&
    heads > 0 &&
    kvHeads > 0 &&
    heads % kvHeads === 0 &&
    Number.isInteger(size) &&
    (packed || (k.shape.join() === rest && v?.shape.join() === rest))
  if (!fits) throw misfit(`${heads} and ${kvHeads} heads for queries`, shape)
  if (!pastKey !== !pastValue) throw new LanewiseError('E_GRAPH', 'past keys and past values come together')
  const capacity = pastKey ? pastKey.shape[2] : 0
  for (const past of [pastKey, pastValue]) {
    if (past && past.shape.join() !== [batch, kvHeads, capacity, size].join())
      throw misfit('past keys or values', past.shape)
  }
  if (sinks && sinks.shape.join() !== String(heads)) throw misfit('head_sink', sinks.shape)
  if (lengths.shape.length > 2 || sizeOf(lengths.shape) !== batch) throw misfit('seqlens_k', lengths.shape)
  return { batch, queries, size, packed, capacity }
}

/**
 * How many keys each example has.
 *
 * @throws LanewiseError `E_VALUE` for more than there is room for, or than there are angles.
 */
function endsOf(lengths: HostTensor, rows: number, positions = Infinity): number[] {
  const ends = toNumbers(lengths, 'seqlens_k').map((last) => last + 1)
  const wrong = ends.find((end) => !(end >= 0 && end <= rows && end <= positions))
  if (wrong === undefined) return ends
  const what = wrong > rows ? `a cache of ${rows}` : wrong < 0 ? 'a batch' : `${positions} positions of cos_cache`
  throw new LanewiseError('E_VALUE', `sequences of ${formatShape(ends)} keys do not fit ${what}`, {
    expected: `0 … ${Math.min(rows, positions)}`,
    actual: String(wrong),
  })
}

/** The tables of angles, and the positions of `count` vectors in them if they are given. */
function anglesOf<T extends TensorType>(
  inputs: readonly (T | undefined)[],
  size: number,
  count: number,
): { readonly cos: T; readonly sin: T; readonly ids: T | undefined } {
  const [cos, sin, ids] = inputs.slice(7, 10)
  if (!cos || !sin) throw new LanewiseError('E_GRAPH', 'do_rotary needs cos_cache and sin_cache')
  if (cos.shape.length !== 2 || sin.shape.join() !== cos.shape.join() || 2 * cos.shape[1] > size)
    throw misfit('cos_cache', cos.shape)
  if (ids && sizeOf(ids.shape) !== count) throw misfit('position_ids', ids.shape)
  return { cos, sin, ids }
}

/** Where the angles are, checked. */
function rotaryTables(e: Emitter<unknown>, size: number, count: number): Omit<Rotary, 'interleaved'> {
  const { cos, sin, ids } = anglesOf(e.inputs, size, count)
  const [rows, pairs] = cos.shape
  let positions: Address | undefined
  if (ids) {
    e.check(ids, (tensor) => checkPositions(tensor, rows))
    positions = e.scratch(count * 4)
    e.call('cast_i64_i32', ids.at, positions, count)
  }
  return { cos: cos.at, sin: sin.at, pairs, rows, ids: positions }
}

/**
 * Causal attention with fewer heads of keys than of queries (Ainslie et al., 2023). `seqlens_k` holds each example's
 * number of keys less one; new keys are written after those that example has, into a cache that may be larger.
 */
export const GroupQueryAttention = defineOp({
  name: 'GroupQueryAttention',
  takes: isFloat,
  domain: 'com.microsoft',
  arity: [7, 12],
  outputs: 3,
  // Key and value may be packed with the query; there may be no past.
  optional: [1, 2, 3, 4],
  attributes: {
    num_heads: required(int()),
    kv_num_heads: required(int()),
    scale: float(0),
    softcap: float(0),
    do_rotary: int(0),
    rotary_interleaved: int(0),
    local_window_size: int(-1),
    smooth_softmax: int(0),
    qk_output: int(0),
    k_quant_type: string('NONE'),
    v_quant_type: string('NONE'),
    kv_cache_bit_width: int(0),
  },
  infer(c) {
    const { attributes, inputs } = c
    const { batch, queries, size, capacity } = groupSizes(attributes, inputs)
    const [, k, v, pastKey, pastValue, lengths, most, cos, sin, ids, extra, sinks] = inputs
    requireFloats(k, v, pastKey, pastValue, cos, sin, extra, sinks)
    requireIntegers('seqlens_k', lengths)
    requireIntegers('total_sequence_length', most)
    requireIntegers('position_ids', ids)
    if (sizeOf(most.shape) !== 1) throw misfit('total_sequence_length', most.shape)
    if (attributes.do_rotary) anglesOf(inputs, size, batch * queries)
    // A cache that is large enough stays as large as it is, however much of it is in use: one plan for every token.
    const rows = c.atLeast(6, capacity)
    if (attributes.k_quant_type !== 'NONE' || attributes.v_quant_type !== 'NONE' || attributes.qk_output !== 0) {
      throw new LanewiseError('E_UNSUPPORTED', 'quantised caches and qk_output are not supported')
    }
    const { dtype } = inputs[0]
    const cache = { dtype, shape: [batch, attributes.kv_num_heads, rows, size] }
    return [{ dtype, shape: [batch, queries, attributes.num_heads * size] }, cache, cache]
  },
  kernel: (types) =>
    types.every(
      (type, i) => type === undefined || type === (i === 5 || i === 6 ? 'int32' : i === 9 ? 'int64' : 'float32'),
    ),
  emit(e) {
    const {
      num_heads: heads,
      kv_num_heads: kvHeads,
      do_rotary,
      rotary_interleaved,
      local_window_size: window,
      scale,
      softcap,
      smooth_softmax: smooth,
    } = e.attributes
    const { batch, queries, size, packed, capacity } = groupSizes(e.attributes, e.inputs)
    const lengths = e.input(5)
    const bias = e.inputs[10]
    // Where nobody wants the cache, no room is made after the keys there are.
    const rows = (e.outputs[1] ?? e.outputs[2])?.shape[2] ?? capacity + queries
    // A bias need not be as wide as a cache that is not full.
    const width = bias ? Math.min(bias.shape[bias.shape.length - 1], rows) : rows
    const angles = do_rotary ? rotaryTables(e, size, batch * queries) : undefined
    e.check(lengths, (tensor) => void endsOf(tensor, width, angles?.ids ? undefined : angles?.rows))
    const ends = { at: lengths.at, add: 1 }
    const part = (input: number, from: number): HeadsAt => {
      const row = (packed ? heads + 2 * kvHeads : input === 0 ? heads : kvHeads) * size
      return {
        at: plus(e.input(packed ? 0 : input).at, packed ? from * size * 4 : 0),
        strides: [queries * row, size, row, 1],
      }
    }
    const dense = (count: number, length: number) => [count * length * size, length * size, size, 1] as const
    const cached = (output: 1 | 2, x: HeadsAt, rotary: Rotary | undefined): HeadsAt => {
      const past = e.inputs[2 + output]
      const to = !e.outputs[output]
        ? e.scratch(batch * kvHeads * rows * size * 4)
        : capacity === rows && e.keep(output, 2 + output)
          ? e.overwrite(output, 2 + output).at
          : e.output(output).at
      const y = { at: to, strides: dense(kvHeads, rows) }
      emitPlacedHeads(e, {
        batch,
        heads: kvHeads,
        rows: queries,
        size,
        x,
        y,
        ends,
        rotary,
        cache: { rows, past: past?.at, pastRows: capacity },
      })
      return y
    }
    let q = part(0, 0)
    if (angles) {
      const turned = { at: e.scratch(batch * heads * queries * size * 4), strides: dense(heads, queries) }
      emitPlacedHeads(e, {
        batch,
        heads,
        rows: queries,
        size,
        x: q,
        y: turned,
        ends,
        rotary: { ...angles, interleaved: rotary_interleaved !== 0 },
      })
      q = turned
    }
    const k = cached(1, part(1, heads), angles && { ...angles, interleaved: rotary_interleaved !== 0 })
    const v = cached(2, part(2, heads + kvHeads), undefined)
    emitAttention(e, {
      batch,
      heads,
      kvHeads,
      queries,
      keys: rows,
      size,
      valueSize: size,
      q,
      k,
      v,
      y: headsWithin(e.output(0), size),
      mask: bias && maskOf(bias, batch, heads, queries, width),
      causal: 0,
      window: Math.max(window, 0),
      ends,
      scale: scale || 1 / Math.sqrt(size),
      softcap,
      sinks: e.inputs[11]?.at ?? (smooth ? e.table(new Float32Array(heads)) : undefined),
    })
  },
  compute({ attributes, inputs, outputs, outputCount }) {
    const { num_heads: heads, kv_num_heads: kvHeads } = attributes
    const [q, k, v, pastKey, pastValue, lengths, , cosCache, , positionIds, extra, sinks] = inputs
    const { batch, queries, size, packed, capacity } = groupSizes(attributes, inputs)
    // Where nobody wants the cache, no room is made after the keys there are.
    const keys = outputCount > 1 ? outputs[1].shape[2] : Math.min(outputs[1].shape[2], capacity + queries)
    checkBias(extra, batch, heads, queries, 0)
    const reach = extra ? Math.min(extra.shape[extra.shape.length - 1], keys) : keys
    const ends = endsOf(lengths, reach, attributes.do_rotary && !positionIds ? cosCache?.shape[0] : undefined)
    const all = floatsOf(q).slice()
    const width = packed ? (heads + 2 * kvHeads) * size : heads * size
    const part = (data: Floats, from: number, row: number): HeadView => ({
      data,
      offset: from,
      batch: queries * row,
      head: size,
      row,
    })
    const qView = part(all, 0, width)
    const kView = k ? part(floatsOf(k).slice(), 0, kvHeads * size) : part(all, heads * size, width)
    const vView = k && v ? part(floatsOf(v), 0, kvHeads * size) : part(all, (heads + kvHeads) * size, width)
    // A first prompt may be shorter than its row; a later one stands after what is cached.
    const first = (b: number) => Math.max(ends[b] - queries, 0)
    if (attributes.do_rotary) {
      const { cos, sin, ids: places } = anglesOf(inputs, size, batch * queries)
      const tables = { cos: floatsOf(cos), sin: floatsOf(sin), pairs: cos.shape[1], positions: cos.shape[0] }
      const ids = places && toNumbers(places, 'position_ids')
      for (const [view, count] of [
        [qView, heads],
        [kView, kvHeads],
      ] as const) {
        for (let b = 0; b < batch; b++) {
          for (let i = 0; i < queries; i++) {
            // Padding of a prompt has no place of its own.
            const position = ids ? ids[b * queries + i] : Math.min(first(b) + i, tables.positions - 1)
            for (let h = 0; h < count; h++)
              rotate(
                view.data,
                view.offset + b * view.batch + h * size + i * view.row,
                tables,
                position,
                attributes.rotary_interleaved !== 0,
              )
          }
        }
      }
    }
    const cached = (past: HostTensor | undefined, view: HeadView): Floats => {
      const values = past && floatsOf(past)
      const result = like(all, batch * kvHeads * keys * size)
      for (let b = 0; b < batch; b++) {
        for (let h = 0; h < kvHeads; h++) {
          const to = (b * kvHeads + h) * keys * size
          const from = (b * kvHeads + h) * capacity * size
          if (values) result.set(values.subarray(from, from + Math.min(first(b), capacity) * size), to)
          for (let i = 0; i < queries && first(b) + i < keys; i++) {
            const at = view.offset + b * view.batch + h * size + i * view.row
            result.set(view.data.subarray(at, at + size), to + (first(b) + i) * size)
          }
        }
      }
      return result
    }
    const allKeys = cached(pastKey, kView)
    const allValues = cached(pastValue, vView)
    const window = attributes.local_window_size
    const sinkOf = sinks && floatsOf(sinks)
    const y = like(all, sizeOf(outputs[0].shape))
    attend({
      batch,
      heads,
      kvHeads,
      queries,
      keys,
      size,
      valueSize: size,
      q: qView,
      k: headsFirst(allKeys, kvHeads, keys, size),
      v: headsFirst(allValues, kvHeads, keys, size),
      y: headsLast(y, heads, queries, size),
      scale: attributes.scale || 1 / Math.sqrt(size),
      softcap: attributes.softcap,
      bias: together(attentionBias(extra, batch, heads, queries, reach), (b, _, i, row) => {
        const place = first(b) + i
        row.fill(-Infinity, Math.min(place + 1, ends[b]))
        if (window > 0) row.fill(-Infinity, 0, Math.max(place + 1 - window, 0))
      }),
      sink: sinkOf ? (h) => sinkOf[h] : attributes.smooth_softmax ? () => 0 : undefined,
    })
    return [y, allKeys, allValues]
      .slice(0, outputCount)
      .map((values, i) => floatTensor(outputs[i].dtype, outputs[i].shape, values))
  },
})

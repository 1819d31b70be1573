// ONNX Runtime's MultiHeadAttention and DecoderMaskedMultiHeadAttention (domain com.microsoft,
// docs/ContribOperators.md): attention without its projections.
import { isFloat } from '../../core/dtype.js'
import { BINARY_ADD } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { sizeOf } from '../../core/shape.js'
import { emitBinary } from '../elementwise/arithmetic.js'
import { emitAttention, emitJoined, headsOf, headsWithin, type HeadsAt } from './attention-emit.js'
import { attend, headsFirst, headsLast, joined, type HeadView } from './attention-scalar.js'
import { float, int, required } from '../../ir/attributes.js'
import {
  attentionBias,
  causalBias,
  checkBias,
  checkUsed,
  emitBuffered,
  emitScoreMask,
  emitUsed,
  keyMaskOf,
  like,
  maskBias,
  maskWidth,
  misfit,
  together,
  usedRows,
  type Sizes,
} from './microsoft-attention.js'
import { requireFloats, requireIntegers } from '../shared/operands.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { plus, type Operand } from '../../ir/emitter.js'
import { defineOp, requiredInput, type TensorType } from '../../ir/op.js'

const domain = 'com.microsoft'

/** Queries, keys and values as views, whichever way they were packed; biases added. */
interface Packed extends Sizes {
  readonly q: HeadView
  readonly k: HeadView
  readonly v: HeadView
}

interface MultiHeadShapes extends Sizes {
  /**
   * How keys and values come: head by head with the queries, after all the queries of a row, keys and values head by
   * head, apart, or apart with heads first (cross attention).
   */
  readonly form: 'qkv' | 'rows' | 'kv' | 'apart' | 'heads'
}

function multiHeadSizes(heads: number, inputs: readonly (TensorType | undefined)[]): MultiHeadShapes {
  const sizes = multiHeadForm(heads, inputs)
  const { batch, past, size, valueSize } = sizes
  const [pastKey, pastValue, used, beams] = inputs.slice(6)
  if (beams) throw new LanewiseError('E_UNSUPPORTED', 'caches that beams share (cache_indirection) are not supported')
  if (!pastKey !== !pastValue) throw new LanewiseError('E_GRAPH', 'past keys and past values come together')
  for (const [of, width] of [
    [pastKey, size],
    [pastValue, valueSize],
  ] as const) {
    if (of && of.shape.join() !== [batch, heads, past, width].join()) throw misfit('past keys or values', of.shape)
  }
  return { ...sizes, shared: pastKey !== undefined && used !== undefined }
}

function multiHeadForm(heads: number, inputs: readonly (TensorType | undefined)[]): Omit<MultiHeadShapes, 'shared'> {
  const { shape } = requiredInput(inputs, 0)
  const [, k, v, , , , pastKey] = inputs
  const [batch, queries] = shape
  const past = pastKey ? pastKey.shape[2] : 0
  if (shape.length === 5 && !k && !v) {
    if (shape[2] !== heads || shape[3] !== 3) throw misfit('a packed query', shape)
    return { batch, queries, length: queries, past, size: shape[4], valueSize: shape[4], form: 'qkv' }
  }
  if (shape.length === 3 && !k && !v) {
    const size = shape[2] / heads / 3
    if (!Number.isInteger(size)) throw misfit('a packed query', shape)
    return { batch, queries, length: queries, past, size, valueSize: size, form: 'rows' }
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
    if (
      k.shape.join() !== [batch, heads, k.shape[2], size].join() ||
      v.shape.join() !== [batch, heads, k.shape[2], valueSize].join()
    )
      throw misfit('keys', k.shape)
    return { batch, queries, length: k.shape[2], past, size, valueSize, form: 'heads' }
  }
  const valueSize = v.shape[2] / heads
  if (
    k.shape.join() !== [batch, k.shape[1], heads * size].join() ||
    v.shape.length !== 3 ||
    v.shape[1] !== k.shape[1] ||
    !Number.isInteger(valueSize)
  )
    throw misfit('keys', k.shape)
  return { batch, queries, length: k.shape[1], past, size, valueSize, form: 'apart' }
}

function unpacked(heads: number, inputs: readonly (HostTensor | undefined)[]): Packed {
  const sizes = multiHeadSizes(heads, inputs)
  const { batch, queries, length, size, valueSize, form } = sizes
  const floats = (index: number) => floatsOf(requiredInput(inputs, index)).slice()
  const q = floats(0)
  let views: [HeadView, HeadView, HeadView]
  if (form === 'qkv') {
    const view = (part: number): HeadView => ({
      data: q,
      offset: part * size,
      batch: queries * heads * 3 * size,
      head: 3 * size,
      row: heads * 3 * size,
    })
    views = [view(0), view(1), view(2)]
  } else if (form === 'rows') {
    const view = (part: number): HeadView => ({
      data: q,
      offset: part * heads * size,
      batch: queries * heads * 3 * size,
      head: size,
      row: heads * 3 * size,
    })
    views = [view(0), view(1), view(2)]
  } else if (form === 'kv') {
    const data = floats(1)
    const view = (part: number): HeadView => ({
      data,
      offset: part * size,
      batch: length * heads * 2 * size,
      head: 2 * size,
      row: heads * 2 * size,
    })
    views = [headsLast(q, heads, queries, size), view(0), view(1)]
  } else {
    const make = form === 'heads' ? headsFirst : headsLast
    views = [
      headsLast(q, heads, queries, size),
      make(floats(1), heads, length, size),
      make(floats(2), heads, length, valueSize),
    ]
  }
  if (inputs[3]) {
    const bias = floatsOf(inputs[3])
    const parts = [
      [views[0], 0, queries, size],
      [views[1], heads * size, length, size],
      [views[2], 2 * heads * size, length, valueSize],
    ] as const
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

/**
 * Attention of several heads, with masks, biases and a past; the past may be in a buffer that has room for more
 * (`past_sequence_length`).
 */
export const MultiHeadAttention = defineOp({
  name: 'MultiHeadAttention',
  takes: isFloat,
  domain,
  arity: [1, 10],
  outputs: 4,
  attributes: { num_heads: required(int()), mask_filter_value: float(-10000), scale: float(0), unidirectional: int(0) },
  infer({ attributes: { num_heads: heads, unidirectional }, inputs, outputCount }) {
    if (!(heads > 0)) throw new LanewiseError('E_VALUE', `num_heads must be positive, got ${heads}`)
    const { batch, queries, length, past, shared, size, valueSize } = multiHeadSizes(heads, inputs)
    if (shared && outputCount > 3)
      throw new LanewiseError('E_UNSUPPORTED', 'scores of a buffer that past and present share are not supported')
    if (shared && unidirectional && queries !== length) throw misfit(`a query for ${length} new keys`, inputs[0].shape)
    const [{ dtype }, k, v, bias, mask, extra, pastKey, pastValue, used] = inputs
    requireFloats(k, v, bias, extra, pastKey, pastValue)
    requireIntegers('mask', mask)
    checkUsed(used)
    if (bias && sizeOf(bias.shape) !== heads * (2 * size + valueSize)) throw misfit('a bias', bias.shape)
    const rows = shared ? past : past + length
    return [
      { dtype, shape: [batch, queries, heads * valueSize] },
      { dtype, shape: [batch, heads, rows, size] },
      { dtype, shape: [batch, heads, rows, valueSize] },
      { dtype, shape: [batch, heads, queries, past + length] },
    ]
  },
  // The kernel keeps no scores, and a bias does not lie as vectors do that are packed head by head.
  kernel: (types, _, wanted, operands) =>
    !wanted[3] &&
    !(operands[3] && [0, 1].some((i) => operands[i]?.shape.length === 5)) &&
    types.every((type, i) => type === undefined || type === (i === 4 || i === 8 ? 'int32' : 'float32')),
  emit(e) {
    const { num_heads: heads, mask_filter_value: filter, unidirectional, scale } = e.attributes
    const { batch, queries, length, past, shared, size, valueSize, form } = multiHeadSizes(heads, e.inputs)
    const [bias, mask, extra, pastKey, pastValue, used] = e.inputs.slice(3)
    const packed = (operand: Operand, parts: number, index: number): HeadsAt => {
      const row = heads * parts * size
      return { at: plus(operand.at, index * size * 4), strides: [operand.shape[1] * row, parts * size, row, 1] }
    }
    /** An operand with its part of the bias, from an element on, added to every row. */
    const biased = (index: number, from: number): Operand => {
      const x = e.input(index)
      if (!bias) return x
      const y: Operand = {
        dtype: x.dtype,
        shape: x.shape,
        order: x.order,
        physical: x.physical,
        size: x.size,
        at: e.scratch(x.size * 4),
        constant: undefined,
      }
      emitBinary(e, BINARY_ADD, x, { shape: x.shape.slice(2), order: [0], at: plus(bias.at, from * 4) }, y)
      return y
    }
    const row = heads * size
    let q: HeadsAt, k: HeadsAt, v: HeadsAt
    if (form === 'qkv') [q, k, v] = [0, 1, 2].map((index) => packed(e.input(0), 3, index))
    else if (form === 'rows') {
      const all = biased(0, 0)
      ;[q, k, v] = [0, 1, 2].map((index) => headsWithin(all, size, index * row))
    } else if (form === 'kv')
      [q, k, v] = [headsWithin(e.input(0), size), packed(e.input(1), 2, 0), packed(e.input(1), 2, 1)]
    else if (form === 'heads') [q, k, v] = [headsWithin(biased(0, 0), size), headsOf(e.input(1)), headsOf(e.input(2))]
    else
      [q, k, v] = [
        headsWithin(biased(0, 0), size),
        headsWithin(biased(1, row), size),
        headsWithin(biased(2, 2 * row), valueSize),
      ]
    const widths = [mask, extra].map((operand) => maskWidth(operand) ?? past)
    // Masks need not be as wide as a buffer that is not full.
    const keys = shared ? Math.min(past, ...widths) : past + length
    const ends = shared && used ? emitUsed(e, used, batch, length, keys) : undefined
    const all = (given: HeadsAt, output: 1 | 2, width: number): HeadsAt => {
      const before = output === 1 ? pastKey : pastValue
      if (!before && !e.outputs[output]) return given
      const rows = shared ? past : keys
      const to = !e.outputs[output]
        ? e.scratch(batch * heads * rows * width * 4)
        : shared && e.keep(output, 5 + output)
          ? e.overwrite(output, 5 + output).at
          : e.output(output).at
      return ends && before
        ? emitBuffered(e, before.at, given, to, ends, [batch, heads, rows, length, width])
        : emitJoined(e, before && headsOf(before), given, to, [batch, heads, past, length, width])
    }
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
      mask: emitScoreMask(e, mask, filter, extra, batch, heads, queries, keys),
      causal: unidirectional ? past : undefined,
      ends,
      scale: scale || 1 / Math.sqrt(size),
    })
  },
  compute({ attributes, inputs, outputs, outputCount }) {
    const heads = attributes.num_heads
    const { batch, queries, length, past: room, shared, size, valueSize } = multiHeadSizes(heads, inputs)
    // How many keys there are in a buffer is for an element to say.
    checkBias(inputs[5], batch, heads, queries, shared ? length : room + length)
    if (inputs[4] && !shared) keyMaskOf(inputs[4].shape, batch, queries, room + length)
    const { q, k, v } = unpacked(heads, inputs)
    const past = shared && inputs[8] ? usedRows(inputs[8], length, room) : room
    const rows = shared ? room : past + length
    const keys = past + length
    const [pastKey, pastValue] = [6, 7].map((i) => inputs[i] && floatsOf(inputs[i]))
    const allKeys = joined(pastKey, past, k, batch, heads, length, size, shared ? room : undefined)
    const allValues = joined(pastValue, past, v, batch, heads, length, valueSize, shared ? room : undefined)
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
      k: headsFirst(allKeys, heads, rows, size),
      v: headsFirst(allValues, heads, rows, valueSize),
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
    return [y, allKeys, allValues, scores]
      .slice(0, outputCount)
      .map((values, i) => floatTensor(outputs[i].dtype, outputs[i].shape, values))
  },
})

/** The same with its inputs in another order, made for one token at a time. */
export const DecoderMaskedMultiHeadAttention = defineOp({
  name: 'DecoderMaskedMultiHeadAttention',
  takes: isFloat,
  domain,
  arity: [1, 11],
  outputs: 4,
  optional: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  attributes: {
    num_heads: required(int()),
    mask_filter_value: float(-10000),
    scale: float(0),
    past_present_share_buffer: int(0),
    output_qk: int(0),
  },
  decompose(node) {
    const flag = (name: string) => {
      const value = node.attributes.get(name)
      node.attributes.delete(name)
      return value?.kind === 'int' && value.value !== 0n
    }
    const shared = flag('past_present_share_buffer')
    if (flag('output_qk')) throw new LanewiseError('E_UNSUPPORTED', 'output_qk is not supported')
    const [
      q,
      k = '',
      v = '',
      mask = '',
      extra = '',
      pastKey = '',
      pastValue = '',
      used = '',
      beams = '',
      indirection = '',
      bias = '',
    ] = node.inputs
    if (beams || indirection)
      throw new LanewiseError(
        'E_UNSUPPORTED',
        'caches that beams share (beam_width, cache_indirection) are not supported',
      )
    if (shared && pastKey && !used)
      throw new LanewiseError('E_GRAPH', 'past_present_share_buffer needs past_sequence_length')
    node.inputs = [q, k, v, bias, mask, extra, pastKey, pastValue, shared ? used : '']
    node.rename('MultiHeadAttention', domain)
  },
})

import { allowedAttentionReference, attentionReference } from './attention.reference.js'
import { contribRotaryReference, rotaryReference } from './rotary.reference.js'
import { f32, gives, typed, weight, type Case } from '../case.js'

const newer = 'newer than its operator sets'
const v = (values: readonly number[], shape: readonly number[] = [1, values.length, 1]) => f32(shape, { values })
const sequence = [v([1, 2]), v([1, 1]), v([3, 5])]
const one = { q_num_heads: 1, kv_num_heads: 1, scale: 1 }
const half = Math.log(0.5)

// Small enough to be worked out by hand; the operators' own tests in ONNX are larger.
export const attentionCases: readonly Case[] = [
  {
    name: 'equal scores',
    op: 'Attention',
    inputs: [v([1], [1, 1, 1, 1]), v([0, 0], [1, 1, 2, 1]), v([1, 3], [1, 1, 2, 1])],
    reference: gives({ shape: [1, 1, 1, 1], data: [2] }),
  },
  {
    name: 'causal, past, all outputs',
    op: 'Attention',
    inputs: [
      v([0, 0], [1, 1, 2, 1]),
      v([1, 2], [1, 1, 2, 1]),
      v([4, 7], [1, 1, 2, 1]),
      undefined,
      v([3], [1, 1, 1, 1]),
      v([2], [1, 1, 1, 1]),
    ],
    attributes: { is_causal: 1, qk_matmul_output_mode: 3 },
    outputs: 4,
    reference: gives(
      { shape: [1, 1, 2, 1], data: [3, 13 / 3] },
      { shape: [1, 1, 3, 1], data: [3, 1, 2] },
      { shape: [1, 1, 3, 1], data: [2, 4, 7] },
      { shape: [1, 1, 2, 3], data: [0.5, 0.5, 0, 1 / 3, 1 / 3, 1 / 3] },
    ),
  },
  {
    name: 'a query that may see nothing',
    op: 'Attention',
    inputs: [
      v([1, 1], [1, 1, 2, 1]),
      v([0, 0], [1, 1, 2, 1]),
      v([1, NaN], [1, 1, 2, 1]),
      typed('bool', [2, 2], { values: [0, 0, 1, 0] }),
    ],
    reference: gives({ shape: [1, 1, 2, 1], data: [0, 1] }),
    withoutOrt: 'NaN among the values reaches those who may not see it',
  },
  // Scores are equal: a result is the mean of the values that a query sees.
  {
    name: 'a window to both sides',
    op: 'Attention',
    inputs: [v([0, 0, 0, 0, 0]), v([0, 0, 0, 0, 0]), v([0, 1, 2, 3, 4])],
    attributes: { ...one, left_window_size: 1, right_window_size: 2 },
    reference: gives({ shape: [1, 5, 1], data: [1, 1.5, 2.5, 3, 3.5] }),
    gradient: false,
    withoutOrt: newer,
  },
  {
    name: 'a window to the left, causal',
    op: 'Attention',
    inputs: [v([0, 0, 0, 0, 0]), v([0, 0, 0, 0, 0]), v([0, 1, 2, 3, 4])],
    attributes: { ...one, left_window_size: 1, is_causal: 1 },
    reference: gives({ shape: [1, 5, 1], data: [0, 0.5, 1.5, 2.5, 3.5] }),
    gradient: false,
    withoutOrt: newer,
  },
  {
    name: 'a window of one key, and one to the right that causality cuts',
    op: 'Attention',
    inputs: [v([0, 0, 0]), v([0, 0, 0]), v([0, 1, 2])],
    attributes: { ...one, left_window_size: 0, right_window_size: 2, is_causal: 1 },
    reference: gives({ shape: [1, 3, 1], data: [0, 1, 2] }),
    gradient: false,
    withoutOrt: newer,
  },
  {
    name: 'a window behind past keys',
    op: 'Attention',
    inputs: [
      v([0, 0], [1, 1, 2, 1]),
      v([0, 0], [1, 1, 2, 1]),
      v([3, 4], [1, 1, 2, 1]),
      undefined,
      v([0, 0, 0], [1, 1, 3, 1]),
      v([0, 1, 2], [1, 1, 3, 1]),
    ],
    attributes: { left_window_size: 2, right_window_size: 0 },
    outputs: 3,
    reference: gives(
      { shape: [1, 1, 2, 1], data: [2, 3] },
      { shape: [1, 1, 5, 1], data: [0, 0, 0, 0, 0] },
      { shape: [1, 1, 5, 1], data: [0, 1, 2, 3, 4] },
    ),
    gradient: false,
    withoutOrt: newer,
  },
  {
    name: 'a window and a mask that does not reach all keys',
    op: 'Attention',
    inputs: [v([0, 0, 0]), v([0, 0, 0]), v([1, 2, 3]), typed('bool', [3, 2], { values: [1, 1, 1, 1, 1, 1] })],
    attributes: { ...one, left_window_size: 1, is_causal: 1 },
    reference: gives({ shape: [1, 3, 1], data: [1, 1.5, 2] }),
    gradient: false,
    withoutOrt: newer,
  },
  {
    name: 'a window where keys are padded',
    op: 'Attention',
    inputs: [
      v([0, 0], [2, 1, 1, 1]),
      v([0, 0, 0, 0, 0, 0], [2, 1, 3, 1]),
      v([1, 2, 3, 4, 5, 6], [2, 1, 3, 1]),
      undefined,
      undefined,
      undefined,
      typed('int64', [2], { values: [3, 2] }),
    ],
    attributes: { left_window_size: 1, is_causal: 1 },
    reference: gives({ shape: [2, 1, 1, 1], data: [2.5, 4.5] }),
    gradient: false,
    withoutOrt: newer,
  },
  {
    name: 'soft cap and bias',
    op: 'Attention',
    inputs: [v([1], [1, 1, 1, 1]), v([1e9, 0], [1, 1, 2, 1]), v([1, 0], [1, 1, 2, 1]), v([0, 2], [1, 2])],
    attributes: { softcap: 2, scale: 1 },
    reference: gives({ shape: [1, 1, 1, 1], data: [0.5] }),
  },
  {
    name: 'quarter turn',
    op: 'RotaryEmbedding',
    inputs: [
      v([1, 2, 3, 4], [1, 1, 1, 4]),
      weight([1, 2], { values: [0, 1] }),
      weight([1, 2], { values: [1, 0] }),
      typed('int64', [1, 1], { values: [0] }),
    ],
    reference: gives({ shape: [1, 1, 1, 4], data: [-3, 2, 1, 4] }),
  },
  {
    name: 'neighbours, part of a head',
    op: 'RotaryEmbedding',
    inputs: [v([1, 2, 3, 4], [1, 1, 4]), weight([1, 1, 1], { values: [0] }), weight([1, 1, 1], { values: [1] })],
    attributes: { interleaved: 1, num_heads: 1, rotary_embedding_dim: 2 },
    reference: gives({ shape: [1, 1, 4], data: [-2, 1, 3, 4] }),
  },
  {
    name: 'equal scores, shared keys',
    op: 'FlexAttention',
    domain: 'ai.onnx.preview',
    inputs: [v([1, 5], [1, 2, 1, 1]), v([0, 0], [1, 1, 2, 1]), v([1, 3], [1, 1, 2, 1])],
    reference: gives({ shape: [1, 2, 1, 1], data: [2, 2] }),
    withoutOrt: newer,
  },
  {
    name: 'gated delta rule',
    op: 'LinearAttention',
    inputs: [...sequence, undefined, v([half, half]), v([1, 0.5])],
    attributes: one,
    outputs: 2,
    reference: gives({ shape: [1, 2, 1], data: [3, 6.5] }, { shape: [1, 1, 1, 1], data: [3.25] }),
    withoutOrt: newer,
  },
  {
    name: 'sums, past',
    op: 'LinearAttention',
    inputs: [...sequence, v([10], [1, 1, 1, 1])],
    attributes: { ...one, update_rule: 'linear' },
    outputs: 2,
    reference: gives({ shape: [1, 2, 1], data: [13, 36] }, { shape: [1, 1, 1, 1], data: [18] }),
    withoutOrt: newer,
  },
  {
    name: 'bias and past',
    op: 'CausalConvWithState',
    inputs: [v([1, 2, 3], [1, 1, 3]), v([10, 1], [1, 1, 2]), v([0.5], [1]), v([4], [1, 1, 1])],
    outputs: 2,
    reference: gives({ shape: [1, 1, 3], data: [41.5, 12.5, 23.5] }, { shape: [1, 1, 1], data: [3] }),
    withoutOrt: newer,
  },
  {
    name: 'silu',
    op: 'CausalConvWithState',
    inputs: [v([0, 20], [1, 1, 2]), v([1], [1, 1, 1])],
    attributes: { activation: 'silu' },
    reference: gives({ shape: [1, 1, 2], data: [0, 20] }),
    withoutOrt: newer,
  },
]

// Random ones, for the kernels' tails and blocks: five or six rows at a time, thirty or thirty-six queries in a block
// of the gradient.
const bits = (rows: number, columns: number, allowed: (i: number, j: number) => boolean) =>
  typed('bool', [rows, columns], {
    values: Array.from({ length: rows * columns }, (_, at) =>
      allowed(Math.floor(at / columns), at % columns) ? 1 : 0,
    ),
  })
export const attentionShapes: readonly Case[] = [
  {
    name: 'tails everywhere',
    op: 'Attention',
    inputs: [f32([2, 3, 7, 5]), f32([2, 3, 9, 5]), f32([2, 3, 9, 3])],
    reference: attentionReference,
  },
  {
    name: 'ones',
    op: 'Attention',
    inputs: [f32([1, 1, 1, 1]), f32([1, 1, 1, 1]), f32([1, 1, 1, 1])],
    reference: attentionReference,
  },
  {
    name: 'causal, several blocks of queries',
    op: 'Attention',
    inputs: [f32([1, 2, 67, 8]), f32([1, 2, 67, 8]), f32([1, 2, 67, 4])],
    attributes: { is_causal: 1 },
    reference: attentionReference,
  },
  {
    name: 'causal, more queries than keys',
    op: 'Attention',
    inputs: [f32([1, 1, 40, 6]), f32([1, 1, 13, 6]), f32([1, 1, 13, 6])],
    attributes: { is_causal: 1 },
    reference: attentionReference,
  },
  {
    name: 'heads in the last axis, grouped, scaled',
    op: 'Attention',
    inputs: [f32([2, 11, 24]), f32([2, 13, 12]), f32([2, 13, 10])],
    attributes: { q_num_heads: 4, kv_num_heads: 2, scale: 0.3 },
    reference: attentionReference,
  },
  {
    name: 'heads in the last axis, causal, grouped',
    op: 'Attention',
    inputs: [f32([1, 37, 16]), f32([1, 37, 8]), f32([1, 37, 8])],
    attributes: { q_num_heads: 4, kv_num_heads: 2, is_causal: 1 },
    reference: attentionReference,
  },
  {
    name: 'bias for all heads',
    op: 'Attention',
    inputs: [f32([2, 2, 6, 4]), f32([2, 2, 10, 4]), f32([2, 2, 10, 4]), f32([6, 10])],
    reference: attentionReference,
  },
  {
    name: 'bias per example and head, one row',
    op: 'Attention',
    inputs: [f32([2, 4, 33, 4]), f32([2, 2, 5, 4]), f32([2, 2, 5, 4]), f32([2, 4, 1, 5])],
    reference: attentionReference,
    withoutOrt: 'it wants a row of the mask for every query',
  },
  {
    name: 'mask of bits, a query that sees nothing',
    op: 'Attention',
    inputs: [
      f32([2, 2, 5, 4]),
      f32([2, 2, 7, 4]),
      f32([2, 2, 7, 4]),
      bits(5, 7, (i, j) => i !== 2 && (i + j) % 3 !== 0),
    ],
    reference: allowedAttentionReference,
    withoutOrt: 'other results for a query that sees nothing',
  },
  {
    name: 'mask of bits, and causal',
    op: 'Attention',
    inputs: [
      f32([1, 2, 35, 4]),
      f32([1, 2, 35, 4]),
      f32([1, 2, 35, 4]),
      bits(35, 35, (i, j) => i === j || (i * 7 + j) % 5 !== 0),
    ],
    attributes: { is_causal: 1 },
    reference: allowedAttentionReference,
  },
]

const ids = (shape: number[], ...values: number[]) => typed('int64', shape, { values })
const microsoft = 'com.microsoft'
const angles = (rows: number, pairs: number) => [weight([rows, pairs]), weight([rows, pairs])]
export const rotaryCases: readonly Case[] = [
  {
    name: 'halves with a tail',
    op: 'RotaryEmbedding',
    inputs: [f32([2, 3, 4, 10]), ...angles(9, 5), ids([2, 4], 0, 8, 3, 3, 1, 2, 7, 0)],
    reference: rotaryReference,
  },
  {
    name: 'neighbours, three axes',
    op: 'RotaryEmbedding',
    inputs: [f32([2, 3, 18]), ...angles(5, 3), ids([2, 3], 0, 1, 2, 4, 3, 2)],
    attributes: { interleaved: 1, num_heads: 3 },
    reference: rotaryReference,
  },
  {
    name: 'part of a head, three axes',
    op: 'RotaryEmbedding',
    inputs: [f32([2, 5, 22]), ...angles(6, 3), ids([2, 5], 0, 1, 2, 3, 4, 5, 4, 3, 2, 1)],
    attributes: { num_heads: 2, rotary_embedding_dim: 6 },
    reference: rotaryReference,
  },
  {
    name: 'angles of their own',
    op: 'RotaryEmbedding',
    inputs: [f32([3, 2, 5, 8]), f32([3, 5, 4]), f32([3, 5, 4])],
    reference: rotaryReference,
  },
  {
    name: 'angles of their own, three axes, neighbours',
    op: 'RotaryEmbedding',
    inputs: [f32([2, 3, 12]), f32([2, 3, 2]), f32([2, 3, 2])],
    attributes: { num_heads: 2, rotary_embedding_dim: 4, interleaved: 1 },
    reference: rotaryReference,
  },
  {
    name: 'ones',
    op: 'RotaryEmbedding',
    inputs: [f32([1, 1, 1, 2]), ...angles(1, 1), ids([1, 1], 0)],
    reference: rotaryReference,
  },
  {
    name: 'nothing',
    op: 'RotaryEmbedding',
    inputs: [f32([1, 2, 0, 4]), ...angles(3, 2), ids([1, 0])],
    reference: rotaryReference,
  },
  {
    name: 'positions for every vector',
    op: 'RotaryEmbedding',
    domain: microsoft,
    inputs: [f32([2, 3, 20]), ids([2, 3], 0, 6, 2, 1, 1, 5), ...angles(7, 5)],
    reference: contribRotaryReference,
  },
  {
    name: 'the place of the first',
    op: 'RotaryEmbedding',
    domain: microsoft,
    inputs: [f32([3, 2, 4, 6]), ids([1], 3), ...angles(7, 3)],
    reference: contribRotaryReference,
  },
  {
    name: 'the place of the first, neighbours, three axes',
    op: 'RotaryEmbedding',
    domain: microsoft,
    inputs: [f32([2, 4, 16]), ids([1], 2), ...angles(6, 4)],
    attributes: { interleaved: 1 },
    reference: contribRotaryReference,
  },
  {
    name: 'part of a head',
    op: 'RotaryEmbedding',
    domain: microsoft,
    inputs: [f32([2, 3, 14]), ids([2, 3], 0, 3, 2, 1, 1, 2), ...angles(4, 2)],
    attributes: { num_heads: 2, rotary_embedding_dim: 4 },
    reference: contribRotaryReference,
    withoutOrt: 'it leaves the rest of a head as it finds it',
  },
  {
    name: 'float64',
    op: 'RotaryEmbedding',
    inputs: [typed('float64', [1, 2, 3, 4]), typed('float64', [4, 2]), typed('float64', [4, 2]), ids([1, 3], 3, 0, 2)],
    reference: rotaryReference,
    withoutOrt: 'it has no kernel for float64',
  },
]

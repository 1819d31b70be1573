import { present } from '../../src/core/errors.js'
import type { HostTensor } from '../../src/core/host.js'
import type { Shape } from '../../src/core/shape.js'
import { randomTensor, seeded } from '../../tests/support/random.js'
import { model, node } from '../graph.js'
import type { Feeds, Work } from '../work.js'
import { loopWorks } from './loops.js'
import { sequenceModelWorks } from './models.js'
import { captionWorks } from './own.js'
import { pastWorks } from './past.js'

function feedsOf(inputs: Readonly<Record<string, Shape>>): Feeds[] {
  return [21, 22, 23].map((seed) => {
    const random = seeded(seed)
    return new Map(Object.entries(inputs).map(([name, shape]) => [name, randomTensor(random, 'float32', shape, -1, 1)]))
  })
}

interface Recurrence {
  readonly t: number
  readonly b: number
  readonly i: number
  readonly h: number
  readonly bidirectional?: boolean
}

export function recurrent(op: 'LSTM' | 'GRU' | 'RNN', { t, b, i, h, bidirectional }: Recurrence): Work {
  const gates = { LSTM: 4, GRU: 3, RNN: 1 }[op]
  const d = bidirectional ? 2 : 1
  const random = seeded(9)
  const scale = 1 / Math.sqrt(h)
  const weights = new Map([
    ['w', randomTensor(random, 'float32', [d, gates * h, i], -scale, scale)],
    ['r', randomTensor(random, 'float32', [d, gates * h, h], -scale, scale)],
    ['b', randomTensor(random, 'float32', [d, 2 * gates * h], -scale, scale)],
  ])
  const outputs = op === 'LSTM' ? ['y', 'y_h', 'y_c'] : ['y', 'y_h']
  const attributes = { hidden_size: BigInt(h), direction: bidirectional ? 'bidirectional' : 'forward' }
  return {
    suite: 'sequence',
    group: 'LSTM, GRU and RNN',
    name: `${op} T${t} B${b} I${i} H${h}${bidirectional ? ' bidirectional' : ''}`,
    model: model({
      inputs: { x: [t, b, i] },
      outputs,
      weights,
      nodes: [node(op, ['x', ...weights.keys()], outputs, attributes)],
      opset: 17,
    }),
    feeds: feedsOf({ x: [t, b, i] }),
    flops: 2 * t * b * d * gates * h * (i + h),
  }
}

interface Heads {
  readonly heads: number
  readonly s: number
  readonly dim: number
  readonly causal?: boolean
  /** As many as keys unless given. */
  readonly queries?: number
}

const described = ({ heads, s, dim, causal, queries }: Heads): string =>
  `${heads} heads S${s} D${dim}${causal ? ' causal' : ''}${queries ? `, ${queries} queries` : ''}`

/** Scores that a causal mask hides are nobody's work. */
const attentionFlops = ({ heads, s, dim, causal, queries = s }: Heads): number =>
  4 * heads * dim * (causal ? (s * (s + 1)) / 2 : queries * s)

/**
 * What exporters write for scaled dot-product attention before opset 23; the causal mask as a constant that is added,
 * as they write that, too.
 */
function decomposedAttention(spec: Heads): Work {
  const { heads, s, dim, causal } = spec
  const shape = [1, heads, s, dim]
  const scale = { dtype: 'float32', shape: [], data: Float32Array.of(1 / Math.sqrt(dim)) } as const
  const mask = {
    dtype: 'float32',
    shape: [1, 1, s, s],
    data: Float32Array.from({ length: s * s }, (_, i) => (i % s > Math.floor(i / s) ? -3.4e38 : 0)),
  } as const
  const weights = new Map<string, HostTensor>([['scale', scale], ...(causal ? [['mask', mask] as const] : [])])
  const nodes = [
    node('Transpose', ['k'], ['kt'], { perm: [0n, 1n, 3n, 2n] }),
    node('MatMul', ['q', 'kt'], ['scores']),
    node('Mul', ['scores', 'scale'], ['scaled']),
    ...(causal ? [node('Add', ['scaled', 'mask'], ['masked'])] : []),
    node('Softmax', [causal ? 'masked' : 'scaled'], ['p'], { axis: -1n }),
    node('MatMul', ['p', 'v'], ['y']),
  ]
  return {
    suite: 'sequence',
    group: 'attention',
    name: `attention decomposed, ${described(spec)}`,
    model: model({ inputs: { q: shape, k: shape, v: shape }, outputs: ['y'], weights, nodes, opset: 17 }),
    feeds: feedsOf({ q: shape, k: shape, v: shape }),
    flops: attentionFlops(spec),
  }
}

/** com.microsoft's MultiHeadAttention: the form that every onnxruntime has as one operator. */
export function attentionOp(spec: Heads): Work {
  const { heads, s, dim, causal, queries = s } = spec
  const [asked, shape] = [queries, s].map((length) => [1, length, heads * dim])
  return {
    suite: 'sequence',
    group: 'attention',
    name: `MultiHeadAttention, ${described(spec)}`,
    model: model({
      inputs: { q: asked, k: shape, v: shape },
      outputs: ['y'],
      nodes: [
        node(
          'MultiHeadAttention',
          ['q', 'k', 'v'],
          ['y'],
          { num_heads: BigInt(heads), unidirectional: causal ? 1n : 0n },
          'com.microsoft',
        ),
      ],
      opset: 17,
    }),
    feeds: feedsOf({ q: asked, k: shape, v: shape }),
    flops: attentionFlops(spec),
  }
}

/**
 * One token after a cache of keys and values, as text is written. Either every engine is handed the cache and hands it
 * back, or Lanewise's session keeps it; peers have no such session.
 */
function decode(position: number, kept: boolean): Work {
  const [heads, kvHeads, dim, capacity] = [12, 4, 64, 1024]
  const row = [1, 1, kvHeads * dim]
  const cache = [1, kvHeads, capacity, dim]
  const inputs = { q: [1, 1, heads * dim], k: row, v: row, past_key: cache, past_value: cache }
  // Nothing follows the tokens so far.
  const feeds = feedsOf(inputs)
  for (const feed of feeds) {
    for (const name of ['past_key', 'past_value'])
      for (let h = 0; h < kvHeads; h++)
        (present(feed.get(name), name).data as Float32Array).fill(
          0,
          (h * capacity + position) * dim,
          (h + 1) * capacity * dim,
        )
  }
  const number = (name: string, value: number, shape: number[]): [string, HostTensor] => [
    name,
    { dtype: 'int32', shape, data: Int32Array.of(value) },
  ]
  const weights = new Map([number('seqlens_k', position, [1]), number('total_sequence_length', position + 1, [])])
  const outputs = ['y', 'present_key', 'present_value']
  const attributes = { num_heads: BigInt(heads), kv_num_heads: BigInt(kvHeads) }
  return {
    suite: 'sequence',
    group: 'token behind a cache',
    name: `GroupQueryAttention, ${heads}/${kvHeads} heads D${dim}, token ${position} of ${capacity}${kept ? ', cache kept' : ''}`,
    model: model({
      inputs,
      outputs,
      weights,
      nodes: [
        node('GroupQueryAttention', [...Object.keys(inputs), ...weights.keys()], outputs, attributes, 'com.microsoft'),
      ],
      opset: 17,
    }),
    feeds,
    ...(kept ? { states: { past_key: 'present_key', past_value: 'present_value' } } : {}),
    flops: 4 * heads * dim * (position + 1),
  }
}

/**
 * Additive attention (Bahdanau et al., 2015) as a captioner uses it, tanh(Wq·q + Wk·k)·v over 16 places of an image:
 * keys are projected with the image, so a step has them as an input.
 */
function additiveAttention(batch: number, width = 256): Work {
  const random = seeded(6)
  const scale = 1 / Math.sqrt(width)
  const weights = new Map([
    ['wq', randomTensor(random, 'float32', [width, width], -scale, scale)],
    ['bq', randomTensor(random, 'float32', [width], -scale, scale)],
    ['v', randomTensor(random, 'float32', [width, 1], -scale, scale)],
  ])
  const nodes = [
    node('MatMul', ['q', 'wq'], ['product']),
    node('Add', ['product', 'bq'], ['query']),
    node('Unsqueeze', ['query', 'one'], ['row']),
    node('Add', ['row', 'keys'], ['sum']),
    node('Tanh', ['sum'], ['bent']),
    node('MatMul', ['bent', 'v'], ['energies']),
    node('Softmax', ['energies'], ['p'], { axis: 1n }),
    node('Mul', ['p', 'values'], ['weighted']),
    node('ReduceSum', ['weighted', 'one'], ['y'], { keepdims: 0n }),
  ]
  const constants = new Map<string, HostTensor>([
    ...weights,
    ['one', { dtype: 'int64', shape: [1], data: BigInt64Array.of(1n) }],
  ])
  const inputs = { q: [batch, width], keys: [batch, 16, width], values: [batch, 16, width] }
  return {
    suite: 'sequence',
    group: 'additive attention',
    name: `additive attention, B${batch}, 16 places of ${width}`,
    model: model({ inputs, outputs: ['y', 'p'], weights: constants, nodes, opset: 17 }),
    feeds: feedsOf(inputs),
  }
}

function layerNorm(rows: number, width: number): Work {
  const random = seeded(4)
  const weights = new Map([
    ['scale', randomTensor(random, 'float32', [width], 0.5, 1.5)],
    ['bias', randomTensor(random, 'float32', [width], -1, 1)],
  ])
  const feeds = feedsOf({ x: [rows, width] })
  const build = (op: string, given: Feeds): Uint8Array =>
    model({
      inputs: { x: [rows, width] },
      outputs: ['y'],
      weights: given,
      nodes: [node(op, ['x', ...given.keys()], ['y'])],
    })
  return {
    suite: 'sequence',
    group: 'layer norm',
    name: `LayerNormalization ${rows}×${width}`,
    model: build('LayerNormalization', weights),
    identities: [{ model: build('Identity', new Map()), feeds }],
    feeds,
  }
}

const recurrences: readonly Recurrence[] = [
  { t: 100, b: 1, i: 128, h: 256 },
  { t: 28, b: 32, i: 28, h: 128 },
  { t: 100, b: 1, i: 64, h: 128, bidirectional: true },
  { t: 32, b: 8, i: 512, h: 512 },
]

/** Recurrent and attention operators, and the models that are made of them. */
export function* sequenceWorks(): Generator<() => Work> {
  for (const op of ['LSTM', 'GRU', 'RNN'] as const) for (const spec of recurrences) yield () => recurrent(op, spec)
  for (const causal of [false, true]) {
    for (const [heads, s] of [
      [12, 128],
      [12, 512],
      [8, 1024],
    ]) {
      yield () => attentionOp({ heads, s, dim: 64, causal })
      yield () => decomposedAttention({ heads, s, dim: 64, causal })
    }
  }
  yield* pastWorks()
  yield* loopWorks()
  for (const position of [100, 1000]) for (const kept of [false, true]) yield () => decode(position, kept)
  for (const batch of [1, 16]) yield () => additiveAttention(batch)
  yield () => layerNorm(128, 768)
  yield* captionWorks()
  yield* sequenceModelWorks()
}

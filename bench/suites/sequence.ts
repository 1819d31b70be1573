import type { Shape } from '../../src/shape.js'
import { randomTensor, seeded } from '../../tests/support/random.js'
import { model, node } from '../graph.js'
import type { Feeds, Work } from '../work.js'
import { sequenceModelWorks } from './models.js'

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

function recurrent(op: 'LSTM' | 'GRU', { t, b, i, h, bidirectional }: Recurrence): Work {
  const gates = op === 'LSTM' ? 4 : 3
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
    group: 'LSTM and GRU',
    name: `${op} T${t} B${b} I${i} H${h}${bidirectional ? ' bidirectional' : ''}`,
    model: model({ inputs: { x: [t, b, i] }, outputs, weights, nodes: [node(op, ['x', ...weights.keys()], outputs, attributes)], opset: 17 }),
    feeds: feedsOf({ x: [t, b, i] }),
    flops: 2 * t * b * d * gates * h * (i + h),
  }
}

/** What exporters write for scaled dot-product attention before opset 23. */
function decomposedAttention(heads: number, s: number, dim: number): Work {
  const shape = [1, heads, s, dim]
  const weights = new Map([['scale', { dtype: 'float32', shape: [], data: Float32Array.of(1 / Math.sqrt(dim)) } as const]])
  const nodes = [
    node('Transpose', ['k'], ['kt'], { perm: [0n, 1n, 3n, 2n] }),
    node('MatMul', ['q', 'kt'], ['scores']),
    node('Mul', ['scores', 'scale'], ['scaled']),
    node('Softmax', ['scaled'], ['p'], { axis: -1n }),
    node('MatMul', ['p', 'v'], ['y']),
  ]
  return {
    suite: 'sequence',
    group: 'attention',
    name: `attention decomposed, ${heads} heads S${s} D${dim}`,
    model: model({ inputs: { q: shape, k: shape, v: shape }, outputs: ['y'], weights, nodes, opset: 17 }),
    feeds: feedsOf({ q: shape, k: shape, v: shape }),
    flops: 4 * heads * s * s * dim,
  }
}

/** com.microsoft's MultiHeadAttention: the form that every onnxruntime has as one operator. */
function attentionOp(heads: number, s: number, dim: number): Work {
  const shape = [1, s, heads * dim]
  return {
    suite: 'sequence',
    group: 'attention',
    name: `MultiHeadAttention, ${heads} heads S${s} D${dim}`,
    model: model({
      inputs: { q: shape, k: shape, v: shape },
      outputs: ['y'],
      nodes: [node('MultiHeadAttention', ['q', 'k', 'v'], ['y'], { num_heads: BigInt(heads) }, 'com.microsoft')],
      opset: 17,
    }),
    feeds: feedsOf({ q: shape, k: shape, v: shape }),
    flops: 4 * heads * s * s * dim,
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
    model({ inputs: { x: [rows, width] }, outputs: ['y'], weights: given, nodes: [node(op, ['x', ...given.keys()], ['y'])] })
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
  for (const op of ['LSTM', 'GRU'] as const) for (const spec of recurrences) yield () => recurrent(op, spec)
  for (const [heads, s] of [[12, 128], [12, 512], [8, 1024]]) {
    yield () => attentionOp(heads, s, 64)
    yield () => decomposedAttention(heads, s, 64)
  }
  yield () => layerNorm(128, 768)
  yield* sequenceModelWorks()
}

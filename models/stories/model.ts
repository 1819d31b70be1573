import '../../src/all-ops.js'
import { GraphBuilder } from '../../src/node.js'
import type { Graph, Value } from '../../src/ir/graph.js'
import type { Checkpoint } from './checkpoint.js'

const EPSILON = 1e-5

/**
 * The model as a graph. Inputs: `tokens` and `positions` int64 [T], and for every layer a buffer of past keys and
 * values, `keys_I` and `values_I` float32 [C, kvHeads · size]. Outputs: `logits` [T, vocabulary] and the buffers with
 * the rows of these positions filled in, `new_keys_I` and `new_values_I`. A token sees what stands in the buffers up to
 * its own position, so that rows beyond may hold anything finite. T is 1 for generation and more for a prompt; C is
 * whatever the caller has room for: while it stays the same, so does the plan.
 */
export function storiesGraph({ config, embedding, layers, norm, cosines, sines, classifier }: Checkpoint): Graph {
  const { dim, hiddenDim, heads, kvHeads, vocabulary, length } = config
  const size = dim / heads
  const kvDim = kvHeads * size
  const g = new GraphBuilder('stories')
  const weight = (name: string, data: Float32Array, ...shape: number[]): Value =>
    g.constant(name, { dtype: 'float32', shape, data })
  const integers = (name: string, ...values: number[]): Value =>
    g.constant(name, { dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) })

  const tokens = g.input('tokens', 'int64', ['T'])
  const positions = g.input('positions', 'int64', ['T'])
  const first = integers('first', 0)
  const second = integers('second', 1)
  const table = weight('tok_embeddings.weight', embedding, vocabulary, dim)
  const [cos, sin] = [weight('rope.cos', cosines, length, size / 2), weight('rope.sin', sines, length, size / 2)]

  /** y = x Wᵀ, as the file has W. */
  const linear = (x: Value, name: string, data: Float32Array, out: number, into: number): Value =>
    g.op('Gemm', [x, weight(`${name}.weight`, data, out, into)], { transB: 1 }, name)
  const rms = (x: Value, name: string, data: Float32Array): Value =>
    g.op('RMSNormalization', [x, weight(`${name}.weight`, data, dim)], { epsilon: EPSILON }, name)
  /** [T, n] → [1, T, n]: the operators of attention have a batch. */
  const batched = (x: Value, name: string): Value => g.op('Unsqueeze', [x, first], {}, `${name}/batched`)
  const rowPositions = batched(positions, 'positions')
  const rotated = (x: Value, count: number, name: string): Value =>
    g.op(
      'RotaryEmbedding',
      [batched(x, name), cos, sin, rowPositions],
      { interleaved: 1, num_heads: count },
      `${name}/rotated`,
    )

  const rows = g.op('Unsqueeze', [positions, second], {}, 'rows')
  const caches = layers.map((_, i) => [
    g.input(`keys_${i}`, 'float32', ['C', kvDim]),
    g.input(`values_${i}`, 'float32', ['C', kvDim]),
  ])
  // [T, C]: which rows of the buffers a token sees.
  const capacity = g.op('Shape', [caches[0][0]], { end: 1 }, 'capacity')
  const scalar = (name: string, value: number): Value =>
    g.constant(name, { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(value)) })
  const places = g.op(
    'Range',
    [scalar('zero', 0), g.op('Squeeze', [capacity], {}, 'capacity/number'), scalar('one', 1)],
    {},
    'places',
  )
  const seen = g.op('LessOrEqual', [places, rows], {}, 'seen')

  let x = g.op('Gather', [table, tokens], {}, 'tok_embeddings')
  const filled: [Value, string][] = []
  layers.forEach((layer, i) => {
    const name = (part: string): string => `layers.${i}.${part}`
    const normal = rms(x, name('attention_norm'), layer.attentionNorm)
    const q = rotated(linear(normal, name('attention.wq'), layer.query, dim, dim), heads, name('attention.q'))
    const k = rotated(linear(normal, name('attention.wk'), layer.key, kvDim, dim), kvHeads, name('attention.k'))
    const v = linear(normal, name('attention.wv'), layer.value, kvDim, dim)
    const [keys, values] = [g.op('Squeeze', [k, first], {}, name('attention.k/rows')), v].map((fresh, which) => {
      const stem = which === 0 ? 'new_keys' : 'new_values'
      const all = g.op('ScatterND', [caches[i][which], rows, fresh], {}, `${stem}_${i}`)
      filled.push([all, `${stem}_${i}`])
      return batched(all, `${stem}_${i}`)
    })
    const attended = g.op(
      'Attention',
      [q, keys, values, seen],
      { q_num_heads: heads, kv_num_heads: kvHeads },
      name('attention'),
    )
    const joined = g.op('Squeeze', [attended, first], {}, name('attention/rows'))
    x = g.op('Add', [x, linear(joined, name('attention.wo'), layer.output, dim, dim)], {}, name('attention/sum'))
    const before = rms(x, name('ffn_norm'), layer.feedForwardNorm)
    // SwiGLU (Shazeer, "GLU Variants Improve Transformer", 2020); Swish itself needs a newer operator set than most
    // runtimes have.
    const gate = linear(before, name('feed_forward.w1'), layer.gate, hiddenDim, dim)
    const open = g.op(
      'Mul',
      [gate, g.op('Sigmoid', [gate], {}, name('feed_forward/sigmoid'))],
      {},
      name('feed_forward/swish'),
    )
    const up = linear(before, name('feed_forward.w3'), layer.up, hiddenDim, dim)
    const inner = g.op('Mul', [open, up], {}, name('feed_forward/gated'))
    x = g.op(
      'Add',
      [x, linear(inner, name('feed_forward.w2'), layer.down, dim, hiddenDim)],
      {},
      name('feed_forward/sum'),
    )
  })
  const last = rms(x, 'norm', norm)
  const words = classifier === embedding ? table : weight('output.weight', classifier, vocabulary, dim)
  g.output(g.op('Gemm', [last, words], { transB: 1 }, 'logits'))
  for (const [value, name] of filled) g.output(value, name)
  return g.graph()
}

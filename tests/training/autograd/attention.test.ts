import { beforeAll, describe, expect, test } from 'vitest'
import { InferenceSession, Tensor } from '../../../src/node.js'
import { apply } from '../../../src/autograd/apply.js'
import { Device } from '../../../src/autograd/device.js'
import type { Parameter, Variable } from '../../../src/autograd/variable.js'
import { hostFrom } from '../../../src/core/host.js'
import { AdditiveAttention, MultiheadAttention } from '../../../src/nn/attention.js'
import { toGraph, type InputSpec } from '../../../src/nn/export.js'
import * as F from '../../../src/nn/functional.js'
import { GraphModule } from '../../../src/nn/graph-module.js'
import { normal } from '../../../src/nn/init.js'
import { Embedding, Linear } from '../../../src/nn/linear.js'
import { LocallyConnected2d } from '../../../src/nn/locally-connected.js'
import { linearCrossEntropy } from '../../../src/nn/losses/losses.js'
import { Module } from '../../../src/nn/module.js'
import { LayerNorm } from '../../../src/nn/norm.js'
import {
  PositionalEncoding,
  TransformerDecoderLayer,
  TransformerEncoder,
  TransformerEncoderLayer,
} from '../../../src/nn/transformer.js'
import { exportModel } from '../../../src/onnx/export-any.js'
import { registerAllOps } from '../../../src/api/register-all.js'
import { RandomAttention } from '../../../src/ops/attention/attention-gradient.js'
import { Attention } from '../../../src/ops/attention/attention.js'
import { Adam } from '../../../src/optim/methods.js'
import { toHost } from '../../../src/api/tensor.js'
import { onnxruntimeWeb } from '../../conformance/engines.js'
import { attentionReference } from '../../ops/attention/attention.reference.js'
import { expectError } from '../../support/expect-error.js'

registerAllOps()

let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 11 })
})

function random(shape: readonly number[]): Float32Array {
  return Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => device.random.between(-1, 1))
}

function near(actual: ArrayLike<number>, expected: ArrayLike<number>, tolerance = 2e-6): void {
  expect(actual.length).toBe(expected.length)
  const largest = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (let i = 0; i < expected.length; i++)
    expect(
      Math.abs(actual[i] - expected[i]),
      `element ${i}: ${actual[i]}, should be ${expected[i]}`,
    ).toBeLessThanOrEqual(tolerance * (1 + largest))
}

/** x · wᵀ + b in float64. */
function linear(x: ArrayLike<number>, w: ArrayLike<number>, b: ArrayLike<number>, size: number): number[] {
  return Array.from({ length: (x.length / size) * b.length }, (_, at) => {
    const [row, out] = [Math.floor(at / b.length), at % b.length]
    let sum = b[out]
    for (let i = 0; i < size; i++) sum += x[row * size + i] * w[out * size + i]
    return sum
  })
}

const data = (parameter: Parameter | undefined) => parameter!.data() as Float32Array

describe('MultiheadAttention', () => {
  test('is projections, attention and a projection; the batch is the second axis unless told', () => {
    const attention = new MultiheadAttention(6, 3, { batchFirst: true, device })
    const turned = new MultiheadAttention(6, 3, { device })
    expect([...attention.stateDict()].map(([name, { dims }]) => `${name} ${dims.join()}`)).toEqual([
      'in_proj_weight 18,6',
      'in_proj_bias 18',
      'out_proj.weight 6,6',
      'out_proj.bias 6',
    ])
    attention.in_proj_bias!.assign(random([18]))
    turned.loadStateDict(attention.stateDict())
    const x = random([2, 5, 6])
    const weights = data(attention.in_proj_weight)
    const [q, k, v] = [0, 1, 2].map((i) => ({
      shape: [2, 5, 6],
      data: linear(
        x,
        weights.subarray(i * 36, i * 36 + 36),
        data(attention.in_proj_bias).subarray(i * 6, i * 6 + 6),
        6,
      ),
    }))
    const [attended] = attentionReference([q, k, v], { q_num_heads: 3, kv_num_heads: 3, is_causal: 1 })
    const expected = linear(attended.data, data(attention.out_proj.weight), data(attention.out_proj.bias), 6)
    device.step(() => {
      const input = device.tensor(x, [2, 5, 6])
      near(attention.call(input, input, input, { isCausal: true }).data() as Float32Array, expected)
      const other = F.transpose(input, [1, 0, 2])
      near(
        F.transpose(turned.call(other, other, other, { isCausal: true }), [1, 0, 2]).data() as Float32Array,
        expected,
      )
    })
  })

  test('sizes of its own for keys, values and heads of values', () => {
    const attention = new MultiheadAttention(8, 2, { kdim: 3, vdim: 5, valueHeadDim: 7, batchFirst: true, device })
    expect([...attention.stateDict()].map(([name, { dims }]) => `${name} ${dims.join()}`)).toEqual([
      'q_proj_weight 8,8',
      'k_proj_weight 8,3',
      'v_proj_weight 14,5',
      'in_proj_bias 30',
      'out_proj.weight 8,14',
      'out_proj.bias 8',
    ])
    device.step(() => {
      const y = attention.call(
        device.tensor(random([2, 3, 8]), [2, 3, 8]),
        device.tensor(random([2, 4, 3]), [2, 4, 3]),
        device.tensor(random([2, 4, 5]), [2, 4, 5]),
      )
      expect(y.shape).toEqual([2, 3, 8])
      F.sum(y).backward()
    })
    for (const parameter of attention.parameters()) expect(parameter.grad, parameter.name).toBeDefined()
    expectError('E_VALUE', () => new MultiheadAttention(8, 3, { device }))
  })

  test.each(['bool', 'float32'] as const)('what a mask (%s) or padding hides might as well not be there', (dtype) => {
    const attention = new MultiheadAttention(4, 2, { batchFirst: true, device })
    const hidden = [0, 0, 0, 1, 0, 1]
    device.step(() => {
      const x = random([1, 6, 4])
      const q = device.tensor(x, [1, 6, 4])
      const seen = device.tensor(Float32Array.from([...x.slice(0, 12), ...x.slice(16, 20)]), [1, 4, 4])
      const expected = attention.call(q, seen, seen).data() as Float32Array
      // The fourth key by the mask of keys, the last by the mask of queries and keys.
      const last = hidden.map((_, j) => (j === 5 ? (dtype === 'bool' ? 1 : -Infinity) : 0))
      const attnMask = device.constant(hostFrom(dtype, [1, 6], last))
      const keyPaddingMask = device.constant(
        hostFrom(
          'bool',
          [1, 6],
          hidden.map((bit, j) => (j === 3 ? bit : 0)),
        ),
      )
      near(attention.call(q, q, q, { attnMask, keyPaddingMask }).data() as Float32Array, expected)
      near(
        attention
          .call(q, q, q, { keyPaddingMask: device.constant(hostFrom('bool', [1, 6], hidden)) })
          .data() as Float32Array,
        expected,
      )
    })
  })

  test('exports with a mask of padding', async () => {
    class Padded extends Module {
      attention = new MultiheadAttention(4, 2, { batchFirst: true, device })
      forward(x: Variable, padding: Variable): Variable {
        return this.attention.call(x, x, x, { keyPaddingMask: padding })
      }
    }
    const model = new Padded(device)
    const [x, padding] = [
      new Tensor('float32', random([2, 3, 4]), [2, 3, 4]),
      new Tensor('bool', Uint8Array.of(0, 0, 1, 0, 1, 0), [2, 3]),
    ]
    const free = [
      { name: 'batch', size: 3 },
      { name: 'length', size: 5 },
    ]
    await agreesWithOrt(
      model,
      [
        { name: 'x', shape: [...free, 4] },
        { name: 'padding', dtype: 'bool', shape: free },
      ],
      { x, padding },
      model.predict(x, padding).data as Float32Array,
    )
  })

  test('with hardly any dropout the same numbers and gradients as without', () => {
    const fused = new MultiheadAttention(6, 2, { batchFirst: true, device })
    const dropping = new MultiheadAttention(6, 2, { batchFirst: true, dropout: 1e-9, device })
    dropping.loadStateDict(fused.stateDict())
    device.step(() => {
      const x = device.tensor(random([2, 7, 6]), [2, 7, 6])
      const keyPaddingMask = device.constant(
        hostFrom(
          'bool',
          [2, 7],
          Array.from({ length: 14 }, (_, i) => (i % 7 === 2 ? 1 : 0)),
        ),
      )
      const [a, b] = [fused, dropping].map((model) => {
        const y = model.call(x, x, x, { isCausal: true, keyPaddingMask })
        F.sumSquares(y).backward()
        return y.data() as Float32Array
      })
      near(b, a)
    })
    const gradients = [fused, dropping].map((model) =>
      model.parameters().map((parameter) => parameter.grad!.data() as Float32Array),
    )
    gradients[0].forEach((gradient, i) => near(gradients[1][i], gradient, 2e-5))
  })

  // Several blocks of queries, a tail of keys, queries that share keys, values of another size.
  test.each([
    ['causal, padded', { queries: 37, keys: 37, heads: 2, kvHeads: 2, causal: 1 }],
    ['shared keys, added mask', { queries: 5, keys: 11, heads: 4, kvHeads: 2, causal: 0 }],
    ['one query', { queries: 1, keys: 300, heads: 1, kvHeads: 1, causal: 0 }],
  ] as const)(
    'drops the same probabilities as operator by operator: %s',
    async (_, { queries, keys, heads, kvHeads, causal }) => {
      const [batch, size, valueSize, p] = [2, 6, 9, 0.3]
      const values = [
        [batch, heads, queries, size],
        [batch, kvHeads, keys, size],
        [batch, kvHeads, keys, valueSize],
      ].map((shape) => ({ dtype: 'float32' as const, shape, data: random(shape) }))
      const weights = random([batch, heads, queries, valueSize])
      // Padding hides the third key; an added mask has a gradient.
      const bool = causal === 1
      const data = random([batch, heads, queries, keys])
      const mask = bool
        ? hostFrom(
            'bool',
            [batch, 1, 1, keys],
            Array.from({ length: batch * keys }, (_, i) => (i % keys === 2 ? 0 : 1)),
          )
        : { dtype: 'float32' as const, shape: [batch, heads, queries, keys], data }
      const runs = [true, false].map(async (fused) => {
        // The same seed: the first random operator of both draws the same numbers.
        const own = await Device.create({ build: 'simd', seed: 5 })
        const [q, k, v] = values.map((value) => own.parameter(value))
        const added = bool ? undefined : own.parameter(mask)
        const scalar = (value: number) => own.constant({ dtype: 'float32', shape: [], data: Float32Array.of(value) })
        const found = own.step(() => {
          const hidden = added ?? own.constant(mask)
          const decomposed = () => {
            const repeat = (x: Variable) =>
              F.reshape(F.expand(F.unsqueeze(x, [2]), [batch, kvHeads, heads / kvHeads, keys, x.shape[3]]), [
                batch,
                heads,
                keys,
                x.shape[3],
              ])
            let scores = F.mul(F.matmul(q, F.transpose(repeat(k), [0, 1, 3, 2])), 1 / Math.sqrt(size))
            scores = bool ? F.where(hidden, scores, scalar(-1e30)) : F.add(scores, hidden)
            if (causal) {
              const past = Uint8Array.from({ length: queries * keys }, (_, at) =>
                at % keys <= Math.floor(at / keys) ? 1 : 0,
              )
              scores = F.where(
                own.constant({ dtype: 'bool', shape: [queries, keys], data: past }),
                scores,
                scalar(-1e30),
              )
            }
            return F.matmul(F.dropout(F.softmax(scores), p), repeat(v))
          }
          const y = fused
            ? apply(own, RandomAttention, [q, k, v, hidden], { is_causal: causal, dropout: p })[0]
            : decomposed()
          y.backward(own.tensor(weights, y.shape))
          return [y, q.grad, k.grad, v.grad, ...(added ? [added.grad] : [])].map(
            (variable) => variable!.data() as Float32Array,
          )
        })
        own.dispose()
        return found
      })
      const [fused, decomposed] = await Promise.all(runs)
      decomposed.forEach((expected, i) => near(fused[i], expected, 5e-6))
      // And something was dropped: without, the result is another.
      device.step(() => {
        const [q, k, v] = values.map((value) => device.tensor(value))
        const plain = apply(device, Attention, [q, k, v, bool ? device.constant(mask) : device.tensor(mask)], {
          is_causal: causal,
        })[0].data() as Float32Array
        expect(Math.max(...plain.map((value, i) => Math.abs(value - fused[0][i])))).toBeGreaterThan(0.01)
      })
    },
  )

  test('what is dropped has no part, not even as NaN', async () => {
    const own = await Device.create({ build: 'simd', seed: 2 })
    const ones = own.parameter({ dtype: 'float32', shape: [1, 1, 4, 4], data: new Float32Array(16).fill(0.5) })
    const values = new Float32Array(16).fill(1)
    values.fill(NaN, 12)
    const y = own.step(
      () =>
        apply(own, RandomAttention, [ones, ones, own.tensor(values, [1, 1, 4, 4])], {
          dropout: 0.5,
        })[0].data() as Float32Array,
    )
    const withNaN = [0, 1, 2, 3].map((row) => Number.isNaN(y[4 * row]))
    expect(withNaN).toContain(true)
    expect(withNaN).toContain(false)
    own.dispose()
    expectError('E_VALUE', () =>
      device.step(() =>
        apply(
          device,
          RandomAttention,
          [0, 1, 2].map(() => device.tensor(random([1, 1, 2, 2]), [1, 1, 2, 2])),
          { dropout: 1 },
        ),
      ),
    )
  })

  test.each([
    ['Attention', Attention, {}],
    ['with dropout', RandomAttention, { dropout: 0.2 }],
  ] as const)('the backward pass takes memory in proportion to the length: %s', (_, op, attributes) => {
    const most = [512, 2048].map(async (length) => {
      const own = await Device.create({ build: 'simd', seed: 1 })
      const inputs = [0, 1, 2].map(() =>
        own.parameter({ dtype: 'float32', shape: [1, 1, length, 16], data: new Float32Array(length * 16).fill(0.1) }),
      )
      own.step(() => F.sum(apply(own, op, inputs, attributes)[0]).backward())
      const { step } = own.memory
      own.dispose()
      return step
    })
    return Promise.all(most).then(([short, long]) => {
      expect(long).toBeLessThan(4.2 * short)
      expect(long).toBeLessThan((2048 * 2048 * 4) / 4)
    })
  })
})

class LanguageModel extends Module {
  embedding = new Embedding(12, 32, { device, init: normal(0, 0.3) })
  positions = new PositionalEncoding(32, { maxLength: 32, dropout: 0, batchFirst: true, device })
  encoder = new TransformerEncoder(
    [0, 1].map(
      () =>
        new TransformerEncoderLayer(32, 2, {
          dimFeedforward: 32,
          dropout: 0,
          batchFirst: true,
          normFirst: true,
          activation: 'gelu',
          device,
        }),
    ),
    {
      norm: new LayerNorm(32, { device }),
    },
  )
  scores = new Linear(32, 12, { device })

  features(tokens: Variable): Variable {
    return this.encoder.call(this.positions.call(this.embedding.call(tokens)), { isCausal: true })
  }
  forward(tokens: Variable): Variable {
    return this.scores.call(this.features(tokens))
  }
}

/** Sequences that repeat with a period of three: from the fourth token on the next one is known. */
function periodic(batch: number, length: number): BigInt64Array {
  const tokens = new BigInt64Array(batch * length)
  for (let b = 0; b < batch; b++) {
    const motif = [0, 1, 2].map(() => Math.floor(device.random.between(0, 12)))
    for (let i = 0; i < length; i++) tokens[b * length + i] = BigInt(motif[i % 3])
  }
  return tokens
}

async function agreesWithOrt(
  model: Module,
  inputs: readonly InputSpec[],
  feeds: Readonly<Record<string, Tensor>>,
  expected: Float32Array,
): Promise<void> {
  const bytes = exportModel(toGraph(model, inputs))
  const session = await InferenceSession.create(bytes)
  near((await session.run(feeds)).output.data as Float32Array, expected, 1e-5)
  const peer = await (await onnxruntimeWeb()).load(bytes)
  const results = await peer.run(new Map(Object.entries(feeds).map(([name, tensor]) => [name, toHost(tensor, name)])))
  near((results.get('output') as { data: Float32Array }).data, expected, 1e-5)
  await session.release()
}

describe('transformers', () => {
  test('a causal model learns to copy from three places before, and exports with free batch and length', async () => {
    const model = new LanguageModel()
    const optimizer = new Adam(model.parameters(), { lr: 5e-3 })
    const [batch, length] = [16, 9]
    const losses: number[] = []
    for (let step = 0; step < 150; step++) {
      const tokens = periodic(batch, length + 1)
      const rows = (from: number) =>
        BigInt64Array.from(
          { length: batch * length },
          (_, i) => tokens[Math.floor(i / length) * (length + 1) + (i % length) + from],
        )
      losses.push(
        device.step(() => {
          const loss = linearCrossEntropy(
            model.features(device.tensor(rows(0), [batch, length])),
            model.scores.weight,
            model.scores.bias,
            device.tensor(rows(1), [batch, length]),
          )
          loss.backward()
          optimizer.step()
          optimizer.zeroGrad()
          return loss.item()
        }),
      )
    }
    // The first two of nine cannot be known: 2/9 · log 12 = 0.55; guessing is log 12 = 2.48.
    expect(losses.at(-1)).toBeLessThan(0.75)
    expect(losses.at(-1)).toBeGreaterThan(0.45)
    const tokens = new Tensor('int64', periodic(3, 9), [3, 9])
    const expected = model.eval().predict(tokens).data as Float32Array
    const free = [
      { name: 'batch', size: 2 },
      { name: 'length', size: 5 },
    ]
    await agreesWithOrt(model, [{ name: 'tokens', dtype: 'int64', shape: free }], { tokens }, expected)
  })

  test.each([false, true])(
    'a decoder layer (normFirst: %s) exports, and every parameter gets a gradient',
    async (normFirst) => {
      const layer = new TransformerDecoderLayer(8, 2, { dimFeedforward: 12, normFirst, device })
      const [tgt, memory] = [
        new Tensor('float32', random([4, 2, 8]), [4, 2, 8]),
        new Tensor('float32', random([6, 2, 8]), [6, 2, 8]),
      ]
      device.step(() => F.sumSquares(layer.call(device.tensor(tgt), device.tensor(memory))).backward())
      for (const [name, parameter] of layer.namedParameters()) expect(parameter.grad, name).toBeDefined()
      const expected = layer.eval().predict(tgt, memory).data as Float32Array
      const batch = { name: 'batch', size: 3 }
      const spec = [
        { name: 'tgt', shape: [{ name: 'queries', size: 3 }, batch, 8] },
        { name: 'memory', shape: [{ name: 'keys', size: 5 }, batch, 8] },
      ]
      await agreesWithOrt(layer, spec, { tgt, memory }, expected)
    },
  )

  test('positions: sines and cosines, learned ones, and an end', () => {
    const positions = new PositionalEncoding(4, { maxLength: 3, dropout: 0, device })
    expect([...positions.namedParameters()]).toEqual([])
    near(
      data(positions.pe),
      [0, 1, 2].flatMap((t) => [Math.sin(t), Math.cos(t), Math.sin(t / 100), Math.cos(t / 100)]),
      1e-7,
    )
    expect(new PositionalEncoding(4, { learned: true, device }).parameters()).toHaveLength(1)
    expectError('E_SHAPE', () => device.step(() => positions.call(device.tensor(random([4, 1, 4]), [4, 1, 4]))))
  })
})

test('additive attention: weights add up to one, padding has none', () => {
  const attention = new AdditiveAttention(3, 5, 4, { device })
  device.step(() => {
    const keys = random([2, 6, 5])
    const padding = device.constant(
      hostFrom(
        'bool',
        [2, 6],
        Array.from({ length: 12 }, (_, i) => (i === 4 ? 1 : 0)),
      ),
    )
    const [context, weights] = attention.call(
      device.tensor(random([2, 3]), [2, 3]),
      device.tensor(keys, [2, 6, 5]),
      padding,
    )
    const w = weights.data() as Float32Array
    expect(w[4]).toBe(0)
    for (const b of [0, 1]) expect(w.slice(b * 6, b * 6 + 6).reduce((a, c) => a + c)).toBeCloseTo(1, 6)
    near(
      context.data() as Float32Array,
      Array.from({ length: 10 }, (_, at) =>
        Array.from(
          { length: 6 },
          (_, j) => w[Math.floor(at / 5) * 6 + j] * keys[(Math.floor(at / 5) * 6 + j) * 5 + (at % 5)],
        ).reduce((a, c) => a + c),
      ),
    )
    F.sumSquares(context).backward()
  })
  for (const [name, parameter] of attention.namedParameters()) expect(parameter.grad, name).toBeDefined()
})

test('additive attention goes through ONNX and back, and can be trained on', async () => {
  class Context extends Module {
    attention = new AdditiveAttention(3, 5, 4, { device })
    forward(query: Variable, keys: Variable, padding: Variable): Variable {
      return this.attention.call(query, keys, padding)[0]
    }
  }
  const model = new Context(device)
  const query = new Tensor('float32', random([2, 3]), [2, 3])
  const keys = new Tensor('float32', random([2, 6, 5]), [2, 6, 5])
  const padding = new Tensor(
    'bool',
    Uint8Array.from({ length: 12 }, (_, i) => (i > 9 ? 1 : 0)),
    [2, 6],
  )
  const expected = model.predict(query, keys, padding).data as Float32Array
  const [batch, length] = [
    { name: 'batch', size: 3 },
    { name: 'length', size: 4 },
  ]
  const specs: InputSpec[] = [
    { name: 'query', shape: [batch, 3] },
    { name: 'keys', shape: [batch, length, 5] },
    { name: 'padding', dtype: 'bool', shape: [batch, length] },
  ]
  await agreesWithOrt(model, specs, { query, keys, padding }, expected)
  const session = await InferenceSession.create(exportModel(toGraph(model, specs)))
  const again = new GraphModule(session.model, { device })
  await session.release()
  expect([...again.stateDict().keys()].sort()).toEqual([...model.stateDict().keys()].sort())
  near(again.predict(query, keys, padding).data as Float32Array, expected)
  device.step(() => {
    const [a, b, c] = [query, keys, padding].map((tensor) => device.tensor(tensor))
    F.add(F.sumSquares(model.call(a, b, c)), F.sumSquares(again.forward(a, b, c))).backward()
  })
  const gradients = new Map(
    [...model.namedParameters()].map(([name, parameter]) => [name, parameter.grad!.data() as Float32Array]),
  )
  for (const [name, parameter] of again.namedParameters())
    near(parameter.grad!.data() as Float32Array, gradients.get(name)!)
})

test('a locally connected layer has filters of its own at every place', async () => {
  const layer = new LocallyConnected2d(2, 3, [3, 2], [5, 6], { stride: [2, 1], padding: 1, device })
  const [rows, columns] = layer.outputSize
  expect([rows, columns]).toEqual([3, 7])
  const x = random([2, 2, 5, 6])
  const [w, bias] = [data(layer.weight), data(layer.bias)]
  const expected = new Float64Array(2 * 3 * rows * columns)
  for (let at = 0; at < expected.length; at++) {
    const [b, o, r, c] = [
      Math.floor(at / (3 * rows * columns)),
      Math.floor(at / (rows * columns)) % 3,
      Math.floor(at / columns) % rows,
      at % columns,
    ]
    const place = r * columns + c
    expected[at] = bias[o * rows * columns + place]
    for (let i = 0; i < 2 * 3 * 2; i++) {
      const [channel, y, z] = [Math.floor(i / 6), r * 2 + (Math.floor(i / 2) % 3) - 1, c + (i % 2) - 1]
      if (y >= 0 && y < 5 && z >= 0 && z < 6)
        expected[at] += w[(place * 12 + i) * 3 + o] * x[((b * 2 + channel) * 5 + y) * 6 + z]
    }
  }
  const input = new Tensor('float32', x, [2, 2, 5, 6])
  near(layer.predict(input).data as Float32Array, expected)
  await agreesWithOrt(
    layer,
    [{ name: 'x', shape: [{ name: 'batch', size: 1 }, 2, 5, 6] }],
    { x: input },
    Float32Array.from(expected),
  )
  device.step(() => F.sumSquares(layer.call(device.tensor(input))).backward())
  expect(layer.weight.grad).toBeDefined()
})

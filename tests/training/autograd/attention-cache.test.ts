import { beforeAll, describe, expect, test } from 'vitest'
import { Device } from '../../../src/autograd/device.js'
import type { Variable } from '../../../src/autograd/variable.js'
import { registerAllOps } from '../../../src/api/register-all.js'
import { Tensor } from '../../../src/api/tensor.js'
import { hostFrom } from '../../../src/core/host.js'
import { KeyValueCache, positionsOf } from '../../../src/nn/attention-cache.js'
import { MultiheadAttention, type AttentionMasks } from '../../../src/nn/attention.js'
import { toDecoderGraph } from '../../../src/nn/decoder.js'
import * as F from '../../../src/nn/functional.js'
import { Embedding, Linear } from '../../../src/nn/linear.js'
import { Module } from '../../../src/nn/module.js'
import {
  PositionalEncoding,
  TransformerDecoder,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
} from '../../../src/nn/transformer.js'
import { InferenceSession, type TensorLike } from '../../../src/node.js'
import { pastToPresent } from '../../../src/generate.js'
import { exportModel } from '../../../src/onnx/export-any.js'
import { onnxruntimeWeb } from '../../conformance/engines.js'
import { expectError } from '../../support/expect-error.js'
import { TinyLanguageModel } from '../../support/language-model.js'

registerAllOps()

const V = 13
let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 21 })
})

const TEXTS = [
  [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
  [12, 0, 3, 3, 2, 10, 0, 4, 1, 1],
]
const PIECES = [3, 1, 1, 2, 1, 1, 1]

function ids(rows: readonly (readonly number[])[]): Tensor {
  return new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length])
}

/** Elements i … i + count of the second axis. */
function part(x: ArrayLike<number>, [batch, length, width]: readonly number[], from: number, count: number): number[] {
  return Array.from({ length: batch }, (_, b) =>
    Array.from(x as Float32Array).slice((b * length + from) * width, (b * length + from + count) * width),
  ).flat()
}

function near(actual: ArrayLike<number>, expected: ArrayLike<number>, what = ''): void {
  expect(actual.length, what).toBe(expected.length)
  const most = Array.from(expected).reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  for (let i = 0; i < expected.length; i++)
    expect(Math.abs(actual[i] - expected[i]), `${what}, element ${i}`).toBeLessThanOrEqual(3e-6 * (1 + most))
}

const outside = <T>(work: () => T): T => device.step(() => device.noGrad(work))

describe('KeyValueCache', () => {
  test('a prompt and single steps give what the whole text gives', () => {
    for (const options of [{ normFirst: true }, { normFirst: false, learned: true }]) {
      const model = new TinyLanguageModel(V, device, options).eval()
      const whole = model.predict(ids(TEXTS))
      const cache = new KeyValueCache()
      let from = 0
      for (const count of PIECES) {
        const rows = TEXTS.map((text) => text.slice(from, from + count))
        const made = outside(() => model.call(device.tensor(ids(rows)), { isCausal: true, cache }).tensor())
        near(made.data as Float32Array, part(whole.data as Float32Array, whole.dims, from, count), `from ${from}`)
        from += count
        expect(cache.length).toBe(from)
      }
      cache.dispose()
      model.dispose()
    }
  })

  test('grows beyond its first room, and frees what it had', () => {
    const attention = new MultiheadAttention(8, 2, { batchFirst: true, device }).eval()
    const length = 70
    const x = Float32Array.from({ length: length * 8 }, () => device.random.between(-1, 1))
    const whole = outside(() =>
      attention.call(device.tensor(x, [1, length, 8]), undefined, undefined, { isCausal: true }).data(),
    )
    const cache = new KeyValueCache()
    const totals = [0, 1].map(() => {
      for (let i = 0; i < length; i++) {
        const made = outside(() => {
          const one = device.tensor(x.slice(i * 8, i * 8 + 8), [1, 1, 8])
          return attention.call(one, one, one, { cache, isCausal: i % 2 === 0 }).data()
        })
        near(made as Float32Array, (whole as Float32Array).slice(i * 8, i * 8 + 8), `place ${i}`)
      }
      cache.clear()
      expect(cache.length).toBe(0)
      return device.memory.total
    })
    // What kernels read their sizes from stays for the next time.
    expect(totals[1]).toBe(totals[0])
  })

  test('the batch as second axis, layers by themselves, and masks over all keys', () => {
    const layer = new TransformerEncoderLayer(8, 2, { dimFeedforward: 16, device }).eval()
    const x = Float32Array.from({ length: 6 * 2 * 8 }, () => device.random.between(-1, 1))
    const padding = (count: number) =>
      device.constant(
        hostFrom(
          'bool',
          [2, count],
          Array.from({ length: 2 * count }, (_, i) => Number(i === 1)),
        ),
      )
    const run = (from: number, count: number, cache?: KeyValueCache) =>
      outside(() =>
        layer
          .call(device.tensor(x.slice(from * 16, (from + count) * 16), [count, 2, 8]), {
            isCausal: true,
            keyPaddingMask: padding(from + count),
            cache,
          })
          .data(),
      ) as Float32Array
    const whole = run(0, 6)
    const cache = new KeyValueCache()
    let from = 0
    for (const count of [2, 1, 3]) {
      near(run(from, count, cache), whole.slice(from * 16, (from + count) * 16), `from ${from}`)
      from += count
    }
    cache.dispose()
  })

  test('sequences change places and are cut', () => {
    const model = new TinyLanguageModel(V, device).eval()
    const cache = new KeyValueCache()
    const step = (rows: number[][]) =>
      outside(() => model.call(device.tensor(ids(rows)), { isCausal: true, cache }).tensor())
    step(TEXTS.map((text) => text.slice(0, 4)))
    cache.reorder([1, 0, 1])
    const made = step([[5], [6], [7]])
    const texts = [
      [...TEXTS[1].slice(0, 4), 5],
      [...TEXTS[0].slice(0, 4), 6],
      [...TEXTS[1].slice(0, 4), 7],
    ]
    const whole = model.predict(ids(texts))
    near(made.data as Float32Array, part(whole.data as Float32Array, whole.dims, 4, 1))
    cache.truncate(4)
    near(step([[7], [6], [5]]).data as Float32Array, [
      ...part(whole.data as Float32Array, whole.dims, 4, 1).slice(2 * V),
      ...part(whole.data as Float32Array, whole.dims, 4, 1).slice(V, 2 * V),
      ...part(whole.data as Float32Array, whole.dims, 4, 1).slice(0, V),
    ])
    expectError('E_VALUE', () => cache.reorder([3]), /no sequence 3/)
    expectError('E_VALUE', () => cache.truncate(9), /cut to 9/)
    cache.dispose()
  })

  test('what is made of an encoder is made once', () => {
    const layers = [0, 1].map(() => new TransformerDecoderLayer(8, 2, { batchFirst: true, dimFeedforward: 16, device }))
    const decoder = new TransformerDecoder(layers).eval()
    const random = (size: number) => Float32Array.from({ length: size }, () => device.random.between(-1, 1))
    const [x, memory] = [random(2 * 5 * 8), random(2 * 7 * 8)]
    const whole = outside(() =>
      decoder.call(device.tensor(x, [2, 5, 8]), device.tensor(memory, [2, 7, 8]), { isCausal: true }).data(),
    ) as Float32Array
    const cache = new KeyValueCache()
    for (let i = 0; i < 5; i++) {
      const seen = outside(() => {
        const one = device.tensor(Float32Array.from(part(x, [2, 5, 8], i, 1)), [2, 1, 8])
        // Later steps are given other memory, which nothing looks at.
        const other = device.tensor(i === 0 ? memory : new Float32Array(2 * 7 * 8), [2, 7, 8])
        return decoder.call(one, other, { isCausal: true, cache }).data()
      })
      near(seen as Float32Array, part(whole, [2, 5, 8], i, 1), `place ${i}`)
    }
    cache.dispose()
  })

  test('refuses what would be wrong', () => {
    const model = new TinyLanguageModel(V, device)
    const cache = new KeyValueCache(4)
    const step = (rows: number[][]) => model.call(device.tensor(ids(rows)), { isCausal: true, cache })
    expectError('E_STATE', () => outside(() => step([[1]])), /eval/)
    model.eval()
    expectError('E_STATE', () => device.step(() => step([[1]])), /noGrad/)
    outside(() => step([[1, 2, 3]]))
    expectError('E_VALUE', () => outside(() => step([[1, 2]])), /1 of 4/)
    expectError('E_SHAPE', () => outside(() => step([[1], [2]])), /1 sequences, not 2/)
    for (const length of [0, -1, 1.5, NaN]) expectError('E_VALUE', () => new KeyValueCache(length))
    expectError('E_STATE', () => device.step(() => device.traced(() => device.noGrad(() => step([[1]])))), /graph/)
    cache.dispose()
  })

  test('a call that broke off between two layers is noticed', () => {
    const layers = [0, 1].map(() => new MultiheadAttention(4, 2, { batchFirst: true, device }).eval())
    const cache = new KeyValueCache()
    const x = () => device.tensor(new Float32Array(4), [1, 1, 4])
    outside(() => {
      const one = x()
      layers.forEach((layer) => layer.call(one, one, one, { cache }))
      layers[0].call(one, one, one, { cache })
    })
    expectError('E_STATE', () => cache.length, /2 and 1/)
    cache.truncate(1)
    expect(cache.length).toBe(1)
    cache.dispose()
  })
})

test('places: numbers, tensors for each sequence, and positions themselves', () => {
  const encoding = new PositionalEncoding(6, { batchFirst: true, maxLength: 12, device }).eval()
  const turned = new PositionalEncoding(6, { maxLength: 12, device }).eval()
  const pe = encoding.pe.data() as Float32Array
  const row = (at: number) => Array.from(pe.slice(at * 6, at * 6 + 6))
  const zeros = () => device.tensor(new Float32Array(2 * 3 * 6), [2, 3, 6])
  const int64 = (shape: number[], values: number[]) => device.tensor(hostFrom('int64', shape, values))
  outside(() => {
    const from = (offset: number | Variable) => encoding.call(zeros(), offset).data()
    expect(Array.from(from(4) as Float32Array)).toEqual([4, 5, 6, 4, 5, 6].flatMap(row))
    expect(Array.from(from(int64([], [4])) as Float32Array)).toEqual([4, 5, 6, 4, 5, 6].flatMap(row))
    expect(Array.from(from(int64([2], [4, 9])) as Float32Array)).toEqual([4, 5, 6, 9, 10, 11].flatMap(row))
    expect(Array.from(from(int64([2, 3], [0, 0, 1, 7, 3, 2])) as Float32Array)).toEqual([0, 0, 1, 7, 3, 2].flatMap(row))
    const x = device.tensor(new Float32Array(3 * 2 * 6), [3, 2, 6])
    const other = F.transpose(turned.call(x, int64([2], [4, 9])), [1, 0, 2]).data()
    expect(Array.from(other as Float32Array)).toEqual([4, 5, 6, 9, 10, 11].flatMap(row))
    expect(Array.from(positionsOf(zeros(), 2).data() as BigInt64Array, Number)).toEqual([2, 3, 4])
    expectError('E_SHAPE', () => from(10), /12 places/)
    expectError('E_VALUE', () => from(-1), /-1/)
    expectError('E_VALUE', () => from(int64([2], [4, 11])))
  })
})

/** Feeds a text piece by piece to a session, and compares with the whole. */
async function piecewise(
  run: (feeds: Record<string, TensorLike>) => Promise<Record<string, TensorLike>>,
  whole: Tensor,
  kind: 'past' | 'session',
  carried: Record<string, TensorLike>,
  what: string,
  kept = false,
): Promise<void> {
  let state = carried
  let from = 0
  for (const count of PIECES) {
    const places: Record<string, TensorLike> =
      kind === 'session'
        ? { write_indices: new Tensor('int64', [BigInt(from), BigInt(from)], [2]) }
        : {
            attention_mask: ids(TEXTS.map(() => new Array<number>(from + count).fill(1))),
            position_ids: ids(TEXTS.map(() => Array.from({ length: count }, (_, i) => from + i))),
          }
    const results = await run({
      ...state,
      ...places,
      input_ids: ids(TEXTS.map((row) => row.slice(from, from + count))),
    })
    near(
      results.logits.data as Float32Array,
      part(whole.data as Float32Array, whole.dims, from, count),
      `${what}, from ${from}`,
    )
    state = kept
      ? {}
      : Object.fromEntries(
          Object.entries(results).flatMap(([name, tensor]) =>
            name.startsWith('present') ? [[name.replace('present', 'past_key_values'), tensor]] : [],
          ),
        )
    from += count
  }
}

function zerosFor(layers: number, shape: readonly number[]): Record<string, Tensor> {
  const size = shape.reduce((a, b) => a * b, 1)
  return Object.fromEntries(
    Array.from({ length: 2 * layers }, (_, i) => [
      `past_key_values.${i >> 1}.${i % 2 ? 'value' : 'key'}`,
      new Tensor('float32', new Float32Array(size), shape),
    ]),
  )
}

describe('toDecoderGraph', () => {
  test('both kinds of caches agree with the module, here and in onnxruntime-web', async () => {
    const ort = await onnxruntimeWeb()
    for (const options of [{ normFirst: true }, { normFirst: false, learned: true }]) {
      const model = new TinyLanguageModel(V, device, options).eval()
      const whole = model.predict(ids(TEXTS))
      for (const kind of ['past', 'session'] as const) {
        const bytes = exportModel(toDecoderGraph(model, { cache: kind, maxLength: 24 }))
        const empty = zerosFor(2, [2, 4, kind === 'past' ? 0 : 24, 4])
        const session = await InferenceSession.create(bytes, { build: 'simd' })
        expect(session.inputNames.filter((name) => name.startsWith('past'))).toEqual(Object.keys(empty))
        await piecewise((feeds) => session.run(feeds), whole, kind, empty, kind)
        const keeping = await InferenceSession.create(bytes, { build: 'simd', states: pastToPresent })
        await piecewise((feeds) => keeping.run(feeds), whole, kind, empty, `${kind}, kept`, true)
        expect(keeping.states['past_key_values.1.value']).toBe('present.1.value')
        const loaded = await ort.load(bytes)
        await piecewise(
          async (feeds) => {
            const results = await loaded.run(
              new Map(
                Object.entries(feeds).map(([name, { type, data, dims }]) => [
                  name,
                  { dtype: type, shape: dims, data } as never,
                ]),
              ),
            )
            return Object.fromEntries(
              [...results].map(([name, value]) => {
                const { dtype, data, shape } = value as { dtype: string; data: unknown; shape: number[] }
                return [name, { type: dtype, data, dims: shape }]
              }),
            )
          },
          whole,
          kind,
          empty,
          `${kind} in ${ort.name}`,
        )
        await loaded.release()
      }
    }
  }, 120_000)

  test('one plan serves every token of a session, in memory that stays', async () => {
    const model = new TinyLanguageModel(V, device).eval()
    const session = await InferenceSession.create(
      exportModel(toDecoderGraph(model, { cache: 'session', maxLength: 40 })),
      { build: 'simd', states: pastToPresent },
    )
    const step = (at: number, more = {}) =>
      session.run({ ...more, input_ids: ids([[at % V]]), write_indices: new Tensor('int64', [BigInt(at)], [1]) })
    await step(0, zerosFor(2, [1, 4, 40, 4]))
    await step(1)
    const { memory } = session
    for (let at = 2; at < 40; at++) await step(at)
    expect(session.memory).toEqual(memory)
  })

  test('examples of a batch may have texts of different lengths', async () => {
    const model = new TinyLanguageModel(V, device).eval()
    const texts = [
      [1, 2, 3, 4, 5],
      [6, 7, 8],
    ]
    const expected = texts.map((text) => {
      const made = model.predict(ids([[...text, 9]])).data as Float32Array
      return made.slice(-V)
    })
    const fixed = await InferenceSession.create(
      exportModel(toDecoderGraph(model, { cache: 'session', maxLength: 16 })),
      { build: 'simd', states: pastToPresent },
    )
    const at = (places: number[]) => new Tensor('int64', places.map(BigInt), [2])
    // Filled up behind: what is written there is overwritten by the next token.
    await fixed.run({
      ...zerosFor(2, [2, 4, 16, 4]),
      input_ids: ids([texts[0], [...texts[1], 0, 0]]),
      write_indices: at([0, 0]),
    })
    const { logits } = await fixed.run({ input_ids: ids([[9], [9]]), write_indices: at([5, 3]) })
    expected.forEach((row, i) => near((logits.data as Float32Array).slice(i * V, (i + 1) * V), row, `fixed ${i}`))
    // Filled up in front, and masked, as Hugging Face's tokenizers do.
    const past = await InferenceSession.create(exportModel(toDecoderGraph(model, { cache: 'past' })), { build: 'simd' })
    const first = await past.run({
      ...zerosFor(2, [2, 4, 0, 4]),
      input_ids: ids([texts[0], [0, 0, ...texts[1]]]),
      attention_mask: ids([
        [1, 1, 1, 1, 1],
        [0, 0, 1, 1, 1],
      ]),
      position_ids: ids([
        [0, 1, 2, 3, 4],
        [1, 1, 0, 1, 2],
      ]),
    })
    const carried = Object.fromEntries(
      Object.entries(first).map(([name, tensor]) => [name.replace('present', 'past_key_values'), tensor]),
    )
    delete carried.logits
    const next = await past.run({
      ...carried,
      input_ids: ids([[9], [9]]),
      attention_mask: ids([
        [1, 1, 1, 1, 1, 1],
        [0, 0, 1, 1, 1, 1],
      ]),
      position_ids: ids([[5], [3]]),
    })
    expected.forEach((row, i) => near((next.logits.data as Float32Array).slice(i * V, (i + 1) * V), row, `past ${i}`))
  })

  test('a decoder with an encoder’s output as another input', async () => {
    class Describer extends Module {
      readonly tokens = new Embedding(V, 8, { device })
      readonly positions = new PositionalEncoding(8, { batchFirst: true, maxLength: 20, device })
      readonly body = new TransformerDecoder([
        new TransformerDecoderLayer(8, 2, { batchFirst: true, dimFeedforward: 16, device }),
      ])
      readonly scores = new Linear(8, V, { device })
      forward(text: Variable, memory: Variable, masks: AttentionMasks = { isCausal: true }): Variable {
        return this.scores.call(this.body.call(this.positions.call(this.tokens.call(text), masks.cache), memory, masks))
      }
    }
    const model = new Describer().eval()
    const memory = new Tensor(
      'float32',
      Float32Array.from({ length: 2 * 5 * 8 }, () => device.random.between(-1, 1)),
      [2, 5, 8],
    )
    const whole = model.predict(ids(TEXTS), memory)
    const inputs = [{ name: 'memory', shape: [{ name: 'batch', size: 2 }, { name: 'regions', size: 5 }, 8] }]
    for (const kind of ['past', 'session'] as const) {
      const session = await InferenceSession.create(
        exportModel(toDecoderGraph(model, { cache: kind, maxLength: 20, inputs })),
        { build: 'simd' },
      )
      const empty = zerosFor(1, [2, 2, kind === 'past' ? 0 : 20, 4])
      await piecewise((feeds) => session.run({ ...feeds, memory }), whole, kind, empty, kind)
    }
  })

  test('refuses what it cannot write', () => {
    const model = new TinyLanguageModel(V, device)
    expectError('E_VALUE', () => toDecoderGraph(model, { cache: 'session' }), /maxLength/)
    class Forgetful extends Module {
      readonly inner = new TinyLanguageModel(V, device)
      forward(text: Variable): Variable {
        return this.inner.call(text)
      }
    }
    expectError('E_VALUE', () => toDecoderGraph(new Forgetful(), { cache: 'past' }), /Forgetful/)
    class Repeated extends Module {
      readonly attention = new MultiheadAttention(4, 2, { batchFirst: true, device })
      readonly tokens = new Embedding(V, 4, { device })
      forward(text: Variable, masks: AttentionMasks): Variable {
        const once = (x: Variable) => this.attention.call(x, x, x, masks)
        return once(once(this.tokens.call(text)))
      }
    }
    expectError('E_UNSUPPORTED', () => toDecoderGraph(new Repeated(), { cache: 'past' }), /twice/)
  })
})

import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../src/api/graph/builder.js'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import { exportModel, InferenceSession, LanewiseError, Tensor } from '../../src/node.js'
import { registerAllOps } from '../../src/api/register-all.js'
import type { Shape } from '../../src/core/shape.js'
import type { Value } from '../../src/ir/graph.js'
import { publishValue } from '../../src/api/value.js'
import { randomTensor, seeded } from '../support/random.js'

registerAllOps()

const random = seeded(5)
const floats = (shape: Shape): HostTensor => randomTensor(random, 'float32', shape, -1, 1)
const tensor = (host: HostTensor): Tensor => publishValue(host) as Tensor
const zeros = (shape: number[]) => new Tensor('float32', new Float32Array(shape.reduce((a, b) => a * b, 1)), shape)
const numbers = ({ data }: Tensor): number[] => Array.from(data as Float32Array)
const ints = (...values: number[]) => new Tensor('int32', Int32Array.from(values), [values.length])
const total = (value: number) => new Tensor('int32', Int32Array.of(value), [])

/** Elements [from, to) along an axis. */
function cut({ shape, data }: HostTensor, axis: number, from: number, to: number): Tensor {
  const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1)
  const parts = Array.from({ length: outer }, (_, i) =>
    Array.from((data as Float32Array).subarray((i * shape[axis] + from) * inner, (i * shape[axis] + to) * inner)),
  )
  return new Tensor('float32', Float32Array.from(parts.flat()), [
    ...shape.slice(0, axis),
    to - from,
    ...shape.slice(axis + 1),
  ])
}

async function refused(work: Promise<unknown>): Promise<LanewiseError> {
  const error: unknown = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(LanewiseError)
  return error as LanewiseError
}

function lstm(bidirectional = false): Uint8Array {
  const g = new GraphBuilder('stream')
  const [input, hidden, d] = [5, 7, bidirectional ? 2 : 1]
  const x = g.input('x', 'float32', ['T', 1, input])
  const [h, c] = ['h', 'c'].map((name) => g.input(name, 'float32', [d, 1, hidden]))
  const constants = [[4 * hidden, input], [4 * hidden, hidden], [8 * hidden]].map((shape, i) =>
    g.constant(`w${i}`, floats([d, ...shape])),
  )
  const attributes = { hidden_size: hidden, direction: bidirectional ? 'bidirectional' : 'forward' }
  const [y, hn, cn] = g.node('LSTM', [x, ...constants, undefined, h, c], attributes, { outputs: 3 })
  g.output(y, 'y')
  g.output(hn, 'hn')
  g.output(cn, 'cn')
  return exportModel(g.graph())
}

describe('a recurrent layer', () => {
  test('gives, step by step, what it gives for the whole sequence', async () => {
    const bytes = lstm()
    const x = floats([6, 1, 5])
    const start = { h: zeros([1, 1, 7]), c: zeros([1, 1, 7]) }
    await using whole = await InferenceSession.create(bytes)
    const expected = await whole.run({ x: tensor(x), ...start })
    await using stream = await InferenceSession.create(bytes, { states: { h: 'hn', c: 'cn' } })
    const y: number[] = []
    for (let t = 0; t < 6; t++) {
      const results = await stream.run({ x: cut(x, 0, t, t + 1), ...(t === 0 ? start : {}) })
      // States stay where they are unless they are asked for.
      expect(Object.keys(results)).toEqual(['y'])
      y.push(...numbers(results.y))
    }
    expect(y).toEqual(numbers(expected.y))
    const last = await stream.run({ x: cut(x, 0, 0, 1) }, ['hn'])
    expect(Object.keys(last)).toEqual(['hn'])
    expect(stream.memory.states).toBe(2 * 7 * 4)
  })

  test('writes the states of both directions over those before', async () => {
    const bytes = lstm(true)
    const x = floats([3, 1, 5])
    const [h, c] = [floats([2, 1, 7]), floats([2, 1, 7])].map(tensor)
    await using plain = await InferenceSession.create(bytes)
    await using kept = await InferenceSession.create(bytes, { states: { h: 'hn', c: 'cn' } })
    let given = { h, c }
    await kept.run({ x: tensor(x), ...given })
    for (let i = 0; i < 3; i++) {
      const { y, hn, cn } = await plain.run({ x: tensor(x), ...given })
      expect(numbers((await kept.run({ x: tensor(x), ...(i === 0 ? given : {}) })).y)).toEqual(numbers(y))
      given = { h: hn, c: cn }
    }
  })
})

describe('states', () => {
  /** joined = past ++ x */
  function growing(): Uint8Array {
    const g = new GraphBuilder('growing')
    const [past, x] = ['past', 'x'].map((name) => g.input(name, 'float32', ['N']))
    const joined = g.op('Concat', [past, x], { axis: 0 })
    g.output(joined, 'joined')
    g.output(g.op('ReduceSum', [joined], { keepdims: 0 }), 'sum')
    return exportModel(g.graph())
  }

  test('grow by doubling', async () => {
    await using session = await InferenceSession.create(growing(), { states: { past: 'joined' } })
    const feed = (...values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length])
    await session.run({ past: feed(1, 2), x: feed(3) })
    const sizes = new Set<number>()
    for (let i = 4; i <= 100; i++) {
      const { sum } = await session.run({ x: feed(i) })
      expect(numbers(sum)).toEqual([(i * (i + 1)) / 2])
      sizes.add(session.memory.states)
    }
    expect([...sizes]).toEqual([16, 32, 64, 128, 256, 512])
    const { joined } = await session.run({ x: feed(101) }, ['joined'])
    expect(numbers(joined)).toEqual(Array.from({ length: 101 }, (_, i) => i + 1))
  })

  test('may take each other’s places', async () => {
    const g = new GraphBuilder('swap')
    const [a, b] = ['a', 'b'].map((name) => g.input(name, 'float32', [2]))
    g.output(g.op('Identity', [b]), 'toA')
    g.output(g.op('Identity', [a]), 'toB')
    g.output(g.op('Sub', [a, b]), 'y')
    await using session = await InferenceSession.create(exportModel(g.graph()), { states: { a: 'toA', b: 'toB' } })
    const feed = (x: number, y: number) => new Tensor('float32', Float32Array.of(x, y), [2])
    expect(numbers((await session.run({ a: feed(1, 2), b: feed(5, 7) })).y)).toEqual([-4, -5])
    expect(numbers((await session.run({})).y)).toEqual([4, 5])
    expect(numbers((await session.run({})).y)).toEqual([-4, -5])
  })

  test('may be part of themselves', async () => {
    const g = new GraphBuilder('window')
    const past = g.input('past', 'float32', [4])
    const x = g.input('x', 'float32', [1])
    const one = g.constant('one', hostFrom('int64', [1], [1]))
    const all = g.op('Concat', [past, x], { axis: 0 })
    g.output(g.op('Slice', [all, one, g.constant('five', hostFrom('int64', [1], [5]))]), 'next')
    g.output(g.op('ReduceSum', [all], { keepdims: 0 }), 'sum')
    await using session = await InferenceSession.create(exportModel(g.graph()), { states: { past: 'next' } })
    const sums = []
    for (let i = 1; i <= 6; i++)
      sums.push(
        ...numbers(
          (
            await session.run({
              x: new Tensor('float32', Float32Array.of(i), [1]),
              ...(i === 1 ? { past: zeros([4]) } : {}),
            })
          ).sum,
        ),
      )
    expect(sums).toEqual([1, 3, 6, 10, 15, 20])
  })

  test('are refused by name, missing at first, and kept where a run never began', async () => {
    const bytes = growing()
    expect(await refused(InferenceSession.create(bytes, { states: { nothing: 'joined' } }))).toMatchObject({
      code: 'E_VALUE',
    })
    expect(await refused(InferenceSession.create(bytes, { states: { past: 'nothing' } }))).toMatchObject({
      code: 'E_VALUE',
    })
    await using session = await InferenceSession.create(bytes, { states: { past: 'joined' } })
    const x = zeros([1])
    expect(await refused(session.run({ x }))).toMatchObject({ code: 'E_TENSOR', tensor: 'past' })
    await session.run({ past: zeros([2]), x })
    await session.run({ x })
    expect(await refused(session.run({ x }, { signal: AbortSignal.abort() }))).toMatchObject({ code: 'E_STATE' })
    expect(numbers((await session.run({ x }, ['joined'])).joined)).toHaveLength(5)
    expect(numbers((await session.run({ past: zeros([3]), x }, ['joined'])).joined)).toHaveLength(4)
  })
})

const [heads, kvHeads, size, capacity] = [4, 2, 8, 24]

/** A layer of GroupQueryAttention with a rotary embedding over a cache. */
function grouped(): Uint8Array {
  const g = new GraphBuilder('grouped')
  const q = g.input('q', 'float32', ['B', 'S', heads * size])
  const [k, v] = ['k', 'v'].map((name) => g.input(name, 'float32', ['B', 'S', kvHeads * size]))
  const [pastKey, pastValue] = ['pastKey', 'pastValue'].map((name) =>
    g.input(name, 'float32', ['B', kvHeads, 'N', size]),
  )
  const lengths = g.input('lengths', 'int32', ['B'])
  const sum = g.input('total', 'int32', [])
  const [cos, sin] = ['cos', 'sin'].map((name) => g.constant(name, floats([64, size / 2])))
  const attributes = { num_heads: heads, kv_num_heads: kvHeads, do_rotary: 1 }
  const outputs = g.node('GroupQueryAttention', [q, k, v, pastKey, pastValue, lengths, sum, cos, sin], attributes, {
    domain: 'com.microsoft',
    outputs: 3,
  })
  outputs.forEach((value, i) => g.output(value, ['y', 'presentKey', 'presentValue'][i]))
  return exportModel(g.graph())
}

describe('a cache of keys and values', () => {
  const bytes = grouped()
  const [q, k, v] = [heads, kvHeads, kvHeads].map((count) => floats([1, 20, count * size]))
  const empty = () => ({ pastKey: zeros([1, kvHeads, capacity, size]), pastValue: zeros([1, kvHeads, capacity, size]) })
  const states = { pastKey: 'presentKey', pastValue: 'presentValue' }
  const tokens = (from: number, to: number) => ({
    q: cut(q, 1, from, to),
    k: cut(k, 1, from, to),
    v: cut(v, 1, from, to),
    lengths: ints(to - 1),
    total: total(to),
  })

  test('is filled where it lies, token by token, with one plan', async () => {
    await using whole = await InferenceSession.create(bytes, { build: 'simd' })
    const expected = await whole.run({ ...tokens(0, 20), ...empty() })
    await using session = await InferenceSession.create(bytes, { states, build: 'simd' })
    const y: number[] = [...numbers((await session.run({ ...tokens(0, 6), ...empty() })).y)]
    let memory
    for (let t = 6; t < 20; t++) {
      y.push(...numbers((await session.run(tokens(t, t + 1))).y))
      if (t > 6) expect(session.memory).toEqual(memory)
      memory = session.memory
    }
    expect(session.memory.states).toBe(2 * kvHeads * capacity * size * 4)
    y.forEach((value, i) => expect(value).toBeCloseTo(numbers(expected.y)[i], 5))
    const { presentKey } = await session.run(tokens(19, 20), ['presentKey'])
    expect(numbers(presentKey)).toEqual(numbers(expected.presentKey))
  })

  test('is there once, however large', async () => {
    await using session = await InferenceSession.create(bytes, { states })
    const rows = 4096
    await session.run({
      ...tokens(0, 1),
      pastKey: zeros([1, kvHeads, rows, size]),
      pastValue: zeros([1, kvHeads, rows, size]),
    })
    for (let t = 1; t < 4; t++) await session.run(tokens(t, t + 1))
    expect(session.memory.states).toBe(2 * kvHeads * rows * size * 4)
    // Besides, there are the scores of one token.
    expect(session.memory.arena).toBeLessThan(heads * rows * 4 + 4096)
  })

  test('is copied for a caller that keeps it himself', async () => {
    await using session = await InferenceSession.create(bytes, { build: 'simd' })
    const expected = await session.run({ ...tokens(0, 20), ...empty() })
    let cache: Record<'pastKey' | 'pastValue', Tensor> = empty()
    for (let t = 0; t < 20; t++) {
      const { presentKey, presentValue } = await session.run({ ...tokens(t, t + 1), ...cache })
      cache = { pastKey: presentKey, pastValue: presentValue }
    }
    expect(numbers(cache.pastKey)).toEqual(numbers(expected.presentKey))
    expect(numbers(cache.pastValue)).toEqual(numbers(expected.presentValue))
  })

  test('grows if more keys are said to come than it has room for', async () => {
    await using session = await InferenceSession.create(bytes, { build: 'simd' })
    const { y } = await session.run({ ...tokens(0, 20), ...empty() })
    const first = await session.run({
      ...tokens(0, 5),
      pastKey: zeros([1, kvHeads, 0, size]),
      pastValue: zeros([1, kvHeads, 0, size]),
    })
    expect(first.presentKey.dims).toEqual([1, kvHeads, 5, size])
    const then = await session.run({ ...tokens(5, 20), pastKey: first.presentKey, pastValue: first.presentValue })
    expect(then.presentKey.dims).toEqual([1, kvHeads, 20, size])
    const all = [...numbers(first.y), ...numbers(then.y)]
    all.forEach((value, i) => expect(value).toBeCloseTo(numbers(y)[i], 5))
  })

  test('is refused where it does not fit', async () => {
    await using session = await InferenceSession.create(bytes, { states })
    expect(await refused(session.run({ ...tokens(0, 2), ...empty(), lengths: ints(capacity) }))).toMatchObject({
      code: 'E_VALUE',
      op: 'GroupQueryAttention',
    })
    expect(await refused(session.run({ ...tokens(0, 2), ...empty(), lengths: ints(-2) }))).toMatchObject({
      code: 'E_VALUE',
    })
    expect(
      await refused(session.run({ ...tokens(0, 2), ...empty(), pastValue: zeros([1, kvHeads, capacity - 1, size]) })),
    ).toMatchObject({ code: 'E_SHAPE' })
    expect(
      await refused(
        session.run({
          ...tokens(0, 2),
          pastKey: zeros([2, kvHeads, capacity, size]),
          pastValue: zeros([2, kvHeads, capacity, size]),
        }),
      ),
    ).toMatchObject({ code: 'E_SHAPE' })
    const long = { pastKey: zeros([1, kvHeads, 80, size]), pastValue: zeros([1, kvHeads, 80, size]) }
    expect(await refused(session.run({ ...tokens(0, 2), ...long, lengths: ints(64), total: total(65) }))).toMatchObject(
      { code: 'E_VALUE', message: expect.stringContaining('positions') as string },
    )
  })

  /**
   * A layer of com.microsoft's MultiHeadAttention, or Attention with its projections, whose past and present share a
   * buffer.
   */
  function buffered(projected: boolean): Uint8Array {
    const g = new GraphBuilder('buffered')
    const width = heads * size
    const inputs = (projected ? ['x'] : ['x', 'k', 'v']).map((name) => g.input(name, 'float32', ['B', 'S', width]))
    const used = () => g.input('used', 'int32', [1])
    const attributes = { num_heads: heads, unidirectional: 1 }
    if (projected) {
      const [w, bias] = [g.constant('w', floats([width, 3 * width])), g.constant('bias', floats([3 * width]))]
      const past = g.input('pastKey', 'float32', [2, 'B', heads, 'N', size])
      const outputs = g.node(
        'Attention',
        [...inputs, w, bias, undefined, past, undefined, used()],
        { ...attributes, past_present_share_buffer: 1 },
        { domain: 'com.microsoft', outputs: 2 },
      )
      outputs.forEach((value, i) => g.output(value, ['y', 'presentKey'][i]))
    } else {
      const pasts = ['pastKey', 'pastValue'].map((name) => g.input(name, 'float32', ['B', heads, 'N', size]))
      const outputs = g.node(
        'MultiHeadAttention',
        [...inputs, g.constant('bias', floats([3 * width])), undefined, undefined, ...pasts, used()],
        attributes,
        { domain: 'com.microsoft', outputs: 3 },
      )
      outputs.forEach((value, i) => g.output(value, ['y', 'presentKey', 'presentValue'][i]))
    }
    return exportModel(g.graph())
  }

  test.each([false, true])(
    'that past and present share is filled where it lies, with one plan; projected: %s',
    async (projected) => {
      const model = buffered(projected)
      const all = ['x', 'k', 'v']
        .slice(0, projected ? 1 : 3)
        .map((name) => [name, floats([1, 20, heads * size])] as const)
      const feeds = (from: number, to: number) => ({
        ...Object.fromEntries(all.map(([name, host]) => [name, cut(host, 1, from, to)])),
        used: ints(from),
      })
      const shape = [...(projected ? [2] : []), 1, heads, capacity, size]
      const start = () => ({ pastKey: zeros(shape), ...(projected ? {} : { pastValue: zeros(shape) }) })
      await using whole = await InferenceSession.create(model, { build: 'simd' })
      const expected = await whole.run({ ...feeds(0, 20), ...start() })
      await using session = await InferenceSession.create(model, {
        states: { pastKey: 'presentKey', ...(projected ? {} : { pastValue: 'presentValue' }) },
        build: 'simd',
      })
      const y = numbers((await session.run({ ...feeds(0, 6), ...start() })).y)
      let memory
      for (let t = 6; t < 20; t++) {
        y.push(...numbers((await session.run(feeds(t, t + 1))).y))
        if (t > 6) expect(session.memory).toEqual(memory)
        memory = session.memory
      }
      expect(session.memory.states).toBe(2 * heads * capacity * size * 4)
      y.forEach((value, i) => expect(value).toBeCloseTo(numbers(expected.y)[i], 4))
      const { presentKey } = await session.run(feeds(19, 20), ['presentKey'])
      numbers(presentKey).forEach((value, i) => expect(value).toBeCloseTo(numbers(expected.presentKey)[i], 5))
      await using large = await InferenceSession.create(model, {
        states: { pastKey: 'presentKey', ...(projected ? {} : { pastValue: 'presentValue' }) },
      })
      const rows = shape.map((extent, axis) => (axis === shape.length - 2 ? 2048 : extent))
      await large.run({ ...feeds(0, 1), pastKey: zeros(rows), ...(projected ? {} : { pastValue: zeros(rows) }) })
      await large.run(feeds(1, 2))
      // Nothing of the cache is in the arena: besides, there are the scores of one token.
      expect(large.memory.arena).toBeLessThan(heads * 2048 * 4 + 4096)
      for (const used of [capacity, -1])
        expect(await refused(session.run({ ...feeds(0, 1), ...start(), used: ints(used) }))).toMatchObject({
          code: 'E_VALUE',
        })
      const other = zeros(shape.map((extent, axis) => (axis === shape.length - 4 ? 2 : extent)))
      expect(
        await refused(session.run({ ...feeds(0, 1), pastKey: other, ...(projected ? {} : { pastValue: other }) })),
      ).toMatchObject({ code: 'E_SHAPE' })
    },
  )

  test('of ONNX’s own operators is scattered into in place', async () => {
    const layer = (length: number) => {
      const g = new GraphBuilder('scattered')
      const q = g.input('q', 'float32', [1, heads, length, size])
      const [k, v] = ['k', 'v'].map((name) => g.input(name, 'float32', [1, kvHeads, length, size]))
      const caches = ['keys', 'values'].map((name) => g.input(name, 'float32', [1, kvHeads, capacity, size]))
      const [at, valid] = ['at', 'valid'].map((name) => g.input(name, 'int64', [1]))
      const next = [k, v].map((update, i) => g.op('TensorScatter', [caches[i], update, at]))
      g.output(g.op('Attention', [q, next[0], next[1], undefined, undefined, undefined, valid], { is_causal: 1 }), 'y')
      next.forEach((value, i) => g.output(value, `next${i}`))
      return exportModel(g.graph())
    }
    const [qs, ks, vs] = [heads, kvHeads, kvHeads].map((count) => floats([1, count, 20, size]))
    const long = (value: number) => new Tensor('int64', BigInt64Array.of(BigInt(value)), [1])
    const feeds = (from: number, to: number) => ({
      q: cut(qs, 2, from, to),
      k: cut(ks, 2, from, to),
      v: cut(vs, 2, from, to),
      at: long(from),
      valid: long(to),
    })
    const cache = () => ({ keys: zeros([1, kvHeads, capacity, size]), values: zeros([1, kvHeads, capacity, size]) })
    await using session = await InferenceSession.create(layer(1), {
      states: { keys: 'next0', values: 'next1' },
      build: 'simd',
    })
    await using whole = await InferenceSession.create(layer(20), { build: 'simd' })
    const expected = numbers((await whole.run({ ...feeds(0, 20), ...cache() })).y)
    for (let t = 0; t < 20; t++) {
      const y = numbers((await session.run({ ...feeds(t, t + 1), ...(t === 0 ? cache() : {}) })).y)
      y.forEach((value, i) =>
        expect(value).toBeCloseTo(expected[(Math.floor(i / size) * 20 + t) * size + (i % size)], 5),
      )
    }
    expect(await refused(session.run({ ...feeds(0, 1), at: long(24) }))).toMatchObject({
      code: 'E_VALUE',
      op: 'TensorScatter',
    })
    expect(await refused(session.run({ ...feeds(0, 1), ...cache(), valid: long(25) }))).toMatchObject({
      code: 'E_VALUE',
      op: 'Attention',
    })
  })
})

test('positions without angles, and tokens without a row of their table, are refused by name', async () => {
  const g = new GraphBuilder('positions')
  const [tokens, first] = [g.input('tokens', 'int64', [1, 3]), g.input('first', 'int64', [1])]
  const [words, cos, sin] = [
    [5, 8],
    [6, 4],
    [6, 4],
  ].map((shape, i) => g.constant(`table${i}`, floats(shape)))
  const x = g.op('Gather', [words, tokens], { axis: 0 })
  g.output(g.node('RotaryEmbedding', [x, first, cos, sin], {}, { domain: 'com.microsoft' })[0], 'y')
  await using session = await InferenceSession.create(exportModel(g.graph()))
  const longs = (...values: number[]) => BigInt64Array.from(values, BigInt)
  const run = (place: number, ...ids: number[]) =>
    session.run({ tokens: new Tensor('int64', longs(...ids), [1, 3]), first: new Tensor('int64', longs(place), [1]) })
  expect((await run(3, 0, 4, 2)).y.dims).toEqual([1, 3, 8])
  for (const place of [4, -1])
    expect(await refused(run(place, 0, 4, 2))).toMatchObject({
      code: 'E_VALUE',
      op: 'RotaryEmbedding',
      tensor: 'first',
    })
  expect(await refused(run(0, 0, 5, 2))).toMatchObject({ code: 'E_VALUE', op: 'Gather', tensor: 'tokens' })
})

describe("states: 'auto'", () => {
  test('finds pasts by the names that exporters give them, and passes over what contradicts itself', async () => {
    const g = new GraphBuilder('named')
    const x = g.input('x', 'float32', ['N'])
    const pairs = {
      'past_key_values.0.key': 'present.0.key',
      'past_conv.1': 'present_conv.1',
      layer_3_past_value: 'layer_3_present_value',
    }
    const grown = Object.keys(pairs).map((name) => g.op('Concat', [g.input(name, 'float32', ['P']), x], { axis: 0 }))
    const last = g.input('past_last', 'float32', [1])
    const sums = [...grown, last].map((y) => g.op('ReduceSum', [y], { keepdims: 0 }))
    g.output(
      sums.reduce((sum, y) => g.op('Add', [sum, y])),
      'sum',
    )
    grown.forEach((y, i) => g.output(y, Object.values(pairs)[i]))
    // By its name what `past_last` becomes, but of another size.
    g.output(g.op('Concat', [last, last], { axis: 0 }), 'present_last')
    const bytes = exportModel(g.graph())
    await using session = await InferenceSession.create(bytes, { states: 'auto' })
    expect(session.states).toEqual(pairs)
    const feed = (...values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length])
    const none = Object.fromEntries(Object.keys(pairs).map((name) => [name, feed()]))
    const sum = async (feeds: Record<string, Tensor>) => numbers((await session.run(feeds, ['sum'])).sum)
    expect(await sum({ x: feed(1, 2), past_last: feed(0.5), ...none })).toEqual([9.5])
    expect(await sum({ x: feed(4), past_last: feed(0) })).toEqual([21])
    await using plain = await InferenceSession.create(growingSum(), { states: 'auto' })
    expect(plain.states).toEqual({})
    const error = await refused(InferenceSession.create(bytes, { states: 'automatic' as 'auto' }))
    expect(error.code).toBe('E_VALUE')
    expect(error.message).toMatch(/'auto'/)
  })

  /** A graph without a past. */
  function growingSum(): Uint8Array {
    const g = new GraphBuilder('plain')
    g.output(g.op('ReduceSum', [g.input('x', 'float32', ['N'])], { keepdims: 0 }), 'sum')
    return exportModel(g.graph())
  }

  test('what a merged decoder has made of its encoder stays when it answers with nothing', async () => {
    const g = new GraphBuilder('merged')
    const heard = g.input('heard', 'float32', ['T'])
    const past = g.input('past_key_values.0.encoder.key', 'float32', ['K'])
    const cached = g.input('use_cache_branch', 'bool', [1])
    const branch = (name: string, make: (inner: GraphBuilder) => Value[]) => {
      const inner = new GraphBuilder(name)
      make(inner).forEach((value, i) => inner.output(value, `${name}${i}`))
      return inner.graph()
    }
    const [used, present] = g.node(
      'If',
      [cached],
      {
        then_branch: branch('kept', (inner) => [
          inner.op('Identity', [past]),
          inner.constant('nothing', new Tensor('float32', [], [0])),
        ]),
        else_branch: branch('made', (inner) => {
          const made = inner.op('Add', [heard, heard])
          return [made, inner.op('Identity', [made])]
        }),
      },
      { outputs: 2 },
    )
    g.output(g.op('ReduceSum', [used], { keepdims: 0 }), 'sum')
    g.output(present, 'present.0.encoder.key')
    await using session = await InferenceSession.create(exportModel(g.graph()), { states: 'auto' })
    const feed = (...values: number[]) => new Tensor('float32', Float32Array.from(values), [values.length])
    const flag = (value: boolean) => new Tensor('bool', [value], [1])
    const first = await session.run({
      heard: feed(1, 2, 3),
      use_cache_branch: flag(false),
      'past_key_values.0.encoder.key': feed(),
    })
    expect(numbers(first.sum)).toEqual([12])
    for (let i = 0; i < 3; i++)
      expect(numbers((await session.run({ heard: feed(9), use_cache_branch: flag(true) })).sum)).toEqual([12])
    expect(numbers((await session.run({ heard: feed(2), use_cache_branch: flag(false) })).sum)).toEqual([4])
    expect(numbers((await session.run({ heard: feed(9), use_cache_branch: flag(true) })).sum)).toEqual([4])
  })
})

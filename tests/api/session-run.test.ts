import { describe, expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor, type ErrorCode } from '../../src/node.js'
import { smallImage, smallModel } from '../support/small-model.js'
import { rejects, floats, numbers, affineModel, affine, feed } from './session-models.js'

describe('fetches', () => {
  test('all outputs, some, a value inside the graph, one that a pass fuses away, an input', async () => {
    await using session = await InferenceSession.create(affineModel())
    expect(Object.keys(await session.run(feed(1, 2)))).toEqual(['relu', 'negative'])
    expect(Object.keys(await session.run(feed(1, 2), ['negative']))).toEqual(['negative'])
    // The plain session has no such values: the product, the sum and the Relu are one node.
    expect((await session.optimized()).map(({ op }) => op.name)).toEqual(['MatMul', 'Neg'])
    const inside = await session.run(feed(-1, 2), ['product', 'sum', 'relu', 'x'])
    expect(numbers(inside.product)).toEqual([-2, 4])
    expect(numbers(inside.sum)).toEqual([-1, 3])
    expect(numbers(inside.relu)).toEqual([0, 3])
    expect(numbers(inside.x)).toEqual([-1, 2])
  })

  test('a constant, and the same value under every pass setting', async () => {
    for (const passes of [true, false]) {
      const session = await InferenceSession.create(affineModel(), { passes })
      expect(numbers((await session.run(feed(1, 2), ['b'])).b)).toEqual([1, -1])
      await session.release()
    }
  })

  test('many sets of fetches in turn are right and do not pile up memory', async () => {
    const g = new GraphBuilder('many')
    const x = g.input('x', 'float32', [1000])
    let y = x
    for (let i = 0; i < 12; i++) y = g.op('Add', [y, x], {}, `v${i}`)
    g.output(y, 'y')
    const session = await InferenceSession.create(exportModel(g.graph()))
    const ones = { x: floats([1000], new Array<number>(1000).fill(1)) }
    const used: number[] = []
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 12; i++) expect((await session.run(ones, [`v${i}`]))[`v${i}`].data[999]).toBe(i + 2)
      used.push(session.memory.peak)
    }
    expect(used[2]).toBe(used[0])
    await session.release()
  })

  test('names that contain a line break are not taken for two names', async () => {
    const g = new GraphBuilder('breaks')
    const x = g.input('x', 'float32', [1])
    g.output(g.op('Neg', [x], {}, 'a'), 'a')
    g.output(g.op('Abs', [x], {}, 'b'), 'b')
    g.output(g.op('Relu', [x], {}, 'a\nb'), 'a\nb')
    const session = await InferenceSession.create(exportModel(g.graph()))
    expect(Object.keys(await session.run({ x: floats([1], [-1]) }, ['a', 'b']))).toEqual(['a', 'b'])
    expect(Object.keys(await session.run({ x: floats([1], [-1]) }, ['a\nb']))).toEqual(['a\nb'])
    await session.release()
  })

  test('what is neither a name nor a tensor is no option', async () => {
    await using session = await InferenceSession.create(affineModel())
    for (const odd of [5, 'float32', true, [1]])
      await rejects('E_TENSOR', session.run(feed(1, 2), { relu: odd } as never), /fetch "relu"/)
  })

  test('tensors to write to', async () => {
    await using session = await InferenceSession.create(affineModel())
    const data = new Float32Array(6).fill(9)
    const into = new Tensor(data.subarray(1, 5), [2, 2])
    const results = await session.run(feed(1, 2, 3, 4), { relu: into, negative: null })
    expect(results.relu).toBe(into)
    expect([...data]).toEqual([9, 3, 3, 7, 7, 9])
    expect(numbers(results.negative)).toEqual([-1, -2, -3, -4])

    const pinned = new Tensor({ location: 'cpu-pinned', type: 'float32', data: new Float32Array(2), dims: [1, 2] })
    await session.run(feed(1, 2), { relu: pinned })
    expect(numbers(pinned)).toEqual([3, 3])
  })

  test.each([
    ['shape', floats([4], [9, 9, 9, 9])],
    ['size', floats([3, 2], [9, 9, 9, 9, 9, 9])],
    ['type', new Tensor('float64', Float64Array.of(9, 9, 9, 9), [2, 2])],
  ])('refuses a tensor of the wrong %s, and the session goes on', async (_, into) => {
    await using session = await InferenceSession.create(affineModel())
    const error = await rejects('E_TENSOR', session.run(feed(1, 2, 3, 4), { relu: into }))
    expect(error.tensor).toBe('relu')
    expect(new Set(into.data as Float32Array)).toEqual(new Set([9]))
    expect(numbers((await session.run(feed(1, 2))).relu)).toEqual([3, 3])
  })

  test.each<[string, unknown]>([
    ['an unknown name', ['nothing']],
    ['an unknown name with a tensor', { nothing: floats([1], [0]) }],
    ['no names', []],
    ['null', null],
    ['a string', 'relu'],
    ['a tensor', floats([1], [0])],
    ['__proto__', ['__proto__']],
    ['constructor', ['constructor']],
  ])('refuses %s', async (_, fetches) => {
    await using session = await InferenceSession.create(affineModel())
    await rejects('E_TENSOR', session.run(feed(1, 2), fetches as never))
  })
})

describe('feeds', () => {
  const detached = floats([1, 2], [1, 2])
  structuredClone(detached.data.buffer, {
    transfer: [detached.data.buffer as ArrayBuffer],
  })
  const disposed = floats([1, 2], [1, 2])
  disposed.dispose()

  test.each<[string, ErrorCode, unknown, RegExp]>([
    ['a wrong type', 'E_TENSOR', { x: new Tensor('int32', Int32Array.of(1, 2), [1, 2]) }, /"x".*float32.*int32/],
    ['a wrong rank', 'E_TENSOR', { x: floats([2], [1, 2]) }, /"x".*\[N,2\].*\[2\]/],
    ['a wrong size', 'E_TENSOR', { x: floats([1, 3], [1, 2, 3]) }, /"x".*\[N,2\].*\[1,3\]/],
    ['a missing input', 'E_TENSOR', {}, /"x" is missing/],
    ['undefined', 'E_TENSOR', { x: undefined }, /"x" is missing/],
    ['null', 'E_TENSOR', { x: null }, /"x"/],
    ['an array', 'E_TENSOR', { x: [1, 2] }, /"x"/],
    ['a bare Float32Array', 'E_TENSOR', { x: Float32Array.of(1, 2) }, /"x"/],
    ['an input too many', 'E_TENSOR', { ...feed(1, 2), z: floats([1], [1]) }, /"z"/],
    ['a detached buffer', 'E_TENSOR', { x: detached }, /"x" was detached/],
    ['a tensor that was disposed of', 'E_STATE', { x: disposed }, /disposed/],
    ['no object', 'E_TENSOR', undefined, /feeds/],
    ['null for all', 'E_TENSOR', null, /feeds/],
    ['a tensor for all', 'E_TENSOR', floats([1, 2], [1, 2]), /feeds/],
    ['a list', 'E_TENSOR', [floats([1, 2], [1, 2])], /feeds/],
  ])('refuses %s, and the session goes on', async (_, code, feeds, message) => {
    await using session = await InferenceSession.create(affineModel())
    await rejects(code, session.run(feeds as never), message)
    expect(numbers((await session.run(feed(1, 2))).relu)).toEqual([3, 3])
  })

  test('a buffer that was resized is refused', async () => {
    const Resizable = ArrayBuffer as unknown as new (
      length: number,
      options: object,
    ) => ArrayBuffer & { resize(length: number): void }
    const buffer = new Resizable(8, { maxByteLength: 64 })
    const x = new Tensor('float32', new Float32Array(buffer), [1, 2])
    buffer.resize(32)
    await using session = await InferenceSession.create(affineModel())
    await rejects('E_TENSOR', session.run({ x }), /resized/)
  })

  test('an empty batch gives empty outputs', async () => {
    await using session = await InferenceSession.create(affineModel())
    const { relu } = await session.run({ x: floats([0, 2], []) })
    expect(relu.dims).toEqual([0, 2])
    expect(relu.data).toHaveLength(0)
  })
})

describe('several runs', () => {
  test('two at once are each right', async () => {
    await using session = await InferenceSession.create(affineModel())
    const [a, b] = await Promise.all([session.run(feed(1, 2)), session.run(feed(3, 4, 5, 6))])
    expect(numbers(a.relu)).toEqual(affine([1, 2]))
    expect(numbers(b.relu)).toEqual(affine([3, 4, 5, 6]))
  })

  test('twenty at once of different shapes, fetches and signals are each right, also when some are refused', async () => {
    await using session = await InferenceSession.create(affineModel())
    const { signal } = new AbortController()
    const runs = Array.from({ length: 20 }, async (_, i) => {
      const values = Array.from({ length: 2 * ((i % 7) + 1) }, (_, k) => i + k / 8)
      if (i % 5 === 3) return rejects('E_TENSOR', session.run({ x: floats([1, 3], [i, i, i]) }))
      if (i % 5 === 4) return rejects('E_TENSOR', session.run(feed(...values), { relu: floats([1], [0]) }))
      const name = i % 2 === 0 ? 'relu' : 'sum'
      const results = await session.run(feed(...values), [name], i % 3 === 0 ? { signal } : {})
      expect(results[name].dims).toEqual([values.length / 2, 2])
      expect(numbers(results[name])).toEqual(affine(values))
    })
    await Promise.all(runs)
  })

  test('more input shapes than plans are kept are each right, twice over', async () => {
    await using session = await InferenceSession.create(affineModel())
    for (let round = 0; round < 2; round++) {
      for (let n = 1; n <= 40; n++) {
        const values = Array.from({ length: 2 * n }, (_, i) => i - n)
        expect(numbers((await session.run(feed(...values))).relu)).toEqual(affine(values))
      }
    }
  })

  test('a planned run takes no more memory', async () => {
    const session = await InferenceSession.create(smallModel())
    const image = new Tensor('float32', smallImage(), [1, 1, 12, 12])
    const two = new Tensor('float32', Float32Array.of(...smallImage(), ...smallImage()), [2, 1, 12, 12])
    const first = (await session.run({ image })).scores
    await session.run({ image: two })
    const before = session.memory
    for (let i = 0; i < 100; i++) {
      const { scores } = await session.run({ image: i % 2 === 0 ? image : two })
      expect(numbers(scores).slice(0, 5)).toEqual(numbers(first))
    }
    expect(session.memory).toEqual(before)
    expect(before.weights).toBeGreaterThan(4 * (36 + 4 + 720 + 5))
    expect(before.arena).toBeGreaterThan(4 * 2 * 144)
    expect(before.scratch).toBeLessThanOrEqual(before.arena)
    expect(before.peak).toBeGreaterThanOrEqual(before.weights + before.arena)
    await session.release()
  })

  test('outputs are the own of each run: changing them, or the feeds afterwards, changes nothing', async () => {
    const g = new GraphBuilder('hands on')
    const x = g.input('x', 'float32', [2])
    g.output(g.op('Add', [x, g.constant('b', hostFrom('float32', [2], [1, 1]))]), 'y')
    g.output(x, 'same')
    g.output(
      g.op('Mul', [
        g.constant('p', hostFrom('float32', [2], [2, 3])),
        g.constant('q', hostFrom('float32', [2], [4, 5])),
      ]),
      'fixed',
    )
    await using session = await InferenceSession.create(exportModel(g.graph()))
    const fed = floats([2], [1, 2])
    const first = await session.run({ x: fed })
    const second = await session.run({ x: floats([2], [5, 6]) })
    fed.data.fill(NaN)
    for (const [y, same, result] of [
      [[2, 3], [1, 2], first],
      [[6, 7], [5, 6], second],
    ] as const) {
      expect(numbers(result.y)).toEqual(y)
      expect(numbers(result.same)).toEqual(same)
      expect(numbers(result.fixed)).toEqual([8, 15])
      for (const tensor of Object.values(result)) (tensor.data as Float32Array).fill(NaN)
    }
    const third = await session.run({ x: floats([2], [1, 2]) })
    expect([third.y, third.same, third.fixed].map(numbers)).toEqual([
      [2, 3],
      [1, 2],
      [8, 15],
    ])
    const constants = await session.run({ x: floats([2], [1, 2]) }, ['b', 'fixed'])
    ;(constants.b.data as Float32Array).fill(NaN)
    expect(numbers((await session.run({ x: floats([2], [1, 2]) })).y)).toEqual([2, 3])
  })
})

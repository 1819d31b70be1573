import { describe, expect, test } from 'vitest'
import { exportModel, GraphBuilder, InferenceSession, Tensor, type SessionOptions } from '../../src/node.js'
import '../../src/all-ops.js'
import { expectError, expectRejects } from '../support/expect-error.js'

const floats = (shape: number[], values: number[]) => new Tensor('float32', Float32Array.from(values), shape)

describe('packed outputs that are written into the caller’s tensor', () => {
  test.each([
    ['int4', [1, -2, 7, -8, 3], [0xe1, 0x87, 0x03]],
    ['uint4', [1, 2, 15, 0, 9], [0x21, 0x0f, 0x09]],
    ['int2', [1, -2, -1, 0, 1], [0b00111001, 0b01]],
    ['uint2', [1, 2, 3, 0, 3], [0b00111001, 0b11]],
  ] as const)('%s', async (type, values, bytes) => {
    const g = new GraphBuilder()
    g.output(g.op('Cast', [g.input('x', 'float32', [5])], { to: type }), 'y')
    const session = await InferenceSession.create(exportModel(g.graph()))
    const x = floats([5], [...values])
    const storage = new Uint8Array(bytes.length + 2)
    const into = new Tensor(type, storage.subarray(1, 1 + bytes.length), [5])
    const { y } = await session.run({ x }, { y: into })
    expect(y).toBe(into)
    expect(Array.from(storage)).toEqual([0, ...bytes, 0])
    const loose = new Tensor(type, new Uint8Array(5), [5])
    await session.run({ x }, { y: loose })
    expect(Array.from(new Int8Array((loose.data as Uint8Array).buffer))).toEqual(values)
    expect(Array.from((await session.run({ x })).y.data as Uint8Array)).toEqual(bytes)
  })
})

describe('states', () => {
  /** next = state + x, with what is declared of both. */
  async function accumulator(next: 'float32' | 'float64', shape: (number | string)[], options: SessionOptions = {}) {
    const g = new GraphBuilder()
    const state = g.input('state', 'float32', [1, 2])
    const x = g.input('x', 'float32', shape)
    const sum = g.op('Add', [state, x])
    g.output(next === 'float32' ? sum : g.op('Cast', [sum], { to: next }), 'next')
    return InferenceSession.create(exportModel(g.graph()), { states: { state: 'next' }, ...options })
  }

  test('of another type or shape are refused when the session is made', async () => {
    await expectRejects('E_TENSOR', () => accumulator('float64', [1, 2]), /"state".*float32\[1,2\].*float64/)
    await expectRejects('E_TENSOR', () => accumulator('float32', [3, 2]), /float32\[3,2\]/)
    await expectRejects('E_TENSOR', () => accumulator('float32', [1, 1, 2]), /float32\[1,1,2\]/)
  })

  test('that turn out not to fit are refused when it shows', async () => {
    const session = await accumulator('float32', ['N', 2])
    const state = floats([1, 2], [0, 0])
    await session.run({ state, x: floats([1, 2], [1, 1]) })
    await expectRejects(
      'E_TENSOR',
      () => session.run({ x: new Tensor('float32', new Float32Array(6), [3, 2]) }),
      /float32\[1,2\].*float32\[3,2\]/,
    )
    await expectRejects('E_TENSOR', () => session.run({ x: floats([1, 2], [1, 1]) }), /no earlier run/)
  })

  test.each<[string, Tensor]>([
    ['type', new Tensor('int32', [0, 0], [1, 2])],
    ['shape', floats([2, 2], [0, 0, 0, 0])],
    ['number of axes', floats([2], [0, 0])],
  ])('outlive a run that was to be written into a tensor of another %s', async (_, into) => {
    for (const free of [1, 'N'])
      for (const data of [false, true]) {
        const g = new GraphBuilder()
        const x = g.input('x', 'float32', [free, 2])
        g.output(g.op('Add', [g.input('state', 'float32', [free, 2]), x]), 'next')
        // The plan is cut where the data decide.
        if (data) g.output(g.op('NonZero', [x]), 'places')
        const session = await InferenceSession.create(exportModel(g), { states: { state: 'next' } })
        const feeds = { x: floats([1, 2], [1, 2]) }
        await session.run({ ...feeds, state: floats([1, 2], [10, 20]) })
        const fetches = { next: into, ...(data && { places: null }) }
        await expectRejects('E_TENSOR', () => session.run(feeds, fetches), /"next"/)
        const given = { ...feeds, state: floats([1, 2], [5, 5]) }
        await expectRejects('E_TENSOR', () => session.run(given, fetches), /"next"/)
        if (!data) expectError('E_TENSOR', () => session.runSync(feeds, fetches), /"next"/)
        const { next } = await session.run(feeds, ['next'])
        expect(Array.from(next.data as Float32Array)).toEqual([12, 24])
      }
  })

  test('outlive a run whose signal had fired before', async () => {
    const session = await accumulator('float32', [1, 2])
    const x = floats([1, 2], [1, 2])
    await session.run({ state: floats([1, 2], [10, 20]), x })
    await expectRejects('E_STATE', () => session.run({ x }, { signal: AbortSignal.abort() }), /aborted/)
    await expectRejects('E_STATE', () =>
      session.run({ state: floats([1, 2], [0, 0]), x }, { signal: AbortSignal.abort() }),
    )
    const { next } = await session.run({ x }, ['next'])
    expect(Array.from(next.data as Float32Array)).toEqual([12, 24])
  })
})

test('metadata that was written can be read', async () => {
  const g = new GraphBuilder()
  g.output(g.op('Relu', [g.input('x', 'float32', [1])]), 'y')
  const metadata = { classes: 'a,b', __proto__x: '1', '': 'empty' }
  const session = await InferenceSession.create(exportModel(g.graph(), { metadata }))
  expect(Object.fromEntries(session.metadata)).toEqual(metadata)
  const bare = await InferenceSession.create(exportModel(g.graph()))
  expect(bare.metadata.size).toBe(0)
})

describe('tensors from numbers', () => {
  const floatTypes = ['float32', 'float64', 'float16', 'bfloat16', 'float8e4m3fn', 'float8e5m2', 'float4e2m1'] as const
  const intTypes = ['int8', 'uint8', 'int16', 'uint16', 'int32', 'uint32', 'int64', 'uint64', 'int4', 'uint4', 'int2', 'uint2'] as const // prettier-ignore

  test.each([...floatTypes, ...intTypes])(
    '%s takes arrays, other arrays of numbers, bigints and booleans',
    async (type) => {
      const sources = [[1, 0, 1], [1n, 0n, 1n], [true, false, true], { length: 3, 0: 1, 1: 0, 2: 1 }] as const
      const views = type === 'float64' ? [Float32Array.of(1, 0, 1)] : [Float64Array.of(1, 0, 1)]
      const g = new GraphBuilder()
      g.output(g.op('Cast', [g.input('x', type, ['N'])], { to: 'float32' }), 'y')
      const session = await InferenceSession.create(exportModel(g.graph()))
      for (const source of [...sources, ...views]) {
        const tensor = new Tensor(type, source)
        expect(tensor.dims).toEqual([3])
        const { y } = await session.run({ x: tensor })
        expect(Array.from(y.data as Float32Array)).toEqual([1, 0, 1])
      }
    },
  )

  test.each([
    'float16',
    'bfloat16',
    'float8e4m3fn',
    'float8e4m3fnuz',
    'float8e5m2',
    'float8e5m2fnuz',
    'float8e8m0',
  ] as const)('NaN is a number of %s', async (type) => {
    const g = new GraphBuilder()
    g.output(g.op('Cast', [g.input('x', type, [1])], { to: 'float32' }), 'y')
    const session = await InferenceSession.create(exportModel(g.graph()))
    expect((await session.run({ x: new Tensor(type, [NaN]) })).y.data).toEqual(Float32Array.of(NaN))
  })

  test('storage is shared and 16-bit patterns stay patterns', () => {
    const bits = Uint16Array.of(0x3fc0)
    expect(Array.from(new Tensor('bfloat16', bits).data as Uint16Array)).toEqual([0x3fc0])
    expect(Array.from(new Tensor('bfloat16', [1.5]).data as Uint16Array)).toEqual([0x3fc0])
    const half = new Tensor('float16', [1.5, 65504, Infinity, -0]).data
    expect(Array.from(new Uint16Array(half.buffer, half.byteOffset, half.length))).toEqual([
      0x3e00, 0x7bff, 0x7c00, 0x8000,
    ])
    for (const type of ['complex64', 'complex128'] as const)
      for (const [values, dims] of [
        [[1, 2, 3], [2]],
        [[1], [1]],
        [[1, 2, 3], undefined],
      ] as const)
        expectError('E_TENSOR', () => new Tensor(type, [...values], dims), /pairs of numbers/)
    const pairs = new Tensor('complex64', [1, 2, 3, 4], [2])
    expect(Array.from(pairs.data as Float32Array)).toEqual([1, 2, 3, 4])
  })

  test.each([
    ['uint8', [300]], ['uint8', [-1]], ['int8', [128]], ['int16', [-32769]], ['int32', [2 ** 31]], ['uint32', [-1]],
    ['int64', [2n ** 63n]], ['uint64', [-1n]], ['uint64', [2n ** 64n]], ['int64', [0.5]], ['int64', [NaN]],
    ['int32', [1.5]], ['int32', [NaN]], ['int32', [Infinity]], ['int4', [8]], ['uint4', [16]], ['int2', [2]], ['uint2', [-1]],
    ['bool', [2]], ['float32', ['1']], ['float32', [undefined]], ['float32', [null]], ['float64', [{}]],
    ['float8e4m3fn', [500]], ['float4e2m1', [7]], ['float4e2m1', [NaN]], ['float4e2m1', Float32Array.of(NaN)], ['int8', [NaN]], ['uint4', [NaN]],
    ['bool', [NaN]], ['uint64', [NaN]], ['string', new Array<string>(1)], ['float32', new Array<number>(1)], ['float8e8m0', [-1]], ['int32', Float64Array.of(3e10)],
    ['string', [1]], ['string', 'ab'],
  ] as const)('%s refuses %o', (type, source) => {
    expectError('E_TENSOR', () => new Tensor(type, source as never))
  }) // prettier-ignore

  test('a list that is not all of one kind is refused', () => {
    expectError(
      'E_TENSOR',
      () => new Tensor('bool', Uint8Array.of(1, 0, 5)),
      /element 2 of a bool tensor is 5, not 0 or 1/,
    )
    expectError('E_TENSOR', () => new Tensor(['a', 1] as never))
    expectError('E_TENSOR', () => new Tensor([true, 'a'] as never))
  })
})

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { GraphBuilder, exportModel, InferenceSession, Tensor } from '../../src/node.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { expectError } from '../support/expect-error.js'
import { gruModel } from '../support/gru-model.js'
import { randomTensor, seeded } from '../support/random.js'
import { smallImage, smallModel } from '../support/small-model.js'

registerAllOps()
const numbers = ({ data }: Tensor): number[] => Array.from(data as Float32Array)
const floats = (dims: readonly number[], values: ArrayLike<number>) =>
  new Tensor('float32', Float32Array.from(values), dims)
const image = () => floats([1, 1, 12, 12], smallImage())

/** A model with everything that a run may have to stop for: a body that loops, sizes that depend on data, a branch. */
function stopping(): Uint8Array {
  const g = new GraphBuilder('stopping')
  const x = g.input('x', 'float32', ['N'])
  const body = new GraphBuilder('doubled')
  body.input('i', 'int64', [])
  const going = body.input('going', 'bool', [])
  const carried = body.input('carried', 'float32', ['N'])
  body.output(body.op('Identity', [going]), 'goes on')
  body.output(body.op('Add', [carried, carried]), 'twice')
  const trips = g.constant('trips', { dtype: 'int64', shape: [], data: BigInt64Array.of(3n) })
  const eightfold = g.op('Loop', [trips, undefined, x], { body: body.graph() })
  g.output(eightfold, 'y')
  g.output(g.op('NonZero', [x]), 'places')
  return exportModel(g.graph())
}

describe('without a promise', () => {
  test('the results are those of run', async () => {
    for (const [model, feeds] of [
      [smallModel(), { image: image() }],
      [stopping(), { x: floats([4], [1, 0, -2, 0.5]) }],
    ] as const) {
      await using session = await InferenceSession.create(model)
      using now = InferenceSession.createSync(model)
      expect(now.outputNames).toEqual(session.outputNames)
      const expected = await session.run(feeds)
      for (let round = 0; round < 2; round++) {
        const results = now.runSync(feeds)
        expect(Object.keys(results)).toEqual(Object.keys(expected))
        for (const name of session.outputNames) expect(results[name]).toEqual(expected[name])
      }
    }
    using now = InferenceSession.createSync(stopping())
    expect(numbers(now.runSync({ x: floats([2], [1, -3]) }).y)).toEqual([8, -24])
    expect(Object.keys(now.runSync({ x: floats([2], [1, -3]) }, ['places']))).toEqual(['places'])
    const into = new Float32Array(2)
    now.runSync({ x: floats([2], [1, -3]) }, { y: new Tensor('float32', into, [2]) })
    expect([...into]).toEqual([8, -24])
  })

  test('kernels may be given', () => {
    const wasmModule = new WebAssembly.Module(readFileSync('dist/wasm/inference-simd.wasm'))
    using session = InferenceSession.createSync(smallModel(), { wasmModule })
    // The build that runs here is not among them: nothing else is taken in its place.
    expectError('E_VALUE', () => InferenceSession.createSync(smallModel(), { wasmModule: {}, build: 'simd' }), /simd/)
    expect(session.build).toBe('simd')
    using other = InferenceSession.createSync(smallModel(), { wasmModule: { simd: wasmModule }, build: 'simd' })
    expect(other.runSync({ image: image() })).toEqual(session.runSync({ image: image() }))
  })

  test('errors are those of run', async () => {
    using session = InferenceSession.createSync(smallModel())
    expectError('E_TENSOR', () => session.runSync({}), /image/)
    expectError('E_TENSOR', () => session.runSync(), /image/)
    expectError('E_TENSOR', () => session.runSync({ image: image(), other: image() }), /other/)
    expectError('E_TENSOR', () => session.runSync({ image: floats([1, 2], [1, 2]) }), /shape/)
    expectError('E_STATE', () => session.runSync({ image: image() }, { signal: AbortSignal.abort() }), /aborted/)
    const elsewhere = { type: 'float32', dims: [1, 1, 12, 12], getData: () => Promise.resolve(smallImage()) }
    expectError('E_STATE', () => session.runSync({ image: elsewhere }), /"image"/)
    const running = session.run({ image: image() })
    expectError('E_STATE', () => session.runSync({ image: image() }), /under way/)
    expectError('E_STATE', () => session.input('image'), /under way/)
    await running
    session.runSync({ image: image() })
    await session.release()
    expectError('E_STATE', () => session.runSync({ image: image() }), /released/)
    expectError('E_PARSE', () => InferenceSession.createSync(Uint8Array.of(1, 2, 3)))
  })

  test('what has to be waited for says so', () => {
    const refused = (options: InferenceSession.SessionOptions, what: RegExp) =>
      expectError('E_STATE', () => InferenceSession.createSync(smallModel(), options), what)
    refused({ threads: 2 }, /threads/)
    refused({ warmUp: true }, /warmUp/)
    refused({ externalData: [{ path: 'weights', data: new Blob([]) }] }, /external data/)
    expectError('E_STATE', () => InferenceSession.createSync('model.onnx' as never), /file/)
    // Bytes are here.
    InferenceSession.createSync(smallModel(), {
      externalData: [{ path: 'weights', data: new Uint8Array(4) }],
    }).dispose()
  })
})

describe('bound tensors', () => {
  /** `relu` could be written over the input, which must stay what it is. */
  function chain(): Uint8Array {
    const g = new GraphBuilder('chain')
    const x = g.input('x', 'float32', ['N', 3])
    const relu = g.op('Relu', [x], {}, 'relu')
    g.output(g.op('Neg', [relu]), 'y')
    return exportModel(g.graph())
  }

  test('are written and read where they lie', () => {
    using session = InferenceSession.createSync(chain())
    const x = session.input('x', [2, 3])
    const y = session.output('y')
    expect([x.name, x.type, x.dims, [...x.data]]).toEqual(['x', 'float32', [2, 3], [0, 0, 0, 0, 0, 0]])
    expectError('E_STATE', () => y.data, /"y"/)
    expectError('E_STATE', () => y.dims, /"y"/)
    const write = (...values: number[]) => x.data.set(values)
    write(1, -2, 3, -4, 5, -6)
    expect(session.runSync()).toEqual({})
    expect([y.type, y.dims]).toEqual(['float32', [2, 3]])
    expect([...y.data]).toEqual([-1, -0, -3, -0, -5, -0])
    // Neither the run nor writing the next input changes the other.
    expect([...x.data]).toEqual([1, -2, 3, -4, 5, -6])
    const seen = y.data
    for (let i = 0; i < 5; i++) {
      write(i, i, -1, 0, 0, 0)
      session.runSync()
      expect(y.data).toBe(seen)
      expect([...y.data]).toEqual([-i || -0, -i || -0, -0, -0, -0, -0])
    }
    expect(session.memory.states).toBeGreaterThanOrEqual(24)
  })

  test('fetches and feeds go on as they did', async () => {
    await using session = await InferenceSession.create(chain())
    const x = session.input('x', [1, 3])
    x.data.set([1, 2, 3])
    expect(numbers((await session.run({})).y)).toEqual([-1, -2, -3])
    expect(numbers((await session.run({ x: floats([1, 3], [4, 5, 6]) })).y)).toEqual([-4, -5, -6])
    expect(numbers((await session.run({ x: floats([2, 3], [4, 5, 6, 7, 8, 9]) })).y)).toHaveLength(6)
    expect(numbers(session.runSync().y)).toEqual([-1, -2, -3])
    const y = session.output('y')
    const relu = session.output('relu')
    expect(await session.run({})).toEqual({})
    expect([...relu.data]).toEqual([1, 2, 3])
    expect(numbers(session.runSync({}, ['y']).y)).toEqual([-1, -2, -3])
    await session.run({ x: floats([2, 3], [4, 5, 6, 7, 8, 9]) })
    expect(y.dims).toEqual([2, 3])
    // A run that fails leaves nothing.
    await expect(session.run({ x: floats([1, 1], [1]) })).rejects.toMatchObject({ code: 'E_TENSOR' })
    expect(y.dims).toEqual([2, 3])
    await session.release()
    for (const tensor of [x, y]) expectError('E_STATE', () => tensor.data, /released/)
  })

  test('one of two inputs of the same shape', () => {
    const g = new GraphBuilder('two')
    const [a, b] = ['a', 'b'].map((name) => g.input(name, 'float32', [2]))
    g.output(g.op('Sub', [a, b]), 'y')
    using session = InferenceSession.createSync(exportModel(g.graph()))
    const [one, two] = [floats([2], [10, 20]), floats([2], [1, 2])]
    expect(numbers(session.runSync({ a: one, b: two }).y)).toEqual([9, 18])
    const bound = session.input('a')
    bound.data.set([5, 5])
    expect(numbers(session.runSync({ b: two }).y)).toEqual([4, 3])
    session.input('b')
    expect(numbers(session.runSync({ a: one }).y)).toEqual([10, 20])
    expect(numbers(session.runSync({ b: two }).y)).toEqual([4, 3])
    expect(numbers(session.runSync().y)).toEqual([5, 5])
  })

  test('bound again, an input has another place and the tensor from before throws', () => {
    using session = InferenceSession.createSync(chain())
    const before = session.input('x', [1, 3])
    before.data.set([1, 2, 3])
    session.runSync()
    const after = session.input('x', [4, 3])
    expectError('E_STATE', () => before.data, /bound again/)
    expect(numbers(session.runSync().y)).toEqual(new Array(12).fill(-0))
    after.data.fill(2)
    expect(numbers(session.runSync().y)).toEqual(new Array(12).fill(-2))
  })

  test('what cannot be bound is refused', () => {
    const g = new GraphBuilder('kinds')
    const text = g.input('text', 'string', [2])
    const x = g.input('x', 'float32', ['N', 3])
    g.output(g.op('Identity', [text]), 'same')
    g.output(g.op('NonZero', [x]), 'places')
    g.output(g.constant('fixed', randomTensor(seeded(1), 'float32', [2], 1, 2)), 'fixed')
    using session = InferenceSession.createSync(exportModel(g.graph()))
    expectError('E_UNSUPPORTED', () => session.input('text'), /text/)
    expectError('E_VALUE', () => session.input('x'), /dims/)
    expectError('E_VALUE', () => session.input('x', [-1, 3]), /dims/)
    expectError('E_TENSOR', () => session.input('x', [2, 4]), /shape/)
    expectError('E_TENSOR', () => session.input('z'), /"z"/)
    expectError('E_TENSOR', () => session.output('z'), /"z"/)
    expectError('E_BUDGET', () => session.input('x', [2 ** 31, 3]))
    const [same, places, fixed] = ['same', 'places', 'fixed'].map((name) => session.output(name))
    session.runSync({ text: new Tensor(['a', 'b'], [2]), x: floats([1, 3], [0, 1, 2]) })
    expectError('E_UNSUPPORTED', () => same.data, /"same"/)
    expect([...(places.data as unknown as BigInt64Array)]).toEqual([0n, 0n, 1n, 2n])
    // The model's own numbers are not the caller's to change.
    fixed.data.fill(0)
    session.runSync({ text: new Tensor(['a', 'b'], [2]), x: floats([1, 3], [0, 1, 2]) }, ['fixed'])
    expect(
      numbers(session.runSync({ text: new Tensor(['a', 'b'], [2]), x: floats([1, 3], [0, 1, 2]) }, ['fixed']).fixed)[0],
    ).toBeGreaterThan(0)
  })

  describe('with states', () => {
    let expected: number[][]
    const inputs = Array.from({ length: 30 }, (_, i) => [Math.sin(i), Math.cos(i), i / 30, 1])
    const start = () => floats([1, 1, 6], [0.1, 0.2, 0, 0, 0, -0.5])
    beforeAll(async () => {
      await using session = await InferenceSession.create(gruModel(), { states: { h: 'hn' } })
      expected = []
      for (const [i, x] of inputs.entries())
        expected.push(numbers((await session.run({ x: floats([1, 1, 4], x), ...(i === 0 && { h: start() }) })).y))
    })

    test('a stream gives the same, step by step', () => {
      using session = InferenceSession.createSync(gruModel(), { states: { h: 'hn' } })
      const x = session.input('x')
      const y = session.output('y')
      for (const [i, values] of inputs.entries()) {
        x.data.set(values)
        session.runSync(i === 0 ? { h: start() } : undefined)
        expect(Array.from(y.data)).toEqual(expected[i])
      }
      // From the start again, among steps that are not all alike.
      for (const [i, values] of inputs.entries()) {
        x.data.set(values)
        const fetched = session.runSync(i === 0 ? { h: start() } : {}, i % 3 === 1 ? ['y'] : undefined)
        expect(fetched.y ? numbers(fetched.y) : Array.from(y.data)).toEqual(expected[i])
      }
    })

    test('a step allocates nothing', () => {
      const program = fileURLToPath(new URL('steady-run.ts', import.meta.url))
      const { bytes, sum } = JSON.parse(
        execFileSync(process.execPath, ['--import', 'tsx', program], { encoding: 'utf8' }),
      ) as { bytes: number; sum: number }
      // What asking for the size of the heap takes itself, shared by two thousand steps.
      expect(bytes).toBeLessThan(4)
      expect(sum).not.toBe(0)
    })
  })
})

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { supportsRelaxed } from '../../bindings/module.js'
import { hostFrom } from '../../src/core/host.js'
import {
  exportModel,
  GraphBuilder,
  InferenceSession,
  LanewiseError,
  Tensor,
  type ErrorCode,
  type SessionOptions,
} from '../../src/node.js'
import { writeModel } from '../../src/onnx/wire.js'
import { smallImage, smallModel } from '../support/small-model.js'

async function rejects(code: ErrorCode, work: Promise<unknown>, message?: RegExp): Promise<LanewiseError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(LanewiseError)
  expect(error).toMatchObject({ code })
  if (message) expect((error as LanewiseError).message).toMatch(message)
  return error as LanewiseError
}

const floats = (shape: number[], values: number[]) => new Tensor('float32', Float32Array.from(values), shape)
const numbers = (tensor: Tensor): number[] => Array.from(tensor.data as Float32Array)

/** x [N,2] → relu = Relu(x · 2 + [1, −1]); the affine part is a MatMul and an Add that fuse with the Relu. */
function affineModel(): Uint8Array {
  const g = new GraphBuilder('affine')
  const x = g.input('x', 'float32', ['N', 2])
  const product = g.op('MatMul', [x, g.constant('w', hostFrom('float32', [2, 2], [2, 0, 0, 2]))], {}, 'product')
  const sum = g.op('Add', [product, g.constant('b', hostFrom('float32', [2], [1, -1]))], {}, 'sum')
  g.output(g.op('Relu', [sum], {}, 'relu'))
  g.output(g.op('Neg', [x], {}, 'negative'))
  return exportModel(g.graph())
}
const affine = (values: number[]) => values.map((value, i) => Math.max(0, 2 * value + (i % 2 === 0 ? 1 : -1)))
const feed = (...values: number[]) => ({ x: floats([values.length / 2, 2], values) })

/** `count` times y = Sin(y): nothing of it can be left out or fused. */
function chainModel(count: number, shape: number[]): Uint8Array {
  const g = new GraphBuilder('chain')
  let y = g.input('x', 'float32', shape)
  for (let i = 0; i < count; i++) y = g.op('Sin', [y])
  g.output(y, 'y')
  return exportModel(g.graph())
}

describe('create', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-session-'))
  const path = join(folder, 'affine model.onnx')
  writeFileSync(path, affineModel())
  afterAll(() => rmSync(folder, { recursive: true }))

  const bytes = affineModel()
  const padded = new Uint8Array(bytes.length + 24)
  padded.set(bytes, 8)
  const shared = new SharedArrayBuffer(bytes.length)
  new Uint8Array(shared).set(bytes)
  test.each<[string, (options: SessionOptions) => Promise<InferenceSession>]>([
    ['a path', (options) => InferenceSession.create(path, options)],
    ['a file URL', (options) => InferenceSession.create(pathToFileURL(path), options)],
    ['a file URL as text', (options) => InferenceSession.create(pathToFileURL(path).href, options)],
    ['a Uint8Array', (options) => InferenceSession.create(bytes, options)],
    ['a Buffer', (options) => InferenceSession.create(readFileSync(path), options)],
    [
      'a Uint8Array inside a buffer',
      (options) => InferenceSession.create(padded.subarray(8, 8 + bytes.length), options),
    ],
    ['an ArrayBuffer', (options) => InferenceSession.create(Uint8Array.from(bytes).buffer, options)],
    ['a SharedArrayBuffer', (options) => InferenceSession.create(shared, options)],
    [
      'an ArrayBuffer, offset and length',
      (options) => InferenceSession.create(padded.buffer, 8, bytes.length, options),
    ],
    [
      'an ArrayBuffer and an offset',
      (options) => InferenceSession.create(padded.slice(0, 8 + bytes.length).buffer, 8, undefined, options),
    ],
  ])('from %s', async (_, create) => {
    // A path is also the only one of these that could lose the options.
    await using session = await create({ build: 'simd' })
    expect(session.build).toBe('simd')
    expect(numbers((await session.run(feed(1, 2))).relu)).toEqual([3, 3])
  })

  test.each<[string, ErrorCode, () => Promise<unknown>]>([
    ['a file that is not there', 'E_PARSE', () => InferenceSession.create(join(folder, 'none.onnx'))],
    ['an offset outside', 'E_VALUE', () => InferenceSession.create(padded.buffer, padded.length + 1)],
    ['a length outside', 'E_VALUE', () => InferenceSession.create(padded.buffer, 8, padded.length)],
    ['a negative offset', 'E_VALUE', () => InferenceSession.create(padded.buffer, -1)],
    ['a number', 'E_VALUE', () => InferenceSession.create(5 as never)],
    ['null', 'E_VALUE', () => InferenceSession.create(null as never)],
    [
      'an HTML page',
      'E_PARSE',
      () => InferenceSession.create(new TextEncoder().encode('<!DOCTYPE html><html></html>')),
    ],
    ['nothing', 'E_PARSE', () => InferenceSession.create(new Uint8Array())],
    ['options that are null', 'E_VALUE', () => InferenceSession.create(bytes, null as never)],
    ['options that are a string', 'E_VALUE', () => InferenceSession.create(bytes, 'fast' as never)],
    ['a memory limit of 0', 'E_VALUE', () => InferenceSession.create(bytes, { memoryLimit: 0 })],
    ['a memory limit of NaN', 'E_VALUE', () => InferenceSession.create(bytes, { memoryLimit: NaN })],
    ['half a thread', 'E_VALUE', () => InferenceSession.create(bytes, { threads: 0.5 })],
  ])('refuses %s', async (_, code, create) => {
    await rejects(code, create())
  })

  test('takes a compiled module', async () => {
    const wasmModule = await WebAssembly.compile(
      readFileSync(new URL('../../dist/wasm/inference-simd.wasm', import.meta.url)),
    )
    const session = await InferenceSession.create(bytes, { wasmModule })
    expect(session.build).toBe('simd')
    expect(numbers((await session.run(feed(1, 2))).relu)).toEqual([3, 3])
    await session.release()
  })

  test('deterministic is the build without fused multiply-add', async () => {
    const session = await InferenceSession.create(bytes, { deterministic: true })
    expect(session.build).toBe('simd')
    await session.release()
  })

  test('auto is the relaxed build where the engine has it', async () => {
    const session = await InferenceSession.create(bytes)
    expect(session.build).toBe(supportsRelaxed() ? 'relaxed' : 'simd')
    await session.release()
  })

  test("accepts onnxruntime-web's options", async () => {
    const session = await InferenceSession.create(bytes, {
      executionProviders: ['wasm', { name: 'webgl' }],
      intraOpNumThreads: 1,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      enableCpuMemArena: true,
      enableMemPattern: true,
      executionMode: 'sequential',
      optimizedModelFilePath: '/nowhere',
      enableProfiling: false,
      profileFilePrefix: 'p',
      logId: 'id',
      logSeverityLevel: 3,
      logVerbosityLevel: 0,
      preferredOutputLocation: 'cpu',
      enableGraphCapture: false,
      extra: { session: { disable_prepacking: '1' } },
    })
    const { relu } = await session.run(feed(1, 2), {
      logSeverityLevel: 3,
      logVerbosityLevel: 0,
      terminate: false,
      tag: 'run',
      extra: {},
    })
    expect(numbers(relu)).toEqual([3, 3])
    session.startProfiling()
    session.endProfiling()
    await session.release()
  })
})

describe('metadata', () => {
  test('names, types and shapes, symbolic sizes by name', async () => {
    const session = await InferenceSession.create(smallModel())
    expect(session.inputNames).toEqual(['image'])
    expect(session.outputNames).toEqual(['scores'])
    expect(session.inputMetadata).toEqual([{ name: 'image', isTensor: true, type: 'float32', shape: ['N', 1, 12, 12] }])
    expect(session.outputMetadata).toEqual([{ name: 'scores', isTensor: true, type: 'float32', shape: ['N', 5] }])
    await session.release()
  })

  test('a size without a name is an empty one, a sequence is no tensor', async () => {
    const bytes = writeModel({
      irVersion: 10,
      opsetImport: [{ version: 21 }],
      graph: {
        name: 'g',
        input: [{ name: 'x', type: { tensorType: { elemType: 7, shape: { dim: [{}, { dimParam: 'T' }] } } } }],
        output: [{ name: 's', type: { sequenceType: { elemType: { tensorType: { elemType: 7 } } } } }],
        node: [{ opType: 'SequenceConstruct', input: ['x'], output: ['s'] }],
      },
    })
    const session = await InferenceSession.create(bytes)
    expect(session.inputMetadata).toEqual([{ name: 'x', isTensor: true, type: 'int64', shape: ['', 'T'] }])
    expect(session.outputMetadata).toEqual([{ name: 's', isTensor: false }])
    const { s } = (await session.run({ x: new Tensor('int64', [1n, 2n], [1, 2]) })) as unknown as { s: Tensor[] }
    expect(s.map(({ dims }) => dims)).toEqual([[1, 2]])
    await session.release()
  })

  test('freeDimensionOverrides fix a symbolic size', async () => {
    const session = await InferenceSession.create(affineModel(), { freeDimensionOverrides: { N: 3 } })
    expect(session.inputMetadata[0]).toMatchObject({ shape: [3, 2] })
    await rejects('E_TENSOR', session.run(feed(1, 2)), /\[3,2\].*\[1,2\]/)
    expect((await session.run(feed(1, 2, 3, 4, 5, 6))).relu.dims).toEqual([3, 2])
    await session.release()
  })

  test('an initializer that is also listed as an input is no input', async () => {
    const type = { tensorType: { elemType: 1, shape: { dim: [{ dimValue: 1 }] } } }
    const session = await InferenceSession.create(
      writeModel({
        irVersion: 3,
        opsetImport: [{ version: 7 }],
        graph: {
          name: 'g',
          input: [
            { name: 'x', type },
            { name: 'w', type },
          ],
          output: [{ name: 'y', type }],
          initializer: [{ name: 'w', dataType: 1, dims: [1], floatData: Float32Array.of(4) }],
          node: [{ opType: 'Mul', input: ['x', 'w'], output: ['y'] }],
        },
      }),
    )
    expect(session.inputNames).toEqual(['x'])
    expect(numbers((await session.run({ x: floats([1], [3]) })).y)).toEqual([12])
    await session.release()
  })
})

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

describe('release', () => {
  test('any later run is refused, releasing again is not', async () => {
    const session = await InferenceSession.create(affineModel())
    await session.run(feed(1, 2))
    await session.release()
    await rejects('E_STATE', session.run(feed(1, 2)), /released/)
    await session.release()
    expect(session.memory).toMatchObject({ weights: 0, arena: 0 })
    expect(session.inputNames).toEqual(['x'])
  })

  test('runs that were begun finish', async () => {
    const session = await InferenceSession.create(affineModel())
    const runs = [1, 2, 3].map((i) => session.run(feed(i, i)))
    const released = session.release()
    await rejects('E_STATE', session.run(feed(1, 2)))
    expect((await Promise.all(runs)).map(({ relu }) => numbers(relu))).toEqual([1, 2, 3].map((i) => affine([i, i])))
    await released
  })

  test('a run that yields finishes', async () => {
    const session = await InferenceSession.create(chainModel(50, [50_000]))
    const run = session.run(
      { x: floats([50_000], new Array<number>(50_000).fill(0)) },
      { signal: new AbortController().signal },
    )
    session.dispose()
    expect((await run).y.data[49_999]).toBe(0)
    await rejects('E_STATE', session.run({ x: floats([50_000], new Array<number>(50_000).fill(0)) }))
  })

  test('using releases', async () => {
    let session: InferenceSession
    {
      await using inner = await InferenceSession.create(affineModel())
      session = inner
    }
    await rejects('E_STATE', session.run(feed(1, 2)))
    {
      using inner = await InferenceSession.create(affineModel())
      session = inner
    }
    await rejects('E_STATE', session.run(feed(1, 2)))
  })
})

describe('AbortSignal', () => {
  const x = floats([1 << 18], new Array<number>(1 << 18).fill(0.5))

  test('that has fired before the run', async () => {
    await using session = await InferenceSession.create(affineModel())
    const error = await rejects('E_STATE', session.run(feed(1, 2), { signal: AbortSignal.abort('enough') }), /aborted/)
    expect(error.cause).toBe('enough')
    expect(numbers((await session.run(feed(1, 2))).relu)).toEqual([3, 3])
  })

  test.each([false, true])('that fires during the run, profiled: %s', async (profile) => {
    await using session = await InferenceSession.create(chainModel(2000, [1 << 18]))
    const controller = new AbortController()
    const run = session.run({ x }, { signal: controller.signal, profile })
    setTimeout(() => controller.abort(new Error('enough')), 1)
    const error = await rejects('E_STATE', run, /aborted/)
    expect(error.cause).toMatchObject({ message: 'enough' })
    // Nothing is left half done.
    const again = new AbortController()
    setTimeout(() => again.abort(), 1)
    await rejects('E_STATE', session.run({ x }, { signal: again.signal }))
  })

  test('ends one run of several', async () => {
    await using session = await InferenceSession.create(affineModel())
    const controller = new AbortController()
    const runs = [
      session.run(feed(1, 2)),
      session.run(feed(3, 4), { signal: controller.signal }),
      session.run(feed(5, 6)),
    ]
    controller.abort()
    const [first, second, third] = await Promise.allSettled(runs)
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'E_STATE' } })
    expect([first, third].map((run) => run.status)).toEqual(['fulfilled', 'fulfilled'])
    expect(numbers((await runs[2]).relu)).toEqual(affine([5, 6]))
  })
})

describe('memoryLimit', () => {
  const big = (elements: number) => {
    const g = new GraphBuilder('big')
    const x = g.input('x', 'float32', ['N', elements])
    g.output(g.op('Add', [x, g.constant('w', hostFrom('float32', [elements], []))]), 'y')
    return exportModel(g.graph())
  }

  test('weights over the limit are refused when the session is made', async () => {
    const error = await rejects('E_BUDGET', InferenceSession.create(big(1 << 18), { memoryLimit: 1 << 18 }))
    expect(error).toMatchObject({ expected: `<= ${1 << 18}`, actual: String(1 << 20) })
  })

  test('a run over the limit is refused before anything is allocated, and a smaller one is still made', async () => {
    const session = await InferenceSession.create(big(1 << 10), { memoryLimit: 1 << 20 })
    const before = session.memory
    const error = await rejects(
      'E_BUDGET',
      session.run({ x: floats([1 << 9, 1 << 10], new Array<number>(1 << 19).fill(0)) }),
    )
    expect(error.message).toMatch(/limit/)
    expect(session.memory.arena).toBe(before.arena)
    expect(session.memory.peak).toBeLessThanOrEqual(1 << 20)
    expect((await session.run({ x: floats([1, 1 << 10], new Array<number>(1 << 10).fill(7)) })).y.data[1023]).toBe(7)
    await session.release()
  })

  test('the peak stays below it', async () => {
    const session = await InferenceSession.create(smallModel(), { memoryLimit: 1 << 20 })
    await session.run({ image: new Tensor('float32', smallImage(), [1, 1, 12, 12]) })
    expect(session.memory.peak).toBeLessThan(1 << 20)
    await session.release()
  })
})

describe('profile', () => {
  test.each<[string, SessionOptions]>([
    ['profile', { profile: true }],
    ['enableProfiling', { enableProfiling: true }],
  ])('by the session option %s', async (_, options) => {
    await using session = await InferenceSession.create(affineModel(), options)
    expect(session.lastProfile).toBeUndefined()
    await session.run(feed(1, 2))
    expect(session.lastProfile!.map(({ node, op }) => [node, op])).toEqual([
      ['product', 'MatMul'],
      ['negative', 'Neg'],
    ])
    for (const { ms, kernel, bytes } of session.lastProfile!) {
      expect(ms).toBeGreaterThanOrEqual(0)
      expect(kernel).not.toBe('')
      expect(bytes).toBeGreaterThan(0)
    }
  })

  test('by the option of a run, and by startProfiling', async () => {
    await using session = await InferenceSession.create(affineModel())
    await session.run(feed(1, 2))
    expect(session.lastProfile).toBeUndefined()
    await session.run(feed(1, 2), { profile: true })
    expect(session.lastProfile).toHaveLength(2)
    const before = session.lastProfile
    await session.run(feed(1, 2))
    expect(session.lastProfile).toBe(before)
    session.startProfiling()
    await session.run(feed(1, 2))
    expect(session.lastProfile).not.toBe(before)
    session.endProfiling()
  })
})

test.each<SessionOptions>([
  { passes: false },
  { graphOptimizationLevel: 'disabled' },
  { passes: { 'fuse-bias': false } },
  { accuracy: 'exact' },
])('the same numbers with %o', async (options) => {
  const image = new Tensor('float32', smallImage(), [1, 1, 12, 12])
  const [a, b] = await Promise.all([
    InferenceSession.create(smallModel()),
    InferenceSession.create(smallModel(), options),
  ])
  const [expected, actual] = await Promise.all([a.run({ image }), b.run({ image })])
  expected.scores.data.forEach((value, i) => expect(actual.scores.data[i]).toBeCloseTo(value as number, 5))
  await Promise.all([a.release(), b.release()])
})

test('passes: false leaves every node', async () => {
  await using session = await InferenceSession.create(affineModel(), { passes: false })
  expect((await session.optimized()).map(({ op }) => op.name)).toEqual(['MatMul', 'Add', 'Relu', 'Neg'])
})

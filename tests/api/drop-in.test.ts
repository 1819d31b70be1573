// What onnxruntime's clients do that the letter of the documentation does not mention.
import * as common from 'onnxruntime-common'
import { readFileSync } from 'node:fs'
import { createContext, runInContext, runInNewContext } from 'node:vm'
import { describe, expect, test } from 'vitest'
import '../../src/all-ops.js'
import {
  exportModel,
  GraphBuilder,
  InferenceSession,
  Tensor,
  type ModelValue,
  type SessionOptions,
} from '../../src/node.js'
import type { DeclaredType, Value } from '../../src/ir/graph.js'
import { expectError, expectRejects } from '../support/expect-error.js'

/** y = −x, of any type and shape. */
function negative(shape: readonly (number | string)[], dtype: Tensor['type'] = 'float32'): Uint8Array {
  const g = new GraphBuilder('negative')
  g.output(g.op('Neg', [g.input('x', dtype, shape)]), 'y')
  return exportModel(g.graph())
}

async function run(model: Uint8Array, x: unknown, options?: SessionOptions): Promise<Tensor> {
  await using session = await InferenceSession.create(model, options)
  return (await session.run({ x: x as ModelValue })).y
}

const realm = createContext({})
const foreign = (code: string, values: object = {}): unknown => runInContext(code, Object.assign(realm, values))

describe('an input that is declared without axes', () => {
  test.each([[[]], [[1]], [[1, 1]], [[2]], [[0]], [[2, 1, 3]]])('takes %j, as in onnxruntime', async (dims) => {
    const size = dims.reduce((a, b) => a * b, 1)
    const data = Float32Array.from({ length: size }, (_, i) => i + 1)
    const y = await run(negative([]), new Tensor('float32', data, dims))
    expect(y.dims).toEqual(dims)
    expect(Array.from(y.data as Float32Array)).toEqual(Array.from(data, (x) => -x))
  })

  test('takes other shapes one after the other', async () => {
    await using session = await InferenceSession.create(negative([]))
    for (const dims of [[1], [], [1, 1], [1], [2], []]) {
      const { y } = await session.run({ x: new Tensor('float32', new Float32Array(dims[0] ?? 1).fill(3), dims) })
      expect(y.dims).toEqual(dims)
      expect(y.data[0]).toBe(-3)
    }
  })

  test('its type still counts', async () => {
    await expectRejects('E_TENSOR', () => run(negative([]), new Tensor('int32', [1], [1])))
  })

  test.each([
    [[1], []],
    [[1], [1, 1]],
    [[2], [1]],
    [['N'], []],
  ])('one of shape %j does not take %j', async (declared, dims) => {
    await expectRejects('E_TENSOR', () => run(negative(declared), new Tensor('float32', [1], dims)))
  })
})

describe('anything that looks like a tensor', () => {
  const data = Float32Array.of(1, -2)
  const likeness: [string, unknown][] = [
    ['a plain object', { type: 'float32', data, dims: [2] }],
    ["onnxruntime-common's tensor", new common.Tensor('float32', data, [2])],
    ['an object with more to it', { type: 'float32', data, dims: [2], location: 'cpu', cpuData: data, size: 2 }],
    ['one of another realm', foreign(`({ type: 'float32', data: Float32Array.of(1, -2), dims: [2] })`)],
    ['a proxy', new Proxy(new common.Tensor('float32', data, [2]), {})],
    [
      'one with getters',
      {
        get type() {
          return 'float32'
        },
        get data() {
          return data
        },
        get dims() {
          return [2]
        },
      },
    ],
    ['one whose data is elsewhere', { type: 'float32', dims: [2], location: 'gpu-buffer', getData: async () => data }],
    [
      'one that throws where its data is elsewhere',
      {
        type: 'float32',
        dims: [2],
        get data() {
          throw new Error('not on CPU')
        },
        getData: async () => data,
      },
    ],
  ]
  test.each(likeness)('%s is fed', async (_, x) => {
    expect(Array.from((await run(negative([2]), x)).data as Float32Array)).toEqual([-1, 2])
  })

  test('runs keep their order while the data of one is fetched', async () => {
    await using session = await InferenceSession.create(negative([1]))
    const order: number[] = []
    const late = {
      type: 'float32',
      dims: [1],
      getData: () => new Promise((done) => setTimeout(done, 20, Float32Array.of(1))),
    }
    await Promise.all(
      [late, new Tensor('float32', [2], [1])].map(async (x) =>
        order.push((await session.run({ x })).y.data[0] as number),
      ),
    )
    expect(order).toEqual([-1, -2])
  })

  const refused: [string, unknown][] = [
    ['of another type', { type: 'int32', data: Int32Array.of(1, 2), dims: [2] }],
    ['of no type there is', { type: 'float31', data, dims: [2] }],
    ['whose data is no list of numbers', { type: 'float32', data: { first: 1, second: 2 }, dims: [2] }],
    ['with too little data', { type: 'float32', data, dims: [3] }],
    ['without data', { type: 'float32', dims: [2] }],
    ['without dims', { type: 'float32', data }],
    ['whose dims are a word', { type: 'float32', data, dims: 'two' }],
    ['whose dims are half a number', { type: 'float32', data, dims: [0.5, 4] }],
    ['whose type is a number', { type: 1, data, dims: [2] }],
    [
      'whose data throws',
      {
        type: 'float32',
        get data() {
          throw new Error('gone')
        },
        dims: [2],
      },
    ],
    [
      'whose type throws nothing at all',
      {
        get type() {
          // oxlint-disable-next-line typescript/only-throw-error -- what a hostile getter may do
          throw undefined
        },
        data,
        dims: [2],
      },
    ],
    ['whose download fails', { type: 'float32', dims: [2], getData: () => Promise.reject(new Error('lost')) }],
    [
      'that is a proxy which refuses everything',
      new Proxy(
        {},
        {
          has() {
            throw new Error('no')
          },
          get() {
            throw new Error('no')
          },
          getPrototypeOf() {
            throw new Error('no')
          },
        },
      ),
    ],
    ['that is a function', () => data],
  ]
  test.each(refused)('one %s is a typed error that names the input', async (_, x) => {
    const error = await expectRejects('E_TENSOR', () => run(negative([2]), x))
    expect(error.tensor).toBe('x')
  })

  test('is written to', async () => {
    await using session = await InferenceSession.create(negative([2]))
    const y = new common.Tensor('float32', new Float32Array(2), [2])
    const results = await session.run({ x: new Tensor('float32', [1, 2], [2]) }, { y })
    expect(results.y).toBe(y)
    expect(Array.from(y.data)).toEqual([-1, -2])
    const other = foreign(`({ type: 'float32', data: new Float32Array(2), dims: [2] })`) as ModelValue & {
      data: Float32Array
    }
    await session.run({ x: new Tensor('float32', [3, 4], [2]) }, { y: other })
    expect(Array.from(other.data)).toEqual([-3, -4])
  })

  test('is a constant of a graph', async () => {
    const g = new GraphBuilder('sum')
    g.output(
      g.op('Add', [g.input('x', 'float32', [2]), g.constant('c', new common.Tensor('float32', [10, 20], [2]))]),
      'y',
    )
    expect(
      Array.from((await run(exportModel(g.graph()), { type: 'float32', data, dims: [2] })).data as Float32Array),
    ).toEqual([11, 18])
  })

  test('packed elements are written to a tensor that has them packed', async () => {
    const g = new GraphBuilder('same')
    g.output(g.op('Identity', [g.input('x', 'int4', [4])]), 'y')
    await using session = await InferenceSession.create(exportModel(g.graph()))
    const y = { type: 'int4', data: new Int8Array(2), dims: [4] }
    await session.run({ x: { type: 'int4', data: Uint8Array.of(0x21, 0xf3), dims: [4] } }, { y })
    expect(Array.from(new Uint8Array(y.data.buffer))).toEqual([0x21, 0xf3])
  })
})

describe('what another JavaScript realm made', () => {
  const arrays: [Tensor['type'], string, (number | bigint)[]][] = [
    ['float32', 'Float32Array.of(1, 2)', [-1, -2]],
    ['float64', 'Float64Array.of(1, 2)', [-1, -2]],
    ['int8', 'Int8Array.of(1, 2)', [-1, -2]],
    ['int32', 'Int32Array.of(1, 2)', [-1, -2]],
    ['int64', 'BigInt64Array.of(1n, 2n)', [-1n, -2n]],
    ['int64', '[1, 2]', [-1n, -2n]],
    ['float32', '[1, 2]', [-1, -2]],
  ]
  test.each(arrays)('a %s tensor of %s', async (type, code, expected) => {
    const y = await run(
      negative([2], type),
      new Tensor(type, foreign(code) as Float32Array, foreign('[2]') as number[]),
    )
    expect(Array.from(y.data as Float32Array)).toEqual(expected)
  })

  test.each(['Uint8Array', 'Uint8ClampedArray', 'Uint16Array', 'Int16Array', 'Uint32Array', 'BigUint64Array'])(
    '%s tells its type',
    (name) => {
      const data = foreign(`new ${name}(3)`) as Uint8Array
      expect(new Tensor(data).type).toBe(name.replace(/Clamped|Array|Big/g, '').toLowerCase())
      expect(new Tensor(data).data.length).toBe(3)
    },
  )

  test('half floats as their bits', async () => {
    const y = await run(
      negative([2], 'float16'),
      new Tensor('float16', foreign('Uint16Array.of(0x3c00, 0x4000)') as Uint16Array, [2]),
    )
    const { buffer } = y.data as Uint16Array
    expect(Array.from(new Uint16Array(buffer))).toEqual([0xbc00, 0xc000])
  })

  test.each([
    ['a Uint8Array', 'Uint8Array.from(bytes)'],
    ['an ArrayBuffer', 'Uint8Array.from(bytes).buffer'],
    ['a SharedArrayBuffer', '{ const b = new SharedArrayBuffer(bytes.length); new Uint8Array(b).set(bytes); b }'],
    ['a DataView', 'new DataView(Uint8Array.from(bytes).buffer)'],
  ])('a model as %s', async (_, code) => {
    await using session = await InferenceSession.create(foreign(code, { bytes: negative([1]) }) as Uint8Array)
    expect((await session.run({ x: new Tensor('float32', [1], [1]) })).y.data[0]).toBe(-1)
  })

  test('a model at a URL', async () => {
    const location = runInNewContext('url', { url: new URL('file:///nowhere/model.onnx') }) as URL
    await expectRejects('E_PARSE', () => InferenceSession.create(location), /nowhere/)
    const likeness = Object.defineProperty({ toString: () => 'file:///nowhere/model.onnx' }, Symbol.toStringTag, {
      value: 'URL',
    })
    await expectRejects('E_PARSE', () => InferenceSession.create(likeness as unknown as URL), /nowhere/)
  })

  test('compiled kernels', async () => {
    const bytes = readFileSync(new URL('../../dist/wasm/inference-simd.wasm', import.meta.url))
    const context = createContext({ bytes })
    const wasmModule = runInContext('new WebAssembly.Module(bytes)', context) as WebAssembly.Module
    expect(wasmModule instanceof WebAssembly.Module).toBe(false)
    expect((await run(negative([1]), new Tensor('float32', [1], [1]), { wasmModule })).data[0]).toBe(-1)
  })

  test('compiled code that is not the kernels is refused', async () => {
    const empty = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0))
    await expectRejects('E_VALUE', () => InferenceSession.create(negative([1]), { wasmModule: empty }), /kernels/)
    const likeness: WebAssembly.Module = Object.defineProperty({}, Symbol.toStringTag, { value: 'WebAssembly.Module' })
    await expectRejects('E_VALUE', () => InferenceSession.create(negative([1]), { wasmModule: likeness }), /kernels/)
  })

  test('external data', async () => {
    const data = foreign('new Uint8Array(4)') as Uint8Array
    await using session = await InferenceSession.create(negative([1]), { externalData: [{ path: 'w.bin', data }] })
    expect(session.outputNames).toEqual(['y'])
  })

  test('bytes that are gone are a typed error', async () => {
    const bytes = Uint8Array.from(negative([1]))
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] })
    await expectRejects('E_VALUE', () => InferenceSession.create(bytes))
  })
})

describe('feeds that are no inputs', () => {
  const feeds = { x: new Tensor('float32', [1], [1]), mask: new Tensor('float32', [1], [1]), junk: 5 } as never
  test('are refused', async () => {
    await using session = await InferenceSession.create(negative([1]))
    await expectRejects('E_TENSOR', () => session.run(feeds), /mask/)
  })

  test('are left out where that is asked for', async () => {
    await using session = await InferenceSession.create(negative([1]), { extraFeeds: 'ignore' })
    expect((await session.run(feeds)).y.data[0]).toBe(-1)
    await expectRejects('E_TENSOR', () => session.run({ y: new Tensor('float32', [1], [1]) }), /missing/)
  })
})

describe('option values', () => {
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ graphOptimizationLevel: 'bogus' }, /"disabled", "basic", "extended", "layout", "all"/],
    [{ build: 'nope' }, /"auto", "simd", "relaxed"/],
    [{ accuracy: 'best' }, /"fast", "exact"/],
    [{ executionMode: 'both' }, /"sequential", "parallel"/],
    [{ extraFeeds: true }, /"refuse", "ignore"/],
    [{ logLevel: 'loud' }, /"verbose"/],
    [{ logSeverityLevel: 7 }, /0, 1, 2, 3, 4/],
    [{ logSeverityLevel: '2' }, /0, 1, 2, 3, 4/],
    [{ states: 5 }, /object/],
    [{ states: ['x'] }, /object/],
    [{ states: { x: 5 } }, /output names/],
    [{ deterministic: 'yes' }, /false, true, "batch"/],
    [{ enableProfiling: 1 }, /true or false/],
    [{ profile: 'all' }, /true or false/],
    [{ memoryLimit: '1 GB' }, /bytes/],
    [{ memoryLimit: -1 }, /bytes/],
    [{ memoryLimit: 5n }, /bytes, got 5n/],
    [{ memoryLimit: NaN }, /bytes, got NaN/],
    [{ seed: NaN }, /number, got NaN/],
    [{ threads: 0 }, /1 or more/],
    [{ intraOpNumThreads: 1.5 }, /whole number/],
    [{ wasmModule: {} }, /WebAssembly\.Module/],
    [{ freeDimensionOverrides: { N: -1 } }, /sizes/],
    [{ freeDimensionOverrides: { N: '4' } }, /sizes/],
    [{ executionProviders: 'wasm' }, /array/],
    [{ executionProviders: ['wasm', 5] }, /names/],
    [{ executionProviders: [{}] }, /names/],
    [{ lenient: 'no' }, /true or false/],
    [{ externalData: {} }, /array/],
    [{ passes: 'none' }, /passes/],
    [{ logId: 5 }, /string/],
    [{ extra: 'x' }, /object/],
  ]
  test.each(wrong)('%o is refused with what is allowed', async (options, message) => {
    const error = await expectRejects(
      'E_VALUE',
      () => InferenceSession.create(negative([1]), options as SessionOptions),
      message,
    )
    expect(error.message).toContain(Object.keys(options)[0])
    expect(error.expected).toBeDefined()
  })

  test('null and undefined are as good as nothing', async () => {
    const nothing = Object.fromEntries(wrong.flatMap(([options]) => Object.keys(options).map((name) => [name, null])))
    await using session = await InferenceSession.create(negative([1]), nothing)
    expect((await session.run({ x: new Tensor('float32', [1], [1]) })).y.data[0]).toBe(-1)
  })

  test('of a run', async () => {
    await using session = await InferenceSession.create(negative([1]))
    const x = new Tensor('float32', [1], [1])
    await expectRejects('E_VALUE', () => session.run({ x }, { logSeverityLevel: 9 } as never), /0, 1, 2, 3, 4/)
    await expectRejects('E_VALUE', () => session.run({ x }, ['y'], 'fast' as never))
    await expectRejects('E_VALUE', () => session.run({ x }, { signal: 'now' } as never), /AbortSignal/)
    expect((await session.run({ x }, { tag: 'a', extra: {} })).y.data[0]).toBe(-1)
  })
})

test('nodes of several outputs have names of their own', () => {
  const g = new GraphBuilder('quantized')
  const x = g.input('x', 'float32', [4])
  for (let i = 0; i < 2; i++) g.output(g.node('DynamicQuantizeLinear', [x], {}, { outputs: 3 })[0])
  expect(new Set(g.graph().nodes.map(({ name }) => name)).size).toBe(2)
})

describe('outputMetadata', () => {
  /**
   * image [N, 3, H, 8] → convolved, and the number of its elements; what the file says of the outputs is up to the
   * caller.
   */
  function model(...declared: (DeclaredType | undefined)[]): Uint8Array {
    const g = new GraphBuilder('outputs')
    const x = g.input('image', 'float32', ['N', 3, 'H', 8])
    const w = g.constant('w', new Tensor('float32', new Float32Array(108), [4, 3, 3, 3]))
    g.output(g.op('Conv', [x, w], { pads: [1, 1, 1, 1] }), 'y')
    g.output(g.op('Size', [x]), 'size')
    g.output(g.op('NonZero', [x]), 'places')
    const graph = g.graph()
    graph.outputs.forEach((output, i) => (output.declared = declared[i]))
    return exportModel(graph)
  }
  const float = (shape?: DeclaredType['shape']): DeclaredType => ({ kind: 'tensor', dtype: 'float32', shape })

  test.each<[string, DeclaredType | undefined, (number | string)[]]>([
    ['nothing', undefined, ['N', 4, 'H', 8]],
    ['the type', float(), ['N', 4, 'H', 8]],
    ['the rank', float([null, null, null, null]), ['N', 4, 'H', 8]],
    ['other names', float(['batch', 'channels', null, null]), ['batch', 4, 'H', 8]],
    ['everything', float(['batch', 4, 'height', 8]), ['batch', 4, 'height', 8]],
  ])('tells what follows where the file says %s', async (_, declared, shape) => {
    const size: DeclaredType = { kind: 'tensor', dtype: 'int64', shape: [] }
    const places: DeclaredType = { kind: 'tensor', dtype: 'int64', shape: [null, null] }
    await using session = await InferenceSession.create(model(declared, size, places))
    expect(session.outputMetadata).toEqual([
      { name: 'y', isTensor: true, type: 'float32', shape },
      { name: 'size', isTensor: true, type: 'int64', shape: [] },
      { name: 'places', isTensor: true, type: 'int64', shape: ['', ''] },
    ])
  })
})

describe('a declared type of an output that contradicts the graph', () => {
  function model(of: (g: GraphBuilder) => Value, declared: DeclaredType): Uint8Array {
    const g = new GraphBuilder('outputs')
    g.output(of(g), 'y')
    const graph = g.graph()
    graph.outputs[0].declared = declared
    return exportModel(graph)
  }
  const feeds = { x: new Tensor('float32', [1, 2], [2]) }

  test.each<[string, (g: GraphBuilder) => Value, DeclaredType]>([
    [
      'an input',
      (g) => g.op('Neg', [g.input('x', 'float32', ['N'])]),
      { kind: 'tensor', dtype: 'int64', shape: ['N'] },
    ],
    ['an input of any rank', (g) => g.op('Neg', [g.input('x', 'float32')]), { kind: 'tensor', dtype: 'int64' }],
    [
      'a matrix, whatever its size',
      (g) => g.op('Shape', [g.op('MatMul', [g.input('x', 'float32'), g.input('w', 'float32')])]),
      { kind: 'tensor', dtype: 'float32' },
    ],
    ['a tensor', (g) => g.op('Neg', [g.input('x', 'float32', [2])]), { kind: 'sequence', dtype: 'float32' }],
  ])('is refused by create where its elements follow from %s', async (_, of, declared) => {
    expect(await expectRejects('E_GRAPH', () => InferenceSession.create(model(of, declared)))).toMatchObject({
      tensor: 'y',
    })
  })

  test.each<[string, (g: GraphBuilder) => Value, DeclaredType]>([
    [
      'elements',
      (g) => g.op('NonZero', [g.input('x', 'float32', [2])]),
      { kind: 'tensor', dtype: 'float32', shape: [1, null] },
    ],
    [
      'a tensor for a sequence',
      (g) => g.op('SequenceConstruct', [g.input('x', 'float32', [2])]),
      { kind: 'tensor', dtype: 'float32', shape: [2] },
    ],
  ])('is refused by a run: %s', async (_, of, declared) => {
    await using session = await InferenceSession.create(model(of, declared))
    expect(await expectRejects('E_GRAPH', () => session.run(feeds))).toMatchObject({ tensor: 'y' })
  })

  const shaped = (input: (number | string)[], shape: DeclaredType['shape']) =>
    model((g) => g.op('Neg', [g.input('x', 'float32', input)]), { kind: 'tensor', dtype: 'float32', shape })

  // As onnxruntime-web does; onnxruntime-node warns.
  test.each([[[3]], [[1, 1]], [['N', 2]], [[null, null]]])(
    'is refused by create where the shape is not %j',
    async (shape) => {
      const error = await expectRejects('E_GRAPH', () => InferenceSession.create(shaped([2], shape)), /\[2\] is made/)
      expect(error).toMatchObject({ tensor: 'y', actual: '[2]' })
    },
  )

  test('runs where a size is left open or agrees', async () => {
    for (const shape of [[2], ['N'], [null]]) {
      await using session = await InferenceSession.create(shaped([2], shape))
      expect((await session.run(feeds)).y.dims).toEqual([2])
    }
  })

  test('runs with another rank where the input is open, and the metadata tell the truth', async () => {
    await using session = await InferenceSession.create(shaped(['N'], [1, 1]), { logLevel: 'fatal' })
    expect(session.outputMetadata).toEqual([{ name: 'y', isTensor: true, type: 'float32', shape: ['N'] }])
    const { y } = await session.run(feeds)
    expect([y.dims, [...(y.data as Float32Array)]]).toEqual([[2], [-1, -2]])
  })
})

describe('what cannot run is refused by create', () => {
  test('an operator that does not take the declared shapes', async () => {
    const g = new GraphBuilder('product')
    g.output(g.op('MatMul', [g.input('a', 'float32', [2, 3]), g.input('b', 'float32', [2, 3])]), 'y')
    await expectRejects('E_SHAPE', () => InferenceSession.create(exportModel(g.graph())))
  })

  test('an operator that does not take the declared type', async () => {
    const g = new GraphBuilder('sine')
    g.output(g.op('Sin', [g.input('x', 'int32', [2])]), 'y')
    await expectRejects('E_UNSUPPORTED', () => InferenceSession.create(exportModel(g.graph())))
  })

  test('a tensor over the memory limit', async () => {
    const g = new GraphBuilder('large')
    g.output(g.op('Relu', [g.op('Sin', [g.input('x', 'float32', [1000, 1000])])]), 'y')
    const bytes = exportModel(g.graph())
    await expectRejects('E_BUDGET', () => InferenceSession.create(bytes, { memoryLimit: 100_000 }))
  })

  test('open shapes are left to the run', async () => {
    const g = new GraphBuilder('product')
    g.output(g.op('MatMul', [g.input('a', 'float32', [1, 3]), g.input('b', 'float32', [3, 3])]), 'y')
    const graph = g.graph()
    for (const value of [...graph.inputs, ...graph.outputs])
      value.declared = { ...value.declared!, shape: [`rows of ${value.name}`, 3] }
    await using session = await InferenceSession.create(exportModel(graph))
    const a = new Tensor('float32', [1, 2, 3], [1, 3])
    await expectRejects('E_SHAPE', () => session.run({ a, b: a }))
    const b = new Tensor('float32', new Float32Array(9).fill(1), [3, 3])
    expect(Array.from((await session.run({ a, b })).y.data as Float32Array)).toEqual([6, 6, 6])
  })

  test.each([['N'], [2]])('an output declared with another type than is made, of inputs of size %j', async (size) => {
    const g = new GraphBuilder('types')
    const y = g.op('Shape', [g.input('x', 'float32', [size])])
    g.output(y, 'y')
    const graph = g.graph()
    graph.outputs[0].declared = { kind: 'tensor', dtype: 'float32', shape: [1] }
    const error = await expectRejects('E_GRAPH', () => InferenceSession.create(exportModel(graph)))
    expect(error).toMatchObject({ tensor: 'y', expected: 'float32', actual: 'int64' })
  })
})

test('a plain array of nothing still has no type', () => {
  expectError('E_TENSOR', () => new Tensor(foreign('[]') as string[]))
})

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import { supportsRelaxedSimd } from '../../bindings/module.js'
import { InferenceSession, Tensor, type ErrorCode, type SessionOptions } from '../../src/node.js'
import { writeModel } from '../../src/onnx/wire.js'
import { smallImage, smallModel } from '../support/small-model.js'
import { rejects, floats, numbers, affineModel, feed } from './session-models.js'

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
    expect(session.build).toBe(supportsRelaxedSimd() ? 'relaxed' : 'simd')
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

test('a pass that there is not is named, with those that there are', async () => {
  await rejects(
    'E_VALUE',
    InferenceSession.create(affineModel(), { passes: { 'fold-batchnrm': false } as never }),
    /"fold-batchnrm".*fold-batchnorm/,
  )
})

test('passes: false leaves every node', async () => {
  await using session = await InferenceSession.create(affineModel(), { passes: false })
  expect((await session.optimized()).map(({ op }) => op.name)).toEqual(['MatMul', 'Add', 'Relu', 'Neg'])
})

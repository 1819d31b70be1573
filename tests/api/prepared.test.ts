import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import type { PrepareOptions } from '../../src/api/prepared/prepare.js'
import { checksum } from '../../src/core/checksum.js'
import { exportModel, GraphBuilder, InferenceSession, prepare, supportsRelaxedSimd, Tensor } from '../../src/node.js'
import type { SessionOptions } from '../../src/node.js'
import { expectRejects } from '../support/expect-error.js'
import { withHeader } from '../support/prepared-model.js'
import { randomTensor, seeded } from '../support/random.js'
import { smallImage, smallModel } from '../support/small-model.js'

const folder = mkdtempSync(join(tmpdir(), 'lanewise-prepared-'))
afterAll(() => rmSync(folder, { recursive: true }))

/** Convolutions of every kind that is packed, folded and fused, and a product: x [N,8,16,16] or of a fixed size. */
function network(rows: number | string): Uint8Array {
  const random = seeded(3)
  const g = new GraphBuilder('network')
  const constant = (name: string, shape: number[], least = -0.3, most = 0.3) =>
    g.constant(name, randomTensor(random, 'float32', shape, least, most))
  const x = g.input('x', 'float32', [rows, 8, 16, 16])
  const first = g.op('Conv', [x, constant('w1', [64, 8, 3, 3])], { pads: [1, 1, 1, 1] })
  const scaled = g.op('BatchNormalization', [
    first,
    constant('scale', [64], 0.5, 1.5),
    constant('shift', [64]),
    constant('mean', [64]),
    constant('variance', [64], 0.5, 1.5),
  ])
  const second = g.op('Conv', [g.op('Relu', [scaled]), constant('w2', [64, 64, 3, 3])], { pads: [1, 1, 1, 1] })
  const depthwise = g.op('Conv', [second, constant('w3', [64, 1, 3, 3])], { group: 64, strides: [2, 2] })
  const pointwise = g.op('Conv', [
    g.op('Add', [depthwise, constant('c', [1, 64, 1, 1])]),
    constant('w4', [16, 64, 1, 1]),
  ])
  const flat = g.op('Flatten', [pointwise])
  g.output(g.op('Softmax', [g.op('Gemm', [flat, constant('w5', [784, 10]), constant('b5', [10])])]), 'y')
  return exportModel(g.graph())
}

function image(rows: number): Tensor {
  return new Tensor('float32', randomTensor(seeded(5), 'float32', [rows, 8, 16, 16], -1, 1).data as Float32Array, [
    rows,
    8,
    16,
    16,
  ])
}

const bits = ({ data }: Tensor) => [...new Uint32Array((data as Float32Array).buffer)]

/** The same run by the model and by what was prepared of it. */
async function compare(
  model: Uint8Array,
  rows: number,
  preparing: PrepareOptions,
  options: SessionOptions = {},
): Promise<void> {
  await using plain = await InferenceSession.create(model, options)
  await using quick = await InferenceSession.create(await prepare(model, preparing), options)
  const x = image(rows)
  const expected = await plain.run({ x })
  const result = await quick.run({ x })
  expect(bits(result.y)).toEqual(bits(expected.y))
  expect(quick.build).toBe(plain.build)
  expect(quick.memory.weights).toBe(plain.memory.weights)
  expect(quick.inputMetadata).toEqual(plain.inputMetadata)
  expect(quick.outputMetadata).toEqual(plain.outputMetadata)
}

describe('the same bits as the model itself', () => {
  const builds = supportsRelaxedSimd() ? (['simd', 'relaxed'] as const) : (['simd'] as const)
  for (const build of builds) {
    test(`fixed sizes, ${build}`, () => compare(network(2), 2, { build }, { build }))
    test(`free sizes, ${build}`, () => compare(network('N'), 3, { build }, { build }))
  }
  test('warmed up for other sizes than those that come', () =>
    compare(network('N'), 5, { warmUp: { x: [2, 8, 16, 16] } }))
  test('a size fixed by an override', () =>
    compare(network('N'), 2, { freeDimensionOverrides: { N: 2 } }, { freeDimensionOverrides: { N: 2 } }))
  test('nearest to exact arithmetic', () => compare(network(2), 2, { accuracy: 'exact' }, { accuracy: 'exact' }))
  test('deterministic', () => compare(network(2), 2, { deterministic: true }, { deterministic: true }))
  test('deterministic for each example', () =>
    compare(network(2), 2, { deterministic: 'batch' }, { deterministic: 'batch' }))
  test('without passes', () => compare(network(2), 2, { passes: false }, { passes: false }))
  test('a memory limit under which other kernels run', () => {
    const memoryLimit = 1_200_000
    return compare(network(1), 1, { memoryLimit }, { memoryLimit })
  })
  test('two threads', () => compare(network(2), 2, {}, { threads: 2 }))
  test('warmed up when it is created', () => compare(network(2), 2, {}, { warmUp: true }))
})

test('wherever it comes from', async () => {
  const file = await prepare(smallModel())
  const path = join(folder, 'small.lw')
  const other = join(folder, 'small.bin')
  writeFileSync(path, file)
  writeFileSync(other, file)
  const server = createServer((_, response) => response.end(file)).listen(0, '127.0.0.1')
  await new Promise((done) => server.once('listening', done))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/small.lw`
  const offset = new Uint8Array(file.length + 3)
  offset.set(file, 3)
  await using plain = await InferenceSession.create(smallModel())
  const feeds = { image: new Tensor('float32', smallImage(), [1, 1, 12, 12]) }
  const expected = bits((await plain.run(feeds)).scores)
  try {
    const sources = [file, file.buffer, offset.subarray(3), path, other, pathToFileURL(path), url, new Response(file)]
    for (const source of sources) {
      await using session = await InferenceSession.create(source as Uint8Array)
      expect(bits((await session.run(feeds)).scores)).toEqual(expected)
    }
    await using away = await InferenceSession.create(path, { worker: true })
    expect(bits((await away.run(feeds)).scores)).toEqual(expected)
  } finally {
    server.close()
  }
})

test('a file that is another by the time that its weights are read', async () => {
  const path = join(folder, 'changing.lw')
  const file = await prepare(network(1))
  writeFileSync(path, file)
  await using shorter = await InferenceSession.create(path)
  truncateSync(path, file.length - 1000)
  await expectRejects('E_EXTERNAL', () => shorter.run({ x: image(1) }))
  writeFileSync(path, file)
  await using other = await InferenceSession.create(path)
  writeFileSync(
    path,
    file.map((byte, i) => (i > file.length - 1000 ? byte ^ 1 : byte)),
  )
  await expectRejects('E_PARSE', () => other.run({ x: image(1) }), /damaged/)
  rmSync(path)
  await expectRejects('E_PARSE', () => InferenceSession.create(path), /cannot be read/)
})

test('states, other outputs and values inside the graph', async () => {
  const random = seeded(9)
  const g = new GraphBuilder('state')
  const x = g.input('x', 'float32', [1, 64])
  const state = g.input('state', 'float32', [1, 64])
  const sum = g.op('Add', [
    g.op('MatMul', [x, g.constant('w', randomTensor(random, 'float32', [64, 64]))], {}, 'product'),
    state,
  ])
  g.output(g.op('Tanh', [sum]), 'y')
  g.output(g.op('Identity', [sum]), 'next')
  const model = exportModel(g.graph())
  const states = { state: 'next' }
  await using plain = await InferenceSession.create(model, { states })
  await using quick = await InferenceSession.create(await prepare(model, { states }), { states })
  const zeros = new Tensor(new Float32Array(64), [1, 64])
  for (const session of [plain, quick]) await session.run({ x: zeros, state: zeros })
  for (let i = 0; i < 3; i++) {
    const feeds = { x: new Tensor(randomTensor(random, 'float32', [1, 64]).data as Float32Array, [1, 64]) }
    const [expected, result] = [await plain.run(feeds), await quick.run(feeds)]
    expect(bits(result.y)).toEqual(bits(expected.y))
  }
  await using stateless = await InferenceSession.create(await prepare(model))
  const { next } = await stateless.run({ x: zeros, state: zeros }, ['next'])
  expect(bits(next)).toEqual(bits(zeros))
})

test('options that it was not prepared for', async () => {
  const file = await prepare(network(1), { build: 'simd' })
  const refused = (options: SessionOptions, message: RegExp) =>
    expectRejects('E_VALUE', () => InferenceSession.create(file, options), message)
  await refused({ accuracy: 'exact' }, /accuracy/)
  await refused({ deterministic: 'batch' }, /deterministic/)
  await refused({ passes: false }, /passes/)
  await refused({ graphOptimizationLevel: 'disabled' }, /passes/)
  if (supportsRelaxedSimd()) await refused({ build: 'relaxed' }, /simd/)
  await using automatic = await InferenceSession.create(file)
  expect(automatic.build).toBe('simd')
  await expectRejects('E_BUDGET', () => InferenceSession.create(file, { memoryLimit: 1000 }))
  await expectRejects('E_BUDGET', () => InferenceSession.create(file, { downloadLimit: 1000 }))
  // Nothing is left of the weights but what the kernels for its one size read.
  await using session = await InferenceSession.create(file, { memoryLimit: 1_200_000 })
  await expectRejects('E_STATE', () => session.run({ x: image(1) }), /prepare it/)
  await expectRejects('E_TENSOR', () => automatic.run({ x: image(2) }))
})

test('another version, other kernels, another format', async () => {
  const file = await prepare(smallModel())
  const refused = (changed: Uint8Array, message: RegExp) =>
    expectRejects('E_UNSUPPORTED', () => InferenceSession.create(changed), message)
  await refused(
    withHeader(file, (header) => ({ ...header, version: '0.0.1' })),
    /version 0\.0\.1/,
  )
  await refused(
    withHeader(file, (header) => ({ ...header, kernels: '0123456789abcdef' })),
    /kernels of another version/,
  )
  const format = file.slice()
  format[8]++
  await refused(format, /format/)
})

test('the checksum in WebAssembly is that in TypeScript', async () => {
  await using session = await InferenceSession.create(smallModel())
  const { context } = session
  const random = seeded(1)
  const at = context.alloc(150_000)
  for (const length of [0, 1, 15, 63, 64, 65, 127, 128, 1000, 65_536, 150_000]) {
    const bytes = Uint8Array.from({ length }, () => 256 * random())
    context.bytes(at, length).set(bytes)
    const sum = checksum(bytes, (from, to) => context.kernels.checksum((at + from) as typeof at, to - from))
    expect(checksum(bytes)).toBe(sum)
    // At an odd place, too, and of other bytes another one.
    const moved = new Uint8Array(length + 1)
    moved.set(bytes, 1)
    expect(checksum(moved.subarray(1))).toBe(sum)
    if (length === 0) continue
    bytes[length >> 1] ^= 128
    expect(checksum(bytes)).not.toBe(sum)
  }
})

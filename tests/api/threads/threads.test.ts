import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, test } from 'vitest'
import { cutting } from '../../../bindings/threads.js'
import { env, exportModel, GraphBuilder, InferenceSession, Tensor } from '../../../src/node.js'
import { endThreads, started, threadsFor } from '../../../src/platform/threads.js'
import * as nodeThreads from '../../../src/platform/node-threads.js'
import { expectRejects } from '../../support/expect-error.js'
import { seeded } from '../../support/random.js'

const random = seeded(7)
const floats = (n: number) => Float32Array.from({ length: n }, () => random() - 0.5)

/** Convolutions, a product and what is between, large enough to be cut. */
function model(): Uint8Array {
  const g = new GraphBuilder('net')
  let count = 0
  const constant = (...dims: number[]) =>
    g.constant(`w${count++}`, new Tensor(floats(dims.reduce((a, b) => a * b)), dims))
  let x = g.input('x', 'float32', [1, 8, 40, 40])
  x = g.op('Conv', [x, constant(16, 8, 3, 3), constant(16)], { pads: [1, 1, 1, 1] })
  x = g.op('Relu', [x])
  x = g.op('Conv', [x, constant(16, 1, 5, 5)], { pads: [2, 2, 2, 2], group: 16 })
  x = g.op('Conv', [g.op('Sigmoid', [x]), constant(32, 16, 1, 1)])
  x = g.op('MaxPool', [x], { kernel_shape: [2, 2], strides: [2, 2] })
  x = g.op('MatMul', [
    g.op('Reshape', [x, g.constant('shape', new Tensor('int64', [32n, 400n], [2]))]),
    constant(400, 96),
  ])
  g.output(g.op('Softmax', [x]), 'y')
  return exportModel(g)
}

const bytes = model()
const feeds = () => ({ x: new Tensor(floats(8 * 40 * 40), [1, 8, 40, 40]) })
const bits = (tensor: Tensor) => Buffer.from((tensor.data as Float32Array).slice().buffer).toString('base64')
/** Lets the other threads start: a session does not wait for them. */
async function untilStarted(count: number): Promise<void> {
  for (const end = Date.now() + 20_000; started() < count && Date.now() < end;)
    await new Promise((resolve) => setTimeout(resolve, 5))
}

afterEach(() => {
  Object.assign(cutting, { pieces: undefined, grain: undefined, pauses: undefined })
  delete env.wasm.numThreads
})

test('a session has as many threads as it is told', async () => {
  for (const [options, expected] of [
    [{}, 1],
    [{ threads: 1 }, 1],
    [{ threads: 3 }, 3],
    [{ threads: 'auto' }, threadsFor('auto', nodeThreads)],
  ] as const) {
    const session = await InferenceSession.create(bytes, options)
    expect(session.threads).toBe(expected)
    expect(session.memory.threads > 0).toBe(expected > 1)
    await session.release()
  }
  env.wasm.numThreads = 2
  expect((await InferenceSession.create(bytes)).threads).toBe(2)
  // As in onnxruntime-web: 0 leaves it to the machine.
  env.wasm.numThreads = 0
  expect((await InferenceSession.create(bytes)).threads).toBe(threadsFor('auto', nodeThreads))
})

test('what is no number of threads is refused', async () => {
  for (const threads of [0, -1, 1.5, 'all', Infinity])
    await expectRejects('E_VALUE', () => InferenceSession.create(bytes, { threads: threads as number }), /threads/)
})

test('with one core, or without threads, `auto` is one', () => {
  expect(threadsFor('auto', { ...nodeThreads, cores: () => 1 })).toBe(1)
  expect(threadsFor('auto', { ...nodeThreads, cores: () => 6 })).toBe(6)
  expect(threadsFor('auto', { ...nodeThreads, cores: () => 96 })).toBe(8)
  expect(threadsFor(4, { ...nodeThreads, startThread: undefined })).toBe(1)
  expect(threadsFor(4, undefined)).toBe(1)
  expect(nodeThreads.cores()).toBeGreaterThanOrEqual(1)
})

describe('the same bits', () => {
  const given = feeds()
  test.each([undefined, 1, 5])('for 1, 2, 3 and 8 threads, pieces: %s', async (pieces) => {
    const results: string[] = []
    for (const threads of [1, 2, 3, 8]) {
      cutting.pieces = pieces
      const session = await InferenceSession.create(bytes, { threads })
      if (threads > 1) await untilStarted(threads - 1)
      for (let i = 0; i < 3; i++) results.push(bits((await session.run(given)).y))
      await session.release()
    }
    expect(new Set(results).size).toBe(1)
  })

  test('with pauses wherever they fall, in every run', async () => {
    const one = await InferenceSession.create(bytes)
    const expected = bits((await one.run(given)).y)
    Object.assign(cutting, { pieces: 6, grain: 8, pauses: 3000 })
    const session = await InferenceSession.create(bytes, { threads: 3 })
    await untilStarted(2)
    for (let i = 0; i < 300; i++) expect(bits((await session.run(given)).y)).toBe(expected)
  })
})

describe('sessions with threads', () => {
  test('eight at once are right, some released in the middle', async () => {
    const one = await InferenceSession.create(bytes)
    const inputs = Array.from({ length: 8 }, feeds)
    const expected = await Promise.all(inputs.map(async (given) => bits((await one.run(given)).y)))
    const sessions = await Promise.all(inputs.map((_, i) => InferenceSession.create(bytes, { threads: 2 + (i % 2) })))
    const runs: Promise<void>[] = []
    for (let round = 0; round < 4; round++)
      sessions.forEach((session, i) => {
        if (round === 2 && i % 3 === 0) void session.release()
        const run = session.run(inputs[i]).then(({ y }) => expect(bits(y)).toBe(expected[i]))
        runs.push(
          round >= 2 && i % 3 === 0 ? expectRejects('E_STATE', () => run, /released/).then(() => undefined) : run,
        )
      })
    await Promise.all(runs)
  })

  test('a signal breaks off a run, and the next is right', async () => {
    const one = await InferenceSession.create(bytes)
    const session = await InferenceSession.create(bytes, { threads: 2 })
    const given = feeds()
    const controller = new AbortController()
    controller.abort()
    await expectRejects('E_STATE', () => session.run(given, { signal: controller.signal }), /aborted/)
    const { signal } = new AbortController()
    expect(bits((await session.run(given, { signal })).y)).toBe(bits((await one.run(given)).y))
  })

  test('when the threads die, a session goes on without them, and the next has new ones', async () => {
    const one = await InferenceSession.create(bytes)
    const given = feeds()
    const expected = bits((await one.run(given)).y)
    const session = await InferenceSession.create(bytes, { threads: 2 })
    endThreads()
    expect(bits((await session.run(given)).y)).toBe(expected)
    const before = started()
    const next = await InferenceSession.create(bytes, { threads: 2 })
    await untilStarted(before + 1)
    expect(started()).toBe(before + 1)
    expect(bits((await next.run(given)).y)).toBe(expected)
    expect(bits((await session.run(given)).y)).toBe(expected)
  })

  test('threads take no more than a megabyte each', async () => {
    const session = await InferenceSession.create(bytes, { threads: 3 })
    await session.run(feeds())
    expect(session.memory.threads).toBeLessThan(2 * 2 ** 20)
    expect(session.memory.threads).toBeGreaterThan(0)
  })
})

test('a process with threads ends by itself, and so do workers in it', async () => {
  const program = `
    import { Worker, isMainThread } from 'node:worker_threads'
    import { exportModel, GraphBuilder, InferenceSession, Tensor } from ${JSON.stringify(new URL('../../../dist/node.js', import.meta.url).href)}
    const g = new GraphBuilder('product')
    g.output(g.op('MatMul', [g.input('x', 'float32', [192, 192]), g.input('w', 'float32', [192, 192])]), 'y')
    const session = await InferenceSession.create(exportModel(g), { threads: 3 })
    const ones = new Tensor(new Float32Array(192 * 192).fill(1), [192, 192])
    for (let i = 0; i < 20; i++) {
      const { y } = await session.run({ x: ones, w: ones })
      if (!y.data.every((value) => value === 192)) throw new Error('wrong')
    }
    console.log(isMainThread ? 'main' : 'worker', session.threads)
    if (isMainThread) new Worker(new URL(import.meta.url))
  `
  const folder = fileURLToPath(new URL('../../../', import.meta.url))
  const { mkdtempSync, rmSync, writeFileSync } = await import('node:fs')
  const { join } = await import('node:path')
  const { tmpdir } = await import('node:os')
  const temporary = mkdtempSync(join(tmpdir(), 'lanewise-'))
  try {
    writeFileSync(join(temporary, 'program.mjs'), program)
    const { stdout } = await promisify(execFile)(process.execPath, [join(temporary, 'program.mjs')], {
      cwd: folder,
      timeout: 60_000,
    })
    expect(stdout.trim().split('\n').sort()).toEqual(['main 3', 'worker 3'])
  } finally {
    rmSync(temporary, { recursive: true })
  }
})

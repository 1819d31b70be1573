import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Device } from '../../../src/train.js'
import { cutting } from '../../../bindings/threads.js'
import { env, exportModel, GraphBuilder, InferenceSession, LanewiseError, Tensor } from '../../../src/node.js'
import { platform, setPlatform, type Platform, type Thread } from '../../../src/platform/platform.js'
import { endThreads, started, threadsFor } from '../../../src/platform/threads.js'
import * as nodeThreads from '../../../src/platform/node-threads.js'
import { expectError, expectRejects } from '../../support/expect-error.js'
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

/** As many as there are cores: of machines with one, too, each test asks for what it needs. */
const found = threadsFor('auto', nodeThreads)
const cores = typeof found === 'number' ? found : 1
const usual = platform()
/** Whether options ask for one thread. */
const isOne = (options: { threads?: unknown; intraOpNumThreads?: number }) =>
  (options.threads ?? options.intraOpNumThreads) === 1

beforeEach(() => delete env.wasm.numThreads)

afterEach(() => {
  Object.assign(cutting, { pieces: undefined, grain: undefined, pauses: undefined, earned: undefined })
  delete env.wasm.numThreads
  setPlatform(usual)
})

// The first: kernels that have been loaded once are there.
test.each([
  ['its kernels cannot be had', { readKernels: refusing }, /nowhere/],
  ['a page is not isolated', { oneThread: () => 'the page is not cross-origin isolated' }, /isolated/],
  ['there are no other threads', { threads: undefined }, /no workers/],
  [
    'there is one core',
    { threads: () => Promise.resolve({ ...nodeThreads, cores: () => 1, quota: () => '' }) },
    /one core for this process$/,
  ],
  [
    'a quota leaves one core',
    {
      threads: () => Promise.resolve({ ...nodeThreads, cores: () => 1, quota: () => ': its control group grants 0.5' }),
    },
    /one core for this process: its control group grants 0\.5$/,
  ],
] as const)('where nothing is said there is one thread if %s, and session and log say why', async (_, more, why) => {
  const said: string[] = []
  const console = vi.spyOn(globalThis.console, 'log').mockImplementation((text: string) => void said.push(text))
  setPlatform({ ...usual, threads: () => Promise.resolve({ ...nodeThreads, cores: () => 4 }), ...more })
  try {
    const session = await InferenceSession.create(bytes, { logLevel: 'verbose' })
    expect(session.threads).toBe(1)
    expect(session.oneThread).toMatch(why)
    const device = await Device.create()
    expect([device.threads, device.oneThread]).toEqual([1, session.oneThread])
    device.dispose()
    await session.release()
    expect(said.filter((line) => line.includes('one thread is used') && why.test(line))).toHaveLength(1)
    if ('readKernels' in more) await expectRejects('E_STATE', () => InferenceSession.create(bytes, { threads: 2 }), why)
  } finally {
    console.mockRestore()
  }
})

test('a session has as many threads as it is told', async () => {
  for (const [options, expected] of [
    [{}, cores],
    [{ threads: 1 }, 1],
    [{ threads: 3 }, 3],
    [{ threads: 'auto' }, cores],
    [{ intraOpNumThreads: 1 }, 1],
    [{ intraOpNumThreads: 0 }, cores],
    [{ intraOpNumThreads: 1, threads: 2 }, 2],
  ] as const) {
    const session = await InferenceSession.create(bytes, options)
    expect(session.threads).toBe(expected)
    expect(session.oneThread === undefined).toBe(expected > 1 || isOne(options))
    expect(session.memory.threads > 0).toBe(expected > 1)
    await session.release()
  }
  env.wasm.numThreads = 2
  expect((await InferenceSession.create(bytes)).threads).toBe(2)
  // As in onnxruntime-web: 0 leaves it to the machine.
  env.wasm.numThreads = 0
  expect((await InferenceSession.create(bytes)).threads).toBe(cores)
})

describe('where nothing is said', () => {
  const host = { ...nodeThreads, cores: () => 4 }
  const withHost = (more: Partial<Platform>) => setPlatform({ ...usual, threads: () => Promise.resolve(host), ...more })

  test('threads start when calls that are worth sharing have taken as long as that takes', async () => {
    endThreads()
    const begun: string[] = []
    withHost({
      threads: () =>
        Promise.resolve({
          ...host,
          startThread: (ended) => (begun.push('a thread'), nodeThreads.startThread?.(ended) as Thread),
        }),
    })
    const tiny = new GraphBuilder('tiny')
    tiny.output(tiny.op('Sqrt', [tiny.input('x', 'float32', [4])]), 'y')
    const small = await InferenceSession.create(exportModel(tiny))
    expect(small.threads).toBe(4)
    expect((await small.run({ x: new Tensor(Float32Array.of(1, 4, 9, 16), [4]) })).y.data).toEqual(
      Float32Array.of(1, 2, 3, 4),
    )
    expect(begun).toHaveLength(0)
    const session = await InferenceSession.create(bytes)
    expect(begun).toHaveLength(0)
    const one = await InferenceSession.create(bytes, { threads: 1 })
    const given = feeds()
    const expected = bits((await one.run(given)).y)
    expect(bits((await session.run(given)).y)).toBe(expected)
    // Less than a millisecond by estimate, whatever the machine.
    expect(begun).toHaveLength(0)
    for (let i = 0; i < 300 && begun.length === 0; i++) expect(bits((await session.run(given)).y)).toBe(expected)
    expect(begun).toHaveLength(3)
    expect(bits((await session.run(given)).y)).toBe(expected)
    // A call that is worth it by itself.
    cutting.earned = 1
    endThreads()
    const next = await InferenceSession.create(bytes)
    expect(bits((await next.run(given)).y)).toBe(expected)
    expect(begun).toHaveLength(6)
  })

  test('threads that cannot be started leave a session to do without', async () => {
    endThreads()
    withHost({
      threads: () =>
        Promise.resolve({
          ...host,
          startThread: () => {
            throw new DOMException('a script of another origin', 'SecurityError')
          },
        }),
    })
    cutting.earned = 0
    const session = await InferenceSession.create(bytes)
    const one = await InferenceSession.create(bytes, { threads: 1 })
    const given = feeds()
    expect(bits((await session.run(given)).y)).toBe(bits((await one.run(given)).y))
  })

  test('createSync has one, and waits for none', () => {
    for (const options of [{}, { threads: 'auto' }, { threads: 1 }] as const) {
      using session = InferenceSession.createSync(bytes, options)
      expect(session.threads).toBe(1)
      if ('threads' in options && options.threads === 1) expect(session.oneThread).toBeUndefined()
      else expect(session.oneThread).toMatch(/createSync/)
    }
    expectError('E_STATE', () => InferenceSession.createSync(bytes, { threads: 2 }), /threads/)
  })
})

/** What a bundle lacks whose threads' kernels were left behind. */
function refusing(place: string | URL): Promise<BufferSource | Response> {
  if (/-threads/.test(String(place))) return Promise.reject(new LanewiseError('E_STATE', 'the kernels are nowhere'))
  return usual.readKernels(place)
}

test('what is no number of threads is refused', async () => {
  for (const threads of [0, -1, 1.5, 'all', Infinity])
    await expectRejects('E_VALUE', () => InferenceSession.create(bytes, { threads: threads as number }), /threads/)
})

test('with one core, or without threads, `auto` is one', () => {
  expect(threadsFor('auto', { ...nodeThreads, cores: () => 1 })).toMatch(/one core/)
  expect(threadsFor('auto', { ...nodeThreads, cores: () => 6 })).toBe(6)
  expect(threadsFor('auto', { ...nodeThreads, cores: () => 96 })).toBe(8)
  expect(threadsFor(4, { ...nodeThreads, startThread: undefined })).toMatch(/no workers/)
  expect(threadsFor(4, undefined)).toMatch(/no workers/)
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
    const one = await InferenceSession.create(bytes, { threads: 1 })
    const expected = bits((await one.run(given)).y)
    Object.assign(cutting, { pieces: 6, grain: 8, pauses: 3000 })
    const session = await InferenceSession.create(bytes, { threads: 3 })
    await untilStarted(2)
    for (let i = 0; i < 300; i++) expect(bits((await session.run(given)).y)).toBe(expected)
  })
})

describe('sessions with threads', () => {
  test('eight at once are right, some released in the middle', async () => {
    const one = await InferenceSession.create(bytes, { threads: 1 })
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
    const one = await InferenceSession.create(bytes, { threads: 1 })
    const session = await InferenceSession.create(bytes, { threads: 2 })
    const given = feeds()
    const controller = new AbortController()
    controller.abort()
    await expectRejects('E_STATE', () => session.run(given, { signal: controller.signal }), /aborted/)
    const { signal } = new AbortController()
    expect(bits((await session.run(given, { signal })).y)).toBe(bits((await one.run(given)).y))
  })

  test('when the threads die, a session goes on without them, and the next has new ones', async () => {
    const one = await InferenceSession.create(bytes, { threads: 1 })
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

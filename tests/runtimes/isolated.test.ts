import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exportModel, GraphBuilder, InferenceSession, prepare, Tensor } from '../../src/node.js'
import { chromiumFlags, chromiumPath, hasChromium, isolation, serve } from '../support/chromium.js'
import { root } from '../support/package.js'
import { seeded } from '../support/random.js'
import { sharedPath } from '../support/shared.js'

interface Answer {
  readonly threads: number
  /** Why there is one. */
  readonly why: string | null
  readonly values: number[]
}
interface PageGlobals {
  run(options: object): Promise<Answer>
  whole(options: object): Promise<void>
  prepared(): Promise<{ fetched: number[]; made: number[]; damaged: string }>
  instances: number
}

const page = `<!doctype html><title>threads</title>
<script type="importmap">{ "imports": { "lanewise": "/dist/browser.js" } }</script>
<script>
globalThis.instances = 0
for (const name of ['Instance', 'instantiate', 'instantiateStreaming'])
  WebAssembly[name] = new Proxy(WebAssembly[name], {
    apply: (target, it, given) => (globalThis.instances++, Reflect.apply(target, it, given)),
    construct: (target, given) => (globalThis.instances++, Reflect.construct(target, given)),
  })
</script>
<script type="module">
import { InferenceSession, prepare, Tensor } from 'lanewise'
const input = () => new Tensor('float32', Float32Array.from({ length: 8192 }, (_, i) => (i % 17) / 17 - 0.5), [1, 8, 32, 32])
globalThis.run = async (options) => {
  const session = await InferenceSession.create('/net.onnx', { build: 'simd', ...options })
  const x = input()
  let y
  for (let i = 0; i < 20; i++) ({ y } = await session.run({ x }))
  const answer = { threads: session.threads, why: session.oneThread ?? null, values: Array.from(y.data) }
  await session.release()
  return answer
}
globalThis.prepared = async () => {
  const values = async (model) => {
    const session = await InferenceSession.create(model, { build: 'simd' })
    const { y } = await session.run({ x: input() })
    await session.release()
    return Array.from(y.data)
  }
  const bytes = await prepare('/net.onnx', { build: 'simd' })
  const damaged = bytes.slice()
  damaged[40] ^= 1
  return {
    fetched: await values('/net.lw'),
    made: await values(bytes),
    damaged: await values(damaged).then(() => 'taken', ({ code }) => code),
  }
}
globalThis.whole = async (options) => {
  const session = await InferenceSession.create('/resnet50.onnx', options)
  const [name] = session.inputNames
  for (let i = 0; i < 3; i++) await session.run({ [name]: new Tensor(new Float32Array(3 * 224 * 224).fill(0.5), [1, 3, 224, 224]) })
  await session.release()
}
</script>`

/** Convolutions that are worth sharing. */
function net(): Uint8Array {
  const random = seeded(3)
  const constant = (name: string, dims: readonly number[]) =>
    g.constant(
      name,
      new Tensor(
        Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => random() - 0.5),
        dims,
      ),
    )
  const g = new GraphBuilder('net')
  let x = g.op('Conv', [g.input('x', 'float32', [1, 8, 32, 32]), constant('a', [32, 8, 5, 5])], { pads: [2, 2, 2, 2] })
  x = g.op('Conv', [g.op('Relu', [x]), constant('b', [4, 32, 1, 1])])
  g.output(x, 'y')
  return exportModel(g)
}

describe.skipIf(!hasChromium)('threads in Chromium', () => {
  const resnet = sharedPath('onnx-tests', 'light', 'light_resnet50.onnx')
  const folder = mkdtempSync(join(tmpdir(), 'lanewise-isolated-'))
  const servers: Server[] = []
  const requested: string[] = []
  let browser: Browser
  let alone: string
  let open: string

  beforeAll(async () => {
    writeFileSync(join(folder, 'index.html'), page)
    writeFileSync(join(folder, 'net.onnx'), net())
    writeFileSync(join(folder, 'net.lw'), await prepare(net(), { build: 'simd' }))
    if (resnet !== undefined) cpSync(resnet, join(folder, 'resnet50.onnx'))
    cpSync(join(root, 'dist'), join(folder, 'dist'), { recursive: true })
    const [isolated, usual] = [await serve(folder, requested, isolation), await serve(folder, requested)]
    servers.push(isolated.server, usual.server)
    alone = isolated.origin
    open = usual.origin
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags })
  }, 120_000)

  afterAll(async () => {
    await browser?.close()
    for (const server of servers) await new Promise((done) => server.close(done))
    rmSync(folder, { recursive: true })
  })

  async function tabAt(origin: string): Promise<Page> {
    const tab = await browser.newPage()
    await tab.goto(`${origin}/index.html`)
    await tab.waitForFunction('globalThis.run')
    requested.length = 0
    return tab
  }
  const run = (tab: Page, options: object) =>
    tab.evaluate((options) => (globalThis as unknown as PageGlobals).run(options), options)

  async function inNode(): Promise<number[]> {
    const session = await InferenceSession.create(net(), { build: 'simd', threads: 1 })
    const x = new Tensor(
      Float32Array.from({ length: 8192 }, (_, i) => (i % 17) / 17 - 0.5),
      [1, 8, 32, 32],
    )
    return Array.from((await session.run({ x })).y.data as Float32Array)
  }

  test('an isolated page has as many as there are cores, one that is not has one and fetches nothing of them', async () => {
    const expected = await inNode()
    const isolated = await tabAt(alone)
    const cores = await isolated.evaluate(() => navigator.hardwareConcurrency)
    for (const [options, threads] of [
      [{}, Math.min(cores, 8)],
      [{ threads: 1 }, 1],
      [{ threads: 3 }, 3],
      [{ worker: true }, Math.min(cores, 8)],
      [{ workers: 2 }, 1],
    ] as const)
      expect(await run(isolated, options)).toEqual({
        threads,
        why: threads > 1 || 'workers' in options || 'threads' in options ? null : expect.stringContaining('one core'),
        values: expected,
      })
    const usual = await tabAt(open)
    for (const options of [{}, { threads: 3 }, { worker: true }])
      expect(await run(usual, options)).toEqual({
        threads: 1,
        why: expect.stringContaining('cross-origin isolated'),
        values: expected,
      })
    expect(requested.filter((path) => /thread/.test(path) && !/session-worker/.test(path))).toEqual([])
    await isolated.close()
    await usual.close()
  })

  test('a prepared model of Node, and one that the page has prepared, have the bits of the model', async () => {
    const expected = await inNode()
    for (const origin of [alone, open]) {
      const tab = await tabAt(origin)
      const answer = await tab.evaluate(() => (globalThis as unknown as PageGlobals).prepared())
      expect(answer).toEqual({ fetched: expected, made: expected, damaged: 'E_PARSE' })
      await tab.close()
    }
  })

  test('with worker: true the page itself has no kernels that it could wait for', async () => {
    for (const [options, own] of [
      [{ worker: true }, false],
      [{ workers: 2 }, false],
      [{}, true],
    ] as const) {
      const tab = await tabAt(alone)
      await run(tab, options)
      expect((await tab.evaluate(() => (globalThis as unknown as PageGlobals).instances)) > 0).toBe(own)
      await tab.close()
    }
  })

  // How long is said and not asked: what else the machine does counts.
  test.skipIf(resnet === undefined)('the longest task of the page while ResNet-50 runs in a worker', async () => {
    const tab = await tabAt(alone)
    const whole = () => tab.evaluate(() => (globalThis as unknown as PageGlobals).whole({ worker: true }))
    await whole()
    await browser.startTracing(tab, {
      categories: ['__metadata', 'toplevel', 'disabled-by-default-devtools.timeline'],
    })
    await whole()
    const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as {
      traceEvents: {
        name: string
        ph: string
        pid: number
        tid: number
        tdur?: number
        args: { name?: string }
      }[]
    }
    const mains = new Set(
      traceEvents
        .filter(({ name, args }) => name === 'thread_name' && args.name === 'CrRendererMain')
        .map(({ pid, tid }) => `${pid}/${tid}`),
    )
    // Processor time: what others do on this machine does not count.
    const tasks = traceEvents
      .filter(({ name, pid, tid }) => /RunTask$/.test(name) && mains.has(`${pid}/${tid}`))
      .map(({ tdur = 0 }) => tdur / 1000)
    expect(tasks.length).toBeGreaterThan(10)
    expect(Math.max(...tasks)).toBeGreaterThan(0)
    console.log(
      `${tasks.length} tasks of the page's main thread, the longest of ${Math.max(...tasks).toFixed(1)} ms of processor time`,
    )
    await tab.close()
  })
})

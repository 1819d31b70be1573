import { build, transformSync } from 'esbuild'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { build as viteBuild } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as library from '../../src/train.js'
import { BlobCheckpoints, type BlobStore } from '../../src/train.js'
import { chromiumFlags, chromiumPath, hasChromium, serve } from '../support/chromium.js'
import { installedIn } from '../support/set-up/installed.js'
import { root } from '../support/package.js'
import { trainSmall, type TrainingResult } from './train-program.js'

const STEPS = 200

/** The page offers the same in itself and in a worker. */
const program = `
import * as library from 'lanewise/train'
import { trainSmall } from './train-program.js'
const stores = { opfs: library.opfsStore, indexedDb: library.indexedDbStore }
export async function work({ store, name, ...task }) {
  const blobs = await stores[store](name)
  const result = await trainSmall(library, { ...task, checkpoints: new library.BlobCheckpoints(blobs) })
  return { ...result, kept: await blobs.names() }
}
export async function refused(options) {
  await library.Device.create()
  const model = new library.Linear(2, 2)
  const batch = { x: new library.Tensor('float32', [1, 2], [1, 2]), label: new library.Tensor('int32', [1], [1]) }
  return library
    .fit(model, [batch], { optimizer: new library.SGD(model.parameters(), { lr: 0.1 }), epochs: 1, ...options })
    .then(() => 'trained', (error) => (error instanceof library.LanewiseError ? error.code : String(error)))
}
`
const page = `
import { refused, work } from './program.js'
globalThis.inPage = work
globalThis.refused = refused
globalThis.inWorker = (task) => new Promise((resolve, reject) => {
  const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })
  worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.result))
  worker.onerror = (event) => reject(new Error(event.message))
  worker.postMessage(task)
})
`
const worker = `
import { work } from './program.js'
onmessage = ({ data }) => work(data).then((result) => postMessage({ result }), (error) => postMessage({ error: String(error.stack) }))
`

interface Task {
  readonly store: 'opfs' | 'indexedDb'
  readonly name: string
  readonly steps: number
  readonly interruptedAt?: number
}

type InBrowser = (task: Task) => Promise<TrainingResult & { kept: string[] }>

interface PageGlobals {
  inPage: InBrowser
  inWorker: InBrowser
  refused(options: object): Promise<string>
}

describe('in Node', () => {
  test('any named bytes keep checkpoints, and a run goes on from them bit for bit', async () => {
    const blobs = memoryStore()
    const straight = await trainSmall(library, { steps: 40 })
    const interrupted = await trainSmall(library, {
      steps: 40,
      interruptedAt: 27,
      checkpoints: new BlobCheckpoints(blobs, { keep: 2 }),
    })
    expect(interrupted.weights).toEqual(straight.weights)
    expect(await blobs.names()).toEqual(['checkpoint-0000000027.safetensors', 'checkpoint-0000000040.safetensors'])
  })
})

function memoryStore(): BlobStore {
  const files = new Map<string, Uint8Array>()
  return {
    place: 'memory',
    names: () => Promise.resolve([...files.keys()].sort()),
    read: (name) => Promise.resolve(files.get(name)),
    write: (name, pieces) => Promise.resolve(void files.set(name, Buffer.concat(pieces))),
    remove: (name) => Promise.resolve(void files.delete(name)),
  }
}

describe.skipIf(!hasChromium)('in Chromium', () => {
  let folder: string
  let server: Server
  let browser: Browser
  let origin: string
  let expected: TrainingResult

  beforeAll(async () => {
    expected = await trainSmall(library, { steps: STEPS })
    folder = mkdtempSync(join(tmpdir(), 'lanewise-training-'))
    const app = join(folder, 'app')
    const site = join(folder, 'site')
    installedIn(app)
    mkdirSync(site)
    const shared = readFileSync(join(root, 'tests/runtimes/train-program.ts'), 'utf8')
    writeFileSync(join(app, 'train-program.js'), transformSync(shared, { loader: 'ts' }).code)
    for (const [name, text] of Object.entries({ program, page, worker })) writeFileSync(join(app, `${name}.js`), text)
    writeFileSync(
      join(app, 'index.html'),
      '<!doctype html><title>vite</title><script type="module" src="/page.js"></script>',
    )
    await build({
      entryPoints: [join(app, 'page.js'), join(app, 'worker.js')],
      outdir: join(site, 'esbuild'),
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      logLevel: 'error',
    })
    cpSync(join(app, 'node_modules/lanewise/dist/wasm'), join(site, 'esbuild/wasm'), { recursive: true })
    writeFileSync(
      join(site, 'esbuild/index.html'),
      '<!doctype html><title>esbuild</title><script type="module" src="page.js"></script>',
    )
    await viteBuild({
      root: app,
      base: '/vite/',
      configFile: false,
      logLevel: 'silent',
      worker: { format: 'es' },
      build: { outDir: join(site, 'vite'), emptyOutDir: true },
    })
    ;({ server, origin } = await serve(site))
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags })
  }, 300_000)

  afterAll(async () => {
    await browser?.close()
    await new Promise((done) => (server ? server.close(done) : done(undefined)))
    if (folder) rmSync(folder, { recursive: true, force: true })
  })

  async function open(path: string): Promise<Page> {
    const tab = await browser.newPage()
    tab.setDefaultTimeout(120_000)
    await tab.goto(`${origin}/${path}/index.html`)
    await tab.waitForFunction('globalThis.inWorker')
    return tab
  }

  const run = (tab: Page, where: 'inPage' | 'inWorker', task: Task) =>
    tab.evaluate(([where, task]) => (globalThis as unknown as PageGlobals)[where](task), [where, task] as const)

  test.each(['esbuild', 'vite'])(
    '%s: 200 steps in a page, kept in IndexedDB, and in a worker, broken off and kept in OPFS, give the bits of Node',
    async (bundler) => {
      const tab = await open(bundler)
      const { kept, ...result } = await run(tab, 'inPage', { store: 'indexedDb', name: bundler, steps: STEPS })
      expect(result).toEqual(expected)
      expect(kept.length).toBe(3)
      const names = ['checkpoint-0000000160.safetensors', 'checkpoint-0000000180.safetensors']
      expect(kept.slice(0, 2)).toEqual(names)
      const task = { store: 'opfs', name: `runs/${bundler}`, steps: STEPS, interruptedAt: 90 } as const
      const { kept: others, ...again } = await run(tab, 'inWorker', task)
      expect(again).toEqual(expected)
      expect(others).toEqual(kept)
      await tab.close()
    },
    300_000,
  )

  test('what a page does not have is refused by a typed error', async () => {
    const tab = await open('esbuild')
    const code = (options: object) =>
      tab.evaluate((given) => (globalThis as unknown as PageGlobals).refused(given), options)
    expect(await code({ folder: 'runs/first' })).toBe('E_UNSUPPORTED')
    expect(await code({ stopOnSignals: true })).toBe('E_UNSUPPORTED')
    expect(await code({})).toBe('trained')
    await tab.close()
  })
})

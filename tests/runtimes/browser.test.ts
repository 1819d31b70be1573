import { build } from 'esbuild'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { build as viteBuild } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import '../../src/all-ops.js'
import { exportModel, GraphBuilder, InferenceSession } from '../../src/node.js'
import { Tensor } from '../../src/api/tensor.js'
import { chromiumFlags, chromiumPath, hasChromium, serve } from '../support/chromium.js'
import { installedIn } from '../support/set-up/installed.js'
import { smallImage, smallModel } from '../support/small-model.js'

/** What the page offers to the test. */
interface PageGlobals {
  classify(build: 'simd' | 'relaxed', pixels: number[]): Promise<{ build: string; scores: number[] }>
  refused(): Promise<string>
  kernelsFrom(place: 'folder' | 'file' | 'bytes' | 'onnxruntime', pixels: number[]): Promise<number[]>
  determinant(): Promise<number[]>
  oneAfterTheOther(count: number, pixels: number[]): Promise<number>
}

const page = `
import { env, InferenceSession, LanewiseError, Tensor } from 'lanewise'
globalThis.classify = async (build, pixels) => {
  const session = await InferenceSession.create('/small.onnx', { build })
  const { scores } = await session.run({ image: new Tensor('float32', new Float32Array(pixels), [1, 1, 12, 12]) })
  const answer = { build: session.build, scores: Array.from(scores.data) }
  await session.release()
  return answer
}
globalThis.kernelsFrom = async (place, pixels) => {
  if (place === 'folder') env.wasm.wasmPaths = '/kernels/'
  if (place === 'file') env.wasm.wasmPaths = { wasm: '/kernels/other.wasm' }
  if (place === 'bytes') env.wasm.wasmBinary = await (await fetch('/kernels/other.wasm')).arrayBuffer()
  if (place === 'onnxruntime') env.wasm.wasmPaths = 'https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/'
  return (await globalThis.classify('simd', pixels)).scores
}
globalThis.determinant = async () => {
  const session = await InferenceSession.create('/rare.onnx')
  const { y } = await session.run({ x: new Tensor('float32', [1, 2, 3, 4], [2, 2]) })
  return Array.from(y.data)
}
globalThis.oneAfterTheOther = async (count, pixels) => {
  let done = 0
  for (; done < count; done++) await globalThis.classify('simd', pixels)
  return done
}
globalThis.refused = () => InferenceSession.create('/nowhere.onnx').then(() => 'loaded', (error) => error instanceof LanewiseError ? error.code : String(error))
`

describe.skipIf(!hasChromium)('Chromium', () => {
  let folder: string
  let server: Server
  let browser: Browser
  let origin: string
  const requested: string[] = []

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'lanewise-browser-'))
    const app = join(folder, 'app')
    const site = join(folder, 'site')
    installedIn(app)
    mkdirSync(site)
    writeFileSync(join(site, 'small.onnx'), smallModel())
    const rare = new GraphBuilder('rare')
    rare.output(rare.op('Det', [rare.input('x', 'float32', [2, 2])]), 'y')
    writeFileSync(join(site, 'rare.onnx'), exportModel(rare.graph()))
    writeFileSync(join(app, 'page.js'), page)
    writeFileSync(
      join(app, 'index.html'),
      '<!doctype html><title>vite</title><script type="module" src="/page.js"></script>',
    )
    await build({
      entryPoints: [join(app, 'page.js')],
      outfile: join(site, 'esbuild/page.js'),
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'browser',
      logLevel: 'error',
    })
    cpSync(join(app, 'node_modules/lanewise/dist/wasm'), join(site, 'esbuild/wasm'), { recursive: true })
    mkdirSync(join(site, 'kernels'))
    for (const name of ['inference-simd.wasm', 'other.wasm'])
      cpSync(join(app, 'node_modules/lanewise/dist/wasm/inference-simd.wasm'), join(site, 'kernels', name))
    writeFileSync(
      join(site, 'esbuild/index.html'),
      '<!doctype html><title>esbuild</title><script type="module" src="page.js"></script>',
    )
    await viteBuild({
      root: app,
      base: '/vite/',
      configFile: false,
      logLevel: 'silent',
      build: { outDir: join(site, 'vite'), emptyOutDir: true },
    })
    ;({ server, origin } = await serve(site, requested))
    browser = await chromium.launch({ executablePath: chromiumPath, args: chromiumFlags })
  }, 180_000)

  afterAll(async () => {
    await browser?.close()
    await new Promise((done) => (server ? server.close(done) : done(undefined)))
    rmSync(folder, { recursive: true, force: true })
  })

  async function open(path: string): Promise<Page> {
    const tab = await browser.newPage()
    tab.setDefaultTimeout(120_000)
    await tab.goto(`${origin}/${path}/index.html`)
    await tab.waitForFunction('globalThis.classify')
    return tab
  }

  const pixels = Array.from(smallImage())
  const classify = (tab: Page, build: 'simd' | 'relaxed') =>
    tab.evaluate(([build, pixels]) => (globalThis as unknown as PageGlobals).classify(build, pixels), [
      build,
      pixels,
    ] as const)

  async function inNode(): Promise<number[]> {
    const session = await InferenceSession.create(smallModel(), { build: 'simd' })
    const { scores } = await session.run({ image: new Tensor('float32', smallImage(), [1, 1, 12, 12]) })
    return Array.from(scores.data as Float32Array)
  }

  test('released sessions give their memory back: a page has room for 124 at a time', async () => {
    const tab = await open('esbuild')
    const many = ([count, pixels]: readonly [number, number[]]) =>
      (globalThis as unknown as PageGlobals).oneAfterTheOther(count, pixels)
    expect(await tab.evaluate(many, [200, pixels] as const)).toBe(200)
    await tab.close()
  })

  test.each(['esbuild', 'vite'])('the packed library, bundled by %s, has the same bits as in Node', async (bundler) => {
    const tab = await open(bundler)
    requested.length = 0
    expect(await classify(tab, 'simd')).toEqual({ build: 'simd', scores: await inNode() })
    // One build of the kernels is fetched, and the model; and at most one chunk: what only models with free sizes need.
    expect(requested.filter((path) => path.endsWith('.js')).length).toBeLessThanOrEqual(1)
    expect(
      requested
        .filter((path) => !path.endsWith('.js'))
        .map((path) =>
          path
            .replace(/-[\w-]{8}\.wasm$/, '.wasm')
            .split('/')
            .at(-1),
        )
        .sort(),
    ).toEqual(['inference-simd.wasm', 'small.onnx'])
    await tab.close()
  })

  test('the relaxed build agrees', async () => {
    const tab = await open('esbuild')
    const { build: used, scores } = await classify(tab, 'relaxed')
    expect(used).toBe('relaxed')
    const expected = await inNode()
    scores.forEach((score, i) =>
      expect(Math.abs(score - expected[i])).toBeLessThanOrEqual(1e-5 + 1e-5 * Math.abs(expected[i])),
    )
    await tab.close()
  })

  test('a model that is not there is a typed error', async () => {
    const tab = await open('esbuild')
    expect(await tab.evaluate(() => (globalThis as unknown as PageGlobals).refused())).toBe('E_PARSE')
    await tab.close()
  })

  test.each([
    ['folder', '/kernels/inference-simd.wasm'],
    ['file', '/kernels/other.wasm'],
    ['bytes', '/kernels/other.wasm'],
    // What code for onnxruntime says of its own files is passed over.
    ['onnxruntime', '/esbuild/wasm/inference-simd.wasm'],
  ] as const)('kernels come from where env.wasm says: %s', async (place, file) => {
    const tab = await open('esbuild')
    requested.length = 0
    const given = [place, pixels] as const
    const scores = await tab.evaluate(([place, pixels]) => {
      return (globalThis as unknown as PageGlobals).kernelsFrom(place, pixels)
    }, given)
    expect(scores).toEqual(await inNode())
    expect(requested.filter((path) => path.endsWith('.wasm'))).toEqual([file])
    await tab.close()
  })

  test.each(['esbuild', 'vite'])(
    'an operator outside the common set loads by itself, bundled by %s',
    async (bundler) => {
      const tab = await open(bundler)
      const scripts = () => requested.filter((path) => path.endsWith('.js')).length
      const before = scripts()
      const determinant = () => tab.evaluate(() => (globalThis as unknown as PageGlobals).determinant())
      expect(await determinant()).toEqual([-2])
      // Where the bundler splits, what only such models need is not loaded before.
      if (bundler === 'vite') expect(scripts()).toBeGreaterThan(before)
      await tab.close()
    },
  )
})

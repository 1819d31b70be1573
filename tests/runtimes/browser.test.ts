import { build } from 'esbuild'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { build as viteBuild } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InferenceSession } from '../../src/node.js'
import { Tensor } from '../../src/api/tensor.js'
import { chromiumFlags, chromiumPath, hasChromium, serve } from '../support/chromium.js'
import { installInto, packLibrary } from '../support/package.js'
import { smallImage, smallModel } from '../support/small-model.js'

/** What the page offers to the test. */
interface PageGlobals {
  classify(build: 'simd' | 'relaxed', pixels: number[]): Promise<{ build: string; scores: number[] }>
  refused(): Promise<string>
}

const page = `
import { InferenceSession, LanewiseError, Tensor } from 'lanewise'
globalThis.classify = async (build, pixels) => {
  const session = await InferenceSession.create('/small.onnx', { build })
  const { scores } = await session.run({ image: new Tensor('float32', new Float32Array(pixels), [1, 1, 12, 12]) })
  const answer = { build: session.build, scores: Array.from(scores.data) }
  await session.release()
  return answer
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
    installInto(app, packLibrary(folder))
    mkdirSync(site)
    writeFileSync(join(site, 'small.onnx'), smallModel())
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

  test.each(['esbuild', 'vite'])('the packed library, bundled by %s, has the same bits as in Node', async (bundler) => {
    const tab = await open(bundler)
    requested.length = 0
    expect(await classify(tab, 'simd')).toEqual({ build: 'simd', scores: await inNode() })
    // One build of the kernels is fetched, and the model.
    expect(
      requested
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
})

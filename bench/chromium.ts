import { createReadStream, existsSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, normalize } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright-core'
import { present } from '../src/core/errors.js'
import type { PageBench } from './browser.js'
import type { WorkResult } from './measure.js'
import type { Options } from './options.js'
import { processor } from './processor.js'
import type { Environment } from './report.js'
import { worksOf } from './suites/index.js'
import { serializeWork } from './work.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const benchRoot = fileURLToPath(new URL('.', import.meta.url))

const executable = process.env.LANEWISE_CHROMIUM ?? '/usr/bin/chromium'
const flags = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * The peers by literal names, for the bundler; not in a .ts file, since the repository's type check does not have them.
 */
const pageSource = (options: Options): string => `
import * as ort from 'onnxruntime-web/wasm'
import * as tf from '@tensorflow/tfjs-core'
import * as tfWasm from '@tensorflow/tfjs-backend-wasm'
import { start } from './browser.ts'
globalThis.bench = start({ ort, tf, tfWasm }, ${JSON.stringify(options)})
`

const types: Record<string, string> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
}

function serve(work: () => Uint8Array): Promise<Server> {
  const folders = [
    ['/ort/', join(root, 'node_modules', 'onnxruntime-web', 'dist')],
    ['/tfjs/', join(benchRoot, 'node_modules', '@tensorflow', 'tfjs-backend-wasm', 'dist')],
    ['/dist/wasm/', join(root, 'dist', 'wasm')],
    ['/bench/dist/', join(benchRoot, 'dist')],
  ]
  const server = createServer(({ url = '/' }, response) => {
    // Isolation makes the clock 20 times finer.
    const isolated = {
      'Cross-Origin-Opener-Policy': 'same-origin',
      'Cross-Origin-Embedder-Policy': 'require-corp',
      'Cache-Control': 'no-store',
    }
    const path = normalize(url.split('?')[0])
    if (path === '/') {
      response
        .writeHead(200, { ...isolated, 'Content-Type': 'text/html' })
        .end('<!doctype html><script type="module" src="/bench/dist/page.js"></script>')
    } else if (path === '/work') {
      response.writeHead(200, { ...isolated, 'Content-Type': 'application/octet-stream' }).end(work())
    } else {
      const [prefix, folder] = folders.find(([start]) => path.startsWith(start)) ?? []
      const file = prefix && join(folder, path.slice(prefix.length))
      if (!file || !existsSync(file)) return void response.writeHead(404, isolated).end()
      response.writeHead(200, { ...isolated, 'Content-Type': types[extname(file)] ?? 'application/octet-stream' })
      createReadStream(file).pipe(response)
    }
  })
  return new Promise((listening) => server.listen(0, '127.0.0.1', () => listening(server)))
}

/** Runs a timed suite in a page of headless Chromium; the works are made here and fetched by the page. */
export async function runInChromium(options: Options): Promise<{ environment: Environment; results: WorkResult[] }> {
  await build({
    stdin: { contents: pageSource(options), resolveDir: benchRoot, loader: 'js' },
    outfile: join(benchRoot, 'dist', 'page.js'),
    bundle: true,
    format: 'esm',
    target: 'es2022',
    // tfjs looks for Node's modules where it runs in Node.
    external: ['fs', 'path', 'os', 'worker_threads', 'perf_hooks', 'util', 'crypto', 'string_decoder'],
    logLevel: 'error',
  })
  let current: Uint8Array = new Uint8Array(0)
  const server = await serve(() => current)
  const browser = await chromium.launch({ executablePath: executable, args: flags })
  try {
    const page = await browser.newPage()
    page.on('pageerror', (error) => console.error(`in the page: ${error.message}`))
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
    await page.waitForFunction('globalThis.bench')
    type Page = { bench: Promise<PageBench> }
    const results: WorkResult[] = []
    for await (const work of worksOf(options)) {
      process.stderr.write(`${work.name} … `)
      current = serializeWork(work)
      const result = await page.evaluate(async () => (await (globalThis as unknown as Page).bench).measure())
      process.stderr.write(
        result.failed
          ? `not run: ${result.failed}\n`
          : `${present(result.times.lanewise, 'time of Lanewise').median.toPrecision(3)} ms\n`,
      )
      results.push(result)
    }
    const seen = await page.evaluate(async () => (await (globalThis as unknown as Page).bench).environment())
    const environment = {
      ...seen,
      engine: `Chromium ${browser.version()}`,
      clock: options.clock,
      threads: options.threads,
      key: 'chromium',
      cpu: processor(),
    }
    return { environment, results }
  } finally {
    await browser.close()
    server.close()
  }
}

// The rows that go through the whole list of conformance.ts.
import { build, type BuildOptions } from 'esbuild'
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openChromium, openExtension, openFirefox, type Browser } from './browsers.js'
import type { Report } from './conformance.js'
import { answerIn, command, load, versionOf, write, type Lab, type Outcome, type Row } from './row.js'

/** A program for places with modules, packages and a console. */
const main = (startWorker: string) => `
import * as lanewise from 'lanewise'
import * as train from 'lanewise/train'
import { fileURLToPath } from 'node:url'
import { conformance } from './conformance.js'
import { fixture, origin } from './fixture.js'
const file = new URL('./worker.mjs', import.meta.url)
${startWorker}
const path = fileURLToPath(new URL('./small.onnx', import.meta.url))
console.log('ANSWER ' + JSON.stringify(await conformance({ lanewise, train, fixture, origin, path, inWorker })))
`
const workerThread = `
import { Worker } from 'node:worker_threads'
const inWorker = () => new Promise((resolve, reject) => new Worker(file).on('message', resolve).on('error', reject))`
const webWorker = `
const inWorker = () => new Promise((resolve, reject) => {
  const worker = new Worker(file, { type: 'module' })
  worker.onmessage = ({ data }) => (resolve(data), worker.terminate())
  worker.onerror = (event) => reject(event.error ?? new Error(event.message))
})`
const workerOf = (post: string) => `
import * as lanewise from 'lanewise'
import { classify } from './conformance.js'
import { fixture } from './fixture.js'
${post}`

function program({ folder, conformance, fixture, origin }: Lab, startWorker: string, post: string): void {
  write(folder, {
    'main.mjs': main(startWorker),
    'worker.mjs': workerOf(post),
    'conformance.js': conformance,
    'fixture.js': fixtureFile(fixture, origin),
    'small.onnx': Buffer.from(fixture.small, 'base64'),
  })
}

function fixtureFile(fixture: object, origin: string): string {
  return `export const fixture = ${JSON.stringify(fixture)}\nexport const origin = ${JSON.stringify(origin)}\n`
}

function node(major: number): Row {
  const here = process.versions.node.startsWith(`${major}.`)
  return {
    name: `Node ${major}`,
    packages: here ? {} : { node: String(major) },
    async run(lab) {
      program(
        lab,
        workerThread,
        "import { parentPort } from 'node:worker_threads'\nparentPort.postMessage(await classify({ lanewise, fixture }))",
      )
      const binary = here ? process.execPath : join(lab.folder, 'node_modules/node/bin/node')
      const version = (await command(binary, ['--version'], lab.folder)).trim().slice(1)
      return { version, report: answerIn(await command(binary, ['main.mjs'], lab.folder)) }
    },
  }
}

const post = 'postMessage(await classify({ lanewise, fixture }))'

const deno: Row = {
  name: 'Deno',
  packages: { deno: '^2' },
  async run(lab) {
    program(lab, webWorker, post)
    const binary = join(lab.folder, 'node_modules/.bin/deno')
    const output = await command(binary, ['run', '--allow-all', '--node-modules-dir=manual', 'main.mjs'], lab.folder)
    return { version: versionOf(lab.folder, 'deno'), report: answerIn(output) }
  },
}

const bun: Row = {
  name: 'Bun',
  packages: { bun: '^1' },
  async run(lab) {
    program(lab, webWorker, post)
    const output = await command(join(lab.folder, 'node_modules/.bin/bun'), ['main.mjs'], lab.folder)
    return { version: versionOf(lab.folder, 'bun'), report: answerIn(output) }
  },
}

/** One file for a place that resolves no packages. */
async function bundled({ folder }: Lab, entry: string, format: 'esm' | 'iife', conditions: string[]): Promise<string> {
  const define: Record<string, string> = format === 'iife' ? { 'import.meta.url': 'undefined' } : {}
  const options = {
    stdin: { contents: entry, resolveDir: folder },
    bundle: true,
    write: false,
    format,
    platform: 'browser',
    conditions,
    external: ['*.wasm'],
    define,
    target: 'es2022',
    logLevel: 'error',
  } as const satisfies BuildOptions
  const { outputFiles } = await build(options)
  return outputFiles[0].text
}

const kernels = ['inference-simd', 'inference-relaxed', 'train-simd']
const kernel = (folder: string, name: string) =>
  readFileSync(join(folder, `node_modules/lanewise/dist/wasm/${name}.wasm`))

/** What is used of miniflare. */
export interface MiniflareModule {
  Miniflare: new (options: object) => {
    dispatchFetch(url: string, request?: object): Promise<{ ok: boolean; text(): Promise<string> }>
    dispose(): Promise<void>
  }
}

const workerd: Row = {
  name: 'workerd (Cloudflare)',
  packages: { miniflare: '^4' },
  async run(lab) {
    const { folder, conformance, fixture, origin } = lab
    write(folder, { 'conformance.js': conformance, 'fixture.js': fixtureFile(fixture, origin) })
    const entry = `
      import simd from './inference-simd.wasm'
      import relaxed from './inference-relaxed.wasm'
      import trainModule from './train-simd.wasm'
      import * as lanewise from 'lanewise'
      import 'lanewise/ops/all'
      import * as train from 'lanewise/train'
      import { conformance } from './conformance.js'
      import { fixture, origin } from './fixture.js'
      const place = { lanewise, train, fixture, origin, wasmModule: { simd, relaxed }, trainModule, inWorker: 'no workers there' }
      export default { fetch: async () => Response.json(await conformance(place)) }`
    const contents = await bundled(lab, entry, 'esm', ['workerd', 'worker', 'browser'])
    const { Miniflare } = await load<MiniflareModule>(folder, 'miniflare')
    const miniflare = new Miniflare({
      compatibilityDate: '2026-01-01',
      modules: [
        { type: 'ESModule', path: 'main.mjs', contents },
        ...kernels.map((name) => ({ type: 'CompiledWasm', path: `${name}.wasm`, contents: kernel(folder, name) })),
      ],
    })
    try {
      const response = await miniflare.dispatchFetch('http://localhost/')
      const text = await response.text()
      if (!response.ok) throw new Error(text.slice(0, 1000))
      return { version: versionOf(folder, 'workerd'), report: JSON.parse(text) as Report }
    } finally {
      await miniflare.dispose()
    }
  },
}

/** What is used of edge-runtime. */
interface EdgeModule {
  EdgeRuntime: new (options: { extend(context: Record<string, unknown>): object }) => {
    evaluate(code: string): unknown
  }
}

const edge: Row = {
  name: 'edge-runtime (Vercel)',
  packages: { 'edge-runtime': '^4' },
  async run(lab) {
    const { folder, conformance, fixture, origin } = lab
    write(folder, { 'conformance.js': conformance, 'fixture.js': fixtureFile(fixture, origin) })
    const entry = `
      import * as lanewise from 'lanewise'
      import 'lanewise/ops/all'
      import * as train from 'lanewise/train'
      import { conformance } from './conformance.js'
      import { fixture, origin } from './fixture.js'
      globalThis.answer = conformance({ lanewise, train, fixture, origin, wasmModule: simd, trainModule, inWorker: 'no workers there' }).then(JSON.stringify)`
    const code = await bundled(lab, entry, 'iife', ['edge-light', 'worker', 'browser'])
    const { EdgeRuntime } = await load<EdgeModule>(folder, 'edge-runtime')
    // Modules of another realm, as that platform hands them over.
    const [simd, trainModule] = ['inference-simd', 'train-simd'].map(
      (name) => new WebAssembly.Module(kernel(folder, name)),
    )
    const runtime = new EdgeRuntime({ extend: (context) => Object.assign(context, { simd, trainModule }) })
    runtime.evaluate(code)
    const answer = (await runtime.evaluate('answer')) as string
    return { version: versionOf(folder, 'edge-runtime'), report: JSON.parse(answer) as Report }
  },
}

const run = `
import * as lanewise from './lanewise/browser.js'
import * as train from './lanewise/browser-train.js'
import { conformance } from './conformance.js'
import { fixture, origin } from './fixture.js'
export const run = (inWorker) => conformance({ lanewise, train, fixture, origin, inWorker })
`
const files = {
  'run.js': run,
  'page.html': '<!doctype html><title>page</title><script type="module" src="page.js"></script>',
  'page.js': `
import { run } from './run.js'
globalThis.answer = run(() => new Promise((resolve, reject) => {
  const worker = new Worker('worker.js', { type: 'module' })
  worker.onmessage = ({ data }) => resolve(data)
  worker.onerror = (event) => reject(new Error(event.message))
}))`,
  'worker.js': `
import * as lanewise from './lanewise/browser.js'
import { classify } from './conformance.js'
import { fixture } from './fixture.js'
postMessage(await classify({ lanewise, fixture }))`,
  'in-worker.html': '<!doctype html><title>worker</title><script type="module" src="in-worker.js"></script>',
  'in-worker.js': `
globalThis.answer = new Promise((resolve, reject) => {
  const worker = new Worker('whole-worker.js', { type: 'module' })
  worker.onmessage = ({ data }) => resolve(data)
  worker.onerror = (event) => reject(new Error(event.message))
})`,
  'whole-worker.js': `
import { run } from './run.js'
postMessage(await run('it is one'))`,
  'service.html': '<!doctype html><title>service</title><script type="module" src="service.js"></script>',
  'service.js': `
globalThis.answer = (async () => {
  await navigator.serviceWorker.register('service-worker.js', { type: 'module' })
  const { active } = await navigator.serviceWorker.ready
  const told = new Promise((resolve) => navigator.serviceWorker.addEventListener('message', ({ data }) => resolve(data)))
  navigator.serviceWorker.startMessages()
  active.postMessage('go')
  return told
})()`,
  'service-worker.js': `
import './lanewise/ops/all.js'
import { run } from './run.js'
addEventListener('install', () => skipWaiting())
addEventListener('message', (event) => event.waitUntil(run('no workers there').then((report) => event.source.postMessage(report))))`,
  'background.js': '',
  'manifest.json': JSON.stringify({
    manifest_version: 3,
    name: 'lanewise',
    version: '1.0',
    background: { service_worker: 'background.js' },
    host_permissions: ['http://127.0.0.1/*'],
    content_security_policy: { extension_pages: "script-src 'self' 'wasm-unsafe-eval'; object-src 'self'" },
  }),
}

/** A page without a bundler: the library's own files. */
function site(lab: Lab, name: string): { folder: string; url: string } {
  const folder = join(lab.site, name)
  write(folder, {
    ...files,
    'conformance.js': lab.conformance,
    'fixture.js': fixtureFile(lab.fixture, lab.origin),
  })
  rmSync(join(folder, 'lanewise'), { recursive: true, force: true })
  cpSync(join(lab.folder, 'node_modules/lanewise/dist'), join(folder, 'lanewise'), { recursive: true })
  return { folder, url: `${lab.origin}/${name}` }
}

function inBrowser(name: string, open: (lab: Lab) => Promise<Browser>, page: string, packages = {}): Row {
  return {
    name,
    packages,
    async run(lab): Promise<Outcome> {
      const { url } = site(lab, 'plain')
      const browser = await open(lab)
      try {
        return { version: browser.version, report: await browser.answer<Report>(`${url}/${page}`) }
      } finally {
        await browser.close()
      }
    },
  }
}

const extension: Row = {
  name: 'Chromium, page of an extension (MV3)',
  async run(lab) {
    const browser = await openExtension(site(lab, 'extension').folder)
    try {
      return { version: browser.version, report: await browser.answer<Report>('page.html') }
    } finally {
      await browser.close()
    }
  },
}

const puppeteer = { 'puppeteer-core': '^24' }
const firefox = ({ folder }: Lab) => openFirefox(folder)

export const runtimes: readonly Row[] = [
  node(20),
  node(22),
  node(24),
  deno,
  bun,
  workerd,
  edge,
  inBrowser('Chromium, page', openChromium, 'page.html'),
  inBrowser('Chromium, module worker', openChromium, 'in-worker.html'),
  inBrowser('Chromium, service worker', openChromium, 'service.html'),
  extension,
  inBrowser('Firefox, page', firefox, 'page.html', puppeteer),
  inBrowser('Firefox, module worker', firefox, 'in-worker.html', puppeteer),
  // Module service workers are new in Firefox 147.
  inBrowser('Firefox, service worker', firefox, 'service.html', puppeteer),
]

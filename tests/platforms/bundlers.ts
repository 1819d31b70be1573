// Small apps, bundled from the packed library by every bundler and then run: one that runs models, one that trains, one
// with every operator, and one that does two of these and awaits at its top level.
import { cpSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openChromium } from './browsers.js'
import type { Report } from './conformance.js'
import type { Fixture } from './fixture.js'
import { answerIn, command, load, versionOf, write, type Lab, type Row } from './row.js'

const apps = ['inference', 'training', 'everything', 'both'] as const
type App = (typeof apps)[number]

const tell = `
globalThis.answer.then((answer) => console.log('ANSWER ' + JSON.stringify(answer)))
`
const sources: Readonly<Record<App, string>> = {
  inference: `
import { InferenceSession, Tensor } from 'lanewise'
import { fixture } from './fixture.js'
const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))
async function run() {
  const session = await InferenceSession.create(bytes(fixture.small), { deterministic: true })
  const { scores } = await session.run({ image: new Tensor('float32', new Float32Array(fixture.image), [1, 1, 12, 12]) })
  const rare = await InferenceSession.create(bytes(fixture.rare))
  const { y } = await rare.run({ x: new Tensor('float32', [1, 2, 3, 4], [2, 2]) })
  return [...scores.data, ...y.data]
}
globalThis.answer = run()${tell}`,
  training: `
import {
  Adam, augment, Conv2d, cosine, DataLoader, Device, exportModel, fit, Flatten, generateDigits, Linear, MaxPool2d, ReLU, Schedule, Sequential, shift, toGraph,
} from 'lanewise/train'
import { trainSmall } from './conformance.js'
const library = {
  Adam, augment, Conv2d, cosine, DataLoader, Device, exportModel, fit, Flatten, generateDigits, Linear, MaxPool2d, ReLU, Schedule, Sequential, shift, toGraph,
}
globalThis.answer = trainSmall(library, { steps: 20 }).then(({ weights }) => weights)${tell}`,
  everything: `
import 'lanewise/ops/all'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from 'lanewise'
async function run() {
  const g = new GraphBuilder('g')
  g.output(g.op('Det', [g.input('x', 'float32', [2, 2])]), 'y')
  const session = await InferenceSession.create(exportModel(g.graph(), { opset: 13 }))
  const { y } = await session.run({ x: new Tensor('float32', [1, 2, 3, 4], [2, 2]) })
  return [...y.data]
}
globalThis.answer = run()${tell}`,
  both: `
import { Device, exportModel, Flatten, Linear, Sequential, toGraph } from 'lanewise/train'
import { InferenceSession, Tensor } from 'lanewise'
await Device.create({ deterministic: true, seed: 1 })
const model = new Sequential(new Flatten(), new Linear(4, 2))
const file = exportModel(toGraph(model, [{ name: 'x', shape: [{ name: 'N', size: 1 }, 4] }]))
const session = await InferenceSession.create(file, { warmUp: { x: [3, 4] } })
const results = await session.run({ x: new Tensor('float32', new Float32Array(12), [3, 4]) })
globalThis.answer = Promise.resolve(results[session.outputNames[0]].dims)${tell}`,
}

function expected({ scores, trained }: Fixture, app: App): readonly number[] {
  return { inference: [...scores, -2], training: trained, everything: [-2], both: [3, 2] }[app]
}

/** The apps in a folder `src`. @param from - where inference is imported from. */
function writeApps({ folder, conformance, fixture }: Lab, from = 'lanewise'): void {
  write(join(folder, 'src'), {
    'conformance.js': conformance,
    'fixture.js': `export const fixture = ${JSON.stringify(fixture)}\n`,
    ...Object.fromEntries(
      Object.entries(sources).map(([app, text]) => [`${app}.js`, text.replace("from 'lanewise'", `from '${from}'`)]),
    ),
  })
}

const entries = (folder: string, chosen: readonly App[] = apps) =>
  Object.fromEntries(chosen.map((app) => [app, join(folder, `src/${app}.js`)]))
const pages = (type: string, extension = 'js', source = '') =>
  Object.fromEntries(
    apps.map((app) => [
      `${app}.html`,
      `<!doctype html><title>${app}</title><script ${type} src="${source}${app}.${extension}"></script>`,
    ]),
  )

/** Whether each app came to what it should. */
async function compared(
  fixture: Fixture,
  run: (app: App) => Promise<unknown>,
  chosen: readonly App[] = apps,
): Promise<Report> {
  const report: Report = {}
  for (const app of chosen) {
    try {
      const [answer, wanted] = [await run(app), expected(fixture, app)].map((value) => JSON.stringify(value))
      report[app] = answer === wanted ? 'ok' : `${answer} instead of ${wanted}`
    } catch (error) {
      report[app] = (error as Error).message
    }
  }
  return report
}

interface Bundler {
  readonly name: string
  /** The package that the version is that of. */
  readonly of: string
  readonly packages: Readonly<Record<string, string>>
  /** Bundles the apps in `src` into a folder. */
  build(lab: Lab, out: string): Promise<unknown>
}

/** An app in a page of Chromium. */
function forPages({ name, of, packages, build }: Bundler): Row {
  return {
    name: `${name}, page`,
    packages,
    async run(lab) {
      writeApps(lab)
      const place = `bundled/${slug(name)}`
      const out = join(lab.site, place)
      rmSync(out, { recursive: true, force: true })
      await build(lab, out)
      const browser = await openChromium()
      try {
        const report = await compared(lab.fixture, (app) => browser.answer(`${lab.origin}/${place}/${app}.html`))
        return { version: versionOf(lab.folder, of), report }
      } finally {
        await browser.close()
      }
    },
  }
}

/** An app as one or a few files that Node runs, in a folder where no packages are. */
function forNode(
  { name, of, packages, build }: Bundler,
  { chosen = apps, from, extension = 'js' }: { chosen?: readonly App[]; from?: string; extension?: string } = {},
): Row {
  return {
    name,
    packages,
    async run(lab) {
      writeApps(lab, from)
      const out = join(lab.site, `../server/${slug(name)}`)
      rmSync(out, { recursive: true, force: true })
      await build(lab, out)
      write(out, { 'package.json': JSON.stringify({ type: extension === 'cjs' ? 'commonjs' : 'module' }) })
      const run = async (app: App) => answerIn(await command(process.execPath, [`${app}.${extension}`], out))
      return { version: versionOf(lab.folder, of), report: await compared(lab.fixture, run, chosen) }
    },
  }
}

const slug = (name: string) => name.replaceAll(/\W+/g, '-').toLowerCase()
const copyKernels = (folder: string, out: string) =>
  cpSync(join(folder, 'node_modules/lanewise/dist/wasm'), join(out, 'wasm'), { recursive: true })

interface Vite {
  build(options: object): Promise<unknown>
  createServer(options: object): Promise<{
    listen(): Promise<unknown>
    close(): Promise<void>
    resolvedUrls: { local: string[] } | null
  }>
}

function vite(major: number): Row[] {
  const [name, packages] = [`Vite ${major}`, { vite: `^${major}` }]
  const built = forPages({
    name,
    of: 'vite',
    packages,
    async build({ folder }, out) {
      write(folder, pages('type="module"', 'js', '/src/'))
      const { build } = await load<Vite>(folder, 'vite')
      const input = apps.map((app) => join(folder, `${app}.html`))
      const options = { outDir: out, emptyOutDir: true, rollupOptions: { input }, target: 'es2022' }
      await build({ root: folder, base: './', configFile: false, logLevel: 'silent', build: options })
    },
  })
  const dev: Row = {
    name: `${name}, development server without configuration`,
    packages,
    async run(lab) {
      writeApps(lab)
      write(lab.folder, pages('type="module"', 'js', '/src/'))
      const { createServer } = await load<Vite>(lab.folder, 'vite')
      const server = await createServer({
        root: lab.folder,
        configFile: false,
        logLevel: 'silent',
        server: { port: 0 },
      })
      await server.listen()
      const browser = await openChromium()
      try {
        const origin = server.resolvedUrls?.local[0] ?? ''
        const report = await compared(lab.fixture, (app) => browser.answer(`${origin}${app}.html`))
        return { version: versionOf(lab.folder, 'vite'), report }
      } finally {
        await browser.close()
        await server.close()
      }
    },
  }
  return [built, dev]
}

/** webpack and what has its interface. */
interface Webpack {
  (
    options: object,
    done: (error: Error | null, stats: { hasErrors(): boolean; toString(o: object): string }) => void,
  ): void
}

async function webpacked(pack: Webpack, { folder }: Lab, out: string, target: 'web' | 'node'): Promise<void> {
  const options = {
    mode: 'production',
    context: folder,
    entry: entries(folder),
    target,
    output: { path: out, filename: target === 'web' ? '[name].js' : '[name].cjs' },
    performance: { hints: false },
  }
  await new Promise<void>((resolve, reject) =>
    pack(options, (error, stats) => {
      if (error) reject(error)
      else if (stats.hasErrors()) reject(new Error(stats.toString({ all: false, errors: true })))
      else resolve()
    }),
  )
  // A script of its own finds its files by itself; as a module it would not know where it is.
  if (target === 'web') write(out, pages('defer'))
}

function likeWebpack(name: string, of: string, version: string, get: (lab: Lab) => Promise<Webpack>): Row[] {
  const packages = { [of]: version }
  const bundler = (target: 'web' | 'node'): Bundler => ({
    name: target === 'web' ? name : `${name}, server`,
    of,
    packages,
    build: async (lab, out) => webpacked(await get(lab), lab, out, target),
  })
  return [forPages(bundler('web')), forNode(bundler('node'), { extension: 'cjs' })]
}

interface Rollup {
  rollup(options: object): Promise<{ write(options: object): Promise<unknown>; close(): Promise<void> }>
}
type Plugin = (options?: object) => object

function rolled(browser: boolean): Bundler {
  return {
    name: browser ? 'Rollup' : 'Rollup, server',
    of: 'rollup',
    packages: { rollup: '^4', '@rollup/plugin-node-resolve': '^16', '@web/rollup-plugin-import-meta-assets': '^2' },
    async build({ folder }, out) {
      const { rollup } = await load<Rollup>(folder, 'rollup')
      const { nodeResolve } = await load<{ nodeResolve: Plugin }>(folder, '@rollup/plugin-node-resolve')
      const { importMetaAssets } = await load<{ importMetaAssets: Plugin }>(
        folder,
        '@web/rollup-plugin-import-meta-assets',
      )
      const plugins = [nodeResolve({ browser, exportConditions: browser ? [] : ['node'] }), importMetaAssets()]
      const bundle = await rollup({ input: entries(folder), plugins, external: /^node:/, onwarn: () => undefined })
      await bundle.write({ dir: out, format: 'es' })
      await bundle.close()
      if (browser) write(out, pages('type="module"'))
    },
  }
}

interface Esbuild {
  build(options: object): Promise<unknown>
}

function esbuilt(
  name: string,
  options: object,
  after: (folder: string, out: string) => void,
  chosen = apps as readonly App[],
): Bundler {
  return {
    name,
    of: 'esbuild',
    packages: { esbuild: '^0.28.2' },
    async build({ folder }, out) {
      const { build } = await load<Esbuild>(folder, 'esbuild')
      const shared = { outdir: out, bundle: true, minify: true, target: 'es2022', logLevel: 'silent' }
      await build({ entryPoints: entries(folder, chosen), ...shared, ...options })
      after(folder, out)
    },
  }
}

const esbuild: Row[] = [
  forPages(
    esbuilt('esbuild', { format: 'esm', platform: 'browser', splitting: true }, (folder, out) => {
      write(out, pages('type="module"'))
      copyKernels(folder, out)
    }),
  ),
  forNode(esbuilt('esbuild, server, kernels beside it', { format: 'esm', platform: 'node' }, copyKernels)),
  forNode(
    esbuilt('esbuild, one file of ESM with lanewise/inline', { format: 'esm', platform: 'node' }, () => undefined, [
      'inference',
    ]),
    { from: 'lanewise/inline', chosen: ['inference'] },
  ),
  forNode(
    esbuilt(
      'esbuild, one file of CommonJS with lanewise/inline',
      { format: 'cjs', platform: 'node', outExtension: { '.js': '.cjs' } },
      () => undefined,
      ['inference'],
    ),
    { from: 'lanewise/inline', chosen: ['inference'], extension: 'cjs' },
  ),
  {
    name: 'esbuild, one file without kernels',
    packages: { esbuild: '^0.28.2' },
    async run(lab) {
      writeApps(lab)
      const report: Report = {}
      for (const format of ['esm', 'cjs']) {
        const out = join(lab.site, `../server/without-${format}`)
        rmSync(out, { recursive: true, force: true })
        const extension = format === 'esm' ? '.mjs' : '.cjs'
        // Node shows the line that throws: the whole file, if it were minified.
        const options = { format, platform: 'node', outExtension: { '.js': extension }, minify: false }
        await esbuilt('', options, () => undefined, ['inference']).build(lab, out)
        const said = await command(process.execPath, [`inference${extension}`], out).catch(
          (error: Error) => error.message,
        )
        const good = ['E_STATE', 'lanewise/inline', 'wasmPaths', 'wasmModule'].every((word) => said.includes(word))
        report[format] = good ? 'ok' : said
      }
      return { version: versionOf(lab.folder, 'esbuild'), report }
    },
  },
]

const parcel = forPages({
  name: 'Parcel 2, with packageExports',
  of: 'parcel',
  packages: { parcel: '^2' },
  async build({ folder }, out) {
    // Without it Parcel does not know lanewise/train and lanewise/ops/all.
    const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as object
    const resolver = { '@parcel/resolver-default': { packageExports: true } }
    write(folder, {
      ...pages('type="module"', 'js', 'src/'),
      'package.json': JSON.stringify({ ...manifest, ...resolver }),
    })
    const args = [
      ...apps.map((app) => `${app}.html`),
      '--dist-dir',
      out,
      '--public-url',
      './',
      '--no-cache',
      '--no-source-maps',
      '--no-autoinstall',
    ]
    await command(join(folder, 'node_modules/.bin/parcel'), ['build', ...args], folder, {
      env: { PARCEL_WORKERS: '0' },
    })
  },
})

const bunPackages = { bun: '^1' }
const bun: Row[] = [
  forPages({
    name: 'bun build',
    of: 'bun',
    packages: bunPackages,
    async build({ folder }, out) {
      const args = [...apps.map((app) => `src/${app}.js`), '--outdir', out, '--target', 'browser', '--splitting']
      await command(join(folder, 'node_modules/.bin/bun'), ['build', ...args], folder)
      write(out, pages('type="module"'))
      copyKernels(folder, out)
    },
  }),
  {
    name: 'bun build --compile with lanewise/inline',
    packages: bunPackages,
    async run(lab) {
      writeApps(lab, 'lanewise/inline')
      const args = ['build', '--compile', 'src/inference.js', '--outfile', 'compiled']
      await command(join(lab.folder, 'node_modules/.bin/bun'), args, lab.folder)
      const run = async () => answerIn(await command(join(lab.folder, 'compiled'), [], lab.site))
      return { version: versionOf(lab.folder, 'bun'), report: await compared(lab.fixture, run, ['inference']) }
    },
  },
]

const denoCompile: Row = {
  name: 'deno compile with lanewise/inline',
  packages: { deno: '^2' },
  async run(lab) {
    writeApps(lab, 'lanewise/inline')
    const args = ['compile', '--no-check', '--node-modules-dir=manual', '--output', 'compiled', 'src/inference.js']
    await command(join(lab.folder, 'node_modules/.bin/deno'), args, lab.folder)
    const run = async () => answerIn(await command(join(lab.folder, 'compiled'), [], lab.site))
    return { version: versionOf(lab.folder, 'deno'), report: await compared(lab.fixture, run, ['inference']) }
  },
}

/** Test runners: the same test in each environment. */
const jest: Row = {
  name: 'Jest (CommonJS; Node and jsdom)',
  packages: { jest: '^30', 'jest-environment-jsdom': '^30' },
  async run(lab) {
    const report: Report = {}
    for (const environment of ['node', 'jsdom']) {
      write(join(lab.folder, 'suite'), {
        'package.json': JSON.stringify({ jest: { testEnvironment: environment, rootDir: '.' } }),
        'fixture.json': JSON.stringify(lab.fixture),
        'model.test.js': `
const { InferenceSession, Tensor } = require('lanewise')
const fixture = require('./fixture.json')
test('a model runs', async () => {
  const session = await InferenceSession.create(Buffer.from(fixture.small, 'base64'), { deterministic: true })
  const { scores } = await session.run({ image: new Tensor('float32', Float32Array.from(fixture.image), [1, 1, 12, 12]) })
  expect(Array.from(scores.data)).toEqual(fixture.scores)
})`,
      })
      report[environment] = await command('../node_modules/.bin/jest', ['-i'], join(lab.folder, 'suite')).then(
        () => 'ok',
        (error: Error) => error.message,
      )
    }
    return { version: versionOf(lab.folder, 'jest'), report }
  },
}

const vitest: Row = {
  name: 'Vitest (Node, jsdom, happy-dom)',
  packages: { vitest: '^4', jsdom: '^27', 'happy-dom': '^20' },
  async run(lab) {
    const report: Report = {}
    for (const environment of ['node', 'jsdom', 'happy-dom']) {
      write(join(lab.folder, 'suite'), {
        'fixture.json': JSON.stringify(lab.fixture),
        'model.test.js': `
import { InferenceSession, Tensor } from 'lanewise'
import { expect, test } from 'vitest'
import fixture from './fixture.json'
test('a model runs', async () => {
  const bytes = Uint8Array.from(atob(fixture.small), (letter) => letter.charCodeAt(0))
  const session = await InferenceSession.create(bytes, { deterministic: true })
  const { scores } = await session.run({ image: new Tensor('float32', Float32Array.from(fixture.image), [1, 1, 12, 12]) })
  expect(Array.from(scores.data)).toEqual(fixture.scores)
})`,
      })
      const args = ['run', '--root', 'suite', '--environment', environment, '--maxWorkers', '1']
      report[environment] = await command(join(lab.folder, 'node_modules/.bin/vitest'), args, lab.folder).then(
        () => 'ok',
        (error: Error) => error.message,
      )
    }
    return { version: versionOf(lab.folder, 'vitest'), report }
  },
}

const node10: Row = {
  name: 'TypeScript, moduleResolution node10',
  packages: { typescript: '^5' },
  async run(lab) {
    write(join(lab.folder, 'src'), {
      'types.ts': `
import { InferenceSession, Tensor } from 'lanewise'
import { Adam } from 'lanewise/train'
import { registerOp } from 'lanewise/ops'
import 'lanewise/ops/all'
import { InferenceSession as Inline } from 'lanewise/inline'
export const made: Promise<InferenceSession> = InferenceSession.create(new Uint8Array())
export const x: Tensor = new Tensor('float32', [1], [1])
export const all = [Adam, registerOp, Inline]
`,
    })
    const args = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'es2022']
    const [tsc, file] = [join(lab.folder, 'node_modules/.bin/tsc'), 'src/types.ts']
    const said = await command(
      tsc,
      [...args, '--moduleResolution', 'node10', '--lib', 'es2022,dom', file],
      lab.folder,
    ).then(
      () => 'ok',
      (error: Error) => error.message,
    )
    return { version: versionOf(lab.folder, 'typescript'), report: { types: said } }
  },
}

export const bundlers: readonly Row[] = [
  ...vite(7),
  ...vite(8),
  ...likeWebpack(
    'webpack 5',
    'webpack',
    '^5',
    async ({ folder }) => (await load<{ default: Webpack }>(folder, 'webpack')).default,
  ),
  ...likeWebpack(
    'Rspack',
    '@rspack/core',
    '^1',
    async ({ folder }) => (await load<{ rspack: Webpack }>(folder, '@rspack/core')).rspack,
  ),
  forPages(rolled(true)),
  forNode(rolled(false)),
  parcel,
  ...esbuild,
  ...bun,
  denoCompile,
  jest,
  vitest,
  node10,
]

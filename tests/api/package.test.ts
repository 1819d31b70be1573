import { build } from 'esbuild'
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { build as viteBuild } from 'vite'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { InferenceSession } from '../../src/node.js'
import { Tensor } from '../../src/api/tensor.js'
import type { OpDefinition } from '../../src/ir/op.js'
import { allOps } from '../../src/ops/all.js'
import { installedIn } from '../support/set-up/installed.js'
import { root } from '../support/package.js'
import { smallImage, smallModel } from '../support/small-model.js'

let folder: string
let app: string
let files: readonly string[]
let expected: number[]

/** A program that runs the small model and prints the scores. */
const program = `
import { readFileSync } from 'node:fs'
import { InferenceSession, Tensor } from 'lanewise'
const session = await InferenceSession.create('model.onnx', { build: 'simd' })
const image = new Tensor('float32', new Float32Array(Uint8Array.from(readFileSync('image.f32')).buffer), [1, 1, 12, 12])
const { scores } = await session.run({ image })
console.log(JSON.stringify(Array.from(scores.data)))
`

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-package-'))
  app = join(folder, 'app')
  files = installedIn(app)
  writeFileSync(join(app, 'model.onnx'), smallModel())
  writeFileSync(join(app, 'image.f32'), new Uint8Array(smallImage().buffer))
  writeFileSync(join(app, 'main.js'), program)
  const session = await InferenceSession.create(smallModel(), { build: 'simd' })
  expected = Array.from(
    (await session.run({ image: new Tensor('float32', smallImage(), [1, 1, 12, 12]) })).scores.data as Float32Array,
  )
}, 180_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function node(...args: string[]): unknown {
  return JSON.parse(execFileSync(process.execPath, args, { cwd: app, encoding: 'utf8' }))
}

describe('the package', () => {
  test('holds what runs and nothing else', () => {
    expect(files).toEqual(
      expect.arrayContaining([
        'LICENSE',
        'README.md',
        'package.json',
        'dist/node.js',
        'dist/browser.js',
        'dist/ops/all.js',
        'dist/cli/main.js',
        'dist/train.js',
        'dist/serve.js',
        'dist/serve/thread.js',
        'dist/thread.js',
        'dist/session-worker.js',
        'dist/session-worker-node.js',
        'dist/types/serve.d.ts',
        'dist/wasm/inference-simd.wasm',
        'dist/wasm/inference-relaxed.wasm',
        'dist/wasm/train-simd.wasm',
        'dist/wasm/train-relaxed.wasm',
        'dist/types/node.d.ts',
        expect.stringMatching(/^dist\/types\/shared-/),
        'dist/types/train-functional.d.ts',
        'dist/types/train.d.ts',
        'dist/types/all-ops.d.ts',
        'dist/third-party-licenses.txt',
      ]),
    )
    expect(files.filter((file) => /debug|\.ts$/.test(file) && !/^(dist\/types|examples)\//.test(file))).toEqual([])
    expect(
      files.filter((file) => !/^dist\/|^[\w.]+$|^docs\/(?!api|node_modules).*\.md$|^examples\/[\w/.-]+$/.test(file)),
    ).toEqual([])
  })

  test('needs no scripts and no other package to install', () => {
    const { scripts, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Record<
      string,
      Record<string, string> | undefined
    >
    expect(dependencies ?? {}).toEqual({})
    expect(Object.keys(scripts ?? {}).filter((name) => /install|prepare$/.test(name))).toEqual([])
    expect(readdirSync(join(app, 'node_modules')).filter((name) => !name.startsWith('.'))).toEqual(['lanewise'])
  })

  test('no file for browsers names a global of Node alone', async () => {
    const dist = join(app, 'node_modules/lanewise/dist')
    const found = readdirSync(dist).filter((name) => /^browser.*\.js$/.test(name))
    expect(found.length).toBeGreaterThan(10)
    // Free names only, which is also what has a bundler put an imitation of Node into a page; `globalThis.process` is
    // looked at with care.
    const globals = ['Buffer', 'process', 'global', '__dirname', '__filename']
    const define = Object.fromEntries(globals.map((name) => [name, `NODE_${name}`]))
    const options = { define, outdir: folder, write: false, minifyWhitespace: true, legalComments: 'none' } as const
    const { outputFiles } = await build({ entryPoints: found.map((name) => join(dist, name)), ...options })
    expect(outputFiles.flatMap(({ text }) => text.match(/.{0,60}NODE_\w+/g) ?? [])).toEqual([])
  })

  test('names the licences of what is bundled', () => {
    const licences = readFileSync(join(app, 'node_modules/lanewise/dist/third-party-licenses.txt'), 'utf8')
    expect(licences).toMatch(/^assemblyscript \d/m)
    expect(licences).toMatch(/^musl libc/m)
    expect(licences).toMatch(/Sun Microsystems/)
    expect(licences).toMatch(/^pbf \d/m)
  })
})

describe('a Node project', () => {
  test('runs a model', () => {
    expect(node('main.js')).toEqual(expected)
  })

  test('has the command', () => {
    const out = execFileSync(join(app, 'node_modules/.bin/lanewise'), ['inspect', 'model.onnx', '--json'], {
      cwd: app,
      encoding: 'utf8',
    })
    expect(JSON.parse(out)).toMatchObject({ totals: { parameters: 765 } })
  })

  test('"lanewise/ops/all" and the files of the kernels can be imported', () => {
    writeFileSync(
      join(app, 'all.js'),
      `
      import 'lanewise/ops/all'
      import { readFileSync } from 'node:fs'
      const bytes = readFileSync(new URL(import.meta.resolve('lanewise/wasm/inference-simd.wasm')))
      console.log(JSON.stringify(WebAssembly.validate(bytes)))`,
    )
    expect(node('all.js')).toBe(true)
  })

  test('a GraphBuilder knows every operator, without waiting', () => {
    writeFileSync(
      join(app, 'builder.js'),
      `
      import { GraphBuilder, InferenceSession, exportModel, LanewiseError, Tensor } from 'lanewise'
      const unknown = ${JSON.stringify((allOps as readonly OpDefinition[]).map(({ domain, name }) => [domain, name]))}.filter(([domain, type]) => {
        try {
          new GraphBuilder('g').node(type, [], {}, { domain })
        } catch (error) {
          if (!(error instanceof LanewiseError)) throw error
          return /is not known/.test(error.message)
        }
      })
      const g = new GraphBuilder('g')
      const x = g.input('x', 'float32', [2, 2])
      g.output(g.op('Det', [g.op('Einsum', [x], { equation: 'ij->ji' })]), 'y')
      const session = await InferenceSession.create(exportModel(g))
      const { y } = await session.run({ x: new Tensor('float32', [1, 2, 3, 5], [2, 2]) })
      console.log(JSON.stringify([unknown, y.data[0]]))`,
    )
    expect(allOps.length).toBeGreaterThan(200)
    expect(node('builder.js')).toEqual([[], -1])
  })

  test('"lanewise/train" trains, and what it exports runs', () => {
    writeFileSync(
      join(app, 'train.js'),
      `
      import { InferenceSession, Tensor } from 'lanewise'
      import { Adam, DataLoader, Device, exportModel, fit, Flatten, generateDigits, Linear, Sequential, toGraph } from 'lanewise/train'
      await Device.create({ deterministic: true, seed: 1 })
      const model = new Sequential(new Flatten(), new Linear(784, 10))
      const digits = generateDigits(100, 1)
      const { validation } = await fit(model, new DataLoader(digits, { batchSize: 20 }), {
        optimizer: new Adam(model.parameters(), { lr: 0.01 }), epochs: 30, validation: new DataLoader(digits, { batchSize: 50 }), folder: 'run',
      })
      const { image, label } = digits.get(3)
      const session = await InferenceSession.create(exportModel(toGraph(model, [{ name: 'image', shape: [{ name: 'N', size: 1 }, 1, 28, 28] }])))
      const { output } = await session.run({ image: image.reshape([1, 1, 28, 28]) })
      console.log(JSON.stringify([validation.accuracy > 0.95, output.data.indexOf(Math.max(...output.data)) === label.data[0]]))`,
    )
    expect(node('train.js')).toEqual([true, true])
    expect(readdirSync(join(app, 'run')).sort()).toEqual(['board', 'checkpoints', 'metrics.jsonl'])
  })

  test('"lanewise/serve" asks for its packages by name, and serves where they are', () => {
    writeFileSync(
      join(app, 'serve.js'),
      `
      import { serve } from 'lanewise/serve'
      try {
        const server = await serve({ models: ['model.onnx'], port: 0, threads: 1 })
        const { platform } = await (await fetch(server.url + '/v2/models/model')).json()
        await server.close()
        console.log(JSON.stringify(platform))
      } catch ({ code, message }) {
        console.log(JSON.stringify([code, message]))
      }`,
    )
    const missing = (name: string) => [
      'E_UNSUPPORTED',
      `a server needs the package ${name}, which is not installed: npm i hono @hono/node-server prom-client`,
    ]
    const modules = join(app, 'node_modules')
    mkdirSync(join(modules, '@hono'))
    const names = ['@hono/node-server', 'prom-client', 'hono']
    for (const name of names) {
      expect(node('serve.js')).toEqual(missing(name))
      symlinkSync(join(root, 'node_modules', name), join(modules, name))
    }
    expect(node('serve.js')).toBe('onnx_onnxv1')
    for (const name of [...names, '@hono']) rmSync(join(modules, name), { recursive: true })
  })

  test('CommonJS may require it', () => {
    writeFileSync(
      join(app, 'main.cjs'),
      `const { Tensor } = require('lanewise'); console.log(JSON.stringify(new Tensor(['a']).dims))`,
    )
    expect(node('--no-warnings', 'main.cjs')).toEqual([1])
  })

  // Written as code for onnxruntime-web is, with nothing but the import changed.
  const typed = `
      import ort, { env, InferenceSession, LanewiseError, Tensor, type SessionOptions, type TypedTensor } from 'lanewise'
      import * as web from 'lanewise/compat/web'
      import { Tensor as CommonTensor } from 'lanewise/compat/common'
      import 'lanewise/ops/all'
      import { fit, type DataLoader, type FitResult, type Layer, type Optimizer } from 'lanewise/train'
      export const train = (model: Layer, data: DataLoader, optimizer: Optimizer): Promise<FitResult> => fit(model, data, { optimizer, epochs: 1 })
      env.wasm.numThreads = 1
      env.wasm.wasmPaths = { wasm: '/kernels/inference-simd.wasm' }
      env.logLevel = 'error'
      export const version: string | undefined = env.versions.web ?? env.versions.common
      const options: InferenceSession.SessionOptions = { executionProviders: ['wasm', { name: 'webgpu', preferredLayout: 'NHWC' }], extra: {} }
      options.graphOptimizationLevel = 'all'
      export const ours: SessionOptions = { build: 'simd', ...options }
      const bytesOf: Record<Tensor.Type, number> = {
        float32: 4, uint8: 1, int8: 1, uint16: 2, int16: 2, int32: 4, int64: 8, string: 0, bool: 1, float16: 2, float64: 8, uint32: 4, uint64: 8, uint4: 1, int4: 1,
      }
      export class Classifier {
        private session?: InferenceSession
        async load(model: Uint8Array): Promise<void> {
          this.session = await ort.InferenceSession.create(model, options)
          const first: InferenceSession.ValueMetadata = this.session.inputMetadata[0]
          if (first.isTensor) console.log(first.shape.length, bytesOf[first.type])
        }
        async classify(pixels: Float32Array, dims: readonly number[]): Promise<number> {
          const image: TypedTensor<'float32'> = new Tensor('float32', pixels, dims)
          const sr = new ort.Tensor('int64', [16000n])
          const rate: BigInt64Array = sr.data
          const feeds: InferenceSession.FeedsType = { image, sr, rate: new web.Tensor(rate), mask: new CommonTensor('bool', [true]) }
          const results: InferenceSession.ReturnType = await this.session!.run(feeds, ['scores'], { tag: 'one' })
          const fetches: InferenceSession.FetchesType = { scores: null }
          const { scores } = await this.session!.run(feeds, fetches)
          const row = scores.reshape([scores.size])
          const data: Tensor.DataType = await row.getData()
          const location: Tensor.DataLocation = row.location
          return (results.scores.data as Float32Array)[0] + (data as Float32Array)[1] + location.length
        }
        async close(): Promise<void> {
          await this.session?.release()
        }
      }
      export async function wrong(pixels: Float32Array): Promise<void> {
        // @ts-expect-error the shape is a list of numbers
        new Tensor('float32', pixels, 'wide')
        // @ts-expect-error there is no such option
        await InferenceSession.create('model.onnx', { colour: 'red' })
        // @ts-expect-error the elements of int64 are big
        export const numbers: Float32Array = new Tensor('int64', [1n]).data
      }
      export const isOurs = (error: unknown) => error instanceof LanewiseError && error.code === 'E_PARSE'
      declare const console: { log(...values: unknown[]): void }`.replace('export const numbers', 'const numbers')

  test.each([
    ['nothing but the language', ['ES2022'], ''],
    [
      'browsers',
      ['ES2022', 'DOM'],
      'export const picture = (image: ImageData) => Tensor.fromImage(image, { tensorFormat: "RGB" })',
    ],
    [
      'everything',
      ['ES2023', 'DOM', 'ESNext.Disposable'],
      'export async function scoped(bytes: ArrayBuffer) { await using session = await InferenceSession.create(bytes); return session.outputNames }',
    ],
  ])('typed client code compiles strictly with the types of %s, every declaration checked', (_, lib, more) => {
    const source = more.includes('DOM') || lib.includes('DOM') ? typed.replace(/ *declare const console.*/, '') : typed
    writeFileSync(join(app, 'main.ts'), `${source}\n${more}`)
    writeFileSync(
      join(app, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'NodeNext',
          target: 'ES2022',
          lib,
          strict: true,
          noEmit: true,
          skipLibCheck: false,
          types: [],
        },
        include: ['main.ts'],
      }),
    )
    const { status, stdout } = spawnSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', '.'], {
      cwd: app,
      encoding: 'utf8',
    })
    expect(stdout).toBe('')
    expect(status).toBe(0)
  })

  test.each([
    ['web', 'lanewise/compat/web'],
    ['node', 'lanewise/compat/node'],
    ['common', 'lanewise/compat/common'],
    ['all', 'lanewise/all'],
    ['webgpu', 'lanewise/webgpu'],
    ['wasm', 'lanewise/wasm'],
  ])("stands for onnxruntime's %s, by default and by names", (name, specifier) => {
    writeFileSync(
      join(app, `${name}.js`),
      `
      import ort, { InferenceSession, Tensor, listSupportedBackends } from '${specifier}'
      import * as all from 'lanewise'
      console.log(JSON.stringify([ort.Tensor === Tensor, ort.InferenceSession === InferenceSession, all.Tensor === Tensor, typeof ort.env.wasm, listSupportedBackends().length]))`,
    )
    expect(node(`${name}.js`)).toEqual([true, true, true, 'object', 2])
  })

  test.each(['esbuild', 'vite'])("an alias of %s puts it in the place of onnxruntime's packages", async (bundler) => {
    const entry = join(app, 'alias.js')
    writeFileSync(
      entry,
      `import * as web from 'onnxruntime-web'; import * as gpu from 'onnxruntime-web/webgpu'; import { Tensor } from 'onnxruntime-common'
       console.log(JSON.stringify([web.Tensor === Tensor, gpu.Tensor === Tensor, web.env.versions.lanewise !== undefined]))`,
    )
    const alias = { 'onnxruntime-web': 'lanewise/compat/web', 'onnxruntime-common': 'lanewise/compat/common' }
    const outdir = join(app, `alias-${bundler}`)
    if (bundler === 'esbuild')
      await build({
        entryPoints: [entry],
        outfile: join(outdir, 'alias.js'),
        bundle: true,
        platform: 'node',
        format: 'esm',
        alias,
        logLevel: 'error',
      })
    else
      await viteBuild({
        root: app,
        configFile: false,
        logLevel: 'silent',
        resolve: { alias },
        build: { lib: { entry, formats: ['es'], fileName: () => 'alias.js' }, outDir: outdir, emptyOutDir: true },
      })
    expect(node(join(outdir, 'alias.js'))).toEqual([true, true, true])
  })

  test('classes keep their names', () => {
    writeFileSync(
      join(app, 'names.js'),
      `
      import * as lanewise from 'lanewise'
      import * as train from 'lanewise/train'
      const wrong = Object.entries({ ...lanewise, ...train }).filter(([name, value]) => typeof value === 'function' && value.name !== name)
      console.log(JSON.stringify(wrong.map(([name, value]) => [name, value.name]).filter(([name]) => name !== 'default')))`,
    )
    expect(node('names.js')).toEqual([])
  })

  test.each(['lanewise/train', 'lanewise/ops/all'])('%s is whole in a bundle for Node', async (specifier) => {
    const use =
      specifier === 'lanewise/train'
        ? `import { Device, Linear, toGraph, exportModel } from 'lanewise/train'
           await Device.create({ seed: 1 })
           console.log(JSON.stringify(exportModel(toGraph(new Linear(2, 3), [{ name: 'x', shape: [1, 2] }])).length > 0))`
        : `import 'lanewise/ops/all'
           import { GraphBuilder } from 'lanewise'
           const g = new GraphBuilder('g')
           console.log(JSON.stringify(g.op('Det', [g.input('x', 'float32', [2, 2])]).name.length > 0))`
    writeFileSync(join(app, 'whole.js'), use)
    const outfile = join(app, 'whole', 'main.js')
    await build({
      entryPoints: [join(app, 'whole.js')],
      outfile,
      bundle: true,
      platform: 'node',
      format: 'esm',
      logLevel: 'error',
    })
    cpSync(join(app, 'node_modules/lanewise/dist/wasm'), join(app, 'whole', 'wasm'), { recursive: true })
    expect(node(outfile)).toBe(true)
  })
})

describe('an esbuild bundle', () => {
  test('for Node runs with the kernels beside it', async () => {
    await build({
      entryPoints: [join(app, 'main.js')],
      outfile: join(app, 'out/main.js'),
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'error',
    })
    cpSync(join(app, 'node_modules/lanewise/dist/wasm'), join(app, 'out/wasm'), { recursive: true })
    expect(node('out/main.js')).toEqual(expected)
  })

  test('needs no file but itself if it carries the kernels', async () => {
    writeFileSync(
      join(app, 'carried.js'),
      `
      import kernels from 'lanewise/wasm/inference-simd.wasm'
      ${readFileSync(join(app, 'main.js'), 'utf8').replace("{ build: 'simd' }", '{ wasmModule: new WebAssembly.Module(kernels) }')}`,
    )
    await build({
      entryPoints: [join(app, 'carried.js')],
      outfile: join(app, 'alone/main.js'),
      bundle: true,
      minify: true,
      format: 'esm',
      platform: 'node',
      target: 'node20',
      loader: { '.wasm': 'binary' },
      logLevel: 'error',
    })
    expect(readdirSync(join(app, 'alone'))).toEqual(['main.js'])
    expect(node('alone/main.js')).toEqual(expected)
  })

  test.each(['esm', 'cjs'] as const)('of one %s file carries the kernels of lanewise/inline', async (format) => {
    const outfile = join(app, `inline-${format}/main.${format === 'cjs' ? 'cjs' : 'mjs'}`)
    const contents = program.replace("'lanewise'", "'lanewise/inline'")
    await build({
      stdin: {
        contents:
          format === 'cjs'
            ? `(async () => {${contents.replaceAll(/^import (.*) from (.*)$/gm, 'const $1 = require($2)')}})()`
            : contents,
        resolveDir: app,
      },
      outfile,
      bundle: true,
      minify: true,
      format,
      platform: 'node',
      logLevel: 'error',
    })
    expect(readdirSync(join(app, `inline-${format}`))).toHaveLength(1)
    expect(node(outfile)).toEqual(expected)
  })

  test('without them says where they were looked for, and what to do', async () => {
    for (const format of ['esm', 'cjs'] as const) {
      const outfile = join(app, `bare-${format}/main.${format === 'cjs' ? 'cjs' : 'mjs'}`)
      const contents = `import { InferenceSession } from 'lanewise'
        InferenceSession.create('model.onnx').catch(({ code, message }) => console.log(JSON.stringify([code, message])))`
      await build({
        stdin: { contents, resolveDir: app },
        outfile,
        bundle: true,
        format,
        platform: 'node',
        logLevel: 'error',
      })
      const [code, message] = node(outfile) as [string, string]
      expect(code).toBe('E_STATE')
      for (const text of ['.wasm', 'lanewise/inline', 'wasmPaths', 'wasmModule']) expect(message).toContain(text)
    }
  })

  test('says that it is damaged where its text was changed', async () => {
    const outfile = join(app, 'damaged/main.mjs')
    const contents = `import { InferenceSession } from 'lanewise/inline'
      InferenceSession.create('model.onnx').catch(({ code, message }) => console.log(JSON.stringify([code, message])))`
    await build({
      stdin: { contents, resolveDir: app },
      outfile,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'error',
    })
    // Every WebAssembly file begins with these bytes.
    writeFileSync(outfile, readFileSync(outfile, 'utf8').replaceAll('AGFzbQ', '!GFzbQ'))
    expect(node(outfile)).toEqual(['E_STATE', expect.stringContaining('are damaged')])
  })

  test('for browsers has nothing of Node in it, and keeps what the entry registers', async () => {
    const { outputFiles } = await build({
      stdin: {
        contents: "import { InferenceSession } from 'lanewise'; globalThis.create = InferenceSession.create",
        resolveDir: app,
      },
      bundle: true,
      format: 'esm',
      platform: 'browser',
      write: false,
      logLevel: 'error',
    })
    const text = outputFiles[0].text
    expect(/["']node:\w+/.exec(text)?.[0]).toBeUndefined()
    expect(text.includes('"GlobalAveragePool"')).toBe(true)
    expect(/new URL\("\.\/wasm\/inference-simd\.wasm", ?import\.meta\.url\)/.test(text)).toBe(true)
  })
})

describe('a Vite build', () => {
  test('carries the kernels along', async () => {
    writeFileSync(join(app, 'index.html'), '<!doctype html><script type="module" src="/page.js"></script>')
    writeFileSync(
      join(app, 'page.js'),
      "import { InferenceSession } from 'lanewise'; globalThis.create = InferenceSession.create",
    )
    await viteBuild({ root: app, configFile: false, logLevel: 'silent', build: { outDir: 'site', emptyOutDir: true } })
    const assets = readdirSync(join(app, 'site/assets'))
    // The kernels are named in one of the chunks.
    const script = assets
      .filter((name) => name.endsWith('.js'))
      .map((name) => readFileSync(join(app, 'site/assets', name), 'utf8'))
      .join('\n')
    for (const build of ['simd', 'relaxed']) {
      // Not those for threads, whose names go on: which of the two comes first is up to the hashes.
      const asset = assets.find((name) => new RegExp(`^inference-${build}-[\\w-]{8}\\.wasm$`).test(name))!
      expect(script).toContain(asset)
      const original = readFileSync(join(app, `node_modules/lanewise/dist/wasm/inference-${build}.wasm`))
      expect(original.equals(readFileSync(join(app, 'site/assets', asset)))).toBe(true)
    }
    expect(existsSync(join(app, 'site/index.html'))).toBe(true)
  }, 120_000)
})

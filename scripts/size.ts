// What an app downloads that imports InferenceSession and Tensor from the browser entry: its minified JavaScript and
// the one build of the kernels that it loads. Writes dist/size.json; fails over the budget, or if anything but
// inference is in it.
import { build, type BuildOptions, type Metafile } from 'esbuild'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'

/** Brotli kilobytes: a twentieth of what onnxruntime-web 1.30 takes (2.36 MB). */
const BUDGET = 118_000
/** The same for an app that trains in the browser. */
const TRAINING_BUDGET = 140_000
const TRAINING =
  'Adam, Conv2d, DataLoader, Device, exportModel, fit, Flatten, Linear, MaxPool2d, ReLU, Sequential, TensorDataset, toGraph'

interface Size {
  readonly raw: number
  readonly gzip: number
  readonly brotli: number
}

/** Parts of the source that an app which only runs models must not carry. */
const foreign =
  /src\/(autograd|nn\/|optim\/|train\/|data\/|cli\/|api\/(builder|model-graph|declare-outputs|register-all)|ops\/frequent|onnx\/(export|sets\/|schemas|versions|schema\/(default-set|operators))|platform\/node)/
const foreignKernels = /backward|gradient|loss|optimizer|adam|sgd/

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const fromDist = await bundle(`import { InferenceSession, Tensor } from './dist/browser.js'
  ${inferenceApp()}`)
const js = sizeOf(Buffer.concat(loadedFirst(fromDist)))
const wasm = {
  simd: sizeOf(readFileSync('dist/wasm/inference-simd.wasm')),
  relaxed: sizeOf(readFileSync('dist/wasm/inference-relaxed.wasm')),
}
// An app loads one of the two; which one is up to the engine.
const larger = wasm.relaxed.brotli > wasm.simd.brotli ? wasm.relaxed : wasm.simd
const total: Size = { raw: js.raw + larger.raw, gzip: js.gzip + larger.gzip, brotli: js.brotli + larger.brotli }

// The same app from the source tells which files are in it.
const fromSource = await bundle(`import { InferenceSession, Tensor } from './src/browser.ts'
  ${inferenceApp()}`)
const files = first(fromSource.metafile).flatMap((output) => Object.entries(fromSource.metafile.outputs[output].inputs))
const folders = new Map<string, number>()
for (const [file, { bytesInOutput }] of files) {
  const folder =
    /^src\/[^/]+(?=\/)|^bindings/.exec(file)?.[0] ?? /node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? 'src'
  folders.set(folder, (folders.get(folder) ?? 0) + bytesInOutput)
}
const strangers = files.filter(([file, { bytesInOutput }]) => bytesInOutput > 0 && foreign.test(file))
const kernels = WebAssembly.Module.exports(new WebAssembly.Module(readFileSync('dist/wasm/inference-simd.wasm'))).map(
  ({ name }) => name,
)
const strangeKernels = kernels.filter((name) => foreignKernels.test(name))

const withinBudget = total.brotli <= BUDGET

// An app that trains a small convolutional network and writes it as ONNX.
const trainingJs = sizeOf(
  Buffer.concat(
    loadedFirst(await bundle(`import { ${TRAINING} } from './dist/browser-train.js'; console.log(${TRAINING})`)),
  ),
)
const trainingWasm = ['simd', 'relaxed']
  .map((name) => sizeOf(readFileSync(`dist/wasm/train-${name}.wasm`)))
  .reduce((a, b) => (a.brotli > b.brotli ? a : b))
const training: Size = {
  raw: trainingJs.raw + trainingWasm.raw,
  gzip: trainingJs.gzip + trainingWasm.gzip,
  brotli: trainingJs.brotli + trainingWasm.brotli,
}
writeFileSync(
  'dist/size.json',
  `${JSON.stringify({ budget: BUDGET, withinBudget, total, js, wasm, training: { budget: TRAINING_BUDGET, total: training, js: trainingJs }, javascriptByFolder: Object.fromEntries(folders) }, null, 2)}\n`,
)

const row = (name: string, size: Size) =>
  `${name.padEnd(25)}${[size.raw, size.gzip, size.brotli].map((n) => kB(n).padStart(12)).join('')}`
console.log(`${''.padEnd(25)}${['raw', 'gzip', 'brotli'].map((name) => name.padStart(12)).join('')}`)
console.log(row('JavaScript', js))
console.log(row('inference-simd.wasm', wasm.simd))
console.log(row('inference-relaxed.wasm', wasm.relaxed))
console.log(row('an app downloads', total))
console.log(`${'budget'.padEnd(25)}${kB(BUDGET).padStart(36)}`)
// The budget is of the app as one file, as a bundler without splitting makes it; a server compresses its files one by
// one.
console.log(`${'file by file'.padEnd(25)}${kB(apart(fromDist) + larger.brotli).padStart(36)}`)
console.log(row('lanewise/train in a page', training))
console.log(`${'its budget'.padEnd(25)}${kB(TRAINING_BUDGET).padStart(36)}`)
console.log(
  `minified JavaScript: ${[...folders]
    .sort(([, a], [, b]) => b - a)
    .map(([folder, bytes]) => `${folder} ${kB(bytes)}`)
    .join(', ')}`,
)

if (strangers.length > 0) fail(`an app that only runs models carries ${strangers.map(([file]) => file).join(', ')}`)
if (strangeKernels.length > 0) fail(`the inference build has the kernels ${strangeKernels.join(', ')}`)
if (training.brotli > TRAINING_BUDGET)
  fail(`an app that trains downloads ${training.brotli} bytes, over the budget of ${TRAINING_BUDGET}`)
if (!withinBudget) fail(`${total.brotli} bytes are over the budget of ${BUDGET}`)

function inferenceApp(): string {
  return `const session = await InferenceSession.create('model.onnx')
    console.log(await session.run({ x: new Tensor(new Float32Array(4), [4]) }))`
}

function bundle(contents: string) {
  const options = {
    stdin: { contents, resolveDir: process.cwd() },
    bundle: true,
    splitting: true,
    outdir: 'out',
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    minify: true,
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'error',
  } as const satisfies BuildOptions
  return build(options)
}

/**
 * The files that an app loads when it starts: its own, and what that imports. What only some models need comes later,
 * by dynamic imports.
 */
function first({ outputs }: Metafile): string[] {
  // What is imported dynamically is an entry, too.
  const entry = Object.keys(outputs).find((output) => outputs[output].entryPoint === '<stdin>')
  const found = new Set(entry ? [entry] : [])
  for (const output of found)
    for (const { path, kind } of outputs[output].imports) if (kind === 'import-statement') found.add(path)
  return [...found]
}

function loadedFirst({ outputFiles, metafile }: Awaited<ReturnType<typeof bundle>>): Uint8Array[] {
  const names = first(metafile)
  const texts = outputFiles
    .filter(({ path }) => names.includes(relative(process.cwd(), path)))
    .map(({ text }) => steadyNames(text, metafile))
  // In an order that no hash decides: it tells a compressor what stands near what.
  return texts.sort().map((text) => Buffer.from(text))
}

/**
 * The hashes in the names of chunks by what the chunks are called in place of what is in them: eight characters that
 * cannot be compressed either, but the same on every machine and after a change elsewhere. They moved the sum by a
 * hundred bytes.
 */
function steadyNames(text: string, { outputs }: Metafile): string {
  for (const [path, { inputs }] of Object.entries(outputs)) {
    const [, hash] = /-([A-Z0-9]{8})\.js$/.exec(path) ?? []
    if (!hash) continue
    const order = Object.keys(inputs).map((file) => file.replace(/-[A-Z0-9]{8}(?=\.js$)/, ''))
    const digest = createHash('sha256').update(
      `${order.length} ${order.join()} ${Object.keys(outputs[path].imports).length}`,
    )
    text = text.replaceAll(hash, base32(digest.digest()))
  }
  return text
}

function base32(bytes: Uint8Array): string {
  return Array.from(bytes.subarray(0, 8), (byte) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'[byte % 32]).join('')
}

function sizeOf(bytes: Uint8Array): Size {
  const brotli = brotliCompressSync(bytes, {
    params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length },
  })
  return { raw: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotli.length }
}

/** Brotli bytes of the files that an app loads when it starts, each by itself. */
function apart(built: Awaited<ReturnType<typeof bundle>>): number {
  return loadedFirst(built).reduce((sum, bytes) => sum + sizeOf(bytes).brotli, 0)
}

function kB(bytes: number): string {
  return `${(bytes / 1000).toFixed(1)} kB`
}

function fail(message: string): void {
  console.error(`error: ${message}`)
  process.exitCode = 1
}

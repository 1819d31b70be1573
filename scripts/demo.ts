// Builds a convolutional classifier in TypeScript, writes it as ONNX, reads it back, and runs it on a picture here and in onnxruntime-web.
// "npm run demo"; with "-- --json", one JSON object on standard output. Fails if the two answers disagree.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as ort from 'onnxruntime-web'
import sharp from 'sharp'
import { differenceOf } from '../src/cli/difference.js'
import { uniform } from '../src/cli/random.js'
import { blocks } from '../src/data/strokes.js'
import { median, msText } from '../src/table.js'
import type * as Lanewise from '../src/node.js'
import { onnxruntimeWebBytes } from './peer-size.js'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const json = process.argv.includes('--json')
const began = performance.now()
const say = (text = '') => (json ? console.error(text) : console.log(text))

function npmRun(script: string): void {
  execFileSync('npm', ['run', '--silent', script], { stdio: ['ignore', json ? 2 : 1, 2] })
}

if (!existsSync('dist/wasm/inference-relaxed.wasm') || !existsSync('bindings/exports.d.ts')) {
  say('Compiling the kernels to WebAssembly …')
  npmRun('build:wasm')
}
npmRun('build:js')
// Being over the budget is another command's failure; the figures are written either way.
spawnSync('npm', ['run', '--silent', 'size'], { stdio: 'ignore' })

// These come after the kernels: they need them.
const { makeClassifier, SIZE } = await import('./demo/classifier.js')
const { draw, labels } = await import('./demo/pictures.js')
const { coldTimes } = await import('./demo/cold.js')
// What is measured is what is published.
const { InferenceSession, Tensor } = (await import(new URL('../dist/node.js', import.meta.url).href)) as typeof Lanewise

say('Fitting a convolutional classifier to drawings of ten shapes …')
const classifier = await makeClassifier(1000, 300)
mkdirSync('dist/demo', { recursive: true })
const model = 'dist/demo/shapes.onnx'
writeFileSync(model, classifier.bytes)
say(`  ${model}: ${(classifier.bytes.length / 1000).toFixed(0)} kB, names ${(100 * classifier.accuracy).toFixed(1)} % of ${classifier.testedOn} new drawings right`)

// A drawing as a picture file, four times as large as the model wants it, and back.
const truth = labels[3]
const picture = 'dist/demo/picture.png'
const drawn = draw(truth, 4 * SIZE, uniform(2024))
await sharp(Uint8Array.from(drawn, (ink) => 255 - Math.round(255 * ink)), { raw: { width: 4 * SIZE, height: 4 * SIZE, channels: 1 } }).png().toFile(picture)
const { data: pixels } = await sharp(picture).toColourspace('b-w').resize(SIZE, SIZE).raw().toBuffer({ resolveWithObject: true })
const image = Float32Array.from(pixels, (grey) => 1 - grey / 255)
const images = [image, ...labels.map((label, i) => draw(label, SIZE, uniform(100 + i)))]

ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'
const session = await InferenceSession.create(model)
const peer = await ort.InferenceSession.create(model)
const dims = [1, 1, SIZE, SIZE]
const here = async (data: Float32Array) => (await session.run({ image: new Tensor('float32', data, dims) })).probabilities.data as Float32Array
const there = async (data: Float32Array) => (await peer.run({ image: new ort.Tensor('float32', data, dims) })).probabilities.data as Float32Array

let maxDifference = 0
let agrees = true
for (const data of images) {
  const shape = [1, labels.length]
  const { largest, agrees: same } = differenceOf({ dtype: 'float32', shape, data: await here(data) }, { dtype: 'float32', shape, data: await there(data) })
  maxDifference = Math.max(maxDifference, largest)
  agrees &&= same
}

say('Measuring, in turns …')
const times: { here: number[]; there: number[] } = { here: [], there: [] }
for (let round = 0, end = performance.now() + 3000; round < 20 || performance.now() < end; round++) {
  const data = images[round % images.length]
  const start = performance.now()
  await here(data)
  const middle = performance.now()
  await there(data)
  times.here.push(middle - start)
  times.there.push(performance.now() - middle)
}
const cold = coldTimes(model, 5)
const size = JSON.parse(readFileSync('dist/size.json', 'utf8')) as { total: { brotli: number } }
const [mine, theirs] = [await here(image), await there(image)]
const [myAnswer, theirAnswer] = [answerOf(mine), answerOf(theirs)]
agrees &&= myAnswer.label === theirAnswer.label
const lanewise = { ...myAnswer, build: session.build, ms: median(times.here), coldMs: cold.lanewise, bytes: size.total.brotli }
const onnxruntimeWeb = { ...theirAnswer, version: ort.env.versions.web, ms: median(times.there), coldMs: cold.onnxruntimeWeb, bytes: onnxruntimeWebBytes(say) }
const ratio = onnxruntimeWeb.ms / lanewise.ms
await session.release()
await peer.release()

const right = myAnswer.label === truth
const seconds = (performance.now() - began) / 1000
if (json) {
  console.log(JSON.stringify({ agrees, right, truth, picture, model, accuracy: classifier.accuracy, lanewise, onnxruntimeWeb, ratio, maxDifference, coldRatio: onnxruntimeWeb.coldMs / lanewise.coldMs, runs: times.here.length, node: process.versions.node, seconds }, null, 2))
} else {
  const chart = labels.map((label, i) => `${label.padEnd(10)} ${bar(mine[i])}  ${bar(theirs[i])}`)
  const beside = ['', `${''.padEnd(10)} ${'lanewise'.padEnd(16)}  onnxruntime-web`, '', ...chart]
  say()
  blocks(image, SIZE, 36).forEach((line, i) => say(`  ${line}  ${beside[i] ?? ''}`.trimEnd()))
  const row = (name: string, a: string, b: string, c = '') => say(`  ${name.padEnd(34)}${a.padStart(14)}${b.padStart(18)}   ${c}`.trimEnd())
  const times_ = (a: number, b: number, word: string) => `${(b / a).toFixed(1)} times ${word}`
  say()
  row('', 'lanewise', 'onnxruntime-web')
  row('answer', lanewise.label, onnxruntimeWeb.label, right ? '' : `(it is a ${truth})`)
  row('one run, one thread', msText(lanewise.ms), msText(onnxruntimeWeb.ms), times_(lanewise.ms, onnxruntimeWeb.ms, 'as fast'))
  row('cold start to the first answer', msText(lanewise.coldMs), msText(onnxruntimeWeb.coldMs), times_(lanewise.coldMs, onnxruntimeWeb.coldMs, 'as fast'))
  row('an app downloads (brotli)', `${(lanewise.bytes / 1000).toFixed(0)} kB`, `${(onnxruntimeWeb.bytes / 1000).toFixed(0)} kB`, times_(lanewise.bytes, onnxruntimeWeb.bytes, 'smaller'))
  row('largest difference', maxDifference.toExponential(1), '', agrees ? 'they agree' : 'THEY DISAGREE')
  say()
  say(`  ${lanewise.build} build, Node ${process.versions.node}, ${seconds.toFixed(0)} s in all; the picture is ${picture}, the model ${model}`)
}
if (!agrees || !right) {
  console.error(agrees ? `error: the answer is ${myAnswer.label}, the picture shows a ${truth}` : 'error: the answers disagree')
  process.exitCode = 1
}

function answerOf(probabilities: Float32Array): { label: string; probability: number } {
  const probability = Math.max(...probabilities)
  return { label: labels[probabilities.indexOf(probability)], probability }
}

function bar(share: number): string {
  return `${'█'.repeat(Math.round(share * 10)).padEnd(10, '·')} ${share.toFixed(3)}`
}

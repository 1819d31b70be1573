// Digits drawn by the library, classified by the small CNN that was trained with it (models/mnist/small.onnx), here and
// in onnxruntime-web. "npm run demo -- numbers" reads house numbers instead (scripts/demo/numbers.ts), "npm run demo --
// caption" describes scenes (scripts/demo/captions.ts). "-- lm" continues a text (scripts/demo/lm.ts), "-- sentiment"
// judges a sentence (scripts/demo/sentiment.ts). "npm run demo"; with "-- --json", one JSON object on standard output;
// "-- --seed N" draws other digits. Fails if the two runtimes disagree.
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import * as ort from 'onnxruntime-web'
import { differenceOf } from '../src/cli/difference.js'
import { digitNames, drawDigit } from '../src/data/digits.js'
import { blocks } from '../src/data/strokes.js'
import { Random } from '../src/core/random.js'
import { median, msText } from '../src/core/table.js'
import type * as Lanewise from '../src/node.js'
import { coldTimes } from './demo/cold.js'
import { onnxruntimeWebBytes } from './peer-size.js'

const SIZE = 28
const MODEL = 'models/mnist/small.onnx'
/** Drawings that are counted, and milliseconds of measuring. */
const COUNTED = 500
const MEASURED = 1500

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
const json = process.argv.includes('--json')
const seed = Number(process.argv[process.argv.indexOf('--seed') + 1] ?? NaN)
const began = performance.now()
const say = (text = '') => (json ? console.error(text) : console.log(text))
const npmRun = (...args: string[]) =>
  execFileSync('npm', ['run', '--silent', ...args], { stdio: ['ignore', json ? 2 : 1, 2] })

if (process.argv.includes('numbers')) {
  const { numbersDemo } = await import('./demo/numbers.js')
  const given = process.argv.includes('--seed') && Number.isFinite(seed) ? seed : 2024
  const answer = await numbersDemo(given, say)
  if (json) console.log(JSON.stringify(answer))
  process.exit((answer as { agree: boolean }).agree ? 0 : 1)
}

const at = process.argv.findIndex((argument) => argument === 'caption' || argument === 'captions')
if (at > 0) {
  const { captionsDemo } = await import('./demo/captions.js')
  const photograph = process.argv.slice(at + 1).find((argument) => /\.(png|jpe?g)$/i.test(argument))
  const answer = await captionsDemo(Number.isFinite(seed) ? seed : 2024, photograph, say)
  if (json) console.log(JSON.stringify(answer))
  process.exit((answer as { agree: boolean }).agree ? 0 : 1)
}

const textDemo = process.argv.slice(2).find((argument) => ['lm', 'sentiment'].includes(argument))
if (textDemo) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      seed: { type: 'string', default: '1' },
      tokens: { type: 'string', default: '60' },
      temperature: { type: 'string', default: '0.8' },
    },
  })
  const said = positionals.slice(1).join(' ')
  let answer: object
  if (textDemo === 'lm') {
    const { languageDemo } = await import('./demo/lm.js')
    const [tokens, temperature, from] = [values.tokens, values.temperature, values.seed].map(Number)
    answer = await languageDemo({ prompt: said || 'This film is', tokens, temperature, seed: from }, say)
  } else {
    const { sentimentDemo } = await import('./demo/sentiment.js')
    answer = await sentimentDemo(said ? [said] : createInterface({ input: process.stdin }), say)
  }
  if (json) console.log(JSON.stringify(answer))
  process.exit(0)
}

if (!existsSync('dist/wasm/inference-relaxed.wasm') || !existsSync('bindings/exports.d.ts')) {
  say('Compiling the kernels to WebAssembly …')
  npmRun('build:wasm', 'inference-simd', 'inference-relaxed')
}
npmRun('build:js')
// Being over the budget is another command's failure; the figures are written either way.
spawnSync('npm', ['run', '--silent', 'size'], { stdio: 'ignore' })
// What is measured is what is published.
const { InferenceSession, Tensor } = (await import(new URL('../dist/node.js', import.meta.url).href)) as typeof Lanewise

const random = Random.at(process.argv.includes('--seed') && Number.isFinite(seed) ? seed : 2024)
const pictures = Array.from({ length: COUNTED }, (_, i) => ({ digit: i % 10, image: drawDigit(i % 10, SIZE, random) }))
ort.env.wasm.numThreads = 1
ort.env.logLevel = 'error'
const bytes = readFileSync(MODEL)
const session = await InferenceSession.create(bytes, { threads: 1 })
const peer = await ort.InferenceSession.create(bytes)
const dims = [1, 1, SIZE, SIZE]
const here = async (data: Float32Array) =>
  (await session.run({ image: new Tensor('float32', data, dims) })).probabilities.data as Float32Array
const there = async (data: Float32Array) =>
  (await peer.run({ image: new ort.Tensor('float32', data, dims) }, ['probabilities'])).probabilities
    .data as Float32Array

let [right, same, maxDifference, agrees] = [0, 0, 0, true]
for (const { digit, image } of pictures) {
  const [mine, theirs] = [await here(image), await there(image)]
  const { largest, agrees: fine } = differenceOf(
    { dtype: 'float32', shape: [1, 10], data: mine },
    { dtype: 'float32', shape: [1, 10], data: theirs },
  )
  maxDifference = Math.max(maxDifference, largest)
  agrees &&= fine
  right += Number(answerOf(mine).label === digitNames[digit])
  same += Number(answerOf(mine).label === answerOf(theirs).label)
}
const times: { here: number[]; there: number[] } = { here: [], there: [] }
for (let round = 0, end = performance.now() + MEASURED; round < 20 || performance.now() < end; round++) {
  const { image } = pictures[round % pictures.length]
  const start = performance.now()
  await here(image)
  const middle = performance.now()
  await there(image)
  times.here.push(middle - start)
  times.there.push(performance.now() - middle)
}
const cold = coldTimes(MODEL, SIZE, 3)
const size = JSON.parse(readFileSync('dist/size.json', 'utf8')) as { total: { brotli: number } }
const lanewise = { build: session.build, ms: median(times.here), coldMs: cold.lanewise, bytes: size.total.brotli }
const onnxruntimeWeb = {
  version: ort.env.versions.web,
  ms: median(times.there),
  coldMs: cold.onnxruntimeWeb,
  bytes: onnxruntimeWebBytes(say),
}
const ratio = onnxruntimeWeb.ms / lanewise.ms

if (!json) for (const { image } of pictures.slice(0, 5)) await show(image)
const accuracy = right / COUNTED
const seconds = (performance.now() - began) / 1000
if (json) {
  console.log(
    JSON.stringify(
      {
        agrees,
        accuracy,
        sameAnswers: same / COUNTED,
        model: MODEL,
        lanewise,
        onnxruntimeWeb,
        ratio,
        maxDifference,
        coldRatio: onnxruntimeWeb.coldMs / lanewise.coldMs,
        runs: times.here.length,
        node: process.versions.node,
        seconds,
      },
      null,
      2,
    ),
  )
} else {
  const row = (name: string, a: string, b: string, c = '') =>
    say(`  ${name.padEnd(34)}${a.padStart(14)}${b.padStart(18)}   ${c}`.trimEnd())
  const times_ = (a: number, b: number, word: string) => `${(b / a).toFixed(1)} times ${word}`
  say()
  row('', 'lanewise', 'onnxruntime-web')
  row(
    'one run, one thread',
    msText(lanewise.ms),
    msText(onnxruntimeWeb.ms),
    times_(lanewise.ms, onnxruntimeWeb.ms, 'as fast'),
  )
  row(
    'cold start to the first answer',
    msText(lanewise.coldMs),
    msText(onnxruntimeWeb.coldMs),
    times_(lanewise.coldMs, onnxruntimeWeb.coldMs, 'as fast'),
  )
  row(
    'an app downloads (brotli)',
    `${(lanewise.bytes / 1000).toFixed(0)} kB`,
    `${(onnxruntimeWeb.bytes / 1000).toFixed(0)} kB`,
    times_(lanewise.bytes, onnxruntimeWeb.bytes, 'smaller'),
  )
  row('largest difference', maxDifference.toExponential(1), '', agrees ? 'they agree' : 'THEY DISAGREE')
  say()
  say(
    `  ${(100 * accuracy).toFixed(1)} % of ${COUNTED} drawings named right by ${MODEL}, which has seen written digits only`,
  )
  say(`  ${lanewise.build} build, Node ${process.versions.node}, ${seconds.toFixed(0)} s in all`)
}
await session.release()
await peer.release()
if (!agrees || same < COUNTED) {
  console.error('error: the answers disagree')
  process.exitCode = 1
}

/** A drawing beside the ten probabilities of both. */
async function show(image: Float32Array): Promise<void> {
  const [mine, theirs] = [await here(image), await there(image)]
  const chart = digitNames.map((name, i) => `${name}  ${bar(mine[i])}  ${bar(theirs[i])}`)
  const beside = ['', `it is a ${answerOf(mine).label}`, '', `   ${'lanewise'.padEnd(16)}  onnxruntime-web`, ...chart]
  say()
  blocks(image, SIZE, 36).forEach((line, i) => say(`  ${line}  ${beside[i] ?? ''}`.trimEnd()))
}

function answerOf(probabilities: Float32Array): { label: string; probability: number } {
  const probability = Math.max(...probabilities)
  return { label: digitNames[probabilities.indexOf(probability)], probability }
}

function bar(share: number): string {
  return `${'█'.repeat(Math.round(share * 10)).padEnd(10, '·')} ${share.toFixed(3)}`
}

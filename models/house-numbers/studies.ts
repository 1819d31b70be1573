// What depth, batch size, patch size, dropout, decay, L2 and Adagrad are worth, each with the same number of steps on
// the same generated pictures, which are drawn once. A study that is broken off goes on where it was. Writes
// STUDY.json, and for the depths a chart:
//     npx tsx models/house-numbers/studies.ts depth|effects [--steps N] [--seeds N] [--pictures N] [--to FOLDER]
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  Adagrad,
  exponential,
  SGD,
  Tensor,
  writeCache,
  type Fields,
  type Optimizer,
  type TaskRecipe,
} from '../../src/train.js'
import { runRecipe } from '../../src/train/recipe-run.js'
import { GeneratedNumbers, loadWorld } from './generate.js'
import { reader, type Reader, type ReaderOptions } from './networks.js'
import { readerRecipe } from './task.js'

interface Variant {
  readonly name: string
  readonly network?: ReaderOptions
  readonly batchSize?: number
  readonly l2?: number
  readonly decay?: number
  readonly adagrad?: boolean
}

const dense = [128, 64, 16]
const studies: Readonly<Record<string, readonly Variant[]>> = {
  depth: [
    { name: '1: softmax alone', network: { blocks: 0, dense: [] } },
    { name: '2: 128', network: { blocks: 0, dense: dense.slice(0, 1) } },
    { name: '3: 128-64', network: { blocks: 0, dense: dense.slice(0, 2) } },
    { name: '4: 128-64-16', network: { blocks: 0, dense } },
    { name: '5: one block', network: { blocks: 1, dense } },
    { name: '6: two blocks', network: { blocks: 2, dense } },
    { name: '7: three blocks', network: { blocks: 3, dense } },
  ],
  effects: [
    { name: 'as described' },
    { name: 'batches of 50', batchSize: 50 },
    { name: 'batches of 200', batchSize: 200 },
    { name: 'patches of 3×3', network: { patch: 3 } },
    { name: 'patches of 5×5', network: { patch: 5 } },
    { name: 'no dropout', network: { keep: 1 } },
    { name: 'half dropped', network: { keep: 0.5 } },
    { name: 'no decay', decay: 1 },
    { name: 'decay 0.9', decay: 0.9 },
    { name: 'no L2', l2: 0 },
    { name: 'L2 0.005', l2: 0.005 },
    { name: 'Adagrad 0.01', adagrad: true },
  ],
}

/** Side of the pictures. */
const SIDE = 32
/** Of the pictures: runs of another number begin with the same ones. */
const PICTURES_SEED = 1

/** Pictures of the training world as bytes. */
async function* drawn(count: number): AsyncGenerator<Fields, void, void> {
  const numbers = new GeneratedNumbers(await loadWorld('train'), SIDE, count, PICTURES_SEED)
  for (let i = 0; i < count; i++) {
    const { image, label } = numbers.get(i)
    const bytes = Uint8Array.from(image.data as Float32Array, (grey) => Math.round(255 * grey))
    yield { image: new Tensor('uint8', bytes, image.dims), label }
  }
}

function recipeOf(variant: Variant, steps: number, seed: number): TaskRecipe<Reader> {
  const { network, batchSize = 100, l2 = 0.0005, decay = 0.98, adagrad = false } = variant
  return readerRecipe({
    title: variant.name,
    seed,
    batchSize,
    side: SIDE,
    steps,
    model: () => reader(network),
    optimizer(model): Optimizer {
      const named = [...model.namedParameters()]
      const groups = [true, false].map((weights) => ({
        params: named.filter(([name]) => name.endsWith('weight') === weights).map(([, parameter]) => parameter),
        weightDecay: weights ? l2 : 0,
      }))
      return adagrad ? new Adagrad(groups, { lr: 0.01 }) : new SGD(groups, { lr: 0.05 })
    },
    // As often as in a run of 100,000 steps with a decay every 1,000.
    schedule: () => exponential(decay, { every: Math.max(1, Math.round(steps / 100)) }),
  })
}

type Results = Record<string, Record<string, number>>

/** Each accuracy by the variant's place, the range of its seeds as a line. */
function chart(variants: readonly Variant[], results: Results): string {
  const [width, height, left, bottom] = [560, 300, 44, 30]
  const x = (i: number) => left + ((i + 0.5) * (width - left)) / variants.length
  const y = (share: number) => 10 + (1 - share) * (height - bottom - 10)
  const marks = variants.map(({ name }, i) => {
    const values = Object.values(results[name] ?? {})
    if (values.length === 0) return ''
    const mean = values.reduce((a, b) => a + b, 0) / values.length
    return `<line x1="${x(i)}" x2="${x(i)}" y1="${y(Math.min(...values))}" y2="${y(Math.max(...values))}" stroke="#2a6fdb"/><circle cx="${x(i)}" cy="${y(mean)}" r="4" fill="#2a6fdb"/><text x="${x(i)}" y="${y(mean) - 10}" font-size="11" text-anchor="middle">${(100 * mean).toFixed(1)}</text><text x="${x(i)}" y="${height - 10}" font-size="11" text-anchor="middle">${name.slice(0, 1)}</text>`
  })
  const lines = [0, 0.25, 0.5, 0.75, 1].map(
    (share) =>
      `<line x1="${left}" x2="${width}" y1="${y(share)}" y2="${y(share)}" stroke="#ddd"/><text x="${left - 6}" y="${y(share) + 4}" font-size="11" text-anchor="end">${100 * share} %</text>`,
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="sans-serif"><rect width="100%" height="100%" fill="#fff"/>${lines.join('')}${marks.join('')}</svg>\n`
}

const { values: flags, positionals } = parseArgs({
  options: {
    steps: { type: 'string' },
    seeds: { type: 'string' },
    pictures: { type: 'string' },
    to: { type: 'string' },
  },
  allowPositionals: true,
})
const study = positionals[0] ?? 'depth'
if (!Object.hasOwn(studies, study))
  throw new Error(`there is no study "${study}", only ${Object.keys(studies).join(', ')}`)
const variants = studies[study]
const steps = Number(flags.steps ?? 10_000)
const seeds = Number(flags.seeds ?? 3)
const folder = flags.to ?? `runs/house-numbers/${study}`
mkdirSync(folder, { recursive: true })
const pictures = join(folder, 'pictures.safetensors')
if (!existsSync(pictures))
  await writeCache(pictures, drawn(Number(flags.pictures ?? 300_000)), { sources: 'generated numbers' })
const file = join(folder, `${study}.json`)
const results: Results = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Results) : {}
for (let seed = 1; seed <= seeds; seed++) {
  for (const variant of variants) {
    const own = (results[variant.name] ??= {})
    if (own[seed] !== undefined) continue
    const run = await runRecipe(recipeOf(variant, steps, seed), {
      folder: join(folder, `${variants.indexOf(variant)}-${seed}`),
      data: pictures,
      resume: true,
      maxSteps: steps,
      weightsOnly: true,
    })
    if (run.stopped === 'interrupted') process.exit(130)
    own[seed] = run.evaluation?.metrics?.testSequenceAccuracy ?? NaN
    writeFileSync(file, JSON.stringify(results, null, 2))
    console.log(`${variant.name}, seed ${seed}: ${(100 * own[seed]).toFixed(2)} %`)
  }
}
console.log(`| after ${steps} steps | ${Array.from({ length: seeds }, (_, i) => `seed ${i + 1}`).join(' | ')} | mean |`)
for (const { name } of variants) {
  const values = Object.values(results[name] ?? {})
  const percent = (share: number) => (100 * share).toFixed(2)
  console.log(
    `| ${name} | ${values.map(percent).join(' | ')} | ${percent(values.reduce((a, b) => a + b, 0) / values.length)} |`,
  )
}
if (study === 'depth') writeFileSync(join(folder, 'depth.svg'), chart(variants, results))

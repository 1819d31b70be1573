// What pre-training is worth by the number of texts to learn from: npx tsx models/transformer-lm/study.ts [--set
// rt-polarity] [--sizes 16,128,all] [--seeds N] [--to FOLDER] A study that is broken off goes on where it was. Writes
// study.json and study.svg into the folder.
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runRecipe } from '../../src/train/recipe-run.js'
import { finetuneRecipe } from './review-task.js'
import { reviewSets } from './reviews.js'
import { bySizes, readStudy, studyChart, type StudyRun } from './study-results.js'

const { values } = parseArgs({
  options: {
    set: { type: 'string', default: 'rt-polarity' },
    sizes: { type: 'string', default: '16,32,64,128,256,512,all' },
    seeds: { type: 'string', default: '5' },
    length: { type: 'string', default: '128' },
    to: { type: 'string', default: 'runs/transformer-lm/study' },
  },
})
const set = reviewSets.find((name) => name === values.set)
if (!set) throw new Error(`--set is ${reviewSets.join(' or ')}`)
mkdirSync(values.to, { recursive: true })
const file = join(values.to, 'study.json')
const runs: StudyRun[] = existsSync(file) ? readStudy(file) : []
const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1)
const sizes = values.sizes.split(',').map((size) => (size === 'all' ? size : Number(size)))
// Seed by seed: whenever the study is broken off, every size has been tried about as often.
for (const seed of seeds)
  for (const size of sizes)
    for (const scratch of [false, true]) {
      const same = (run: StudyRun) =>
        run.set === set && run.size === size && run.scratch === scratch && run.seed === seed
      if (runs.some(same)) continue
      const recipe = finetuneRecipe({
        sets: [set],
        seed,
        scratch,
        size: size === 'all' ? undefined : size,
        length: Number(values.length),
      })
      const folder = join(values.to, `${size}-${scratch ? 'scratch' : 'pretrained'}-${seed}`)
      const { evaluation, stopped } = await runRecipe(recipe, {
        folder,
        weightsOnly: true,
        quickest: true,
        resume: true,
        progress: process.stderr,
      })
      if (stopped === 'interrupted') process.exit(130)
      runs.push({ set, size, scratch, seed, accuracy: evaluation?.accuracy ?? NaN })
      writeFileSync(file, `${JSON.stringify(runs, null, 1)}\n`)
      writeFileSync(join(values.to, 'study.svg'), studyChart(runs))
      rmSync(folder, { recursive: true })
    }
for (const { size, scratch, mean, deviation, seeds: count } of bySizes(runs))
  console.log(
    `${size.padStart(4)} ${scratch ? 'from random weights' : 'pre-trained        '} ${(100 * mean).toFixed(2)} % ± ${(100 * deviation).toFixed(2)} (${count} seeds)`,
  )

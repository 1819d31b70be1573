// The three decoders beside each other on photographs, each with the same epochs and every seed. A study that is broken
// off goes on where it was. Writes study.json, and prints BLEU-1 and BLEU-4 of the development part by beams of three:
// mean and spread.
//     npx tsx models/captions/study.ts [--epochs N] [--seeds N] [--data FOLDER] [--to FOLDER]
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { runRecipe } from '../../src/train/recipe-run.js'
import { sharedPath } from '../../src/cli/captions/find.js'
import { AttentionCaptioner, LSTMCaptioner, RNNCaptioner } from './networks.js'
import { captionRecipe } from './task.js'

const networks = { rnn: RNNCaptioner, lstm: LSTMCaptioner, attention: AttentionCaptioner } as const

interface Run {
  readonly network: string
  readonly seed: number
  readonly bleu1: number
  readonly bleu4: number
  readonly cider: number
  readonly minutes: number
}

const { values } = parseArgs({
  options: {
    epochs: { type: 'string', default: '3' },
    seeds: { type: 'string', default: '3' },
    data: { type: 'string', default: sharedPath('data', 'flickr8k') },
    to: { type: 'string', default: join('runs', 'captions-study') },
  },
})
const [epochs, seeds] = [Number(values.epochs), Number(values.seeds)]
if (values.data === undefined) throw new Error('--data: a folder with Flickr8k')
mkdirSync(values.to, { recursive: true })
const file = join(values.to, 'study.json')
const runs: Run[] = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Run[]) : []

/** What the command says of a file: features of the pictures, and words by beams of three. */
function evaluate(model: string, data: string): Pick<Run, 'bleu1' | 'bleu4' | 'cider'> {
  const cli = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
  const said = execFileSync(
    process.execPath,
    ['--import', 'tsx', cli, 'evaluate', model, '--data', data, '--beams', '3', '--json'],
    { encoding: 'utf8', maxBuffer: 1e9, stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const { bleu1, bleu4, cider } = JSON.parse(said) as Run
  return { bleu1, bleu4, cider }
}

for (let seed = 1; seed <= seeds; seed++) {
  for (const [network, Network] of Object.entries(networks)) {
    if (runs.some((run) => run.network === network && run.seed === seed)) continue
    const recipe = captionRecipe({
      title: `Captions: ${network}, seed ${seed}`,
      seed,
      epochs,
      network: Network,
      hidden: 256,
      dropout: 0.3,
      data: { grid: 4 },
      fit: { ema: 0.998 },
    })
    const folder = join(values.to, `${network}-${seed}`)
    const result = await runRecipe(recipe, {
      folder,
      data: values.data,
      quickest: true,
      threads: 1,
      resume: true,
      progress: process.stderr,
    })
    const run = { network, seed, ...evaluate(join(folder, 'model.onnx'), values.data), minutes: result.seconds / 60 }
    runs.push(run)
    writeFileSync(file, JSON.stringify(runs, null, 2) + '\n')
    console.log(JSON.stringify(run))
  }
}

const mean = (list: readonly number[]) => list.reduce((a, b) => a + b, 0) / list.length
const spread = (list: readonly number[]) =>
  Math.sqrt(mean(list.map((x) => (x - mean(list)) ** 2)) * (list.length / Math.max(1, list.length - 1)))
const both = (list: readonly number[]) => `${mean(list).toFixed(1)} ± ${spread(list).toFixed(1)}`
console.log('| network | BLEU-1 | BLEU-4 | seeds |\n|---|---|---|---|')
for (const network of Object.keys(networks)) {
  const of = runs.filter((run) => run.network === network)
  if (of.length > 0)
    console.log(
      `| ${network} | ${both(of.map(({ bleu1 }) => bleu1))} | ${both(of.map(({ bleu4 }) => bleu4))} | ${of.length} |`,
    )
}

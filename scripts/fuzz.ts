/**
 * Puts mutated ONNX models through the targets of tests/support/fuzz.ts:
 *
 *     npm run fuzz -- --runs 100000 --seed 7 [--from RUN] [--save FOLDER]
 *
 * Exits with 1 if a target did anything but succeed or throw a LanewiseError in bounded time and memory. The files that did
 * it are written to tests/fixtures/fuzz, from where the test suite replays them.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { fuzz, type FuzzReport } from '../tests/support/fuzz.js'
import { fuzzModels } from '../tests/support/fuzz-models.js'

function count(text: string, name: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) throw new Error(`--${name} must be a whole number, got ${text}`)
  return value
}

const { values } = parseArgs({
  options: {
    runs: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
    save: { type: 'string', default: fileURLToPath(new URL('../tests/fixtures/fuzz', import.meta.url)) },
  },
})
const runs = count(values.runs, 'runs')
const seed = count(values.seed, 'seed')
const from = count(values.from, 'from')

let saved = 0
function onProgress(report: FuzzReport, run: number): void {
  for (; saved < report.findings.length; saved++) {
    const { target, problem, file } = report.findings[saved]
    const name = `${createHash('sha256').update(file).digest('hex').slice(0, 12)}.onnx`
    mkdirSync(values.save, { recursive: true })
    writeFileSync(join(values.save, name), file)
    console.error(`run ${run} (--seed ${seed} --from ${run} --runs 1), target ${target}, ${name}: ${problem}`)
  }
  // The last number printed before a hang says where to look.
  if (report.runs % 10_000 === 0) console.error(`${report.runs} runs, ${report.findings.length} findings`)
}

const report = await fuzz({ runs, seed, from, models: fuzzModels(), onProgress })
const refused = [...report.refused].sort().map(([code, times]) => `${code} ${times}`)
console.log(`${report.runs} runs, seed ${seed}: ${report.accepted} accepted, refused: ${refused.join(', ')}; ${report.findings.length} findings`)
process.exitCode = report.findings.length === 0 ? 0 : 1

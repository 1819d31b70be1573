/**
 * Puts mutated ONNX models and tensors through the targets of tests/support/fuzz/fuzz.ts:
 *
 *     npm run fuzz -- --runs 100000 --seed 7 [--target NAME] [--from RUN] [--save FOLDER] [--dry]
 *
 * Exits with 1 if a target did anything but succeed or throw a LanewiseError in bounded time and memory. The files that
 * did it are written to a folder of the target in tests/fixtures/fuzz, from where the test suite replays them. With
 * --dry the inputs are written there without being run: of a run that hangs there is no other way to get its file.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { fuzz, targets, type FuzzReport } from '../tests/support/fuzz/fuzz.js'

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
    target: { type: 'string' },
    dry: { type: 'boolean', default: false },
    save: { type: 'string', default: fileURLToPath(new URL('../tests/fixtures/fuzz', import.meta.url)) },
  },
})
const runs = count(values.runs, 'runs')
const seed = count(values.seed, 'seed')
const from = count(values.from, 'from')
const chosen = targets.filter(({ name }) => values.target === undefined || name === values.target)
if (chosen.length === 0) throw new Error(`--target must be one of ${targets.map(({ name }) => name).join(', ')}`)

// A run that never ends keeps this thread from saying so. What counts is the time of the processor, since on a busy
// machine others take that of the clock; a run that waits for what never comes takes none, and an hour by the clock
// tells it from one that is not given any.
const progress = new Int32Array(new SharedArrayBuffer(4))
progress[0] = from
const watchdog = new Worker(
  `const { workerData: { progress, busy, idle } } = require('node:worker_threads')
  const end = (run, what) => {
    require('node:fs').writeSync(2, 'run ' + run + ' ' + what + '\\n')
    process.kill(process.pid, 'SIGKILL')
  }
  let last = -1
  let used = 0
  let since = 0
  setInterval(() => {
    const { user, system } = process.cpuUsage()
    const [processor, clock] = [(user + system) / 1e6, performance.now() / 1000]
    if (progress[0] !== last) [last, used, since] = [progress[0], processor, clock]
    else if (processor - used > busy) end(last, 'took more than ' + busy + ' s of the processor: it hangs')
    else if (clock - since > idle) end(last, 'has not ended after ' + idle + ' s: it waits')
  }, 5000)`,
  { eval: true, workerData: { progress, busy: 30, idle: 3600 } },
)
watchdog.unref()

function save(target: string, file: Uint8Array): string {
  const folder = join(values.save, target)
  const name = `${createHash('sha256').update(file).digest('hex').slice(0, 12)}.onnx`
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, name), file)
  return `${target}/${name}`
}

let saved = 0
function onProgress(report: FuzzReport, run: number): void {
  progress[0] = run + 1
  for (; saved < report.findings.length; saved++) {
    const { target, problem, file } = report.findings[saved]
    const name = save(target, file)
    const alone = values.target === undefined ? '' : ` --target ${values.target}`
    console.error(`run ${run} (--seed ${seed} --from ${run} --runs 1${alone}), target ${target}, ${name}: ${problem}`)
  }
  if (report.runs % 10_000 === 0) console.error(`${report.runs} runs, ${report.findings.length} findings`)
}

const report = await fuzz({
  runs,
  seed,
  from,
  targets: values.dry
    ? chosen.map((target) => ({ ...target, run: (file) => void console.log(save(target.name, file)) }))
    : chosen,
  onProgress,
})
const refused = [...report.refused].sort().map(([code, times]) => `${code} ${times}`)
console.log(
  `${report.runs} runs, seed ${seed}: ${report.accepted} accepted, refused: ${refused.join(', ')}; ${report.findings.length} findings`,
)
process.exitCode = report.findings.length === 0 ? 0 : 1

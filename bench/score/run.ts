// Shards scored in one process without a queue, by a worker on a queue and by two: bundled by main.ts and run by the
// Node that was asked for.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { freePort, hasRedis, kill, startRedis } from '../../tests/serve/redis.js'
import { seeded } from '../../tests/support/random.js'
import { denseModel } from '../dense.js'
import { begin } from '../process.js'
import { median } from '../statistics.js'
import type { Role } from './process.js'
import type { ScoreReport, ScoreRow } from './table.js'
import { processor } from '../processor.js'

const { options, resultFile } = begin()
const root = process.cwd()
const rounds = options.quick ? 1 : 5
const shards = options.quick ? 40 : 120
/** What a shard takes, about, in milliseconds. */
const SHARD = 50

const folder = mkdtempSync(join(tmpdir(), 'lanewise-score-bench-'))
const processes = new Set<ChildProcess>()

/** A source of so many shards. */
function writeSource(shardSize: number, count: number): string {
  const random = seeded(6)
  const line = () => JSON.stringify(Array.from({ length: 64 }, () => Math.round(100 * random()) / 100))
  const lines = Array.from({ length: shardSize }, line).join('\n')
  const file = join(folder, `rows-${shardSize}-${count}.jsonl`)
  writeFileSync(file, `${lines}\n`.repeat(count))
  return file
}

/**
 * Milliseconds of a shard, from the first that is done to the last: what starting and joining take is not what is
 * asked.
 */
interface Pace {
  readonly wall: number
  /** Of processor time of who scores. */
  readonly cpu: number
  /** Of that, beside the threads that run the model: where the system tells. */
  readonly beside: number
}

/** Milliseconds of processor time of the threads of a process that were spent between two shards, the most first. */
function between(first: Record<string, number>, last: Record<string, number>): number[] {
  const spent = Object.entries(last).map(([thread, time]) => time - (first[thread] ?? 0))
  return spent.sort((a, b) => b - a)
}

let runs = 0

/** Has a source scored by so many workers, or in a process of its own without a queue. */
async function timed(input: string, shardSize: number, workers: number, queue?: string): Promise<Pace> {
  const output = join(folder, `run${runs++}`)
  const score = { model: join(folder, 'layers.onnx'), input, output, shardSize, cache: join(folder, 'cache') }
  const start = (role: Role['role']): ChildProcess => {
    const text: Role = { role, root, options: { ...score, queue, local: queue === undefined ? 1 : undefined } }
    const child = spawn(process.execPath, [join(import.meta.dirname, 'score-process.mjs'), JSON.stringify(text)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    processes.add(child)
    child.once('exit', () => processes.delete(child))
    return child
  }
  const scorers = Array.from({ length: workers }, () => start(queue === undefined ? 'here' : 'work'))
  const done: number[] = []
  const spent = scorers.map(() => [] as Record<string, number>[])
  for (const [i, { stdout }] of scorers.entries())
    if (stdout)
      createInterface(stdout).on('line', (line) => {
        done.push(performance.now())
        spent[i].push(JSON.parse(line) as Record<string, number>)
      })
  const [status] = (await once(queue === undefined ? scorers[0] : start('submit'), 'exit')) as [number | null]
  if (status !== 0) throw new Error(`scoring ended with status ${status}`)
  await Promise.all(scorers.map((worker) => kill(worker, 'SIGTERM')))
  rmSync(output, { recursive: true, force: true })
  let [cpu, beside] = [0, 0]
  for (const list of spent) {
    const [model, ...rest] = between(list[0], list[list.length - 1])
    const others = rest.reduce((sum, time) => sum + time, 0)
    cpu += model + others
    beside += others
  }
  const steps = done.length - workers
  return { wall: (done[done.length - 1] - done[0]) / (done.length - 1), cpu: cpu / steps, beside: beside / steps }
}

/** How many rows take about as long as a shard should. */
async function fittingSize(): Promise<number> {
  const size = 256
  const { cpu } = await timed(writeSource(size, 20), size, 1)
  return Math.max(1, Math.round((size * SHARD) / cpu))
}

async function measure(queue: string): Promise<ScoreRow[]> {
  const size = await fittingSize()
  const input = writeSource(size, shards)
  const ways = [
    { label: 'one process, no queue', workers: 1, queue: undefined },
    { label: 'queue, one worker', workers: 1, queue },
    { label: 'queue, two workers', workers: 2, queue },
  ]
  const paces: Pace[][] = ways.map(() => [])
  for (let round = 0; round < rounds; round++)
    for (const [i, way] of ways.entries()) {
      paces[i].push(await timed(input, size, way.workers, way.queue))
      process.stderr.write(`${way.label}: ${paces[i][round].wall.toFixed(1)} ms a shard\n`)
    }
  return ways.map(({ label }, i) => ({
    label,
    rows: size,
    wall: Math.min(...paces[i].map(({ wall }) => wall)),
    cpu: median(paces[i].map(({ cpu }) => cpu)),
    beside: median(paces[i].map(({ beside }) => beside)),
  }))
}

if (!hasRedis()) throw new Error('there is no redis-server')
const port = await freePort()
mkdirSync(join(folder, 'redis'))
const redis = startRedis(port, join(folder, 'redis'))
try {
  // Layers that take most of the time of a shard: what is read and written is little.
  writeFileSync(join(folder, 'layers.onnx'), denseModel(5, [64, 1024, 1024, 1024, 8]))
  const report: ScoreReport = {
    environment: { engine: `Node ${process.versions.node}`, cpu: processor(), processors: cpus().length },
    rounds,
    shards,
    rows: await measure(`redis://127.0.0.1:${port}`),
  }
  writeFileSync(resultFile, JSON.stringify(report))
} finally {
  await Promise.all([...processes, redis].map((child) => kill(child)))
  rmSync(folder, { recursive: true, force: true })
}

// One engine in a process of its own: bundled by the suites "cold", "create" and "memory", which start it and read the
// line that it prints.
import { readFileSync, writeFileSync } from 'node:fs'
import { present } from '../src/core/errors.js'
import { median } from './statistics.js'
import { parseWork, type Feeds } from './work.js'

interface Session {
  run(feeds: Record<string, object>): Promise<unknown>
  release(): Promise<void>
}
/** What both libraries have in common. */
interface Library {
  readonly env: { logLevel: string; readonly wasm: { numThreads?: number } }
  readonly Tensor: new (type: string, data: unknown, dims: readonly number[]) => object
  readonly InferenceSession: { create(model: string | Uint8Array, options: object): Promise<Session> }
  prepare?(model: string, options: object): Promise<Uint8Array>
}

export interface Job {
  readonly task: 'cold' | 'create' | 'resident' | 'slope'
  /** What import() takes. */
  readonly library: string
  readonly build: string
  readonly modelPath: string
  /** A serialized work without its model: the inputs. */
  readonly workPath?: string
  /**
   * For the slope: how many cycles of create, run and release, or runs of one session, after half as many to warm up.
   */
  /**
   * Of create: how many sessions after the first one, by which clock, and whether of a prepared model (Lanewise only).
   */
  readonly sessions?: { readonly times: number; readonly clock: 'wall' | 'cpu'; readonly prepared: boolean }
  readonly repeat?: { readonly what: 'cycles' | 'runs'; readonly times: number }
}

export interface Cold {
  readonly importMs: number
  readonly createMs: number
  readonly runMs: number
  readonly totalMs: number
}
/** Sessions made and run once, one after the other in one process. */
export interface Created {
  readonly createMs: readonly number[]
  readonly runMs: readonly number[]
}
export interface Resident {
  /** Bytes: before the library is imported, after loading and running, the most there ever was. */
  readonly before: number
  readonly after: number
  readonly peak: number
}
export interface Slope {
  /** Bytes of resident memory per cycle, or per run. */
  readonly each: number
  readonly times: number
  readonly samples: readonly number[]
}

const job = JSON.parse(process.argv[2]) as Job

async function load(): Promise<Library> {
  const library = (await import(job.library)) as Library
  // onnxruntime-web reads its thread count at the first session; Lanewise takes the field and ignores it.
  library.env.wasm.numThreads = 1
  library.env.logLevel = 'error'
  return library
}

function feedsFor({ Tensor }: Library, feeds: Feeds): Record<string, object> {
  return Object.fromEntries(
    [...feeds].map(([name, { dtype, data, shape }]) => [name, new Tensor(dtype, data, [...shape])]),
  )
}

const options = { executionProviders: ['wasm'], ...(job.build === 'auto' ? {} : { build: job.build }) }
const inputs = (): Feeds =>
  parseWork(new Uint8Array(readFileSync(present(job.workPath, 'file of inputs'))).buffer).feeds[0]

async function cold(): Promise<Cold> {
  const feeds = inputs()
  const start = performance.now()
  const library = await load()
  const imported = performance.now()
  const session = await library.InferenceSession.create(job.modelPath, options)
  const created = performance.now()
  await session.run(feedsFor(library, feeds))
  const end = performance.now()
  return { importMs: imported - start, createMs: created - imported, runMs: end - created, totalMs: end - start }
}

async function create(): Promise<Created> {
  const library = await load()
  const { times, clock, prepared } = present(job.sessions, 'number of sessions')
  let path = job.modelPath
  const given = inputs()
  if (prepared) {
    const warmUp = Object.fromEntries([...given].map(([name, { shape }]) => [name, [...shape]]))
    path = `${path}.lw`
    writeFileSync(
      path,
      await present(library.prepare, 'prepare')(job.modelPath, {
        warmUp,
        ...(job.build !== 'auto' && { build: job.build }),
      }),
    )
  }
  const now = (): number => {
    if (clock === 'wall') return performance.now()
    const { user, system } = process.cpuUsage()
    return (user + system) / 1000
  }
  const [createMs, runMs]: number[][] = [[], []]
  // The first session compiles code for those after it.
  for (let i = -1; i < times; i++) {
    const start = now()
    const session = await library.InferenceSession.create(path, options)
    const created = now()
    await session.run(feedsFor(library, given))
    const end = now()
    await session.release()
    if (i < 0) continue
    createMs.push(created - start)
    runMs.push(end - created)
  }
  return { createMs, runMs }
}

/**
 * The most resident memory this program had. Linux lets a process begin with the maxRSS of the one that started it,
 * which here has held all models before; VmHWM begins anew with the program.
 */
function peakResident(): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))
    return Number(present(found?.[1], 'VmHWM')) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}

/** Frees what nobody holds: the process was started with --expose-gc. */
function collect(): void {
  present(globalThis.gc, 'gc')()
}

async function resident(): Promise<Resident> {
  const feeds = inputs()
  collect()
  const before = process.memoryUsage.rss()
  const library = await load()
  const session = await library.InferenceSession.create(job.modelPath, options)
  const given = feedsFor(library, feeds)
  for (let i = 0; i < 3; i++) await session.run(given)
  collect()
  return { before, after: process.memoryUsage.rss(), peak: peakResident() }
}

async function slope(): Promise<Slope> {
  const library = await load()
  const bytes = new Uint8Array(readFileSync(job.modelPath))
  const feeds = feedsFor(library, inputs())
  const { what, times } = present(job.repeat, 'number of runs')
  const kept = what === 'runs' ? await library.InferenceSession.create(bytes, options) : undefined
  const once = async (): Promise<void> => {
    const session = kept ?? (await library.InferenceSession.create(bytes, options))
    await session.run(feeds)
    if (!kept) await session.release()
  }
  // Code is compiled, heaps find their size: what a process that runs for long is past.
  for (let i = 0; i < times / 2; i++) await once()
  const samples: number[] = []
  const every = Math.max(1, Math.round(times / 25))
  for (let i = 0; i < times; i++) {
    await once()
    if ((i + 1) % every !== 0) continue
    collect()
    // What is freed by finalizers is freed in a later turn.
    await new Promise((done) => setTimeout(done, 10))
    collect()
    samples.push(process.memoryUsage.rss())
  }
  return { each: medianSlope(samples) / every, times, samples }
}

/** Theil and Sen's estimate: the median of the slopes between all pairs, which a single jump does not move. */
function medianSlope(values: readonly number[]): number {
  const slopes: number[] = []
  for (let i = 0; i < values.length; i++)
    for (let j = i + 1; j < values.length; j++) slopes.push((values[j] - values[i]) / (j - i))
  return median(slopes)
}

console.log(JSON.stringify(await { cold, create, resident, slope }[job.task]()))
process.exit()

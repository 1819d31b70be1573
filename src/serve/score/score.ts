import { resolve } from 'node:path'
import type { Build } from '../../../bindings/module.js'
import { LanewiseError } from '../../core/errors.js'
import type { ImageOptions } from '../../data/image-tensor.js'
import { isWhole, joinShards, readManifest, type Manifest } from './join.js'
import { scoreHere, type FailedShard } from './local.js'
import { layPlan, readPlan } from './plan.js'
import { shardLines, shardName, type Plan } from './shards.js'
import { checkQueue, ShardQueue } from './queue.js'
import { Scorers } from './scorers.js'
import { openStore, removeLeftovers, type ShardStore } from './store.js'

/** How far a run is. */
export interface ScoreProgress {
  /** How many parts the source was divided into. */
  readonly shards: number
  /** How many of them are finished. */
  readonly done: number
  /** How many items those have together. */
  readonly items: number
  /** Workers on the queue, if there is one: with 0 it waits for the first. */
  readonly workers?: number
}

/** What is scored by what, and where. */
export interface ScoreOptions {
  /** A file of a model. */
  readonly model: string
  /**
   * A folder of pictures, `.npy`, `.npz`, `.jsonl` or `.csv`. Workers on other machines find it under the same path.
   */
  readonly input: string
  /** The folder of the run, which all workers see; or a location of `store`. */
  readonly output: string
  /** The address of Redis, if workers take the shards. */
  readonly queue?: string
  /** Threads that score in this process, without Redis. Default 1 without `queue`. */
  readonly local?: number
  /** A module that exports `openStore(location)` for outputs that are no folders. */
  readonly store?: string
  /** Items of a shard. Default 256. */
  readonly shardSize?: number
  /** The most rows that are run as one. Default 32. */
  readonly batch?: number
  /** The outputs to keep. Default: all. */
  readonly outputs?: readonly string[]
  /**
   * Whether the first row of a CSV file names its columns. Default: it does; one of numbers is refused until this says
   * what it is (but for 0, 1, 2, …, as data frames are written).
   */
  readonly header?: boolean
  /** How pictures become tensors. */
  readonly picture?: ImageOptions
  /**
   * Which build of the kernels. Default: the bits of every machine (`deterministic`); `relaxed` and `auto` are faster
   * where there is fused multiply-add.
   */
  readonly build?: Build | 'auto'
  /** Goes on with a run that was broken off, and tries what was given up once more. */
  readonly resume?: boolean
  /** Where this machine keeps models, for `local`. */
  readonly cache: string
  /** Milliseconds between two looks at how far it is. Default 500. */
  readonly interval?: number
  /** Told how far it is at every look. */
  onProgress?(progress: ScoreProgress): void
}

/** Looks at a queue without a new shard, after which it may have lost the jobs of a run. */
const IDLE_LOOKS = 60
/** How many times as long as a look took it is waited until the next. */
const LOOK_SHARE = 10

const NO_CHANGE: ImageOptions = { crop: false, mean: [0], std: [1], bgr: false }

/** Between what options may be, those of the command line as well. */
export const SCORE_BOUNDS = {
  local: { least: 1, most: 256, whole: true },
  shardSize: { least: 1, most: 2 ** 20, whole: true },
  batch: { least: 1, most: 4096, whole: true },
}

function wholeNumber(name: keyof typeof SCORE_BOUNDS, value: number): number {
  const { least, most } = SCORE_BOUNDS[name]
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw new LanewiseError('E_VALUE', `${name} must be a whole number from ${least} to ${most}, got ${value}`)
}

/**
 * Scores everything in a source, in shards: each is a job with a deterministic id, whose lines are put into the store
 * whole or not at all, so that nothing is lost and nothing is there twice, whoever dies when. Items that are at fault
 * themselves go to a list of their own.
 *
 * @example
 * import { score } from 'lanewise/serve'
 * import { writeFile } from 'node:fs/promises'
 *
 * const row = JSON.stringify(new Array(784).fill(0.5)) // of a classifier of digits
 * await writeFile('digits.jsonl', `${row}\n${row}\nno numbers\n`)
 * const options = { model: 'model.onnx', input: 'digits.jsonl', output: 'scores', cache: 'cache' }
 * const { scored, failed } = await score(options)
 * console.log(scored, failed) // 2 1
 *
 * @throws LanewiseError `E_VALUE` for an option that is none; `E_STATE` if the output holds another run, or one and
 *   `resume` is not set, or if shards were given up; `E_EXTERNAL` if source, store or Redis cannot be reached;
 *   `E_UNSUPPORTED` without a package; what loading the model throws.
 */
export async function score(options: ScoreOptions): Promise<Manifest> {
  const { queue, store: module, resume = false, outputs } = options
  if (outputs && (outputs.length === 0 || new Set(outputs).size < outputs.length))
    throw new LanewiseError('E_VALUE', 'outputs must name at least one output, and none twice')
  const local = wholeNumber('local', options.local ?? 1)
  const location = module === undefined ? resolve(options.output) : options.output
  const place = { location, module }
  const store = await openStore(place)
  const plan = await layPlan(
    {
      model: options.model,
      input: options.input,
      shardSize: wholeNumber('shardSize', options.shardSize ?? 256),
      batch: wholeNumber('batch', options.batch ?? 32),
      outputs,
      picture: options.picture ?? NO_CHANGE,
      header: options.header,
      session: { build: options.build ?? 'auto', deterministic: options.build === undefined },
    },
    store,
    resume,
    // Before anything is begun: a run that nobody can take from the queue would have to be resumed.
    queue === undefined ? undefined : () => checkQueue(queue),
  )
  const finished = await readManifest(store)
  if (finished?.run === plan.id && (await isWhole(finished, store))) return finished
  const report = (done: number, workers?: number): void =>
    options.onProgress?.({
      shards: plan.shards,
      done,
      items: Math.min(plan.source.items, done * plan.shardSize),
      ...(workers !== undefined && { workers }),
    })
  const missing = await missingShards(plan, store)
  const broken = resume ? await brokenShards(plan, store, missing) : []
  // By this process, too, where there is a queue: to those who look at what is there it seems done.
  const failed =
    queue === undefined || broken.length > 0
      ? await scoreLocally(
          plan,
          place,
          local,
          options.cache,
          report,
          queue === undefined ? [...broken, ...missing] : broken,
        )
      : []
  if (queue !== undefined && failed.length === 0)
    failed.push(...(await scoreByQueue(plan, store, location, queue, options.interval ?? 500, report, missing)))
  if (failed.length > 0) {
    const [{ shard, reason }] = failed
    throw new LanewiseError(
      'E_STATE',
      `${failed.length} of ${plan.shards} shards were given up, first shard ${shard}: ${reason} (--resume tries them again)`,
    )
  }
  const manifest = await joinShards(plan, store)
  if (module === undefined) await removeLeftovers(location, ['', 'shards', 'models'])
  return manifest
}

/** The shards that are not there yet. */
async function missingShards(plan: Plan, store: ShardStore): Promise<number[]> {
  const there = new Set(await store.list('shards'))
  const missing = []
  for (let i = 0; i < plan.shards; i++) if (!there.has(shardName(i).slice('shards/'.length))) missing.push(i)
  return missing
}

/** The shards that are there and are not what they should be, e.g. after a disk has lost what was written. */
async function brokenShards(plan: Plan, store: ShardStore, missing: readonly number[]): Promise<number[]> {
  const gone = new Set(missing)
  const broken = []
  for (let i = 0; i < plan.shards; i++)
    if (!gone.has(i) && !shardLines(plan, i, await store.read(shardName(i)))) broken.push(i)
  return broken
}

async function scoreLocally(
  plan: Plan,
  place: { location: string; module?: string },
  threads: number,
  cache: string,
  report: (done: number) => void,
  shards: readonly number[],
): Promise<FailedShard[]> {
  let done = plan.shards - shards.length
  report(done)
  const scorers = await Scorers.open(threads, cache)
  try {
    return await scoreHere(scorers, threads, plan.id, place, shards, () => report(++done))
  } finally {
    await scorers.close()
  }
}

/** Sees to it that each shard that is missing has a job, until there is none. Redis may lose what it has been told. */
async function scoreByQueue(
  plan: Plan,
  store: ShardStore,
  location: string,
  url: string,
  interval: number,
  report: (done: number, workers?: number) => void,
  missing: readonly number[],
): Promise<FailedShard[]> {
  report(plan.shards - missing.length)
  if (missing.length === 0) return []
  const jobs = await ShardQueue.open(url, plan.id, location)
  try {
    await jobs.forgive()
    await jobs.add(missing)
    let took = 0
    for (let idle = 1; ; idle++) {
      // Of very many shards a look takes long: it must not be all that is done.
      await new Promise((done) => setTimeout(done, Math.max(interval, LOOK_SHARE * took)))
      const begun = performance.now()
      // Asked for only while nothing comes: the answer is a list of all who are connected.
      const workers = idle > 1 ? await jobs.workers() : undefined
      // The jobs first: a shard that is done between the two looks would else seem to have lost its job, and be done
      // again.
      const { waiting, active, delayed } = await jobs.unfinished()
      const givenUp = await jobs.failed()
      const before = missing.length
      missing = await missingShards(plan, store)
      took = performance.now() - begun
      report(plan.shards - missing.length, workers)
      if (missing.length === 0) return []
      if (missing.length < before) idle = 0
      const failed = givenUp.filter(({ shard }) => missing.includes(shard))
      if (failed.length === missing.length) return failed
      const lost = waiting + active + delayed + failed.length < missing.length
      // Those of other runs may hide that ours are lost.
      if (lost || (idle > 0 && idle % IDLE_LOOKS === 0)) {
        const without = new Set(await jobs.without(missing))
        // Of a shard that was done meanwhile the job is gone as well, but not before it was there.
        missing = await missingShards(plan, store)
        await jobs.add(missing.filter((shard) => without.has(shard)))
      }
    }
  } finally {
    await jobs.close()
  }
}

/** What is known of a run. */
export interface ScoreStatus extends ScoreProgress {
  /** The id of the plan. */
  readonly run: string
  /** Whether the parts have been joined: the results are there. */
  readonly joined: boolean
  /** Of the queue, if one is asked: jobs of all runs. */
  readonly queue?: {
    readonly waiting: number
    readonly active: number
    readonly delayed: number
    readonly workers: number
    /** Shards of this run that were given up. */
    readonly failed: readonly FailedShard[]
  }
}

/** How far a run is, without touching it. @throws LanewiseError `E_STATE` if there is none. */
export async function scoreStatus({
  output,
  queue,
  store: module,
}: Pick<ScoreOptions, 'output' | 'queue' | 'store'>): Promise<ScoreStatus> {
  const location = module === undefined ? resolve(output) : output
  const store = await openStore({ location, module })
  const plan = await readPlan(store)
  if (!plan) throw new LanewiseError('E_STATE', `there is no run in ${output}`)
  const done = plan.shards - (await missingShards(plan, store)).length
  const joined = (await readManifest(store))?.run === plan.id
  const items = Math.min(plan.source.items, done * plan.shardSize)
  const status = { run: plan.id, shards: plan.shards, done, items, joined }
  if (queue === undefined) return status
  const jobs = await ShardQueue.open(queue, plan.id, location)
  try {
    return {
      ...status,
      queue: { ...(await jobs.unfinished()), workers: await jobs.workers(), failed: await jobs.failed() },
    }
  } finally {
    await jobs.close()
  }
}

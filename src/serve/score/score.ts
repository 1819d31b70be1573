import { resolve } from 'node:path'
import type { Build } from '../../../bindings/module.js'
import { LanewiseError } from '../../core/errors.js'
import type { ImageOptions } from '../../data/image-tensor.js'
import { joinShards, readManifest, type Manifest } from './join.js'
import { scoreHere, type FailedShard } from './local.js'
import { layPlan, readPlan, shardName, type Plan } from './plan.js'
import { ShardQueue } from './queue.js'
import { Scorers } from './scorers.js'
import { openStore, removeLeftovers, type ShardStore } from './store.js'

/** How far a run is. */
export interface ScoreProgress {
  readonly shards: number
  readonly done: number
  readonly items: number
}

/** What is scored by what, and where. */
export interface ScoreOptions {
  /** A file of a model. */
  readonly model: string
  /** A folder of pictures, `.npy`, `.npz`, `.jsonl` or `.csv`. Workers on other machines find it under the same path. */
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
  /** How pictures become tensors. */
  readonly picture?: ImageOptions
  /** Which build of the kernels. Default: the bits of every machine (`deterministic`); `relaxed` and `auto` are faster where there is fused multiply-add. */
  readonly build?: Build | 'auto'
  /** Goes on with a run that was broken off, and tries what was given up once more. */
  readonly resume?: boolean
  /** Where this machine keeps models, for `local`. */
  readonly cache: string
  /** Milliseconds between two looks at how far it is. Default 500. */
  readonly interval?: number
  onProgress?(progress: ScoreProgress): void
}

const NO_CHANGE: ImageOptions = { crop: false, mean: [0], std: [1], bgr: false }

function wholeNumber(name: string, value: number, most: number): number {
  if (Number.isInteger(value) && value >= 1 && value <= most) return value
  throw new LanewiseError('E_VALUE', `${name} must be a whole number from 1 to ${most}, got ${value}`)
}

/**
 * Scores everything in a source, in shards: each is a job with a deterministic id, whose lines are put into the store whole or not at all, so that nothing is lost and nothing is there
 * twice, whoever dies when. Items that are at fault themselves go to a list of their own.
 *
 * @example
 * import { score } from 'lanewise/serve'
 * import { writeFile } from 'node:fs/promises'
 *
 * const row = JSON.stringify(new Array(784).fill(0.5)) // of a classifier of digits
 * await writeFile('digits.jsonl', `${row}\n${row}\nno numbers\n`)
 * const { scored, failed } = await score({ model: 'model.onnx', input: 'digits.jsonl', output: 'scores', cache: 'cache' })
 * console.log(scored, failed) // 2 1
 *
 * @throws LanewiseError `E_STATE` if the output holds another run, or one and `resume` is not set, or if shards were given up; `E_EXTERNAL` if source, store or Redis
 *   cannot be reached; `E_UNSUPPORTED` without a package; what loading the model throws.
 */
export async function score(options: ScoreOptions): Promise<Manifest> {
  const { queue, store: module, resume = false } = options
  const local = wholeNumber('local', options.local ?? 1, 256)
  const location = module === undefined ? resolve(options.output) : options.output
  const place = { location, module }
  const store = await openStore(place)
  const plan = await layPlan(
    {
      model: options.model,
      input: options.input,
      shardSize: wholeNumber('shardSize', options.shardSize ?? 256, 2 ** 20),
      batch: wholeNumber('batch', options.batch ?? 32, 4096),
      outputs: options.outputs,
      picture: options.picture ?? NO_CHANGE,
      session: { build: options.build ?? 'auto', deterministic: options.build === undefined },
    },
    store,
    resume,
  )
  const finished = await readManifest(store)
  if (finished?.run === plan.id) return finished
  const report = (done: number): void =>
    options.onProgress?.({ shards: plan.shards, done, items: Math.min(plan.source.items, done * plan.shardSize) })
  const failed =
    queue === undefined
      ? await scoreLocally(plan, store, place, local, options.cache, report)
      : await scoreByQueue(plan, store, location, queue, options.interval ?? 500, report)
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

async function scoreLocally(
  plan: Plan,
  store: ShardStore,
  place: { location: string; module?: string },
  threads: number,
  cache: string,
  report: (done: number) => void,
): Promise<FailedShard[]> {
  const missing = await missingShards(plan, store)
  let done = plan.shards - missing.length
  report(done)
  const scorers = await Scorers.open(threads, cache)
  try {
    return await scoreHere(scorers, threads, plan.id, place, missing, () => report(++done))
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
  report: (done: number) => void,
): Promise<FailedShard[]> {
  let missing = await missingShards(plan, store)
  report(plan.shards - missing.length)
  if (missing.length === 0) return []
  const jobs = await ShardQueue.open(url, plan.id, location)
  try {
    await jobs.forgive()
    await jobs.add(missing)
    for (;;) {
      await new Promise((done) => setTimeout(done, interval))
      missing = await missingShards(plan, store)
      report(plan.shards - missing.length)
      if (missing.length === 0) return []
      const { waiting, active, delayed } = await jobs.unfinished()
      const failed = (await jobs.failed()).filter(({ shard }) => missing.includes(shard))
      if (failed.length === missing.length) return failed
      // Of several runs, some of these may be others'.
      if (waiting + active + delayed + failed.length < missing.length) await jobs.add(missing)
    }
  } finally {
    await jobs.close()
  }
}

/** What is known of a run. */
export interface ScoreStatus extends ScoreProgress {
  readonly run: string
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

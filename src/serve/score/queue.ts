import type { Job, Queue as BullQueue, Worker as BullWorker } from 'bullmq'
import type { Redis } from 'ioredis'
import { log } from '../../core/env.js'
import { LanewiseError } from '../../core/errors.js'
import { loadOptional } from '../../platform/optional.js'
import { ATTEMPTS, FIRST_WAIT, type FailedShard } from './local.js'
import type { ShardResult } from './run-shard.js'
import { Scorers } from './scorers.js'
import { checkedTask, type Task } from './task.js'

/** What a queue needs beside Lanewise. */
const PACKAGES = ['bullmq', 'ioredis']
/** The queue of all runs. */
const QUEUE = 'lanewise-score'
/** A shard whose worker died as often as this may be what kills them. */
const MAX_STALLS = 10
/** Jobs that are added in one call. */
const AT_ONCE = 1000
/** Milliseconds within which Redis has to answer at first. */
const FIRST_ANSWER = 10_000

type Bull = typeof import('bullmq')

async function bullmq(): Promise<Bull> {
  return loadOptional<Bull>('bullmq', 'scoring on a queue', PACKAGES)
}

/**
 * A connection that comes back by itself, however long Redis is away.
 *
 * @throws LanewiseError `E_VALUE` for what is no address of a Redis, `E_UNSUPPORTED` without ioredis, `E_EXTERNAL` if
 *   it does not answer or does not let us in.
 */
async function connect(url: string): Promise<Redis> {
  if (!/^rediss?:$/.test(URL.canParse(url) ? new URL(url).protocol : ''))
    throw new LanewiseError(
      'E_VALUE',
      `the queue must be redis://[user:password@]host:port or rediss://…, got ${JSON.stringify(withoutPassword(url))}`,
    )
  const module = await loadOptional<typeof import('ioredis')>('ioredis', 'scoring on a queue', PACKAGES)
  const redis = new module.Redis(url, {
    maxRetriesPerRequest: null,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 6), 2000),
  })
  // Each attempt to connect that fails is one of these; the commands wait.
  let why: unknown
  redis.on('error', (error) => (why = error))
  let said = 'does not answer'
  try {
    if (await answersInTime(redis)) return redis
  } catch (cause) {
    why = cause
    said = 'refuses'
  }
  // Else it would go on trying, and keep the process from ending.
  redis.disconnect()
  const reason = why instanceof Error ? ` (${why.message || String((why as NodeJS.ErrnoException).code)})` : ''
  throw new LanewiseError('E_EXTERNAL', `Redis at ${withoutPassword(url)} ${said}${reason}`, { cause: why })
}

/**
 * Looks whether there is a queue to add jobs to. @throws LanewiseError `E_UNSUPPORTED` without bullmq or ioredis; as
 * {@link connect}.
 */
export async function checkQueue(url: string): Promise<void> {
  await bullmq()
  const redis = await connect(url)
  redis.disconnect()
}

/** @throws what Redis says, e.g. that the password is wrong. */
async function answersInTime(redis: Redis): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), FIRST_ANSWER)))
  try {
    return await Promise.race([redis.ping().then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

function withoutPassword(url: string): string {
  return url.replace(/\/\/.*@/, '//').replace(/\?.*$/, '')
}

/** Id of the job of a shard: another one of the same id is not added. */
function jobId({ plan, shard }: Pick<Task, 'plan' | 'shard'>): string {
  return `${plan}-${shard}`
}

/** The jobs of a run. */
export class ShardQueue {
  private constructor(
    private readonly redis: Redis,
    private readonly queue: BullQueue<Task, ShardResult>,
    private readonly plan: string,
    private readonly location: string,
  ) {}

  /** @throws LanewiseError `E_UNSUPPORTED` without bullmq or ioredis; as {@link connect}. */
  static async open(url: string, plan: string, location: string): Promise<ShardQueue> {
    const { Queue } = await bullmq()
    const redis = await connect(url)
    const queue = new Queue<Task, ShardResult>(QUEUE, { connection: redis })
    queue.on('error', (error) => log('verbose', `the queue: ${error.message}`))
    return new ShardQueue(redis, queue, plan, location)
  }

  /** Adds the jobs of these shards, but for those that are there. */
  async add(shards: readonly number[]): Promise<void> {
    for (let at = 0; at < shards.length; at += AT_ONCE)
      await this.queue.addBulk(
        shards.slice(at, at + AT_ONCE).map((shard) => {
          const data: Task = { plan: this.plan, shard, location: this.location }
          return {
            name: 'shard',
            data,
            opts: {
              jobId: jobId(data),
              attempts: ATTEMPTS,
              backoff: { type: 'exponential', delay: FIRST_WAIT },
              // What is done is known by its shard.
              removeOnComplete: true,
            },
          }
        }),
      )
  }

  /** Which of these shards have no job. */
  async without(shards: readonly number[]): Promise<number[]> {
    const found: number[] = []
    for (let at = 0; at < shards.length; at += AT_ONCE) {
      const some = shards.slice(at, at + AT_ONCE)
      const there = await Promise.all(
        some.map((shard) => this.redis.exists(this.queue.toKey(jobId({ plan: this.plan, shard })))),
      )
      found.push(...some.filter((_, i) => there[i] === 0))
    }
    return found
  }

  /** The shards that were given up. */
  async failed(): Promise<FailedShard[]> {
    return (await this.givenUp()).map(({ data, failedReason }) => ({ shard: data.shard, reason: failedReason }))
  }

  /** Forgets which were given up, so that they can be added again. */
  async forgive(): Promise<void> {
    for (const job of await this.givenUp()) await job.remove()
  }

  private async givenUp(): Promise<Job<Task, ShardResult>[]> {
    const jobs = await this.queue.getFailed()
    return jobs.filter((job) => job?.data?.plan === this.plan)
  }

  /** Jobs that are waiting, running or to be tried again, of all runs. */
  async unfinished(): Promise<{ readonly waiting: number; readonly active: number; readonly delayed: number }> {
    const {
      wait = 0,
      waiting = 0,
      prioritized = 0,
      active = 0,
      delayed = 0,
      paused = 0,
    } = await this.queue.getJobCounts()
    return { waiting: wait + waiting + prioritized + paused, active, delayed }
  }

  /** Workers that are connected. */
  workers(): Promise<number> {
    return this.queue.getWorkersCount()
  }

  async close(): Promise<void> {
    await this.queue.close()
    this.redis.disconnect()
  }
}

/** How a worker works. */
export interface WorkOptions {
  /** The address of Redis: `redis://[user:password@]host:port[/database]`, or `rediss://` for TLS. */
  readonly queue: string
  /** Shards at a time, each in a thread with a session. Default 1. */
  readonly threads?: number
  /** Where models are kept on this machine. */
  readonly cache: string
  /** Refuse runs whose output does not lie in this folder, wherever symbolic links lead. */
  readonly within?: string
  /** A module that makes stores of locations that are no folders. */
  readonly store?: string
  /** Milliseconds after which a worker that has not been heard of counts as dead. Default 30,000. */
  readonly stall?: number
  /** Called after each shard. */
  onShard?(
    shard: { readonly plan: string; readonly shard: number; readonly error?: string } & Partial<ShardResult>,
  ): void
}

/** A worker that takes jobs until it is closed. */
export interface ShardWorker {
  /** Finishes the shards that it has. */
  close(): Promise<void>
}

/**
 * Takes shards of any run from a queue, one after the other.
 *
 * @throws LanewiseError `E_UNSUPPORTED` without the packages bullmq and ioredis, `E_VALUE` for an address that is none,
 *   `E_EXTERNAL` if Redis does not answer or refuses.
 */
export async function work(options: WorkOptions): Promise<ShardWorker> {
  const { queue: url, threads = 1, cache, within, store, stall = 30_000, onShard } = options
  const { Worker } = await bullmq()
  const redis = await connect(url)
  const scorers = await Scorers.open(threads, cache)
  const score = async ({ data }: Job<Task, ShardResult>): Promise<ShardResult> => {
    const { plan, shard, location } = await checkedTask(data, within)
    try {
      const result = await scorers.score({ plan, shard, store: { location, module: store } })
      onShard?.({ plan, shard, ...result })
      return result
    } catch (error) {
      onShard?.({ plan, shard, error: (error as Error).message })
      throw error
    }
  }
  const worker: BullWorker<Task, ShardResult> = new Worker<Task, ShardResult>(QUEUE, score, {
    connection: redis,
    // One more than there are threads: when one is done with a shard the next is there.
    concurrency: threads + 1,
    lockDuration: stall,
    stalledInterval: stall,
    maxStalledCount: MAX_STALLS,
  })
  // Redis has gone, or somebody else has taken a shard that took too long: both come right by themselves.
  worker.on('error', (error) => log('verbose', `the worker: ${error.message}`))
  return {
    async close() {
      await worker.close()
      await scorers.close()
      redis.disconnect()
    },
  }
}

import { ThreadPool } from '../pool.js'
import type { ScoreThread, ShardTask } from './score-thread.js'
import type { ShardResult } from './run-shard.js'

/** Threads that score shards; who comes while all are busy waits for its turn. */
export class Scorers {
  private readonly waiting: (() => void)[] = []

  private constructor(private readonly pool: ThreadPool<ShardTask, ShardResult>) {
    pool.onIdle = () => this.waiting.shift()?.()
  }

  /** @param cache - where models are kept on this machine. */
  static async open(threads: number, cache: string): Promise<Scorers> {
    const data: ScoreThread = { kind: 'score', cache }
    return new this(await ThreadPool.open<ShardTask, ShardResult>(threads, () => data))
  }

  /** @throws LanewiseError as `Run.shard`; `E_STATE` if the thread dies. */
  async score(task: ShardTask): Promise<ShardResult> {
    while (this.pool.idleThreads === 0) await new Promise<void>((resolve) => this.waiting.push(resolve))
    return this.pool.run(task)
  }

  close(): Promise<void> {
    return this.pool.close()
  }
}

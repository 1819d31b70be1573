import { parentPort } from 'node:worker_threads'
import { present } from '../../core/errors.js'
import { sentError, type FromThread } from '../messages.js'
import { Run, type ShardResult } from './run-shard.js'
import { openStore, type StorePlace } from './store.js'

/** What a thread of scoring is started with. */
export interface ScoreThread {
  readonly kind: 'score'
  /** Where models are kept on this machine. */
  readonly cache: string
}

/** A shard to score. */
export interface ShardTask {
  readonly store: StorePlace
  readonly plan: string
  readonly shard: number
}

/** The thread that scores shards, one after the other. It keeps the session of the run that it had last. */
export function runScoreThread({ cache }: ScoreThread): void {
  const port = present(parentPort ?? undefined, 'port: this runs in a thread')
  const post = (message: FromThread<ShardResult>) => port.postMessage(message)
  let run: Run | undefined
  const score = async ({ store: place, plan, shard }: ShardTask): Promise<ShardResult> => {
    if (run?.plan.id !== plan) {
      await run?.release()
      run = undefined
      run = await Run.open(await openStore(place), plan, cache)
    }
    return run.shard(shard)
  }
  port.on('message', ({ id, ...task }: ShardTask & { readonly id: number }) => {
    score(task).then(
      (result) => post({ id, result, bytes: run?.bytes ?? 0 }),
      (error: unknown) => post({ id, error: sentError(error) }),
    )
  })
  post({ ready: true })
}

import type { LanewiseError } from '../../core/errors.js'
import type { Scorers } from './scorers.js'
import type { StorePlace } from './store.js'

/** How often a shard is tried, and the milliseconds before the second time; each further one waits twice as long. */
export const ATTEMPTS = 5
export const FIRST_WAIT = 500

/** A shard that could not be scored, though tried again. */
export interface FailedShard {
  /** The shard's number in the plan. */
  readonly shard: number
  /** The last error's message. */
  readonly reason: string
}

/** Scores shards in this process: as many at a time as there are threads. @returns those that could not be. */
export async function scoreHere(
  scorers: Scorers,
  threads: number,
  plan: string,
  store: StorePlace,
  shards: readonly number[],
  onDone: () => void,
): Promise<FailedShard[]> {
  const failed: FailedShard[] = []
  const rest = shards[Symbol.iterator]()
  const lane = async (): Promise<void> => {
    for (const shard of rest) {
      for (let attempt = 1; ; attempt++) {
        try {
          await scorers.score({ store, plan, shard })
          onDone()
          break
        } catch (error) {
          if (attempt === ATTEMPTS) {
            failed.push({ shard, reason: (error as LanewiseError).message })
            break
          }
          await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT * 2 ** (attempt - 1)))
        }
      }
    }
  }
  await Promise.all(Array.from({ length: threads }, lane))
  return failed
}

import { clockStep } from '../../src/inspect/clock-step.js'

/** Steps of the clock that are told well enough, the milliseconds below which other work disturbs, the most runs. */
const [STEPS, LEAST_MS, MOST_AT_ONCE] = [20, 3, 4096]

/**
 * Milliseconds of a run of each, measured in turns for as long as `more` says: what else the machine does falls on all.
 * Where a run is too short for the clock, as many follow each other as it can tell.
 */
export async function timesInTurns(
  runs: readonly (() => Promise<unknown>)[],
  more: (rounds: number) => boolean,
): Promise<number[][]> {
  for (const run of runs) await run()
  const tellable = Math.max(LEAST_MS, STEPS * clockStep())
  const counts = runs.map(() => 1)
  const times = runs.map((): number[] => [])
  for (let rounds = 0; more(rounds); rounds++) {
    for (const [i, run] of runs.entries()) {
      for (;;) {
        const before = performance.now()
        for (let n = 0; n < counts[i]; n++) await run()
        const ms = performance.now() - before
        if (ms >= tellable || counts[i] >= MOST_AT_ONCE) {
          times[i].push(ms / counts[i])
          break
        }
        counts[i] *= 2
      }
    }
  }
  return times
}

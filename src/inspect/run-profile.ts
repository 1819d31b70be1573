import type { ProfileEntry } from '../api/profile.js'
import type { InferenceSession } from '../api/session.js'
import { present } from '../core/errors.js'
import { median } from '../core/table.js'
import type { Feeds } from '../api/feeds.js'
import { clockStep } from './clock-step.js'
import { memoryMap } from './memory-map.js'
import type { DeviceRates } from './peaks.js'
import type { RunProfile } from './profile-file.js'

export interface ProfileRunOptions {
  readonly model: string
  readonly engine: string
  /** Runs of which medians are taken, after one that plans. */
  readonly repeat: number
  readonly device?: DeviceRates
}

/** Runs a model and profiles it. @throws LanewiseError as `session.run`. */
export async function profileRun(
  session: InferenceSession,
  feeds: Feeds,
  { model, engine, repeat, device }: ProfileRunOptions,
): Promise<RunProfile> {
  await session.run(feeds)
  const step = clockStep()
  const coarse = step > COARSE
  const runs: (readonly ProfileEntry[])[] = []
  const start = performance.now()
  while (runs.length < repeat || (coarse && runs.length < MOST_RUNS && performance.now() - start < BUDGET)) {
    await session.run(feeds, undefined, { profile: true })
    runs.push(present(session.lastProfile, 'profile'))
  }
  const nodes = coarse ? combined(undisturbed(runs, step), mean) : combined(runs, median)
  return {
    model,
    engine,
    build: session.build,
    threads: session.threads,
    runs: runs.length,
    statistic: coarse ? 'means' : 'medians',
    totalMs: nodes.reduce((sum, entry) => sum + entry.ms, 0),
    nodes,
    device,
    memory: memoryMap(await session.prepare(feeds), session.memory.weights),
  }
}

/** Milliseconds: a clock of larger steps cannot time a node by one run. */
const COARSE = 0.01
/** The most runs whose times are averaged then, and the milliseconds they may take. */
const [MOST_RUNS, BUDGET] = [5000, 1500]
/** A run of so many steps of the clock is told well enough to be compared with others. */
const TELLABLE = 50

/** Times that a coarse clock has rounded up or down are right on the average. */
function mean(times: readonly number[]): number {
  return times.reduce((sum, ms) => sum + ms, 0) / times.length
}

/**
 * The faster half of runs, for what else the machine did fell on the others; all of them where a run is so short that
 * the faster ones are those that the clock has rounded down.
 */
function undisturbed(runs: readonly (readonly ProfileEntry[])[], step: number): readonly (readonly ProfileEntry[])[] {
  const totals = new Map(runs.map((run) => [run, run.reduce((sum, { ms }) => sum + ms, 0)]))
  if (median([...totals.values()]) < TELLABLE * step) return runs
  const order = [...totals].sort(([, a], [, b]) => a - b).map(([run]) => run)
  return order.slice(0, Math.ceil(order.length / 2))
}

/** The steps of the runs with one time each. Where data decides what runs, the last run stands alone. */
function combined(
  runs: readonly (readonly ProfileEntry[])[],
  statistic: (times: readonly number[]) => number,
): ProfileEntry[] {
  const last = runs[runs.length - 1]
  const same = runs.filter((run) => run.length === last.length && run.every((entry, i) => entry.node === last[i].node))
  return last.map((entry, i) => {
    const ms = statistic(same.map((run) => run[i].ms))
    return { ...entry, ms, gflops: entry.flops && ms > 0 ? entry.flops / ms / 1e6 : undefined }
  })
}

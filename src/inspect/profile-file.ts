import type { ProfileEntry } from '../api/profile.js'
import { LanewiseError } from '../core/errors.js'
import type { MemoryMap } from './memory-map.js'
import type { DeviceRates } from './peaks.js'

/** A run of a model as it is shown: what each node took, against what the device can do, and what memory it held. */
export interface RunProfile {
  readonly model: string
  /** Where it ran, for people: engine, build, threads. */
  readonly engine: string
  readonly build: 'simd' | 'relaxed'
  readonly threads: number
  /** How many runs there were. */
  readonly runs: number
  /** What `ms` are of them: means where the clock is too coarse for medians. */
  readonly statistic: 'medians' | 'means'
  readonly totalMs: number
  readonly nodes: readonly ProfileEntry[]
  readonly device?: DeviceRates
  readonly memory?: MemoryMap
}

/** Reads what `lanewise profile MODEL --json` wrote. @throws LanewiseError `E_PARSE` for anything else. */
export function parseProfile(text: string, name: string): RunProfile {
  const wrong = (reason: string, cause?: unknown): never => {
    throw new LanewiseError('E_PARSE', `${name} is no profile (lanewise profile MODEL --json): ${reason}`, { cause })
  }
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch (cause) {
    wrong('it is no JSON', cause)
  }
  // Several runs are written as a list of them.
  const { profiles } = (read ?? {}) as { profiles?: unknown }
  const given = (Array.isArray(profiles) ? profiles[0] : read) as Partial<Record<keyof RunProfile, unknown>> | null
  if (typeof given !== 'object' || given === null || !Array.isArray(given.nodes)) return wrong('it has no list "nodes"')
  const nodes = given.nodes.map((entry: Partial<Record<keyof ProfileEntry, unknown>> | null, i): ProfileEntry => {
    const { node, op, kernel, ms, bytes, flops } = entry ?? {}
    if (typeof node !== 'string' || typeof op !== 'string' || typeof kernel !== 'string')
      return wrong(`node ${i} has no "node", "op" and "kernel"`)
    if (!isAmount(ms) || !isAmount(bytes)) return wrong(`node ${i} has no "ms" and "bytes"`)
    const known = isAmount(flops) && flops > 0 ? { flops, gflops: ms > 0 ? flops / ms / 1e6 : undefined } : {}
    return { node, op, kernel, ms, bytes, ...known }
  })
  return {
    model: textOf(given.model, name),
    engine: textOf(given.engine, ''),
    build: given.build === 'relaxed' ? 'relaxed' : 'simd',
    threads: isAmount(given.threads) ? given.threads : 1,
    runs: isAmount(given.runs) ? given.runs : 1,
    statistic: given.statistic === 'means' ? 'means' : 'medians',
    totalMs: nodes.reduce((sum, entry) => sum + entry.ms, 0),
    nodes,
  }
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && Number.isFinite(value)
}

function textOf(value: unknown, otherwise: string): string {
  return typeof value === 'string' ? value : otherwise
}

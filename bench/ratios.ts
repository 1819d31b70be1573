import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { WorkResult } from './measure.js'
import type { Environment } from './report.js'
import type { Ratio } from './statistics.js'

const file = fileURLToPath(new URL('./ratios.json', import.meta.url))
const TOLERATED = 0.15
/** A measurement noisier than this has to be repeated, not excused. */
const MOST_NOISE = 0.25

/**
 * By engine, build and processor (a product of bytes is twice as fast on one that has an instruction for it), then by
 * "suite/work/peer": how many times as long the peer takes.
 */
type Stored = Record<string, Record<string, number>>

function read(): Stored {
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Stored) : {}
}

/** What is stored of a result, of a training step as of a run. */
export interface StoredResult extends Pick<WorkResult, 'suite' | 'name' | 'failed'> {
  readonly ratios: Readonly<Record<string, Ratio>>
}

type Where = Pick<Environment, 'key' | 'build' | 'cpu'>

const keyOf = ({ key, build, cpu }: Where): string => `${key}/${build}/${cpu}`

function ratiosOf(results: readonly StoredResult[]): Map<string, Ratio> {
  const ratios = new Map<string, Ratio>()
  for (const { suite, name, ratios: runs } of results) {
    for (const [peer, ratio] of Object.entries(runs)) ratios.set(`${suite}/${name}/${peer}`, ratio)
  }
  return ratios
}

/** Keeps the ratios of this run beside those of works that were not run. */
export function storeRatios(environment: Where, results: readonly StoredResult[]): void {
  const stored = read()
  const table = { ...stored[keyOf(environment)] }
  for (const [name, { ratio }] of ratiosOf(results)) table[name] = Number(ratio.toPrecision(3))
  stored[keyOf(environment)] = Object.fromEntries(Object.entries(table).sort(([a], [b]) => (a < b ? -1 : 1)))
  writeFileSync(file, JSON.stringify(stored, null, 2) + '\n')
}

/**
 * Every ratio that is worse than the stored one by more than 15 % and twice its noise; so is a work that no longer
 * runs, and a processor of which none are stored.
 */
export function worseRatios(environment: Where, results: readonly StoredResult[]): string[] {
  const table = read()[keyOf(environment)]
  if (!table) return [`nothing is known of ${keyOf(environment)}: --store keeps ratios`]
  const now = ratiosOf(results)
  const failed = results.flatMap(({ suite, name, failed: why }) => {
    const known = Object.keys(table).some((key) => key.startsWith(`${suite}/${name}/`))
    return why && known ? [`${suite}/${name} no longer runs: ${why}`] : []
  })
  const worse = [...now].flatMap(([name, { ratio, noise }]) => {
    const before = table[name]
    return before !== undefined && ratio < before * (1 - TOLERATED - Math.min(2 * noise, MOST_NOISE))
      ? [`${name}: ${ratio.toFixed(2)}×, stored ${before}× (noise ${(100 * noise).toFixed(1)} %)`]
      : []
  })
  return [...failed, ...worse]
}

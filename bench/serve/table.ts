import type { Ratio } from '../statistics.js'
import type { Burst } from './load.js'
import type { ServerMemory } from './process.js'

/** A server with one engine, asked by so many connections. */
export interface ServeRow {
  readonly work: string
  readonly connections: number
  readonly label: string
  /** The burst with the most requests in a second. */
  readonly best: Burst
  /** Milliseconds of the server's processor time for each request: the median of the bursts. */
  readonly cpu: number
  /** How many times as many requests the first of the table answers. */
  readonly throughput: Ratio
  /** Whether it gives the answers of the first. */
  readonly agrees: boolean
}

/** Many requests, and what memory they left. */
export interface SoakReport {
  readonly requests: number
  readonly statuses: Readonly<Record<number, number>>
  readonly broken: number
  /** After the first tenth of the requests, the second … */
  readonly memory: readonly ServerMemory[]
  /**
   * The highest of the second half, of resident memory and of the heap, as a share of what was there after the first
   * fifth.
   */
  readonly growth: { readonly rss: number; readonly heapUsed: number }
}

export interface ServeReport {
  readonly environment: {
    readonly engine: string
    readonly cpu: string
    readonly processors: number
    readonly versions: Readonly<Record<string, string>>
  }
  readonly rounds: number
  readonly rows: readonly ServeRow[]
  readonly soak: SoakReport | undefined
}

/** Memory that grows by no more than this is flat. */
const FLAT = 1.1

/** Whether all answers are right and memory is flat. */
export function serveHolds({ rows, soak }: ServeReport): boolean {
  const right = rows.every(
    ({ agrees, best }) => agrees && best.broken === 0 && Object.keys(best.statuses).join() === '200',
  )
  return right && (!soak || (soak.broken === 0 && soak.growth.rss <= FLAT && soak.growth.heapUsed <= FLAT))
}

const mega = (bytes: number): string => (bytes / 1e6).toFixed(1)

/** The report as Markdown. */
export function serveTable({ environment, rounds, rows, soak }: ServeReport): string {
  const { engine, cpu, processors, versions } = environment
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  const lines = [`${[engine, cpu, `${processors} processors and threads`, ...names].join(', ')}.`, '']
  if (rows.length > 0)
    lines.push(
      `The best of ${rounds} bursts of some seconds, one server after the other; beside it how many processors others kept busy. Processor time is the server's, a median. ×: how many times as many requests the first answers.`,
      '',
      '| model | connections | server | requests/s | × | p50 ms | p99 ms | CPU ms a request | others |',
      '|---|--:|---|--:|--:|--:|--:|--:|--:|',
    )
  for (const { work, connections, label, best, cpu: spent, throughput, agrees } of rows)
    lines.push(
      `| ${work} | ${connections} | ${label}${agrees ? '' : ': OTHER ANSWERS'} | ${best.perSecond.toFixed(0)} | ${throughput.ratio.toFixed(2)} | ${best.p50.toPrecision(3)} | ${best.p99.toPrecision(3)} | ${spent.toPrecision(3)} | ${best.others?.toFixed(1) ?? ''} |`,
    )
  if (soak) {
    lines.push(
      `${soak.requests} requests, statuses ${JSON.stringify(soak.statuses)}, ${soak.broken} broken connections.`,
      '',
      '| requests | resident MB | heap MB | external MB |',
      '|--:|--:|--:|--:|',
    )
    for (const [i, { rss, heapUsed, external }] of soak.memory.entries())
      lines.push(
        `| ${((i + 1) * soak.requests) / soak.memory.length} | ${mega(rss)} | ${mega(heapUsed)} | ${mega(external)} |`,
      )
    const { rss, heapUsed } = soak.growth
    lines.push(
      '',
      `The most of the second half against the first fifth: resident ${rss.toFixed(3)}×, heap ${heapUsed.toFixed(3)}×.`,
    )
  }
  return lines.join('\n')
}

import { geometricMean } from '../statistics.js'

/** Numbers of cores that are reckoned with. */
export const CORES = [2, 4, 8] as const

export interface CoresRow {
  readonly name: string
  /** Milliseconds of a run by one thread. */
  readonly ms: number
  /** What share of a run is made by one thread, however many there are. */
  readonly serial: number
  /** How many times as fast a run would be, by CORES. */
  readonly faster: readonly number[]
}

export interface ThreadsReport {
  readonly engine: string
  readonly build: string
  readonly cpu: string
  readonly threads: number
  /** Microseconds of a shared call in which nothing is done. */
  readonly barrier: number
  readonly rows: readonly CoresRow[]
}

/** The report as Markdown. */
export function threadsTable({ engine, build, cpu, threads, barrier, rows }: ThreadsReport): string {
  const cells = ({ name, ms, serial, faster }: CoresRow) =>
    `| ${name} | ${ms.toPrecision(3)} | ${(100 * serial).toFixed(1)} % | ${faster.map((times) => `${times.toFixed(2)}×`).join(' | ')} |`
  const long = rows.filter(({ ms }) => ms >= 5)
  return [
    `${engine}, build ${build}, ${cpu}. A call of nothing, shared between ${threads} threads: ${barrier.toFixed(2)} µs.`,
    '',
    `| model | ms, one thread | serial share | ${CORES.map((cores) => `${cores} cores`).join(' | ')} |`,
    `|---|--:|--:|${CORES.map(() => '--:|').join('')}`,
    ...rows.toSorted((a, b) => b.ms - a.ms).map(cells),
    ...(long.length > 1
      ? [
          `| geometric mean, 5 ms and more | | | ${CORES.map((_, at) => `${geometricMean(long.map(({ faster }) => faster[at])).toFixed(2)}×`).join(' | ')} |`,
        ]
      : []),
  ].join('\n')
}

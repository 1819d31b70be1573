import { geometricMean } from '../statistics.js'

/** Numbers of cores that are reckoned with. */
export const CORES = [2, 4, 8] as const

const MOST = 8
/** How many times as fast so many cores are at most, by what is left to one of them. */
const amdahl = (serial: number): number => 1 / (serial + (1 - serial) / MOST)

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

/** Milliseconds from which on a model is long: of the others only that they are no slower is asked. */
const LONG = 5

/**
 * The text of docs/performance/threads.md with the long models of a report in place of those before, between the marks;
 * without a report as it is.
 */
export function withCores(page: string, report: ThreadsReport | undefined): string {
  if (!report) return page
  const table = threadsTable({ ...report, rows: report.rows.filter(({ ms }) => ms >= LONG) })
  return page.replace(/(?<=<!-- bench threads-node24-cores -->\n).*?(?=\n<!-- end -->)/s, () => table)
}

/** The report as Markdown. */
export function threadsTable({ engine, build, cpu, threads, barrier, rows }: ThreadsReport): string {
  const cells = ({ name, ms, serial, faster }: CoresRow) =>
    `| ${name} | ${ms.toPrecision(3)} | ${(100 * serial).toFixed(1)} % | ${[...faster, amdahl(serial)].map((times) => `${times.toFixed(2)}×`).join(' | ')} |`
  const long = rows.filter(({ ms }) => ms >= LONG)
  return [
    `${engine}, build ${build}, ${cpu}. A call of nothing, shared between ${threads} threads: ${barrier.toFixed(2)} µs.`,
    '',
    `| model | ms, one thread | serial share | ${CORES.map((cores) => `${cores} cores`).join(' | ')} | ${MOST} cores, any number of pieces |`,
    `|---|--:|--:|${CORES.map(() => '--:|').join('')}--:|`,
    ...rows.toSorted((a, b) => b.ms - a.ms).map(cells),
    ...(long.length > 1
      ? [
          `| geometric mean, ${LONG} ms and more | | | ${[...CORES.map((_, at) => long.map(({ faster }) => faster[at])), long.map(({ serial }) => amdahl(serial))].map((of) => `${geometricMean(of).toFixed(2)}×`).join(' | ')} |`,
        ]
      : []),
  ].join('\n')
}

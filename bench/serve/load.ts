import { readFileSync } from 'node:fs'
import { load } from '../process.js'
import type { ServerProcess } from './process.js'

/** What is sent again and again. */
export interface LoadRequest {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Buffer | string
}

interface Autocannon {
  readonly default: (options: object) => Promise<CannonResult> & {
    on(event: 'response', listener: (client: unknown, status: number, bytes: number, ms: number) => void): void
  }
}

interface CannonResult {
  readonly duration: number
  readonly errors: number
  readonly timeouts: number
}

/** What came of a burst of requests. */
export interface Burst {
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Milliseconds of the server's processor time for each request. */
  readonly cpu: number
  /** Processors that others kept busy meanwhile, where the system tells. */
  readonly others: number | undefined
  readonly statuses: Readonly<Record<number, number>>
  /** Connections that broke, and requests without an answer. */
  readonly broken: number
}

/** Milliseconds for which all processors together were busy, of anybody. */
function busy(): number | undefined {
  try {
    const [user, nice, system, , , irq, soft, steal] = (
      /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8')) ?? []
    )[1]
      .split(' ')
      .map(Number)
    return 10 * (user + nice + system + irq + soft + steal)
  } catch {
    return undefined
  }
}

function ownCpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

/**
 * Has so many connections ask a server, each as soon as it has its answer, until all requests are answered: what is
 * half done would be paid for and not counted.
 */
export async function burst(
  server: ServerProcess,
  requests: readonly LoadRequest[],
  connections: number,
  amount: number,
): Promise<Burst> {
  const { default: autocannon } = await load<Autocannon>('autocannon')
  const before = { server: await server.cpu(), own: ownCpu(), busy: busy() }
  const begun = performance.now()
  let last = begun
  const times: number[] = []
  const statuses: Record<number, number> = {}
  const run = autocannon({
    url: server.url,
    connections,
    amount,
    // Its own default is 10 s.
    timeout: 60,
    requests: requests.map((request) => ({ method: 'POST', ...request })),
  })
  run.on('response', (_client, status, _bytes, ms) => {
    times.push(ms)
    last = performance.now()
    statuses[status] = (statuses[status] ?? 0) + 1
  })
  const { errors, timeouts } = await run
  if (times.length === 0) throw new Error(`no answer of ${server.url}`)
  const elapsed = performance.now() - begun
  const after = { server: await server.cpu(), own: ownCpu(), busy: busy() }
  times.sort((a, b) => a - b)
  const spent = after.server - before.server
  const ours = spent + after.own - before.own
  return {
    // The tool itself looks once a second whether it is done.
    perSecond: (1000 * times.length) / (last - begun),
    p50: times[Math.floor(0.5 * times.length)],
    p99: times[Math.floor(0.99 * times.length)],
    cpu: spent / times.length,
    others:
      before.busy === undefined || after.busy === undefined
        ? undefined
        : Math.max(0, (after.busy - before.busy - ours) / elapsed),
    statuses,
    broken: errors + timeouts,
  }
}

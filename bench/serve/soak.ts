import { writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import type { Options } from '../options.js'
import { burst, type LoadRequest } from './load.js'
import { ServerProcess, type ServerMemory } from './process.js'
import type { SoakReport } from './table.js'
import { requestOf, serveWorks } from './works.js'

/** Parts after each of which memory is looked at. */
const PARTS = 10
const CONNECTIONS = 64

/** Many requests of all kinds, right ones and hostile ones, and the memory of the server in between. */
export async function soak(folder: string, options: Options): Promise<SoakReport> {
  const [work] = serveWorks('digits')
  const file = join(folder, work.model.file)
  writeFileSync(file, work.model.bytes)
  const server = await ServerProcess.start('lanewise', {
    models: [file],
    threads: availableParallelism(),
    build: options.build,
  })
  const statuses: Record<number, number> = {}
  const memory: ServerMemory[] = []
  let broken = 0
  try {
    const requests = mixed(work)
    for (let part = 0; part < PARTS; part++) {
      const one = await burst(server, requests, CONNECTIONS, options.requests / PARTS)
      for (const [status, count] of Object.entries(one.statuses))
        statuses[Number(status)] = (statuses[Number(status)] ?? 0) + count
      broken += one.broken
      memory.push(await server.memory())
      process.stderr.write(
        `${((part + 1) * options.requests) / PARTS} requests: ${(memory[part].rss / 1e6).toFixed(1)} MB\n`,
      )
    }
  } finally {
    await server.stop()
  }
  const growth = (what: keyof ServerMemory): number =>
    Math.max(...memory.slice(PARTS / 2).map((one) => one[what])) / memory[PARTS / 5 - 1][what]
  return {
    requests: options.requests,
    statuses,
    broken,
    memory,
    growth: { rss: growth('rss'), heapUsed: growth('heapUsed') },
  }
}

/** Binary tensors and numbers in JSON, one row and several; one of eight is refused. */
function mixed(work: Parameters<typeof requestOf>[0]): LoadRequest[] {
  const binary = [1, 2, 3, 4].map((seed) => requestOf(work, seed))
  const rows = requestOf({ ...work, input: { ...work.input, shape: [3, ...work.input.shape.slice(1)] } }, 5)
  const [{ path, headers, body }] = binary
  const { name, shape } = work.input
  const data = new Array<number>(28 * 28).fill(0.5)
  const json = { path, body: JSON.stringify({ inputs: [{ name, datatype: 'FP32', shape, data }] }) }
  const wrong: readonly LoadRequest[] = [
    { path, body: '{"inputs":' },
    { path, headers, body: (body as Buffer).subarray(0, -1) },
    { path: '/v2/models/none/infer', body: '{}' },
  ]
  const right = [...binary, rows, json, json]
  return wrong.flatMap((one) => [...right, one])
}

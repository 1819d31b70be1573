// Servers with several engines inside, asked one after the other in short bursts: bundled by main.ts and run by the
// Node that was asked for.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import '../../src/node.js'
import { begin, versionOf } from '../process.js'
import { median, pairedRatio } from '../statistics.js'
import { burst, type Burst } from './load.js'
import { ServerProcess } from './process.js'
import { soak } from './soak.js'
import type { ServeReport, ServeRow } from './table.js'
import { requestOf, serveWorks, type ServeWork } from './works.js'
import { processor } from '../processor.js'

const { options, resultFile } = begin()
const threads = availableParallelism()
const rounds = options.quick ? 1 : 5
/** Of a burst, about. */
const seconds = options.quick ? 1 : 3
/** Requests of each connection in a burst, at least. */
const TURNS = 4
const folder = mkdtempSync(join(tmpdir(), 'lanewise-serve-bench-'))

async function measure(work: ServeWork): Promise<ServeRow[]> {
  const file = join(folder, work.model.file)
  writeFileSync(file, work.model.bytes)
  const contenders = work.contenders.filter(({ engine }) => engine === 'lanewise' || options.vs.includes(engine))
  const servers: ServerProcess[] = []
  try {
    for (const { engine, maxBatch } of contenders)
      servers.push(await ServerProcess.start(engine, { models: [file], threads, maxBatch, build: options.build }))
    const requests = [1, 2, 3, 4].map((seed) => requestOf(work, seed))
    const answers = await Promise.all(servers.map((server) => answerOf(server, requests[0])))
    const rows: ServeRow[] = []
    for (const connections of work.connections) {
      process.stderr.write(`${work.name}, ${connections} connections … `)
      const bursts: Burst[][] = servers.map(() => [])
      // The first of each are for compilers, and for batches of all sizes to be planned.
      const amounts: number[] = []
      for (const server of servers) {
        const { perSecond } = await burst(server, requests, connections, Math.max(50, 2 * connections))
        amounts.push(Math.ceil(Math.max(TURNS, (seconds * perSecond) / connections)) * connections)
      }
      for (let round = 0; round < rounds; round++)
        for (const [i, server] of servers.entries())
          bursts[i].push(await burst(server, requests, connections, amounts[i]))
      for (const [i, { label }] of contenders.entries())
        rows.push({ work: work.name, connections, label, ...summed(bursts[i], bursts[0]), agrees: alike(answers[i], answers[0]) }) // prettier-ignore
      process.stderr.write(`${rows.at(-contenders.length)?.best.perSecond.toFixed(0)} requests/s\n`)
    }
    return rows
  } finally {
    await Promise.all(servers.map((server) => server.stop()))
  }
}

function summed(bursts: readonly Burst[], first: readonly Burst[]): Pick<ServeRow, 'best' | 'cpu' | 'throughput'> {
  const rates = (list: readonly Burst[]) => list.map(({ perSecond }) => perSecond)
  return {
    best: bursts.reduce((best, each) => (each.perSecond > best.perSecond ? each : best)),
    cpu: median(bursts.map(({ cpu }) => cpu)),
    throughput: pairedRatio(rates(first), rates(bursts)),
  }
}

/** The first output. */
async function answerOf(
  server: ServerProcess,
  { path, headers, body }: ReturnType<typeof requestOf>,
): Promise<Float32Array> {
  const response = await fetch(server.url + path, { method: 'POST', headers, body: new Uint8Array(body as Buffer) })
  const bytes = new Uint8Array(await response.arrayBuffer())
  if (!response.ok) throw new Error(Buffer.from(bytes).toString())
  return new Float32Array(bytes.slice(Number(response.headers.get('Inference-Header-Content-Length'))).buffer)
}

function alike(a: Float32Array, b: Float32Array): boolean {
  const most = b.reduce((top, value) => Math.max(top, Math.abs(value)), 0)
  return a.length === b.length && a.every((value, i) => Math.abs(value - b[i]) <= 1e-4 * most)
}

const rows: ServeRow[] = []
try {
  if (!options.soak) for (const work of serveWorks(options.filter)) rows.push(...(await measure(work)))
  const report: ServeReport = {
    environment: {
      engine: `Node ${process.versions.node}`,
      cpu: processor(),
      processors: threads,
      versions: Object.fromEntries(options.vs.filter((name) => name.startsWith('onnxruntime')).map((name) => [name, versionOf(name)])), // prettier-ignore
    },
    rounds,
    rows,
    soak: options.soak ? await soak(folder, options) : undefined,
  }
  writeFileSync(resultFile, JSON.stringify(report))
} finally {
  rmSync(folder, { recursive: true, force: true })
}

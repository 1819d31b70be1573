// A server in a process of its own, with the engine that it is told: bundled by bundle.ts, started by run.ts and
// soak.ts.
import { serve, type ServeOptions } from '../../src/serve.js'
import type { Question, ServerMemory } from './process.js'

const { engine, ...options } = JSON.parse(process.argv[2]) as ServeOptions & { engine: string }
// Threads have the environment of the process.
process.env.LANEWISE_BENCH_ENGINE = engine
// On a busy machine an engine may take half a minute to compile itself.
const server = await serve({ ...options, port: 0, poll: 0, timeout: 300_000 })

function cpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function memory(): ServerMemory {
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heapUsed, external }
}

process.on('message', (question: Question) => process.send?.(question === 'cpu' ? cpu() : memory()))
process.on('disconnect', () => process.exit())
process.send?.({ url: server.url })

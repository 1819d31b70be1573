import type { Registry } from 'prom-client'
import { loadOptional } from '../platform/optional.js'
import type { Models } from './models.js'
import { SERVER_PACKAGES } from './options.js'

/** What is counted of a server, for Prometheus. */
export interface Metrics {
  /** An answer to a request of inference. */
  answered(model: string, status: number, seconds: number): void
  batch(model: string, rows: number): void
  reload(model: string, ok: boolean): void
  /** The text of /metrics. */
  text(): Promise<string>
  readonly contentType: string
}

/** @throws LanewiseError `E_UNSUPPORTED` without the package prom-client. */
export async function createMetrics(models: () => Models | undefined, held: () => number): Promise<Metrics> {
  const { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } = await loadOptional<
    typeof import('prom-client')
  >('prom-client', 'a server', SERVER_PACKAGES)
  // Not the registry of the process: several servers may run in one.
  const register: Registry = new Registry()
  collectDefaultMetrics({ register })
  const registers = [register]
  const requests = new Counter({
    name: 'lanewise_requests_total',
    help: 'Requests of inference by model and HTTP status',
    labelNames: ['model', 'status'],
    registers,
  })
  const seconds = new Histogram({
    name: 'lanewise_request_seconds',
    help: 'Seconds from the first byte of a request of inference to its answer',
    labelNames: ['model'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  })
  const batches = new Histogram({
    name: 'lanewise_batch_rows',
    help: 'Rows that were run as one',
    labelNames: ['model'],
    buckets: [1, 2, 4, 8, 16, 32, 64, 128],
    registers,
  })
  const reloads = new Counter({
    name: 'lanewise_reloads_total',
    help: 'Changed files that were loaded, or could not be',
    labelNames: ['model', 'result'],
    registers,
  })
  new Gauge({
    name: 'lanewise_request_bytes',
    help: 'Bytes of requests and answers that are held',
    registers,
    collect() {
      this.set(held())
    },
  })
  const perModel = (name: string, help: string, value: (model: ReturnType<Models['get']> & object) => number) =>
    new Gauge({
      name,
      help,
      labelNames: ['model'],
      registers,
      collect() {
        this.reset()
        for (const model of models() ?? []) this.set({ model: model.name }, value(model))
      },
    })
  perModel('lanewise_queue_length', 'Requests that wait for a thread', ({ queue }) => queue.waiting)
  perModel('lanewise_threads', 'Threads that are up', ({ queue }) => queue.pool.size)
  perModel('lanewise_thread_restarts', 'Threads that were started again', ({ queue }) => queue.pool.restarts)
  perModel(
    'lanewise_session_bytes',
    'Bytes of WebAssembly memory of all sessions at most',
    ({ queue }) => queue.pool.bytes,
  )
  // Labels are looked up once: each look-up sorts and joins them.
  const counters = new Map<string, ReturnType<typeof requests.labels>>()
  const latencies = new Map<string, ReturnType<typeof seconds.labels>>()
  const sizes = new Map<string, ReturnType<typeof batches.labels>>()
  return {
    answered(model, status, duration) {
      remembered(counters, `${status} ${model}`, () => requests.labels({ model, status })).inc()
      remembered(latencies, model, () => seconds.labels({ model })).observe(duration)
    },
    batch: (model, rows) => remembered(sizes, model, () => batches.labels({ model })).observe(rows),
    reload: (model, ok) => reloads.inc({ model, result: ok ? 'loaded' : 'refused' }),
    text: () => register.metrics(),
    contentType: register.contentType,
  }
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  let value = known.get(key)
  if (value === undefined) known.set(key, (value = make()))
  return value
}

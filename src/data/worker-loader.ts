import { checkArguments } from '../core/arguments.js'
import type { Worker } from 'node:worker_threads'
import { LanewiseError, type ErrorCode } from '../core/errors.js'
import { startThread } from '../platform/node-files.js'
import { Tensor } from '../api/tensor.js'
import type { Fields } from './dataset.js'
import { DataLoader, type LoaderState } from './loader.js'

/** How batches are made in other threads. */
export interface WorkerLoaderOptions {
  /** How many threads; 1 by default. */
  readonly workers?: number
  /** Batches that are made ahead; two for each thread by default. */
  readonly ahead?: number
  /** What the module's function is given: whatever can be posted to a thread. */
  readonly options?: unknown
}

/** What comes back from a thread. */
interface Answer {
  readonly id: number
  readonly fields?: Readonly<
    Record<string, { readonly type: Tensor['type']; readonly dims: readonly number[]; readonly data: Tensor['data'] }>
  >
  readonly error?: { readonly code: ErrorCode; readonly message: string }
}

/** The thread: makes the same loader and gives the batches that it is asked for. It needs the user's module alone. */
const threadCode = `
const { parentPort, workerData } = require('node:worker_threads')
const loader = import(workerData.module).then((module) => module.default(workerData.options))
loader.catch(() => undefined)
parentPort.on('message', async ({ id, epoch, position }) => {
  try {
    const batch = await (await loader).batchAt(epoch, position)
    const fields = {}
    const buffers = new Set()
    for (const [name, { type, dims, data }] of Object.entries(batch)) {
      // What is sent away is gone here, and a dataset may hand out its own memory: a copy goes.
      const own = ArrayBuffer.isView(data) ? data.slice() : data
      fields[name] = { type, dims, data: own }
      if (ArrayBuffer.isView(own)) buffers.add(own.buffer)
    }
    parentPort.postMessage({ id, fields }, [...buffers])
  } catch (error) {
    parentPort.postMessage({ id, error: { code: error?.code ?? 'E_STATE', message: String(error?.message ?? error) } })
  }
})
`

/**
 * A loader whose examples are loaded, augmented and put together by other threads, while the training goes on. Order
 * and bits are those of the plain loader: a batch follows from seed, epoch and position alone, whoever makes it.
 *
 * @example
 * import { Adam, Device, fit, Flatten, Linear, Sequential, WorkerLoader } from 'lanewise/train'
 * import { writeFileSync } from 'node:fs'
 * import { join } from 'node:path'
 * import { pathToFileURL } from 'node:url'
 *
 * // A file of the program (with bare imports, so that it stands beside node_modules): what makes the loader, in every
 * // thread.
 * const file = join(import.meta.dirname, 'digits-loader.mjs')
 * writeFileSync(
 *   file,
 *   `import { DataLoader, generateDigits } from 'lanewise/train'
 *   export default ({ seed }) => new DataLoader(generateDigits(200, seed), { batchSize: 50, shuffle: true, seed })`,
 * )
 *
 * await Device.create({ seed: 1 })
 * const model = new Sequential(new Flatten(), new Linear(784, 10))
 * const loader = await WorkerLoader.open(pathToFileURL(file), { workers: 2, options: { seed: 1 } })
 * const { steps } = await fit(model, loader, { optimizer: new Adam(model.parameters()), epochs: 1 })
 * await loader.close()
 * console.log(steps) // 4
 */
export class WorkerLoader implements AsyncIterable<Fields> {
  private readonly threads: Worker[] = []
  private readonly waiting = new Map<number, { resolve: (fields: Fields) => void; reject: (error: unknown) => void }>()
  private next = 0
  private running = false
  private failure: LanewiseError | undefined

  private constructor(
    private readonly loader: DataLoader,
    private readonly ahead: number,
  ) {}

  /**
   * @param module - a module whose default export makes the loader: `(options) => DataLoader`, also asynchronously. It
   *   is loaded here and in every thread.
   * @throws LanewiseError `E_VALUE` if it makes none, if its data are a stream, or for a number of threads that is
   *   none.
   */
  static async open(module: string | URL, given: WorkerLoaderOptions = {}): Promise<WorkerLoader> {
    checkArguments('WorkerLoader.open', { module, given }, 'string|object', {
      workers: 'number',
      ahead: 'number',
      options: 'any',
    })
    const { workers = 1, ahead = 2 * workers, options } = given

    if (!Number.isInteger(workers) || workers < 1 || workers > 64)
      throw new LanewiseError('E_VALUE', `a loader has 1 to 64 threads, got ${workers}`)
    if (!Number.isInteger(ahead) || ahead < 1)
      throw new LanewiseError('E_VALUE', `ahead must be a whole number from 1, got ${ahead}`)
    const href = String(module)
    const { default: make } = (await import(href)) as { default?: (options: unknown) => unknown }
    const loader = typeof make === 'function' ? await make(options) : undefined
    // The module may have another copy of this library, so its class says nothing.
    if (typeof loader !== 'object' || loader === null || !('batchAt' in loader))
      throw new LanewiseError('E_VALUE', `${href} must export a function by default that makes a DataLoader`)
    if ((loader as DataLoader).examples === undefined)
      throw new LanewiseError(
        'E_VALUE',
        `${href}: a stream has no batch at a place, and cannot be read by several threads`,
      )
    const made = new this(loader as DataLoader, ahead)
    for (let i = 0; i < workers; i++) made.start(href, options)
    return made
  }

  private start(module: string, options: unknown): void {
    const thread = startThread(threadCode, { module, options })
    thread.unref()
    thread.on('message', ({ id, fields, error }: Answer) => {
      const asked = this.waiting.get(id)
      this.waiting.delete(id)
      if (error) asked?.reject(new LanewiseError(error.code, error.message))
      else
        asked?.resolve(
          Object.fromEntries(
            Object.entries(fields ?? {}).map(([name, { type, dims, data }]) => [
              name,
              new Tensor(type as 'float32', data as Float32Array, dims),
            ]),
          ),
        )
    })
    thread.on('error', (error) => this.fail(error))
    thread.on('exit', () => this.fail(new Error('a thread of the loader has ended')))
    this.threads.push(thread)
  }

  private fail(cause: unknown): void {
    this.failure ??= new LanewiseError('E_STATE', `a thread of the loader has failed: ${(cause as Error).message}`, {
      cause,
    })
    for (const { reject } of this.waiting.values()) reject(this.failure)
    this.waiting.clear()
  }

  /** The epoch that is going on, from 0. */
  get epoch(): number {
    return this.loader.epoch
  }
  /** Examples of this epoch that have been handed out. */
  get position(): number {
    return this.loader.position
  }
  /** Examples that an epoch hands out. */
  get examples(): number | undefined {
    return this.loader.examples
  }
  /** Batches in an epoch. */
  get batches(): number | undefined {
    return this.loader.batches
  }

  /** Where it stands: JSON, for checkpoints. */
  state(): LoaderState {
    return this.loader.state()
  }

  /**
   * Goes on where another loader stood, with threads or without. @throws LanewiseError `E_STATE` as
   * {@link DataLoader.restore}.
   */
  restore(state: LoaderState): this {
    this.loader.restore(state)
    return this
  }

  private ask(position: number): Promise<Fields> {
    const id = this.next++
    const answer = new Promise<Fields>((resolve, reject) => {
      if (this.failure) reject(this.failure)
      else this.waiting.set(id, { resolve, reject })
    })
    // What is asked ahead may fail before anybody waits for it.
    answer.catch(() => undefined)
    if (!this.failure) this.threads[id % this.threads.length].postMessage({ id, epoch: this.epoch, position })
    return answer
  }

  /**
   * The rest of the current epoch. @throws LanewiseError `E_STATE` while another loop runs, or when a thread has
   * failed; what the dataset throws.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Fields, void, void> {
    if (this.running) throw new LanewiseError('E_STATE', 'a loader makes the batches of one loop at a time')
    this.running = true
    for (const thread of this.threads) thread.ref()
    try {
      const { loader } = this
      const { batchSize } = loader
      const examples = loader.examples ?? 0
      const asked: Promise<Fields>[] = []
      let place = loader.position
      while (loader.position < examples) {
        for (; asked.length < this.ahead && place < examples; place += batchSize) asked.push(this.ask(place))
        const batch = await asked.shift()
        if (!batch) break
        loader.position = Math.min(examples, loader.position + batchSize)
        yield batch
      }
      loader.epoch++
      loader.position = 0
    } finally {
      this.running = false
      for (const thread of this.threads) thread.unref()
    }
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    const threads = this.threads.splice(0)
    this.failure = new LanewiseError('E_STATE', 'the loader is closed')
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}

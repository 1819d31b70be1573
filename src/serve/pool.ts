import { Worker } from 'node:worker_threads'
import { LanewiseError } from '../core/errors.js'
import { receivedError, type FromThread, type Ready } from './messages.js'
import { threadFile } from './thread-file.js'

/** Milliseconds until a thread that could not be started again is tried once more, at first and at most. */
const [FIRST_RETRY, LAST_RETRY] = [200, 10_000]

interface Work<Message, Result> {
  readonly message: Message
  readonly transfer: readonly ArrayBuffer[]
  resolve(result: Result): void
  reject(error: unknown): void
}

/**
 * A fixed number of threads with the same program, each of which does one thing at a time. One that dies, or takes
 * longer than it may, fails what it was doing and is started again.
 */
export class ThreadPool<Message, Result> {
  private readonly threads: Thread<Message, Result>[] = []
  private readonly idle: Thread<Message, Result>[] = []
  private closed = false
  /** What the first thread said of itself. */
  ready: Ready | true = true
  /** Called when a thread has nothing to do. */
  onIdle: () => void = () => undefined
  /** Threads that were started again. */
  restarts = 0

  private constructor(
    private readonly data: (first: Ready | true | undefined) => object,
    private readonly limit: number,
  ) {}

  /**
   * @param data - what a thread is started with, given what the first one said of itself.
   * @param limit - milliseconds that one message may take.
   * @throws LanewiseError what the program fails with.
   */
  static async open<Message, Result>(
    count: number,
    data: (first: Ready | true | undefined) => object,
    limit = Infinity,
  ): Promise<ThreadPool<Message, Result>> {
    const pool = new ThreadPool<Message, Result>(data, limit)
    try {
      // The first finds out what the others then know.
      const first = await pool.start(undefined)
      pool.ready = first.ready
      await Promise.all(Array.from({ length: count - 1 }, () => pool.start(first.ready)))
    } catch (error) {
      await pool.close()
      throw error
    }
    return pool
  }

  get size(): number {
    return this.threads.length
  }

  get idleThreads(): number {
    return this.idle.length
  }

  /** Bytes of WebAssembly memory of all sessions, as far as they have run. */
  get bytes(): number {
    return this.threads.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /**
   * Has an idle thread do something.
   *
   * @throws LanewiseError `E_STATE` if no thread is idle, if the thread dies or takes too long; what the program
   *   throws.
   */
  run(message: Message, transfer: readonly ArrayBuffer[] = []): Promise<Result> {
    const thread = this.idle.pop()
    if (!thread) return Promise.reject(new LanewiseError('E_STATE', 'no thread is idle'))
    return new Promise((resolve, reject) => thread.do({ message, transfer, resolve, reject }))
  }

  /** Ends the threads, whatever they are doing. */
  async close(): Promise<void> {
    this.closed = true
    this.idle.length = 0
    await Promise.all(this.threads.splice(0).map((thread) => thread.end()))
  }

  private async start(first: Ready | true | undefined): Promise<Thread<Message, Result>> {
    const thread = new Thread<Message, Result>(this.data(first), this.limit, {
      idle: () => {
        if (this.closed || !this.threads.includes(thread)) return
        this.idle.push(thread)
        this.onIdle()
      },
      died: () => {
        for (const list of [this.threads, this.idle]) if (list.includes(thread)) list.splice(list.indexOf(thread), 1)
        if (!this.closed && thread.wasReady) void this.restart(FIRST_RETRY)
      },
    })
    this.threads.push(thread)
    await thread.started
    return thread
  }

  private async restart(wait: number): Promise<void> {
    this.restarts++
    try {
      await this.start(this.ready)
    } catch {
      // The file may be gone for a moment.
      const timer = setTimeout(() => void (this.closed || this.restart(Math.min(2 * wait, LAST_RETRY))), wait)
      timer.unref()
    }
  }
}

class Thread<Message, Result> {
  private readonly worker: Worker
  private work: Work<Message, Result> | undefined
  private timer: NodeJS.Timeout | undefined
  private next = 0
  private late = false
  readonly started: Promise<void>
  ready: Ready | true = true
  wasReady = false
  bytes = 0

  constructor(
    data: object,
    private readonly limit: number,
    private readonly events: { idle(): void; died(): void },
  ) {
    this.worker = new Worker(threadFile(), { workerData: data })
    this.started = new Promise((resolve, reject) => {
      let failure: Error | undefined
      this.worker.on('message', (message: FromThread<Result>) => {
        if ('ready' in message) {
          this.ready = message.ready
          this.wasReady = true
          resolve()
          this.events.idle()
        } else if ('failed' in message) {
          failure = receivedError(message.failed)
        } else {
          this.finish(message)
        }
      })
      this.worker.on('error', (error) => (failure = error))
      this.worker.on('exit', () => {
        clearTimeout(this.timer)
        const why = this.late
          ? `it took longer than ${this.limit} ms`
          : `its thread has ended${failure ? `: ${failure.message}` : ''}`
        this.events.died()
        reject(failure instanceof LanewiseError ? failure : new LanewiseError('E_STATE', why, { cause: failure }))
        this.work?.reject(new LanewiseError('E_STATE', `the run was broken off: ${why}`, { cause: failure }))
        this.work = undefined
      })
    })
    this.started.catch(() => undefined)
  }

  do(work: Work<Message, Result>): void {
    this.work = work
    if (Number.isFinite(this.limit))
      this.timer = setTimeout(() => {
        this.late = true
        void this.worker.terminate()
      }, this.limit)
    try {
      this.worker.postMessage({ id: this.next, ...work.message }, work.transfer)
    } catch (error) {
      this.finish({ id: this.next, error: { code: 'E_STATE', message: (error as Error).message } })
    }
  }

  private finish(message: Extract<FromThread<Result>, { id: number }>): void {
    const { work } = this
    if (!work || message.id !== this.next) return
    this.next++
    this.work = undefined
    clearTimeout(this.timer)
    if ('error' in message) work.reject(receivedError(message.error))
    else {
      this.bytes = message.bytes
      work.resolve(message.result)
    }
    this.events.idle()
  }

  async end(): Promise<void> {
    await this.worker.terminate()
  }
}

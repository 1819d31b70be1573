import { batchKey, handedOver, rowsOf, type Tensors } from '../api/worker/batches.js'
import { isSentError, receivedError, type Batch, type BatchResult } from './messages.js'
import type { ThreadPool } from './pool.js'

export interface QueueOptions {
  /** The most rows that are run as one; 1: every request alone. */
  readonly maxBatch: number
  /** Milliseconds that a request may wait for others while a thread is idle. */
  readonly maxDelay: number
  /** The most requests that wait. */
  readonly maxQueue: number
}

/**
 * Milliseconds that requests may take which are sent to a thread together to be run one after the other. To wake a
 * thread takes about a tenth of it.
 */
const PACK_MS = 1
const MAX_PACK = 32

/** The queue is full. */
export class Overload extends Error {
  constructor(
    /** Seconds after which there may be room. */
    readonly retryAfter: number,
    message: string,
  ) {
    super(message)
  }
}

/** Nobody has had time for a request. */
export class DeadlinePassed extends Error {}

interface Waiting {
  readonly inputs: Tensors
  readonly rows: number
  readonly since: number
  readonly timer: NodeJS.Timeout
  /** Of a request that nobody waits for any more. */
  over: boolean
  resolve(results: Tensors): void
  reject(error: Error): void
}

/** Requests that can be run as one: of the same outputs and, but for the rows, the same sizes. */
interface Group {
  readonly outputs: readonly string[]
  readonly waiting: Waiting[]
}

/** By which a request can be given up. (An AbortController for each of them costs as much as reading it.) */
export interface Cancellation {
  cancel?(): void
}

/** What has been observed of a queue, for metrics. */
export interface QueueEvents {
  batch(rows: number): void
}

/**
 * Requests of one model that wait for a thread. While all threads are busy those that fit together pile up, and the
 * next idle thread runs them as one batch: this costs nobody time. With `maxDelay` an idle thread waits for more, too.
 * Of a model that takes no batches, runs of microseconds are sent several at a time: waking a thread for each takes
 * longer than they do.
 */
export class BatchQueue {
  private readonly groups = new Map<string, Group>()
  private length = 0
  /** Requests that were run alone, as a name for the next. */
  private alone = 0
  private running = 0
  private scheduled = false
  private timer: NodeJS.Timeout | undefined
  private drained: (() => void) | undefined
  /** Seconds that a request takes a thread, as an exponential average. */
  private seconds = 0
  /** Milliseconds that a run takes, as an average that rises at once. */
  private runMs = Infinity

  constructor(
    readonly pool: ThreadPool<{ batch: Batch }, BatchResult>,
    private readonly batches: boolean,
    private readonly options: QueueOptions,
    private readonly events: QueueEvents,
  ) {
    pool.onIdle = () => this.schedule()
  }

  /** Requests that wait for a thread. */
  get waiting(): number {
    return this.length
  }

  /**
   * Runs a request, alone or with others.
   *
   * @param timeout - milliseconds after which it is given up.
   * @param cancellation - is given a function that gives it up at once.
   * @throws Overload if the queue is full; DeadlinePassed; LanewiseError what the run throws.
   */
  run(inputs: Tensors, outputs: readonly string[], timeout: number, cancellation?: Cancellation): Promise<Tensors> {
    const { maxQueue } = this.options
    if (this.length >= maxQueue) {
      const wait = Math.ceil((this.length * this.seconds) / Math.max(1, this.pool.size))
      const text = `${this.length} requests wait already`
      return Promise.reject(new Overload(Math.min(Math.max(wait, 1), 60), text))
    }
    const rows = this.batches ? rowsOf(inputs) : 1
    return new Promise((resolve, reject) => {
      const giveUp = (error: Error): void => {
        if (waiting.over) return
        waiting.over = true
        this.remove(key, waiting)
        waiting.reject(error)
      }
      // Inputs of different numbers of rows may be what the model broadcasts, but have no place in a batch.
      const key = rows === undefined ? `alone ${this.alone++}` : this.keyOf(inputs, outputs)
      const settle = () => {
        waiting.over = true
        clearTimeout(waiting.timer)
      }
      const waiting: Waiting = {
        inputs,
        rows: rows ?? 1,
        since: performance.now(),
        timer: setTimeout(() => giveUp(new DeadlinePassed(`no answer within ${timeout} ms`)), timeout),
        over: false,
        resolve: (results) => (settle(), resolve(results)),
        reject: (error) => (settle(), reject(error)),
      }
      if (cancellation) cancellation.cancel = () => giveUp(new DeadlinePassed('the client has gone'))
      const group = this.groups.get(key) ?? { outputs, waiting: [] }
      group.waiting.push(waiting)
      this.groups.set(key, group)
      this.length++
      this.schedule()
    })
  }

  /** Waits until everything that it took is done, then ends the threads. */
  async close(): Promise<void> {
    if (this.length > 0 || this.running > 0) await new Promise<void>((resolve) => (this.drained = resolve))
    await this.pool.close()
  }

  private keyOf(inputs: Tensors, outputs: readonly string[]): string {
    return `${outputs.length === 1 ? outputs[0] : JSON.stringify(outputs)};${this.batches ? batchKey(inputs) : ''}`
  }

  private remove(key: string, waiting: Waiting): void {
    const group = this.groups.get(key)
    const at = group?.waiting.indexOf(waiting) ?? -1
    if (!group || at < 0) return
    group.waiting.splice(at, 1)
    if (group.waiting.length === 0) this.groups.delete(key)
    this.length--
    this.checkDrained()
  }

  private checkDrained(): void {
    if (this.length === 0 && this.running === 0) this.drained?.()
  }

  /** What comes in one turn of the event loop is looked at together. */
  private schedule(): void {
    if (this.scheduled || this.length === 0 || this.pool.idleThreads === 0) return
    this.scheduled = true
    setImmediate(() => {
      this.scheduled = false
      this.dispatch()
    })
  }

  private dispatch(): void {
    clearTimeout(this.timer)
    const { maxDelay } = this.options
    const now = performance.now()
    let soonest = Infinity
    for (const [key, group] of this.groups) {
      if (this.pool.idleThreads === 0) return
      const due = group.waiting[0].since + maxDelay
      if (maxDelay > 0 && this.batches && due > now && this.target(group) < this.options.maxBatch) {
        soonest = Math.min(soonest, due)
        continue
      }
      this.start(key, group)
    }
    if (soonest < Infinity) this.timer = setTimeout(() => this.dispatch(), Math.max(1, soonest - now))
    else this.schedule()
  }

  /** Rows of the next batch: a power of two, so that few sizes of batches have to be planned. */
  private target({ waiting }: Group): number {
    if (!this.batches) return 1
    let rows = 0
    for (const each of waiting) {
      rows += each.rows
      if (rows >= this.options.maxBatch) return this.options.maxBatch
    }
    return 2 ** Math.floor(Math.log2(Math.max(1, rows)))
  }

  /** How many are sent to a thread together, to be run one after the other. */
  private pack(waiting: number): number {
    // Other idle threads have their part.
    const share = Math.ceil(waiting / Math.max(1, this.pool.idleThreads))
    return Math.max(1, Math.min(share, MAX_PACK, Math.floor(PACK_MS / this.runMs)))
  }

  private start(key: string, group: Group): void {
    const target = this.target(group)
    const { waiting } = group
    let count = 1
    let rows = waiting[0].rows
    if (this.batches)
      while (count < waiting.length && rows + waiting[count].rows <= target) rows += waiting[count++].rows
    else count = this.pack(waiting.length)
    const taken = waiting.splice(0, count)
    // What is left goes to the end: other groups have their turn.
    this.groups.delete(key)
    if (waiting.length > 0) this.groups.set(key, group)
    this.length -= count
    this.running++
    void this.execute(taken, group.outputs, rows)
  }

  private async execute(taken: readonly Waiting[], outputs: readonly string[], rows: number): Promise<void> {
    const begun = performance.now()
    const requests = taken.map(({ inputs }) => inputs)
    if (this.batches) this.events.batch(rows)
    else for (let i = 0; i < taken.length; i++) this.events.batch(1)
    try {
      const batch = { requests, outputs, joined: this.batches }
      const { results, ms } = await this.pool.run({ batch }, requests.flatMap(handedOver))
      const each = ms / taken.length
      this.runMs = this.runMs === Infinity ? each : Math.max(each, 0.9 * this.runMs + 0.1 * each)
      taken.forEach((each, i) => {
        const result = results[i]
        if (isSentError(result)) each.reject(receivedError(result))
        else each.resolve(result)
      })
    } catch (error) {
      for (const each of taken) each.reject(error as Error)
    }
    const seconds = (performance.now() - begun) / 1000 / taken.length
    this.seconds = this.seconds === 0 ? seconds : 0.9 * this.seconds + 0.1 * seconds
    this.running--
    this.checkDrained()
  }
}

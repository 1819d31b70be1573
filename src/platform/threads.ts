// The threads of a process: started when a session or a device first wants some, shared by all of them, and asleep
// while nobody runs anything. They do not keep a process alive. What they do: thread.js.
import type { Context } from '../../bindings/context.js'
import { Crew } from '../../bindings/threads.js'
import { log } from '../core/env.js'
import { present } from '../core/errors.js'
import type { Thread, ThreadHost } from './platform.js'

/** The most threads that `auto` takes. */
const AUTO = 8
/** The most threads there are besides the first. */
const MOST = 63

// Words of the memory that the pool shares with its threads: thread.js has the same.
/** Grows by one whenever threads are to look about. */
const CALLS = 0
/** The context whose calls are made now. */
const CONTEXT = 1
/** Threads that have started. */
const READY = 2
/** Messages that have been sent to each thread. */
const MAIL = 3

let pool: Int32Array | undefined
const threads: (Thread | undefined)[] = []
let contexts = 0

/** Why memory cannot be shared here, `null` if it can, as far as it was tried. */
let refusal: string | null | undefined

/** Contexts that nobody refers to any more: threads drop their memories, too. */
const dropped = new FinalizationRegistry(forget)

/**
 * How many threads to use.
 *
 * @param wanted - a number, or `auto`: as many as there are cores, up to eight.
 * @returns two or more; else why there is one.
 */
export function threadsFor(wanted: number | 'auto', host: ThreadHost | undefined): number | string {
  const cores = host?.cores() ?? 1
  const count = wanted === 'auto' ? Math.min(cores, AUTO) : Math.min(wanted, MOST + 1)
  return whyNotShared(host) ?? (count < 2 ? `there is one core for this process${host?.quota?.() ?? ''}` : count)
}

/** Why memory cannot be shared here; undefined if it can. */
function whyNotShared(host: ThreadHost | undefined): string | undefined {
  if (typeof SharedArrayBuffer === 'undefined')
    return 'memory is shared only in pages that are cross-origin isolated (headers COOP and COEP)'
  if (globalThis.crossOriginIsolated === false) return 'the page is not cross-origin isolated (headers COOP and COEP)'
  if (!host?.startThread) return 'there are no workers here'
  if (refusal === undefined)
    try {
      // As large as that of a context may become: phones refuse to set so much aside.
      structuredClone(new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true }))
      refusal = null
    } catch (error) {
      refusal = `memory cannot be shared here (${(error as Error).message})`
    }
  return refusal ?? undefined
}

/**
 * Has the calls of a context shared between threads.
 *
 * @param context - over shared memory.
 * @param module - its kernels, a build with threads.
 * @param count - threads, the first included: see {@link threadsFor}.
 * @param late - whether the others start only when calls that are worth sharing have taken as long as that takes; else
 *   at once.
 */
export function attachThreads(
  context: Context,
  module: WebAssembly.Module,
  count: number,
  host: ThreadHost,
  late = false,
): void {
  const id = ++contexts
  const begin = () => {
    start(count - 1, present(host.startThread, 'threads'))
    post({ id, module, memory: context.memory, share: crew.share }, count - 1)
  }
  const crew = new Crew(context, module, count - 1, host.maySleep(), {
    begin,
    wake: () => wake(id),
    forget: () => forget(id),
  })
  context.threads = crew
  if (!late) crew.begin()
  dropped.register(context, id)
}

function shared(): Int32Array {
  return (pool ??= new Int32Array(new SharedArrayBuffer(4 * (MAIL + MOST))))
}

/** How many times another thread has started so far. @internal */
export function started(): number {
  return pool ? Atomics.load(pool, READY) : 0
}

/** Ends the other threads, as if they had died: sessions go on without them. @internal */
export function endThreads(): void {
  for (const thread of threads.splice(0)) thread?.end()
}

function start(others: number, startThread: NonNullable<ThreadHost['startThread']>): void {
  for (let thread = 0; thread < others; thread++) {
    if (threads[thread]) continue
    Atomics.store(shared(), MAIL + thread, 0)
    try {
      const made = startThread(() => {
        if (threads[thread] === made) threads[thread] = undefined
      })
      threads[thread] = made
      send(thread, { pool: shared(), thread })
    } catch (error) {
      // A page may run scripts from elsewhere, but start no workers from there: the first does everything.
      log('info', `a thread cannot be started: ${(error as Error).message}`)
      return
    }
  }
}

function post(message: object, others = threads.length): void {
  for (let thread = 0; thread < others; thread++) send(thread, message)
}

function send(thread: number, message: object): void {
  // Counted first: a thread that read the message before would take it for one more, and wait for the next.
  Atomics.add(shared(), MAIL + thread, 1)
  threads[thread]?.post(message)
  look()
}

function wake(id: number): void {
  Atomics.store(shared(), CONTEXT, id)
  look()
}

function look(): void {
  Atomics.add(shared(), CALLS, 1)
  Atomics.notify(shared(), CALLS)
}

function forget(id: number): void {
  post({ id })
}

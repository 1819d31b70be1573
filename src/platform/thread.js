// What another thread runs, in Node and in browsers, as it is: no types, nothing imported. It has an instance of the
// kernels over the memory of every context that has threads, makes pieces of their calls (assembly/lib/threads.ts), and
// sleeps when there are none.

/** Words of the memory that a pool shares with its threads: see threads.ts. */
const CALLS = 0
const CONTEXT = 1
const READY = 2
const MAIL = 3
/** Where in a context's block the reason of a failure is written: see codes.ts. */
const SHARE_REASON = 152
const SHARE_REASON_BYTES = 40

/** Looks for pieces before the thread sleeps: about 100 µs. */
const SPINS = 20000

const node = globalThis.process?.getBuiltinModule?.('node:worker_threads')
const port = node?.parentPort ?? globalThis
/** Instances by the numbers of their contexts. */
const contexts = new Map()
let pool
let thread = 0
let read = 0

function receive(message) {
  read++
  if (message.pool) {
    pool = message.pool
    thread = message.thread
    Atomics.add(pool, READY, 1)
  } else if (message.module) {
    const { id, module, memory, share } = message
    const { exports } = new WebAssembly.Instance(module, { env: { memory } })
    contexts.set(id, { exports, memory, share })
  } else {
    contexts.delete(message.id)
  }
  work()
}

/** Makes pieces until there is a message to read, which only a thread that has nothing else to do gets. */
function work() {
  while (Atomics.load(pool, MAIL + thread) === read) {
    const calls = Atomics.load(pool, CALLS)
    const context = contexts.get(Atomics.load(pool, CONTEXT))
    if (context) {
      const { exports, memory, share } = context
      try {
        if (exports.share_work(share, thread, SPINS) > 0) continue
      } catch (error) {
        // The first thread is told why, and refuses to go on.
        const reason = new Uint8Array(memory.buffer, share + SHARE_REASON, SHARE_REASON_BYTES)
        String(error?.message ?? error)
          .slice(0, reason.length)
          .split('')
          .forEach((letter, i) => (reason[i] = letter.charCodeAt(0)))
        exports.share_failed(share)
        continue
      }
    }
    if (Atomics.load(pool, MAIL + thread) === read) Atomics.wait(pool, CALLS, calls)
  }
}

if (node?.parentPort) port.on('message', receive)
else port.onmessage = ({ data }) => receive(data)

import { Worker } from 'node:worker_threads'
import { afterEach, expect, test } from 'vitest'
import { SHARE_FAILED, SHARE_REASON, SHARE_TICKETS } from '../../../assembly/abi/codes.js'
import { Context } from '../../../bindings/context.js'
import { cutting } from '../../../bindings/threads.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../../src/node.js'
import { attachThreads, endThreads } from '../../../src/platform/threads.js'
import * as nodeThreads from '../../../src/platform/node-threads.js'
import { expectRejects } from '../../support/expect-error.js'
import { moduleOf } from '../../support/wasm.js'

afterEach(() => {
  endThreads()
  Object.assign(cutting, { pieces: undefined, pauses: undefined, patience: undefined })
})

/** A thread that takes a part of the first call that it sees, does something else instead, and ends. */
const program = (instead: string) => `
  const { parentPort } = require('node:worker_threads')
  const shares = []
  parentPort.on('message', ({ module, memory, share }) => module && shares.push({ memory, share }))
  const look = () => {
    for (const { memory, share } of shares) {
      const tickets = new BigInt64Array(memory.buffer, share + ${SHARE_TICKETS}, 1)
      const seen = Atomics.load(tickets, 0)
      if ((seen & 0xffffffffn) === 0n || Atomics.compareExchange(tickets, 0, seen, seen - 1n) !== seen) continue
      ${instead}
      process.exit()
    }
    setImmediate(look)
  }
  look()
`

/** The next sessions with threads get such a thread, which is the pool's until it has ended. */
function startThreadThat(instead: string): void {
  const module = moduleOf('simd-threads')
  attachThreads(new Context(module, undefined, true), module, 2, {
    ...nodeThreads,
    startThread(ended) {
      const worker = new Worker(program(instead), { eval: true })
      worker.unref()
      worker.on('exit', ended)
      return { post: (message) => worker.postMessage(message), end: () => void worker.terminate() }
    },
  })
}

const model = (() => {
  const g = new GraphBuilder('root')
  g.output(g.op('Sqrt', [g.input('x', 'float32', [4096])]), 'y')
  return exportModel(g)
})()
const feeds = { x: new Tensor(new Float32Array(4096).fill(9), [4096]) }

test.each([
  ['ends in the middle of its part', '', /another thread has ended/],
  [
    'fails',
    `new Uint8Array(memory.buffer, share + ${SHARE_REASON}).set(Buffer.from('out of bounds'))
     Atomics.add(new Int32Array(memory.buffer, share + ${SHARE_FAILED}, 1), 0, 1)`,
    /in another thread: out of bounds\)/,
  ],
])('a session whose thread %s is over, and the next works', async (_, instead, message) => {
  startThreadThat(instead)
  Object.assign(cutting, { pieces: 32, pauses: 200_000, patience: 2 })
  const session = await InferenceSession.create(model, { threads: 2 })
  const runs = async () => {
    for (;;) await session.run(feeds)
  }
  await expectRejects('E_STATE', runs, message)
  await expectRejects('E_STATE', () => session.run(feeds), message)
  endThreads()
  const next = await InferenceSession.create(model, { threads: 2 })
  expect((await next.run(feeds)).y.data).toEqual(new Float32Array(4096).fill(3))
})

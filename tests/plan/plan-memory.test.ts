import { expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { makeContext } from '../support/wasm.js'
import { WeightStore } from '../../src/plan/weights.js'

/**
 * y = x · w + (0, 1, 2 …) along axis 0: how many numbers there are is only known with the shape, so they are computed
 * with every plan.
 */
function countingModel(): Uint8Array {
  const g = new GraphBuilder('counting')
  const x = g.input('x', 'float32', ['N', 4])
  const constant = (name: string, ...values: number[]) =>
    g.constant(name, hostFrom('int64', values.length === 1 ? [] : [values.length], values))
  const rows = g.op('Gather', [g.op('Shape', [x]), constant('first', 0)])
  const count = g.op('Cast', [g.op('Range', [constant('zero', 0), rows, constant('one', 1)])], { to: 1 })
  const column = g.op('Unsqueeze', [count, g.constant('axis', hostFrom('int64', [1], [1]))])
  const product = g.op('MatMul', [
    x,
    g.constant('w', hostFrom('float32', [4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1])),
  ])
  g.output(g.op('Add', [product, column]), 'y')
  return exportModel(g.graph())
}

test('constants that belong to one shape go with its plan: 2,000 shapes', async () => {
  await using session = await InferenceSession.create(countingModel())
  const run = async (n: number) => {
    const x = new Tensor('float32', new Float32Array(4 * n).fill(0.5), [n, 4])
    const { y } = await session.run({ x })
    expect([y.data[0], y.data[4 * n - 1]]).toEqual([0.5, n - 0.5])
  }
  let most = 0
  for (let n = 1; n <= 2000; n++) {
    await run(n)
    most = Math.max(most, session.memory.weights)
  }
  // 16 plans are kept, each with its count of at most 2,000 floats, besides 16 weights in some form.
  expect(most).toBeLessThan(17 * (2000 * 4 + 1024))
  expect(session.memory.peak).toBeLessThan(most + 4 * session.memory.arena)
  // What was dropped is made again.
  for (const n of [1, 1000, 2000, 1]) await run(n)
})

test('what several plans use is kept until the last of them lets go', () => {
  const context = makeContext()
  const store = new WeightStore(context)
  const shared = hostFrom('float32', [4], [1, 2, 3, 4])
  const [a, b] = [store.lease(), store.lease()]
  const at = a.raw(shared)
  expect(b.raw(shared).block).toBe(at.block)
  b.table(Int32Array.of(1, 2, 3))
  expect(store.bytes).toBe(16 + 12)
  a.release()
  a.release()
  expect(store.bytes).toBe(16 + 12)
  b.release()
  expect(store.bytes).toBe(0)
  expect(context.used).toBe(0)
})

import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test, vi, type MockInstance } from 'vitest'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../../src/node.js'
import { expectRejects } from '../../support/expect-error.js'
import { seeded } from '../../support/random.js'

const random = seeded(5)
const floats = (dims: readonly number[]) =>
  new Tensor(
    'float32',
    Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => random() - 0.5),
    dims,
  )
const weights = floats([3, 4])

/** A product for any number of rows, and what `last` makes of it. */
function model(last: (g: GraphBuilder, product: ReturnType<GraphBuilder['op']>) => ReturnType<GraphBuilder['op']>) {
  const g = new GraphBuilder('root')
  const product = g.op('MatMul', [g.input('x', 'float32', ['rows', 3]), g.constant('w', weights)])
  g.output(last(g, product), 'y')
  return exportModel(g)
}
const apart = model((g, product) => g.op('Softmax', [product], { axis: 1 }))
const together = model((g, product) => g.op('Softmax', [product], { axis: 0 }))

describe('a batch of a session with two workers', () => {
  let posted: MockInstance<Worker['postMessage']>
  beforeEach(() => {
    posted = vi.spyOn(Worker.prototype, 'postMessage')
  })
  afterEach(() => posted.mockRestore())

  /** How many rows each run had that was sent to a worker since this was asked last. */
  function rowsSent(): number[] {
    const sent = posted.mock.calls.map(([message]) => message as { kind?: string; feeds: { x: { shape: number[] } } })
    posted.mockClear()
    return sent.filter(({ kind }) => kind === 'run').map(({ feeds }) => feeds.x.shape[0])
  }

  test('is divided, and put together again', async () => {
    await using one = await InferenceSession.create(apart)
    await using session = await InferenceSession.create(apart, { workers: 2 })
    const x = floats([5, 3])
    const expected = (await one.run({ x })).y
    const { y } = await session.run({ x })
    expect(y.dims).toEqual([5, 4])
    expect(y.data).toEqual(expected.data)
    rowsSent()
    await session.run({ x })
    expect(rowsSent()).toEqual([2, 3])
    const into = new Tensor('float32', new Float32Array(20), [5, 4])
    expect((await session.run({ x }, { y: into })).y).toBe(into)
    expect(into.data).toEqual(expected.data)
    expect(rowsSent()).toEqual([2, 3])
    // One row, and a tensor that is handed over, go to one.
    await session.run({ x: floats([1, 3]) })
    await session.run({ x: floats([4, 3]) }, { transferFeeds: true })
    expect(rowsSent()).toEqual([1, 4])
  })

  test('stays whole if its rows depend on each other', async () => {
    await using one = await InferenceSession.create(together)
    await using session = await InferenceSession.create(together, { workers: 2 })
    const x = floats([6, 3])
    const expected = (await one.run({ x })).y
    for (let i = 0; i < 2; i++) expect((await session.run({ x })).y.data).toEqual(expected.data)
    expect(rowsSent().slice(-2)).toEqual([6, 6])
  })

  test('is what it was when the run was asked for', async () => {
    await using one = await InferenceSession.create(apart)
    await using session = await InferenceSession.create(apart, { workers: 2 })
    const x = floats([4, 3])
    const expected = (await one.run({ x })).y.data
    const run = session.run({ x })
    x.data.fill(9)
    expect((await run).y.data).toEqual(expected)
  })

  test('is refused as a whole', async () => {
    await using one = await InferenceSession.create(apart)
    await using session = await InferenceSession.create(apart, { workers: 2 })
    const x = floats([4, 5])
    const expected = await expectRejects('E_TENSOR', () => one.run({ x }))
    expect((await expectRejects('E_TENSOR', () => session.run({ x }))).message).toBe(expected.message)
  })
})

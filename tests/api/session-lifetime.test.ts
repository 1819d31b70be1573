import { describe, expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor, type SessionOptions } from '../../src/node.js'
import { smallImage, smallModel } from '../support/small-model.js'
import { rejects, floats, numbers, affineModel, affine, feed, chainModel } from './session-models.js'

describe('release', () => {
  test('any later run is refused, releasing again is not', async () => {
    const session = await InferenceSession.create(affineModel())
    await session.run(feed(1, 2))
    await session.release()
    await rejects('E_STATE', session.run(feed(1, 2)), /released/)
    await session.release()
    expect(session.memory).toMatchObject({ weights: 0, arena: 0 })
    expect(session.inputNames).toEqual(['x'])
  })

  test('runs that were begun finish', async () => {
    const session = await InferenceSession.create(affineModel())
    const runs = [1, 2, 3].map((i) => session.run(feed(i, i)))
    const released = session.release()
    await rejects('E_STATE', session.run(feed(1, 2)))
    expect((await Promise.all(runs)).map(({ relu }) => numbers(relu))).toEqual([1, 2, 3].map((i) => affine([i, i])))
    await released
  })

  test('a run that yields finishes', async () => {
    const session = await InferenceSession.create(chainModel(50, [50_000]))
    const run = session.run(
      { x: floats([50_000], new Array<number>(50_000).fill(0)) },
      { signal: new AbortController().signal },
    )
    session.dispose()
    expect((await run).y.data[49_999]).toBe(0)
    await rejects('E_STATE', session.run({ x: floats([50_000], new Array<number>(50_000).fill(0)) }))
  })

  test('using releases', async () => {
    let session: InferenceSession
    {
      await using inner = await InferenceSession.create(affineModel())
      session = inner
    }
    await rejects('E_STATE', session.run(feed(1, 2)))
    {
      using inner = await InferenceSession.create(affineModel())
      session = inner
    }
    await rejects('E_STATE', session.run(feed(1, 2)))
  })
})

describe('AbortSignal', () => {
  const x = floats([1 << 18], new Array<number>(1 << 18).fill(0.5))

  test('that has fired before the run', async () => {
    await using session = await InferenceSession.create(affineModel())
    const error = await rejects('E_STATE', session.run(feed(1, 2), { signal: AbortSignal.abort('enough') }), /aborted/)
    expect(error.cause).toBe('enough')
    // Fetches that name nothing do not take the place of options that are given.
    await rejects('E_STATE', session.run(feed(1, 2), {}, { signal: AbortSignal.abort('enough') }), /aborted/)
    expect(numbers((await session.run(feed(1, 2))).relu)).toEqual([3, 3])
  })

  test.each([false, true])('that fires during the run, profiled: %s', async (profile) => {
    await using session = await InferenceSession.create(chainModel(2000, [1 << 18]))
    const controller = new AbortController()
    const run = session.run({ x }, { signal: controller.signal, profile })
    setTimeout(() => controller.abort(new Error('enough')), 1)
    const error = await rejects('E_STATE', run, /aborted/)
    expect(error.cause).toMatchObject({ message: 'enough' })
    // Nothing is left half done.
    const again = new AbortController()
    setTimeout(() => again.abort(), 1)
    await rejects('E_STATE', session.run({ x }, { signal: again.signal }))
  })

  test('ends one run of several', async () => {
    await using session = await InferenceSession.create(affineModel())
    const controller = new AbortController()
    const runs = [
      session.run(feed(1, 2)),
      session.run(feed(3, 4), { signal: controller.signal }),
      session.run(feed(5, 6)),
    ]
    controller.abort()
    const [first, second, third] = await Promise.allSettled(runs)
    expect(second).toMatchObject({ status: 'rejected', reason: { code: 'E_STATE' } })
    expect([first, third].map((run) => run.status)).toEqual(['fulfilled', 'fulfilled'])
    expect(numbers((await runs[2]).relu)).toEqual(affine([5, 6]))
  })
})

describe('memoryLimit', () => {
  const big = (elements: number) => {
    const g = new GraphBuilder('big')
    const x = g.input('x', 'float32', ['N', elements])
    g.output(g.op('Add', [x, g.constant('w', hostFrom('float32', [elements], []))]), 'y')
    return exportModel(g.graph())
  }

  test('weights over the limit are refused when the session is made', async () => {
    const error = await rejects('E_BUDGET', InferenceSession.create(big(1 << 18), { memoryLimit: 1 << 18 }))
    expect(error).toMatchObject({ expected: `<= ${1 << 18}`, actual: String(1 << 20) })
  })

  test('a run over the limit is refused before anything is allocated, and a smaller one is still made', async () => {
    const session = await InferenceSession.create(big(1 << 10), { memoryLimit: 1 << 20 })
    const before = session.memory
    const error = await rejects(
      'E_BUDGET',
      session.run({ x: floats([1 << 9, 1 << 10], new Array<number>(1 << 19).fill(0)) }),
    )
    expect(error.message).toMatch(/limit/)
    expect(session.memory.arena).toBe(before.arena)
    expect(session.memory.peak).toBeLessThanOrEqual(1 << 20)
    expect((await session.run({ x: floats([1, 1 << 10], new Array<number>(1 << 10).fill(7)) })).y.data[1023]).toBe(7)
    await session.release()
  })

  test('the peak stays below it', async () => {
    const session = await InferenceSession.create(smallModel(), { memoryLimit: 1 << 20 })
    await session.run({ image: new Tensor('float32', smallImage(), [1, 1, 12, 12]) })
    expect(session.memory.peak).toBeLessThan(1 << 20)
    await session.release()
  })
})

describe('profile', () => {
  test.each<[string, SessionOptions]>([
    ['profile', { profile: true }],
    ['enableProfiling', { enableProfiling: true }],
  ])('by the session option %s', async (_, options) => {
    await using session = await InferenceSession.create(affineModel(), options)
    expect(session.lastProfile).toBeUndefined()
    await session.run(feed(1, 2))
    expect(session.lastProfile!.map(({ node, op }) => [node, op])).toEqual([
      ['product', 'MatMul'],
      ['negative', 'Neg'],
    ])
    for (const { ms, kernel, bytes } of session.lastProfile!) {
      expect(ms).toBeGreaterThanOrEqual(0)
      expect(kernel).not.toBe('')
      expect(bytes).toBeGreaterThan(0)
    }
  })

  test('by the option of a run, and by startProfiling', async () => {
    await using session = await InferenceSession.create(affineModel())
    await session.run(feed(1, 2))
    expect(session.lastProfile).toBeUndefined()
    await session.run(feed(1, 2), { profile: true })
    expect(session.lastProfile).toHaveLength(2)
    const before = session.lastProfile
    await session.run(feed(1, 2))
    expect(session.lastProfile).toBe(before)
    session.startProfiling()
    await session.run(feed(1, 2))
    expect(session.lastProfile).not.toBe(before)
    session.endProfiling()
  })
})

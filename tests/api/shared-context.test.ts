import { expect, test } from 'vitest'
import { InferenceSession } from '../../src/node.js'
import { Tensor } from '../../src/api/tensor.js'
import { gruModel } from '../support/gru-model.js'
import { smallImage, smallModel } from '../support/small-model.js'

const image = () => new Tensor('float32', smallImage(), [1, 1, 12, 12])
const scoresOf = async (session: InferenceSession) =>
  Array.from((await session.run({ image: image() })).scores.data as Float32Array)
const states = { h: 'hn' }
const step = (session: InferenceSession) =>
  session.run({
    x: new Tensor('float32', [1, 2, 3, 4], [1, 1, 4]),
    h: new Tensor('float32', Array(6).fill(0), [1, 1, 6]),
  })

test('sessions that share one memory come to what they come to alone', async () => {
  const alone = await InferenceSession.create(smallModel())
  const expected = await scoresOf(alone)
  const stream = await InferenceSession.create(gruModel(), { states })
  const { y } = await step(stream)
  const first = await InferenceSession.create(smallModel())
  const others = await Promise.all([
    InferenceSession.create(smallModel(), { context: first }),
    InferenceSession.create(smallModel(), { context: first }),
  ])
  const shared = await InferenceSession.create(gruModel(), { context: first, states })
  expect(shared.context.memory).toBe(first.context.memory)
  const [a, b, c, d] = await Promise.all([scoresOf(first), ...others.map(scoresOf), step(shared)])
  expect([a, b, c]).toEqual([expected, expected, expected])
  expect((d as Record<string, Tensor>).y.data).toEqual(y.data)
})

test('what one of them takes comes back when it is released; the memory goes with the last', async () => {
  const first = await InferenceSession.create(smallModel())
  const expected = await scoresOf(first)
  const { context } = first
  const before = context.used
  for (let round = 0; round < 3; round++) {
    const second = await InferenceSession.create(smallModel(), { context: first })
    await scoresOf(second)
    expect(context.used).toBeGreaterThan(before)
    await second.release()
    expect(context.used).toBe(before)
    await expect(scoresOf(second)).rejects.toMatchObject({ code: 'E_STATE' })
    expect(() => second.runSync()).toThrow(expect.objectContaining({ code: 'E_STATE' }))
  }
  const heir = await InferenceSession.create(smallModel(), { context: first })
  await first.release()
  expect(await scoresOf(heir)).toEqual(expected)
  await expect(scoresOf(first)).rejects.toMatchObject({ code: 'E_STATE' })
  await heir.release()
  expect(() => context.check()).toThrow('released')
  await expect(InferenceSession.create(smallModel(), { context: heir })).rejects.toMatchObject({ code: 'E_STATE' })
})

test('a model that cannot be made leaves nothing behind in the memory of others', async () => {
  const first = await InferenceSession.create(smallModel())
  const { used } = first.context
  const warmUp = { image: [1, 1, 5, 5] }
  await expect(InferenceSession.create(smallModel(), { context: first, warmUp })).rejects.toMatchObject({
    code: expect.stringMatching(/E_VALUE|E_SHAPE/),
  })
  await expect(InferenceSession.create(new Uint8Array([1]), { context: first })).rejects.toMatchObject({
    code: 'E_PARSE',
  })
  expect(first.context.used).toBe(used)
  await first.release()
  expect(() => first.context.check()).toThrow('released')
})

test('the build of the first is the build of all', async () => {
  const first = await InferenceSession.create(smallModel(), { build: 'simd' })
  const second = await InferenceSession.create(smallModel(), { context: first, deterministic: true })
  expect(second.build).toBe('simd')
  await expect(InferenceSession.create(smallModel(), { context: first, build: 'relaxed' })).rejects.toThrow(
    'simd build',
  )
  await expect(InferenceSession.create(smallModel(), { context: {} as InferenceSession })).rejects.toThrow('a session')
})

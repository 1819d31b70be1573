import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { registerOp } from '../../../src/own-ops.js'
import { registeredOps } from '../../../src/ir/registry.js'
import { env, exportModel, GraphBuilder, InferenceSession, Tensor } from '../../../src/node.js'
import { expectError, expectRejects } from '../../support/expect-error.js'
import { gruModel } from '../../support/gru-model.js'
import { smallImage, smallModel } from '../../support/small-model.js'

const floats = (dims: readonly number[], values: ArrayLike<number>) =>
  new Tensor('float32', Float32Array.from(values), dims)
const numbers = ({ data }: Tensor): number[] => Array.from(data as Float32Array)

/** The name of a value inside the model. */
let inner = ''

/** y = −max(x, 0), for any number of rows; text goes through. */
function model(): Uint8Array {
  const g = new GraphBuilder('root')
  const x = g.input('x', 'float32', ['N', 2])
  const relu = g.op('Relu', [x])
  inner = relu.name
  g.output(g.op('Neg', [relu]), 'y')
  g.output(g.op('Identity', [g.input('text', 'string', [2])]), 'same')
  return exportModel(g)
}

/** Turns that do next to nothing, as many as are fed. */
function longModel(): Uint8Array {
  const g = new GraphBuilder('long')
  const body = new GraphBuilder('body')
  body.input('i', 'int64', [])
  const going = body.input('going', 'bool', [])
  const carried = body.input('carried', 'float32', [1])
  body.output(body.op('Identity', [going]), 'goes on')
  body.output(body.op('Add', [carried, carried]), 'twice')
  g.output(
    g.op('Loop', [g.input('turns', 'int64', []), undefined, g.input('x', 'float32', [1])], { body: body.graph() }),
    'y',
  )
  return exportModel(g)
}

const feeds = () => ({ x: floats([2, 2], [1, -2, 3, 4]), text: new Tensor(['a', 'ä'], [2]) })

describe('a session in a worker', () => {
  let session: InferenceSession
  beforeAll(async () => {
    session = await InferenceSession.create(model(), { worker: true })
    return () => session.release()
  })

  test('says of itself and answers what one here does', async () => {
    await using here = await InferenceSession.create(model())
    expect(session.inputMetadata).toEqual(here.inputMetadata)
    expect(session.outputMetadata).toEqual(here.outputMetadata)
    expect([session.inputNames, session.outputNames]).toEqual([here.inputNames, here.outputNames])
    expect([session.build, session.threads]).toEqual([here.build, 1])
    expect(session.oneThread).toBe(here.oneThread)
    const there = await session.run(feeds())
    expect(there.y).toBeInstanceOf(Tensor)
    expect(there).toEqual(await here.run(feeds()))
    expect(session.memory.arena).toBe(here.memory.arena)
    expect(await session.run(feeds(), [inner])).toEqual(await here.run(feeds(), [inner]))
  })

  test('copies feeds, or takes them', async () => {
    const { x, text } = feeds()
    // A part of a larger buffer, and shared memory.
    const part = new Tensor('float32', new Float32Array(100).fill(2).subarray(3, 7), [2, 2])
    const shared = new Tensor('float32', new Float32Array(new SharedArrayBuffer(16)).fill(3), [2, 2])
    for (const [fed, expected] of [
      [x, [-1, -0, -3, -4]],
      [part, [-2, -2, -2, -2]],
      [shared, [-3, -3, -3, -3]],
    ] as const)
      expect(numbers((await session.run({ x: fed, text })).y)).toEqual(expected)
    expect(x.data).toHaveLength(4)
    const given = x.data
    expect(numbers((await session.run({ x, text }, { transferFeeds: true })).y)).toEqual([-1, -0, -3, -4])
    expect(given).toHaveLength(0)
  })

  test('writes into tensors of the caller', async () => {
    const y = floats([2, 2], [0, 0, 0, 0])
    const results = await session.run(feeds(), { y, same: null })
    expect(results.y).toBe(y)
    expect(numbers(y)).toEqual([-1, -0, -3, -4])
    expect(results.same.data).toEqual(['a', 'ä'])
    await expectRejects('E_TENSOR', () => session.run(feeds(), { y: floats([4], [0, 0, 0, 0]) }), /\[4\]/)
  })

  test('errors have all their fields', async () => {
    await using here = await InferenceSession.create(model())
    const odd = { x: floats([2, 3], [1, 2, 3, 4, 5, 6]), text: new Tensor(['a', 'b'], [2]) }
    const [one, other] = [
      await expectRejects('E_TENSOR', () => here.run(odd)),
      await expectRejects('E_TENSOR', () => session.run(odd)),
    ]
    expect({ ...other }).toEqual({ ...one })
    expect(other.message).toBe(one.message)
    await expectRejects('E_TENSOR', () => session.run({}), /"x" is missing/)
    await expectRejects('E_TENSOR', () => session.run({ x: 3, text: null } as never), /"x"/)
    await expectRejects('E_TENSOR', () => session.run(feeds(), ['z']), /"z"/)
    for (const one of [here, session])
      await expectRejects('E_TENSOR', () => one.run(feeds(), { y: 'y' } as never), /to fetch "y"/)
    await expectRejects('E_VALUE', () => session.run(feeds(), { profile: 1 } as never), /profile/)
    await expectRejects('E_PARSE', () => InferenceSession.create(new Uint8Array(9), { worker: true }))
    await expectRejects('E_PARSE', () => InferenceSession.create('/nowhere.onnx', { worker: true }), /nowhere/)
  })

  test('profiles', async () => {
    await session.run(feeds(), { profile: true })
    expect(session.lastProfile?.map(({ op }) => op)).toContain('Neg')
  })

  test('what is synchronous is refused, and so is what cannot be sent', async () => {
    for (const use of [() => session.runSync(feeds()), () => session.input('x'), () => session.output('y')])
      expectError('E_STATE', use, /worker/)
    expectError('E_STATE', () => InferenceSession.createSync(model(), { worker: true }), /worker/)
    const states = () => ({})
    await expectRejects('E_UNSUPPORTED', () => InferenceSession.create(model(), { worker: true, states }), /states/)
  })

  test('operators of registerOp, and only models with a node of one', async () => {
    await using here = await InferenceSession.create(model())
    registerOp({ name: 'Own', domain: 'test', compute: (inputs) => inputs })
    // One that takes the place of the library's own must not give the library's result there.
    registerOp({ name: 'Hardmax', domain: '', compute: (inputs) => inputs })
    try {
      for (const [type, domain] of [
        ['Own', 'test'],
        ['Hardmax', ''],
      ] as const) {
        const g = new GraphBuilder()
        g.output(g.node(type, [g.input('x', 'float32', [1, 2])], {}, { domain, name: 'mine' })[0], 'y')
        const error = await expectRejects(
          'E_UNSUPPORTED',
          () => InferenceSession.create(exportModel(g), { worker: true }),
          new RegExp(`registerOp \\(${type}\\)`),
        )
        expect(error).toMatchObject({ op: type, node: 'mine' })
      }
      await using there = await InferenceSession.create(model(), { worker: true })
      const feeds = { x: floats([1, 2], [3, -4]), text: new Tensor('string', ['a', 'b'], [2]) }
      expect(await there.run(feeds)).toEqual(await here.run(feeds))
    } finally {
      registeredOps.clear()
    }
  })
})

test('a signal breaks a run off, and the next is right', async () => {
  await using session = await InferenceSession.create(longModel(), { worker: true })
  const controller = new AbortController()
  const turns = (n: bigint) => ({ turns: new Tensor('int64', [n], []), x: floats([1], [1]) })
  const run = session.run(turns(1_000_000_000n), { signal: controller.signal })
  setTimeout(() => controller.abort(), 100)
  await expectRejects('E_STATE', () => run, /aborted/)
  await expectRejects('E_STATE', () => session.run(turns(1n), { signal: controller.signal }), /aborted/)
  expect(numbers((await session.run(turns(3n))).y)).toEqual([8])
})

test('states stay there', async () => {
  await using here = await InferenceSession.create(gruModel(), { states: { h: 'hn' } })
  await using there = await InferenceSession.create(gruModel(), { states: { h: 'hn' }, worker: true })
  for (let i = 0; i < 4; i++) {
    const step = {
      x: floats([1, 1, 4], [i, 1, -1, i / 2]),
      ...(i === 0 && { h: floats([1, 1, 6], new Array(6).fill(0.1)) }),
    }
    expect((await there.run(step)).y).toEqual((await here.run(step)).y)
    // What a result cannot be written to is found before the run.
    for (const y of [new Tensor('int32', [1, 2], [2]), floats([1], [0])])
      await expectRejects('E_TENSOR', () => there.run(step, { y }), /"y"/)
  }
})

test('a cache that is found by its names stays there', async () => {
  const g = new GraphBuilder('growing')
  const all = g.op('Concat', [g.input('past_sum', 'float32', ['P']), g.input('x', 'float32', ['N'])], { axis: 0 })
  g.output(g.op('ReduceSum', [all], { keepdims: 0 }), 'sum')
  g.output(all, 'present_sum')
  await using there = await InferenceSession.create(exportModel(g), { states: 'auto', worker: true })
  expect(there.states).toEqual({ past_sum: 'present_sum' })
  expect(numbers((await there.run({ past_sum: floats([0], []), x: floats([2], [1, 2]) })).sum)).toEqual([3])
  expect(numbers((await there.run({ x: floats([1], [4]) })).sum)).toEqual([7])
})

test('several workers take runs in turn', async () => {
  await using session = await InferenceSession.create(smallModel(), { workers: 2 })
  await using one = await InferenceSession.create(smallModel())
  const image = { image: floats([1, 1, 12, 12], smallImage()) }
  const expected = await one.run(image)
  const results = await Promise.all(Array.from({ length: 6 }, () => session.run(image)))
  for (const result of results) expect(result).toEqual(expected)
  expect(session.memory.weights).toBe(2 * one.memory.weights)
  await expectRejects('E_UNSUPPORTED', () => InferenceSession.create(gruModel(), { workers: 2, states: { h: 'hn' } }))
})

test('after release runs are refused; what was begun comes to its end', async () => {
  const session = await InferenceSession.create(model(), { worker: true })
  const run = session.run(feeds())
  const released = session.release()
  expect(numbers((await run).y)).toEqual([-1, -0, -3, -4])
  await released
  await expectRejects('E_STATE', () => session.run(feeds()), /released/)
})

describe('env.wasm.proxy', () => {
  afterEach(() => void (env.wasm.proxy = undefined))

  test('has sessions in workers', async () => {
    env.wasm.proxy = true
    await using session = await InferenceSession.create(model())
    expectError('E_STATE', () => session.runSync(feeds()), /worker/)
    expect(numbers((await session.run(feeds())).y)).toEqual([-1, -0, -3, -4])
    expect((await InferenceSession.create(model(), { worker: false })).runSync(feeds()).same.data).toEqual(['a', 'ä'])
  })
})

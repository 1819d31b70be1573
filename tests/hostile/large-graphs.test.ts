import { describe, expect, test } from 'vitest'
import { InferenceSession, Tensor } from '../../src/node.js'
import { type NodeProto } from '../../src/onnx/schema/onnx.js'
import { encodeTensor } from '../../src/onnx/tensor-proto.js'
import { hostFrom } from '../../src/core/host.js'
import {
  type Some,
  value,
  node,
  body,
  int,
  call,
  local,
  model,
  refused,
  chosen,
  condition,
  chosenOf,
} from './graph-parts.js'

/**
 * More than an engine takes as arguments of one call, or as frames on its stack. A million takes a minute:
 * LANEWISE_NODES=1000000.
 */
const MOST_NODES = Number(process.env.LANEWISE_NODES ?? 250_000)

describe('large graphs', () => {
  const feeds = { x: new Tensor('float32', [0.25, -2], [2]) }

  test(`${MOST_NODES} nodes`, async () => {
    const count = MOST_NODES
    const nodes = Array.from({ length: count }, (_, i) =>
      node('Neg', [i === 0 ? 'x' : `${i}`], [i === count - 1 ? 'y' : `${i + 1}`]),
    )
    await using session = await InferenceSession.create(model({ node: nodes }))
    expect([...(await session.run(feeds)).y.data]).toEqual([0.25, -2])
  }, 120_000)

  test('a hundred thousand nodes in the wrong order', async () => {
    const count = 100_000
    const nodes = Array.from({ length: count }, (_, i) =>
      node('Neg', [i === 0 ? 'x' : `${i}`], [i === count - 1 ? 'y' : `${i + 1}`]),
    ).reverse()
    await using session = await InferenceSession.create(model({ node: nodes }))
    expect([...(await session.run(feeds)).y.data]).toEqual([0.25, -2])
  }, 120_000)

  test('a value that a hundred thousand nodes read', async () => {
    const count = 100_000
    const nodes = Array.from({ length: count }, (_, i) =>
      node('Add', [i === 0 ? 'x' : `${i}`, 'w'], [i === count - 1 ? 'y' : `${i + 1}`]),
    )
    await using session = await InferenceSession.create(
      model({ node: nodes, initializer: [encodeTensor('w', hostFrom('float32', [2], [1, -1]))] }),
    )
    expect([...(await session.run(feeds)).y.data]).toEqual([count + 0.25, -count - 2])
  }, 120_000)

  test('ten thousand branches, each chosen by what the one before it made', async () => {
    const count = 10_000
    const nodes = Array.from({ length: count }, (_, i) => {
      const [from, to] = [i === 0 ? 'x' : `${i}`, i === count - 1 ? 'y' : `${i + 1}`]
      const branches = [
        body('then_branch', { output: [value('t')], node: [node('Sub', [from, 'one'], ['t'])] }),
        body('else_branch', { output: [value('e')], node: [node('Add', [from, 'two'], ['e'])] }),
      ]
      return [
        node('ReduceMax', [from], [`m${i}`], { attribute: [int('keepdims', 0n)] }),
        node('Greater', [`m${i}`, 'zero'], [`c${i}`]),
        node('If', [`c${i}`], [to], { attribute: branches }),
      ]
    }).flat()
    const initializer = [
      hostFrom('float32', [2], [1, 1]),
      hostFrom('float32', [2], [2, 2]),
      hostFrom('float32', [], [0]),
    ].map((tensor, i) => encodeTensor(['one', 'two', 'zero'][i], tensor))
    await using session = await InferenceSession.create(model({ node: nodes, initializer }))
    let expected = 0.25
    for (let i = 0; i < count; i++) expected += expected > 0 ? -1 : 2
    for (let run = 0; run < 2; run++)
      expect([...(await session.run(feeds)).y.data]).toEqual([expected, expected - 2.25])
  }, 120_000)

  test('bodies within bodies: 30 deep run, 80 deep (by functions, a file cannot nest as far) are refused', async () => {
    const nested = (depth: number): Some<NodeProto> =>
      node('If', ['c'], ['t'], {
        attribute: chosen(depth === 1 ? node('Neg', ['x'], ['t']) : { ...nested(depth - 1) }),
      })
    await using session = await InferenceSession.create(
      model({ initializer: [condition], node: [nested(30), node('Neg', ['t'], ['y'])] }),
    )
    expect([...(await session.run(feeds)).y.data]).toEqual([0.25, -2])
    const functions = Array.from({ length: 81 }, (_, i) => {
      const inner = i === 0 ? node('Neg', ['a'], ['t']) : call(`F${i - 1}`, ['a', 'k'], ['t'])
      return local(`F${i}`, [node('If', ['k'], ['b'], { attribute: chosenOf('a', inner) })], { input: ['a', 'k'] })
    })
    await refused('E_GRAPH', model({ initializer: [condition], node: [call('F80', ['x', 'c'], ['y'])] }, { functions }))
  })
})

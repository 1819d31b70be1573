import { expect, test } from 'vitest'
import { InferenceSession, Tensor } from '../../src/node.js'
import { tensorOf } from '../support/numbers.js'
import { writtenModel, type WrittenNode } from '../support/written-model.js'

// What a run returns is the caller's: writing into it changes neither the model nor what was fed, nor another result.

const w = tensorOf('float32', [2], [10, 20])
const sequences: Record<string, readonly WrittenNode[]> = {
  SequenceConstruct: [{ op: 'SequenceConstruct', inputs: ['w', 'x', 'w'], outputs: ['q'] }],
  SequenceInsert: [
    { op: 'SequenceEmpty', inputs: [], outputs: ['e'] },
    { op: 'SequenceInsert', inputs: ['e', 'w'], outputs: ['one'] },
    { op: 'SequenceInsert', inputs: ['one', 'x'], outputs: ['two'] },
    { op: 'SequenceInsert', inputs: ['two', 'w'], outputs: ['q'] },
  ],
}

test.each(Object.entries(sequences))('sequences: %s', async (_, nodes) => {
  const bytes = writtenModel({
    opset: 17,
    nodes: [...nodes, { op: 'Add', inputs: ['w', 'x'], outputs: ['y'] }],
    inputs: { x: { dtype: 'float32', shape: [2] } },
    constants: { w },
    outputs: { q: { dtype: 'float32', sequence: true }, y: { dtype: 'float32' } },
  })
  const session = await InferenceSession.create(bytes)
  const fed = new Float32Array([1, 2])
  const run = async () => (await session.run({ x: new Tensor(fed, [2]) })) as unknown as { q: Tensor[]; y: Tensor }
  const first = await run()
  for (const item of first.q) (item.data as Float32Array).fill(-1)
  expect(Array.from(fed)).toEqual([1, 2])
  const second = await run()
  expect(second.q.map(({ data }) => Array.from(data as Float32Array))).toEqual([
    [10, 20],
    [1, 2],
    [10, 20],
  ])
  expect(Array.from(second.y.data as Float32Array)).toEqual([11, 22])
  ;(second.q[0].data as Float32Array).fill(-1)
  expect(Array.from(second.q[2].data as Float32Array)).toEqual([10, 20])
})

test.each<[string, readonly WrittenNode[]]>([
  ['an optional', [{ op: 'Optional', inputs: ['w'], outputs: ['o'] }, { op: 'OptionalGetElement', inputs: ['o'], outputs: ['q'] }]], // prettier-ignore
  ['an item', [{ op: 'SequenceConstruct', inputs: ['w', 'x'], outputs: ['s'] }, { op: 'SequenceAt', inputs: ['s', 'zero'], outputs: ['q'] }]], // prettier-ignore
  ['a constant', [{ op: 'Identity', inputs: ['w'], outputs: ['q'] }]],
])('%s', async (_, nodes) => {
  const bytes = writtenModel({
    opset: 18,
    nodes,
    inputs: { x: { dtype: 'float32', shape: [2] } },
    constants: { w, zero: tensorOf('int64', [], [0]) },
    outputs: { q: { dtype: 'float32' } },
  })
  const session = await InferenceSession.create(bytes)
  const run = async () =>
    Array.from((await session.run({ x: new Tensor(new Float32Array(2), [2]) })).q.data as Float32Array)
  const result = (await session.run({ x: new Tensor(new Float32Array(2), [2]) })).q.data as Float32Array
  result.fill(-1)
  expect(await run()).toEqual([10, 20])
})

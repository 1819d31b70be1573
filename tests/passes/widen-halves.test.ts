import { describe, expect, test } from 'vitest'
import { InferenceSession, Tensor } from '../../src/node.js'
import type { HostTensor } from '../../src/core/host.js'
import { lanewise } from '../conformance/engines.js'
import { expectRejects } from '../support/expect-error.js'
import { numbersIn, tensorOf } from '../support/numbers.js'
import { writtenModel, type WrittenModel, type WrittenNode } from '../support/written-model.js'

const halves = ['float16', 'bfloat16'] as const
type Half = (typeof halves)[number]

/** A graph on one half-precision input, x, with these constants besides. */
function model(
  dtype: Half,
  nodes: readonly WrittenNode[],
  constants: Readonly<Record<string, HostTensor>> = {},
  outputs: WrittenModel['outputs'] = { y: { dtype } },
): Uint8Array<ArrayBuffer> {
  return writtenModel({ opset: 17, nodes, constants, inputs: { x: { dtype } }, outputs })
}

async function run(bytes: Uint8Array, x: HostTensor, passes = true): Promise<Map<string, HostTensor>> {
  const loaded = await lanewise({ passes }).load(bytes)
  return (await loaded.run(new Map([['x', x]]))) as Map<string, HostTensor>
}

/** Too little for either type to tell 1 + tiny from 1. */
const TINY = 2 ** -12

describe.each([true, false])('graph passes %s', (passes) => {
  describe.each(halves)('%s', (dtype) => {
    const x = tensorOf(dtype, [1, 2], [1, -1])
    const tiny = tensorOf(dtype, [1], [TINY])
    const one = tensorOf(dtype, [1], [1])

    test.each<[string, readonly WrittenNode[]]>([
      ['one operator after another', [{ op: 'Add', inputs: ['x', 'tiny'], outputs: ['m'] }]],
      [
        'operators that only move elements between them',
        [
          { op: 'Add', inputs: ['x', 'tiny'], outputs: ['m0'] },
          { op: 'Transpose', inputs: ['m0'], outputs: ['m1'] },
          { op: 'Transpose', inputs: ['m1'], outputs: ['m2'] },
          { op: 'Concat', inputs: ['m2'], outputs: ['m3'], attributes: { axis: 0 } },
          { op: 'Identity', inputs: ['m3'], outputs: ['m'] },
        ],
      ],
    ])('nothing is rounded between %s', async (_, nodes) => {
      const all = [...nodes, { op: 'Sub', inputs: ['m', 'x'], outputs: ['y'] }]
      const y = (await run(model(dtype, all, { tiny }), x, passes)).get('y')!
      expect(y.dtype).toBe(dtype)
      expect(numbersIn(y)).toEqual([TINY, TINY])
    })

    test('nor between constants, nor by a body', async () => {
      const branch = {
        then_branch: {
          graph: { nodes: [{ op: 'Sub', inputs: ['sum', 'one'], outputs: ['t'] }], outputs: { t: { dtype } } },
        },
        else_branch: { graph: { nodes: [{ op: 'Neg', inputs: ['sum'], outputs: ['e'] }], outputs: { e: { dtype } } } },
      }
      const nodes: WrittenNode[] = [
        { op: 'Add', inputs: ['one', 'tiny'], outputs: ['sum'] },
        { op: 'If', inputs: ['yes'], outputs: ['chosen'], attributes: branch },
        { op: 'Mul', inputs: ['chosen', 'x'], outputs: ['y'] },
      ]
      const constants = { one, tiny, yes: tensorOf('bool', [], [1]) }
      const y = (await run(model(dtype, nodes, constants), x, passes)).get('y')!
      expect(numbersIn(y)).toEqual([TINY, -TINY])
    })

    test('a Cast to the type rounds', async () => {
      const nodes: WrittenNode[] = [
        { op: 'Add', inputs: ['x', 'tiny'], outputs: ['m'] },
        { op: 'Cast', inputs: ['m'], outputs: ['c'], attributes: { to: dtype === 'float16' ? 10 : 16 } },
        { op: 'CastLike', inputs: ['m', 'x'], outputs: ['l'] },
        { op: 'Max', inputs: ['c', 'l'], outputs: ['s'] },
        { op: 'Sub', inputs: ['s', 'x'], outputs: ['y'] },
      ]
      expect(numbersIn((await run(model(dtype, nodes, { tiny }), x, passes)).get('y')!)).toEqual([0, 0])
    })

    test('weights are widened once, not at every run', async () => {
      const w = tensorOf(dtype, [2, 2], [1, 2, 3, 4])
      const nodes: WrittenNode[] = [{ op: 'MatMul', inputs: ['x', 'w'], outputs: ['y'] }]
      const session = await InferenceSession.create(model(dtype, nodes, { w }), { passes, profile: true })
      const { y } = await session.run({ x: new Tensor(dtype, x.data, [1, 2]) })
      expect(numbersIn({ dtype, shape: [1, 2], data: y.data })).toEqual([-2, -2])
      expect(session.lastProfile!.filter(({ op }) => op === 'Cast')).toHaveLength(2)
    })

    test('what is fetched has its type, from inside the graph, too', async () => {
      const nodes: WrittenNode[] = [
        { op: 'Add', inputs: ['x', 'x'], outputs: ['m'] },
        { op: 'Greater', inputs: ['m', 'x'], outputs: ['g'] },
        { op: 'Where', inputs: ['g', 'm', 'x'], outputs: ['y'] },
      ]
      const session = await InferenceSession.create(model(dtype, nodes), { passes })
      const results = await session.run({ x: new Tensor(dtype, x.data, [1, 2]) }, ['m', 'g', 'y', 'x'])
      expect(Object.values(results).map(({ type }) => type)).toEqual([dtype, 'bool', dtype, dtype])
      expect(Array.from(results.g.data as Uint8Array)).toEqual([1, 0])
    })

    test('other floats are refused beside it', async () => {
      const nodes: WrittenNode[] = [{ op: 'Add', inputs: ['x', 'one'], outputs: ['y'] }]
      const bytes = model(dtype, nodes, { one: tensorOf('float32', [], [1]) })
      await expectRejects('E_SHAPE', () => run(bytes, x, passes))
    })
  })
})

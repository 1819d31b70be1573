import { describe, expect, test } from 'vitest'
import '../../../src/all-ops.js'
import type { Value } from '../../../src/ir/graph.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../../src/node.js'
import { expectRejects } from '../../support/expect-error.js'

const sizes = { K: 32, N: 2, bits: 4, block_size: 16 }
const bytes = Uint8Array.from({ length: 32 }, (_, i) => (i * 37) % 256)
const x = new Tensor(
  Float32Array.from({ length: 32 }, (_, i) => (i % 5) - 2),
  [1, 32],
)

type Operands = Partial<Record<'b' | 'scales' | 'zeros' | 'groups' | 'bias', Tensor>>

function product(g: GraphBuilder, input: Value, name: string, operands: Operands) {
  const { b = new Tensor(bytes, [2, 2, 8]), scales = new Tensor('float32', [1, 2, 3, 4], [4]), ...rest } = operands
  const constant = (what: string, tensor?: Tensor) => tensor && g.constant(`${name}.${what}`, tensor)
  const all = [input, constant('b', b), constant('scales', scales)]
  const optional = [constant('zeros', rest.zeros), constant('groups', rest.groups), constant('bias', rest.bias)]
  const [y] = g.node('MatMulNBits', [...all, ...optional], sizes, { domain: 'com.microsoft' })
  g.output(y, name)
}

async function run(all: Record<string, Operands>): Promise<Record<string, number[]>> {
  const g = new GraphBuilder('products')
  const input = g.input('x', 'float32', [1, 32])
  for (const [name, operands] of Object.entries(all)) product(g, input, name, operands)
  await using session = await InferenceSession.create(exportModel(g.graph()))
  const results = await session.run({ x })
  return Object.fromEntries(Object.entries(results).map(([name, y]) => [name, [...(y.data as Float32Array)]]))
}

describe('MatMulNBits', () => {
  test('weights of the same bytes with other scales and zero points are other weights', async () => {
    const twice = new Tensor('float32', [2, 4, 6, 8], [4])
    const zeros = new Tensor('uint8', [0x88, 0x88], [2])
    const others = new Tensor('uint8', [0x11, 0x11], [2])
    const { a, b, c, d } = await run({ a: {}, b: { scales: twice }, c: { zeros }, d: { zeros: others } })
    expect(b).toEqual(a.map((value) => 2 * value))
    expect(c).toEqual(a)
    expect(d).not.toEqual(a)
    expect((await run({ d: { zeros: others } })).d).toEqual(d)
  })

  test('groups in their own order change nothing', async () => {
    const groups = new Tensor(
      Int32Array.from({ length: 32 }, (_, k) => Math.floor(k / 16)),
      [32],
    )
    const zeros = new Tensor('uint8', [0x21, 0x43], [2])
    const { a, b } = await run({ a: { zeros }, b: { zeros, groups } })
    expect(b).toEqual(a)
  })

  test.each<[string, 'E_TENSOR' | 'E_SHAPE', Operands]>([
    ['weights that are no bytes', 'E_TENSOR', { b: new Tensor('int32', new Int32Array(32), [2, 2, 8]) }],
    ['scales of float64', 'E_TENSOR', { scales: new Tensor('float64', [1, 2, 3, 4], [4]) }],
    ['zero points of int8', 'E_TENSOR', { zeros: new Tensor('int8', [0, 0], [2]) }],
    ['zero points for other rows', 'E_SHAPE', { zeros: new Tensor('uint8', [0, 0, 0], [3]) }],
    ['too few zero points of floats', 'E_SHAPE', { zeros: new Tensor('float32', [0, 0], [2]) }],
    ['groups of int64', 'E_TENSOR', { groups: new Tensor('int64', new BigInt64Array(32), [32]) }],
    ['too few groups', 'E_SHAPE', { groups: new Tensor('int32', [0, 1], [2]) }],
    ['a bias of another length', 'E_SHAPE', { bias: new Tensor('float32', [1, 2, 3], [3]) }],
    ['a bias of float64', 'E_TENSOR', { bias: new Tensor('float64', [1, 2], [2]) }],
  ])('%s are refused', async (_, code, operands) => {
    expect(await expectRejects(code, () => run({ y: operands }))).toMatchObject({ op: 'MatMulNBits' })
  })

  test('a group that is not there is refused', async () => {
    const groups = new Tensor('int32', new Int32Array(32).fill(2), [32])
    await expectRejects('E_VALUE', () => run({ y: { groups } }))
  })
})

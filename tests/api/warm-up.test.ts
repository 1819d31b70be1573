import { expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'

/** y = relu(x · w) for x [rows, 4]. */
function product(rows: number | string): Uint8Array {
  const g = new GraphBuilder('product')
  const w = g.constant('w', hostFrom('float32', [4, 2], [1, 0, 0, 1, 1, 0, 0, -1]))
  g.output(g.op('Relu', [g.op('MatMul', [g.input('x', 'float32', [rows, 4]), w])]), 'y')
  return exportModel(g.graph())
}

test('what the first run takes is taken by create', async () => {
  await using cold = await InferenceSession.create(product('N'))
  expect(cold.memory).toMatchObject({ weights: 0, arena: 0 })
  for (const [rows, warmUp] of [
    [3, true],
    ['N', { x: [3, 4] }],
  ] as const) {
    await using warm = await InferenceSession.create(product(rows), { warmUp })
    const { weights, arena } = warm.memory
    expect(Math.min(weights, arena)).toBeGreaterThan(0)
    const x = new Tensor(
      'float32',
      Float32Array.from({ length: 12 }, (_, i) => i),
      [3, 4],
    )
    expect(Array.from((await warm.run({ x })).y.data as Float32Array)).toEqual([2, 0, 10, 0, 18, 0])
    expect(warm.memory).toMatchObject({ weights, arena })
  }
})

test('sizes that are not known, are not the model\u2019s, or do not fit', async () => {
  const refused = (rows: number | string, warmUp: unknown, code: string) =>
    expect(InferenceSession.create(product(rows), { warmUp: warmUp as true })).rejects.toMatchObject({ code })
  await refused('N', true, 'E_VALUE')
  await refused('N', { z: [3, 4] }, 'E_VALUE')
  await refused('N', { x: [3, 5] }, 'E_VALUE')
  await refused('N', { x: [3.5, 4] }, 'E_VALUE')
  await refused(3, 'yes', 'E_VALUE')
  await expect(
    InferenceSession.create(product('N'), { warmUp: { x: [2 ** 20, 4] }, memoryLimit: 2 ** 20 }),
  ).rejects.toMatchObject({ code: 'E_BUDGET' })
})

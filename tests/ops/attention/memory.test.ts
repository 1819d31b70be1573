import { expect, test } from 'vitest'
import { GraphBuilder } from '../../../src/api/graph/builder.js'
import { exportModel, InferenceSession, Tensor } from '../../../src/node.js'
import { registerAllOps } from '../../../src/api/register-all.js'

registerAllOps()

const [heads, size] = [1, 8]

function written(): Uint8Array {
  const g = new GraphBuilder('decomposed')
  const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, 'float32', [1, heads, 'S', size]))
  const scores = g.op('MatMul', [q, g.op('Transpose', [k], { perm: [0, 1, 3, 2] })])
  g.output(g.op('MatMul', [g.op('Softmax', [scores], { axis: -1 }), v]), 'y')
  return exportModel(g.graph())
}

function operator(): Uint8Array {
  const g = new GraphBuilder('operator')
  const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, 'float32', [1, heads, 'S', size]))
  g.output(g.op('Attention', [q, k, v], { is_causal: 1 }), 'y')
  return exportModel(g.graph())
}

test.each([
  ['the operator', operator],
  ['as exporters write it', written],
])('memory of attention grows with the sequence, not with its square: %s', async (_, build) => {
  const arenas: number[] = []
  for (const length of [1024, 2048, 4096, 8192]) {
    await using session = await InferenceSession.create(build())
    const tensor = (seed: number) =>
      new Tensor(
        'float32',
        Float32Array.from({ length: heads * length * size }, (_, i) => Math.sin(i * seed)),
        [1, heads, length, size],
      )
    const feeds = { q: tensor(1), k: tensor(2), v: tensor(3) }
    // The longest is run as well; for the others the plan says it.
    if (length === 8192) {
      const { y } = await session.run(feeds)
      expect((y.data as Float32Array).every((value) => Math.abs(value) <= 1)).toBe(true)
      arenas.push(session.memory.arena)
    } else arenas.push((await session.prepare(feeds)).arenaBytes)
  }
  for (let i = 1; i < arenas.length; i++) expect(arenas[i] / arenas[i - 1]).toBeLessThan(2.01)
  // Scores of a single head would take 256 MiB.
  expect(arenas[3]).toBeLessThan(12 * heads * 8192 * size * 4)
})

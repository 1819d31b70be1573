import { expect, test } from 'vitest'
import { GraphBuilder } from '../../src/api/graph/builder.js'
import { finish } from '../../src/core/steps.js'
import type { Value } from '../../src/ir/graph.js'
import { Program } from '../../src/plan/program.js'
import { WeightStore } from '../../src/plan/weights.js'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { makeContext } from '../support/wasm.js'

registerAllOps()

/** What a graph over one input computes for it. */
async function run(shape: number[], values: number[], build: (g: GraphBuilder, x: Value) => Value): Promise<number[]> {
  const g = new GraphBuilder('in-place')
  const x = g.input('x', 'float32', shape)
  g.output(build(g, x), 'y')
  const graph = g.graph()
  const context = makeContext()
  const program = new Program(graph, context, new WeightStore(context), {
    build: 'simd',
    fast: true,
    shapedPass: () => true,
    arenaLimit: 2 ** 30,
  })
  const results = await finish(program.run(new Map([[x, hostFrom('float32', shape, values)]])))
  return Array.from((results.get(graph.outputs[0]) as HostTensor).data as Float32Array)
}

test('a value that an operator has twice is not overwritten between', async () => {
  const y = await run([4], [1, 2, 3, 4], (g, x) => {
    const t = g.op('Relu', [x])
    return g.op('Sum', [t, g.constant('ten', hostFrom('float32', [4], [10, 10, 10, 10])), t])
  })
  expect(y).toEqual([12, 14, 16, 18])
})

test('nor one of which a part is broadcast', async () => {
  const y = await run([2, 2], [1, 2, 3, 4], (g, x) => {
    const t = g.op('Relu', [x])
    const [zero, one] = [0, 1].map((n) => g.constant(`n${n}`, hostFrom('int64', [1], [n])))
    return g.op('Add', [t, g.op('Slice', [t, zero, one, zero])])
  })
  expect(y).toEqual([2, 4, 4, 6])
})

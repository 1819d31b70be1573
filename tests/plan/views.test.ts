import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../src/api/graph/builder.js'
import { finish } from '../../src/core/steps.js'
import type { Value } from '../../src/ir/graph.js'
import { Program } from '../../src/plan/program.js'
import { WeightStore } from '../../src/plan/weights.js'
import { hostFrom, type HostTensor, type HostValue } from '../../src/core/host.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { compareTensor } from '../support/cases/check-case.js'
import { randomTensor, seeded } from '../support/random.js'
import { makeContext } from '../support/wasm.js'

registerAllOps()

const list = (...values: number[]) => hostFrom('int64', [values.length], values)

/** Builds on x [2,6,5,4] that lies channels-last, runs, and returns the names of the kernels and the first output. */
async function kernels(
  build: (g: GraphBuilder, x: Value) => Value | Value[],
): Promise<{ names: string[]; fed: HostTensor; outputs: HostTensor[] }> {
  const g = new GraphBuilder('views')
  const fed = randomTensor(seeded(7), 'float32', [2, 5, 4, 6])
  const input = g.input('fed', 'float32', fed.shape)
  const made = build(g, g.op('Transpose', [input], { perm: [0, 3, 1, 2] }))
  const outputs = Array.isArray(made) ? made : [made]
  outputs.forEach((value, i) => g.output(value, `y${i}`))
  const context = makeContext()
  const program = new Program(g.graph(), context, new WeightStore(context), {
    build: 'simd',
    fast: true,
    shapedPass: () => true,
    arenaLimit: 2 ** 32,
  })
  const feeds = new Map<Value, HostValue>([[input, fed]])
  const names = program.prepare(feeds).steps.map((step) => ('kernel' in step ? step.kernel : 'TypeScript'))
  const results = await finish(program.run(feeds))
  return { names, fed, outputs: [...results.values()] as HostTensor[] }
}

/** x[n, c, h, w] of what was fed as [n, h, w, c]. */
const at = (fed: HostTensor, n: number, c: number, h: number, w: number) =>
  fed.data[((n * 5 + h) * 4 + w) * 6 + c] as number

describe('no kernel runs for', () => {
  const backToFed = { perm: [0, 2, 3, 1] }

  test('joining pixels of a channels-last image', async () => {
    const { names, outputs, fed } = await kernels((g, x) =>
      g.op('Transpose', [g.op('Reshape', [x, g.constant('s', list(2, 6, 20))])], { perm: [0, 2, 1] }),
    )
    expect(names).toEqual([])
    expect(outputs[0]).toEqual({ ...fed, shape: [2, 20, 6] })
  })

  test('adding and removing axes of size 1', async () => {
    const { names, outputs, fed } = await kernels((g, x) => {
      const more = g.op('Unsqueeze', [x, g.constant('a', list(0, 3))])
      return g.op('Transpose', [g.op('Squeeze', [more, g.constant('b', list(0, 3))])], backToFed)
    })
    expect(names).toEqual([])
    expect(outputs[0]).toEqual(fed)
  })

  test('splitting channels into groups', async () => {
    const { names } = await kernels((g, x) =>
      g.op('Transpose', [g.op('Reshape', [x, g.constant('s', list(2, 3, 2, 5, 4))])], { perm: [0, 3, 4, 1, 2] }),
    )
    expect(names).toEqual([])
  })

  test('slices of the outermost axis', async () => {
    const { names, outputs, fed } = await kernels((g, x) => {
      const slice = g.op('Slice', [x, g.constant('a', list(1)), g.constant('b', list(2)), g.constant('c', list(0))])
      return g.op('Transpose', [slice], backToFed)
    })
    expect(names).toEqual([])
    expect(outputs[0].data).toEqual((fed.data as Float32Array).slice(120))
  })

  test('Identity, Dropout, slices and tiles of everything', async () => {
    const { names, outputs, fed } = await kernels((g, x) => {
      const same = g.op('Dropout', [g.op('Identity', [x])])
      const tiled = g.op('Tile', [same, g.constant('t', list(1, 1, 1, 1))])
      return g.op('Transpose', [g.op('Slice', [tiled, g.constant('a', list(0)), g.constant('b', list(99))])], backToFed)
    })
    expect(names).toEqual([])
    expect(outputs[0]).toEqual(fed)
  })
})

test('a channel shuffle is one copy', async () => {
  const { names, outputs, fed } = await kernels((g, x) => {
    const grouped = g.op('Reshape', [x, g.constant('s', list(2, 3, 2, 5, 4))])
    const shuffled = g.op('Reshape', [
      g.op('Transpose', [grouped], { perm: [0, 2, 1, 3, 4] }),
      g.constant('t', list(2, 6, 5, 4)),
    ])
    return g.op('Transpose', [shuffled], { perm: [0, 2, 3, 1] })
  })
  expect(names).toEqual(['strided_copy'])
  const expected: number[] = []
  for (let n = 0; n < 2; n++)
    for (let h = 0; h < 5; h++)
      for (let w = 0; w < 4; w++)
        for (let c = 0; c < 6; c++) expected.push(at(fed, n, (c % 3) * 2 + Math.floor(c / 3), h, w))
  compareTensor(outputs[0], { shape: [2, 5, 4, 6], data: expected })
})

test('a concatenation of channels-last tensors copies each once', async () => {
  const { names } = await kernels((g, x) =>
    g.op('Transpose', [g.op('Concat', [x, x], { axis: 1 })], { perm: [0, 2, 3, 1] }),
  )
  expect(names).toEqual(['strided_copy', 'strided_copy'])
})

test('a view of a constant is not overwritten', async () => {
  const g = new GraphBuilder('constant')
  // More elements than the planner folds.
  const constant = g.constant('big', randomTensor(seeded(3), 'float32', [80, 60]))
  g.output(g.op('Neg', [g.op('Transpose', [constant])]), 'y')
  const context = makeContext()
  const program = new Program(g.graph(), context, new WeightStore(context), {
    build: 'simd',
    fast: true,
    shapedPass: () => true,
    arenaLimit: 2 ** 32,
  })
  const [first] = [...(await finish(program.run(new Map()))).values()] as HostTensor[]
  const [second] = [...(await finish(program.run(new Map()))).values()] as HostTensor[]
  expect(second.data).toEqual(first.data)
})

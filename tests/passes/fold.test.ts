import { describe, expect, test } from 'vitest'
import { hostFrom, hostZeros } from '../../src/core/host.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { allOff, alone, modelOf, norm, ops, type Build } from './one-pass.js'

describe('fold-constants', () => {
  test.each<[string, Build, string[]]>([
    [
      'what depends on constants alone',
      (g, x, c) => g.op('Add', [x, g.op('Exp', [g.op('Add', [c(5), c(5)])])]),
      ['Add'],
    ],
    ['everything, down to an output', (g, x, c) => [g.op('Neg', [x]), g.op('Mul', [c(3), c(3)])], ['Neg']],
    [
      'not what depends on an input',
      (g, x, c) => g.op('Add', [g.op('Mul', [x, c(5)]), g.op('Neg', [c(5)])]),
      ['Mul', 'Add'],
    ],
    [
      'a result of which a part is read',
      (g, x, c) => g.op('Add', [x, g.node('Split', [c(10)], { axis: 0, num_outputs: 2 }, { outputs: 2 })[1]]),
      ['Add'],
    ],
    [
      'a constant that was folded, and what follows from it',
      (g, x, c) => {
        const folded = g.op('Exp', [c(5)])
        return g.op('Add', [g.op('Mul', [x, folded]), g.op('Neg', [folded])])
      },
      ['Mul', 'Add'],
    ],
  ])('%s', async (_, build, left) => {
    expect(ops(await alone('fold-constants', build))).toEqual(left)
  })

  test('takes no memory that stays', async () => {
    const g = new GraphBuilder('fold')
    const x = g.input('x', 'float32', [4])
    const table = g.op('Exp', [g.constant('big', hostZeros('float32', [50_000]))])
    g.output(
      g.op('Add', [x, g.op('ReduceSum', [table, g.constant('axes', hostFrom('int64', [1], [0]))], { keepdims: 1 })]),
      'y',
    )
    const session = await InferenceSession.create(exportModel(g.graph()))
    const { y } = await session.run({ x: new Tensor('float32', new Float32Array(4), [4]) })
    expect(y.data[3]).toBe(50_000)
    expect(session.memory.weights + session.memory.arena).toBeLessThan(10_000)
    // 200 kB in and 200 kB out, once and not ever after.
    const { peak } = session.memory
    for (const fetch of ['x', 'y', 'x'])
      await session.run({ x: new Tensor('float32', new Float32Array(4), [4]) }, [fetch])
    expect(session.memory.peak).toBe(peak)
    await session.release()
  })
})

describe('fold-batchnorm', () => {
  test.each<[string, Build]>([
    ['Conv without bias', (g, x, c, p) => norm(g, g.op('Conv', [x, c(6, 4, 3, 3)]), p, 6)],
    ['Conv with bias', (g, x, c, p) => norm(g, g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), p, 6)],
    ['grouped Conv', (g, x, c, p) => norm(g, g.op('Conv', [x, c(6, 2, 3, 3), c(6)], { group: 2 }), p, 6)],
    ['depthwise Conv', (g, x, c, p) => norm(g, g.op('Conv', [x, c(4, 1, 3, 3), c(4)], { group: 4 }), p, 4)],
    ['ConvTranspose', (g, x, c, p) => norm(g, g.op('ConvTranspose', [x, c(4, 6, 3, 3), c(6)]), p, 6)],
    ['grouped ConvTranspose', (g, x, c, p) => norm(g, g.op('ConvTranspose', [x, c(4, 3, 3, 3)], { group: 2 }), p, 6)],
    [
      'depthwise ConvTranspose',
      (g, x, c, p) => norm(g, g.op('ConvTranspose', [x, c(4, 1, 2, 2), c(4)], { group: 4 }), p, 4),
    ],
    ['Mul per channel', (g, x, c, p) => g.op('Mul', [g.op('Conv', [x, c(6, 4, 3, 3)]), p(6, 1, 1)])],
    ['Mul from the left', (g, x, c, p) => g.op('Mul', [p(1, 6, 1, 1), g.op('Conv', [x, c(6, 4, 3, 3), c(6)])])],
    ['Mul with a number', (g, x, c, p) => g.op('Mul', [g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), p()])],
    ['Add per channel', (g, x, c) => g.op('Add', [g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), c(6, 1, 1)])],
    ['Add with a number of many axes', (g, x, c) => g.op('Add', [c(1, 1, 1, 1), g.op('Conv', [x, c(6, 4, 3, 3)])])],
    ['Sub per channel', (g, x, c) => g.op('Sub', [g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), c(1, 6, 1, 1)])],
    [
      'several, one after another',
      (g, x, c, p) => {
        const y = norm(g, g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), p, 6)
        return g.op('Sub', [g.op('Add', [g.op('Mul', [y, p(6, 1, 1)]), c(6, 1, 1)]), c(6, 1, 1)])
      },
    ],
    [
      'two convolutions with the same weights',
      (g, x, c, p) => {
        const w = c(4, 4, 3, 3)
        return norm(g, g.op('Conv', [norm(g, g.op('Conv', [x, w]), p, 4), w]), p, 4)
      },
    ],
  ])('%s', async (_, build) => {
    const nodes = await alone('fold-batchnorm', build)
    expect(new Set(ops(nodes)).size).toBe(1)
    expect(ops(nodes)[0]).toMatch(/^Conv/)
    for (const node of nodes) expect(node.inputs).toHaveLength(3)
  })

  test.each<[string, Build]>([
    [
      'a convolution that is read twice',
      (g, x, c, p) => {
        const y = g.op('Conv', [x, c(6, 4, 3, 3)])
        return g.op('Add', [norm(g, y, p, 6), y])
      },
    ],
    [
      'a convolution that is fetched',
      (g, x, c, p) => {
        const y = g.op('Conv', [x, c(6, 4, 3, 3)])
        return [y, norm(g, y, p, 6)]
      },
    ],
    [
      'a product of a convolution with itself',
      (g, x, c) => {
        const y = g.op('Conv', [x, c(6, 4, 3, 3)])
        return g.op('Mul', [y, y])
      },
    ],
    ['a factor per column', (g, x, c) => g.op('Mul', [g.op('Conv', [x, c(3, 4, 3, 3)]), c(3)])],
    ['a factor per pixel', (g, x, c) => g.op('Mul', [g.op('Conv', [x, c(3, 4, 3, 3)]), c(3, 3)])],
    ['a factor that adds axes', (g, x, c) => g.op('Mul', [g.op('Conv', [x, c(6, 4, 3, 3)]), c(1, 1, 6, 1, 1)])],
    [
      'a factor that broadcasts the one channel',
      (g, x, c) => g.op('Mul', [g.op('Conv', [x, c(1, 4, 3, 3)]), c(6, 1, 1)]),
    ],
    ['a difference the other way round', (g, x, c) => g.op('Sub', [c(6, 1, 1), g.op('Conv', [x, c(6, 4, 3, 3)])])],
    ['a division', (g, x, c, p) => g.op('Div', [p(6, 1, 1), g.op('Conv', [x, c(6, 4, 3, 3)])])],
    [
      'weights that are computed',
      (g, x, _, p) =>
        norm(
          g,
          g.op('Conv', [
            x,
            g.op('Slice', [
              g.op('Expand', [g.op('ReduceMean', [x]), g.constant('s', hostFrom('int64', [4], [6, 4, 3, 3]))]),
              g.constant('a', hostFrom('int64', [1], [0])),
              g.constant('b', hostFrom('int64', [1], [6])),
            ]),
          ]),
          p,
          6,
        ),
    ],
    [
      'a scale that is computed',
      (g, x, c, p) =>
        g.op(
          'BatchNormalization',
          [g.op('Conv', [x, c(4, 4, 3, 3)]), g.op('GlobalMaxPool', [g.op('ReduceMax', [x])]), p(4), p(4), p(4)].map(
            (v, i) =>
              i === 1
                ? g.op('ReduceMax', [x, g.constant('axes', hostFrom('int64', [3], [0, 2, 3]))], { keepdims: 0 })
                : v,
          ),
        ),
    ],
  ])('not %s', async (_, build) => {
    const bytes = modelOf(build, [2, 4, 5, 5])
    const plain = await InferenceSession.create(bytes, { passes: { ...allOff, 'eliminate-dead': true } })
    const before = ops(await plain.optimized())
    await plain.release()
    expect(ops(await alone('fold-batchnorm', build)).filter((op) => before.includes(op))).toEqual(
      expect.arrayContaining(before),
    )
  })
})

describe('transposed-to-conv', () => {
  const transposed =
    (shape: number[], attributes: Record<string, unknown>): Build =>
    (g, x, c) =>
      g.op('ConvTranspose', [x, c(...shape), c(shape[1] * Number(attributes.group ?? 1))], attributes)

  test.each<[string, Build, number[]]>([
    ['3x3', transposed([4, 6, 3, 3], {}), [2, 4, 5, 5]],
    ['3x2, cut unevenly, dilated', transposed([4, 6, 3, 2], { pads: [1, 0, 3, 2], dilations: [2, 3] }), [2, 4, 5, 5]],
    ['groups', transposed([4, 3, 3, 3], { group: 2, pads: [1, 1, 1, 1], strides: [1, 1] }), [2, 4, 5, 5]],
    ['depthwise, dilated', transposed([4, 1, 3, 3], { group: 4, pads: [4, 1, 4, 1], dilations: [2, 1] }), [2, 4, 5, 5]],
    ['1-D', transposed([4, 5, 3], { dilations: [2] }), [2, 4, 9]],
    ['3-D', transposed([3, 2, 2, 3, 2], { pads: [0, 1, 0, 1, 2, 0], auto_pad: 'NOTSET' }), [1, 3, 3, 4, 5]],
    ['without bias', (g, x, c) => g.op('ConvTranspose', [x, c(4, 6, 1, 1)]), [2, 4, 5, 5]],
  ])('%s', async (_, build, shape) => {
    expect(ops(await alone('transposed-to-conv', build, shape))).toEqual(['Conv'])
  })

  test.each<[string, Build]>([
    ['a stride', transposed([4, 6, 3, 3], { strides: [1, 2] })],
    ['more cut off than the kernel reaches', transposed([4, 6, 3, 3], { pads: [3, 0, 0, 0] })],
    ['a size that is asked for', transposed([4, 6, 3, 3], { output_shape: [6, 7] })],
    ['SAME_UPPER', transposed([4, 6, 3, 3], { auto_pad: 'SAME_UPPER' })],
    ['output padding', transposed([4, 6, 3, 3], { output_padding: [0, 1], dilations: [2, 2] })],
    [
      'filters that are computed',
      (g, x) =>
        g.op('ConvTranspose', [
          x,
          g.op('Reshape', [
            g.op('Slice', [x, ...[0, 1, 0].map((v, i) => g.constant(`s${i}`, hostFrom('int64', [1], [v])))]),
            g.constant('shape', hostFrom('int64', [4], [4, 1, 5, 5])),
          ]),
        ]),
    ],
  ])('not %s', async (_, build) => {
    expect(ops(await alone('transposed-to-conv', build))).toContain('ConvTranspose')
  })
})

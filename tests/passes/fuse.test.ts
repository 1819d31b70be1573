import { describe, expect, test } from 'vitest'
import { hostFrom } from '../../src/core/host.js'
import type { Node, Value } from '../../src/ir/graph.js'
import { inferTypes } from '../../src/ir/infer.js'
import { InferenceSession, Tensor, type GraphBuilder } from '../../src/node.js'
import { fuseResidual } from '../../src/passes/shaped/fuse-residual.js'
import { randomTensor, seeded } from '../support/random.js'
import { allOff, alone, modelOf, ops, type Build } from './one-pass.js'

describe('fuse-bias', () => {
  const fused = (nodes: readonly Node[]) => nodes.map(({ op, fused: { bias } }) => [op.name, bias])

  test.each<[string, Build]>([
    ['from the right', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 7)]), c(7)])],
    ['from the left', (g, x, c) => g.op('Add', [c(7), g.op('MatMul', [x, c(5, 7)])])],
  ])('%s', async (_, build) => {
    expect(fused(await alone('fuse-bias', build))).toEqual([['MatMul', 2]])
  })

  test.each<[string, Build, number[]]>([
    ['a matrix', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 7)]), c(3, 7)]), [3, 5]],
    ['a number', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 7)]), c()]), [3, 5]],
    ['a column', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 7)]), c(3, 1)]), [3, 5]],
    ['a bias that broadcasts the product', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(5, 1)]), c(7)]), [3, 5]],
    [
      'a bias that is fed',
      (g, x, c) =>
        g.op('Add', [g.op('MatMul', [x, c(5, 5)]), g.op('Gather', [x, g.constant('i', hostFrom('int64', [], [0]))])]),
      [3, 5],
    ],
    [
      'a product that is read twice',
      (g, x, c) => {
        const y = g.op('MatMul', [x, c(5, 5)])
        return g.op('Mul', [g.op('Add', [y, c(5)]), y])
      },
      [3, 5],
    ],
    [
      'a product that is fetched',
      (g, x, c) => {
        const y = g.op('MatMul', [x, c(5, 5)])
        return [y, g.op('Add', [y, c(5)])]
      },
      [3, 5],
    ],
  ])('not %s', async (_, build, shape) => {
    const nodes = await alone('fuse-bias', build, shape)
    expect(fused(nodes)).toContainEqual(['MatMul', undefined])
    expect(ops(nodes)).toContain('Add')
  })
})

describe('fuse-activation', () => {
  const followers: [string, (g: GraphBuilder, y: Value) => Value][] = [
    ...['Relu', 'Sigmoid', 'Tanh', 'HardSwish', 'Elu', 'Abs', 'Exp', 'Softplus', 'Erf', 'Gelu', 'Mish'].map(
      (op): [string, (g: GraphBuilder, y: Value) => Value] => [op, (g, y) => g.op(op, [y])],
    ),
    ['LeakyRelu', (g, y) => g.op('LeakyRelu', [y], { alpha: 0.3 })],
    ['HardSigmoid', (g, y) => g.op('HardSigmoid', [y], { alpha: 0.1, beta: 0.4 })],
    [
      'Clip',
      (g, y) =>
        g.op('Clip', [
          y,
          g.constant('low', hostFrom('float32', [], [-0.5])),
          g.constant('high', hostFrom('float32', [], [0.25])),
        ]),
    ],
    ['Clip from above', (g, y) => g.op('Clip', [y, undefined, g.constant('high', hostFrom('float32', [], [0.25]))])],
  ]
  const carriers: [string, Build, number[]][] = [
    ['Conv', (g, x, c) => g.op('Conv', [x, c(6, 4, 3, 3), c(6)]), [2, 4, 5, 5]],
    ['ConvTranspose', (g, x, c) => g.op('ConvTranspose', [x, c(4, 6, 3, 3)]), [2, 4, 5, 5]],
    ['MatMul', (g, x, c) => g.op('MatMul', [x, c(5, 7)]), [3, 5]],
    ['Gemm', (g, x, c) => g.op('Gemm', [x, c(7, 5), c(7)], { transB: 1, alpha: 0.5, beta: 2 }), [3, 5]],
  ]

  test.each(
    carriers.flatMap(([carrier, build, shape]) =>
      followers.map(([op, follow]) => [carrier, op, build, follow, shape] as const),
    ),
  )('%s and %s', async (carrier, _, build, follow, shape) => {
    const nodes = await alone('fuse-activation', (g, x, c, p) => follow(g, build(g, x, c, p) as Value), shape)
    expect(nodes.map(({ op, fused }) => [op.name, fused.activation !== undefined])).toEqual([[carrier, true]])
  })

  test.each<[string, Build, string[]]>([
    [
      'a second activation',
      (g, x, c) => g.op('Sigmoid', [g.op('Relu', [g.op('MatMul', [x, c(5, 5)])])]),
      ['MatMul', 'Sigmoid'],
    ],
    [
      'where the product is read twice',
      (g, x, c) => {
        const y = g.op('MatMul', [x, c(5, 5)])
        return g.op('Mul', [g.op('Sigmoid', [y]), y])
      },
      ['MatMul', 'Sigmoid', 'Mul'],
    ],
    [
      'where the product is fetched',
      (g, x, c) => {
        const y = g.op('MatMul', [x, c(5, 5)])
        return [y, g.op('Relu', [y])]
      },
      ['MatMul', 'Relu'],
    ],
    [
      'a Clip whose bounds are computed',
      (g, x, c) => g.op('Clip', [g.op('MatMul', [x, c(5, 5)]), g.op('ReduceMin', [x], { keepdims: 0 })]),
      ['MatMul', 'ReduceMin', 'Clip'],
    ],
    [
      'a Clip whose bound the product is',
      (g, x, c) =>
        g.op(
          'Clip',
          [c(3, 1), g.op('MatMul', [g.op('ReduceMax', [x], { keepdims: 1 }), c(1, 1)]), undefined]
            .slice(0, 2)
            .map((v, i) => (i === 1 ? g.op('Squeeze', [v]) : v)),
        ),
      ['ReduceMax', 'MatMul', 'Squeeze', 'Clip'],
    ],
    ['Softmax', (g, x, c) => g.op('Softmax', [g.op('MatMul', [x, c(5, 5)])]), ['MatMul', 'Softmax']],
  ])('not %s', async (_, build, left) => {
    expect(ops(await alone('fuse-activation', build, [3, 5]))).toEqual(left)
  })
})

describe('fuse-residual', () => {
  /**
   * What the pass alone makes of the model, by the number of nodes with a residual; and the session's numbers must
   * agree.
   */
  async function residuals(
    build: Build,
    shape: number[] = [2, 4, 6, 6],
  ): Promise<{ nodes: readonly Node[]; fused: number }> {
    const bytes = modelOf(build, shape)
    const [off, on] = await Promise.all([
      InferenceSession.create(bytes, { passes: false, accuracy: 'exact' }),
      InferenceSession.create(bytes, { passes: { ...allOff, 'fuse-residual': true }, accuracy: 'exact' }),
    ])
    const { model } = on
    const types = new Map(model.inputs.map((value) => [value, { dtype: 'float32' as const, shape }] as const))
    const { nodes } = fuseResidual(model, inferTypes(model, types))
    const x = new Tensor('float32', randomTensor(seeded(3), 'float32', shape, -2, 2).data, shape)
    const before = Float32Array.from(x.data as Float32Array)
    const [expected, actual] = await Promise.all([off.run({ x }), on.run({ x })])
    expect(x.data).toEqual(before)
    for (const [name, { data }] of Object.entries(expected)) {
      data.forEach((value, i) => expect(actual[name].data[i]).toBeCloseTo(value as number, 4))
    }
    // A second run: nothing that the first overwrote may have been a weight.
    const again = await on.run({ x })
    for (const [name, { data }] of Object.entries(actual)) expect(again[name].data).toEqual(data)
    await Promise.all([off.release(), on.release()])
    return { nodes, fused: nodes.filter((node) => node.fused.residual !== undefined).length }
  }
  const conv = (g: GraphBuilder, x: Value, c: (...shape: number[]) => Value): Value =>
    g.op('Conv', [x, c(4, 4, 3, 3), c(4)], { pads: [1, 1, 1, 1] })

  test.each<[string, Build, number]>([
    ['the image of the convolution', (g, x, c) => g.op('Add', [conv(g, x, c), x]), 1],
    [
      'the image, dying',
      (g, x, c) => {
        const t = g.op('Neg', [x])
        return g.op('Add', [t, conv(g, t, c)])
      },
      1,
    ],
    [
      'the image, living on',
      (g, x, c) => {
        const t = g.op('Neg', [x])
        return g.op('Mul', [g.op('Add', [conv(g, t, c), t]), t])
      },
      1,
    ],
    ['another tensor that dies', (g, x, c) => g.op('Add', [g.op('Neg', [x]), conv(g, x, c)]), 1],
    [
      'another tensor that lives on',
      (g, x, c) => {
        const t = g.op('Neg', [x])
        return g.op('Sub', [g.op('Add', [t, conv(g, x, c)]), t])
      },
      1,
    ],
    [
      'a tensor that is fetched',
      (g, x, c) => {
        const t = g.op('Neg', [x])
        return [g.op('Add', [t, conv(g, x, c)]), t]
      },
      1,
    ],
    [
      'two convolutions: the later adds the earlier',
      (g, x, c) => g.op('Add', [conv(g, x, c), conv(g, g.op('Neg', [x]), c)]),
      1,
    ],
    ['a constant', (g, x, c) => g.op('Add', [conv(g, x, c), c(2, 4, 6, 6)]), 1],
    [
      'a chain of blocks',
      (g, x, c) => {
        let y = x
        for (let i = 0; i < 4; i++) y = g.op('Relu', [g.op('Add', [conv(g, g.op('Relu', [conv(g, y, c)]), c), y])])
        return y
      },
      4,
    ],
    [
      'ConvTranspose',
      (g, x, c) => g.op('Add', [g.op('ConvTranspose', [x, c(4, 4, 3, 3)], { pads: [1, 1, 1, 1] }), x]),
      1,
    ],
    ['depthwise', (g, x, c) => g.op('Add', [g.op('Conv', [x, c(4, 1, 3, 3)], { group: 4, pads: [1, 1, 1, 1] }), x]), 1],
    ['pointwise', (g, x, c) => g.op('Add', [g.op('Conv', [x, c(4, 4, 1, 1)]), x]), 1],
    ['MatMul', (g, x, c) => g.op('Add', [g.op('MatMul', [x, c(6, 6)]), x]), 1],
    ['a residual that broadcasts: not', (g, x, c) => g.op('Add', [conv(g, x, c), c(4, 1, 1)]), 0],
    [
      'a residual that broadcasts the convolution: not',
      (g, x, c) => g.op('Add', [g.op('Conv', [x, c(1, 4, 3, 3)], { pads: [1, 1, 1, 1] }), x]),
      0,
    ],
    [
      'a convolution added to itself: not',
      (g, x, c) => {
        const y = conv(g, x, c)
        return g.op('Add', [y, y])
      },
      0,
    ],
    [
      'a convolution that is read elsewhere: not',
      (g, x, c) => {
        const y = conv(g, x, c)
        return g.op('Mul', [g.op('Add', [y, x]), y])
      },
      0,
    ],
    [
      'a convolution that is fetched: not',
      (g, x, c) => {
        const y = conv(g, x, c)
        return [y, g.op('Add', [y, x])]
      },
      0,
    ],
    ['behind an activation: not', (g, x, c) => g.op('Add', [g.op('Relu', [conv(g, x, c)]), x]), 0],
    [
      'a residual that the convolution leads to: the later one only',
      (g, x, c) => {
        const y = conv(g, x, c)
        return g.op('Add', [y, conv(g, g.op('Neg', [g.op('Identity', [y])]), c)])
      },
      1,
    ],
  ])('%s', async (_, build, expected) => {
    const { fused } = await residuals(build)
    expect(fused).toBe(expected)
  })

  test('an activation that follows the sum is fused with it', async () => {
    const { nodes } = await residuals((g, x, c) => g.op('Relu', [g.op('Add', [conv(g, x, c), x])]))
    expect(nodes.map(({ op, fused }) => [op.name, fused.residual, fused.activation !== undefined])).toEqual([
      ['Conv', 3, true],
    ])
  })
})

import { describe, expect, test } from 'vitest'
import { costOf, parametersOf } from '../../src/plan/cost.js'
import { notFused, type Node, type Value } from '../../src/ir/graph.js'
import { hostZeros } from '../../src/core/host.js'
import type { Attributes } from '../../src/ir/attributes.js'
import type { OpDefinition } from '../../src/ir/op.js'
import type { Shape } from '../../src/core/shape.js'

function node(name: string, attributes: Attributes = {}, inputs: readonly (Value | undefined)[] = []): Node {
  return { op: { name, domain: '' } as OpDefinition, name, attributes, inputs, outputs: [], fused: notFused }
}

describe('multiply-adds of the direct algorithm', () => {
  test.each<[string, Attributes, (Shape | undefined)[], Shape[], number]>([
    // Every output is a sum over 3 channels of 7 × 7.
    [
      'Conv',
      {},
      [
        [1, 3, 224, 224],
        [64, 3, 7, 7],
      ],
      [[1, 64, 112, 112]],
      112 * 112 * 64 * 3 * 49,
    ],
    [
      'Conv',
      { group: 32 },
      [
        [2, 32, 56, 56],
        [32, 1, 3, 3],
      ],
      [[2, 32, 56, 56]],
      2 * 32 * 56 * 56 * 9,
    ],
    [
      'Conv',
      { group: 2 },
      [
        [1, 8, 10],
        [6, 4, 5],
      ],
      [[1, 6, 6]],
      6 * 6 * 4 * 5,
    ],
    ['QLinearConv', {}, [[1, 4, 8, 8], [], [], [8, 4, 1, 1]], [[1, 8, 8, 8]], 8 * 8 * 8 * 4],
    // Every input is spread over 16 channels of 4 × 4.
    [
      'ConvTranspose',
      {},
      [
        [1, 32, 7, 7],
        [32, 16, 4, 4],
      ],
      [[1, 16, 14, 14]],
      7 * 7 * 32 * 16 * 16,
    ],
    [
      'Gemm',
      { transA: 0 },
      [
        [5, 7],
        [7, 3],
      ],
      [[5, 3]],
      5 * 7 * 3,
    ],
    [
      'Gemm',
      { transA: 1 },
      [
        [7, 5],
        [7, 3],
      ],
      [[5, 3]],
      5 * 7 * 3,
    ],
    [
      'MatMul',
      {},
      [
        [2, 12, 64, 32],
        [2, 12, 32, 64],
      ],
      [[2, 12, 64, 64]],
      24 * 64 * 64 * 32,
    ],
    ['MatMul', {}, [[9], [9, 4]], [[4]], 36],
    [
      'LSTM',
      {},
      [
        [10, 2, 5],
        [1, 12, 5],
        [1, 12, 3],
      ],
      [[10, 1, 2, 3]],
      10 * 2 * 12 * (5 + 3),
    ],
    [
      'GRU',
      {},
      [
        [10, 2, 5],
        [2, 9, 5],
        [2, 9, 3],
      ],
      [[10, 2, 2, 3]],
      10 * 2 * 2 * 9 * (5 + 3),
    ],
    // 12 heads of 64, 100 keys.
    [
      'Attention',
      {},
      [
        [1, 12, 50, 64],
        [1, 12, 100, 64],
        [1, 12, 100, 64],
      ],
      [[1, 12, 50, 64]],
      12 * 50 * 100 * 64 * 2,
    ],
    [
      'Attention',
      {},
      [
        [1, 50, 768],
        [1, 100, 768],
        [1, 100, 768],
      ],
      [[1, 50, 768]],
      12 * 50 * 100 * 64 * 2,
    ],
    [
      'Einsum',
      { equation: 'bij,bjk->bik' },
      [
        [2, 3, 4],
        [2, 4, 5],
      ],
      [[2, 3, 5]],
      2 * 3 * 4 * 5,
    ],
    [
      'Einsum',
      { equation: '...ij, ...jk -> ...ik' },
      [
        [2, 6, 3, 4],
        [2, 6, 4, 5],
      ],
      [[2, 6, 3, 5]],
      12 * 3 * 4 * 5,
    ],
    ['Einsum', { equation: 'ii->i' }, [[4, 4]], [[4]], 0],
    ['Relu', {}, [[10]], [[10]], 0],
    // Shapes that are not known cost nothing rather than something wrong.
    ['Conv', {}, [undefined, [64, 3, 7, 7]], [], 0],
    ['Gemm', {}, [undefined, undefined], [], 0],
  ])('%s %j %j', (op, attributes, inputs, outputs, macs) => {
    const cost = costOf(node(op, attributes), inputs, outputs)
    expect(cost.macs).toBe(macs)
    if (macs > 0) expect(cost.flops).toBe(2 * macs)
  })
})

test.each<[string, Attributes, Shape[], Shape[], number]>([
  ['Add', {}, [[4, 5], [5]], [[4, 5]], 20],
  ['MaxPool', { kernel_shape: [3, 3] }, [[1, 2, 8, 8]], [[1, 2, 6, 6]], 72 * 9],
  ['GlobalAveragePool', {}, [[1, 2, 8, 8]], [[1, 2, 1, 1]], 128],
  ['ReduceSum', {}, [[3, 100]], [[3]], 300],
  ['Softmax', {}, [[3, 100]], [[3, 100]], 1500],
  ['Reshape', {}, [[3, 100], [1]], [[300]], 0],
  ['Transpose', {}, [[3, 100]], [[100, 3]], 0],
])('operations of %s', (op, attributes, inputs, outputs, flops) => {
  expect(costOf(node(op, attributes), inputs, outputs)).toEqual({ macs: 0, flops })
})

describe('parameters', () => {
  const constant = (name: string, dtype: 'float32' | 'int64' | 'uint8', shape: Shape): Value => ({
    name,
    constant: hostZeros(dtype, shape),
  })
  const names = (...args: Parameters<typeof node>) => parametersOf(node(...args)).map(({ name }) => name)
  const x: Value = { name: 'x' }

  test('are weights, of whatever precision', () => {
    expect(names('Conv', {}, [x, constant('w', 'float32', [4, 1, 3, 3]), constant('b', 'float32', [4])])).toEqual([
      'w',
      'b',
    ])
    expect(names('MatMulInteger', {}, [x, constant('w', 'uint8', [4, 4])])).toEqual(['w'])
  })

  test('are no shapes, scalars, bounds or scales', () => {
    expect(names('Reshape', {}, [x, constant('shape', 'int64', [2])])).toEqual([])
    expect(names('Mul', {}, [x, constant('half', 'float32', [])])).toEqual([])
    expect(names('Clip', {}, [x, constant('min', 'float32', [1]), undefined])).toEqual([])
    expect(names('DequantizeLinear', {}, [constant('w', 'uint8', [8]), constant('scale', 'float32', [8])])).toEqual([
      'w',
    ])
  })

  test('count once in a node that uses them twice', () => {
    const w = constant('w', 'float32', [3])
    expect(names('Add', {}, [w, w])).toEqual(['w'])
  })
})

import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/core/errors.js'
import { LanewiseError } from '../../src/core/errors.js'
import { f32, int64s, typed, type Spec } from '../ops/case.js'
import { inputsOf } from '../support/cases/case-model.js'
import { runNode } from '../support/cases/run-node.js'

const fed = (...values: number[]): Spec => ({ dtype: 'int64', shape: [values.length], values })
const scales = (...values: number[]): Spec => ({ dtype: 'float32', shape: [values.length], values, constant: true })
const x = f32([2, 3, 4])

type Row = readonly [
  op: string,
  what: string,
  code: ErrorCode,
  inputs: readonly (Spec | undefined)[],
  attributes?: Readonly<Record<string, unknown>>,
]

// What a hostile or broken model asks for: a typed error that names the node, at planning or in the middle of a run,
// never a trap.
const rows: readonly Row[] = [
  ['Reshape', 'two -1', 'E_SHAPE', [x, int64s(-1, -1)]],
  ['Reshape', 'other size', 'E_SHAPE', [x, int64s(5, 5)]],
  ['Reshape', 'no multiple', 'E_SHAPE', [x, int64s(5, -1)]],
  ['Reshape', '0 beyond the rank', 'E_SHAPE', [x, int64s(2, 3, 4, 0)]],
  ['Reshape', 'overflow', 'E_TENSOR', [x, int64s(2 ** 40, 2 ** 40)]],
  ['Flatten', 'axis', 'E_VALUE', [x], { axis: 4 }],
  ['Squeeze', 'not 1', 'E_SHAPE', [x, int64s(1)]],
  ['Unsqueeze', 'twice', 'E_VALUE', [x, int64s(0, -5)]],
  ['Concat', 'shapes', 'E_SHAPE', [x, f32([2, 3, 5])], { axis: 1 }],
  ['Concat', 'types', 'E_TENSOR', [x, typed('float64', [2, 3, 4])], { axis: 1 }],
  ['Split', 'sum', 'E_SHAPE', [x, int64s(1, 1)], { axis: 1 }],
  ['Split', 'parts', 'E_VALUE', [x], { axis: 1, num_outputs: 2 ** 40 }],
  ['Split', 'negative', 'E_SHAPE', [x, int64s(4, -1)], { axis: 1 }],
  ['Slice', 'step 0', 'E_VALUE', [x, int64s(0), int64s(1), int64s(0), int64s(0)]],
  ['Slice', 'lengths', 'E_SHAPE', [x, int64s(0, 0), int64s(1), int64s(0)]],
  ['Slice', 'axis', 'E_VALUE', [x, int64s(0), int64s(1), int64s(3)]],
  ['Expand', 'bomb', 'E_BUDGET', [x, int64s(1000000, 1000, 1, 1, 1)]],
  ['Tile', 'bomb', 'E_BUDGET', [x, int64s(2 ** 20, 2 ** 10, 2)]],
  ['Tile', 'negative', 'E_VALUE', [x, int64s(1, -1, 1)]],
  ['ConstantOfShape', 'bomb', 'E_BUDGET', [int64s(2 ** 20, 2 ** 20)]],
  ['ConstantOfShape', 'overflow', 'E_TENSOR', [int64s(2 ** 50, 2 ** 50)]],
  ['ConstantOfShape', 'bomb known only at run time', 'E_BUDGET', [fed(2 ** 20, 2 ** 20)]],
  ['Range', 'delta 0', 'E_VALUE', [int64s(0), int64s(9), int64s(0)]],
  ['Range', 'bomb', 'E_BUDGET', [int64s(0), int64s(2 ** 50), int64s(1)]],
  [
    'Range',
    'infinite',
    'E_VALUE',
    [f32([], { values: [0] }), f32([], { values: [Infinity] }), f32([], { values: [1] })],
  ],
  ['MatMul', 'types', 'E_SHAPE', [typed('int64', [2, 3]), f32([3, 2])]],
  ['Gemm', 'types', 'E_SHAPE', [typed('int64', [2, 3]), f32([3, 2])]],
  ['Einsum', 'types', 'E_SHAPE', [typed('int64', [2, 3]), f32([3, 2])], { equation: 'ij,jk->ik' }],
  ['Clip', 'types', 'E_SHAPE', [x, typed('int64', [], { values: [0] })]],
  ['Div', 'axis', 'E_VALUE', [x, f32([3])], { axis: -(2 ** 31) }],
  ['LpPool', 'p beyond 32 bits', 'E_VALUE', [f32([1, 1, 4, 4])], { kernel_shape: [2, 2], p: 2 ** 32 }],
  ['MatMulInteger', 'floats', 'E_UNSUPPORTED', [f32([2, 3]), f32([3, 2])]],
  ['QuantizeLinear', 'to strings', 'E_VALUE', [x, scales(1)], { output_dtype: 8 }],
  ['Tile', 'strings', 'E_BUDGET', [{ dtype: 'string', shape: [1], values: ['a'] }, int64s(2 ** 40)]],
  ['Pad', 'bomb', 'E_BUDGET', [x, int64s(0, 2 ** 40, 0, 0, 0, 0)]],
  ['Pad', 'takes too much', 'E_VALUE', [x, int64s(0, -4, 0, 0, 0, 0)]],
  ['Pad', 'lengths', 'E_SHAPE', [x, int64s(0, 1)]],
  ['Pad', 'reflects nothing', 'E_SHAPE', [f32([0, 2]), int64s(1, 0, 0, 0)], { mode: 'reflect' }],
  ['Pad', 'mode', 'E_VALUE', [x, int64s(0, 0, 0, 0, 0, 0)], { mode: 'mirror' }],
  ['Resize', 'scale 0', 'E_VALUE', [x, undefined, scales(1, 0, 1)]],
  ['Resize', 'scale NaN', 'E_VALUE', [x, undefined, scales(1, NaN, 1)]],
  ['Resize', 'scale infinite', 'E_VALUE', [x, undefined, scales(1, Infinity, 1)]],
  ['Resize', 'scale negative', 'E_VALUE', [x, undefined, scales(1, -2, 1)]],
  ['Resize', 'bomb', 'E_BUDGET', [x, undefined, undefined, int64s(2, 2 ** 20, 2 ** 20)]],
  ['Resize', 'neither scales nor sizes', 'E_GRAPH', [x]],
  ['Resize', 'mode', 'E_VALUE', [x, undefined, scales(1, 2, 1)], { mode: 'lanczos' }],
  ['Resize', 'coordinates', 'E_VALUE', [x, undefined, scales(1, 2, 1)], { coordinate_transformation_mode: 'polar' }],
  ['Gather', 'constant index', 'E_VALUE', [x, int64s(2)], { axis: 0 }],
  ['Gather', 'fed index', 'E_VALUE', [x, fed(0, -4)], { axis: 1 }],
  ['Gather', 'fed index beyond int32', 'E_VALUE', [x, fed(0, 2 ** 32)], { axis: 1 }],
  ['Gather', 'index type', 'E_TENSOR', [x, f32([1])]],
  ['GatherElements', 'index', 'E_VALUE', [f32([3]), fed(3)]],
  ['GatherND', 'index', 'E_VALUE', [x, fed(2)]],
  ['GatherND', 'depth', 'E_SHAPE', [x, fed(0, 0, 0, 0)]],
  ['ScatterElements', 'index', 'E_VALUE', [f32([3]), fed(-4), f32([1])]],
  ['ScatterElements', 'reduction', 'E_VALUE', [f32([3]), fed(0), f32([1])], { reduction: 'mean' }],
  ['ScatterND', 'index', 'E_VALUE', [f32([3]), typed('int64', [1, 1], { values: [3] }), f32([1])]],
  ['ScatterND', 'updates', 'E_SHAPE', [f32([3]), typed('int64', [1, 1], { values: [0] }), f32([2])]],
  ['TensorScatter', 'place', 'E_VALUE', [f32([1, 4, 2]), f32([1, 2, 2]), fed(3)]],
  ['DepthToSpace', 'channels', 'E_SHAPE', [f32([1, 3, 2, 2])], { blocksize: 2 }],
  ['DepthToSpace', 'block', 'E_VALUE', [f32([1, 4, 2, 2])], { blocksize: 0 }],
  ['SpaceToDepth', 'pixels', 'E_SHAPE', [f32([1, 3, 3, 2])], { blocksize: 2 }],
  ['TopK', 'k', 'E_VALUE', [x, int64s(5)]],
  ['TopK', 'negative k', 'E_VALUE', [x, int64s(-1)]],
  ['OneHot', 'bomb', 'E_BUDGET', [fed(0, 1), int64s(2 ** 40), f32([2])]],
  ['OneHot', 'negative depth', 'E_VALUE', [fed(0, 1), int64s(-1), f32([2])]],
  ['EyeLike', 'rank', 'E_SHAPE', [x]],
  ['NonMaxSuppression', 'shapes', 'E_SHAPE', [f32([1, 6, 4]), f32([1, 1, 5])]],
  ['NonMaxSuppression', 'threshold', 'E_VALUE', [f32([1, 6, 4]), f32([1, 1, 6]), int64s(1), f32([], { values: [2] })]],
  ['ReverseSequence', 'length', 'E_VALUE', [f32([2, 3]), fed(3, 0, 1)]],
  ['CenterCropPad', 'negative', 'E_VALUE', [x, int64s(1, -1, 1)]],
  ['GridSample', 'shapes', 'E_SHAPE', [f32([1, 2, 3, 4]), f32([1, 2, 2, 3])]],
  ['BitCast', 'width', 'E_VALUE', [x], { to: 7 }],
  ['Dropout', 'random', 'E_UNSUPPORTED', [x, undefined, typed('bool', [], { values: [1], constant: true })]],
]

describe('typed errors', () => {
  test.each(rows.map((row) => [`${row[0]}: ${row[1]}`, row] as const))(
    '%s',
    async (_, [op, name, code, specs, attributes]) => {
      const inputs = inputsOf({ op, name, inputs: specs, reference: () => [] })
      const constants = specs.flatMap((spec, i) => (spec?.constant ? [i] : []))
      const error = await runNode({ op, inputs, attributes, constants }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      )
      expect(error).toBeInstanceOf(LanewiseError)
      expect(error).toMatchObject({ code, op, node: 'node' })
    },
  )
})

describe('strings', () => {
  const words = (shape: number[], ...data: string[]) => ({ dtype: 'string' as const, shape, data })
  const numbers = (...values: number[]) => ({
    dtype: 'int64' as const,
    shape: [values.length],
    data: BigInt64Array.from(values, BigInt),
  })
  const six = words([2, 3], 'a', 'b', 'c', 'd', 'e', 'f')

  test.each([
    ['Identity', [six], {}, six],
    ['Reshape', [six, numbers(3, -1)], {}, words([3, 2], ...six.data)],
    ['Concat', [six, words([1, 3], 'x', 'y', 'z')], { axis: 0 }, words([3, 3], ...six.data, 'x', 'y', 'z')],
    ['Slice', [six, numbers(2), numbers(-9), numbers(1), numbers(-2)], {}, words([2, 2], 'c', 'a', 'f', 'd')],
    ['Gather', [six, numbers(-1, 0)], { axis: 1 }, words([2, 2], 'c', 'a', 'f', 'd')],
    ['Expand', [words([1], 'a'), numbers(2, 2)], {}, words([2, 2], 'a', 'a', 'a', 'a')],
    ['Tile', [words([2], 'a', 'b'), numbers(2)], {}, words([4], 'a', 'b', 'a', 'b')],
    ['Transpose', [six], {}, words([3, 2], 'a', 'd', 'b', 'e', 'c', 'f')],
    ['GatherElements', [words([2], 'a', 'b'), numbers(1, 1)], {}, words([2], 'b', 'b')],
    ['ScatterElements', [words([2], 'a', 'b'), numbers(1), words([1], 'z')], {}, words([2], 'a', 'z')],
    [
      'Compress',
      [words([3], 'a', 'b', 'c'), { dtype: 'bool' as const, shape: [3], data: Uint8Array.of(1, 0, 1) }],
      {},
      words([2], 'a', 'c'),
    ],
    ['Unique', [words([3], 'b', 'a', 'b')], {}, words([2], 'a', 'b')],
  ])('%s', async (op, inputs, attributes, expected) => {
    expect((await runNode({ op, inputs, attributes }))[0]).toEqual(expected)
  })

  test('Split', async () => {
    const parts = await runNode({ op: 'Split', inputs: [six, numbers(1, 2)], attributes: { axis: 1 }, outputs: 2 })
    expect(parts).toEqual([words([2, 1], 'a', 'd'), words([2, 2], 'b', 'c', 'e', 'f')])
  })

  test('Shape', async () => {
    expect((await runNode({ op: 'Shape', inputs: [six] }))[0]).toEqual(numbers(2, 3))
  })
})

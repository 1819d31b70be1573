import { describe, expect, test } from 'vitest'
import type { ErrorCode } from '../../src/core/errors.js'
import { LanewiseError } from '../../src/core/errors.js'
import { hostFrom, hostTensor, type HostTensor } from '../../src/core/host.js'
import { dtypeToOnnx, type DType } from '../../src/core/dtype.js'
import { notFused, type Graph, type Node, type Value } from '../../src/ir/graph.js'
import { findOp } from '../../src/ir/registry.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import { f32, int64s, typed, type Spec } from '../ops/case.js'
import { inputsOf } from '../support/cases/case-model.js'
import { runNode } from '../support/cases/run-node.js'

// The section "Operators" of the hostile inputs, beyond the operators that move data (data-errors.test.ts).

type Row = readonly [
  op: string,
  what: string,
  code: ErrorCode,
  inputs: readonly (Spec | undefined)[],
  attributes?: Readonly<Record<string, unknown>>,
  domain?: string,
]

const image = f32([1, 2, 5, 5])
const filters = f32([4, 2, 3, 3])
const least = -(2 ** 63)
const int32 = (...values: number[]): Spec => typed('int32', [values.length], { values })
const int64 = (...values: number[]): Spec => typed('int64', [values.length], { values })
const bytes = (...values: number[]): Spec => typed('uint8', [values.length], { values })

/** What every window refuses, wherever it slides. */
function windows(op: string, inputs: readonly Spec[], more: Readonly<Record<string, unknown>> = {}): Row[] {
  const refused: readonly (readonly [string, ErrorCode, Readonly<Record<string, unknown>>])[] = [
    ['stride 0', 'E_VALUE', { strides: [0, 1] }],
    ['stride -1', 'E_VALUE', { strides: [1, -1] }],
    ['stride 2^52', 'E_VALUE', { strides: [1, 2 ** 52] }],
    ['dilation 0', 'E_VALUE', { dilations: [1, 0] }],
    ['dilation -2^63', 'E_VALUE', { dilations: [least, 1] }],
    ['pads of -2^63', 'E_VALUE', { pads: [least, 0, 0, 0] }],
    ['pads of -1', 'E_VALUE', { pads: [0, 0, -1, 0] }],
    ['too few pads', 'E_SHAPE', { pads: [1, 1] }],
    ['too many strides', 'E_SHAPE', { strides: [1, 1, 1] }],
    ['a window that does not fit', 'E_SHAPE', { dilations: [9, 9] }],
  ]
  return refused.map(([what, code, attributes]) => [op, what, code, inputs, { ...more, ...attributes }] as const)
}

const rows: readonly Row[] = [
  ...windows('Conv', [image, filters]),
  ['Conv', 'rank 2', 'E_SHAPE', [f32([2, 5]), f32([4, 2])]],
  ['Conv', 'rank 6', 'E_UNSUPPORTED', [f32([1, 1, 2, 2, 2, 2]), f32([1, 1, 1, 1, 1, 1])]],
  ['Conv', 'ranks that differ', 'E_SHAPE', [image, f32([4, 2, 3])]],
  ['Conv', 'channels', 'E_SHAPE', [image, f32([4, 3, 3, 3])]],
  ['Conv', 'group 0', 'E_VALUE', [image, filters], { group: 0 }],
  ['Conv', 'group -1', 'E_VALUE', [image, filters], { group: -1 }],
  ['Conv', 'group that does not divide', 'E_SHAPE', [f32([1, 6, 5, 5]), f32([4, 2, 3, 3])], { group: 3 }],
  ['Conv', 'bias', 'E_SHAPE', [image, filters, f32([3])]],
  ['Conv', 'kernel_shape of other weights', 'E_SHAPE', [image, filters], { kernel_shape: [1, 1] }],
  ['Conv', 'empty kernel', 'E_VALUE', [image, f32([4, 2, 0, 3])]],
  [
    'Conv',
    'pads whose sum passes int32',
    'E_VALUE',
    [f32([1, 1, 4, 1]), f32([1, 1, 1, 1])],
    { pads: [2 ** 31 - 1, 0, 2 ** 31 - 1, 0], strides: [2 ** 31 - 1, 1] },
  ],
  ['Conv', 'bomb', 'E_BUDGET', [f32([1, 1, 1, 1]), f32([1, 1, 1, 1])], { pads: [2 ** 20, 2 ** 20, 2 ** 20, 2 ** 20] }],
  ['Conv', 'auto_pad', 'E_VALUE', [image, filters], { auto_pad: 'SAME' }],
  ['ConvTranspose', 'stride 0', 'E_VALUE', [image, f32([2, 4, 3, 3])], { strides: [0, 1] }],
  ['ConvTranspose', 'pads of -2^63', 'E_VALUE', [image, f32([2, 4, 3, 3])], { pads: [least, 0, 0, 0] }],
  ['ConvTranspose', 'pads beyond the output', 'E_SHAPE', [image, f32([2, 4, 3, 3])], { pads: [99, 0, 0, 0] }],
  ['ConvTranspose', 'group 0', 'E_VALUE', [image, f32([2, 4, 3, 3])], { group: 0 }],
  ['ConvTranspose', 'channels', 'E_SHAPE', [image, f32([3, 4, 3, 3])]],
  ['ConvTranspose', 'rank', 'E_SHAPE', [f32([2, 5]), f32([2, 4])]],
  ['ConvTranspose', 'output_padding of -2^63', 'E_VALUE', [image, f32([2, 4, 3, 3])], { output_padding: [0, least] }],
  ['ConvTranspose', 'output_shape of 0', 'E_SHAPE', [image, f32([2, 4, 3, 3])], { output_shape: [0, 4] }],
  [
    'ConvTranspose',
    'an output that passes int32 before it is cut',
    'E_VALUE',
    [f32([1, 1, 3, 1]), f32([1, 1, 1, 1])],
    { strides: [2 ** 31 - 1, 1], output_shape: [4, 1] },
  ],
  ['ConvTranspose', 'bomb', 'E_BUDGET', [f32([1, 1, 3, 3]), f32([1, 1, 1, 1])], { strides: [2 ** 20, 2 ** 20] }],
  ...windows('MaxPool', [image], { kernel_shape: [3, 3] }),
  ...windows('AveragePool', [image], { kernel_shape: [3, 3] }),
  ...windows('LpPool', [image], { kernel_shape: [3, 3] }),
  ['MaxPool', 'kernel 0', 'E_VALUE', [image], { kernel_shape: [0, 3] }],
  ['MaxPool', 'kernel -2^63', 'E_VALUE', [image], { kernel_shape: [3, least] }],
  ['AveragePool', 'kernel of rank 1', 'E_SHAPE', [image], { kernel_shape: [3] }],
  ['LpPool', 'rank', 'E_SHAPE', [f32([2])], { kernel_shape: [] }],
  ...windows('QLinearConv', [
    typed('uint8', [1, 2, 5, 5]),
    f32([], { values: [1] }),
    typed('uint8', [], { values: [0] }),
    typed('uint8', [4, 2, 3, 3]),
    f32([], { values: [1] }),
    typed('uint8', [], { values: [0] }),
    f32([], { values: [1] }),
    typed('uint8', [], { values: [0] }),
  ]),
  ...windows('ConvInteger', [typed('uint8', [1, 2, 5, 5]), typed('uint8', [4, 2, 3, 3])]),

  ['MatMul', 'shapes', 'E_SHAPE', [f32([2, 3]), f32([2, 3])]],
  ['MatMul', 'a scalar', 'E_SHAPE', [f32([]), f32([2, 3])]],
  ['MatMul', 'batches', 'E_SHAPE', [f32([2, 2, 3]), f32([3, 3, 2])]],
  ['Gemm', 'ranks', 'E_SHAPE', [f32([2, 3, 1]), f32([3, 2])]],
  ['Gemm', 'addend', 'E_SHAPE', [f32([2, 3]), f32([3, 2]), f32([3])]],
  ['MatMulInteger', 'shapes', 'E_SHAPE', [typed('uint8', [2, 3]), typed('uint8', [2, 3])]],

  ['Reshape', 'a zero divisor', 'E_SHAPE', [f32([0, 3]), int64s(0, -1)]],
  ['Reshape', '-2', 'E_SHAPE', [f32([2, 3]), int64s(-2, 3)]],
  ['TopK', 'k of 2^53', 'E_VALUE', [f32([2, 3]), int64s(2 ** 53)]],
  ['Div', 'int32 by zero', 'E_VALUE', [int32(1, 2), int32(1, 0)]],
  ['Div', 'int64 by zero', 'E_VALUE', [int64(1, 2), int64(1, 0)]],
  ['Div', 'uint8 by zero', 'E_VALUE', [bytes(1, 2), bytes(1, 0)]],
  ['Mod', 'int32 by zero', 'E_VALUE', [int32(1, 2), int32(1, 0)]],
  ['Mod', 'int64 by zero', 'E_VALUE', [int64(1, 2), int64(0, 1)], { fmod: 1 }],
  ['Mod', 'floats without fmod', 'E_VALUE', [f32([2]), f32([2])]],
  ['BitShift', 'by a negative number', 'E_VALUE', [int32(1, 2), int32(1, -1)], { direction: 'LEFT' }],
  ['BitShift', 'direction', 'E_VALUE', [bytes(1), bytes(1)], { direction: 'UP' }],
  ['Pow', 'string', 'E_UNSUPPORTED', [f32([1]), typed('string', [1], { values: ['2'] })]],

  ['Einsum', 'two arrows', 'E_VALUE', [f32([2, 2])], { equation: 'ij->i->j' }],
  ['Einsum', 'no letters', 'E_VALUE', [f32([2, 2])], { equation: 'i1->i' }],
  ['Einsum', 'nothing', 'E_SHAPE', [f32([2, 2])], { equation: '' }],
  ['Einsum', 'too many terms', 'E_VALUE', [f32([2, 2])], { equation: 'ij,jk->ik' }],
  ['Einsum', 'too few terms', 'E_VALUE', [f32([2, 2]), f32([2, 2])], { equation: 'ij->ji' }],
  ['Einsum', 'too few letters', 'E_SHAPE', [f32([2, 2])], { equation: 'i->i' }],
  ['Einsum', 'too many letters', 'E_SHAPE', [f32([2, 2])], { equation: 'ijk->i' }],
  ['Einsum', 'a letter only in the output', 'E_VALUE', [f32([2, 2])], { equation: 'ij->ijk' }],
  ['Einsum', 'a letter twice in the output', 'E_VALUE', [f32([2, 2])], { equation: 'ij->ii' }],
  ['Einsum', 'a letter of two sizes', 'E_SHAPE', [f32([2, 3]), f32([2, 3])], { equation: 'ij,jk->ik' }],
  ['Einsum', 'two ellipses', 'E_VALUE', [f32([2, 2])], { equation: '...i...->i' }],
  ['Einsum', 'dots', 'E_VALUE', [f32([2, 2])], { equation: '..ij->ij' }],
  ['Einsum', 'bomb', 'E_BUDGET', [f32([2048]), f32([2048]), f32([2048])], { equation: 'i,j,k->ijk' }],
  ['Einsum', 'a million letters', 'E_SHAPE', [f32([2, 2])], { equation: 'i'.repeat(1e6) }],

  ['Softmax', 'axis', 'E_VALUE', [f32([2, 2])], { axis: 2 }],
  ['ReduceSum', 'axis twice', 'E_VALUE', [f32([2, 2]), int64s(0, -2)]],
  ['ReduceMax', 'axis', 'E_VALUE', [f32([2, 2]), int64s(2)]],
  ['ArgMax', 'nothing', 'E_SHAPE', [f32([0, 2])]],
  ['CumSum', 'axis', 'E_VALUE', [f32([2, 2]), int64s(5)]],
  ['Transpose', 'axis twice', 'E_SHAPE', [f32([2, 2])], { perm: [0, 0] }],
  ['Clip', 'bounds that are lists', 'E_SHAPE', [f32([2]), f32([2]), f32([2])]],
  ['Cast', 'type 99', 'E_UNSUPPORTED', [f32([2])], { to: 99 }],
  ['Cast', 'text that is no number', 'E_VALUE', [typed('string', [1], { values: ['one'] })], { to: 1 }],
  ['Cast', 'text that is no integer', 'E_VALUE', [typed('string', [1], { values: ['1.5'] })], { to: 7 }],
  ['LayerNormalization', 'axis', 'E_VALUE', [f32([2, 2]), f32([2])], { axis: 5 }],
  ['BatchNormalization', 'scale', 'E_SHAPE', [image, f32([3]), f32([2]), f32([2]), f32([2])]],
  ['LSTM', 'weights', 'E_SHAPE', [f32([3, 1, 2]), f32([1, 16, 3]), f32([1, 16, 4])], { hidden_size: 4 }],
  ['LSTM', 'hidden_size', 'E_SHAPE', [f32([3, 1, 2]), f32([1, 16, 2]), f32([1, 16, 4])], { hidden_size: 5 }],
  ['RandomNormal', 'bomb', 'E_BUDGET', [], { shape: [2 ** 20, 2 ** 20] }],
  ['RandomUniform', 'negative', 'E_TENSOR', [], { shape: [-1] }],
  ['Multinomial', 'sample_size', 'E_VALUE', [f32([1, 2])], { sample_size: -1 }],
  ['Expand', 'bomb of strings', 'E_BUDGET', [typed('string', [1], { values: ['a'] }), int64s(2 ** 20, 2 ** 20)]],
  ['Expand', 'bomb of strings, fed', 'E_BUDGET', [typed('string', [1], { values: ['a'] }), int64(2 ** 20, 2 ** 20)]],
  ['Tile', 'bomb of strings', 'E_BUDGET', [typed('string', [1], { values: ['a'] }), int64s(2 ** 40)]],
]

async function refusal(run: Parameters<typeof runNode>[0]): Promise<unknown> {
  return runNode(run).then(
    (outputs) => `no error but ${JSON.stringify(outputs.map(({ dtype, shape }) => ({ dtype, shape })))}`,
    (thrown: unknown) => thrown,
  )
}

describe('typed errors', () => {
  test.each(rows.map((row) => [`${row[0]}: ${row[1]}`, row] as const))(
    '%s',
    async (_, [op, name, code, specs, attributes, domain]) => {
      const inputs = inputsOf({ op, name, inputs: specs, reference: () => [] })
      const constants = specs.flatMap((spec, i) => (spec?.constant ? [i] : []))
      const error = await refusal({ op, domain, inputs, attributes, constants })
      expect(error).toBeInstanceOf(LanewiseError)
      expect(error).toMatchObject({ code, op, node: 'node' })
    },
  )
})

const host = (dtype: DType, values: readonly (number | bigint | string)[]): HostTensor =>
  dtype === 'string'
    ? hostTensor(dtype, [values.length], values as string[])
    : dtype === 'int64'
      ? hostTensor(dtype, [values.length], BigInt64Array.from(values as bigint[], BigInt))
      : dtype === 'uint64'
        ? hostTensor(dtype, [values.length], BigUint64Array.from(values as bigint[], BigInt))
        : hostFrom(dtype, [values.length], values as number[])

async function once(
  op: string,
  inputs: readonly HostTensor[],
  attributes?: Readonly<Record<string, unknown>>,
): Promise<HostTensor['data']> {
  const fed = await runNode({ op, inputs, attributes })
  // Folded at load, an operator has the same result.
  const folded = await runNode({ op, inputs, attributes, constants: [...inputs.keys()] })
  expect(folded).toEqual(fed)
  return fed[0].data
}

const min32 = -(2 ** 31)
const min64 = -(2n ** 63n)

describe('integers wrap and divide towards zero', () => {
  test.each<
    [
      string,
      DType,
      readonly (number | bigint)[],
      readonly (number | bigint)[],
      readonly (number | bigint)[],
      Readonly<Record<string, unknown>>?,
    ]
  >([
    ['Div', 'int32', [min32, 7, -7, min32], [-1, -2, 2, 1], [min32, -3, -3, min32]],
    ['Div', 'int64', [min64, 7n, -7n], [-1n, -2n, 2n], [min64, -3n, -3n]],
    ['Div', 'int8', [-128, 100], [-1, 7], [-128, 14]],
    ['Div', 'uint32', [2 ** 32 - 1, 7], [2, 2 ** 32 - 1], [2 ** 31 - 1, 0]],
    ['Div', 'uint64', [2n ** 64n - 1n], [2n], [2n ** 63n - 1n]],
    ['Mod', 'int32', [min32, -7, 7], [-1, 3, -3], [0, 2, -2]],
    ['Mod', 'int64', [min64, -7n, 7n], [-1n, 3n, -3n], [0n, 2n, -2n]],
    ['Mod', 'int32', [min32, -7, 7], [-1, 3, -3], [0, -1, 1], { fmod: 1 }],
    ['Add', 'int32', [2 ** 31 - 1], [1], [min32]],
    ['Add', 'int64', [2n ** 63n - 1n], [1n], [min64]],
    ['Sub', 'uint8', [0], [1], [255]],
    ['Mul', 'int32', [min32, 65537], [-1, 65537], [min32, 131073]],
    ['Mul', 'int64', [min64], [-1n], [min64]],
    ['Pow', 'int32', [2, -2, 3, 7, 0], [31, 31, -1, 2 ** 31 - 1, 0], [min32, min32, 0, powerOf7(), 1]],
    // What is infinite saturates; 3 is of order 2^62 modulo 2^64.
    ['Pow', 'int64', [2n, 0n, 3n, 0n], [63n, -1n, 2n ** 62n, 0n], [min64, 2n ** 63n - 1n, 1n, 1n]],
  ])('%s of %s', async (op, dtype, a, b, expected, attributes) => {
    expect(await once(op, [host(dtype, a), host(dtype, b)], attributes)).toEqual(host(dtype, expected).data)
  })

  /** 7 ** (2^31 − 1) in 32 bits. Odd numbers have an order that divides 2^30, so it is the inverse of 7. */
  function powerOf7(): number {
    const inverse = -1227133513
    expect(Math.imul(inverse, 7)).toBe(1)
    return inverse
  }

  test('Abs and Neg of the least', async () => {
    expect(await once('Abs', [host('int32', [min32])])).toEqual(Int32Array.of(min32))
    expect(await once('Neg', [host('int64', [min64])])).toEqual(BigInt64Array.of(min64))
  })
})

describe('Cast of NaN and of what is out of range', () => {
  const floats = [NaN, Infinity, -Infinity, 1e30, -1e30, 2 ** 31, -(2 ** 31) - 256, 3e9, -1, 300, 1.9, -1.9]
  const saturated32 = [0, 2 ** 31 - 1, min32, 2 ** 31 - 1, min32, 2 ** 31 - 1, min32, 2 ** 31 - 1, -1, 300, 1, -1]
  const most64 = 2n ** 63n - 1n

  test.each<DType>(['float32', 'float64', 'bfloat16'])(
    'from %s saturates at 32 and 64 bits; narrower integers keep the low bits of that',
    async (from) => {
      // bfloat16 keeps 8 bits of these.
      const coarse = from === 'bfloat16'
      const x = coarse
        ? (await runNode({ op: 'Cast', inputs: [host('float32', floats)], attributes: { to: dtypeToOnnx(from) } }))[0]
        : host(from, floats)
      const cast = (to: DType) => once('Cast', [x], { to: dtypeToOnnx(to) })
      const expected = coarse ? saturated32.with(9, 300) : saturated32
      expect(await cast('int32')).toEqual(Int32Array.from(expected))
      const big = [0n, most64, min64, most64, min64]
      expect(Array.from((await cast('int64')) as BigInt64Array).slice(0, 5)).toEqual(big)
      expect(await cast('int8')).toEqual(Int8Array.from(expected))
      expect(await cast('int16')).toEqual(Int16Array.from(expected))
      const unsigned = floats.map((value) =>
        Number.isNaN(value) ? 0 : Math.min(Math.max(Math.trunc(value), 0), 2 ** 32 - 1),
      )
      const wide = Array.from((await cast('uint32')) as Uint32Array)
      for (const [i, value] of unsigned.entries())
        if (!coarse || Math.abs(floats[i]) < 512 || unsigned[i] === 0) expect(wide[i]).toBe(value)
      expect(Array.from((await cast('uint64')) as BigUint64Array).slice(0, 3)).toEqual([0n, 2n ** 64n - 1n, 0n])
      expect(await cast('bool')).toEqual(Uint8Array.from(floats, (value) => Number(value !== 0)))
    },
  )
})

describe('types that once ended a session', () => {
  test('numbers that are fed become text', async () => {
    expect(await once('Cast', [host('float32', [1.5, NaN, -Infinity, 0.1])], { to: 8 })).toEqual([
      '1.5',
      'NaN',
      '-INF',
      '0.1',
    ])
    expect(await once('Cast', [host('int64', [-5n, 2n ** 62n])], { to: 8 })).toEqual(['-5', '4611686018427387904'])
  })

  test('a mean of integers is cut off towards zero', async () => {
    expect(await once('Mean', [host('int64', [7n, -7n]), host('int64', [0n, 0n])])).toEqual(BigInt64Array.of(3n, -3n))
    expect(await once('Mean', [host('int32', [7, -7]), host('int32', [0, 0])])).toEqual(Int32Array.of(3, -3))
    expect(await once('Mean', [host('int64', [7n])])).toEqual(BigInt64Array.of(7n))
  })

  test('the logarithm of a sum of integers saturates', async () => {
    expect(await once('ReduceLogSum', [host('int32', [20, 2])])).toEqual(Int32Array.of(3))
    expect(await once('ReduceLogSum', [host('int32', [1, -1])])).toEqual(Int32Array.of(min32))
    expect(await once('ReduceLogSum', [host('int64', [-5n, 1n])])).toEqual(BigInt64Array.of(0n))
    expect(await once('ReduceLogSum', [host('uint8', [0, 0])])).toEqual(Uint8Array.of(0))
  })

  test('Shrink of integers', async () => {
    expect(await once('Shrink', [host('int64', [-5n, 0n, 5n])], { bias: 1.5, lambd: 1 })).toEqual(
      BigInt64Array.of(-3n, 0n, 3n),
    )
  })

  const reductions = ['L1', 'L2', 'LogSum', 'LogSumExp', 'Max', 'Mean', 'Min', 'Prod', 'Sum', 'SumSquare'].map(
    (name) => `Reduce${name}`,
  )
  test.each(reductions)('%s of text', async (op) => {
    expect(await refusal({ op, inputs: [host('string', ['a', 'b'])] })).toMatchObject({
      code: 'E_UNSUPPORTED',
      op,
      node: 'node',
    })
  })

  test.each([
    ['StringConcat', 2],
    ['StringSplit', 1],
    ['StringNormalizer', 1],
    ['RegexFullMatch', 1],
  ] as const)('%s of numbers', async (op, count) => {
    const attributes = op === 'RegexFullMatch' ? { pattern: 'a' } : {}
    const error = await refusal({
      op,
      inputs: Array.from({ length: count }, () => host('float32', [1, 2])),
      attributes,
    })
    expect(error).toBeInstanceOf(LanewiseError)
    expect(error).toMatchObject({ code: expect.stringMatching(/E_TENSOR|E_UNSUPPORTED/) as string, op, node: 'node' })
  })
})

describe('operands of different types', () => {
  const x = (dtype: DType, ...shape: number[]): HostTensor => ({
    dtype,
    shape,
    data: host(dtype, new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(1)).data,
  })
  const operators: readonly (readonly [string, readonly (readonly number[])[], Readonly<Record<string, unknown>>?])[] =
    [
      [
        'Add',
        [
          [2, 2],
          [2, 2],
        ],
      ],
      [
        'Max',
        [
          [2, 2],
          [2, 2],
          [2, 2],
        ],
      ],
      [
        'Mean',
        [
          [2, 2],
          [2, 2],
        ],
      ],
      [
        'Mod',
        [
          [2, 2],
          [2, 2],
        ],
        { fmod: 1 },
      ],
      [
        'Equal',
        [
          [2, 2],
          [2, 2],
        ],
      ],
      [
        'Less',
        [
          [2, 2],
          [2, 2],
        ],
      ],
      [
        'PRelu',
        [
          [2, 2],
          [2, 2],
        ],
      ],
      [
        'MatMul',
        [
          [2, 2],
          [2, 2],
        ],
      ],
      ['Gemm', [[2, 2], [2, 2], [2]]],
      ['Conv', [[1, 2, 3, 3], [2, 2, 1, 1], [2]]],
      ['ConvTranspose', [[1, 2, 3, 3], [2, 2, 1, 1], [2]]],
      [
        'Einsum',
        [
          [2, 2],
          [2, 2],
        ],
        { equation: 'ij,jk->ik' },
      ],
      ['Clip', [[2, 2], [], []]],
    ]
  const pairs = (['float64', 'float16', 'int32', 'int64', 'int8', 'uint8', 'bool'] as const).flatMap((other) =>
    operators.map(([op, shapes, attributes]) => [op, other, shapes, attributes] as const),
  )
  test.each(pairs)('%s of float32 and %s', async (op, other, shapes, attributes) => {
    for (const odd of shapes.keys()) {
      // A bound of Clip may be float32 whatever the data is.
      if (op === 'Clip' && odd === 0 && (other === 'float64' || other === 'float16')) continue
      const inputs = shapes.map((shape, i) => x(i === odd ? other : 'float32', ...shape))
      for (const constants of [[], [odd]])
        expect(await refusal({ op, inputs, attributes, constants })).toMatchObject({
          code: 'E_SHAPE',
          op,
          node: 'node',
        })
    }
  })
})

describe('bombs are refused before anything is made for them', () => {
  const limit = 1 << 20
  const count = 1 << 24
  const bombs: Record<
    string,
    (
      g: GraphBuilder,
      size: (name: string, ...values: number[]) => ReturnType<GraphBuilder['input']>,
    ) => ReturnType<GraphBuilder['input']>
  > = {
    Expand: (g, size) => g.op('Expand', [g.constant('one', hostFrom('float32', [1], [1])), size('shape', count)]),
    'Expand of text': (g, size) =>
      g.op('Expand', [g.constant('one', hostTensor('string', [1], ['a'])), size('shape', count)]),
    Tile: (g, size) => g.op('Tile', [g.constant('one', hostFrom('float32', [1], [1])), size('repeats', count)]),
    Range: (g, size) =>
      g.op(
        'Range',
        [size('start', 0), size('limit', count), size('delta', 1)].map((value) => g.op('Squeeze', [value])),
      ),
    ConstantOfShape: (g, size) => g.op('ConstantOfShape', [size('shape', count)]),
    Pad: (g, size) => g.op('Pad', [g.constant('one', hostFrom('float32', [1], [1])), size('pads', 0, count)]),
    Resize: (g, size) =>
      g.op('Resize', [g.constant('one', hostFrom('float32', [1], [1])), undefined, undefined, size('sizes', count)]),
    OneHot: (g, size) =>
      g.op('OneHot', [
        g.constant('one', hostFrom('int64', [1], [1])),
        size('depth', count),
        g.constant('values', hostFrom('float32', [2], [0, 1])),
      ]),
    'an outer product': (g, size) => {
      const row = g.op('Expand', [g.constant('one', hostFrom('float32', [1], [1])), size('shape', 1, 4096)])
      return g.op('MatMul', [g.op('Transpose', [row]), row])
    },
    'a sum that broadcasts': (g, size) => {
      const row = g.op('Expand', [g.constant('one', hostFrom('float32', [1], [1])), size('shape', 1, 4096)])
      return g.op('Add', [g.op('Transpose', [row]), row])
    },
  }

  test.each(
    Object.keys(bombs).flatMap(
      (name) =>
        [
          [name, 'constant'],
          [name, 'fed'],
        ] as const,
    ),
  )('%s of a size that is %s', async (name, how) => {
    const g = new GraphBuilder('bomb')
    const feeds: Record<string, Tensor> = {}
    const y = bombs[name](g, (input, ...values) => {
      if (how === 'constant') return g.constant(input, hostFrom('int64', [values.length], values))
      feeds[input] = new Tensor('int64', values.map(BigInt), [values.length])
      return g.input(input, 'int64', [values.length])
    })
    g.output(y, 'y')
    const before = process.memoryUsage()
    let session: InferenceSession | undefined
    const error: unknown = await InferenceSession.create(exportModel(g.graph()), { memoryLimit: limit })
      .then(async (made) => {
        session = made
        return made.run(feeds)
      })
      .catch((thrown: unknown) => thrown)
    const after = process.memoryUsage()
    expect(error).toBeInstanceOf(LanewiseError)
    expect(error).toMatchObject({ code: 'E_BUDGET', expected: `<= ${limit}` })
    // 16 million elements take 64 MB; what was made are sessions and errors.
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(count)
    expect(after.heapUsed - before.heapUsed).toBeLessThan(count * 2)
    if (session) {
      expect(session.memory.peak).toBeLessThanOrEqual(limit)
      await session.release()
    }
  })
})

test('text that doubles with every iteration ends in a typed error', async () => {
  const value: Value = { name: 's' }
  const inputs: Value[] = [{ name: 'i' }, { name: 'go' }, value]
  const doubled: Value = { name: 'd' }
  const going: Value = { name: 'on' }
  const node = (type: string, from: readonly Value[], to: Value): Node => ({
    op: findOp('', type)!,
    name: type,
    attributes: {},
    inputs: from,
    outputs: [to],
    fused: notFused,
  })
  const body: Graph = {
    name: 'body',
    inputs,
    outputs: [going, doubled],
    nodes: [node('Identity', [inputs[1]], going), node('StringConcat', [value, value], doubled)],
  }
  const text = hostTensor('string', [1], ['x'])
  const error = await refusal({
    op: 'Loop',
    inputs: [hostFrom('int64', [], [100]), undefined, text],
    attributes: { body },
  })
  expect(error).toBeInstanceOf(LanewiseError)
  expect(error).toMatchObject({ code: 'E_BUDGET', op: 'StringConcat' })
})

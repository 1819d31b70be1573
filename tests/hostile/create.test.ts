import { describe, expect, test } from 'vitest'
import type { DType } from '../../src/core/dtype.js'
import type { ErrorCode } from '../../src/core/errors.js'
import { hostFrom } from '../../src/core/host.js'
import { InferenceSession, LanewiseError, Tensor } from '../../src/node.js'
import { typed, type Spec } from '../ops/case.js'
import { allCases } from '../ops/cases.js'
import { caseModels } from '../support/cases/case-model.js'
import { writtenModel, type WrittenAttribute } from '../support/written-model.js'

// What no elements could make right is refused when a session is created, where the types and shapes of inputs are
// fixed.

const f32 = (...shape: number[]): Spec => typed('float32', shape)
const i64 = (...shape: number[]): Spec => typed('int64', shape)
const text = (...shape: number[]): Spec => typed('string', shape)

const f64 = (...shape: number[]): Spec => typed('float64', shape)
const i8 = (...shape: number[]): Spec => typed('int8', shape)

/** The inputs of a quantised product of x and w. */
function linear(x: Spec, w: Spec, wScale: Spec, wZero: Spec): readonly Spec[] {
  return [x, f32(1), i8(1), w, wScale, wZero, f32(1), i8(1)]
}

/** Two queries and five keys in two heads. */
const qkv = [f32(1, 2, 2, 4), f32(1, 2, 5, 4), f32(1, 2, 5, 4)]
/** A window to both sides, which no kernel has. */
const windowed = { left_window_size: 1, right_window_size: 1 }

type Row = readonly [
  op: string,
  what: string,
  code: ErrorCode,
  inputs: readonly (Spec | undefined)[],
  attributes?: Readonly<Record<string, WrittenAttribute>>,
  domain?: string,
]

const rows: readonly Row[] = [
  ['NonMaxSuppression', 'boxes of three numbers', 'E_SHAPE', [f32(1, 6, 3), f32(1, 1, 6), i64(1)]],
  ['NonMaxSuppression', 'scores of other boxes', 'E_SHAPE', [f32(1, 6, 4), f32(1, 1, 5), i64(1)]],
  ['NonMaxSuppression', 'boxes of int64', 'E_UNSUPPORTED', [i64(1, 6, 4), f32(1, 1, 6), i64(1)]],
  ['NonMaxSuppression', 'a limit that is no integer', 'E_TENSOR', [f32(1, 6, 4), f32(1, 1, 6), f32(1)]],
  ['BitShift', 'a direction', 'E_VALUE', [typed('uint8', [2]), typed('uint8', [2])], { direction: 'UP' }],
  ['BitShift', 'floats', 'E_UNSUPPORTED', [f32(2), f32(2)], { direction: 'LEFT' }],
  ['Sigmoid', 'text', 'E_UNSUPPORTED', [text(2)]],
  ['AveragePool', 'text', 'E_UNSUPPORTED', [text(1, 1, 4, 4)], { kernel_shape: [2, 2] }],
  ['LayerNormalization', 'a scale of integers', 'E_UNSUPPORTED', [f32(2, 3), typed('int32', [3])]],
  ['GridSample', 'a grid of integers', 'E_UNSUPPORTED', [f32(1, 1, 3, 3), i64(1, 2, 2, 2)]],
  ['GatherElements', 'floats as indices', 'E_TENSOR', [f32(2, 2), f32(2, 2)]],
  ['GatherND', 'floats as indices', 'E_TENSOR', [f32(2, 2), f32(1, 2)]],
  ['ScatterND', 'floats as indices', 'E_TENSOR', [f32(2, 2), f32(1, 2), f32(1)]],
  ['ScatterND', 'updates of another type', 'E_TENSOR', [f32(2, 2), i64(1, 2), i64(1)]],
  ['ScatterElements', 'updates of another type', 'E_TENSOR', [f32(2, 2), i64(2, 2), i64(2, 2)]],
  ['RotaryEmbedding', 'angles of integers', 'E_UNSUPPORTED', [f32(1, 1, 2, 4), i64(3, 2), f32(3, 2), i64(1, 2)]],
  [
    'QLinearMatMul',
    'scales of integers',
    'E_UNSUPPORTED',
    [
      typed('uint8', [2, 2]),
      i64(1),
      typed('uint8', [1]),
      typed('uint8', [2, 2]),
      f32(1),
      typed('uint8', [1]),
      f32(1),
      typed('uint8', [1]),
    ],
  ],
  ['MatMulInteger', 'zero points of other columns', 'E_SHAPE', [i8(3, 2), i8(2, 5), i8(), i8(4)]],
  ['ConvInteger', 'zero points of other filters', 'E_SHAPE', [i8(1, 2, 4, 4), i8(3, 2, 2, 2), i8(1), i8(2)]],
  ['QLinearMatMul', 'zero points of other columns', 'E_SHAPE', linear(i8(3, 2), i8(2, 5), f32(1), i8(4))],
  ['QLinearMatMul', 'scales of other columns', 'E_SHAPE', linear(i8(3, 2), i8(2, 5), f32(4), i8(1))],
  ['QLinearConv', 'scales of other filters', 'E_SHAPE', linear(i8(1, 2, 4, 4), i8(3, 2, 2, 2), f32(2), i8(1))],
  ['QLinearConv', 'zero points of other filters', 'E_SHAPE', linear(i8(1, 2, 4, 4), i8(3, 2, 2, 2), f32(3), i8(2))],
  [
    'QLinearConv',
    'biases of other filters',
    'E_SHAPE',
    [...linear(i8(1, 2, 4, 4), i8(3, 2, 2, 2), f32(3), i8(1)), typed('int32', [2])],
  ],
  ...(
    [
      ['scales of other columns', [i8(3, 2), i8(2, 5), f32(1), f32(4)]],
      ['scales of other rows', [i8(3, 2), i8(2, 5), f32(2), f32(5)]],
      ['zero points of other columns', [i8(3, 2), i8(2, 5), f32(1), f32(5), i8(1), i8(4)]],
      ['biases of other columns', [i8(3, 2), i8(2, 5), f32(1), f32(5), i8(1), i8(1), f32(4)]],
    ] as const
  ).map(([what, inputs]): Row => ['MatMulIntegerToFloat', what, 'E_SHAPE', inputs, {}, 'com.microsoft']),
  ...(
    [
      ['scales of other columns', [f32(3, 2), i8(2, 5), f32(4)]],
      ['zero points of other columns', [f32(3, 2), i8(2, 5), f32(1), i8(4)]],
      ['biases of other columns', [f32(3, 2), i8(2, 5), f32(5), i8(5), f32(4)]],
    ] as const
  ).map(([what, inputs]): Row => ['DynamicQuantizeMatMul', what, 'E_SHAPE', inputs, {}, 'com.microsoft']),
  ...(
    [
      ['scales of other columns', [i8(3, 2), f32(1), i8(1), i8(5, 2), f32(4), i8(1)]],
      ['zero points of other columns', [i8(3, 2), f32(1), i8(1), i8(5, 2), f32(1), i8(4)]],
      ['a bias of another shape', [i8(3, 2), f32(1), i8(1), i8(5, 2), f32(1), i8(1), typed('int32', [3])]],
    ] as const
  ).map(([what, inputs]): Row => ['QGemm', what, 'E_SHAPE', inputs, { transB: 1 }, 'com.microsoft']),
  ['DFT', 'three parts of a number', 'E_SHAPE', [f32(1, 4, 3), i64(1)]],
  ['DFT', 'two lengths', 'E_SHAPE', [f32(1, 4, 1), i64(2)]],
  ['Attention', 'a mask of other queries', 'E_SHAPE', [...qkv, f32(3, 5)], windowed],
  ['Attention', 'a mask of integers', 'E_UNSUPPORTED', [...qkv, i64(2, 5)], windowed],
  ['Attention', 'values of integers', 'E_UNSUPPORTED', [...qkv.slice(0, 2), i64(1, 2, 5, 4)]],
  ['Attention', 'lengths of another batch', 'E_SHAPE', [...qkv, undefined, undefined, undefined, i64(3)], windowed],
  ['SoftmaxCrossEntropyLoss', 'targets of floats', 'E_TENSOR', [f32(2, 3), f32(2)]],
  ['SoftmaxCrossEntropyLoss', 'weights of integers', 'E_UNSUPPORTED', [f32(2, 3), i64(2), i64(3)]],
  ...(
    [
      ['a mask of floats', 'E_TENSOR', [f32(1, 2, 8), f32(8, 24), f32(24), f32(1, 2)]],
      ['weights of integers', 'E_UNSUPPORTED', [f32(1, 2, 8), i64(8, 24)]],
      ['a mask of another length', 'E_SHAPE', [f64(1, 2, 8), f64(8, 24), f64(24), i64(1, 3)]],
      [
        'a bias of scores of other queries',
        'E_SHAPE',
        [f64(1, 2, 8), f64(8, 24), undefined, undefined, undefined, f64(1, 1, 3, 2)],
      ],
    ] as const
  ).map(([what, code, inputs]): Row => ['Attention', what, code, [...inputs], { num_heads: 2 }, 'com.microsoft']),
  ...(
    [
      ['keys of integers', 'E_UNSUPPORTED', [f64(1, 1, 8), i64(1, 3, 8), f64(1, 3, 8)]],
      ['a mask of floats', 'E_TENSOR', [f64(1, 1, 8), f64(1, 3, 8), f64(1, 3, 8), undefined, f32(1, 3)]],
      ['a mask of another length', 'E_SHAPE', [f64(1, 1, 8), f64(1, 3, 8), f64(1, 3, 8), undefined, i64(1, 4)]],
    ] as const
  ).map(([what, code, inputs]): Row => ['MultiHeadAttention', what, code, inputs, { num_heads: 2 }, 'com.microsoft']),
  ...(
    [
      ['lengths of floats', 'E_TENSOR', [f32(1), typed('int32', [1])]],
      ['a number of keys that is a float', 'E_TENSOR', [typed('int32', [1]), f32(1)]],
      ['two numbers of keys', 'E_SHAPE', [typed('int32', [1]), typed('int32', [2])]],
    ] as const
  ).map(([what, code, lengths]): Row => [
    'GroupQueryAttention',
    what,
    code,
    [f32(1, 3, 32), f32(1, 3, 16), f32(1, 3, 16), undefined, undefined, ...lengths],
    { num_heads: 4, kv_num_heads: 2 },
    'com.microsoft',
  ]),
  ...(
    [
      ['segments of floats', 'E_TENSOR', { 1: f32(2, 3) }],
      ['segments of another batch', 'E_SHAPE', { 1: i64(2, 2) }],
      ['positions of other columns', 'E_SHAPE', { 3: f32(3, 5) }],
      ['a table of integers', 'E_UNSUPPORTED', { 4: i64(2, 4) }],
      ['a mask of another batch', 'E_SHAPE', { 7: i64(1, 3) }],
    ] as const
  ).map(([what, code, other]): Row => [
    'EmbedLayerNormalization',
    what,
    code,
    Object.assign([i64(2, 3), i64(2, 3), f32(9, 4), f32(3, 4), f32(2, 4), f32(4), f32(4), i64(2, 3)], other),
    {},
    'com.microsoft',
  ]),
  ...(
    [
      ['a number of steps that is a float', 'E_TENSOR', [f32(1), f32(1), f32(2), f32(2), f32(2)]],
      ['two rates', 'E_SHAPE', [f32(2), i64(1), f32(2), f32(2), f32(2)]],
      ['gradients of integers', 'E_UNSUPPORTED', [f32(1), i64(1), f32(2), i64(2), f32(2)]],
    ] as const
  ).map(([what, code, inputs]): Row => ['Adagrad', what, code, inputs, {}, 'ai.onnx.preview.training']),
  ['QuantizeLinear', 'scales of no axis, a scalar beside', 'E_SHAPE', [f32(5, 7, 3), f32(2), typed('uint8', [])]],
  ['BitwiseNot', 'floats, whatever axes they have', 'E_UNSUPPORTED', [f32()]],
  [
    'GroupQueryAttention',
    'queries that heads do not divide, a scalar beside',
    'E_SHAPE',
    [f32(1, 3, 30), f32(1, 3, 16), f32(1, 3, 16), undefined, undefined, typed('int32', [1]), typed('int32', [])],
    { num_heads: 4, kv_num_heads: 2 },
    'com.microsoft',
  ],
  ['MatMulInteger', 'a zero point of another type', 'E_TENSOR', [typed('int8', [2, 2]), typed('int8', [2, 2]), f32(1)]],
]

/** Types of outputs that are not those of the first input. */
const made: Readonly<Record<string, DType>> = {
  NonMaxSuppression: 'int64',
  MatMulInteger: 'int32',
  QuantizeLinear: 'uint8',
}

function modelOf([op, , , inputs, attributes, domain]: Row): Uint8Array {
  return writtenModel({
    opset: 23,
    domains: domain ? { [domain]: 1 } : {},
    nodes: [{ op, domain, inputs: inputs.map((spec, i) => (spec ? `x${i}` : '')), outputs: ['y'], attributes }],
    inputs: Object.fromEntries(inputs.flatMap((spec, i) => (spec ? [[`x${i}`, spec]] : []))),
    outputs: { y: { dtype: made[op] ?? inputs[0]?.dtype ?? 'float32' } },
  })
}

async function refusal(bytes: Uint8Array): Promise<LanewiseError> {
  const error: unknown = await InferenceSession.create(bytes, { threads: 1 }).then(
    () => 'no error',
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(LanewiseError)
  return error as LanewiseError
}

describe('what no elements make right is refused when a session is created', () => {
  test.each(rows.map((row) => [`${row[0]}: ${row[1]}`, row] as const))('%s', async (_, row) => {
    expect(await refusal(modelOf(row))).toMatchObject({ code: row[2], op: row[0], node: `${row[0]}_0` })
  })

  test.each([
    ['NonZero', 1, ['x']],
    ['Compress', 1, ['x', 'which']],
    ['Unique', 4, ['x']],
    ['TopK', 2, ['x', 'k']],
  ] as const)('%s: an output beyond those it makes, %i', async (op, surplus, inputs) => {
    const outputs = Array.from({ length: surplus + 1 }, (_, i) => `y${i}`)
    const specs = { x: f32(2, 3), which: typed('bool', [2]), k: i64(1) }
    const error = await refusal(
      writtenModel({
        opset: 23,
        nodes: [{ op, inputs, outputs }],
        inputs: Object.fromEntries(inputs.map((name) => [name, specs[name]])),
        outputs: { y0: { dtype: op === 'NonZero' ? 'int64' : 'float32' } },
      }),
    )
    expect(error).toMatchObject({ code: 'E_UNSUPPORTED', op, node: `${op}_0` })
    expect(error.message).toContain(`output ${surplus} is not supported`)
  })

  // Passes ask a node what function it is, before it is planned.
  test.each([
    ['alone', []],
    ['after a product', [{ op: 'MatMul', inputs: ['x', 'x'], outputs: ['z'] }]],
    ['in a chain', [{ op: 'Exp', inputs: ['x'], outputs: ['z'] }]],
  ])('a form of Gelu that there is not, %s', async (_, before) => {
    const gelu = {
      op: 'Gelu',
      inputs: [before.length ? 'z' : 'x'],
      outputs: ['y'],
      attributes: { approximate: 'bogus' },
    }
    const error = await refusal(
      writtenModel({
        opset: 23,
        nodes: [...before, gelu],
        inputs: { x: f32(2, 2) },
        outputs: { y: { dtype: 'float32' } },
      }),
    )
    expect(error).toMatchObject({ code: 'E_VALUE', op: 'Gelu', node: `Gelu_${before.length}` })
  })

  test('beyond what depends on data', async () => {
    const error = await refusal(
      writtenModel({
        opset: 23,
        nodes: [
          { op: 'NonZero', inputs: ['x'], outputs: ['places'] },
          { op: 'Relu', inputs: ['x'], outputs: ['positive'] },
          { op: 'BitwiseNot', inputs: ['positive'], outputs: ['y'] },
        ],
        inputs: { x: f32(2, 3) },
        outputs: { places: { dtype: 'int64' }, y: { dtype: 'float32' } },
      }),
    )
    expect(error).toMatchObject({ code: 'E_UNSUPPORTED', op: 'BitwiseNot', node: 'BitwiseNot_2' })
  })

  test('beside an input whose sizes are open', async () => {
    const error = await refusal(
      writtenModel({
        opset: 23,
        nodes: [
          { op: 'Relu', inputs: ['open'], outputs: ['z'] },
          { op: 'BitwiseNot', inputs: ['x'], outputs: ['y'] },
        ],
        inputs: { x: f32(2, 3), open: { dtype: 'float32', shape: ['N'] } },
        outputs: { y: { dtype: 'float32' }, z: { dtype: 'float32' } },
      }),
    )
    expect(error).toMatchObject({ code: 'E_UNSUPPORTED', op: 'BitwiseNot', node: 'BitwiseNot_1' })
  })
})

describe('what elements decide is left to the run', () => {
  test('every case of an operator that runs has a session', { timeout: 120_000 }, async () => {
    const models = caseModels(allCases, () => 'fixed')
    expect(models.length).toBeGreaterThan(500)
    for (const { bytes } of models) await (await InferenceSession.create(bytes, { threads: 1 })).release()
  })

  test('a shift that may be right', async () => {
    const x = typed('int32', [2])
    const bytes = writtenModel({
      opset: 23,
      nodes: [{ op: 'BitShift', inputs: ['a', 'b'], outputs: ['y'], attributes: { direction: 'LEFT' } }],
      inputs: { a: x, b: x },
      outputs: { y: { dtype: 'int32' } },
    })
    await using s = await InferenceSession.create(bytes, { threads: 1 })
    const a = new Tensor('int32', [3, 5])
    const { y } = await s.run({ a, b: new Tensor('int32', [1, 2]) })
    expect(y.data).toEqual(Int32Array.of(6, 20))
    await expect(s.run({ a, b: new Tensor('int32', [1, -2]) })).rejects.toMatchObject({ code: 'E_VALUE' })
  })

  // A file that says of no input how many axes it has may know nothing of them.
  test('a shape that no axes stand for', async () => {
    const ones = hostFrom('float32', [3], [1, 1, 1])
    const bytes = writtenModel({
      opset: 23,
      nodes: [{ op: 'BatchNormalization', inputs: ['x', 'one', 'one', 'mean', 'one'], outputs: ['y'] }],
      inputs: { x: f32() },
      constants: { one: ones, mean: hostFrom('float32', [3], [1, 2, 3]) },
      outputs: { y: { dtype: 'float32' } },
    })
    await using s = await InferenceSession.create(bytes, { threads: 1 })
    const { y } = await s.run({ x: new Tensor('float32', [3, 3, 3], [1, 3]) })
    expect(Array.from(y.data as Float32Array, (value) => Math.round(1000 * value))).toEqual([3000, 2000, 1000])
  })

  test('a scalar that is a list of one number to its operator', async () => {
    const bytes = writtenModel({
      opset: 23,
      nodes: [{ op: 'Concat', inputs: ['x', 'last'], outputs: ['y'], attributes: { axis: 0 } }],
      inputs: { x: f32(2), last: f32() },
      outputs: { y: { dtype: 'float32' } },
    })
    await using s = await InferenceSession.create(bytes, { threads: 1 })
    const { y } = await s.run({ x: new Tensor('float32', [1, 2]), last: new Tensor('float32', [3], [1]) })
    expect(y.data).toEqual(Float32Array.of(1, 2, 3))
  })

  test('boxes', async () => {
    const bytes = writtenModel({
      opset: 23,
      nodes: [{ op: 'NonMaxSuppression', inputs: ['boxes', 'scores', 'most'], outputs: ['y'] }],
      inputs: { boxes: f32(1, 2, 4), scores: f32(1, 1, 2) },
      constants: { most: hostFrom('int64', [1], [2]) },
      outputs: { y: { dtype: 'int64' } },
    })
    await using s = await InferenceSession.create(bytes, { threads: 1 })
    const boxes = new Tensor('float32', [0, 0, 1, 1, 2, 2, 3, 3], [1, 2, 4])
    const { y } = await s.run({ boxes, scores: new Tensor('float32', [0.5, 0.75], [1, 1, 2]) })
    expect(y.dims).toEqual([2, 3])
    expect(y.data).toEqual(BigInt64Array.of(0n, 0n, 1n, 0n, 0n, 0n))
  })
})

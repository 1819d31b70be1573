import type { DType } from '../../../src/core/dtype.js'
import { broadcast, erf, unary } from './elementwise.reference.js'
import { f32, gives, typed, weight, type Case, type Spec } from '../case.js'

// Subnormal numbers have tests of their own: an error of one unit in the last place of them is a large relative one.
const special = [NaN, Infinity, -Infinity, 0, -0, 1e-30, -1e-30, 3.4e38, -3.4e38, 0.5, -0.5, 1, -1, 30, -30]

/** Functions of one element: what they are, where they are tested, and the attributes that change them. */
export const unaryFunctions: readonly (readonly [
  op: string,
  f: (x: number, a: Readonly<Record<string, number>>) => number,
  range: readonly [number, number],
  attributes?: Case['attributes'],
])[] = [
  ['Abs', Math.abs, [-5, 5]],
  ['Acos', Math.acos, [-1, 1]],
  ['Acosh', Math.acosh, [1, 9]],
  ['Asin', Math.asin, [-1, 1]],
  ['Asinh', Math.asinh, [-9, 9]],
  ['Atan', Math.atan, [-9, 9]],
  ['Atanh', Math.atanh, [-0.99, 0.99]],
  ['Ceil', Math.ceil, [-5, 5]],
  ['Celu', (x, { alpha }) => Math.max(0, x) + Math.min(0, alpha * Math.expm1(x / alpha)), [-5, 5], { alpha: 1.5 }],
  ['Cos', Math.cos, [-99, 99]],
  ['Cosh', Math.cosh, [-9, 9]],
  ['Elu', (x, { alpha }) => (x < 0 ? alpha * Math.expm1(x) : x), [-5, 5], { alpha: 0.75 }],
  ['Erf', erf, [-4, 4]],
  ['Exp', Math.exp, [-9, 9]],
  ['Floor', Math.floor, [-5, 5]],
  ['Gelu', (x) => (x / 2) * (1 + erf(x / Math.SQRT2)), [-5, 5]],
  [
    'HardSigmoid',
    (x, { alpha, beta }) => (Number.isNaN(x) ? NaN : Math.min(Math.max(alpha * x + beta, 0), 1)),
    [-5, 5],
    { alpha: 0.25, beta: 0.5 },
  ],
  ['HardSwish', (x) => x * Math.min(Math.max(x / 6 + 0.5, 0), 1), [-5, 5]],
  ['LeakyRelu', (x, { alpha }) => (x < 0 ? alpha * x : x), [-5, 5], { alpha: 0.125 }],
  ['Log', Math.log, [0.01, 99]],
  ['Mish', (x) => x * Math.tanh(Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)))), [-9, 9]],
  ['Neg', (x) => -x, [-5, 5]],
  ['Reciprocal', (x) => 1 / x, [-5, 5]],
  ['Relu', (x) => (x < 0 ? 0 : x), [-5, 5]],
  ['Selu', (x, { alpha, gamma }) => gamma * (x < 0 ? alpha * Math.expm1(x) : x), [-5, 5], { alpha: 1.5, gamma: 1.25 }],
  [
    'Shrink',
    (x, { bias, lambd }) => (x < -lambd ? x + bias : x > lambd ? x - bias : 0),
    [-2, 2],
    { bias: 0.25, lambd: 0.75 },
  ],
  ['Sigmoid', (x) => 1 / (1 + Math.exp(-x)), [-9, 9]],
  ['Sign', Math.sign, [-5, 5]],
  ['Sin', Math.sin, [-99, 99]],
  ['Sinh', Math.sinh, [-9, 9]],
  ['Softplus', (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))), [-9, 9]],
  ['Softsign', (x) => x / (1 + Math.abs(x)), [-9, 9]],
  ['Sqrt', Math.sqrt, [0, 9]],
  ['Swish', (x, { alpha }) => x / (1 + Math.exp(-alpha * x)), [-9, 9], { alpha: 1.5 }],
  ['Tan', Math.tan, [-1.5, 1.5]],
  ['Tanh', Math.tanh, [-9, 9]],
  ['ThresholdedRelu', (x, { alpha }) => (x > alpha ? x : 0), [-5, 5], { alpha: 0.5 }],
]

/** Of these the limit at an infinity is not what the formula gives (−∞ · 0). */
const undefinedAtInfinity = new Set(['Gelu', 'HardSwish', 'Mish', 'Softsign', 'Swish'])
const newerThanOrt = new Set(['Swish'])

const unaryCases = unaryFunctions.flatMap(([op, f, [low, high], attributes]): Case[] => {
  const row = {
    op,
    attributes,
    reference: unary(f),
    ...(newerThanOrt.has(op) ? { withoutOrt: 'not in its opsets' } : {}),
  }
  const values = special.filter((value) => Number.isFinite(value) || !undefinedAtInfinity.has(op))
  return [
    { ...row, name: 'one', inputs: [f32([1], { low, high })] },
    { ...row, name: 'odd length', inputs: [f32([3, 7, 5], { low, high })] },
    { ...row, name: 'long', inputs: [f32([1031], { low, high })] },
    { ...row, name: 'empty', inputs: [f32([0, 4])] },
    {
      ...row,
      name: 'special values',
      reference: unary((x, a) => Math.fround(f(x, a))),
      inputs: [f32([values.length], { values })],
      tolerance: { absolute: 0, relative: 2e-5 },
    },
    {
      ...row,
      name: 'float64',
      inputs: [typed('float64', [19], { low, high })],
      tolerance: { absolute: 1e-14, relative: 1e-13 },
      withoutOrt: 'few of its kernels take float64',
    },
  ]
})

const integerUnary = (['Abs', 'Neg', 'Relu', 'Sign'] as const).flatMap((op): Case[] => {
  const f = unaryFunctions.find(([name]) => name === op)![1]
  return (['int8', 'int32', 'int64'] as const).map((dtype) => ({
    name: dtype,
    op,
    inputs: [typed(dtype, [3, 5], { low: -100, high: 100 })],
    reference: unary((x, attributes) => f(x, attributes) + 0),
  }))
})

const gelu: Case = {
  name: 'tanh approximation',
  op: 'Gelu',
  attributes: { approximate: 'tanh' },
  inputs: [f32([77], { low: -6, high: 6 })],
  reference: unary((x) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
}

/**
 * Pairs of shapes that take each path: equal, a scalar on either side, a row, a column, both repeated, more axes than
 * four.
 */
const shapes: readonly (readonly [string, readonly number[], readonly number[]])[] = [
  ['equal', [3, 7, 5], [3, 7, 5]],
  ['scalar right', [5, 9], []],
  ['scalar left', [], [5, 9]],
  ['row', [6, 13], [13]],
  ['per channel', [2, 5, 3, 7], [5, 1, 1]],
  ['column', [6, 13], [6, 1]],
  ['outer', [5, 1], [1, 9]],
  ['middle', [2, 3, 1, 5], [3, 4, 1]],
  ['seven axes', [2, 1, 2, 1, 3, 1, 2], [1, 2, 1, 3, 1, 2, 1]],
  ['empty', [0, 3], [1, 3]],
]

function binaryCases(
  op: string,
  f: (a: number, b: number) => number,
  left: Partial<Spec> = {},
  right: Partial<Spec> = {},
  attributes?: Case['attributes'],
): Case[] {
  return shapes.map(([name, a, b]) => ({
    name,
    op,
    attributes,
    inputs: [f32(a, left), f32(b, right)],
    reference: broadcast(f),
  }))
}

function integerCases(
  op: string,
  dtypes: readonly DType[],
  f: (a: number, b: number) => number,
  right: Partial<Spec> = {},
  attributes?: Case['attributes'],
): Case[] {
  return dtypes.map((dtype) => {
    const low = dtype.startsWith('uint') || dtype === 'bool' ? 0 : -9
    return {
      name: dtype,
      op,
      attributes,
      inputs: [typed(dtype, [4, 5], { low, high: 9 }), typed(dtype, [5], { low: 1, high: 9, ...right })],
      reference: broadcast(f),
    }
  })
}

const nan: Case['inputs'] = [
  f32([4], { values: [NaN, 1, 2, -Infinity] }),
  f32([4], { values: [1, NaN, -Infinity, Infinity] }),
]
const integers = ['int8', 'uint8', 'int32', 'int64', 'uint64'] as const
const pythonMod = (a: number, b: number) => ((a % b) + b) % b
const toBool = (f: (a: number, b: number) => boolean) => (a: number, b: number) => Number(f(a, b))

export const elementwiseCases: readonly Case[] = [
  ...unaryCases,
  ...integerUnary,
  gelu,
  ...binaryCases('Add', (a, b) => a + b),
  ...binaryCases('Sub', (a, b) => a - b),
  ...binaryCases('Mul', (a, b) => a * b),
  ...binaryCases('Div', (a, b) => a / b, {}, { low: 0.5, high: 2 }),
  ...binaryCases('Pow', (a, b) => a ** b, { low: 0.1, high: 3 }, { low: -2, high: 2 }),
  ...binaryCases('Max', Math.max),
  ...binaryCases('Min', Math.min),
  ...binaryCases('Mod', (a, b) => a % b, { low: -9, high: 9 }, { low: 1, high: 4 }, { fmod: 1 }),
  ...[2, 3, 0.5, -1, 1.5].map((power): Case => ({
    name: `power ${power}`,
    op: 'Pow',
    inputs: [f32([23], { low: 0.1, high: 4 }), weight([], { values: [power] })],
    reference: broadcast((a, b) => a ** b),
  })),
  {
    name: 'half at special values',
    op: 'Pow',
    inputs: [f32([6], { values: [-0, 0, -Infinity, Infinity, NaN, -4] }), weight([], { values: [0.5] })],
    reference: broadcast((a, b) => a ** b),
  },
  {
    name: 'int64 base, float exponent',
    gradient: false,
    op: 'Pow',
    inputs: [typed('int64', [3], { values: [2, 3, -4] }), f32([3], { values: [3, 2, 2] })],
    reference: broadcast((a, b) => a ** b),
  },
  // As many digits as there is no memory for.
  {
    name: 'int64, huge exponents',
    gradient: false,
    op: 'Pow',
    inputs: [typed('int64', [3], { values: [-1, 2, 3] }), typed('int64', [3], { values: [2 ** 53, 2 ** 52, 2] })],
    reference: gives({ shape: [3], data: [1, 0, 9] }),
    withoutOrt: 'it computes in floating point',
  },
  ...['Max', 'Min'].map((op): Case => ({
    name: 'NaN wins',
    op,
    inputs: nan,
    reference: broadcast(op === 'Max' ? Math.max : Math.min),
  })),
  ...integerCases('Add', integers, (a, b) => a + b),
  ...integerCases('Sub', ['int8', 'int32', 'int64'], (a, b) => a - b),
  ...integerCases('Mul', ['int8', 'int32', 'int64'], (a, b) => a * b),
  ...integerCases('Div', integers, (a, b) => Math.trunc(a / b)),
  ...integerCases('Mod', ['int8', 'int32', 'int64', 'uint8'], pythonMod),
  ...integerCases('Mod', ['int32', 'int64'], (a, b) => a % b, {}, { fmod: 1 }).map((row) => ({
    ...row,
    name: `${row.name}, sign of the dividend`,
  })),
  ...integerCases('Max', ['int32', 'int64', 'uint8'], Math.max),
  ...integerCases('Min', ['int32', 'int64', 'uint8'], Math.min),
  ...integerCases('And', ['bool'], (a, b) => a & b, { low: 0, high: 1 }),
  ...integerCases('Or', ['bool'], (a, b) => a | b, { low: 0, high: 1 }),
  ...integerCases('Xor', ['bool'], (a, b) => a ^ b, { low: 0, high: 1 }),
  ...integerCases('BitwiseAnd', ['int8', 'int32', 'int64', 'uint16'], (a, b) => a & b),
  ...integerCases('BitwiseOr', ['int8', 'int32', 'int64', 'uint16'], (a, b) => a | b),
  ...integerCases('BitwiseXor', ['int8', 'int32', 'int64', 'uint16'], (a, b) => a ^ b),
  ...integerCases(
    'BitShift',
    ['uint8', 'uint32', 'uint64'],
    (a, b) => Math.floor(a / 2 ** b),
    {},
    { direction: 'RIGHT' },
  ),
  {
    name: 'int32',
    op: 'BitwiseNot',
    inputs: [typed('int32', [9], { low: -99, high: 99 })],
    reference: unary((x) => ~x),
  },
  { name: 'bool', op: 'Not', inputs: [typed('bool', [19], { low: 0, high: 1 })], reference: unary((x) => 1 - x) },
  {
    name: 'three operands',
    op: 'Sum',
    inputs: [f32([3, 5]), f32([5]), f32([3, 1])],
    reference: broadcast((...all) => all.reduce((a, b) => a + b)),
  },
  {
    name: 'three operands',
    op: 'Mean',
    inputs: [f32([3, 5]), f32([5]), f32([3, 1])],
    reference: broadcast((...all) => all.reduce((a, b) => a + b) / all.length),
  },
  {
    name: 'the largest shape last',
    op: 'Max',
    inputs: [f32([5]), f32([3, 1]), f32([2, 3, 5])],
    reference: broadcast(Math.max),
  },
  { name: 'one operand', op: 'Sum', inputs: [f32([3, 5])], reference: broadcast((a) => a) },
  {
    name: 'per channel',
    op: 'PRelu',
    inputs: [f32([2, 5, 3, 7]), weight([5, 1, 1])],
    reference: broadcast((x, slope) => (x < 0 ? slope * x : x)),
  },
  {
    name: 'per channel of 32',
    op: 'PRelu',
    inputs: [f32([5, 3, 32]), weight([32])],
    reference: broadcast((x, slope) => (x < 0 ? slope * x : x)),
  },
  {
    name: 'per channel of 48',
    op: 'PRelu',
    inputs: [f32([7, 48]), weight([48])],
    reference: broadcast((x, slope) => (x < 0 ? slope * x : x)),
  },
  {
    name: 'one slope',
    op: 'PRelu',
    inputs: [f32([3, 7]), weight([1])],
    reference: broadcast((x, slope) => (x < 0 ? slope * x : x)),
  },
  {
    name: 'both bounds',
    op: 'Clip',
    inputs: [f32([37]), weight([], { values: [-0.5] }), weight([], { values: [0.25] })],
    reference: ([x]) => unary((v) => Math.min(Math.max(v, -0.5), 0.25))([x], {}),
  },
  {
    name: 'bounds as inputs',
    op: 'Clip',
    inputs: [f32([37]), f32([], { values: [-0.5] }), f32([], { values: [0.25] })],
    reference: ([x]) => unary((v) => Math.min(Math.max(v, -0.5), 0.25))([x], {}),
  },
  {
    name: 'upper bound',
    op: 'Clip',
    inputs: [
      f32([9], { values: [NaN, 1, 2, 3, -1, Infinity, -Infinity, 0, 9] }),
      undefined,
      weight([], { values: [1.5] }),
    ],
    reference: ([x]) => unary((v) => (v > 1.5 ? 1.5 : v))([x], {}),
  },
  {
    name: 'integers',
    op: 'Clip',
    inputs: [typed('int64', [9], { low: -9, high: 9 }), typed('int64', [], { values: [-3], constant: true })],
    reference: ([x]) => unary((v) => Math.max(v, -3))([x], {}),
  },
  ...(['Equal', 'Less', 'LessOrEqual', 'Greater', 'GreaterOrEqual'] as const).flatMap((op): Case[] => {
    const tests = {
      Equal: (a: number, b: number) => a === b,
      Less: (a: number, b: number) => a < b,
      LessOrEqual: (a: number, b: number) => a <= b,
      Greater: (a: number, b: number) => a > b,
      GreaterOrEqual: (a: number, b: number) => a >= b,
    }
    const reference = broadcast(toBool(tests[op]))
    return [
      ...shapes.map(([name, a, b]): Case => ({
        name,
        op,
        inputs: [f32(a, { values: undefined, low: 0, high: 3 }), f32(b, { low: 0, high: 3 })],
        reference,
      })),
      { name: 'NaN', op, inputs: nan, reference },
      ...(['int32', 'int64', 'uint8'] as const).map((dtype): Case => ({
        name: dtype,
        op,
        inputs: [typed(dtype, [4, 9], { low: 0, high: 4 }), typed(dtype, [9], { low: 0, high: 4 })],
        reference,
      })),
    ]
  }),
  {
    name: 'bools',
    op: 'Equal',
    inputs: [typed('bool', [9], { low: 0, high: 1 }), typed('bool', [9], { low: 0, high: 1 })],
    reference: broadcast(toBool((a, b) => a === b)),
  },
  {
    name: 'special values',
    op: 'IsNaN',
    inputs: [f32([special.length], { values: special })],
    reference: unary((x) => Number(Number.isNaN(x))),
  },
  {
    name: 'both',
    op: 'IsInf',
    inputs: [f32([special.length], { values: special })],
    reference: unary((x) => Number(Math.abs(x) === Infinity)),
  },
  {
    name: 'negative only',
    op: 'IsInf',
    inputs: [f32([special.length], { values: special })],
    attributes: { detect_positive: 0 },
    reference: unary((x) => Number(x === -Infinity)),
  },
  ...(['float32', 'uint8', 'int16', 'int64', 'float64'] as const).flatMap((dtype): Case[] =>
    (
      [
        [
          [4, 7],
          [4, 7],
          [4, 7],
        ],
        [[4, 7], [], [4, 7]],
        [[7], [4, 1], [7]],
        [[2, 1, 5], [3, 1], [1]],
        [[0], [1], [0]],
      ] as const
    ).map(([c, a, b], i) => ({
      name: `${dtype}, shapes ${i}`,
      op: 'Where',
      inputs: [
        typed('bool', c, { low: 0, high: 1 }),
        typed(dtype, a, { low: 0, high: 99 }),
        typed(dtype, b, { low: 0, high: 99 }),
      ],
      reference: broadcast((condition, x, y) => (condition ? x : y)),
    })),
  ),
]

import { hostFrom } from '../../../src/core/host.js'
import type { DType } from '../../../src/core/dtype.js'
import { sizeOf, type Shape } from '../../../src/core/shape.js'
import { unaryFunctions } from '../../ops/elementwise/elementwise.cases.js'
import { cumulative, folds } from '../../ops/reduce/reduce.cases.js'
import {
  constantOfShape,
  eyeLike,
  oneHot,
  range,
  shapeOf,
  sizeOf as sizeReference,
} from '../../ops/movement/constant.reference.js'
import { concat, split } from '../../ops/movement/concat.reference.js'
import { broadcast, unary } from '../../ops/elementwise/elementwise.reference.js'
import { expand, tile } from '../../ops/movement/expand.reference.js'
import { gather, gatherElements, gatherND } from '../../ops/movement/gather.reference.js'
import { pad } from '../../ops/movement/pad.reference.js'
import { dequantize, quantize } from '../../ops/quantize/quantize.reference.js'
import { alongAxis, argExtreme, reduce } from '../../ops/reduce/reduce.reference.js'
import { flatten, reshape, squeeze, unsqueeze } from '../../ops/movement/reshape.reference.js'
import { scatterElements, scatterND } from '../../ops/movement/scatter.reference.js'
import { compress, nonZero } from '../../ops/movement/select.reference.js'
import { slice } from '../../ops/movement/slice.reference.js'
import { topK } from '../../ops/reduce/top-k.reference.js'
import { transpose } from '../../ops/movement/transpose.reference.js'
import { reverseSequence, trilu } from '../../ops/movement/trilu.reference.js'
import type { GraphGrower, RandomValue, Recipe } from './random-graph.js'

/** Types for which onnxruntime-web has the operators that only move elements. */
const moved: readonly DType[] = [
  'float32',
  'float32',
  'float32',
  'int64',
  'int32',
  'bool',
  'uint8',
  'float16',
  'float64',
]
const arithmetic: readonly DType[] = ['float32', 'float32', 'float32', 'int32', 'int64']
const exactly = { moves: true }

/** A constant list: axes, sizes, repeats. */
function list(g: GraphGrower, values: readonly number[]): RandomValue {
  return g.given('int64', [values.length], values)
}

function scalar(g: GraphGrower, value: number): RandomValue {
  return g.given('int64', [], [value])
}

/** An axis, named from either end. */
function axis(g: GraphGrower, rank: number): number {
  return g.int(-rank, rank - 1)
}

/** A shape that broadcasts with another: axes dropped, or of size 1. */
function broadcastable(g: GraphGrower, shape: Shape): number[] {
  return shape.slice(g.chance(0.3) ? g.int(0, shape.length) : 0).map((size) => (g.chance(0.25) ? 1 : size))
}

/** A second operand for a value. */
function partner(
  g: GraphGrower,
  a: RandomValue,
  choice: { low?: number; high?: number; dtype?: DType; test?: (value: RandomValue) => boolean } = {},
): RandomValue {
  const dtype = choice.dtype ?? a.dtype
  const fits = (value: RandomValue) =>
    value.shape.every((size, i) => size === 1 || size === a.shape[i + a.shape.length - value.shape.length]) &&
    (choice.test?.(value) ?? true)
  const found = g.chance(0.6)
    ? g.existing({ dtypes: [dtype], rank: [0, a.shape.length], ...choice, test: fits })
    : undefined
  return found ?? g.fresh(dtype, broadcastable(g, a.shape), choice)
}

const elementwiseOps: Recipe = (g) => {
  const [op, f, [low, high], attributes = {}] = g.pick(unaryFunctions)
  if (op === 'Swish') return
  const narrow = [
    'Acos',
    'Acosh',
    'Asin',
    'Atanh',
    'Log',
    'Sqrt',
    'Tan',
    'Exp',
    'Sinh',
    'Cosh',
    'Sin',
    'Cos',
    'Reciprocal',
  ].includes(op)
  const x = g.operand({
    dtypes: ['Abs', 'Neg', 'Sign'].includes(op) ? arithmetic : ['float32'],
    ...(narrow ? { low, high } : {}),
    test: ({ exact }) => op !== 'Reciprocal' || exact.every((v) => Math.abs(v) > 0.1),
  })
  const used = Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [name, g.chance(0.5) ? value : Math.fround(0.25 + g.random())]),
  )
  const moves = ['Abs', 'Neg', 'Relu', 'Sign', 'Ceil', 'Floor'].includes(op)
  g.add(
    op,
    [x],
    used,
    unary((v, a) => f(v, a) + 0),
    { moves, rounding: 2 },
  )
}

const binary: Recipe = (g) => {
  const a = g.operand({ dtypes: arithmetic })
  const whole = a.dtype !== 'float32'
  const op = g.pick(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min'])
  const fs: Record<string, (x: number, y: number) => number> = {
    Add: (x, y) => x + y,
    Sub: (x, y) => x - y,
    Mul: (x, y) => x * y,
    Div: whole ? (x, y) => Math.trunc(x / y) : (x, y) => x / y,
    Max: Math.max,
    Min: Math.min,
  }
  const b = partner(
    g,
    a,
    op === 'Div'
      ? { test: ({ exact }) => exact.every((v) => Math.abs(v) > 0.2), low: whole ? 1 : 0.5, high: whole ? 9 : 3 }
      : {},
  )
  const inputs = g.chance(0.25) && op !== 'Div' ? [b, a] : [a, b]
  g.add(
    op,
    inputs,
    {},
    broadcast((x, y) => fs[op](x, y) + 0),
    { moves: op === 'Max' || op === 'Min' },
  )
}

const variadic: Recipe = (g) => {
  const first = g.operand()
  const inputs = [first, ...Array.from({ length: g.int(0, 3) }, () => partner(g, first))]
  const sum = (...all: number[]) => all.reduce((x, y) => x + y)
  const [op, f] = g.pick([
    ['Sum', sum],
    ['Mean', (...all: number[]) => sum(...all) / all.length],
    ['Max', Math.max],
    ['Min', Math.min],
  ] as const)
  g.add(op, inputs, {}, broadcast(f))
}

const power: Recipe = (g) => {
  const base = g.operand({ low: 0.1, high: 8 })
  const exponent = g.chance(0.5)
    ? g.given('float32', [], [g.pick([2, 3, 0.5, -1, 0, 1])], g.chance(0.7))
    : partner(g, base, { low: -2, high: 2 })
  g.add(
    'Pow',
    [base, exponent],
    {},
    broadcast((x, y) => x ** y),
    { rounding: 2 },
  )
}

const modulo: Recipe = (g) => {
  const a = g.operand({ dtypes: ['int32', 'int64', 'uint8', 'float32'] })
  const fmod = a.dtype === 'float32' || g.chance(0.3) ? 1 : 0
  const b = partner(g, a, { low: 1, high: 7 })
  g.add(
    'Mod',
    [a, b],
    { fmod },
    broadcast((x, y) => (fmod ? x % y : ((x % y) + y) % y) + 0),
  )
}

const compare: Recipe = (g) => {
  const tests: Record<string, (a: number, b: number) => boolean> = {
    Equal: (a, b) => a === b,
    Less: (a, b) => a < b,
    LessOrEqual: (a, b) => a <= b,
    Greater: (a, b) => a > b,
    GreaterOrEqual: (a, b) => a >= b,
  }
  const op = g.pick(Object.keys(tests))
  const a = g.operand({ dtypes: op === 'Equal' ? [...arithmetic, 'bool'] : arithmetic })
  g.add(
    op,
    [a, partner(g, a)],
    {},
    broadcast((x, y) => Number(tests[op](x, y))),
    { dtypes: ['bool'] },
  )
}

const logic: Recipe = (g) => {
  const a = g.operand({ dtypes: ['bool'] })
  if (g.chance(0.2))
    return g.add(
      'Not',
      [a],
      {},
      unary((x) => 1 - x),
      exactly,
    )
  const [op, f] = g.pick([
    ['And', (x: number, y: number) => x & y],
    ['Or', (x: number, y: number) => x | y],
    ['Xor', (x: number, y: number) => x ^ y],
  ] as const)
  g.add(op, [a, partner(g, a)], {}, broadcast(f))
}

const bits: Recipe = (g) => {
  const a = g.operand({ dtypes: ['int32', 'uint8'], low: -(2 ** 31), high: 2 ** 31 - 1 })
  const [op, f] = g.pick([
    ['BitwiseAnd', (x: number, y: number) => x & y],
    ['BitwiseOr', (x: number, y: number) => x | y],
    ['BitwiseXor', (x: number, y: number) => x ^ y],
  ] as const)
  g.add(op, [a, partner(g, a)], {}, broadcast(f))
}

const where: Recipe = (g) => {
  const a = g.operand({ dtypes: ['float32', 'int64', 'int32', 'uint8'] })
  g.add(
    'Where',
    [partner(g, a, { dtype: 'bool' }), a, partner(g, a)],
    {},
    broadcast((c, x, y) => (c ? x : y)),
    { dtypes: [a.dtype], moves: true },
  )
}

const clip: Recipe = (g) => {
  const x = g.operand({ dtypes: ['float32', 'int32', 'int64', 'uint8'] })
  const bound = (value: number) =>
    g.chance(0.25) ? undefined : g.given(x.dtype, [], [x.dtype === 'uint8' ? value + 9 : value], g.chance(0.7))
  const [low, high] = [bound(g.int(-5, 0)), bound(g.int(1, 5))]
  g.add(
    'Clip',
    [x, low, high],
    {},
    ([v, a, b]) =>
      unary((k) =>
        Math.min(
          Math.max(k, (a as typeof v | undefined)?.data[0] ?? -Infinity),
          (b as typeof v | undefined)?.data[0] ?? Infinity,
        ),
      )([v], {}),
    exactly,
  )
}

const codes: Partial<Record<DType, number>> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
}
const cast: Recipe = (g) => {
  const to = g.pick(Object.keys(codes) as DType[])
  const whole = !to.startsWith('float')
  const x = g.operand({
    dtypes: moved,
    ...(to === 'uint8'
      ? { low: 0, high: 255 }
      : whole && to !== 'bool'
        ? { low: -(2 ** 31), high: 2 ** 30 }
        : to === 'float16'
          ? { low: -2000, high: 2000 }
          : {}),
  })
  // Whether a number is zero must not hang on rounding.
  if (to === 'bool' && x.exact !== x.shaken && x.exact.some((v) => Math.abs(v) < 1e-3)) return
  const f = to === 'bool' ? (v: number) => Number(v !== 0) : whole ? (v: number) => Math.trunc(v) + 0 : (v: number) => v
  g.add('Cast', [x], { to: codes[to] }, unary(f), { dtypes: [to], moves: to !== 'float16' })
}

const reductions: Recipe = (g) => {
  const op = g.pick(Object.keys(folds))
  const whole = ['ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceMean', 'ReduceProd'].includes(op) && op !== 'ReduceMean'
  const x = g.operand({
    dtypes: whole ? arithmetic : ['float32'],
    rank: [1, 5],
    ...(op === 'ReduceLogSum' ? { low: 0.1, high: 50 } : op === 'ReduceProd' ? { low: -3, high: 3 } : {}),
    test: ({ exact }) => exact.length > 0 && (op !== 'ReduceProd' || exact.length < 40),
  })
  const keepdims = g.int(0, 1)
  const axes = x.shape.map((_, i) => i).filter(() => g.chance(0.5))
  const named = axes.map((i) => (g.chance(0.3) ? i - x.shape.length : i))
  g.add(
    op,
    g.chance(0.2) || axes.length === 0 ? [x] : [x, list(g, named)],
    { keepdims },
    reduce((values) => folds[op](values) + 0),
    { rounding: 2, moves: op === 'ReduceMax' || op === 'ReduceMin' },
  )
}

const extremes: Recipe = (g) => {
  const x = g.operand({ dtypes: ['float32', 'int32'], rank: [1, 4], test: ({ shape }) => !shape.includes(0) })
  const smallest = g.chance(0.5)
  const attributes = { axis: axis(g, x.shape.length), keepdims: g.int(0, 1), select_last_index: g.int(0, 1) }
  g.add(smallest ? 'ArgMin' : 'ArgMax', [x], attributes, argExtreme(smallest ? -1 : 1), { dtypes: ['int64'] })
}

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
const rows: Readonly<Record<string, (row: number[]) => number[]>> = {
  Softmax: (row) => {
    const e = row.map((x) => Math.exp(x - Math.max(...row)))
    return e.map((x) => x / sum(e))
  },
  LogSoftmax: (row) => {
    const most = Math.max(...row)
    const total = Math.log(sum(row.map((x) => Math.exp(x - most))))
    return row.map((x) => x - most - total)
  },
  Hardmax: (row) => row.map((_, i) => Number(i === row.indexOf(Math.max(...row)))),
}

const alongRows: Recipe = (g) => {
  const op = g.pick(Object.keys(rows))
  const x = g.operand({ rank: [1, 4], low: -50, high: 50 })
  g.add(
    op,
    [x],
    { axis: axis(g, x.shape.length) },
    alongAxis(rows[op], (_, attributes) => attributes.axis as number),
    { rounding: 2 },
  )
}

const sums: Recipe = (g) => {
  const x = g.operand({ dtypes: arithmetic, rank: [1, 4] })
  g.add('CumSum', [x, scalar(g, axis(g, x.shape.length))], { exclusive: g.int(0, 1), reverse: g.int(0, 1) }, cumulative)
}

const transposed: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [2, 5] })
  const perm = x.shape.map((_, i) => i)
  for (let i = perm.length - 1; i > 0; i--) {
    const k = g.int(0, i)
    ;[perm[i], perm[k]] = [perm[k], perm[i]]
  }
  g.add('Transpose', [x], g.chance(0.15) ? {} : { perm }, transpose, exactly)
}

/** A shape of as many elements. */
function regrouped(g: GraphGrower, size: number): number[] {
  const shape: number[] = []
  let rest = size
  while (rest > 1 && shape.length < 4) {
    const divisors = Array.from({ length: rest }, (_, i) => i + 1).filter((d) => rest % d === 0)
    const part = g.pick(divisors)
    shape.push(part)
    rest /= part
  }
  return rest > 1 || shape.length === 0 ? [...shape, rest] : shape
}

const reshaped: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [0, 5] })
  const size = sizeOf(x.shape)
  const way = g.random()
  if (way < 0.2 && x.shape.length > 0)
    return g.add('Flatten', [x], { axis: g.int(0, x.shape.length) }, flatten, exactly)
  if (way < 0.35) {
    const ones = x.shape.flatMap((s, i) => (s === 1 && g.chance(0.7) ? [i] : []))
    return g.add('Squeeze', ones.length > 0 ? [x, list(g, ones)] : [x], {}, squeeze, exactly)
  }
  if (way < 0.5) {
    const rank = x.shape.length + 1
    return g.add('Unsqueeze', [x, list(g, [axis(g, rank)])], {}, unsqueeze, exactly)
  }
  if (size === 0) return
  // The shape of another value of as many elements, known only by running.
  const like = g.existing({ dtypes: moved, test: ({ exact, shape }) => exact.length === size && shape.length > 0 })
  if (way < 0.65 && like) {
    const shape = g.add('Shape', [like], {}, shapeOf, { dtypes: ['int64'], moves: true })
    return shape && g.add('Reshape', [x, shape[0]], {}, reshape, exactly)
  }
  const shape = regrouped(g, size)
  if (g.chance(0.3)) shape[g.int(0, shape.length - 1)] = -1
  g.add('Reshape', [x, g.given('int64', [shape.length], shape, g.chance(0.8))], {}, reshape, exactly)
}

const sliced: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [1, 5] })
  const axes = x.shape.map((_, i) => i).filter(() => g.chance(0.5))
  if (axes.length === 0) axes.push(0)
  const bound = (size: number) => g.pick([0, 1, -1, -2, g.int(-size, size), 1000, -1000])
  const steps = axes.map(() => g.pick([1, 1, 1, 2, 3, -1, -2]))
  const starts = axes.map((i) => bound(x.shape[i]))
  const ends = axes.map((i) => bound(x.shape[i]))
  const constant = g.chance(0.85)
  const make = (values: number[]) => g.given('int64', [values.length], values, constant)
  g.add(
    'Slice',
    [x, make(starts), make(ends), make(axes.map((i) => (g.chance(0.3) ? i - x.shape.length : i))), make(steps)],
    {},
    slice,
    exactly,
  )
}

const joined: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [1, 4] })
  const along = axis(g, x.shape.length)
  const at = along < 0 ? along + x.shape.length : along
  const fits = (value: RandomValue) =>
    value.shape.length === x.shape.length && value.shape.every((size, i) => i === at || size === x.shape[i])
  const inputs = [
    x,
    ...Array.from(
      { length: g.int(0, 3) },
      () =>
        (g.chance(0.5) && g.existing({ dtypes: [x.dtype], test: fits })) ||
        g.fresh(
          x.dtype,
          x.shape.map((size, i) => (i === at ? g.size() : size)),
        ),
    ),
  ]
  g.add('Concat', g.chance(0.5) ? inputs : inputs.reverse(), { axis: along }, concat, exactly)
}

const parted: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [1, 4], test: ({ shape }) => shape.some((size) => size > 1) })
  const at = g.pick(x.shape.flatMap((size, i) => (size > 1 ? [i] : [])))
  const parts = g.int(2, Math.min(4, x.shape[at]))
  const dtypes = Array.from({ length: parts }, () => x.dtype)
  if (g.chance(0.5))
    return (
      Math.ceil(x.shape[at] / parts) * (parts - 1) < x.shape[at] &&
      g.add('Split', [x], { axis: at, num_outputs: parts }, split(parts), { dtypes, moves: true })
    )
  const sizes = dtypes.map(() => 0)
  for (let i = 0; i < x.shape[at]; i++) sizes[g.int(0, parts - 1)]++
  g.add('Split', [x, list(g, sizes)], { axis: at - (g.chance(0.3) ? x.shape.length : 0) }, split(parts), {
    dtypes,
    moves: true,
  })
}

const padded: Recipe = (g) => {
  const mode = g.pick(['constant', 'constant', 'constant', 'reflect', 'edge'])
  const x = g.operand({
    dtypes: mode === 'constant' ? ['float32', 'int64', 'int32', 'uint8', 'bool'] : ['float32', 'int32', 'int64'],
    rank: [1, 4],
    test: ({ shape }) => mode === 'constant' || !shape.includes(0),
  })
  const most = (i: number) => (mode === 'reflect' ? Math.min(2, x.shape[i] - 1) : 2)
  const pads = [0, 1].flatMap(() =>
    x.shape.map((size, i) =>
      mode === 'constant' && size > 2 && g.chance(0.15) ? -1 : g.chance(0.5) ? g.int(0, most(i)) : 0,
    ),
  )
  const value = mode === 'constant' && g.chance(0.5) ? [g.fresh(x.dtype, [])] : []
  g.add('Pad', [x, list(g, pads), ...value], mode === 'constant' ? {} : { mode }, pad, exactly)
}

const repeated: Recipe = (g) => {
  const x = g.operand({ dtypes: ['float32', 'int64', 'int32', 'uint8', 'bool', 'float64'], rank: [0, 4] })
  if (g.chance(0.4) && x.shape.length > 0)
    return g.add(
      'Tile',
      [
        x,
        list(
          g,
          x.shape.map(() => g.pick([1, 1, 2, 3])),
        ),
      ],
      {},
      tile,
      exactly,
    )
  const like = g.existing({
    dtypes: moved,
    rank: [1, 4],
    test: ({ shape }) =>
      shape.length >= x.shape.length &&
      x.shape.every((size, i) => size === 1 || size === shape[i + shape.length - x.shape.length]),
  })
  if (like && g.chance(0.5)) {
    const shape = g.add('Shape', [like], {}, shapeOf, { dtypes: ['int64'], moves: true })
    return shape && g.add('Expand', [x, shape[0]], {}, expand, exactly)
  }
  const target = [
    ...Array.from({ length: g.int(0, 2) }, () => g.size()),
    ...x.shape.map((size) => (size === 1 && g.chance(0.6) ? g.size() : size)),
  ]
  if (target.length > 0) g.add('Expand', [x, list(g, target)], {}, expand, exactly)
}

const gathered: Recipe = (g) => {
  const x = g.operand({ dtypes: moved, rank: [1, 4], test: ({ shape }) => !shape.includes(0) })
  const along = axis(g, x.shape.length)
  const size = x.shape[along < 0 ? along + x.shape.length : along]
  const index = { dtypes: ['int64', 'int32'] as const, low: -size, high: size - 1, rank: [0, 3] as [number, number] }
  const way = g.random()
  if (way < 0.5) return g.add('Gather', [x, g.operand(index)], { axis: along }, gather, exactly)
  if (way < 0.75)
    return g.add(
      'GatherElements',
      [
        x,
        g.fresh(
          'int64',
          x.shape.map((s) => g.int(1, s)),
          index,
        ),
      ],
      { axis: along },
      gatherElements,
      exactly,
    )
  const depth = g.int(1, x.shape.length)
  const count = g.int(0, 4)
  g.add(
    'GatherND',
    [
      x,
      g.given(
        'int64',
        [count, depth],
        Array.from({ length: count * depth }, (_, i) => g.int(0, x.shape[i % depth] - 1)),
        g.chance(0.5),
      ),
    ],
    {},
    gatherND,
    exactly,
  )
}

const scattered: Recipe = (g) => {
  const x = g.operand({ dtypes: ['float32', 'int64', 'int32'], rank: [1, 3], test: ({ shape }) => !shape.includes(0) })
  const reduction = g.pick(['none', 'none', 'add', 'mul', 'max', 'min'])
  if (g.chance(0.5)) {
    const along = g.int(0, x.shape.length - 1)
    // Without a reduction every place is written once, or the order would matter.
    const whole =
      reduction === 'none'
        ? x.shape.map((s, i) => (i === along ? Math.min(s, 1) : g.int(1, s)))
        : x.shape.map((s) => g.int(1, s))
    const indices = g.fresh('int64', whole, { low: -x.shape[along], high: x.shape[along] - 1 })
    return g.add('ScatterElements', [x, indices, g.fresh(x.dtype, whole)], { axis: along, reduction }, scatterElements)
  }
  const rowsOf = Array.from({ length: x.shape[0] }, (_, i) => i).filter(() => g.chance(0.5))
  const indices = g.given('int64', [rowsOf.length, 1], rowsOf, g.chance(0.5))
  g.add('ScatterND', [x, indices, g.fresh(x.dtype, [rowsOf.length, ...x.shape.slice(1)])], { reduction }, scatterND)
}

const selected: Recipe = (g) => {
  const way = g.random()
  const x = g.operand({
    dtypes: ['float32', 'int64', 'int32', 'bool'],
    rank: [1, 4],
    test: ({ shape }) => !shape.includes(0),
  })
  if (way < 0.3) return x.exact === x.shaken && g.add('NonZero', [x], {}, nonZero, { dtypes: ['int64'] })
  if (way < 0.5) {
    const along = g.int(0, x.shape.length - 1)
    return g.add('Compress', [x, g.fresh('bool', [x.shape[along]], {})], { axis: along }, compress, exactly)
  }
  if (x.dtype === 'bool' || x.dtype === 'int32') return
  const along = axis(g, x.shape.length)
  const size = x.shape[along < 0 ? along + x.shape.length : along]
  g.add(
    'TopK',
    [x, g.given('int64', [1], [g.int(0, size)], g.chance(0.7))],
    { axis: along, largest: g.int(0, 1) },
    topK,
    { dtypes: [x.dtype, 'int64'], moves: true },
  )
}

const triangles: Recipe = (g) => {
  if (g.chance(0.6)) {
    const x = g.operand({ dtypes: ['float32', 'int64', 'float64', 'bool'], rank: [2, 4] })
    return g.add('Trilu', g.chance(0.7) ? [x, scalar(g, g.int(-3, 3))] : [x], { upper: g.int(0, 1) }, trilu, exactly)
  }
  const x = g.operand({ rank: [2, 4], test: ({ shape }) => !shape.includes(0) })
  const time = g.int(0, 1)
  const lengths = g.fresh('int64', [x.shape[1 - time]], { low: 1, high: x.shape[time] })
  g.add('ReverseSequence', [x, lengths], { time_axis: time, batch_axis: 1 - time }, reverseSequence, exactly)
}

const made: Recipe = (g) => {
  const way = g.random()
  if (way < 0.2)
    return g.add(
      'Shape',
      [g.operand({ dtypes: moved })],
      g.chance(0.5) ? {} : { start: g.int(-2, 2), end: g.int(-2, 4) },
      shapeOf,
      { dtypes: ['int64'], moves: true },
    )
  if (way < 0.3)
    return g.add('Size', [g.operand({ dtypes: moved })], {}, sizeReference, { dtypes: ['int64'], moves: true })
  if (way < 0.5) {
    const dtype = g.pick(['float32', 'int64', 'int32'] as const)
    const value = g.int(-3, 3)
    const shape = g.shape(0, 3)
    return g.add(
      'ConstantOfShape',
      [g.given('int64', [shape.length], shape, g.chance(0.6))],
      { value: hostFrom(dtype, [1], [value]) },
      constantOfShape(value),
      { dtypes: [dtype], moves: true },
    )
  }
  if (way < 0.7) {
    const dtype = g.pick(['float32', 'int64', 'int32'] as const)
    const constant = g.chance(0.6)
    const [start, limit, delta] = [g.int(-5, 5), g.int(-9, 12), g.pick([1, 2, 3, -1, -2])].map((value) =>
      g.given(dtype, [], [value], constant),
    )
    return g.add('Range', [start, limit, delta], {}, range, { dtypes: [dtype], moves: true })
  }
  if (way < 0.85)
    return g.add(
      'EyeLike',
      [g.operand({ dtypes: ['float32', 'int64', 'int32'], rank: [2, 2] })],
      { k: g.int(-2, 2) },
      eyeLike,
      exactly,
    )
  const places = g.operand({ dtypes: ['int64'], rank: [1, 3], low: -5, high: 4 })
  const dtype = g.pick(['float32', 'int64'] as const)
  g.add('OneHot', [places, scalar(g, 5), g.fresh(dtype, [2])], { axis: g.int(-1, places.shape.length) }, oneHot, {
    dtypes: [dtype],
    moves: true,
  })
}

const quantized: Recipe = (g) => {
  const type = g.pick(['uint8', 'int8'] as const)
  const zero = g.given(type, [], [g.int(type === 'int8' ? -20 : 0, 40)])
  const scale = g.given('float32', [], [0.05 + g.random()])
  const x = g.operand({ low: -100, high: 100 })
  const y = g.add('QuantizeLinear', [x, scale, zero], {}, quantize(type), { dtypes: [type] })
  if (y && g.chance(0.7)) g.add('DequantizeLinear', [y[0], scale, zero], {}, dequantize, { dtypes: ['float32'] })
}

/** Elements, shapes and places. */
export const plainRecipes: readonly (readonly [weight: number, recipe: Recipe])[] = [
  [10, elementwiseOps],
  [10, binary],
  [3, variadic],
  [2, power],
  [2, modulo],
  [3, compare],
  [2, logic],
  [1, bits],
  [3, where],
  [2, clip],
  [4, cast],
  [6, reductions],
  [2, extremes],
  [3, alongRows],
  [2, sums],
  [6, transposed],
  [8, reshaped],
  [5, sliced],
  [5, joined],
  [3, parted],
  [4, padded],
  [4, repeated],
  [5, gathered],
  [3, scattered],
  [3, selected],
  [2, triangles],
  [4, made],
  [2, quantized],
]

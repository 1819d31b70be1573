import type { DType } from '../../../src/core/dtype.js'
import { unaryFunctions } from '../../ops/elementwise/elementwise.cases.js'
import { broadcast, unary } from '../../ops/elementwise/elementwise.reference.js'
import type { Recipe } from './random-graph.js'
import { arithmetic, exactly, moved, partner } from './random-operands.js'

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

/** One element at a time. */
export const elementwiseRecipes: readonly (readonly [weight: number, recipe: Recipe])[] = [
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
]

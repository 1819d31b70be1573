import { cumulative, folds } from '../../ops/reduce/reduce.cases.js'
import { alongAxis, argExtreme, reduce } from '../../ops/reduce/reduce.reference.js'
import type { Recipe } from './random-graph.js'
import { arithmetic, axis, list, scalar } from './random-operands.js'

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

/** Many elements become one, or each what it is among its row. */
export const reductionRecipes: readonly (readonly [weight: number, recipe: Recipe])[] = [
  [6, reductions],
  [2, extremes],
  [3, alongRows],
  [2, sums],
]

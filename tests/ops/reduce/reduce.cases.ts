import { alongAxis, argExtreme, reduce } from './reduce.reference.js'
import { f32, int64s, typed, type Case } from '../case.js'

const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0)
const largest = (values: readonly number[]) => Math.max(...values)

export const folds: Readonly<Record<string, (values: number[]) => number>> = {
  ReduceSum: sum,
  ReduceMean: (values) => sum(values) / values.length,
  ReduceMax: largest,
  ReduceMin: (values) => Math.min(...values),
  ReduceProd: (values) => values.reduce((a, b) => a * b, 1),
  ReduceSumSquare: (values) => sum(values.map((x) => x * x)),
  ReduceL1: (values) => sum(values.map(Math.abs)),
  ReduceL2: (values) => Math.sqrt(sum(values.map((x) => x * x))),
  ReduceLogSum: (values) => Math.log(sum(values)),
  ReduceLogSumExp: (values) =>
    largest(values) === -Infinity
      ? -Infinity
      : largest(values) + Math.log(sum(values.map((x) => Math.exp(x - largest(values))))),
}

const reduceCases = Object.entries(folds).flatMap(([op, fold]): Case[] => {
  const range =
    op === 'ReduceLogSum'
      ? { low: 0.1, high: 2 }
      : op === 'ReduceProd'
        ? { low: 0.8, high: 1.25 }
        : { low: -2, high: 2 }
  const row = { op, reference: reduce(fold) }
  return [
    { ...row, name: 'all axes', inputs: [f32([3, 7, 5], range)] },
    { ...row, name: 'last axis', inputs: [f32([5, 17], range), int64s(-1)], attributes: { keepdims: 0 } },
    { ...row, name: 'first axis', inputs: [f32([13, 7], range), int64s(0)] },
    { ...row, name: 'middle axis', inputs: [f32([3, 11, 6], range), int64s(1)], attributes: { keepdims: 0 } },
    { ...row, name: 'two neighbours', inputs: [f32([2, 3, 5, 7], range), int64s(2, 3)] },
    { ...row, name: 'two apart', inputs: [f32([3, 4, 5, 3], range), int64s(0, 2)], attributes: { keepdims: 0 } },
    { ...row, name: 'three apart', inputs: [f32([3, 2, 5, 2, 4], range), int64s(0, 2, 4)] },
    { ...row, name: 'axes of size 1', inputs: [f32([1, 6, 1], range), int64s(0, 2)], attributes: { keepdims: 0 } },
    {
      ...row,
      name: 'no axes, kept as they are',
      inputs: [f32([9], range)],
      attributes: { noop_with_empty_axes: 1 },
      withoutOrt: 'it copies where the specification folds each element by itself',
    },
    { ...row, name: 'empty result', inputs: [f32([0, 4], range), int64s(1)], withoutOrt: 'it refuses some' },
  ]
})

// The product of the others is not the product divided by an element.
const zeroProducts: readonly Case[] = [
  {
    name: 'no zero, one, two',
    op: 'ReduceProd',
    inputs: [f32([3, 4], { values: [2, 3, 1.5, -2, 2, 0, 1.5, -2, 2, 0, 1.5, 0] }), int64s(1)],
    reference: reduce((values) => values.reduce((a, b) => a * b, 1)),
  },
]

const integerCases = (
  ['ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceSumSquare', 'ReduceL1'] as const
).flatMap((op): Case[] =>
  (['int32', 'int64'] as const).map((dtype) => ({
    name: dtype,
    op,
    inputs: [typed(dtype, [3, 4, 5], { low: -4, high: 5 }), int64s(0, 2)],
    reference: reduce((values) => folds[op](values) + 0),
  })),
)

const nothing = (op: string): Case => ({
  name: 'of nothing',
  op,
  inputs: [f32([3, 0]), int64s(1)],
  reference: reduce(folds[op]),
  withoutOrt: 'it refuses some',
})

const argCases = (['ArgMax', 'ArgMin'] as const).flatMap((op): Case[] => {
  const row = { op, reference: argExtreme(op === 'ArgMax' ? 1 : -1) }
  return [
    { ...row, name: 'first axis', inputs: [f32([9, 7])] },
    { ...row, name: 'last axis', inputs: [f32([5, 33])], attributes: { axis: -1, keepdims: 0 } },
    {
      ...row,
      name: 'ties',
      inputs: [f32([3, 9], { values: Array.from({ length: 27 }, (_, i) => i % 3) })],
      attributes: { axis: 1 },
    },
    {
      ...row,
      name: 'ties, last',
      inputs: [f32([3, 9], { values: Array.from({ length: 27 }, (_, i) => i % 3) })],
      attributes: { axis: 1, select_last_index: 1 },
    },
    {
      ...row,
      name: 'NaN counts as the extreme',
      inputs: [f32([2, 7], { values: [1, 2, NaN, 9, NaN, -9, 0, 1, 2, 3, 4, 5, -9, NaN] })],
      attributes: { axis: 1 },
      reference: () => [{ shape: [2, 1], data: [2, 6] }],
      withoutOrt: 'it ignores NaN',
    },
    {
      ...row,
      name: 'NaN down a column',
      inputs: [f32([3, 2], { values: [1, NaN, NaN, 5, 7, 9] })],
      reference: () => [{ shape: [1, 2], data: [1, 0] }],
      withoutOrt: 'it ignores NaN',
    },
    { ...row, name: 'int32', inputs: [typed('int32', [4, 5], { low: -9, high: 9 })], attributes: { axis: 0 } },
  ]
})

export const cumulative = alongAxis(
  (row, { exclusive, reverse }) => {
    const ordered = reverse ? [...row].reverse() : row
    const sums = ordered.map((_, i) => sum(ordered.slice(0, exclusive ? i : i + 1)))
    return reverse ? sums.reverse() : sums
  },
  (inputs) => inputs[1].data[0],
)

const cumulativeProduct = alongAxis(
  (row, { exclusive, reverse }) => {
    const ordered = reverse ? [...row].reverse() : row
    const products = ordered.map((_, i) => ordered.slice(0, exclusive ? i : i + 1).reduce((a, b) => a * b, 1))
    return reverse ? products.reverse() : products
  },
  (inputs) => inputs[1].data[0],
)

const axis = (value: number) => typed('int64', [], { values: [value], constant: true })
const cumSumCases: readonly Case[] = [
  { name: 'last axis', op: 'CumSum', inputs: [f32([3, 19]), axis(1)], reference: cumulative },
  { name: 'first axis', op: 'CumSum', inputs: [f32([9, 5]), axis(0)], reference: cumulative },
  {
    name: 'exclusive',
    op: 'CumSum',
    inputs: [f32([3, 9]), axis(-1)],
    attributes: { exclusive: 1 },
    reference: cumulative,
  },
  { name: 'reverse', op: 'CumSum', inputs: [f32([3, 9]), axis(-1)], attributes: { reverse: 1 }, reference: cumulative },
  {
    name: 'exclusive and reverse',
    op: 'CumSum',
    inputs: [f32([3, 9, 2]), axis(1)],
    attributes: { exclusive: 1, reverse: 1 },
    reference: cumulative,
  },
  {
    name: 'int64',
    op: 'CumSum',
    inputs: [typed('int64', [3, 9], { low: -9, high: 9 }), axis(0)],
    attributes: { exclusive: 1 },
    reference: cumulative,
  },
  {
    name: 'last axis',
    op: 'CumProd',
    inputs: [f32([3, 9], { low: 0.5, high: 2 }), axis(-1)],
    reference: cumulativeProduct,
    withoutOrt: 'not in its opsets',
  },
  {
    name: 'exclusive, a zero',
    op: 'CumProd',
    inputs: [f32([2, 4, 2], { values: [1, 2, 0, -1, 3, 0.5, 2, 0, 1.5, -2, 2, 1, 0, 3, 1, 1] }), axis(1)],
    attributes: { exclusive: 1 },
    reference: cumulativeProduct,
    withoutOrt: 'not in its opsets',
  },
  {
    name: 'from the end',
    op: 'CumProd',
    inputs: [f32([5, 3], { low: -2, high: 2 }), axis(0)],
    attributes: { reverse: 1 },
    reference: cumulativeProduct,
    withoutOrt: 'not in its opsets',
  },
  {
    name: 'exclusive, from the end',
    op: 'CumProd',
    inputs: [f32([6], { low: -2, high: 2 }), axis(0)],
    attributes: { reverse: 1, exclusive: 1 },
    reference: cumulativeProduct,
    withoutOrt: 'not in its opsets',
  },
  {
    name: 'int64',
    op: 'CumProd',
    inputs: [typed('int64', [5, 3], { low: -4, high: 4 }), axis(0)],
    reference: cumulativeProduct,
    withoutOrt: 'not in its opsets',
  },
]

const softmax = (row: number[]) => {
  const e = row.map((x) => Math.exp(x - largest(row)))
  return e.map((x) => x / sum(e))
}
const axisCases = (op: string, f: (row: number[]) => number[]): Case[] => {
  const row = { op, reference: alongAxis(f, (_, { axis: at }) => (at as number | undefined) ?? -1) }
  return [
    { ...row, name: 'last axis', inputs: [f32([5, 37], { low: -9, high: 9 })] },
    { ...row, name: 'long', inputs: [f32([2, 1031], { low: -9, high: 9 })] },
    { ...row, name: 'first axis', inputs: [f32([9, 7])], attributes: { axis: 0 } },
    { ...row, name: 'middle axis', inputs: [f32([2, 11, 6], { low: -99, high: 99 })], attributes: { axis: 1 } },
    { ...row, name: 'axis of size 1', inputs: [f32([5, 1])] },
    { ...row, name: 'empty', inputs: [f32([0, 5])] },
    {
      ...row,
      name: 'large elements',
      inputs: [f32([2, 5], { values: [1e4, 1e4, 9999, 0, -1e4, -1e38, 1e38, 1, 2, 3] })],
      tolerance: { absolute: 1e-6, relative: 1e-5 },
    },
    { ...row, name: 'float64', inputs: [typed('float64', [3, 7])], tolerance: { absolute: 1e-14, relative: 1e-13 } },
  ]
}

export const reductionCases: readonly Case[] = [
  ...reduceCases,
  ...zeroProducts,
  ...integerCases,
  ...['ReduceSum', 'ReduceMax', 'ReduceMin', 'ReduceProd', 'ReduceLogSum', 'ReduceLogSumExp', 'ReduceL2'].map(nothing),
  {
    name: 'long row',
    op: 'ReduceSum',
    inputs: [f32([2, 5003], { low: 0, high: 1 }), int64s(1)],
    reference: reduce(sum),
    tolerance: { absolute: 1e-7, relative: 1e-7 },
  },
  {
    name: 'long column',
    op: 'ReduceSum',
    inputs: [f32([5003, 2], { low: 0, high: 1 }), int64s(0)],
    reference: reduce(sum),
    tolerance: { absolute: 2e-7, relative: 2e-7 },
  },
  {
    name: 'NaN',
    op: 'ReduceMax',
    inputs: [
      f32([2, 11], { values: [1, 2, 3, 4, NaN, 6, 7, 8, 9, 1, 2, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1, NaN] }),
      int64s(1),
    ],
    reference: reduce(largest),
  },
  {
    name: 'infinities',
    op: 'ReduceLogSumExp',
    inputs: [f32([3, 2], { values: [-Infinity, -Infinity, Infinity, 1, -Infinity, 2] }), int64s(1)],
    reference: reduce((values) => (largest(values) === Infinity ? Infinity : folds.ReduceLogSumExp(values))),
  },
  ...argCases,
  ...cumSumCases,
  ...axisCases('Softmax', softmax),
  ...axisCases('LogSoftmax', (row) => {
    const total = Math.log(sum(row.map((x) => Math.exp(x - largest(row)))))
    return row.map((x) => x - largest(row) - total)
  }),
  ...axisCases('Hardmax', (row) => row.map((_, i) => Number(i === row.indexOf(largest(row))))),
]

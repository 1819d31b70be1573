import { batchNorm, groupNorm, layerNorm, lrn, meanVariance, rmsNorm } from './norm.reference.js'
import { alongAxis } from '../reduce/reduce.reference.js'
import { f32, typed, weight, type Case } from '../case.js'

const positive = { low: 0.5, high: 2 }
// Normalised elements carry the rounding of the mean, in units of the input's size.
const tolerance = { absolute: 4e-6, relative: 1e-5 }

const perChannel = (
  op: string,
  reference: Case['reference'],
  attributes?: Case['attributes'],
  scales = (channels: number) => channels,
): Case[] =>
  (
    [
      [2, 6, 5, 7],
      [1, 12, 9],
      [3, 6],
      [3, 42],
      [5, 6, 1, 3],
      [2, 18, 3, 2, 3],
      [0, 6, 4],
    ] as const
  ).map((shape) => ({
    name: `[${shape.join()}]`,
    op,
    attributes,
    inputs: [f32(shape, { low: 1, high: 3 }), weight([scales(shape[1])]), weight([scales(shape[1])])],
    reference,
    tolerance: { absolute: 1e-5, relative: 1e-5 },
    ...(shape.length === 2 || shape[0] === 0 ? { withoutOrt: 'it wants spatial axes' } : {}),
    // Of one or two elements that are normalised together nothing is left but rounding.
    ...(shape.length === 2 && (shape[1] < 12 || op === 'InstanceNormalization')
      ? { gradient: { inputs: [1, 2] } }
      : {}),
  }))

const normalizeBy = (p: number) =>
  alongAxis(
    (row) => {
      const norm =
        p === 1 ? row.reduce((sum, x) => sum + Math.abs(x), 0) : Math.sqrt(row.reduce((sum, x) => sum + x * x, 0))
      return row.map((x) => (norm === 0 ? 0 : x / norm))
    },
    (_, { axis = -1 }) => axis as number,
  )

export const normCases: readonly Case[] = [
  {
    name: 'rows',
    op: 'LayerNormalization',
    inputs: [f32([5, 37]), weight([37]), weight([37])],
    reference: layerNorm,
    tolerance,
  },
  {
    name: 'statistics too',
    op: 'LayerNormalization',
    inputs: [f32([2, 3, 16]), weight([16]), weight([16])],
    outputs: 3,
    reference: layerNorm,
    tolerance,
  },
  {
    name: 'two axes, no bias',
    op: 'LayerNormalization',
    inputs: [f32([4, 3, 7]), weight([3, 7])],
    attributes: { axis: 1, epsilon: 1e-3 },
    reference: layerNorm,
    tolerance,
  },
  {
    name: 'scale broadcast',
    op: 'LayerNormalization',
    inputs: [f32([4, 3, 7]), weight([7]), weight([1])],
    attributes: { axis: 1 },
    reference: layerNorm,
    tolerance,
    withoutOrt: 'it wants whole rows',
  },
  // Of the gradient by x nothing is left but rounding.
  {
    name: 'one column',
    op: 'LayerNormalization',
    inputs: [f32([5, 1]), weight([1]), weight([1])],
    reference: layerNorm,
    tolerance,
    gradient: { inputs: [1, 2] },
  },
  { name: 'no rows', op: 'LayerNormalization', inputs: [f32([0, 4]), weight([4]), weight([4])], reference: layerNorm },
  {
    name: 'far from zero',
    op: 'LayerNormalization',
    inputs: [f32([3, 768], { low: 100, high: 101 }), weight([768])],
    reference: layerNorm,
    tolerance: { absolute: 3e-5, relative: 1e-5 },
  },
  {
    name: 'float64',
    op: 'LayerNormalization',
    inputs: [typed('float64', [3, 9]), typed('float64', [9])],
    reference: layerNorm,
    tolerance: { absolute: 1e-12 },
  },
  {
    name: 'rows',
    op: 'RMSNormalization',
    inputs: [f32([5, 37]), weight([37])],
    reference: rmsNorm,
    tolerance,
    withoutOrt: 'not in its opsets',
  },
  {
    name: 'two axes',
    op: 'RMSNormalization',
    inputs: [f32([4, 3, 7]), weight([7])],
    attributes: { axis: 1, epsilon: 1e-3 },
    reference: rmsNorm,
    tolerance,
    withoutOrt: 'not in its opsets',
  },
  ...perChannel(
    'InstanceNormalization',
    groupNorm((channels) => channels),
  ),
  ...perChannel(
    'GroupNormalization',
    groupNorm((_, { num_groups }) => num_groups as number),
    { num_groups: 3 },
  ),
  ...perChannel(
    'GroupNormalization',
    groupNorm((_, { num_groups }) => num_groups as number),
    { num_groups: 2 },
    () => 2,
  ).map((row): Case => ({ ...row, name: `${row.name}, scale per group`, withoutOrt: 'opset 18 only' })),
  ...([[2, 5, 3, 7], [3, 8], [1, 16, 9], [4]] as const).map((shape): Case => ({
    name: `[${shape.join()}]`,
    op: 'BatchNormalization',
    attributes: { epsilon: 1e-3 },
    inputs: [f32(shape), ...[{}, {}, {}, positive].map((range) => weight([shape.length > 1 ? shape[1]! : 1], range))],
    reference: batchNorm,
    tolerance,
  })),
  ...([[4, 5, 3, 7], [9, 8], [3, 18, 9], [150, 2, 1], [7]] as const).flatMap((shape): Case[] => {
    const row: Case = {
      name: `in training, [${shape.join()}]`,
      op: 'BatchNormalization',
      attributes: { training_mode: 1, momentum: 0.7 },
      inputs: [
        f32(shape, { low: 1, high: 3 }),
        ...[{}, {}, {}, positive].map((range) => weight([shape.length > 1 ? shape[1]! : 1], range)),
      ],
      reference: batchNorm,
      tolerance: { absolute: 1e-5, relative: 1e-5 },
      gradient: { inputs: [0, 1, 2] },
      withoutOrt: 'it does not train',
    }
    return [row, { ...row, name: `${row.name}, running statistics`, outputs: 3, gradient: false }]
  }),
  {
    name: 'size 5',
    op: 'LRN',
    inputs: [f32([2, 13, 3, 5], { low: -3, high: 3 })],
    attributes: { size: 5, alpha: 0.1 },
    reference: lrn,
  },
  {
    name: 'size 3, bias and beta',
    op: 'LRN',
    inputs: [f32([1, 8, 4, 4])],
    attributes: { size: 3, alpha: 0.5, beta: 0.6, bias: 2 },
    reference: lrn,
  },
  {
    name: 'even size',
    op: 'LRN',
    inputs: [f32([1, 7, 4])],
    attributes: { size: 4, alpha: 1 },
    reference: lrn,
    withoutOrt: 'it wants an odd size',
  },
  {
    name: 'wider than the channels',
    op: 'LRN',
    inputs: [f32([1, 5, 2, 2])],
    attributes: { size: 99, alpha: 9 },
    reference: lrn,
  },
  ...[
    { channels: 16, beta: 0.75 },
    { channels: 16, beta: 0.5 },
    { channels: 33, beta: 0.75 },
    { channels: 14, beta: 1.25 },
  ].map(({ channels, beta }): Case => ({
    name: `${channels} channels, beta ${beta}, size 11, more rows than are taken at a time`,
    op: 'LRN',
    inputs: [f32([1, channels, 3, 13], { low: -2, high: 2 })],
    attributes: { size: 11, alpha: 1.1, beta },
    reference: lrn,
  })),
  { name: 'one channel', op: 'LRN', inputs: [f32([1, 1, 3, 3])], attributes: { size: 1, alpha: 1 }, reference: lrn },
  ...([1, 2] as const).flatMap((p): Case[] => [
    { name: `p ${p}`, op: 'LpNormalization', inputs: [f32([5, 19])], attributes: { p }, reference: normalizeBy(p) },
    {
      name: `p ${p}, middle axis`,
      op: 'LpNormalization',
      inputs: [f32([2, 7, 5])],
      attributes: { p, axis: 1 },
      reference: normalizeBy(p),
    },
    {
      name: `p ${p}, a row of zeros`,
      gradient: false,
      op: 'LpNormalization',
      inputs: [f32([2, 3], { values: [0, 0, 0, 1, 2, 2] })],
      attributes: { p },
      reference: normalizeBy(p),
    },
  ]),
  {
    name: 'default axes',
    op: 'MeanVarianceNormalization',
    inputs: [f32([3, 4, 5, 6])],
    reference: meanVariance,
    tolerance,
  },
  {
    name: 'one axis',
    op: 'MeanVarianceNormalization',
    inputs: [f32([3, 17])],
    attributes: { axes: [1] },
    reference: meanVariance,
    tolerance,
  },
]

import { f32, gives, type Case, type Spec } from '../case.js'

const boxes = f32([1, 6, 4], {
  values: [0, 0, 1, 1, 0, 0.1, 1, 1.1, 0, -0.1, 1, 0.9, 0, 10, 1, 11, 0, 10.1, 1, 11.1, 0, 100, 1, 101],
})
const scores = f32([1, 1, 6], { values: [0.9, 0.75, 0.6, 0.95, 0.5, 0.3] })
const scalars = (...values: number[]): Spec[] => [
  { dtype: 'int64', shape: [1], values: [values[0]] },
  ...values.slice(1).map((value) => f32([1], { values: [value] })),
]
const rows = (...data: number[][]) => gives({ shape: [data.length, 3], data: data.flat() })
const chosen = (name: string, inputs: (Spec | undefined)[], reference: Case['reference'], attributes = {}): Case => ({
  name,
  op: 'NonMaxSuppression',
  inputs,
  attributes,
  reference,
})

export const nonMaxSuppressionCases: readonly Case[] = [
  chosen('by overlap', [boxes, scores, ...scalars(3, 0.5, 0)], rows([0, 0, 3], [0, 0, 0], [0, 0, 5])),
  chosen('by score', [boxes, scores, ...scalars(3, 0.5, 0.4)], rows([0, 0, 3], [0, 0, 0])),
  chosen('limit', [boxes, scores, ...scalars(1, 0.5, 0)], rows([0, 0, 3])),
  chosen('no limit given: none', [boxes, scores], rows()),
  chosen('threshold 0', [boxes, scores, ...scalars(9)], rows([0, 0, 3], [0, 0, 0], [0, 0, 5])),
  chosen(
    'corners the other way round',
    [
      f32([1, 2, 4], { values: [1, 1, 0, 0, 0, 0.1, 1, 1.1] }),
      f32([1, 1, 2], { values: [0.5, 0.9] }),
      ...scalars(5, 0.5),
    ],
    rows([0, 0, 1]),
  ),
  chosen(
    'centers, two batches, two classes',
    [
      f32([2, 2, 4], { values: [0.5, 0.5, 1, 1, 0.5, 0.6, 1, 1, 0.5, 0.5, 1, 1, 5, 5, 1, 1] }),
      f32([2, 2, 2], { values: [0.5, 0.9, 0.8, 0.1, 0.7, 0.6, 0.2, 0.3] }),
      ...scalars(5, 0.5),
    ],
    rows([0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 0, 1], [1, 1, 1], [1, 1, 0]),
    { center_point_box: 1 },
  ),
  chosen(
    'equal scores: the first first',
    [boxes, f32([1, 1, 6], { values: [1, 1, 1, 1, 1, 1] }), ...scalars(9, 0.5)],
    rows([0, 0, 0], [0, 0, 3], [0, 0, 5]),
  ),
]

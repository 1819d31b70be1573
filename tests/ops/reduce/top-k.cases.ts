import { topK } from './top-k.reference.js'
import { f32, int64s, typed, type Case, type Spec } from '../case.js'

const top = (name: string, x: Spec, k: number, attributes = {}, more: Partial<Case> = {}): Case => ({
  name,
  op: 'TopK',
  inputs: [x, int64s(k)],
  attributes,
  outputs: 2,
  reference: topK,
  ...more,
})

export const topKCases: readonly Case[] = [
  top('largest', f32([3, 40]), 5),
  top('smallest', f32([3, 40]), 7, { largest: 0 }),
  top('middle axis', f32([2, 9, 4]), 3, { axis: 1 }),
  top('all', f32([11]), 11),
  top('none', f32([4]), 0),
  top('many equal', f32([4, 20], { values: Array.from({ length: 80 }, (_, i) => i % 3) }), 9),
  top('many equal, smallest', f32([4, 20], { values: Array.from({ length: 80 }, (_, i) => i % 3) }), 9, { largest: 0 }),
  top(
    'NaN and infinities',
    f32([6], { values: [1, NaN, -Infinity, Infinity, NaN, 2] }),
    4,
    {},
    { withoutOrt: 'its answer depends on the order of the elements' },
  ),
  top(
    'NaN, smallest',
    f32([6], { values: [1, NaN, -Infinity, Infinity, NaN, 2] }),
    5,
    { largest: 0 },
    { withoutOrt: 'its answer depends on the order of the elements' },
  ),
  top('int64', typed('int64', [2, 9], { low: -5, high: 5 }), 4),
  top('bytes', typed('uint8', [2, 9], { low: 0, high: 255 }), 4),
  top('doubles', typed('float64', [2, 9]), 4),
  {
    name: 'k known only at run time',
    op: 'TopK',
    inputs: [f32([9]), { dtype: 'int64', shape: [1], values: [4] }],
    outputs: 2,
    reference: topK,
  },
]

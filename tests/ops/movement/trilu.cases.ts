import { reverseSequence, trilu } from './trilu.reference.js'
import { f32, typed, type Case, type Spec } from '../case.js'

const triangle = (name: string, x: Spec, k?: number, upper = 1): Case => ({
  name,
  op: 'Trilu',
  inputs: k === undefined ? [x] : [x, { dtype: 'int64', shape: [], values: [k] }],
  attributes: { upper },
  reference: trilu,
})
const lengths = (...values: number[]): Spec => ({ dtype: 'int64', shape: [values.length], values })

export const triluCases: readonly Case[] = [
  triangle('upper', f32([4, 5])),
  triangle('lower', f32([5, 4]), undefined, 0),
  triangle('upper, above', f32([2, 4, 5]), 2),
  triangle('upper, below', f32([2, 4, 5]), -2),
  triangle('lower, above', f32([4, 5]), 1, 0),
  triangle('lower, far below', f32([4, 5]), -9, 0),
  triangle('int64', typed('int64', [3, 3], { low: -9, high: 9 }), 9),
  { name: 'time first', op: 'ReverseSequence', inputs: [f32([4, 3, 2]), lengths(4, 1, 2)], reference: reverseSequence },
  {
    name: 'batch first',
    op: 'ReverseSequence',
    inputs: [f32([3, 4]), lengths(4, 0, 3)],
    attributes: { batch_axis: 0, time_axis: 1 },
    reference: reverseSequence,
  },
]

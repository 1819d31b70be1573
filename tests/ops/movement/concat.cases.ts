import { concat, split } from './concat.reference.js'
import { f32, int64s, typed, weight, type Case, type Spec } from '../case.js'

const joined = (name: string, inputs: Spec[], axis: number): Case => ({
  name,
  op: 'Concat',
  inputs,
  attributes: { axis },
  reference: concat,
})
const parted = (name: string, inputs: Spec[], outputs: number, attributes = {}): Case => ({
  name,
  op: 'Split',
  inputs,
  attributes,
  outputs,
  reference: split(outputs),
})

export const concatCases: readonly Case[] = [
  joined('channels', [f32([2, 3, 5, 4]), f32([2, 7, 5, 4]), f32([2, 1, 5, 4])], 1),
  joined('rows', [f32([2, 3]), f32([4, 3])], 0),
  joined('last axis', [f32([2, 3, 5]), f32([2, 3, 2])], -1),
  joined('one input', [f32([2, 3])], 1),
  joined('with a constant', [weight([1, 3, 4]), f32([1, 5, 4])], 1),
  joined('constants', [weight([2, 3]), weight([2, 2])], 1),
  joined('an empty input', [f32([2, 0]), f32([2, 3])], 1),
  joined('bytes', [typed('uint8', [3, 5], { low: 0, high: 255 }), typed('uint8', [3, 2], { low: 0, high: 255 })], 1),
  joined(
    'half floats',
    [typed('float16', [3, 5, 2], { low: 0, high: 9999 }), typed('float16', [3, 2, 2], { low: 0, high: 9999 })],
    1,
  ),
  joined('int64', [typed('int64', [2, 2], { low: -9, high: 9 }), typed('int64', [1, 2], { low: -9, high: 9 })], 0),
  parted('equal parts', [f32([2, 6, 5, 4])], 3, { axis: 1, num_outputs: 3 }),
  {
    ...parted('as many parts as outputs', [f32([2, 6, 5, 4])], 2, { axis: -3 }),
    withoutOrt: 'num_outputs must be given since opset 18',
  },
  parted('uneven', [f32([7, 3])], 3, { num_outputs: 3 }),
  parted('given sizes', [f32([2, 7]), int64s(4, 0, 3)], 3, { axis: -1 }),
  parted('contiguous', [f32([6, 5]), int64s(1, 5)], 2, { axis: 0 }),
  parted('doubles', [typed('float64', [3, 4])], 2, { axis: 1, num_outputs: 2 }),
]

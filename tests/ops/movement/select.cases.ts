import { compress, nonZero } from './select.reference.js'
import { f32, gives, typed, type Case } from '../case.js'

const list = (...data: number[]) => ({ shape: [data.length], data })

export const selectCases: readonly Case[] = [
  {
    name: 'matrix',
    op: 'NonZero',
    inputs: [typed('int32', [3, 4], { values: [0, 1, 0, 2, 0, 0, 0, 0, 3, 0, 0, 4] })],
    reference: nonZero,
  },
  { name: 'bools', op: 'NonZero', inputs: [typed('bool', [2, 3, 2])], reference: nonZero },
  {
    name: 'NaN counts, -0 does not',
    op: 'NonZero',
    inputs: [f32([4], { values: [NaN, -0, 0, -1] })],
    reference: gives({ shape: [1, 2], data: [0, 3] }),
  },
  { name: 'nothing', op: 'NonZero', inputs: [f32([2, 2], { values: [0, 0, 0, 0] })], reference: nonZero },
  {
    name: 'flat',
    op: 'Compress',
    inputs: [f32([3, 2]), typed('bool', [5], { values: [0, 1, 0, 0, 1] })],
    reference: compress,
  },
  {
    name: 'columns',
    op: 'Compress',
    inputs: [f32([3, 4, 2]), typed('bool', [4], { values: [0, 1, 1, 0] })],
    attributes: { axis: -2 },
    reference: compress,
  },
  {
    name: 'sorted',
    op: 'Unique',
    inputs: [f32([6], { values: [2, 1, 1, 3, 4, 3] })],
    outputs: 4,
    reference: gives(list(1, 2, 3, 4), list(1, 0, 3, 4), list(1, 0, 0, 2, 3, 2), list(2, 1, 2, 1)),
  },
  {
    name: 'in order of appearance',
    op: 'Unique',
    inputs: [f32([6], { values: [2, 1, 1, 3, 4, 3] })],
    attributes: { sorted: 0 },
    outputs: 4,
    reference: gives(list(2, 1, 3, 4), list(0, 1, 3, 4), list(0, 1, 1, 2, 3, 2), list(1, 2, 2, 1)),
  },
  {
    name: 'rows',
    op: 'Unique',
    inputs: [f32([3, 3], { values: [1, 0, 0, 1, 0, 0, 2, 3, 4] })],
    attributes: { axis: 0 },
    outputs: 4,
    reference: gives({ shape: [2, 3], data: [1, 0, 0, 2, 3, 4] }, list(0, 2), list(0, 0, 1), list(2, 1)),
  },
  {
    name: 'columns',
    op: 'Unique',
    inputs: [f32([2, 3], { values: [1, 0, 1, 2, 5, 2] })],
    attributes: { axis: -1 },
    outputs: 4,
    reference: gives({ shape: [2, 2], data: [0, 1, 5, 2] }, list(1, 0), list(1, 0, 1), list(1, 2)),
  },
  {
    name: 'int64',
    op: 'Unique',
    inputs: [typed('int64', [4], { values: [7, -7, 7, 0] })],
    outputs: 4,
    reference: gives(list(-7, 0, 7), list(1, 3, 0), list(2, 0, 2, 1), list(1, 1, 2)),
  },
]

import { slice } from './slice.reference.js'
import { f32, int64s, typed, type Case, type Spec } from '../case.js'

const cut = (name: string, inputs: Spec[]): Case => ({ name, op: 'Slice', inputs, reference: slice })
const FAR = 2 ** 53

export const sliceCases: readonly Case[] = [
  cut('channels', [f32([2, 9, 5, 4]), int64s(2), int64s(7), int64s(1)]),
  cut('every axis', [f32([5, 6, 7]), int64s(1, 0, 2), int64s(4, 6, 5)]),
  cut('steps', [f32([9, 10]), int64s(0, 1), int64s(9, 10), int64s(0, 1), int64s(2, 3)]),
  cut('every second pixel', [f32([1, 3, 6, 8]), int64s(0, 1), int64s(FAR, FAR), int64s(2, 3), int64s(2, 2)]),
  cut('backwards', [f32([3, 10]), int64s(-1), int64s(-FAR), int64s(-1), int64s(-1)]),
  cut('backwards by 3, from within', [f32([10, 3]), int64s(7), int64s(1), int64s(0), int64s(-3)]),
  cut('from before the beginning, backwards', [f32([6]), int64s(-20), int64s(-FAR), int64s(0), int64s(-1)]),
  cut('beyond the end', [f32([4, 5]), int64s(2), int64s(1000), int64s(-2)]),
  cut('nothing', [f32([4, 5]), int64s(3), int64s(3), int64s(0)]),
  cut('of an empty axis', [f32([0, 5]), int64s(0), int64s(2), int64s(0)]),
  cut('of an empty axis, backwards', [f32([0, 5]), int64s(-1), int64s(-FAR), int64s(0), int64s(-1)]),
  cut('everything', [f32([4, 5]), int64s(0), int64s(FAR), int64s(0)]),
  cut('rows: a view', [f32([6, 5]), int64s(2), int64s(5), int64s(0)]),
  cut('bytes', [typed('uint8', [5, 7], { low: 0, high: 255 }), int64s(1), int64s(6), int64s(1), int64s(2)]),
  cut('int64, last', [typed('int64', [4], { low: -9, high: 9 }), int64s(-1), int64s(FAR), int64s(0)]),
  cut('bounds known only at run time', [
    f32([6, 5]),
    { dtype: 'int64', shape: [1], values: [1] },
    { dtype: 'int64', shape: [1], values: [4] },
  ]),
]

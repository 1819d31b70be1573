import { flatten, reshape, squeeze, unsqueeze } from './reshape.reference.js'
import { f32, int64s, typed, weight, type Case, type Spec } from '../case.js'

const shaped = (name: string, inputs: Spec[], attributes = {}): Case => ({
  name,
  op: 'Reshape',
  inputs,
  attributes,
  reference: reshape,
})

export const reshapeCases: readonly Case[] = [
  shaped('0 copies, -1 takes the rest', [f32([2, 3, 4, 5]), int64s(0, -1, 5)]),
  shaped('undoes a channel shuffle', [f32([2, 2, 3, 5, 4]), int64s(2, 6, 5, 4)]),
  shaped('splits channels', [f32([2, 6, 5, 4]), int64s(2, 2, 3, 5, 4)]),
  shaped('joins pixels', [f32([2, 6, 5, 4]), int64s(2, 6, -1)]),
  shaped('to matrix', [f32([2, 6, 5, 4]), int64s(2, -1)]),
  shaped('axes of size 1', [f32([1, 6, 1, 4]), int64s(6, 1, 4, 1)]),
  shaped('allowzero', [f32([0, 10]), int64s(10, 0)], { allowzero: 1 }),
  shaped('empty, -1', [f32([0, 3]), int64s(3, -1)]),
  shaped('to a scalar', [f32([1, 1]), { dtype: 'int64', shape: [0], values: [], constant: true }]),
  shaped('bytes, constant', [typed('uint8', [4, 3], { low: 0, high: 255, constant: true }), int64s(2, 6)]),
  shaped('large constant', [weight([100, 70]), int64s(70, 100)]),
  shaped('shape known only at run time', [f32([4, 6]), { dtype: 'int64', shape: [2], values: [3, 8] }]),
  { name: 'axis 1', op: 'Flatten', inputs: [f32([2, 3, 4])], reference: flatten },
  { name: 'axis 0', op: 'Flatten', inputs: [f32([2, 3, 4])], attributes: { axis: 0 }, reference: flatten },
  { name: 'last axis', op: 'Flatten', inputs: [f32([2, 3, 4])], attributes: { axis: 3 }, reference: flatten },
  { name: 'negative axis', op: 'Flatten', inputs: [f32([2, 3, 4, 5])], attributes: { axis: -2 }, reference: flatten },
  { name: 'pooled image', op: 'Flatten', inputs: [f32([2, 19, 1, 1])], reference: flatten },
  { name: 'empty', op: 'Flatten', inputs: [f32([0, 3, 4])], reference: flatten },
  { name: 'all ones', op: 'Squeeze', inputs: [f32([1, 3, 1, 5])], reference: squeeze },
  { name: 'named axes', op: 'Squeeze', inputs: [f32([1, 3, 1, 5, 1]), int64s(-1, 0)], reference: squeeze },
  { name: 'pooled image', op: 'Squeeze', inputs: [f32([2, 19, 1, 1]), int64s(2, 3)], reference: squeeze },
  { name: 'three axes', op: 'Unsqueeze', inputs: [f32([3, 4, 5]), int64s(5, 0, 2)], reference: unsqueeze },
  {
    name: 'negative axis',
    op: 'Unsqueeze',
    inputs: [typed('int64', [3], { low: -9, high: 9 }), int64s(-1)],
    reference: unsqueeze,
  },
]

import { gather, gatherElements, gatherND } from './gather.reference.js'
import { f32, int64s, typed, weight, type Case, type Spec } from '../case.js'

const taken = (shape: number[], values: number[], constant = false): Spec => ({
  dtype: 'int64',
  shape,
  values,
  constant,
})
const random = (shape: number[], size: number): Spec => typed('int64', shape, { low: -size, high: size })
const rows = (name: string, inputs: Spec[], axis?: number): Case => ({
  name,
  op: 'Gather',
  inputs,
  attributes: axis === undefined ? {} : { axis },
  reference: gather,
})

export const gatherCases: readonly Case[] = [
  rows('embedding', [weight([50, 19]), random([2, 7], 50)]),
  rows('channels', [f32([2, 6, 3, 4]), taken([4], [5, 0, -1, 2])], 1),
  rows('constant indices', [f32([2, 6, 3, 4]), int64s(3, -6)], 1),
  rows('a scalar drops the axis', [f32([2, 6, 3, 4]), taken([], [-2], true)], 1),
  rows('last axis, int32', [f32([3, 5]), typed('int32', [2, 2], { low: -5, high: 5 })], -1),
  rows('no indices', [f32([3, 5]), taken([0], [])], 0),
  rows('bytes', [typed('uint8', [5, 3], { low: 0, high: 255 }), random([4], 5)]),
  rows('half floats', [typed('float16', [5, 7], { low: 0, high: 9999 }), random([4], 5)]),
  rows('shape arithmetic', [typed('int64', [4], { values: [2, 3, 5, 7], constant: true }), int64s(2)]),
  {
    name: 'axis 1',
    op: 'GatherElements',
    inputs: [f32([3, 5]), random([3, 2], 5)],
    attributes: { axis: 1 },
    reference: gatherElements,
  },
  {
    name: 'fewer rows',
    op: 'GatherElements',
    inputs: [f32([4, 5, 3]), random([2, 7, 3], 5)],
    attributes: { axis: -2 },
    reference: gatherElements,
  },
  { name: 'elements', op: 'GatherND', inputs: [f32([3, 4]), taken([3, 2], [0, 1, -1, -1, 2, 0])], reference: gatherND },
  { name: 'slices', op: 'GatherND', inputs: [f32([3, 4, 5]), taken([2, 2, 1], [0, 2, -1, 1])], reference: gatherND },
  {
    name: 'batches',
    op: 'GatherND',
    inputs: [f32([2, 3, 4]), taken([2, 2, 1], [0, 2, -1, 1])],
    attributes: { batch_dims: 1 },
    reference: gatherND,
  },
]

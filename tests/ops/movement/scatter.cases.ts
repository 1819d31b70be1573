import { scatterElements, scatterND, tensorScatter } from './scatter.reference.js'
import { f32, typed, type Case, type Spec } from '../case.js'

const named = (shape: number[], values: number[]): Spec => ({ dtype: 'int64', shape, values })
const reductions = ['none', 'add', 'mul', 'min', 'max']
const whole = (dtype: 'int64' | 'int32' | 'uint8', shape: number[]) => typed(dtype, shape, { low: 0, high: 9 })

export const scatterCases: readonly Case[] = [
  {
    name: 'axis 1',
    op: 'ScatterElements',
    inputs: [f32([3, 5]), named([2, 2], [4, -5, 1, 2]), f32([2, 2])],
    attributes: { axis: 1 },
    reference: scatterElements,
  },
  ...reductions.map((reduction): Case => ({
    name: `repeated, ${reduction}`,
    op: 'ScatterElements',
    inputs: [f32([4, 3]), named([3, 2], [1, 0, 1, -4, 1, 3]), f32([3, 2])],
    attributes: { reduction },
    reference: scatterElements,
    ...(reduction === 'add' ? {} : { gradient: false }),
  })),
  ...(['int64', 'int32', 'uint8'] as const).map((dtype): Case => ({
    name: `${dtype}, add`,
    op: 'ScatterElements',
    inputs: [whole(dtype, [4]), named([3], [1, 1, -1]), whole(dtype, [3])],
    attributes: { reduction: 'add' },
    reference: scatterElements,
  })),
  {
    name: 'opset 10',
    op: 'Scatter',
    inputs: [f32([3, 3]), named([2, 3], [1, 0, 2, 0, 2, 1]), f32([2, 3])],
    reference: scatterElements,
    withoutOrt: 'the name is gone',
  },
  {
    name: 'elements',
    op: 'ScatterND',
    inputs: [f32([8]), named([4, 1], [4, 3, 1, -1]), f32([4])],
    reference: scatterND,
  },
  {
    name: 'slices',
    op: 'ScatterND',
    inputs: [f32([4, 3, 5]), named([2, 1], [2, 0]), f32([2, 3, 5])],
    reference: scatterND,
  },
  ...reductions.map((reduction): Case => ({
    name: `repeated slices, ${reduction}`,
    op: 'ScatterND',
    inputs: [f32([4, 3]), named([3, 1], [1, 1, 0]), f32([3, 3])],
    attributes: { reduction },
    reference: scatterND,
    ...(reduction === 'add' ? {} : { gradient: false }),
  })),
  {
    name: 'two indices, negative',
    op: 'ScatterND',
    inputs: [f32([3, 4, 2]), named([2, 2, 2], [0, 1, -1, -1, 1, 0, 2, 2]), f32([2, 2, 2])],
    reference: scatterND,
  },
  { name: 'no updates', op: 'ScatterND', inputs: [f32([4]), named([0, 1], []), f32([0])], reference: scatterND },
  {
    name: 'at places',
    op: 'TensorScatter',
    inputs: [f32([2, 3, 6, 4]), f32([2, 3, 2, 4]), named([2], [1, 4])],
    reference: tensorScatter,
    withoutOrt: 'newer than that runtime',
  },
  {
    name: 'circular',
    op: 'TensorScatter',
    inputs: [f32([2, 5, 4]), f32([2, 3, 4]), named([2], [4, 1])],
    attributes: { mode: 'circular' },
    reference: tensorScatter,
    withoutOrt: 'newer than that runtime',
  },
  {
    name: 'from the beginning',
    op: 'TensorScatter',
    inputs: [f32([2, 5, 4]), f32([2, 3, 4])],
    reference: tensorScatter,
    withoutOrt: 'newer than that runtime',
  },
]

import type { DType } from '../../../src/core/dtype.js'
import { hostFrom } from '../../../src/core/host.js'
import { constantOfShape, eyeLike, oneHot, range, shapeOf, sizeOf } from './constant.reference.js'
import { f32, gives, int64s, typed, type Case } from '../case.js'

const values = (dtype: DType, ...list: number[]) =>
  list.map((value) => ({ dtype, shape: [], values: [value], constant: true }))
const ranged = (name: string, dtype: DType, start: number, limit: number, delta: number): Case => ({
  name,
  op: 'Range',
  inputs: values(dtype, start, limit, delta),
  reference: range,
})

export const constantCases: readonly Case[] = [
  { name: 'all', op: 'Shape', inputs: [f32([2, 0, 5])], reference: shapeOf },
  {
    name: 'from the second to the last but one',
    op: 'Shape',
    inputs: [f32([2, 3, 5, 7])],
    attributes: { start: 1, end: -1 },
    reference: shapeOf,
  },
  {
    name: 'beyond both ends',
    op: 'Shape',
    inputs: [f32([2, 3])],
    attributes: { start: -9, end: 9 },
    reference: shapeOf,
  },
  { name: 'of a scalar', op: 'Shape', inputs: [f32([])], reference: shapeOf },
  { name: 'of a tensor', op: 'Size', inputs: [f32([2, 3, 5])], reference: sizeOf },
  { name: 'of an empty one', op: 'Size', inputs: [f32([2, 0])], reference: sizeOf },
  {
    name: 'tensor',
    op: 'Constant',
    inputs: [],
    attributes: { value: hostFrom('int8', [2, 1], [3, -4]) },
    reference: gives({ shape: [2, 1], data: [3, -4] }),
  },
  {
    name: 'float',
    op: 'Constant',
    inputs: [],
    attributes: { value_float: 1.5 },
    reference: gives({ shape: [], data: [1.5] }),
  },
  {
    name: 'ints',
    op: 'Constant',
    inputs: [],
    attributes: { value_ints: [1, -2, 3] },
    reference: gives({ shape: [3], data: [1, -2, 3] }),
  },
  {
    name: 'large',
    op: 'Constant',
    inputs: [],
    attributes: { value_floats: Array.from({ length: 5000 }, (_, i) => i) },
    reference: () => [{ shape: [5000], data: Array.from({ length: 5000 }, (_, i) => i) }],
  },
  { name: 'zeros', op: 'ConstantOfShape', inputs: [int64s(2, 3)], reference: constantOfShape(0) },
  {
    name: 'large',
    op: 'ConstantOfShape',
    inputs: [int64s(71, 73)],
    attributes: { value: hostFrom('float32', [1], [2.5]) },
    reference: constantOfShape(2.5),
  },
  {
    name: 'large, bytes',
    op: 'ConstantOfShape',
    inputs: [int64s(71, 73)],
    attributes: { value: hostFrom('uint8', [1], [7]) },
    reference: constantOfShape(7),
  },
  {
    name: 'scalar',
    op: 'ConstantOfShape',
    inputs: [{ dtype: 'int64', shape: [0], values: [], constant: true }],
    attributes: { value: hostFrom('int64', [1], [-7]) },
    reference: constantOfShape(-7),
  },
  { name: 'empty', op: 'ConstantOfShape', inputs: [int64s(0, 3)], reference: constantOfShape(0) },
  ranged('up', 'float32', 1, 5, 1.5),
  ranged('down', 'int64', 10, -3, -4),
  ranged('int64, exact end', 'int64', 0, 12, 4),
  ranged('int32', 'int32', 3, 9, 1),
  ranged('nothing', 'int64', 3, 3, 1),
  ranged('nothing, wrong way', 'float64', 3, 9, -1),
  ranged('large', 'float64', 0, 500, 0.1),
  {
    name: 'ends known only at run time',
    op: 'Range',
    inputs: values('int64', 0, 5, 1).map((spec) => ({ ...spec, constant: false })),
    reference: range,
  },
  { name: 'square', op: 'EyeLike', inputs: [f32([4, 4])], reference: eyeLike },
  { name: 'above the diagonal', op: 'EyeLike', inputs: [f32([4, 6])], attributes: { k: 2 }, reference: eyeLike },
  {
    name: 'below the diagonal, int64',
    op: 'EyeLike',
    inputs: [f32([5, 3])],
    attributes: { k: -1, dtype: 7 },
    reference: eyeLike,
  },
  { name: 'beside the matrix', op: 'EyeLike', inputs: [f32([3, 3])], attributes: { k: 5 }, reference: eyeLike },
  {
    name: 'last axis, outside and negative',
    op: 'OneHot',
    inputs: [
      { dtype: 'int64', shape: [2, 2], values: [0, -1, 5, 3] },
      ...values('int64', 5),
      f32([2], { values: [-1, 3] }),
    ],
    reference: oneHot,
  },
  {
    name: 'first axis',
    op: 'OneHot',
    inputs: [
      { dtype: 'int64', shape: [3], values: [0, 2, 1] },
      ...values('int64', 3),
      typed('int64', [2], { values: [0, 1] }),
    ],
    attributes: { axis: 0 },
    reference: oneHot,
  },
  {
    name: 'float indices',
    op: 'OneHot',
    inputs: [f32([2], { values: [1, 0] }), ...values('float32', 3), f32([2], { values: [0, 1] })],
    attributes: { axis: 1 },
    reference: oneHot,
  },
]

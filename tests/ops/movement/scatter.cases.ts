import { col2im, scatterElements, scatterND, tensorScatter } from './scatter.reference.js'
import { f32, gives, int64s, typed, weight, type Case, type Spec } from '../case.js'

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

/** Windows of 2×2 at stride 2. */
const unpool: Case['reference'] = ([x, places]) => {
  const shape = [x.shape[0], x.shape[1], x.shape[2] * 2, x.shape[3] * 2]
  const data = new Array<number>(x.data.length * 4).fill(0)
  places.data.forEach((place, i) => (data[place] = x.data[i]))
  return [{ shape, data }]
}

// Expected outputs are those of onnxruntime-web 1.30, except where it is said why not.
export const scatterWindowCases: readonly Case[] = [
  {
    name: 'plain',
    op: 'MaxUnpool',
    inputs: [f32([1, 1, 2, 2], { values: [1, 2, 3, 4] }), typed('int64', [1, 1, 2, 2], { values: [5, 7, 13, 15] })],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    reference: unpool,
  },
  {
    name: 'planes',
    op: 'MaxUnpool',
    inputs: [
      f32([2, 2, 2, 2]),
      typed('int64', [2, 2, 2, 2], { values: [0, 3, 9, 10, 17, 18, 28, 31, 36, 35, 41, 46, 48, 54, 61, 63] }),
    ],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    reference: unpool,
  },
  {
    name: 'output shape',
    op: 'MaxUnpool',
    inputs: [
      f32([1, 1, 2, 2], { values: [5, 6, 7, 8] }),
      typed('int64', [1, 1, 2, 2], { values: [5, 7, 13, 15] }),
      int64s(1, 1, 5, 5),
    ],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    reference: gives({
      shape: [1, 1, 5, 5],
      data: [0, 0, 0, 0, 0, 0, 5, 0, 6, 0, 0, 0, 0, 0, 0, 0, 7, 0, 8, 0, 0, 0, 0, 0, 0],
    }),
    withoutOrt:
      'it counts indices within the output; the test of the specification (maxunpool_export_with_output_shape) within what was pooled',
  },
  {
    name: 'overlapping blocks',
    op: 'Col2Im',
    inputs: [f32([1, 8, 12]), int64s(4, 5), int64s(2, 2)],
    reference: gives({
      shape: [1, 2, 4, 5],
      data: [
        0.2300455, 0.4237423, -0.180444, 0.5862079, 0.5988469, 0.3139532, 0.6597239, 2.124434, 0.9512644, -0.8408856,
        0.03589077, -0.3480492, 0.8644263, -0.1526633, 0.06313649, 0.8572025, -0.986799, -1.062916, 0.6614126,
        -0.6907319, -0.04736762, -0.4096421, -1.354226, -0.2956782, -0.1062589, -0.124053, -0.9790075, -1.432122,
        -1.116337, 1.107029, -0.8962979, 1.763617, -0.5817736, -0.2383528, -0.3437467, 0.2851658, 0.1950709, 0.8533936,
        -0.04860181, -0.1229782,
      ],
    }),
  },
  {
    // A sum of truth values is whether any is true.
    name: 'truth values that overlap',
    op: 'Col2Im',
    inputs: [typed('bool', [1, 2, 3], { values: [1, 1, 0, 1, 0, 0] }), int64s(4), int64s(2)],
    reference: gives({ shape: [1, 1, 4], data: [1, 1, 0, 0] }),
    withoutOrt: 'it has no kernel for the type',
  },
  {
    name: 'one axis, pads, strides, dilations',
    op: 'Col2Im',
    inputs: [f32([2, 6, 3]), int64s(7), int64s(3)],
    attributes: { pads: [1, 1], strides: [2], dilations: [2] },
    reference: col2im,
    withoutOrt: 'it sums wrongly where one axis is dilated',
  },
  {
    name: 'offsets and mask',
    op: 'DeformConv',
    inputs: [f32([1, 2, 4, 4]), weight([2, 2, 2, 2]), f32([1, 8, 3, 3]), weight([2]), f32([1, 4, 3, 3])],
    attributes: { kernel_shape: [2, 2] },
    reference: gives({
      shape: [1, 2, 3, 3],
      data: [
        -0.6514904, -0.5324166, -0.9553432, -0.769734, -0.6034192, -0.8451322, -0.68199, -0.7412537, -1.1129, 1.909799,
        0.9896301, 0.637035, 0.4703215, 0.6992277, 0.8070698, 0.5431777, 0.4269682, 0.2765909,
      ],
    }),
  },
  {
    name: 'groups of offsets, pads, strides',
    op: 'DeformConv',
    inputs: [f32([1, 2, 5, 4]), weight([2, 1, 2, 2]), f32([1, 16, 3, 3], { low: -2, high: 2 })],
    attributes: { group: 2, offset_group: 2, pads: [1, 1, 1, 1], strides: [2, 2], kernel_shape: [2, 2] },
    reference: gives({
      shape: [1, 2, 3, 3],
      data: [
        -0.243726, 0.07865504, 0, -0.410872, -0.7374638, -0.7932236, -0.03897153, -0.1187285, -0.3099629, -0.05597968,
        -0.02044606, -0.1141219, -0.08577058, -0.3562709, 0.06577276, -0.05459065, 0.2261978, 0.2572287,
      ],
    }),
  },
]

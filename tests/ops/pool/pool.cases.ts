import { averagePool, globally, lpPool, maxPool } from './pool.reference.js'
import { f32, typed, type Case, type Reference } from '../case.js'

const windows: readonly [string, number[], Case['attributes']][] = [
  ['2x2 stride 2', [1, 16, 8, 8], { kernel_shape: [2, 2], strides: [2, 2] }],
  ['3x3 stride 2, padded, odd channels', [2, 7, 15, 14], { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] }],
  ['3x3 stride 2, ceil', [1, 6, 14, 14], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }],
  ['ceil with padding', [1, 3, 7, 8], { kernel_shape: [3, 3], strides: [3, 3], pads: [1, 0, 1, 1], ceil_mode: 1 }],
  ['ceil, a step or more is missing', [1, 3, 1, 5], { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }],
  ['asymmetric pads', [1, 5, 9, 9], { kernel_shape: [4, 3], strides: [1, 2], pads: [1, 0, 2, 1] }],
  ['SAME_UPPER', [1, 4, 10, 11], { kernel_shape: [3, 3], strides: [2, 2], auto_pad: 'SAME_UPPER' }],
  ['SAME_LOWER', [1, 4, 10, 11], { kernel_shape: [2, 2], strides: [2, 2], auto_pad: 'SAME_LOWER' }],
  ['dilated', [1, 4, 12, 12], { kernel_shape: [3, 2], dilations: [2, 3] }],
  ['1-D', [2, 5, 20], { kernel_shape: [4], strides: [3] }],
  ['3-D', [1, 3, 6, 7, 8], { kernel_shape: [2, 3, 2], strides: [2, 2, 2], pads: [0, 1, 0, 1, 1, 1] }],
  ['gaps between windows', [2, 6, 11, 10], { kernel_shape: [2, 2], strides: [3, 4] }],
  ['no images', [0, 3, 4, 4], { kernel_shape: [2, 2] }],
]

function rows(op: string, reference: Reference, more: Readonly<Record<string, unknown>> = {}, note = ''): Case[] {
  return windows.map(([name, shape, attributes]) => ({
    name: name + note,
    op,
    inputs: [f32(shape)],
    attributes: { ...attributes, ...more },
    reference,
  }))
}

function whole(op: string, reference: Reference, attributes: Readonly<Record<string, unknown>> = {}): Case[] {
  return [
    [1, 33, 7, 7],
    [2, 5, 13],
    [1, 3, 4, 5, 6],
  ].map((shape) => ({
    name: `${shape.length - 2}-D ${JSON.stringify(attributes)}`,
    op,
    inputs: [f32(shape)],
    attributes,
    reference: globally(reference),
  }))
}

export const poolCases: readonly Case[] = [
  ...rows('MaxPool', maxPool),
  ...rows('AveragePool', averagePool),
  ...rows('AveragePool', averagePool, { count_include_pad: 1 }, ', counting pads'),
  ...rows('LpPool', lpPool),
  ...rows('LpPool', lpPool, { p: 1 }, ', p 1'),
  ...rows('LpPool', lpPool, { p: 3 }, ', p 3'),
  {
    name: 'NaN wins',
    op: 'MaxPool',
    inputs: [f32([1, 1, 1, 4], { values: [1, NaN, -Infinity, 2] })],
    attributes: { kernel_shape: [1, 2] },
    reference: maxPool,
  },
  {
    name: 'uint8',
    op: 'MaxPool',
    inputs: [typed('uint8', [1, 3, 6, 6], { low: 0, high: 255 })],
    attributes: { kernel_shape: [2, 2], strides: [2, 2] },
    reference: maxPool,
  },
  {
    name: 'int8, padding is less than any of them',
    op: 'MaxPool',
    inputs: [typed('int8', [2, 5, 9, 8], { low: -128, high: -20 })],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
    reference: maxPool,
  },
  ...whole('GlobalAveragePool', averagePool),
  ...whole('GlobalMaxPool', maxPool),
  ...whole('GlobalLpPool', lpPool),
  ...whole('GlobalLpPool', lpPool, { p: 1 }),
]

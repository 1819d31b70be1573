import { conv } from './conv.reference.js'
import { f32, weight, type Case } from '../case.js'

type Attributes = Case['attributes']

/** A convolution with constant weights and bias. */
function row(name: string, x: number[], w: number[], attributes: Attributes = {}, bias = true): Case {
  return {
    name,
    op: 'Conv',
    inputs: bias ? [f32(x), weight(w), weight([w[0]])] : [f32(x), weight(w)],
    attributes,
    reference: conv,
  }
}

/**
 * Winograd's F(4×4, 3×3) (and F(3×3, 4×4) and F(2×2, 5×5), which have the same points) rounds in its transforms: its
 * worst elements are off by 2.8e-5 of the largest one, those of a direct sum by 1.8e-6 (Barabasz et al., "Error
 * Analysis and Improving the Accuracy of Winograd Convolution for Deep Neural Networks", 2020).
 */
function winograd(name: string, x: number[], w: number[], attributes: Attributes): Case {
  return { ...row(name, x, w, attributes), tolerance: { absolute: 2.8e-5 } }
}

export const convCases: readonly Case[] = [
  row('3x3, padded', [1, 8, 12, 12], [16, 8, 3, 3], { pads: [1, 1, 1, 1] }),
  row('3x3, batch, odd channels', [2, 5, 9, 11], [7, 5, 3, 3], { pads: [1, 1, 1, 1] }),
  row('3x3 stride 2, asymmetric pads', [1, 6, 13, 10], [10, 6, 3, 3], { pads: [0, 1, 1, 0], strides: [2, 2] }),
  row('3x3 dilated', [1, 4, 15, 14], [9, 4, 3, 3], { dilations: [2, 3], pads: [2, 3, 2, 3] }),
  winograd('3x3, many channels', [1, 64, 14, 14], [64, 64, 3, 3], { pads: [1, 1, 1, 1] }),
  winograd('3x3, tiles that stick out', [2, 33, 13, 10], [40, 33, 3, 3], { pads: [1, 0, 2, 1] }),
  winograd('4x4, same size', [2, 16, 16, 16], [32, 16, 4, 4], { auto_pad: 'SAME_UPPER' }),
  winograd('4x4, tiles that stick out', [2, 25, 14, 10], [26, 25, 4, 4], { pads: [2, 0, 3, 1] }),
  winograd('2 groups, 4x4', [1, 50, 12, 14], [52, 25, 4, 4], { group: 2, pads: [1, 1, 2, 2] }),
  winograd('5x5, many channels', [1, 24, 12, 10], [32, 24, 5, 5], { pads: [2, 2, 2, 2] }),
  winograd('5x5, tiles that stick out', [2, 25, 13, 8], [26, 25, 5, 5], { pads: [2, 0, 4, 1] }),
  row('3x3, 21 to 10 channels, 7x7', [1, 21, 7, 7], [10, 21, 3, 3], { pads: [1, 1, 1, 1] }),
  row('1x1', [1, 24, 8, 8], [40, 24, 1, 1], {}),
  row('1x1 stride 2', [2, 12, 9, 9], [8, 12, 1, 1], { strides: [2, 2] }),
  row('first layer 7x7 stride 2', [1, 3, 32, 32], [16, 3, 7, 7], { pads: [3, 3, 3, 3], strides: [2, 2] }),
  row('first layer 5x5, 1 channel', [1, 1, 28, 28], [8, 1, 5, 5], { auto_pad: 'SAME_UPPER' }),
  row('SAME_LOWER stride 2', [1, 3, 10, 11], [4, 3, 4, 4], { auto_pad: 'SAME_LOWER', strides: [2, 2] }),
  row('VALID', [1, 3, 10, 11], [4, 3, 3, 2], { auto_pad: 'VALID' }),
  row('kernel as large as the input', [3, 4, 5, 5], [6, 4, 5, 5]),
  row('one pixel', [1, 7, 1, 1], [5, 7, 3, 3], { pads: [1, 1, 1, 1] }),
  row('few pixels, 2 images, stride 2', [2, 5, 1, 3], [70, 5, 3, 4], { pads: [1, 1, 1, 0], strides: [1, 2] }),
  row('few pixels, dilated, taps in the padding', [1, 6, 2, 3], [37, 6, 3, 3], {
    dilations: [2, 2],
    pads: [2, 1, 2, 2],
  }),
  row('few pixels, 1x1', [3, 9, 1, 1], [33, 9, 1, 1]),
  row('few pixels, 3-D of depth 1', [1, 4, 2, 1, 2], [10, 4, 1, 1, 2]),
  row('few pixels, padding only', [1, 3, 1, 1], [9, 3, 1, 1], { pads: [0, 1, 0, 1] }),
  row('tiles of short rows', [2, 3, 17, 31], [13, 3, 3, 3], { pads: [1, 1, 1, 0], strides: [2, 2] }),
  row('tiles of short rows, stride 1', [1, 3, 12, 13], [20, 3, 3, 3], { pads: [1, 1, 1, 1] }),
  row('tiles of short rows, 1-D', [2, 1, 40], [9, 1, 6], { pads: [3, 2] }),
  row('without bias', [1, 3, 6, 6], [4, 3, 3, 3], {}, false),
  row('depthwise 3x3', [1, 18, 13, 14], [18, 1, 3, 3], { group: 18, pads: [1, 1, 1, 1] }),
  row('depthwise 3x3 stride 2', [2, 33, 14, 15], [33, 1, 3, 3], { group: 33, pads: [1, 1, 1, 1], strides: [2, 2] }),
  row('depthwise 5x5', [1, 12, 9, 9], [12, 1, 5, 5], { group: 12, pads: [2, 2, 2, 2] }),
  row('depthwise, 2 filters per channel', [1, 6, 8, 8], [12, 1, 3, 3], { group: 6, pads: [1, 1, 1, 1] }),
  row('depthwise 1-D', [1, 6, 40], [6, 1, 5], { group: 6, pads: [2, 2] }),
  row('groups of 4', [1, 16, 8, 8], [24, 4, 3, 3], { group: 4, pads: [1, 1, 1, 1] }),
  winograd('2 groups, 3x3', [2, 64, 13, 14], [70, 32, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
  winograd('2 groups, 5x5', [1, 32, 12, 14], [34, 16, 5, 5], { group: 2, pads: [2, 2, 2, 2] }),
  row('groups of 9 filters', [1, 8, 7, 6], [18, 4, 3, 3], { group: 2, pads: [1, 1, 1, 1] }),
  row('groups of 2, stride 2, dilated', [2, 10, 9, 12], [15, 2, 3, 2], {
    group: 5,
    pads: [1, 2, 0, 1],
    strides: [1, 2],
    dilations: [2, 1],
  }),
  row('3-D groups', [1, 6, 4, 5, 6], [9, 2, 2, 3, 3], { group: 3, pads: [0, 1, 1, 1, 1, 1] }),
  row('3-D depthwise', [1, 5, 4, 5, 6], [5, 1, 2, 3, 3], { group: 5 }),
  row('groups of 3, 1x1', [1, 12, 5, 7], [8, 3, 1, 1], { group: 4 }),
  row('1-D', [2, 5, 50], [6, 5, 7], { pads: [3, 2], strides: [2] }),
  row('3-D', [1, 3, 5, 6, 7], [4, 3, 3, 3, 3], { pads: [1, 1, 1, 1, 1, 1] }),
  row('3-D stride and dilation', [1, 2, 7, 8, 9], [3, 2, 2, 3, 2], { strides: [2, 1, 2], dilations: [1, 2, 1] }),
  row('3-D depthwise, depth 1', [1, 6, 4, 5, 6], [6, 1, 1, 3, 3], { group: 6, pads: [0, 1, 1, 0, 1, 1] }),
  row('3 filters, 5x5', [2, 6, 13, 11], [3, 6, 5, 5], { pads: [2, 2, 2, 2] }),
  row('1 filter, 7x3', [1, 12, 9, 14], [1, 12, 7, 3], { pads: [3, 1, 3, 1] }),
  row('10 filters, stride 2', [1, 7, 12, 17], [10, 7, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
  row('8 filters, 3x39', [1, 8, 6, 50], [8, 8, 3, 39], { pads: [1, 19, 1, 19] }),
  row('1 channel, 1x256 stride 2', [1, 1, 1, 600], [1, 1, 1, 256], { strides: [1, 2] }),
  row('1 channel, 3 filters', [2, 1, 9, 35], [3, 1, 3, 4], { pads: [1, 1, 1, 2] }),
  row('1-D, 2 filters', [2, 5, 50], [2, 5, 7], { pads: [3, 2], strides: [2] }),
  row('3-D of depth 1, 2 filters', [1, 5, 3, 7, 9], [2, 5, 1, 3, 3], { pads: [0, 1, 1, 0, 1, 1] }),
  row('1x1, 3 filters, stride 2', [1, 20, 7, 9], [3, 20, 1, 1], { strides: [2, 2] }),
  row('depthwise, dilated, stride 2', [2, 21, 9, 11], [21, 1, 3, 2], {
    group: 21,
    pads: [2, 1, 1, 2],
    strides: [2, 3],
    dilations: [2, 1],
  }),
  row('pads wider than the kernel', [1, 3, 6, 5], [4, 3, 2, 2], { pads: [2, 3, 2, 2] }),
  row('no images', [0, 3, 8, 8], [4, 3, 3, 3]),
  {
    name: 'weights as an input',
    op: 'Conv',
    inputs: [f32([1, 5, 8, 8]), f32([6, 5, 3, 3]), f32([6])],
    attributes: { pads: [1, 1, 1, 1] },
    reference: conv,
  },
  {
    name: 'depthwise weights as an input',
    op: 'Conv',
    inputs: [f32([1, 5, 8, 8]), f32([5, 1, 3, 3])],
    attributes: { group: 5 },
    reference: conv,
  },
]

import { convTranspose } from './conv-transpose.reference.js'
import { f32, weight, type Case } from '../case.js'

function row(name: string, x: number[], w: number[], attributes: Case['attributes'] = {}): Case {
  const channels = w[1] * ((attributes?.group as number | undefined) ?? 1)
  return {
    name,
    op: 'ConvTranspose',
    inputs: [f32(x), weight(w), weight([channels])],
    attributes,
    reference: convTranspose,
  }
}

export const convTransposeCases: readonly Case[] = [
  row('2x2 stride 2', [1, 8, 5, 6], [8, 6, 2, 2], { strides: [2, 2] }),
  row('3x2 patches, 2 images', [2, 5, 4, 7], [5, 3, 3, 2], { strides: [3, 2] }),
  row('1-D patches', [1, 9, 6], [9, 1, 4], { strides: [4] }),
  row('patches of a depth', [2, 3, 2, 3, 4], [3, 4, 1, 2, 2], { strides: [1, 2, 2] }),
  row('patches, output padding', [1, 3, 4, 4], [3, 4, 2, 2], { strides: [2, 2], output_padding: [1, 0] }),
  row('3x3 stride 2, padded', [2, 5, 4, 5], [5, 7, 3, 3], { strides: [2, 2], pads: [1, 1, 1, 1] }),
  row('3x3 stride 2, output padding', [1, 4, 4, 4], [4, 4, 3, 3], {
    strides: [2, 2],
    pads: [1, 1, 1, 1],
    output_padding: [1, 1],
  }),
  row('4x4 stride 2', [1, 6, 5, 5], [6, 3, 4, 4], { strides: [2, 2], pads: [1, 1, 1, 1] }),
  row('stride larger than kernel', [1, 3, 4, 4], [3, 5, 2, 2], { strides: [3, 3] }),
  row('dilated', [1, 3, 5, 5], [3, 4, 3, 3], { dilations: [2, 2] }),
  row('dilated with stride', [1, 3, 5, 5], [3, 4, 3, 2], { dilations: [2, 3], strides: [2, 2] }),
  row('groups', [1, 6, 4, 4], [6, 3, 3, 3], { group: 2, strides: [2, 1] }),
  row('depthwise', [1, 6, 4, 4], [6, 1, 4, 4], { group: 6, strides: [2, 2], pads: [1, 1, 1, 1] }),
  row('1-D', [2, 4, 9], [4, 3, 5], { strides: [3], pads: [2, 1] }),
  row('3-D', [1, 2, 3, 4, 3], [2, 3, 2, 3, 2], { strides: [2, 1, 2] }),
  row('SAME_UPPER', [1, 3, 5, 5], [3, 4, 3, 3], { auto_pad: 'SAME_UPPER', strides: [2, 2] }),
  row('SAME_LOWER', [1, 3, 5, 5], [3, 4, 3, 3], { auto_pad: 'SAME_LOWER', strides: [2, 2] }),
  row('output_shape', [1, 3, 4, 5], [3, 4, 3, 3], { output_shape: [10, 8], strides: [3, 2] }),
]

import { affineGrid, gridSample } from './grid-sample.reference.js'
import { f32, gives, int64s, type Case } from '../case.js'

const grid = f32([2, 3, 4, 2], { low: -1.6, high: 1.6 })
const combinations = ['linear', 'nearest', 'cubic'].flatMap((mode) =>
  ['zeros', 'border', 'reflection'].flatMap((padding_mode) =>
    [0, 1].map((align_corners) => ({ mode, padding_mode, align_corners })),
  ),
)

export const gridSampleCases: readonly Case[] = [
  ...combinations.map((attributes): Case => ({
    name: `${attributes.mode}, ${attributes.padding_mode}, align_corners ${attributes.align_corners}`,
    op: 'GridSample',
    inputs: [f32([2, 5, 4, 6]), grid],
    attributes,
    reference: gridSample,
    // Near the edge all taps are far from the pixel and cancel.
    tolerance: { absolute: 2e-5 },
  })),
  {
    name: 'volume',
    op: 'GridSample',
    inputs: [f32([1, 2, 3, 4, 5]), f32([1, 2, 2, 3, 3], { low: -1.2, high: 1.2 })],
    reference: gridSample,
    tolerance: { absolute: 2e-5 },
  },
  {
    name: 'line',
    op: 'GridSample',
    inputs: [f32([2, 3, 5]), f32([2, 4, 1], { low: -1.2, high: 1.2 })],
    reference: gridSample,
    withoutOrt: 'not implemented there',
  },
  {
    name: 'NaN and far away are outside',
    op: 'GridSample',
    inputs: [f32([1, 1, 2, 2]), f32([1, 1, 2, 2], { values: [NaN, 0, 1e30, -1e30] })],
    reference: gives({ shape: [1, 1, 1, 2], data: [0, 0] }),
    withoutOrt: 'undefined there',
  },
  { name: 'plane', op: 'AffineGrid', inputs: [f32([2, 2, 3]), int64s(2, 3, 4, 5)], reference: affineGrid },
  {
    name: 'plane, align_corners',
    op: 'AffineGrid',
    inputs: [f32([2, 2, 3]), int64s(2, 3, 4, 5)],
    attributes: { align_corners: 1 },
    reference: affineGrid,
  },
  { name: 'volume', op: 'AffineGrid', inputs: [f32([1, 3, 4]), int64s(1, 2, 3, 4, 5)], reference: affineGrid },
]

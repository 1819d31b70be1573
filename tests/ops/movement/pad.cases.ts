import { centerCropPad, pad } from './pad.reference.js'
import { f32, int64s, typed, weight, type Case, type Spec } from '../case.js'

const padded = (name: string, inputs: (Spec | undefined)[], mode?: string): Case => ({
  name,
  op: 'Pad',
  inputs,
  attributes: mode ? { mode } : {},
  reference: pad,
})
const image = f32([2, 5, 4, 6])
const cropped = (name: string, inputs: Spec[], axes?: number[]): Case => ({
  name,
  op: 'CenterCropPad',
  inputs,
  attributes: axes ? { axes } : {},
  reference: centerCropPad,
})

export const padCases: readonly Case[] = [
  padded('zeros around pixels', [image, int64s(0, 0, 1, 2, 0, 0, 3, 1)]),
  padded('a value, given axes', [image, int64s(1, 2, 0, 1), weight([], { values: [1.5] }), int64s(-1, 2)]),
  padded('a value that is an input', [f32([3, 4]), int64s(1, 1, 1, 1), f32([])]),
  padded('every axis', [image, int64s(1, 1, 1, 1, 1, 2, 1, 2), weight([1], { values: [-2] })]),
  padded('nothing', [image, int64s(0, 0, 0, 0, 0, 0, 0, 0)]),
  padded('negative', [image, int64s(0, -1, 1, -2, 0, 2, -2, 0)]),
  padded('an empty axis', [f32([0, 3]), int64s(1, 0, 1, 0)]),
  padded('bytes', [
    typed('uint8', [3, 5], { low: 0, high: 255 }),
    int64s(0, 2, 1, 3),
    typed('uint8', [], { values: [7], constant: true }),
  ]),
  padded('int64', [
    typed('int64', [3], { low: -9, high: 9 }),
    int64s(2, 1),
    typed('int64', [], { values: [-7], constant: true }),
  ]),
  padded('reflect', [image, int64s(0, 0, 2, 3, 0, 0, 1, 4)], 'reflect'),
  {
    ...padded('reflect further than the axis is long', [f32([3]), int64s(5, 7)], 'reflect'),
    withoutOrt: 'ORT refuses it, NumPy does it',
  },
  // Several periods on both sides, whole ones and parts, beside another axis.
  ...[0, 1, 5, 6, 23, 64].flatMap((before) =>
    [2, 3, 4].map((kept) => ({
      ...padded(
        `reflect over periods: ${before} before ${kept}`,
        [f32([2, kept]), int64s(1, before, 0, 3 * before + 1)],
        'reflect',
      ),
      withoutOrt: 'ORT refuses it, NumPy does it',
    })),
  ),
  ...[2, 7, 20, 64].flatMap((before) =>
    [1, 2, 3].map((kept) => ({
      ...padded(
        `wrap over periods: ${before} before ${kept}`,
        [f32([2, kept, 2]), int64s(0, before, 0, 0, 2 * before + 1, 0)],
        'wrap',
      ),
      withoutOrt: 'ORT reads past the axis, NumPy does it',
    })),
  ),
  padded('edge far on both sides', [f32([3, 2]), int64s(0, 40, 0, 27)], 'edge'),
  padded('edge', [image, int64s(0, 0, 2, 3, 0, 1, 1, 4)], 'edge'),
  padded('edge, every axis', [f32([2, 3, 2]), int64s(1, 2, 3, 3, 2, 1)], 'edge'),
  padded('wrap', [f32([3, 4]), int64s(2, 1, 1, 3)], 'wrap'),
  {
    ...padded('wrap further than the axis is long', [f32([3]), int64s(5, 7)], 'wrap'),
    withoutOrt: 'ORT wraps once, NumPy as often as it takes',
  },
  padded('reflect after taking away', [f32([2, 6]), int64s(0, -2, 0, 2)], 'reflect'),
  {
    ...padded('reflect, one element', [f32([1, 2]), int64s(1, 0, 2, 0)], 'reflect'),
    reference: ([x]) => [{ shape: [4, 2], data: [0, 1, 2, 3].flatMap(() => x.data) }],
    withoutOrt: 'ORT refuses it',
  },
  cropped('crops and pads', [f32([7, 3, 5]), int64s(4, 6, 5)]),
  cropped('given axes', [f32([2, 5, 8]), int64s(3, 11)], [-1, 1]),
]

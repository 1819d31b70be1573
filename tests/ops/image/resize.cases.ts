import { resize } from './resize.reference.js'
import { f32, int64s, typed, weight, type Case, type Spec } from '../case.js'

const scales = (...values: number[]) => weight([values.length], { values: values.map(Math.fround) })
const image = f32([1, 5, 6, 8])
const by = (name: string, x: Spec, factors: number[], attributes = {}, more: Partial<Case> = {}): Case => ({
  name,
  op: 'Resize',
  inputs: [x, undefined, scales(...factors)],
  attributes,
  reference: resize,
  ...more,
})
const to = (name: string, x: Spec, sizes: number[], attributes = {}, more: Partial<Case> = {}): Case => ({
  name,
  op: 'Resize',
  inputs: [x, undefined, undefined, int64s(...sizes)],
  attributes,
  reference: resize,
  ...more,
})
const crop = { coordinate_transformation_mode: 'tf_crop_and_resize', extrapolation_value: 9 }
const cropped = (name: string, mode: string, roi: number[]): Case => ({
  name,
  op: 'Resize',
  inputs: [f32([1, 2, 5, 6]), weight([8], { values: roi }), undefined, int64s(1, 2, 4, 5)],
  attributes: { ...crop, mode },
  reference: resize,
})
const coordinates = ['half_pixel', 'half_pixel_symmetric', 'pytorch_half_pixel', 'align_corners', 'asymmetric']
const fractional = 'ORT takes the whole output size for align_corners, the ONNX reference the fractional one'
/** Fractions are cut off; where a sum is a whole number, rounding may leave it just below. */
const truncated: Partial<Case> = {
  tolerance: { absolute: 1, relative: 0 },
  reference: (...given) => resize(...given).map((y) => ({ ...y, data: y.data.map(Math.trunc) })),
}

export const resizeCases: readonly Case[] = [
  by('nearest x2, as exported', image, [1, 1, 2, 2], {
    coordinate_transformation_mode: 'asymmetric',
    nearest_mode: 'floor',
  }),
  by('nearest x3', image, [1, 1, 3, 3]),
  by('nearest, batches and channels too', f32([2, 2, 3, 2]), [2, 3, 2, 1]),
  by('nearest, smaller', image, [1, 1, 0.5, 0.75]),
  by('nearest, bytes', typed('uint8', [1, 3, 4, 5], { low: 0, high: 255 }), [1, 1, 2, 2]),
  // resize-order.test.ts says which bytes exactly.
  to(
    'linear, bytes',
    typed('uint8', [2, 3, 6, 8], { low: 0, high: 255 }),
    [2, 3, 13, 5],
    { mode: 'linear' },
    truncated,
  ),
  to('linear, signed bytes', typed('int8', [1, 3, 6, 8], { low: -128, high: 127 }), [1, 3, 4, 17], { mode: 'linear' }, truncated), // prettier-ignore
  by(
    'nearest, int64',
    typed('int64', [2, 3], { low: -9, high: 9 }),
    [2, 3],
    {},
    { withoutOrt: 'not implemented there' },
  ),
  ...['round_prefer_floor', 'round_prefer_ceil', 'floor', 'ceil'].map((nearest_mode) =>
    to(`nearest ${nearest_mode}`, image, [1, 5, 9, 5], { nearest_mode }),
  ),
  ...coordinates.map((mode) =>
    to(`nearest ${mode}`, image, [1, 5, 13, 7], { coordinate_transformation_mode: mode, nearest_mode: 'floor' }),
  ),
  ...coordinates.map((mode) =>
    to(`linear ${mode}`, image, [1, 5, 13, 7], { mode: 'linear', coordinate_transformation_mode: mode }),
  ),
  ...coordinates.map((mode) =>
    to(`cubic ${mode}`, image, [1, 5, 13, 7], { mode: 'cubic', coordinate_transformation_mode: mode }),
  ),
  ...coordinates.map((mode) =>
    by(
      `linear ${mode}, scales`,
      image,
      [1, 1, 1.7, 0.6],
      { mode: 'linear', coordinate_transformation_mode: mode },
      mode === 'align_corners' ? { withoutOrt: fractional } : {},
    ),
  ),
  to('linear, one pixel', image, [1, 5, 1, 1], {
    mode: 'linear',
    coordinate_transformation_mode: 'pytorch_half_pixel',
  }),
  to('linear, from one pixel', f32([1, 3, 1, 1]), [1, 3, 4, 5], { mode: 'linear' }),
  to('linear, one axis', f32([2, 3, 7]), [2, 3, 10], { mode: 'linear' }),
  to('linear, three axes', f32([1, 2, 3, 4, 5]), [1, 2, 5, 3, 7], { mode: 'linear' }),
  to('linear, far axes', f32([3, 2, 2, 4]), [5, 2, 2, 6], { mode: 'linear' }, { withoutOrt: 'not implemented there' }),
  to(
    'linear, doubles',
    typed('float64', [1, 2, 3, 4]),
    [1, 2, 5, 6],
    { mode: 'linear' },
    { withoutOrt: 'not implemented there' },
  ),
  by('cubic', image, [1, 1, 2, 1.5], { mode: 'cubic' }),
  by('cubic, smaller', image, [1, 1, 0.8, 0.8], { mode: 'cubic' }),
  by('cubic, a = -1/2, exclude_outside', image, [1, 1, 2, 0.8], {
    mode: 'cubic',
    cubic_coeff_a: -0.5,
    exclude_outside: 1,
  }),
  by('linear, antialias', image, [1, 1, 0.6, 0.3], { mode: 'linear', antialias: 1 }),
  by('cubic, antialias', image, [1, 1, 0.6, 0.3], { mode: 'cubic', antialias: 1 }),
  by('cubic, antialias, exclude_outside', image, [1, 1, 0.6, 1.5], { mode: 'cubic', antialias: 1, exclude_outside: 1 }),
  to('named axes', image, [9, 4], { mode: 'linear', axes: [3, 2] }),
  to('not_larger', image, [9, 9], { axes: [2, 3], keep_aspect_ratio_policy: 'not_larger', mode: 'linear' }),
  to('not_smaller', image, [9, 9], { axes: [2, 3], keep_aspect_ratio_policy: 'not_smaller', mode: 'linear' }),
  cropped('crop, linear', 'linear', [0, 0, 0.2, 0.3, 1, 1, 0.9, 0.7]),
  cropped('crop beyond the edge, linear', 'linear', [0, 0, -0.2, 0.32, 1, 1, 0.9, 1.4]),
  cropped('crop beyond the edge, nearest', 'nearest', [0, 0, -0.2, 0.32, 1, 1, 0.9, 1.4]),
  to('same size', image, [1, 5, 6, 8], { mode: 'linear' }),
  to('to nothing', image, [1, 5, 0, 8], {}, { withoutOrt: 'refuses sizes of 0' }),
  to('empty', f32([0, 3, 4, 4]), [0, 3, 8, 8]),
]

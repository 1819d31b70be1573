import { sizeOf } from '../../../src/core/shape.js'
import type { Plain, Reference } from '../case.js'
import { padsOf } from '../conv/conv.reference.js'
import { indices } from '../movement/transpose.reference.js'

/** The elements under a window, and how many places it has that are not beyond the padding. */
type Fold = (values: number[], places: number) => number

function pool([x]: readonly Plain[], attributes: Readonly<Record<string, unknown>>, fold: Fold): Plain {
  const input = x.shape.slice(2)
  const kernel = attributes.kernel_shape as number[]
  const strides = (attributes.strides as number[] | undefined) ?? input.map(() => 1)
  const dilations = (attributes.dilations as number[] | undefined) ?? input.map(() => 1)
  const { begin, end } = padsOf(attributes, input, kernel)
  const output = input.map((size, i) => {
    const steps = (size + begin[i] + end[i] - (kernel[i] - 1) * dilations[i] - 1) / strides[i]
    if (!attributes.ceil_mode) return Math.floor(steps) + 1
    const count = Math.ceil(steps) + 1
    return (count - 1) * strides[i] >= size + begin[i] ? count - 1 : count
  })
  const shape = [...x.shape.slice(0, 2), ...output]
  const taps = indices(kernel)
  // Of every window, its places in a plane of the image, and how many there are with the padding. All channels share
  // them.
  const windows = indices(output).map((place) => {
    const positions = taps.map((tap) => place.map((p, i) => p * strides[i] + tap[i] * dilations[i] - begin[i]))
    return {
      places: positions.filter((at) => at.every((p, i) => p >= -begin[i] && p < input[i] + end[i])).length,
      inside: positions
        .filter((at) => at.every((p, i) => p >= 0 && p < input[i]))
        .map((at) => at.reduce((sum, p, i) => sum * input[i] + p, 0)),
    }
  })
  const data: number[] = []
  for (let plane = 0; plane < x.shape[0] * x.shape[1]; plane++) {
    for (const { places, inside } of windows) {
      const values = inside.map((at) => x.data[plane * sizeOf(input) + at])
      data.push(fold(values, places))
    }
  }
  return { shape, data }
}

export const maxPool: Reference = (inputs, attributes) => [
  pool(inputs, attributes, (values) => values.reduce((a, b) => (b > a || Number.isNaN(b) ? b : a))),
]

export const averagePool: Reference = (inputs, attributes) => [
  pool(
    inputs,
    attributes,
    (values, places) => values.reduce((a, b) => a + b, 0) / (attributes.count_include_pad ? places : values.length),
  ),
]

export const lpPool: Reference = (inputs, attributes) => {
  const p = (attributes.p as number | undefined) ?? 2
  return [pool(inputs, attributes, (values) => values.reduce((a, b) => a + Math.abs(b) ** p, 0) ** (1 / p))]
}

/** The same over all spatial axes at once. */
export function globally(reference: Reference): Reference {
  return ([x], attributes) => reference([x], { ...attributes, kernel_shape: x.shape.slice(2) })
}

import { sizeOf } from '../../../src/core/shape.js'
import type { Plain, Reference } from '../case.js'
import { indices } from '../movement/transpose.reference.js'

/** Padding before and after each axis, as ONNX's auto_pad and pads say. */
export function padsOf(
  attributes: Readonly<Record<string, unknown>>,
  input: readonly number[],
  kernel: readonly number[],
): { begin: number[]; end: number[] } {
  const rank = input.length
  const strides = (attributes.strides as number[] | undefined) ?? input.map(() => 1)
  const dilations = (attributes.dilations as number[] | undefined) ?? input.map(() => 1)
  const mode = attributes.auto_pad as string | undefined
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const total = input.map((size, i) =>
      Math.max(0, (Math.ceil(size / strides[i]) - 1) * strides[i] + (kernel[i] - 1) * dilations[i] + 1 - size),
    )
    const less = total.map((pad) => Math.floor(pad / 2))
    const more = total.map((pad, i) => pad - less[i])
    return mode === 'SAME_UPPER' ? { begin: less, end: more } : { begin: more, end: less }
  }
  const pads =
    (mode === 'VALID' ? undefined : (attributes.pads as number[] | undefined)) ?? new Array<number>(2 * rank).fill(0)
  return { begin: pads.slice(0, rank), end: pads.slice(rank) }
}

/** y[n, m, o…] = b[m] + Σ over c, k… of x[n, group(m)·C/g + c, o·stride + k·dilation − pad] · w[m, c, k…] */
export const conv: Reference = ([x, w, b], attributes) => {
  const group = (attributes.group as number | undefined) ?? 1
  const input = x.shape.slice(2)
  const kernel = w.shape.slice(2)
  const strides = (attributes.strides as number[] | undefined) ?? input.map(() => 1)
  const dilations = (attributes.dilations as number[] | undefined) ?? input.map(() => 1)
  const { begin, end } = padsOf(attributes, input, kernel)
  const output = input.map(
    (size, i) => Math.floor((size + begin[i] + end[i] - (kernel[i] - 1) * dilations[i] - 1) / strides[i]) + 1,
  )
  const shape = [x.shape[0], w.shape[0], ...output]
  const taps = indices(kernel)
  // Of every place, where its taps lie in a plane of the image: −1 in the padding. All channels share them.
  const places = indices(output).map((place) =>
    taps.map((tap) => {
      const position = place.map((p, i) => p * strides[i] + tap[i] * dilations[i] - begin[i])
      if (!position.every((p, i) => p >= 0 && p < input[i])) return -1
      return position.reduce((at, p, i) => at * input[i] + p, 0)
    }),
  )
  const plane = sizeOf(input)
  const perGroup = w.shape[0] / group
  const data: number[] = []
  for (let n = 0; n < x.shape[0]; n++) {
    for (let m = 0; m < w.shape[0]; m++) {
      const first = n * x.shape[1] + Math.floor(m / perGroup) * w.shape[1]
      for (const place of places) {
        let sum = b ? b.data[m] : 0
        for (let c = 0; c < w.shape[1]; c++) {
          const filter = (m * w.shape[1] + c) * taps.length
          for (let t = 0; t < taps.length; t++) {
            if (place[t] >= 0) sum += x.data[(first + c) * plane + place[t]] * w.data[filter + t]
          }
        }
        data.push(sum)
      }
    }
  }
  return [{ shape, data }] satisfies Plain[]
}

import { sizeOf, stridesOf } from '../../../src/core/shape.js'
import type { Reference } from '../case.js'
import { indices } from '../movement/transpose.reference.js'

/** Every input element adds its kernel to the output, at its place times the stride (ONNX ConvTranspose). */
export const convTranspose: Reference = ([x, w, b], attributes) => {
  const group = (attributes.group as number | undefined) ?? 1
  const input = x.shape.slice(2)
  const kernel = w.shape.slice(2)
  const list = (name: string, fill: number) => (attributes[name] as number[] | undefined) ?? input.map(() => fill)
  const [strides, dilations, extra] = [list('strides', 1), list('dilations', 1), list('output_padding', 0)]
  const whole = input.map((size, i) => strides[i] * (size - 1) + extra[i] + (kernel[i] - 1) * dilations[i] + 1)
  const mode = attributes.auto_pad as string | undefined
  const wanted =
    (attributes.output_shape as number[] | undefined) ??
    (mode?.startsWith('SAME') ? input.map((size, i) => size * strides[i]) : undefined)
  const pads = (attributes.pads as number[] | undefined) ?? input.flatMap(() => [0, 0])
  const output = wanted ?? whole.map((size, i) => size - pads[i] - pads[i + input.length])
  const begin = wanted
    ? whole.map((size, i) => {
        const total = Math.max(0, size - wanted[i])
        return mode === 'SAME_UPPER' ? Math.floor(total / 2) : total - Math.floor(total / 2)
      })
    : pads.slice(0, input.length)
  const perGroup = w.shape[1]
  const shape = [x.shape[0], perGroup * group, ...output]
  const steps = stridesOf(shape)
  const data = Array.from({ length: sizeOf(shape) }, (_, i) => b?.data[Math.floor(i / steps[1]) % shape[1]] ?? 0)
  const channelsPerGroup = x.shape[1] / group
  const taps = indices(kernel)
  // Of every place of the image, where its taps lie in a plane of the output, −1 beyond it. All channels share them.
  const places = indices(input).map((place) =>
    taps.map((tap) => {
      const position = place.map((p, i) => p * strides[i] + tap[i] * dilations[i] - begin[i])
      if (!position.every((p, i) => p >= 0 && p < output[i])) return -1
      return position.reduce((at, p, i) => at * output[i] + p, 0)
    }),
  )
  for (let n = 0; n < x.shape[0]; n++) {
    for (let c = 0; c < x.shape[1]; c++) {
      const first = n * shape[1] + Math.floor(c / channelsPerGroup) * perGroup
      places.forEach((place, p) => {
        const value = x.data[(n * x.shape[1] + c) * places.length + p]
        for (let m = 0; m < perGroup; m++) {
          const filter = (c * perGroup + m) * taps.length
          for (let t = 0; t < taps.length; t++) {
            if (place[t] >= 0) data[(first + m) * steps[1] + place[t]] += value * w.data[filter + t]
          }
        }
      })
    }
  }
  return [{ shape, data }]
}

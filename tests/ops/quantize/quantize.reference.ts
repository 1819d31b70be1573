import { stridesOf } from '../../../src/core/shape.js'
import type { Plain, Reference } from '../case.js'
import { indices } from '../movement/transpose.reference.js'

/** Halves to even. */
export function rint(x: number): number {
  const r = Math.round(x)
  return Math.abs(x % 1) === 0.5 && r % 2 !== 0 ? r - 1 : r
}

/** The scale (or zero point) of every element of x. */
function spread(x: Plain, s: Plain, attributes: Readonly<Record<string, unknown>>): number[] {
  if (s.data.length === 1) return x.data.map(() => s.data[0])
  const axis = (attributes.axis as number | undefined) ?? 1
  const at = axis < 0 ? axis + x.shape.length : axis
  const block = (attributes.block_size as number | undefined) || 1
  const strides = stridesOf(s.shape)
  return indices(x.shape).map((index) => {
    if (s.shape.length === 1) return s.data[index[at]]
    return s.data[index.reduce((sum, i, k) => sum + (k === at ? Math.floor(i / block) : i) * strides[k], 0)]
  })
}

const ranges: Record<string, [number, number]> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int4: [-8, 7],
  uint4: [0, 15],
}

/** @param type - of the output. */
export function quantize(type: string): Reference {
  return ([x, scale, zero], attributes) => {
    const [low, high] = ranges[type]
    const s = spread(x, scale, attributes)
    const z = zero ? spread(x, zero, attributes) : x.data.map(() => 0)
    const data = x.data.map((v, i) =>
      Math.min(high, Math.max(low, (Number.isNaN(v) ? 0 : rint(Math.fround(v / s[i]))) + z[i])),
    )
    return [{ shape: x.shape, data }]
  }
}

export const dequantize: Reference = ([x, scale, zero], attributes) => {
  const s = spread(x, scale, attributes)
  const z = zero ? spread(x, zero, attributes) : x.data.map(() => 0)
  return [{ shape: x.shape, data: x.data.map((v, i) => (v - z[i]) * s[i]) }]
}

/** The range of x, with 0, spread over a byte; in float32 as the operator's specification rounds. */
export const dynamicQuantize: Reference = ([x]) => {
  const [low, high] = x.data.reduce(([a, b], v) => [Math.min(a, v), Math.max(b, v)], [0, 0])
  const step = Math.fround(Math.fround(high - low) / 255)
  const scale = step === 0 ? 1 : step
  const at = Math.fround(-low / scale)
  const zero = Number.isNaN(at) ? 0 : rint(Math.min(255, Math.max(0, at)))
  const data = x.data.map((v) => {
    const q = Math.fround(v / scale)
    return Number.isNaN(q) ? zero : Math.min(255, Math.max(0, rint(q) + zero))
  })
  return [
    { shape: x.shape, data },
    { shape: [], data: [scale] },
    { shape: [], data: [zero] },
  ]
}

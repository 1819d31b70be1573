import type { Plain, Reference } from '../case.js'

/**
 * Queries, keys and values [batch, length, heads · size], and everything that ONNX Runtime's attention operators may
 * have besides.
 */
interface Parts {
  readonly heads: number
  readonly q: Plain
  readonly k: Plain
  readonly v: Plain
  /** Of the sequence, as 1 and 0: [batch], [batch, keys], [batch, queries, keys] or [batch, 1, side, side]. */
  readonly mask?: Plain
  readonly extra?: Plain
  readonly pastKey?: Plain
  readonly pastValue?: Plain
  /** How many rows of the past count, where it is a buffer. */
  readonly used?: number
  readonly scale?: number
  readonly causal?: boolean
  readonly filter?: number
}

/** The result and both caches, one number at a time. */
function attend({
  heads,
  q,
  k,
  v,
  mask,
  extra,
  pastKey,
  pastValue,
  used,
  scale,
  causal,
  filter = -10000,
}: Parts): Plain[] {
  const [batch, queries] = q.shape
  const length = k.shape[1]
  const past = used ?? pastKey?.shape[2] ?? 0
  const rows = used === undefined ? past + length : pastKey!.shape[2]
  const keys = past + length
  const [size, width] = [q.shape[2] / heads, v.shape[2] / heads]
  const cache = (before: Plain | undefined, now: Plain, per: number): Plain => {
    const shape = [batch, heads, rows, per]
    const data = Array.from({ length: batch * heads * rows * per }, (_, at) => {
      const [c, i, bh] = [at % per, Math.floor(at / per) % rows, Math.floor(at / per / rows)]
      const [h, b] = [bh % heads, Math.floor(bh / heads)]
      if (i >= past && i < keys) return now.data[(b * length + i - past) * heads * per + h * per + c]
      return before ? before.data[(bh * before.shape[2] + i) * per + c] : 0
    })
    return { shape, data }
  }
  const [allKeys, allValues] = [cache(pastKey, k, size), cache(pastValue, v, width)]
  const hidden = (b: number, i: number, j: number): boolean => {
    if (!mask) return false
    const { shape, data } = mask
    if (shape.length === 1) return j >= data[b] || (shape[0] === 2 * batch && j < data[batch + b])
    if (shape.length === 2) return data[b * shape[1] + j] <= 0
    if (shape.length === 3) return data[(b * queries + i) * shape[2] + j] <= 0
    return data[(b * shape[2] + keys - queries + i) * shape[3] + j] <= 0
  }
  const bias = (b: number, h: number, i: number, j: number): number => {
    if (!extra) return 0
    const [eb, eh, eq, ek] = extra.shape
    return extra.data[(((eb === 1 ? 0 : b) * eh + (eh === 1 ? 0 : h)) * eq + i) * ek + j]
  }
  const data = new Array<number>(batch * queries * heads * width).fill(0)
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < queries; i++) {
        const scores = Array.from({ length: keys }, (_, j) => {
          if (causal && j > past + i) return -Infinity
          let dot = 0
          for (let c = 0; c < size; c++)
            dot +=
              q.data[(b * queries + i) * heads * size + h * size + c] *
              allKeys.data[((b * heads + h) * rows + j) * size + c]
          return dot * (scale || 1 / Math.sqrt(size)) + bias(b, h, i, j) + (hidden(b, i, j) ? filter : 0)
        })
        const most = Math.max(...scores)
        const weights = scores.map((score) => Math.exp(score - most))
        const total = weights.reduce((sum, weight) => sum + weight, 0)
        weights.forEach((weight, j) => {
          for (let c = 0; c < width; c++)
            data[(b * queries + i) * heads * width + h * width + c] +=
              (weight / total) * allValues.data[((b * heads + h) * rows + j) * width + c]
        })
      }
    }
  }
  return [{ shape: [batch, queries, heads * width], data }, allKeys, allValues]
}

/** Columns [from, to) of the last axis, with that part of a bias added. */
function columns(x: Plain, from: number, to: number, bias?: Plain, at = from): Plain {
  const width = x.shape.at(-1)!
  const data = x.data.filter((_, i) => i % width >= from && i % width < to)
  return {
    shape: [...x.shape.slice(0, -1), to - from],
    data: bias ? data.map((value, i) => value + bias.data[at + (i % (to - from))]) : data,
  }
}

type Settings = Readonly<Record<string, number | undefined>>

const settings = (attributes: Readonly<Record<string, unknown>>) => {
  const { num_heads: heads, scale, unidirectional, mask_filter_value: filter } = attributes as Settings
  return { heads: heads!, scale, causal: unidirectional === 1, filter }
}

/** com.microsoft.MultiHeadAttention, with queries, keys and values apart or in the rows of one tensor. */
export const multiHeadReference: Reference = ([q, k, v, bias, mask, extra, pastKey, pastValue, used], attributes) => {
  const width = k ? q.shape[2] : q.shape[2] / 3
  const parts = k
    ? [columns(q, 0, width, bias), columns(k, 0, width, bias, width), columns(v, 0, v.shape[2], bias, 2 * width)]
    : [0, 1, 2].map((part) => columns(q, part * width, (part + 1) * width, bias))
  return attend({
    ...settings(attributes),
    q: parts[0],
    k: parts[1],
    v: parts[2],
    mask,
    extra,
    pastKey,
    pastValue,
    used: used?.data[0],
  })
}

/** com.microsoft.DecoderMaskedMultiHeadAttention. */
export const decoderReference: Reference = ([q, k, v, mask, extra, pastKey, pastValue, used, , , bias], attributes) =>
  multiHeadReference([q, k, v, bias, mask, extra, pastKey, pastValue, used], attributes)

/** com.microsoft.Attention: with its projections, and keys and values of the past in one tensor. */
export const projectedReference: Reference = ([x, w, bias, mask, past, extra, used], attributes) => {
  const [input, total] = w.shape
  const rows = x.data.length / input
  const projected: Plain = {
    shape: [...x.shape.slice(0, 2), total],
    data: Array.from({ length: rows * total }, (_, at) => {
      let sum = bias ? bias.data[at % total] : 0
      for (let c = 0; c < input; c++)
        sum += x.data[Math.floor(at / total) * input + c] * w.data[c * total + (at % total)]
      return sum
    }),
  }
  const widths = (attributes.qkv_hidden_sizes as number[] | undefined) ?? [total / 3, total / 3, total / 3]
  const half = past ? past.data.length / 2 : 0
  const split = (from: number): Plain | undefined =>
    past && { shape: past.shape.slice(1), data: past.data.slice(from, from + half) }
  const [y, keys, values] = attend({
    ...settings(attributes),
    q: columns(projected, 0, widths[0]),
    k: columns(projected, widths[0], widths[0] + widths[1]),
    v: columns(projected, widths[0] + widths[1], total),
    mask,
    extra,
    pastKey: split(0),
    pastValue: split(half),
    used: used?.data[0],
  })
  return [y, { shape: [2, ...keys.shape], data: [...keys.data, ...values.data] }]
}

import type { Plain, Reference } from '../case.js'
import { groups } from '../reduce/reduce.reference.js'

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
const variance = (values: readonly number[]) => {
  const average = mean(values)
  return mean(values.map((x) => (x - average) ** 2))
}

/** The element of a tensor that broadcasts to an index, given as a flat offset into `shape`. */
function broadcastAt(tensor: Plain, shape: readonly number[], flat: number): number {
  let rest = flat
  const index = [...shape].reverse().map((size) => {
    const k = rest % size
    rest = Math.floor(rest / size)
    return k
  })
  index.reverse()
  const lead = shape.length - tensor.shape.length
  return tensor.data[
    tensor.shape.reduce((offset, size, axis) => offset * size + (size === 1 ? 0 : index[axis + lead]), 0)
  ]
}

export const layerNorm: Reference = ([x, scale, bias], { axis = -1, epsilon = 1e-5 }) => {
  const first = (axis as number) < 0 ? (axis as number) + x.shape.length : (axis as number)
  const axes = x.shape.map((_, i) => i).slice(first)
  const data = new Array<number>(x.data.length)
  const means: number[] = []
  const inverses: number[] = []
  for (const group of groups(x, axes).values()) {
    const values = group.map((i) => x.data[i])
    const average = mean(values)
    const inverse = 1 / Math.sqrt(variance(values) + (epsilon as number))
    means.push(average)
    inverses.push(inverse)
    group.forEach((i, k) => {
      const add = bias ? broadcastAt(bias, x.shape, i) : 0
      data[i] = (values[k] - average) * inverse * broadcastAt(scale, x.shape, i) + add
    })
  }
  const statistics = x.shape.map((size, i) => (i < first ? size : 1))
  return [
    { shape: x.shape, data },
    { shape: statistics, data: means },
    { shape: statistics, data: inverses },
  ]
}

export const rmsNorm: Reference = ([x, scale], { axis = -1, epsilon = 1e-5 }) => {
  const first = (axis as number) < 0 ? (axis as number) + x.shape.length : (axis as number)
  const data = new Array<number>(x.data.length)
  for (const group of groups(x, x.shape.map((_, i) => i).slice(first)).values()) {
    const inverse = 1 / Math.sqrt(mean(group.map((i) => x.data[i] ** 2)) + (epsilon as number))
    for (const i of group) data[i] = x.data[i] * inverse * broadcastAt(scale, x.shape, i)
  }
  return [{ shape: x.shape, data }]
}

/** Groups of neighbouring channels; scale and bias per channel, or per group where there are that many. */
export function groupNorm(
  groupsOf: (channels: number, attributes: Readonly<Record<string, unknown>>) => number,
): Reference {
  return ([x, scale, bias], attributes) => {
    const { epsilon = 1e-5 } = attributes
    const [, channels] = x.shape
    const count = groupsOf(channels, attributes)
    const spatial = x.shape.slice(2).reduce((a, b) => a * b, 1)
    const size = (channels / count) * spatial
    const moments = Array.from({ length: x.shape[0] * count }, (_, g) => {
      const group = x.data.slice(g * size, (g + 1) * size)
      return [mean(group), Math.sqrt(variance(group) + (epsilon as number))]
    })
    const data = x.data.map((value, i) => {
      const [average, deviation] = moments[Math.floor(i / size)]
      const channel = Math.floor(((Math.floor(i / spatial) % channels) * scale.data.length) / channels)
      return ((value - average) / deviation) * scale.data[channel] + bias.data[channel]
    })
    return [{ shape: x.shape, data }]
  }
}

export const batchNorm: Reference = (
  [x, scale, bias, givenMean, givenVariance],
  { epsilon = 1e-5, momentum = 0.9, training_mode: training },
) => {
  const spatial = x.shape.slice(2).reduce((a, b) => a * b, 1)
  const ofChannel = (c: number) => x.data.filter((_, i) => Math.floor(i / spatial) % scale.data.length === c)
  const meanOf = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length
  const means = scale.data.map((_, c) => meanOf(ofChannel(c)))
  const average = training ? { data: means } : givenMean
  const spread = training
    ? { data: means.map((mean, c) => meanOf(ofChannel(c).map((value) => (value - mean) ** 2))) }
    : givenVariance
  const data = x.data.map((value, i) => {
    const c = Math.floor(i / spatial) % scale.data.length
    return ((value - average.data[c]) / Math.sqrt(spread.data[c] + (epsilon as number))) * scale.data[c] + bias.data[c]
  })
  const running = (old: Plain, now: { data: number[] }) => ({
    shape: old.shape,
    data: old.data.map((value, c) => value * (momentum as number) + now.data[c] * (1 - (momentum as number))),
  })
  return training
    ? [{ shape: x.shape, data }, running(givenMean, average), running(givenVariance, spread)]
    : [{ shape: x.shape, data }]
}

export const lrn: Reference = ([x], { alpha = 1e-4, beta = 0.75, bias = 1, size }) => {
  const [, channels] = x.shape
  const spatial = x.shape.slice(2).reduce((a, b) => a * b, 1)
  const width = size as number
  const data = x.data.map((value, i) => {
    const c = Math.floor(i / spatial) % channels
    let sum = 0
    for (let k = c - Math.floor((width - 1) / 2); k <= c + Math.ceil((width - 1) / 2); k++)
      if (k >= 0 && k < channels) sum += x.data[i + (k - c) * spatial] ** 2
    return value / ((bias as number) + ((alpha as number) / width) * sum) ** (beta as number)
  })
  return [{ shape: x.shape, data }]
}

export const meanVariance: Reference = ([x], { axes = [0, 2, 3] }) => {
  const data = new Array<number>(x.data.length)
  for (const group of groups(x, axes as number[]).values()) {
    const values = group.map((i) => x.data[i])
    const average = mean(values)
    const deviation = Math.sqrt(variance(values)) + 1e-9
    group.forEach((i, k) => (data[i] = (values[k] - average) / deviation))
  }
  return [{ shape: x.shape, data }]
}

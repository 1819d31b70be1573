import {
  BINARY_ADD,
  BINARY_DIV,
  BINARY_MAX,
  BINARY_MUL,
  BINARY_SUB,
  REDUCE_L1,
  REDUCE_L2,
  REDUCE_MEAN,
  UNARY_AFFINE,
  UNARY_SQUARE,
} from '../../../assembly/abi/codes.js'
import { isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import {
  channelsLast,
  channelsLastOrder,
  follow,
  sameMemory,
  type Layout,
  type LayoutQuery,
  type LayoutOperand,
} from '../../core/layout.js'
import { emitStridedCopy } from '../../ir/strided.js'
import type { HostTensor } from '../../core/host.js'
import { formatShape, normalizeAxis, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { float, int, required } from '../../ir/attributes.js'
import { emitBinary } from '../elementwise/arithmetic.js'
import { placesOf } from '../elementwise/broadcast.js'
import { floatsOf, floatTensor, type Floats } from '../elementwise/scalar-floats.js'
import { log, exp } from '../../core/scalar-functions.js'
import {
  defineOp,
  type Address,
  type Emitter,
  type KernelEmitter,
  type Operand,
  type TensorType,
  type UpgradeContext,
} from '../../ir/op.js'
import { emitReduce } from '../reduce/reduce.js'

export function requireFloat(dtype: DType): void {
  if (!isFloat(dtype))
    throw new LanewiseError('E_UNSUPPORTED', `not supported for ${dtype}`, { expected: 'a float type', actual: dtype })
}

/** @throws LanewiseError `E_SHAPE` unless the tensor is a vector of that many elements. */
function requireVector(what: string, type: TensorType, size: number): void {
  if (type.shape.length === 1 && type.shape[0] === size) return
  throw new LanewiseError('E_SHAPE', `${what} has shape ${formatShape(type.shape)}`, {
    expected: `[${size}]`,
    actual: formatShape(type.shape),
  })
}

/** x [batch, channels, …] */
function channelsOf(shape: Shape): number {
  if (shape.length < 2)
    throw new LanewiseError('E_SHAPE', `the input needs a channel axis, got shape ${formatShape(shape)}`)
  return shape[1]
}

/** The sizes behind `axis`, which are normalised together, and how many rows there are of them. */
export function rowsOf(
  shape: Shape,
  axis: number,
): { readonly normalized: Shape; readonly rows: number; readonly columns: number } {
  const at = normalizeAxis(axis, shape.length)
  const normalized = shape.slice(at)
  return { normalized, rows: sizeOf(shape.slice(0, at)), columns: sizeOf(normalized) }
}

/** A scale or bias as a full row: it may be broadcast over the normalised axes. */
export function expandedRow(e: KernelEmitter, operand: Operand, normalized: Shape): Address {
  const columns = sizeOf(normalized)
  if (operand.size === columns) return operand.at
  const lead = normalized.length - operand.shape.length
  const strides = stridesOf(normalized)
  const axes = normalized.map((size, axis) => {
    const own = axis - lead
    return {
      size,
      from: own < 0 || operand.shape[own] === 1 ? 0 : sizeOf(operand.shape.slice(own + 1)),
      to: strides[axis],
    }
  })
  return e.pack(operand, `row ${normalized.join()}`, columns * 4, (p, from, to) => {
    emitStridedCopy(p, 'float32', { axes, from: 0, to: 0 }, from, to)
  })
}

/** Whether a shape broadcasts to another one and leaves it as it is. */
function broadcastsTo(shape: Shape, to: Shape): boolean {
  return shape.length <= to.length && shape.every((size, i) => size === 1 || size === to[i + to.length - shape.length])
}

/** Scale and bias must broadcast to the normalised axes alone. */
export function requireRow(what: string, { shape }: TensorType, normalized: Shape): void {
  if (!broadcastsTo(shape, normalized))
    throw new LanewiseError(
      'E_SHAPE',
      `${what} of shape ${formatShape(shape)} does not broadcast to ${formatShape(normalized)}`,
    )
}

export const LayerNormalization = defineOp({
  name: 'LayerNormalization',
  arity: [2, 3],
  outputs: 3,
  attributes: { axis: int(-1), epsilon: float(1e-5), stash_type: int(1) },
  infer({ attributes: { axis }, inputs: [x, scale, bias] }) {
    requireFloat(x.dtype)
    const { normalized } = rowsOf(x.shape, axis)
    // They may be another one for each row, as long as the result keeps x's shape.
    requireRow('scale', scale, broadcastsTo(scale.shape, normalized) ? normalized : x.shape)
    if (bias) requireRow('bias', bias, broadcastsTo(bias.shape, normalized) ? normalized : x.shape)
    const statistics = [...x.shape.slice(0, x.shape.length - normalized.length), ...normalized.map(() => 1)]
    const dtype = x.dtype === 'float64' ? 'float64' : 'float32'
    return [x, { dtype, shape: statistics }, { dtype, shape: statistics }]
  },
  kernel: (types) => types.every((type) => type === undefined || type === 'float32'),
  emit(e) {
    const [x, scale, bias] = [e.input(0), e.input(1), e.inputs[2]]
    const { normalized, rows, columns } = rowsOf(x.shape, e.attributes.axis)
    const y = e.overwrite(0, 0)
    const byRow = broadcastsTo(scale.shape, normalized) && (!bias || broadcastsTo(bias.shape, normalized))
    const factors = byRow ? expandedRow(e, scale, normalized) : e.table(new Float32Array(columns).fill(1))
    const addends = byRow && bias ? expandedRow(e, bias, normalized) : 0
    const mean = e.outputs[1] ? e.output(1).at : 0
    const invstd = e.outputs[2] ? e.output(2).at : 0
    if (columns > 0)
      e.call(
        'layer_norm_f32',
        x.at,
        0,
        0,
        0,
        factors,
        addends,
        y.at,
        mean,
        invstd,
        columns,
        e.attributes.epsilon,
        0,
        rows,
      )
    if (byRow) return
    emitBinary(e, BINARY_MUL, y, scale, y)
    if (bias) emitBinary(e, BINARY_ADD, y, bias, y)
  },
  compute({ attributes: { axis, epsilon }, inputs: [x, scale, bias], outputs }) {
    const { normalized, rows, columns } = rowsOf(x.shape, axis)
    const from = floatsOf(x)
    const [factors, addends] = [floatsOf(scale), bias && floatsOf(bias)]
    const [y, means, inverses] = [new Float64Array(from.length), new Float64Array(rows), new Float64Array(rows)]
    const place = (operand: HostTensor | undefined) => {
      if (!operand) return () => 0
      const byRow = broadcastsTo(operand.shape, normalized)
      const places = placesOf(operand.shape, byRow ? normalized : x.shape)
      return (r: number, i: number) => {
        const at = byRow ? i : r * columns + i
        return places ? places[at] : at
      }
    }
    const [factorAt, addendAt] = [place(scale), place(bias)]
    for (let r = 0; r < rows; r++) {
      const row = from.subarray(r * columns, (r + 1) * columns)
      const mean = average(row, (value) => value)
      const inverse = 1 / Math.sqrt(average(row, (value) => (value - mean) ** 2) + epsilon)
      for (let i = 0; i < columns; i++) {
        const addend = addends ? addends[addendAt(r, i)] : 0
        y[r * columns + i] = (row[i] - mean) * inverse * factors[factorAt(r, i)] + addend
      }
      means[r] = mean
      inverses[r] = inverse
    }
    return outputs.map(({ dtype, shape }, i) => floatTensor(dtype, shape, [y, means, inverses][i]))
  },
})

function average(row: Floats, f: (value: number) => number): number {
  let sum = 0
  for (let i = 0; i < row.length; i++) sum += f(row[i])
  return sum / row.length
}

export const RMSNormalization = defineOp({
  name: 'RMSNormalization',
  arity: 2,
  attributes: { axis: int(-1), epsilon: float(1e-5), stash_type: int(1) },
  infer({ attributes: { axis }, inputs: [x, scale] }) {
    requireFloat(x.dtype)
    requireRow('scale', scale, rowsOf(x.shape, axis).normalized)
    return [{ dtype: scale.dtype, shape: x.shape }]
  },
  kernel: (types) => types.every((type) => type === 'float32'),
  emit(e) {
    const [x, scale] = [e.input(0), e.input(1)]
    const { normalized, rows, columns } = rowsOf(x.shape, e.attributes.axis)
    const y = e.overwrite(0, 0)
    const factors = expandedRow(e, scale, normalized)
    if (columns > 0) e.call('rms_norm_f32', x.at, 0, 0, 0, factors, y.at, 0, columns, e.attributes.epsilon, 0, rows)
  },
  compute({ attributes: { axis, epsilon }, inputs: [x, scale], outputs: [{ dtype, shape }] }) {
    const { normalized, rows, columns } = rowsOf(x.shape, axis)
    const [from, factors] = [floatsOf(x), floatsOf(scale)]
    const y = new Float64Array(from.length)
    const places = placesOf(scale.shape, normalized)
    for (let r = 0; r < rows; r++) {
      const row = from.subarray(r * columns, (r + 1) * columns)
      const inverse = 1 / Math.sqrt(average(row, (value) => value * value) + epsilon)
      for (let i = 0; i < columns; i++) y[r * columns + i] = row[i] * inverse * factors[places?.[i] ?? i]
    }
    return [floatTensor(dtype, shape, y)]
  },
})

/** Channels-last if the input lies so already, else logical. */
function asItLies({ inputs: [x], outputs }: LayoutQuery<unknown, readonly [LayoutOperand, ...unknown[]]>): Layout {
  const order = channelsLastOrder(x.shape.length)
  return sameMemory(x.shape, x.order, order)
    ? { inputs: [order], outputs: outputs.map(() => order) }
    : { inputs: [], outputs: [] }
}

/** Whether the channels are innermost. */
function channelsInnermost(x: Operand): boolean {
  return x.order[x.order.length - 1] === 1
}

function emitGroupNorm(e: Emitter<{ readonly epsilon: number }>, groups: number, scale: Address, bias: Address): void {
  const x = e.input(0)
  const channels = x.shape[1]
  const spatial = sizeOf(x.shape.slice(2))
  const y = e.overwrite(0, 0)
  if (x.size === 0) return
  const { epsilon } = e.attributes
  if (channelsInnermost(x)) {
    const scratch = e.scratch(e.ask('group_norm_last_scratch_size', channels))
    e.call('group_norm_last_f32', x.at, scale, bias, y.at, channels, groups, spatial, epsilon, 0, x.shape[0], scratch)
  } else {
    e.call('group_norm_f32', x.at, scale, bias, y.at, channels, groups, spatial, epsilon, 0, x.shape[0] * groups)
  }
}

function computeGroupNorm(
  x: HostTensor,
  scale: HostTensor,
  bias: HostTensor,
  groups: number,
  epsilon: number,
): HostTensor {
  const from = floatsOf(x)
  const [factors, addends] = [floatsOf(scale), floatsOf(bias)]
  const y = new Float64Array(from.length)
  const channels = x.shape[1]
  const depth = channels / groups
  const spatial = sizeOf(x.shape.slice(2))
  const perScale = channels / factors.length
  for (let g = 0; g < x.shape[0] * groups; g++) {
    const row = from.subarray(g * depth * spatial, (g + 1) * depth * spatial)
    const mean = average(row, (value) => value)
    const inverse = 1 / Math.sqrt(average(row, (value) => (value - mean) ** 2) + epsilon)
    for (let i = 0; i < row.length; i++) {
      const c = Math.floor(((g % groups) * depth + Math.floor(i / spatial)) / perScale)
      y[g * depth * spatial + i] = (row[i] - mean) * inverse * factors[c] + addends[c]
    }
  }
  return floatTensor(x.dtype, x.shape, y)
}

export const InstanceNormalization = defineOp({
  name: 'InstanceNormalization',
  arity: 3,
  attributes: { epsilon: float(1e-5) },
  infer({ inputs: [x, scale, bias] }) {
    requireFloat(x.dtype)
    const channels = channelsOf(x.shape)
    requireVector('scale', scale, channels)
    requireVector('B', bias, channels)
    return [x]
  },
  layout: asItLies,
  emit: (e) => emitGroupNorm(e, e.input(0).shape[1], e.input(1).at, e.input(2).at),
  compute: ({ attributes: { epsilon }, inputs: [x, scale, bias] }) => [
    computeGroupNorm(x, scale, bias, x.shape[1], epsilon),
  ],
})

/** A vector with an element per channel, made of one with an element per group if necessary. */
export function perChannel(e: KernelEmitter, operand: Operand, groups: number, channels: number): Address {
  if (operand.size === channels) return operand.at
  const depth = channels / groups
  const axes = [
    { size: groups, from: 1, to: depth },
    { size: depth, from: 0, to: 1 },
  ]
  return e.pack(operand, `repeat ${channels}`, channels * 4, (p, from, to) => {
    emitStridedCopy(p, 'float32', { axes, from: 0, to: 0 }, from, to)
  })
}

export const GroupNormalization = defineOp({
  name: 'GroupNormalization',
  arity: 3,
  attributes: { num_groups: required(int()), epsilon: float(1e-5), stash_type: int(1) },
  infer({ attributes: { num_groups: groups }, inputs: [x, scale, bias] }) {
    requireFloat(x.dtype)
    const channels = channelsOf(x.shape)
    if (groups < 1 || channels % groups !== 0)
      throw new LanewiseError('E_VALUE', `${channels} channels cannot be divided into ${groups} groups`)
    // In opset 18 there was one scale per group.
    const size = scale.shape[0] === groups ? groups : channels
    requireVector('scale', scale, size)
    requireVector('bias', bias, size)
    return [x]
  },
  layout: asItLies,
  emit(e) {
    const { num_groups: groups } = e.attributes
    const channels = e.input(0).shape[1]
    emitGroupNorm(e, groups, perChannel(e, e.input(1), groups, channels), perChannel(e, e.input(2), groups, channels))
  },
  compute: ({ attributes: { num_groups: groups, epsilon }, inputs: [x, scale, bias] }) => [
    computeGroupNorm(x, scale, bias, groups, epsilon),
  ],
})

/** (x − mean) / √(variance + epsilon) · scale + B, all of them of one example's shape. */
function perElement(node: UpgradeContext): void {
  const { attributes, outputs } = node
  if (outputs.slice(1).some((name) => name !== ''))
    throw new LanewiseError('E_UNSUPPORTED', 'spatial = 0 in training is not supported')
  const [x, scale, bias, mean, variance] = node.inputs
  const given = attributes.get('epsilon')
  const epsilon = node.constant(floatTensor('float32', [], [given?.kind === 'float' ? given.value : 1e-5]))
  const spread = node.node('Sqrt', [node.node('Add', [variance, node.node('CastLike', [epsilon, variance])])])
  const centred = node.node('Sub', [x, mean])
  node.inputs = [node.node('Mul', [centred, node.node('Div', [scale, spread])]), bias]
  attributes.clear()
  node.rename('Add')
}

export const BatchNormalization = defineOp({
  name: 'BatchNormalization',
  arity: 5,
  outputs: 3,
  attributes: { epsilon: float(1e-5), momentum: float(0.9), training_mode: int(0) },
  infer({ attributes, inputs: [x, ...vectors] }) {
    requireFloat(x.dtype)
    // With one axis there is one channel.
    const channels = x.shape.length < 2 ? 1 : x.shape[1]
    vectors.forEach((vector, i) => requireVector(['scale', 'B', 'input_mean', 'input_var'][i], vector, channels))
    return attributes.training_mode ? [x, vectors[2], vectors[3]] : [x]
  },
  layout: follow,
  kernel: (types) => types.every((type) => type === 'float32'),
  emit(e) {
    const x = e.input(0)
    const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => e.input(i).at)
    const { training_mode: training, momentum, epsilon } = e.attributes
    const y = e.overwrite(0, 0)
    if (x.size === 0 && !training) return
    const at = x.order.indexOf(1)
    const channels = at < 0 ? 1 : x.shape[1]
    const inner = at < 0 ? x.size : sizeOf(x.physical.slice(at + 1))
    const factor = e.scratch(channels * 4)
    const addend = e.scratch(channels * 4)
    if (training) {
      const statistics = [e.scratch(channels * 4), e.scratch(channels * 4)]
      const reduced = x.order.map((axis) => axis !== 1)
      const squares = e.scratch(x.size * 4)
      emitReduce(e, REDUCE_MEAN, x.at, x.physical, reduced, statistics[0])
      emitBinary(
        e,
        BINARY_SUB,
        x,
        { shape: x.shape.map((size, axis) => (axis === 1 ? size : 1)), order: x.order, at: statistics[0] },
        y,
      )
      e.call('unary_f32', UNARY_SQUARE, y.at, squares, x.size, 0, 0)
      emitReduce(e, REDUCE_MEAN, squares, x.physical, reduced, statistics[1])
      // The mean has been taken off already.
      e.call(
        'batch_norm_coefficients_f32',
        scale,
        bias,
        e.table(new Float32Array(channels)),
        statistics[1],
        factor,
        addend,
        channels,
        epsilon,
      )
      emitRunning(e, momentum, channels, statistics)
    } else {
      e.call('batch_norm_coefficients_f32', scale, bias, mean, variance, factor, addend, channels, epsilon)
    }
    const from = training ? y.at : x.at
    if (inner === 1) e.call('affine_channels_last_f32', from, factor, addend, y.at, channels, 0, x.size / channels)
    else e.call('affine_channels_first_f32', from, factor, addend, y.at, channels, inner, 0, x.size / inner)
  },
  compute({ attributes: { epsilon, momentum, training_mode: training }, inputs: [x, ...vectors], outputs }) {
    const from = floatsOf(x)
    const [scale, bias, oldMean, oldVariance] = vectors.map((vector) => floatsOf(vector))
    const spatial = sizeOf(x.shape.slice(2))
    const y = new Float64Array(from.length)
    const [mean, variance] = training ? statisticsOf(from, scale.length, spatial) : [oldMean, oldVariance]
    for (let i = 0; i < y.length; i++) {
      const c = Math.floor(i / spatial) % scale.length
      y[i] = ((from[i] - mean[c]) / Math.sqrt(variance[c] + epsilon)) * scale[c] + bias[c]
    }
    const running = (old: Floats, now: Floats) =>
      Float64Array.from(old, (value, c) => value * momentum + now[c] * (1 - momentum))
    return outputs.map(({ dtype, shape }, i) =>
      floatTensor(dtype, shape, i === 0 ? y : i === 1 ? running(oldMean, mean) : running(oldVariance, variance)),
    )
  },
  upgrades: [
    {
      // Statistics per element rather than per channel.
      below: 9,
      apply(node) {
        const { attributes } = node
        const spatial = attributes.get('spatial')
        if (spatial?.kind === 'int' && spatial.value === 0n) return perElement(node)
        for (const name of ['spatial', 'is_test', 'consumed_inputs']) attributes.delete(name)
      },
    },
  ],
})

/** New running statistics from the old ones (inputs 3 and 4) and those of a batch, where they are wanted. */
export function emitRunning(
  e: Emitter<unknown>,
  momentum: number,
  channels: number,
  statistics: readonly Address[],
): void {
  statistics.forEach((now, i) => {
    if (!e.outputs[i + 1]) return
    const next = e.output(i + 1)
    const share = e.scratch(channels * 4)
    e.call('unary_f32', UNARY_AFFINE, now, share, channels, 1 - momentum, 0)
    e.call('unary_f32', UNARY_AFFINE, e.input(i + 3).at, next.at, channels, momentum, 0)
    e.call('binary_f32', BINARY_ADD, next.at, 1, share, 1, next.at, channels)
  })
}

/** Mean and variance (of the population) of every channel. */
function statisticsOf(x: Floats, channels: number, spatial: number): [Float64Array, Float64Array] {
  const [mean, variance] = [new Float64Array(channels), new Float64Array(channels)]
  const count = x.length / channels
  for (let i = 0; i < x.length; i++) mean[Math.floor(i / spatial) % channels] += x[i] / count
  for (let i = 0; i < x.length; i++) {
    const c = Math.floor(i / spatial) % channels
    variance[c] += (x[i] - mean[c]) ** 2 / count
  }
  return [mean, variance]
}

export const LRN = defineOp({
  name: 'LRN',
  arity: 1,
  attributes: { alpha: float(1e-4), beta: float(0.75), bias: float(1), size: required(int()) },
  infer({ attributes: { size }, inputs: [x] }) {
    requireFloat(x.dtype)
    channelsOf(x.shape)
    if (size < 1) throw new LanewiseError('E_VALUE', `size must be positive, got ${size}`)
    return [x]
  },
  layout: channelsLast,
  emit(e) {
    const x = e.input(0)
    const { alpha, beta, bias, size } = e.attributes
    const channels = x.shape[1]
    const y = e.overwrite(0, 0)
    if (x.size === 0) return
    // A window that is wider sees no more channels.
    const seen = Math.min(size, 2 * channels + 1)
    const scratch = e.scratch(e.ask('lrn_scratch_size', channels, seen))
    e.call('lrn_f32', x.at, y.at, channels, seen, (alpha / size) * seen, beta, bias, 0, x.size / channels, scratch)
  },
  compute({ attributes: { alpha, beta, bias, size }, inputs: [x] }) {
    const from = floatsOf(x)
    const channels = x.shape[1]
    const spatial = sizeOf(x.shape.slice(2))
    const before = Math.floor((size - 1) / 2)
    const y = new Float64Array(from.length)
    for (let i = 0; i < y.length; i++) {
      const c = Math.floor(i / spatial) % channels
      let sum = 0
      for (let k = Math.max(0, c - before); k <= Math.min(channels - 1, c + size - 1 - before); k++)
        sum += from[i + (k - c) * spatial] ** 2
      y[i] = from[i] * exp(-beta * log(bias + (alpha / size) * sum))
    }
    return [floatTensor(x.dtype, x.shape, y)]
  },
})

export const LpNormalization = defineOp({
  name: 'LpNormalization',
  arity: 1,
  attributes: { axis: int(-1), p: int(2) },
  infer({ attributes: { axis, p }, inputs: [x] }) {
    requireFloat(x.dtype)
    normalizeAxis(axis, x.shape.length)
    if (p !== 1 && p !== 2)
      throw new LanewiseError('E_VALUE', `p must be 1 or 2, got ${p}`, { expected: '1, 2', actual: String(p) })
    return [x]
  },
  layout: follow,
  emit(e) {
    const x = e.input(0)
    const axis = normalizeAxis(e.attributes.axis, x.shape.length)
    const y = e.overwrite(0, 0)
    const shape = x.shape.map((size, i) => (i === axis ? 1 : size))
    const size = sizeOf(shape)
    if (x.size === 0) return
    const norm = e.scratch(size * 4)
    emitReduce(
      e,
      e.attributes.p === 1 ? REDUCE_L1 : REDUCE_L2,
      x.at,
      x.physical,
      x.order.map((i) => i === axis),
      norm,
    )
    // Where the norm is 0 so are the elements, and stay it: divided by the smallest number above 0.
    e.call('binary_f32', BINARY_MAX, norm, 1, e.table(Float32Array.of(1.401298464324817e-45)), 0, norm, size)
    emitBinary(e, BINARY_DIV, x, { shape, order: x.order, at: norm }, y)
  },
  compute({ attributes: { axis, p }, inputs: [x] }) {
    const { dtype, shape } = x
    const at = normalizeAxis(axis, shape.length)
    const from = floatsOf(x)
    const [count, inner] = [shape[at], sizeOf(shape.slice(at + 1))]
    const y = new Float64Array(from.length)
    for (let first = 0; first < y.length; first++) {
      if (Math.floor(first / inner) % count !== 0) continue
      let sum = 0
      for (let k = 0; k < count; k++) sum += p === 1 ? Math.abs(from[first + k * inner]) : from[first + k * inner] ** 2
      const norm = p === 1 ? sum : Math.sqrt(sum)
      for (let k = 0; k < count; k++) y[first + k * inner] = norm === 0 ? 0 : from[first + k * inner] / norm
    }
    return [floatTensor(dtype, shape, y)]
  },
})

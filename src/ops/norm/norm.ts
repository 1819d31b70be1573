import { BINARY_ADD, BINARY_DIV, BINARY_MAX, BINARY_MUL, REDUCE_L1, REDUCE_L2 } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import {
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
import { floatsOf, floatTensor, type Floats } from '../shared/scalar-floats.js'
import type { Address, Emitter, KernelEmitter, Operand } from '../../ir/emitter.js'
import { defineOp, type TensorType } from '../../ir/op.js'
import { emitReduce } from '../shared/emit-reduce.js'
import { requireFloat } from '../shared/operands.js'
import { channelsOf, requireVector } from './operands.js'

/** The sizes from `axis` on, which are normalised together, and how many rows there are of them. */
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

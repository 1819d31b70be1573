import { byteSize, isBig, isComplex, isInteger, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { copyElements, emitDenseCopy, emitStridedCopy } from '../../ir/strided.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, normalizeAxis, sameShape, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { emitPlacedHeads } from '../attention/attention-emit.js'
import { int, string } from '../../ir/attributes.js'
import { checkElementIndices, elementPlaces, slicePlaces } from './gather.js'
import { numbersOf, numericTensor } from '../shared/scalar-floats.js'
import { defineOp } from '../../ir/op.js'
import { sameType } from '../shared/operands.js'

const REDUCTIONS = ['none', 'add', 'mul', 'min', 'max']

export const ScatterElements = defineOp({
  name: 'ScatterElements',
  arity: 3,
  attributes: { axis: int(0), reduction: string('none') },
  infer({ attributes, inputs: [x, indices, updates] }) {
    checkElementIndices(x.shape, indices.shape, normalizeAxis(attributes.axis, x.shape.length))
    if (!sameShape(indices.shape, updates.shape)) {
      throw new LanewiseError(
        'E_SHAPE',
        `indices ${formatShape(indices.shape)} and updates ${formatShape(updates.shape)} differ in shape`,
      )
    }
    checkReduction(attributes.reduction)
    return [x]
  },
  compute({ attributes, inputs: [x, indices, updates] }) {
    requireUpdates(x.dtype, updates.dtype)
    const places = elementPlaces(x.shape, indices, normalizeAxis(attributes.axis, x.shape.length))
    return [scattered(x, places, 1, updates, attributes.reduction)]
  },
})

/** The name of ScatterElements before opset 11. */
export const Scatter = defineOp({
  ...ScatterElements,
  name: 'Scatter',
  upgrades: [],
  decompose: (node) => node.rename('ScatterElements'),
})

export const ScatterND = defineOp({
  name: 'ScatterND',
  arity: 3,
  attributes: { reduction: string('none') },
  infer({ attributes, inputs: [x, indices, updates] }) {
    const depth = indices.shape.at(-1)
    if (depth === undefined || depth > x.shape.length) {
      throw new LanewiseError(
        'E_SHAPE',
        `indices ${formatShape(indices.shape)} do not fit data ${formatShape(x.shape)}`,
      )
    }
    const expected: Shape = [...indices.shape.slice(0, -1), ...x.shape.slice(depth)]
    if (!sameShape(expected, updates.shape)) {
      const [wanted, actual] = [formatShape(expected), formatShape(updates.shape)]
      throw new LanewiseError('E_SHAPE', `updates must be ${wanted}, got ${actual}`, { expected: wanted, actual })
    }
    checkReduction(attributes.reduction)
    return [x]
  },
  kernel: ([x, indices, updates], { reduction }) =>
    reduction === 'none' && x === updates && x !== 'string' && (indices === 'int32' || indices === 'int64'),
  emit(e) {
    const [x, indices, updates] = [e.input(0), e.input(1), e.input(2)]
    const depth = indices.shape[indices.shape.length - 1]
    const count = sizeOf(indices.shape.slice(0, -1))
    const run = sizeOf(x.shape.slice(depth))
    const y = e.overwrite(0, 0)
    if (y.at !== x.at) emitDenseCopy(e, x, y.at)
    const box = indices.constant && boxOf(slicePlaces(x.shape, indices.constant).places, indices.shape.slice(0, -1))
    if (box) {
      const axes = box.strides.map((to, axis) => ({
        size: indices.shape[axis],
        from: sizeOf(indices.shape.slice(axis + 1, -1)) * run,
        to,
      }))
      emitStridedCopy(
        e,
        x.dtype,
        { axes: [...axes, { size: run, from: 1, to: 1 }], from: 0, to: box.first },
        updates.at,
        y.at,
      )
      return
    }
    const sizes = x.shape.slice(0, depth)
    const bytes = byteSize(x.dtype)
    e.check(indices, (tensor) => void slicePlaces(x.shape, tensor))
    if (count * run === 0) return
    const strides = stridesOf(x.shape).slice(0, depth)
    const table = e.table(Int32Array.from([...sizes, ...strides.map((stride) => stride * bytes)]))
    e.call('scatter', updates.at, y.at, indices.at, byteSize(indices.dtype), count, depth, table, run * bytes)
  },
  compute({ attributes, inputs: [x, indices, updates] }) {
    requireUpdates(x.dtype, updates.dtype)
    const { places, run } = slicePlaces(x.shape, indices)
    return [scattered(x, places, run, updates, attributes.reduction)]
  },
})

/** Places that are all different as one box: the first of them, and the distances along the axes of the indices. */
function boxOf(places: Float64Array, shape: Shape): { first: number; strides: number[] } | undefined {
  if (places.length === 0 || new Set(places).size !== places.length) return undefined
  const steps = stridesOf(shape)
  const strides = shape.map((size, axis) => (size > 1 ? places[steps[axis]] - places[0] : 0))
  for (let i = 0; i < places.length; i++) {
    let place = places[0]
    for (let axis = 0, rest = i; axis < shape.length; axis++) {
      place += Math.floor(rest / steps[axis]) * strides[axis]
      rest %= steps[axis]
    }
    if (place !== places[i]) return undefined
  }
  return { first: places[0], strides }
}

function checkReduction(reduction: string): void {
  if (!REDUCTIONS.includes(reduction))
    throw new LanewiseError('E_VALUE', `reduction "${reduction}" is not known`, {
      expected: REDUCTIONS.join(', '),
      actual: reduction,
    })
}

/**
 * A copy of x in which runs of `run` elements, beginning at `places`, are replaced by updates or combined with them,
 * one after the other.
 */
function scattered(
  x: HostTensor,
  places: Float64Array,
  run: number,
  updates: HostTensor,
  reduction: string,
): HostTensor {
  const { dtype, shape } = x
  if (reduction === 'none') {
    const y: HostTensor = { dtype, shape, data: x.data.slice() }
    places.forEach((at, i) => copyElements(updates, i * run, y, at, run))
    return y
  }
  if (dtype === 'string' || dtype === 'bool' || isComplex(dtype)) {
    throw new LanewiseError('E_UNSUPPORTED', `reduction ${reduction} of ${dtype}`, { actual: dtype })
  }
  if (isBig(dtype)) {
    const y = x.data.slice() as BigInt64Array
    combineAll(y, places, run, updates.data as BigInt64Array, bigCombine(reduction))
    return { dtype, shape, data: y }
  }
  // What is stored is rounded or wrapped as its type is, at every step; small floats at the end.
  const direct = isInteger(dtype) || dtype === 'float32' || dtype === 'float64'
  const y = direct ? (x.data.slice() as Float32Array) : Float64Array.from(numbersOf(x))
  combineAll(
    y,
    places,
    run,
    numbersOf(updates),
    reduction === 'mul' && isInteger(dtype) ? Math.imul : combine(reduction),
  )
  return direct ? { dtype, shape, data: y } : numericTensor(dtype, shape, y)
}

function combineAll<T extends number | bigint>(
  y: { [i: number]: T },
  places: Float64Array,
  run: number,
  updates: ArrayLike<T>,
  f: (a: T, b: T) => T,
): void {
  for (let i = 0; i < places.length; i++) {
    for (let k = 0; k < run; k++) y[places[i] + k] = f(y[places[i] + k], updates[i * run + k])
  }
}

function combine(reduction: string): (a: number, b: number) => number {
  if (reduction === 'add') return (a, b) => a + b
  if (reduction === 'mul') return (a, b) => a * b
  return reduction === 'min' ? Math.min : Math.max
}

/** Before an index is read, so that a session refuses it when it is created. */
function requireUpdates(expected: DType, actual: DType): void {
  if (actual !== expected) throw new LanewiseError('E_TENSOR', 'updates differ in type', { expected, actual })
}

function bigCombine(reduction: string): (a: bigint, b: bigint) => bigint {
  if (reduction === 'add') return (a, b) => a + b
  if (reduction === 'mul') return (a, b) => a * b
  return reduction === 'min' ? (a, b) => (a < b ? a : b) : (a, b) => (a > b ? a : b)
}

function cacheSizes(along: number, cache: Shape, update: Shape) {
  const axis = normalizeAxis(along, cache.length)
  return {
    batch: cache[0],
    length: cache[axis],
    count: update[axis],
    inner: sizeOf(cache.slice(axis + 1)),
    middle: sizeOf(cache.slice(1, axis)),
  }
}

/** @throws LanewiseError `E_VALUE` for places from which on the entries do not fit. */
function startsOf(places: HostTensor, count: number, length: number): number[] {
  const starts = toNumbers(places, 'write_indices')
  const wrong = starts.find((start) => !(start >= 0 && start + count <= length))
  if (wrong !== undefined)
    throw new LanewiseError('E_VALUE', `${count} entries from ${wrong} on do not fit a cache of ${length}`)
  return starts
}

/** Writes new entries into a key/value cache, for every sequence of the batch from its own place on. */
export const TensorScatter = defineOp({
  name: 'TensorScatter',
  arity: [2, 3],
  attributes: { axis: int(-2), mode: string('linear') },
  infer({ attributes: { axis, mode }, inputs: [cache, update, places] }) {
    const { shape } = cache
    const along = normalizeAxis(axis, shape.length)
    if (mode !== 'linear' && mode !== 'circular')
      throw new LanewiseError('E_VALUE', `mode "${mode}" is not known`, { expected: 'linear, circular', actual: mode })
    if (along === 0) throw new LanewiseError('E_VALUE', 'the axis of the sequence cannot be that of the batch')
    const fits =
      update.shape.length === shape.length &&
      update.shape.every((size, i) => (i === along ? size <= shape[i] : size === shape[i]))
    if (!fits || (places && !sameShape(places.shape, [shape[0]]))) {
      throw new LanewiseError('E_SHAPE', `update ${formatShape(update.shape)} does not fit cache ${formatShape(shape)}`)
    }
    sameType([cache, update])
    return [cache]
  },
  // The kernel does not begin again at the start.
  kernel: ([type], { mode }) => mode === 'linear' && (type === 'float32' || type === 'int32'),
  emit(e) {
    const [cache, update, places] = [e.input(0), e.input(1), e.inputs[2]]
    const { length, count, inner, middle, batch } = cacheSizes(e.attributes.axis, cache.shape, update.shape)
    const y = e.overwrite(0, 0)
    if (y.at.block !== cache.at.block) emitDenseCopy(e, cache, y.at)
    let ends
    if (places) {
      e.check(places, (tensor) => startsOf(tensor, count, length))
      ends = { at: e.scratch(batch * 4), add: count }
      e.call('cast_i64_i32', places.at, ends.at, batch)
    }
    const dense = (rows: number) => [middle * rows * inner, rows * inner, inner, 1] as const
    const at = {
      batch,
      heads: middle,
      rows: count,
      size: inner,
      x: { at: update.at, strides: dense(count) },
      y: { at: y.at, strides: dense(length) },
    }
    if (update.size > 0) emitPlacedHeads(e, { ...at, ends, cache: { rows: length, past: y.at, pastRows: length } })
  },
  compute({ attributes, inputs: [cache, update, places] }) {
    const { dtype, shape } = cache
    const { length, count, inner, middle } = cacheSizes(attributes.axis, shape, update.shape)
    const starts = places
      ? startsOf(places, count, attributes.mode === 'linear' ? length : Infinity)
      : new Array<number>(shape[0]).fill(0)
    const y: HostTensor = { dtype, shape, data: cache.data.slice() }
    starts.forEach((start, batch) => {
      for (let m = batch * middle; m < (batch + 1) * middle; m++) {
        for (let i = 0; i < count; i++)
          copyElements(update, (m * count + i) * inner, y, (m * length + ((start + i) % length)) * inner, inner)
      }
    })
    return [y]
  },
})

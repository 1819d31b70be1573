import { arrayElements, dtypeFromOnnx, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import {
  hostBytes,
  hostZeros,
  isHostTensor,
  toNumbers,
  type HostSequence,
  type HostTensor,
  type HostValue,
} from '../../core/host.js'
import { noteGrown, placeBytes, tensorBytes } from '../../core/host-memory.js'
import { formatShape, normalizeAxis, sameShape, sizeOf, type Shape } from '../../core/shape.js'
import { copyElements } from '../../ir/strided.js'
import { graph, int, required } from '../../ir/attributes.js'
import { defineOp, requiredInput, type Room } from '../../ir/op.js'
import { Breather } from '../../core/breather.js'

/** The tensor that an operator over containers requires at this place. */
export function tensorAt(inputs: readonly (HostValue | undefined)[], index: number): HostTensor {
  const value = requiredInput(inputs, index)
  if (!isHostTensor(value))
    throw new LanewiseError('E_TENSOR', `input ${index} must be a tensor`, { expected: 'tensor', actual: value.kind })
  return value
}

/** The sequence that an operator requires at this place. */
function sequenceAt(inputs: readonly (HostValue | undefined)[], index: number): HostSequence {
  const value = requiredInput(inputs, index)
  if (!isHostTensor(value) && value.kind === 'sequence') return value
  const actual = isHostTensor(value) ? 'tensor' : value.kind
  throw new LanewiseError('E_TENSOR', `input ${index} must be a sequence`, { expected: 'sequence', actual })
}

/** A sequence of tensors, all of one dtype. */
function sequenceOf(dtype: DType, items: readonly HostValue[]): HostSequence {
  const odd = items.find((item) => isHostTensor(item) && item.dtype !== dtype) as HostTensor | undefined
  if (odd) {
    throw new LanewiseError('E_TENSOR', `a sequence of ${dtype} cannot hold ${odd.dtype}`, {
      expected: dtype,
      actual: odd.dtype,
    })
  }
  return { kind: 'sequence', dtype, items }
}

/** A position in a sequence, counted from the end if negative. `end` also allows the place after the last item. */
function positionIn(sequence: HostSequence, tensor: HostTensor, end: boolean): number {
  if (sizeOf(tensor.shape) !== 1)
    throw new LanewiseError('E_SHAPE', `a position must have one element, got ${formatShape(tensor.shape)}`)
  const [position] = toNumbers(tensor, 'position')
  const { length } = sequence.items
  const last = end ? length : length - 1
  if (position < -length || position > last) {
    throw new LanewiseError('E_VALUE', `position ${position} is outside [${-length}, ${last}]`, {
      expected: `[${-length}, ${last}]`,
      actual: String(position),
    })
  }
  return position < 0 ? position + length : position
}

/** `count` blocks from each of `outer` rows of x, beginning at element offset `start` of a row of `row` elements. */
function copyRows(
  from: HostTensor,
  to: HostTensor,
  outer: number,
  fromRow: number,
  fromAt: number,
  toRow: number,
  toAt: number,
  count: number,
): void {
  const lanes = arrayElements(from.dtype)
  for (let o = 0; o < outer; o++) {
    const at = o * fromRow + fromAt
    const target = o * toRow + toAt
    if (Array.isArray(to.data)) copyElements(from, at, to, target, count)
    else
      (to.data as Float32Array).set(
        (from.data as Float32Array).subarray(at * lanes, (at + count) * lanes),
        target * lanes,
      )
  }
}

/** Elements before and after an axis. */
function around(shape: Shape, axis: number): { outer: number; inner: number } {
  return { outer: sizeOf(shape.slice(0, axis)), inner: sizeOf(shape.slice(axis + 1)) }
}

/** Tensors joined along an axis they have. */
export function concatenated(tensors: readonly HostTensor[], axis: number): HostTensor {
  const [first] = tensors
  let size = 0
  for (const { dtype, shape } of tensors) {
    const fits =
      shape.length === first.shape.length && shape.every((extent, i) => i === axis || extent === first.shape[i])
    if (!fits || dtype !== first.dtype) {
      throw new LanewiseError(
        'E_SHAPE',
        `${dtype}${formatShape(shape)} cannot be joined to ${first.dtype}${formatShape(first.shape)} along axis ${axis}`,
      )
    }
    size += shape[axis]
  }
  const result = hostZeros(
    first.dtype,
    first.shape.map((extent, i) => (i === axis ? size : extent)),
  )
  const { outer, inner } = around(result.shape, axis)
  let at = 0
  for (const tensor of tensors) {
    const count = tensor.shape[axis] * inner
    copyRows(tensor, result, outer, count, 0, size * inner, at, count)
    at += count
  }
  return result
}

/** Tensors of one shape stacked along a new axis. */
export function stacked(tensors: readonly HostTensor[], axis: number): HostTensor {
  const raised = tensors.map((tensor) => ({
    ...tensor,
    shape: [...tensor.shape.slice(0, axis), 1, ...tensor.shape.slice(axis)],
  }))
  const odd = tensors.find(({ shape }) => !sameShape(shape, tensors[0].shape))
  if (odd)
    throw new LanewiseError(
      'E_SHAPE',
      `tensors of shapes ${formatShape(tensors[0].shape)} and ${formatShape(odd.shape)} cannot be stacked`,
    )
  return concatenated(raised, axis)
}

/** The part of a tensor between two positions of an axis. */
function sliced(tensor: HostTensor, axis: number, from: number, to: number): HostTensor {
  const result = hostZeros(
    tensor.dtype,
    tensor.shape.map((extent, i) => (i === axis ? to - from : extent)),
  )
  const { outer, inner } = around(tensor.shape, axis)
  const count = (to - from) * inner
  copyRows(tensor, result, outer, tensor.shape[axis] * inner, from * inner, count, 0, count)
  return result
}

/** The tensor at one position of an axis, without that axis. */
export function picked(tensor: HostTensor, axis: number, index: number): HostTensor {
  const part = sliced(tensor, axis, index, index + 1)
  return { ...part, shape: part.shape.filter((_, i) => i !== axis) }
}

export const SequenceConstruct = defineOp({
  name: 'SequenceConstruct',
  arity: [1, Infinity],
  attributes: {},
  values({ inputs }) {
    const items = inputs.map((_, i) => tensorAt(inputs, i))
    return [sequenceOf(items[0].dtype, items)]
  },
})

export const SequenceEmpty = defineOp({
  name: 'SequenceEmpty',
  arity: 0,
  attributes: { dtype: int(1) },
  values({ attributes }) {
    const dtype = dtypeFromOnnx(attributes.dtype)
    if (!dtype) throw new LanewiseError('E_VALUE', `dtype ${attributes.dtype} is not known`)
    return [sequenceOf(dtype, [])]
  },
})

export const SequenceAt = defineOp({
  name: 'SequenceAt',
  arity: 2,
  attributes: {},
  values({ inputs }) {
    const sequence = sequenceAt(inputs, 0)
    return [sequence.items[positionIn(sequence, tensorAt(inputs, 1), false)]]
  },
})

export const SequenceInsert = defineOp({
  name: 'SequenceInsert',
  arity: [2, 3],
  attributes: {},
  values({ inputs, room }) {
    const sequence = sequenceAt(inputs, 0)
    room?.reserve(0, placeBytes(sequence.items.length + 1))
    const tensor = tensorAt(inputs, 1)
    const at = inputs[2] ? positionIn(sequence, tensorAt(inputs, 2), true) : sequence.items.length
    // An empty sequence read from outside may not know what it is a sequence of.
    const dtype = sequence.items.length === 0 ? tensor.dtype : sequence.dtype
    // Looking at all others again would make a loop that gathers n items take n² steps.
    sequenceOf(dtype, [tensor])
    const grown: HostSequence = { kind: 'sequence', dtype, items: sequence.items.toSpliced(at, 0, tensor) }
    noteGrown(grown, sequence, tensor)
    return [grown]
  },
})

export const SequenceErase = defineOp({
  name: 'SequenceErase',
  arity: [1, 2],
  attributes: {},
  values({ inputs }) {
    const sequence = sequenceAt(inputs, 0)
    if (sequence.items.length === 0) throw new LanewiseError('E_VALUE', 'nothing can be erased from an empty sequence')
    const at = inputs[1] ? positionIn(sequence, tensorAt(inputs, 1), false) : sequence.items.length - 1
    return [{ ...sequence, items: sequence.items.toSpliced(at, 1) }]
  },
})

export const SequenceLength = defineOp({
  name: 'SequenceLength',
  arity: 1,
  attributes: {},
  values: ({ inputs }) => [
    { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(sequenceAt(inputs, 0).items.length)) },
  ],
})

export const ConcatFromSequence = defineOp({
  name: 'ConcatFromSequence',
  arity: 1,
  attributes: { axis: required(int()), new_axis: int(0) },
  values({ attributes, inputs, room }) {
    const sequence = sequenceAt(inputs, 0)
    const tensors = sequence.items.map((_, i) => tensorAt(sequence.items, i))
    if (tensors.length === 0) throw new LanewiseError('E_VALUE', 'an empty sequence cannot be joined')
    room?.reserve(tensors.reduce((sum, tensor) => sum + hostBytes(tensor), 0))
    const rank = tensors[0].shape.length
    if (attributes.new_axis) return [stacked(tensors, normalizeAxis(attributes.axis, rank + 1))]
    return [concatenated(tensors, normalizeAxis(attributes.axis, rank))]
  },
})

export const SplitToSequence = defineOp({
  name: 'SplitToSequence',
  arity: [1, 2],
  attributes: { axis: int(0), keepdims: int(1) },
  values({ attributes, inputs, room }) {
    const tensor = tensorAt(inputs, 0)
    const axis = normalizeAxis(attributes.axis, tensor.shape.length)
    const extent = tensor.shape[axis]
    if (!inputs[1]) {
      room?.reserve(hostBytes(tensor), tensorBytes(extent))
      const part = (i: number) => (attributes.keepdims ? sliced(tensor, axis, i, i + 1) : picked(tensor, axis, i))
      return [
        sequenceOf(
          tensor.dtype,
          Array.from({ length: extent }, (_, i) => part(i)),
        ),
      ]
    }
    const split = tensorAt(inputs, 1)
    const sizes =
      split.shape.length === 0 ? equalParts(extent, toNumbers(split, 'split')[0], room) : toNumbers(split, 'split')
    if (sizes.some((size) => size < 0) || sizes.reduce((a, b) => a + b, 0) !== extent) {
      throw new LanewiseError('E_VALUE', `parts of sizes ${formatShape(sizes)} do not make up an axis of ${extent}`)
    }
    room?.reserve(hostBytes(tensor), tensorBytes(sizes.length))
    let at = 0
    return [
      sequenceOf(
        tensor.dtype,
        sizes.map((size) => sliced(tensor, axis, at, (at += size))),
      ),
    ]
  },
})

/** Parts of one size, the last one smaller if necessary. */
function equalParts(extent: number, size: number, room: Room | undefined): number[] {
  if (size < 1) throw new LanewiseError('E_VALUE', `a part must have a positive size, got ${size}`)
  room?.reserve(0, tensorBytes(Math.ceil(extent / size)))
  const sizes = new Array<number>(Math.floor(extent / size)).fill(size)
  return extent % size === 0 ? sizes : [...sizes, extent % size]
}

/** Runs its body once for every item; inputs that are tensors are the same for every run. */
export const SequenceMap = defineOp({
  name: 'SequenceMap',
  arity: [1, Infinity],
  outputs: Infinity,
  attributes: { body: required(graph()) },
  *control({ attributes: { body }, inputs, outputCount, room }, run) {
    const { length } = sequenceAt(inputs, 0).items
    const made: HostTensor[][] = Array.from({ length: outputCount }, () => [])
    const breather = new Breather()
    for (let i = 0; i < length; i++) {
      yield* breather.breathe()
      const given = inputs.map((input, k) => {
        if (!input || isHostTensor(input)) return tensorAt(inputs, k)
        const item = sequenceAt(inputs, k).items[i]
        if (!item) throw new LanewiseError('E_SHAPE', `input ${k} has fewer items than the ${length} of input 0`)
        return item
      })
      const results = yield* run(body, given)
      made.forEach((items, k) => {
        const tensor = tensorAt(results, k)
        room.hold(tensor)
        items.push(tensor)
      })
    }
    return made.map((items, k) => sequenceOf(items[0]?.dtype ?? body.outputs[k]?.declared?.dtype ?? 'float32', items))
  },
})

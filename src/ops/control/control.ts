import { arrayElements, makeData, type DType, type TypedArray } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { Graph } from '../../ir/graph.js'
import { hostBytes, hostZeros, isHostTensor, toNumbers, type HostTensor, type HostValue } from '../../core/host.js'
import { tensorBytes, type HostScope } from '../../core/host-memory.js'
import { formatShape, normalizeAxis, sameShape, sizeOf } from '../../core/shape.js'
import type { Steps } from '../../core/steps.js'
import { copyElements } from '../../ir/strided.js'
import { graph, int, ints, required } from '../../ir/attributes.js'
import { Breather } from '../../core/breather.js'
import { truth } from './if.js'
import { defineOp, type ControlContext, type RunBody } from '../../ir/op.js'
import { picked, stacked, tensorAt } from './sequence.js'

/** Tensors that follow each other in memory take no more than so many bytes, unless one does. */
const STRETCH = 2 ** 20

/**
 * Tensors of one type and shape that iterations hand out, to be stacked at the end; refuses more than the memory limit.
 */
class HandedOut {
  private first: HostTensor | undefined
  private count = 0
  /** Numbers, and how many elements of the last stretch are written. */
  private readonly stretches: TypedArray[] = []
  private filled = 0
  private readonly texts: HostTensor[] = []

  constructor(private readonly room: HostScope) {}

  /** Takes a copy of a tensor of numbers: it may lie where the next iteration writes. */
  push(tensor: HostTensor): void {
    const { dtype, shape, data } = tensor
    this.first ??= { dtype, shape, data: [] }
    if (dtype !== this.first.dtype || !sameShape(shape, this.first.shape))
      throw new LanewiseError(
        'E_SHAPE',
        `${this.first.dtype}${formatShape(this.first.shape)} and ${dtype}${formatShape(shape)} cannot be stacked`,
      )
    if (Array.isArray(data)) {
      this.room.hold(tensor)
      this.texts.push(tensor)
    } else this.append(dtype, data)
    this.count++
  }

  private append(dtype: DType, data: TypedArray): void {
    const { length, byteLength } = data
    if (length === 0) return
    let stretch = this.stretches.at(-1)
    if (!stretch || stretch.length === this.filled) {
      // As many again, within bounds.
      const count = Math.max(1, Math.min(this.count, Math.floor(STRETCH / byteLength)))
      this.room.reserve(count * byteLength)
      stretch = makeData(dtype, (count * length) / arrayElements(dtype)) as TypedArray
      this.room.hold({ dtype, shape: [count], data: stretch })
      this.stretches.push(stretch)
      this.filled = 0
    }
    stretch.set(data as never, this.filled)
    this.filled += length
  }

  stack(axis: (rank: number) => number, reversed: boolean): HostTensor | undefined {
    const { first, count, room } = this
    if (!first) return undefined
    const { dtype, shape } = first
    const at = axis(shape.length + 1)
    const rows = hostBytes(first) * count
    room.reserve(rows)
    if (dtype === 'string') return stacked(reversed ? this.texts.toReversed() : this.texts, at)
    const all = hostZeros(dtype, [count, ...shape])
    let from = 0
    for (const stretch of this.stretches) {
      const part = stretch.subarray(0, Math.min(stretch.length, all.data.length - from))
      ;(all.data as TypedArray).set(part as never, from)
      from += part.length
    }
    if (at === 0 && !reversed) return all
    room.reserve(rows, tensorBytes(count))
    const width = all.data.length / count
    const tensors = Array.from({ length: count }, (_, i): HostTensor => {
      const row = reversed ? count - 1 - i : i
      return { dtype, shape, data: (all.data as TypedArray).subarray(row * width, (row + 1) * width) }
    })
    return stacked(tensors, at)
  }
}

/** What the iterations of a body leave behind, to be stacked at the end; refuses more than the memory limit. */
class ScanOutputs {
  private readonly outputs: HandedOut[]

  constructor(
    private readonly body: Graph,
    private readonly first: number,
    room: HostScope,
    /** Where they begin among what an iteration returns. */
    private readonly at = 0,
  ) {
    this.outputs = body.outputs.slice(first).map(() => new HandedOut(room))
  }

  push(made: readonly HostValue[]): void {
    for (let k = 0; k < this.outputs.length; k++) this.outputs[k].push(tensorAt(made, this.at + k))
  }

  stack(axis: (k: number, rank: number) => number, reversed: (k: number) => boolean): HostTensor[] {
    return this.outputs.map((output, k) => output.stack((rank) => axis(k, rank), reversed(k)) ?? this.empty(k))
  }

  /** No iteration ran: only the body's declaration says what one would have made; sizes it does not give are 0. */
  private empty(k: number): HostTensor {
    const declared = this.body.outputs[this.first + k].declared
    const shape = (declared?.shape ?? []).map((extent) => (typeof extent === 'number' ? extent : 0))
    return hostZeros(declared?.dtype ?? 'float32', [0, ...shape])
  }
}

function checkBody(body: Graph, inputs: number, outputs: number): void {
  if (body.inputs.length !== inputs) {
    throw new LanewiseError('E_GRAPH', `the body takes ${body.inputs.length} inputs where it is given ${inputs}`)
  }
  if (body.outputs.length < outputs) {
    throw new LanewiseError(
      'E_GRAPH',
      `the body makes ${body.outputs.length} outputs where at least ${outputs} are needed`,
    )
  }
}

export const Loop = defineOp({
  name: 'Loop',
  // Neither the trip count nor the condition has to be there.
  arity: [0, Infinity],
  optional: [0, 1],
  outputs: Infinity,
  attributes: { body: required(graph()) },
  *control({ attributes: { body }, inputs, room }, run) {
    const [trips, condition, ...initial] = inputs
    // A limit beyond 2^53 is none: nobody counts that far.
    const limit = trips ? toNumbers(tensorAt(inputs, 0), 'trip count')[0] : Infinity
    let going = condition ? truth(condition, 'the condition') : true
    const carried = initial.map((value, k) => {
      if (!value) throw new LanewiseError('E_GRAPH', `required input ${k + 2} is missing`)
      return { input: 2 + k, output: 1 + k, initial: value }
    })
    checkBody(body, 2 + carried.length, 1 + carried.length)
    const loop = run.repeat(body, carried, room)
    const scans = new ScanOutputs(body, 1 + carried.length, room, 1)
    const breather = new Breather()
    const rank = (tensor: HostValue | undefined): HostTensor['shape'] =>
      tensor && isHostTensor(tensor) ? tensor.shape : []
    const countShape = rank(trips)
    const yes: HostTensor = { dtype: 'bool', shape: rank(condition), data: Uint8Array.of(1) }
    for (let i = 0; i < limit && going; i++) {
      if (breather.due) yield* breather.breathe()
      const iteration: HostTensor = { dtype: 'int64', shape: countShape, data: BigInt64Array.of(BigInt(i)) }
      const results = yield* loop.run([iteration, yes])
      going = truth(results[0], "the body's condition")
      scans.push(results)
    }
    return [
      ...loop.carried,
      ...scans.stack(
        () => 0,
        () => false,
      ),
    ]
  },
})

export const Scan = defineOp({
  name: 'Scan',
  arity: [1, Infinity],
  outputs: Infinity,
  // The lengths of opset 8.
  optional: [0],
  attributes: {
    body: required(graph()),
    num_scan_inputs: required(int()),
    scan_input_axes: ints(),
    scan_input_directions: ints(),
    scan_output_axes: ints(),
    scan_output_directions: ints(),
    /** Opset 8: input 0 is sequence_lens, axis 0 of all others the batch. */
    batched: int(0),
  },
  control: (c, run) => (c.attributes.batched ? scanBatch(c, run) : scan(c.inputs, c, run)),
  upgrades: [
    {
      below: 9,
      apply({ attributes }) {
        attributes.set('batched', { kind: 'int', value: 1n })
        const directions = attributes.get('directions')
        attributes.delete('directions')
        if (directions) attributes.set('scan_input_directions', directions)
      },
    },
  ],
})

interface ScanAttributes {
  readonly body: Graph
  readonly num_scan_inputs: number
  readonly scan_input_axes: readonly number[] | undefined
  readonly scan_input_directions: readonly number[] | undefined
  readonly scan_output_axes: readonly number[] | undefined
  readonly scan_output_directions: readonly number[] | undefined
}

/** @param length - iterations, if fewer than the axes have positions (opset 8's sequence lengths). */
function* scan(
  inputs: readonly (HostValue | undefined)[],
  { attributes, room }: ControlContext<ScanAttributes>,
  run: RunBody,
  length?: number,
): Steps<HostTensor[]> {
  const { body, num_scan_inputs: count } = attributes
  const states = inputs.length - count
  if (count < 1 || states < 0) throw new LanewiseError('E_GRAPH', `${count} scanned inputs among ${inputs.length}`)
  checkBody(body, inputs.length, states)
  const tensors = inputs.map((_, i) => tensorAt(inputs, i))
  const scanned = tensors.slice(states).map((tensor, k) => {
    const axis = normalizeAxis(attributes.scan_input_axes?.[k] ?? 0, tensor.shape.length, 'scan axis')
    return { tensor, axis, extent: tensor.shape[axis], backward: attributes.scan_input_directions?.[k] === 1 }
  })
  const trips = length ?? scanned[0].extent
  for (const { tensor, extent } of scanned) {
    if (extent === scanned[0].extent && trips <= extent) continue
    throw new LanewiseError(
      'E_SHAPE',
      `an input of shape ${formatShape(tensor.shape)} cannot be scanned ${trips} times`,
    )
  }
  const carried = tensors.slice(0, states).map((initial, k) => ({ input: k, output: k, initial }))
  const loop = run.repeat(body, carried, room)
  const scans = new ScanOutputs(body, states, room)
  const breather = new Breather()
  for (let i = 0; i < trips; i++) {
    yield* breather.breathe()
    const parts = scanned.map(({ tensor, axis, backward }) => picked(tensor, axis, backward ? trips - 1 - i : i))
    scans.push(yield* loop.run(parts))
  }
  const stacks = scans.stack(
    (k, rank) => normalizeAxis(attributes.scan_output_axes?.[k] ?? 0, rank, 'scan axis'),
    (k) => attributes.scan_output_directions?.[k] === 1,
  )
  const last = loop.carried
  return [...last.map((_, k) => tensorAt(last, k)), ...stacks]
}

/** Opset 8: every example of a batch by itself, outputs padded with zeros to the longest sequence. */
function* scanBatch(c: ControlContext<ScanAttributes>, run: RunBody): Steps<HostTensor[]> {
  const [, ...inputs] = c.inputs
  const states = inputs.length - c.attributes.num_scan_inputs
  const tensors = inputs.map((_, i) => tensorAt(inputs, i))
  const batch = tensors[0]?.shape[0]
  const extent = tensors[states]?.shape[1]
  if (batch === undefined || extent === undefined || tensors.some(({ shape }) => shape[0] !== batch)) {
    throw new LanewiseError('E_SHAPE', 'the inputs do not have one batch size')
  }
  const lengths = c.inputs[0]
    ? toNumbers(tensorAt(c.inputs, 0), 'sequence_lens')
    : new Array<number>(batch).fill(extent)
  if (lengths.length !== batch || lengths.some((length) => length < 0 || length > extent)) {
    throw new LanewiseError(
      'E_VALUE',
      `sequence lengths ${formatShape(lengths)} do not fit ${batch} sequences of ${extent}`,
    )
  }
  const rows: HostTensor[][] = []
  for (let b = 0; b < batch; b++) {
    const results = yield* scan(
      tensors.map((tensor) => picked(tensor, 0, b)),
      c,
      run,
      lengths[b],
    )
    rows.push(results.map((tensor, k) => (k < states ? tensor : padded(tensor, extent))))
  }
  return c.attributes.body.outputs.map((_, k) =>
    stacked(
      rows.map((row) => row[k]),
      0,
    ),
  )
}

/** The tensor with axis 0 filled up with zeros. */
function padded(tensor: HostTensor, extent: number): HostTensor {
  if (tensor.shape[0] === extent) return tensor
  const result = hostZeros(tensor.dtype, [extent, ...tensor.shape.slice(1)])
  copyElements(tensor, 0, result, 0, sizeOf(tensor.shape))
  return result
}

// What the gradients of recurrent operators share: where states of a step are, in Y or apart from it, and the gradients
// of weights and inputs from those of the gates (rnn-gradient.ts says how the passes run).
import { REDUCE_SUM, UNARY_NONE } from '../../../assembly/abi/codes.js'
import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { toNumbers } from '../../core/host.js'
import type { Layout, LayoutQuery } from '../../core/layout.js'
import type { GradientEmitter, TrainingEmitter } from '../../ir/gradient.js'
import { plus, type Address, type KernelEmitter, type Operand } from '../../ir/emitter.js'
import { emitStridedCopy } from '../../ir/strided.js'
import { emitMatrixProduct } from '../matmul/product.js'
import { VECTOR_ROWS } from '../matmul/variants.js'
import { checkLengths, recurrenceTable } from './rnn-emit.js'
import { recurrentSizes, type RecurrentAttributes, type RecurrentSizes } from './rnn-sizes.js'

/** One direction of a layer: places are in bytes from the beginnings of tensors. */
interface Direction extends RecurrentSizes {
  readonly direction: number
  readonly reverse: boolean
  /** Steps in the order they are made. */
  readonly steps: readonly number[]
  /** Bytes of one state of the whole batch. */
  readonly state: number
  /** Where sequences end: an int32 per example; 0 if all are whole. */
  readonly lengths: Address | 0
}

/** Where the state after a step is, or its gradient. */
type Places = (t: number) => Address

export function directionsOf(
  gates: number,
  attributes: RecurrentAttributes,
  inputs: readonly (Operand | undefined)[],
): Direction[] {
  const sizes = recurrentSizes(gates, attributes, inputs)
  return Array.from({ length: sizes.directions }, (_, direction) => {
    const reverse = attributes.direction === 'reverse' || direction === 1
    const forward = Array.from({ length: sizes.length }, (_, t) => t)
    return {
      ...sizes,
      direction,
      reverse,
      steps: reverse ? forward.reverse() : forward,
      state: sizes.batch * sizes.hidden * 4,
      lengths: inputs[4]?.at ?? 0,
    }
  })
}

/** The table of a kernel that does one step; `n` elements of gates for each example. */
export function oneStep({ batch, hidden, reverse }: Direction, n: number, after = 0): Int32Array {
  const rows = { gStep: batch * n, gRow: n, stateRow: hidden, yStep: 0, yRow: hidden }
  return recurrenceTable({ ...rows, steps: 1, hidden, reverse, after: after !== 0 })
}

/** In Y and its gradient. */
export function placesIn(y: Address, { directions, direction, state }: Direction): Places {
  return (t) => plus(y, (t * directions + direction) * state)
}

/** In memory of a direction's own. */
function placesOwn(at: Address, { state }: Direction): Places {
  return (t) => plus(at, t * state)
}

/** Where a direction's states are: in Y if nothing is cut off there. */
export function statesIn(y: Address, d: Direction, own: () => Address): Places {
  return d.lengths ? placesOwn(own(), d) : placesIn(y, d)
}

/** What examples that are over at a step have instead of what the step made. */
export function emitBeyond(
  e: KernelEmitter & { call: GradientEmitter<unknown>['call'] },
  d: Direction,
  t: number,
  from: Address | 0,
  to: Address,
  n = d.hidden,
): void {
  if (d.lengths) e.call('rows_beyond_f32', d.lengths, t, from, to, d.batch, n)
}

/** Y of states that are kept apart: zero where a sequence is over. */
export function emitOutputs(e: TrainingEmitter<RecurrentAttributes>, d: Direction, states: Places, y: Address): void {
  if (!d.lengths) return
  const to = placesIn(y, d)
  for (const t of d.steps) {
    e.call('unary_f32', UNARY_NONE, states(t), to(t), d.batch * d.hidden, 0, 0)
    emitBeyond(e, d, t, 0, to(t))
  }
}

/** The sequence outermost in memory, whatever the layout. */
export function sequenceFirst({ attributes, inputs, outputs }: LayoutQuery<{ readonly layout: number }>): Layout {
  if (attributes.layout === 0) return { inputs: [], outputs: [] }
  const state = [1, 0, 2]
  return {
    inputs: inputs.map((_, i) => (i === 0 || i === 5 || i === 6 ? state : undefined)),
    outputs: outputs.map((_, i) => (i === 0 ? [1, 2, 0, 3] : state)),
  }
}

export function checkSequences(e: TrainingEmitter<RecurrentAttributes>, gates: number): void {
  const lengths = e.inputs[4]
  if (lengths)
    e.check(lengths, (tensor) =>
      checkLengths(toNumbers(tensor, 'sequence_lens'), recurrentSizes(gates, e.attributes, e.inputs).length),
    )
}

/** X · W + bias for every step and example. */
export function project(
  e: KernelEmitter,
  x: Address,
  { input, length, batch }: Direction,
  weights: Address,
  bias: Address | 0,
  n: number,
  to: Address,
): void {
  e.call('gemm_f32', x, input, weights, bias, 0, 0, to, n, input, n, 0, length * batch, UNARY_NONE, 0, 0)
}

/** The state before each step, by the number of the step. */
export function statesBefore(d: Direction, states: Places, h0: Operand | undefined): (Address | 0)[] {
  const before: (Address | 0)[] = []
  d.steps.forEach((t, i) => (before[t] = i > 0 ? states(d.steps[i - 1]) : h0 ? plus(h0.at, d.direction * d.state) : 0))
  return before
}

export function refuse(gradient: { readonly op: { readonly name: string } }): never {
  throw new LanewiseError(
    'E_UNSUPPORTED',
    `${gradient.op.name} has a gradient for its usual functions only, and without clip`,
  )
}

/** The final states, as outputs. */
export function emitFinal(e: TrainingEmitter<RecurrentAttributes>, d: Direction, index: number, from: Address): void {
  if (e.outputs[index])
    e.call('unary_f32', UNARY_NONE, from, plus(e.output(index).at, d.direction * d.state), d.batch * d.hidden, 0, 0)
}

/** The operator's Y, whether it is wanted or not: the states are needed. */
export function outputY(e: TrainingEmitter<RecurrentAttributes>): Address {
  return e.output(0).at
}

/** What goes back through time: the gradient by the state, begun with that of the final one. */
export function beginBack(g: GradientEmitter<unknown>, d: Direction, index: number): Address {
  const to = g.scratch(d.state)
  const last = g.optionalGradient(index)
  if (last) g.call('unary_f32', UNARY_NONE, plus(last.at, d.direction * d.state), to, d.batch * d.hidden, 0, 0)
  else g.call('fill_f32', to, 0, d.batch * d.hidden)
  return to
}

/** Memory for every wanted gradient; each direction writes its part. */
export function results(g: GradientEmitter<unknown>): (Operand | undefined)[] {
  return g.inputs.map((input, i) => (input && g.wants(i) && i !== 4 ? g.result(i) : undefined))
}

/** Keeps what comes back to examples that are over at a step; the function it returns puts it where it was. */
export function hold(g: GradientEmitter<unknown>, d: Direction, at: Address): (t: number) => () => void {
  if (!d.lengths) return () => () => undefined
  const held = g.scratch(d.state)
  return (t) => {
    emitBeyond(g, d, t, at, held)
    return () => emitBeyond(g, d, t, held, at)
  }
}

/**
 * Gradients of inputs and weights from those of gates [length · batch, n] before their functions: `first` says at which
 * gate of W, R and B they begin. `states` are what the recurrent weights were multiplied with, `recurrent` the
 * gradients of those products where they differ from `gates`.
 */
export function emitWeights(
  g: GradientEmitter<unknown>,
  d: Direction,
  into: readonly (Operand | undefined)[],
  gates: Address,
  {
    first,
    count,
    total,
    states,
    recurrent = gates,
  }: {
    readonly first: number
    readonly count: number
    readonly total: number
    readonly states: Address
    readonly recurrent?: Address
  },
): void {
  const { direction, hidden, input, length, batch } = d
  const [dx, dw, dr, db] = into
  const n = count * hidden
  const rows = length * batch
  const gate = direction * total + first
  if (dx) {
    const w = { at: plus(g.input(1).at, gate * hidden * input * 4), row: input, column: 1 }
    addProduct(g, dx, direction === 0 && first === 0, rows, n, input, { at: gates, row: n, column: 1 }, w)
  }
  for (const [into, left, right, width] of [
    [dw, gates, g.input(0).at, input],
    [dr, recurrent, states, hidden],
  ] as const) {
    if (!into) continue
    const scratch = g.scratch(g.ask('gemm_tn_scratch_size', width))
    g.call(
      'gemm_tn_f32',
      left,
      n,
      right,
      width,
      plus(into.at, gate * hidden * width * 4),
      width,
      rows,
      width,
      0,
      n,
      scratch,
    )
  }
  if (!db) return
  const ofInput = plus(db.at, (direction * 2 * total + first) * hidden * 4)
  const ofState = plus(ofInput, total * hidden * 4)
  g.call('reduce_f32', REDUCE_SUM, gates, ofInput, rows, n, 0, 1)
  if (recurrent === gates) g.call('unary_f32', UNARY_NONE, ofInput, ofState, n, 0, 0)
  else g.call('reduce_f32', REDUCE_SUM, recurrent, ofState, rows, n, 0, 1)
}

/**
 * What multiplies the gradients of `n` gates [batch, n] by their recurrent weights [n, hidden]: packed once for all
 * steps, of which every one would do it again.
 */
export function backThrough(
  g: GradientEmitter<unknown>,
  { batch, hidden }: Direction,
  weights: Address,
  n: number,
): (gates: Address, to: Address) => void {
  const right = { at: weights, row: hidden, column: 1 }
  if (batch <= VECTOR_ROWS)
    return (gates, to) => emitMatrixProduct(g, to, batch, n, hidden, { at: gates, row: n, column: 1 }, right)
  const packed = g.scratch(g.ask('gemm_packed_size', n, hidden))
  g.call('gemm_pack_f32', weights, hidden, 1, n, hidden, packed)
  return (gates, to) => g.call('gemm_f32', gates, n, packed, 0, 0, 0, to, hidden, n, hidden, 0, batch, UNARY_NONE, 0, 0)
}

/** A product that begins a gradient or is added to it. */
function addProduct(
  g: GradientEmitter<unknown>,
  to: Operand,
  begins: boolean,
  m: number,
  k: number,
  n: number,
  a: { at: Address; row: number; column: number },
  b: { at: Address; row: number; column: number },
): void {
  if (begins) return emitMatrixProduct(g, to.at, m, k, n, a, b)
  const part = g.scratch(m * n * 4)
  emitMatrixProduct(g, part, m, k, n, a, b)
  g.call('accumulate_f32', part, to.at, m * n)
}

/** The states before all steps, [length · batch, hidden]. */
export function gatherStates(g: GradientEmitter<unknown>, d: Direction, before: readonly (Address | 0)[]): Address {
  const to = g.scratch(d.length * d.state)
  const axes = [{ size: d.batch * d.hidden, from: 1, to: 1 }]
  before.forEach((from, t) => {
    if (from === 0) g.call('fill_f32', plus(to, t * d.state), 0, d.batch * d.hidden)
    else emitStridedCopy(g, 'float32', { axes, from: 0, to: 0 }, from, plus(to, t * d.state))
  })
  return to
}

/** The gradient of an initial state is what came back to it. */
export function emitInitial(g: GradientEmitter<unknown>, d: Direction, into: Operand | undefined, from: Address): void {
  if (into) g.call('unary_f32', UNARY_NONE, from, plus(into.at, d.direction * d.state), d.batch * d.hidden, 0, 0)
}

export function emptyGradients(
  g: GradientEmitter<unknown>,
  into: readonly (Operand | undefined)[],
  gates: number,
  attributes: RecurrentAttributes,
): boolean {
  const { length, batch } = recurrentSizes(gates, attributes, g.inputs)
  if (length * batch > 0) return false
  // No steps: nothing but the states, which pass through.
  into.forEach((result, i) => {
    if (!result) return
    const last = i >= 5 ? g.optionalGradient(i - 4) : undefined
    if (last) g.call('unary_f32', UNARY_NONE, last.at, result.at, result.size, 0, 0)
    else g.call('fill_f32', result.at, 0, result.size)
  })
  return true
}

/** Whether everything is float32, whatever functions there are: `forward` refuses those that it has no gradient for. */
export function allFloats(types: readonly (DType | undefined)[]): boolean {
  return types.every((type, i) => type === undefined || type === (i === 4 ? 'int32' : 'float32'))
}

/** The state before the first step, for sequences without steps. */
export function initial(e: TrainingEmitter<unknown>, d: Direction, index: number): Address {
  const given = e.inputs[index]
  if (given) return plus(given.at, d.direction * d.state)
  const to = e.scratch(d.state)
  e.call('fill_f32', to, 0, d.batch * d.hidden)
  return to
}

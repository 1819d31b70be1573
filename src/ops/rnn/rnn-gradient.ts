// Recurrent operators under a tape. The forward pass keeps the gates (the kernels of assembly/rnn/rnn.ts leave them in the rows of the input's products) and an
// LSTM's cells; the backward pass walks the steps in the other order, one cell kernel and one product with the recurrent weights each, and then makes the gradients of
// weights and inputs of all steps at once.
//
// Where sequences have lengths of their own, every step is made for the whole batch; an example that has ended (or, from behind, not begun) keeps its state, and on
// the way back its gradient passes by. States are kept apart from Y then, which is zero there. With the batch outermost (layout 1) the order of axes in memory is
// asked for in which everything lies as with layout 0.
import { REDUCE_SUM, UNARY_NONE, UNARY_RELU, UNARY_TANH } from '../../../assembly/abi/codes.js'
import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { Layout, LayoutQuery } from '../../core/layout.js'
import { emitStridedCopy } from '../../ir/strided.js'
import { toNumbers } from '../../core/host.js'
import type { Gradient, GradientEmitter, TrainingEmitter } from '../../ir/gradient.js'
import { emitMatrixProduct } from '../matmul/matmul.js'
import { plus, type Address, type KernelEmitter, type Operand } from '../../ir/op.js'
import { addedBias, biasOfGate, checkLengths, packGates, plainRecurrence, recurrenceTable } from './rnn-emit.js'
import { GRU, LSTM, recurrentSizes, RNN, type RecurrentAttributes, type RecurrentSizes } from './rnn.js'

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

function directionsOf(
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
function oneStep({ batch, hidden, reverse }: Direction, n: number, after = 0): Int32Array {
  const rows = { gStep: batch * n, gRow: n, stateRow: hidden, yStep: 0, yRow: hidden }
  return recurrenceTable({ ...rows, steps: 1, hidden, reverse, after: after !== 0 })
}

/** In Y and its gradient. */
function placesIn(y: Address, { directions, direction, state }: Direction): Places {
  return (t) => plus(y, (t * directions + direction) * state)
}

/** In memory of a direction's own. */
function placesOwn(at: Address, { state }: Direction): Places {
  return (t) => plus(at, t * state)
}

/** Where a direction's states are: in Y if nothing is cut off there. */
function statesIn(y: Address, d: Direction, own: () => Address): Places {
  return d.lengths ? placesOwn(own(), d) : placesIn(y, d)
}

/** What examples that are over at a step have instead of what the step made. */
function emitBeyond(
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
function emitOutputs(e: TrainingEmitter<RecurrentAttributes>, d: Direction, states: Places, y: Address): void {
  if (!d.lengths) return
  const to = placesIn(y, d)
  for (const t of d.steps) {
    e.call('unary_f32', UNARY_NONE, states(t), to(t), d.batch * d.hidden, 0, 0)
    emitBeyond(e, d, t, 0, to(t))
  }
}

/** The sequence outermost in memory, whatever the layout. */
function sequenceFirst({ attributes, inputs, outputs }: LayoutQuery<{ readonly layout: number }>): Layout {
  if (attributes.layout === 0) return { inputs: [], outputs: [] }
  const state = [1, 0, 2]
  return {
    inputs: inputs.map((_, i) => (i === 0 || i === 5 || i === 6 ? state : undefined)),
    outputs: outputs.map((_, i) => (i === 0 ? [1, 2, 0, 3] : state)),
  }
}

function checkSequences(e: TrainingEmitter<RecurrentAttributes>, gates: number): void {
  const lengths = e.inputs[4]
  if (lengths)
    e.check(lengths, (tensor) =>
      checkLengths(toNumbers(tensor, 'sequence_lens'), recurrentSizes(gates, e.attributes, e.inputs).length),
    )
}

/** X · W + bias for every step and example. */
function project(
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
function statesBefore(d: Direction, states: Places, h0: Operand | undefined): (Address | 0)[] {
  const before: (Address | 0)[] = []
  d.steps.forEach((t, i) => (before[t] = i > 0 ? states(d.steps[i - 1]) : h0 ? plus(h0.at, d.direction * d.state) : 0))
  return before
}

function refuse(gradient: { readonly op: { readonly name: string } }): never {
  throw new LanewiseError(
    'E_UNSUPPORTED',
    `${gradient.op.name} has a gradient for its usual functions only, and without clip`,
  )
}

/** The final states, as outputs. */
function emitFinal(e: TrainingEmitter<RecurrentAttributes>, d: Direction, index: number, from: Address): void {
  if (e.outputs[index])
    e.call('unary_f32', UNARY_NONE, from, plus(e.output(index).at, d.direction * d.state), d.batch * d.hidden, 0, 0)
}

/** The operator's Y, whether it is wanted or not: the states are needed. */
function outputY(e: TrainingEmitter<RecurrentAttributes>): Address {
  return e.output(0).at
}

/** What goes back through time: the gradient by the state, begun with that of the final one. */
function beginBack(g: GradientEmitter<unknown>, d: Direction, index: number): Address {
  const to = g.scratch(d.state)
  const last = g.optionalGradient(index)
  if (last) g.call('unary_f32', UNARY_NONE, plus(last.at, d.direction * d.state), to, d.batch * d.hidden, 0, 0)
  else g.call('fill_f32', to, 0, d.batch * d.hidden)
  return to
}

/** Memory for every wanted gradient; each direction writes its part. */
function results(g: GradientEmitter<unknown>): (Operand | undefined)[] {
  return g.inputs.map((input, i) => (input && g.wants(i) && i !== 4 ? g.result(i) : undefined))
}

/** Keeps what comes back to examples that are over at a step; the function it returns puts it where it was. */
function hold(g: GradientEmitter<unknown>, d: Direction, at: Address): (t: number) => () => void {
  if (!d.lengths) return () => () => undefined
  const held = g.scratch(d.state)
  return (t) => {
    emitBeyond(g, d, t, at, held)
    return () => emitBeyond(g, d, t, held, at)
  }
}

/**
 * Gradients of inputs and weights from those of gates [length · batch, n] before their functions: `first` says at which gate of W, R and B they begin. `states`
 * are what the recurrent weights were multiplied with, `recurrent` the gradients of those products where they differ from `gates`.
 */
function emitWeights(
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
  const transposed = (at: Address) => ({ at, row: 1, column: n })
  if (dx) {
    const w = { at: plus(g.input(1).at, gate * hidden * input * 4), row: input, column: 1 }
    addProduct(g, dx, direction === 0 && first === 0, rows, n, input, { at: gates, row: n, column: 1 }, w)
  }
  if (dw)
    emitMatrixProduct(g, plus(dw.at, gate * hidden * input * 4), n, rows, input, transposed(gates), {
      at: g.input(0).at,
      row: input,
      column: 1,
    })
  if (dr)
    emitMatrixProduct(g, plus(dr.at, gate * hidden * hidden * 4), n, rows, hidden, transposed(recurrent), {
      at: states,
      row: hidden,
      column: 1,
    })
  if (!db) return
  const at = (direction * 2 * total + first) * hidden * 4
  g.call('reduce_f32', REDUCE_SUM, gates, plus(db.at, at), rows, n, 0, 1)
  g.call('reduce_f32', REDUCE_SUM, recurrent, plus(db.at, at + total * hidden * 4), rows, n, 0, 1)
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
function gatherStates(g: GradientEmitter<unknown>, d: Direction, before: readonly (Address | 0)[]): Address {
  const to = g.scratch(d.length * d.state)
  const axes = [{ size: d.batch * d.hidden, from: 1, to: 1 }]
  before.forEach((from, t) => {
    if (from === 0) g.call('fill_f32', plus(to, t * d.state), 0, d.batch * d.hidden)
    else emitStridedCopy(g, 'float32', { axes, from: 0, to: 0 }, from, plus(to, t * d.state))
  })
  return to
}

/** The gradient of an initial state is what came back to it. */
function emitInitial(g: GradientEmitter<unknown>, d: Direction, into: Operand | undefined, from: Address): void {
  if (into) g.call('unary_f32', UNARY_NONE, from, plus(into.at, d.direction * d.state), d.batch * d.hidden, 0, 0)
}

function emptyGradients(
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

type LstmAttributes = RecurrentAttributes & { readonly input_forget: number }

/** Whether everything is float32, whatever functions there are: `forward` refuses those that it has no gradient for. */
function allFloats(types: readonly (DType | undefined)[]): boolean {
  return types.every((type, i) => type === undefined || type === (i === 4 ? 'int32' : 'float32'))
}

export const LSTMGradient: Gradient<LstmAttributes> = {
  op: LSTM,
  inputs: [0, 1, 2, 3, 5, 6, 7],
  kernel: allFloats,
  layout: sequenceFirst,
  forward(e) {
    const { attributes, inputs } = e
    if (
      attributes.input_forget ||
      !plainRecurrence(
        inputs.slice(0, 7).map((input) => input?.dtype),
        attributes,
        ['sigmoid', 'tanh', 'tanh'],
      )
    )
      refuse(LSTMGradient)
    checkSequences(e, 4)
    const y = outputY(e)
    for (const d of directionsOf(4, attributes, inputs)) {
      const { length, batch, hidden, state, direction } = d
      const n = 4 * hidden
      const gates = e.save(length * batch * n * 4)
      const cells = e.save(length * state)
      const states = statesIn(y, d, () => e.save(length * state))
      project(e, e.input(0).at, d, packGates(e, e.input(1), d, 0, 4), addedBias(e, inputs[3], d, 0, 4), n, gates)
      const packed = packGates(e, e.input(2), d, 0, 4)
      const peepholes = inputs[7] && plus(inputs[7].at, direction * 3 * hidden * 4)
      const before = statesBefore(d, states, inputs[5])
      const table = e.table(oneStep(d, n))
      let c: Address | 0 = inputs[6] ? plus(inputs[6].at, direction * state) : 0
      for (const t of d.steps) {
        const [at, cell, h] = [plus(gates, t * batch * n * 4), plus(cells, t * state), before[t]]
        if (peepholes) {
          if (h) e.call('gemm_f32', h, hidden, packed, 0, at, n, at, n, hidden, n, 0, batch, UNARY_NONE, 0, 0)
          e.call('lstm_peephole_f32', at, c, peepholes, cell, states(t), batch, hidden)
        } else {
          e.call('lstm_f32', at, packed, h, c, states(t), 0, cell, 0, table, 0, batch)
        }
        emitBeyond(e, d, t, h, states(t))
        emitBeyond(e, d, t, c, cell)
        c = cell
      }
      emitOutputs(e, d, states, y)
      const last = d.steps.at(-1)
      emitFinal(e, d, 1, last === undefined ? initial(e, d, 5) : states(last))
      emitFinal(e, d, 2, last === undefined ? initial(e, d, 6) : plus(cells, last * state))
    }
  },
  backward(g) {
    const into = results(g)
    if (emptyGradients(g, into, 4, g.attributes)) return
    const dy = g.optionalGradient(0)?.at
    const dp = into[7]
    if (dp) g.call('fill_f32', dp.at, 0, dp.size)
    for (const d of directionsOf(4, g.attributes, g.inputs)) {
      const { batch, hidden, state, direction, lengths } = d
      const n = 4 * hidden
      const kept = (lengths ? 3 : 2) * direction
      const [gates, cells] = [g.saved(kept), g.saved(kept + 1)]
      const states = statesIn(g.output(0).at, d, () => g.saved(kept + 2))
      const [dh, dc] = [beginBack(g, d, 1), beginBack(g, d, 2)]
      const [holdState, holdCells] = [hold(g, d, dh), hold(g, d, dc)]
      const before = statesBefore(d, states, g.inputs[5])
      const r = { at: plus(g.input(2).at, direction * n * hidden * 4), row: hidden, column: 1 }
      const peepholes = g.inputs[7] && plus(g.inputs[7].at, direction * 3 * hidden * 4)
      for (let i = d.steps.length - 1; i >= 0; i--) {
        const t = d.steps[i]
        const at = plus(gates, t * batch * n * 4)
        const cell = plus(cells, t * state)
        const old =
          i > 0 ? plus(cells, d.steps[i - 1] * state) : g.inputs[6] ? plus(g.inputs[6].at, direction * state) : 0
        const given = dy ? placesIn(dy, d)(t) : 0
        const [restoreState, restoreCells] = [holdState(t), holdCells(t)]
        if (peepholes) {
          g.call(
            'lstm_peephole_gradient_f32',
            at,
            cell,
            old,
            peepholes,
            dp ? plus(dp.at, direction * 3 * hidden * 4) : 0,
            given,
            dh,
            dc,
            batch,
            hidden,
            lengths,
            t,
          )
        } else {
          g.call('lstm_gradient_f32', at, cell, old, given, dh, dc, batch, hidden)
        }
        emitBeyond(g, d, t, 0, at, n)
        restoreCells()
        emitMatrixProduct(g, dh, batch, n, hidden, { at, row: n, column: 1 }, r)
        restoreState()
      }
      emitWeights(g, d, into, gates, { first: 0, count: 4, total: 4, states: gatherStates(g, d, before) })
      emitInitial(g, d, into[5], dh)
      emitInitial(g, d, into[6], dc)
    }
  },
}

/** The state before the first step, for sequences without steps. */
function initial(e: TrainingEmitter<unknown>, d: Direction, index: number): Address {
  const given = e.inputs[index]
  if (given) return plus(given.at, d.direction * d.state)
  const to = e.scratch(d.state)
  e.call('fill_f32', to, 0, d.batch * d.hidden)
  return to
}

type GruAttributes = RecurrentAttributes & { readonly linear_before_reset: number }

export const GRUGradient: Gradient<GruAttributes> = {
  op: GRU,
  inputs: [0, 1, 2, 3, 5],
  kernel: allFloats,
  layout: sequenceFirst,
  forward(e) {
    const { attributes, inputs } = e
    if (
      !plainRecurrence(
        inputs.map((input) => input?.dtype),
        attributes,
        ['sigmoid', 'tanh'],
      )
    )
      refuse(GRUGradient)
    checkSequences(e, 3)
    const after = attributes.linear_before_reset ? 1 : 0
    const y = outputY(e)
    const [w, r, b] = [e.input(1), e.input(2), inputs[3]]
    for (const d of directionsOf(3, attributes, inputs)) {
      const { length, batch, hidden, state } = d
      const zr = e.save(length * 2 * state)
      const candidates = e.save(length * state)
      const products = e.save(length * state)
      const states = statesIn(y, d, () => e.save(length * state))
      project(e, e.input(0).at, d, packGates(e, w, d, 0, 2), addedBias(e, b, d, 0, 2), 2 * hidden, zr)
      project(
        e,
        e.input(0).at,
        d,
        packGates(e, w, d, 2, 1),
        after ? biasOfGate(b, d, 2, 0) : addedBias(e, b, d, 2, 1),
        hidden,
        candidates,
      )
      const [packed, candidate] = [packGates(e, r, d, 0, 2), packGates(e, r, d, 2, 1)]
      const biasH = after ? biasOfGate(b, d, 2, 1) : 0
      const before = statesBefore(d, states, inputs[5])
      const table = e.table(oneStep(d, hidden, after))
      for (const t of d.steps) {
        const [g, gh, product] = [plus(zr, t * 2 * state), plus(candidates, t * state), plus(products, t * state)]
        e.call('gru_f32', g, gh, packed, candidate, biasH, before[t], states(t), 0, 0, table, 0, batch, product)
        emitBeyond(e, d, t, before[t], states(t))
      }
      emitOutputs(e, d, states, y)
      const last = d.steps.at(-1)
      emitFinal(e, d, 1, last === undefined ? initial(e, d, 5) : states(last))
    }
  },
  backward(g) {
    const into = results(g)
    if (emptyGradients(g, into, 3, g.attributes)) return
    const after = g.attributes.linear_before_reset ? 1 : 0
    const dy = g.optionalGradient(0)?.at
    for (const d of directionsOf(3, g.attributes, g.inputs)) {
      const { batch, hidden, state, direction } = d
      const kept = (d.lengths ? 4 : 3) * direction
      const [zr, candidates, products] = [0, 1, 2].map((i) => g.saved(kept + i))
      const states = statesIn(g.output(0).at, d, () => g.saved(kept + 3))
      const dh = beginBack(g, d, 1)
      const holdState = hold(g, d, dh)
      const direct = g.scratch(state)
      const before = statesBefore(d, states, g.inputs[5])
      const weights = (gate: number) => ({
        at: plus(g.input(2).at, (direction * 3 + gate) * hidden * hidden * 4),
        row: hidden,
        column: 1,
      })
      const rows = (at: Address, n: number) => ({ at, row: n, column: 1 })
      for (let i = d.steps.length - 1; i >= 0; i--) {
        const t = d.steps[i]
        const [gates, candidate, product] = [
          plus(zr, t * 2 * state),
          plus(candidates, t * state),
          plus(products, t * state),
        ]
        const restore = holdState(t)
        g.call(
          'gru_gradient_f32',
          gates,
          candidate,
          before[t],
          product,
          after,
          dy ? placesIn(dy, d)(t) : 0,
          dh,
          direct,
          batch,
          hidden,
        )
        emitBeyond(g, d, t, 0, gates, 2 * hidden)
        emitBeyond(g, d, t, 0, candidate)
        if (after) emitBeyond(g, d, t, 0, product)
        if (!after) {
          emitMatrixProduct(g, product, batch, hidden, hidden, rows(candidate, hidden), weights(2))
          g.call('gru_reset_gradient_f32', gates, before[t], product, direct, batch, hidden)
        }
        emitMatrixProduct(g, dh, batch, 2 * hidden, hidden, rows(gates, 2 * hidden), weights(0))
        g.call('accumulate_f32', direct, dh, batch * hidden)
        if (after) {
          emitMatrixProduct(g, direct, batch, hidden, hidden, rows(product, hidden), weights(2))
          g.call('accumulate_f32', direct, dh, batch * hidden)
        }
        restore()
      }
      const all = gatherStates(g, d, before)
      emitWeights(g, d, into, zr, { first: 0, count: 2, total: 3, states: all })
      // After the reset the candidate's product is with the state itself; before it, with r ∘ h, which `products` holds by now.
      const inputOnly = [into[0], into[1]]
      const recurrentOnly = [undefined, undefined, into[2]]
      emitWeights(g, d, after ? [...inputOnly, into[2], into[3]] : [...inputOnly, undefined, into[3]], candidates, {
        first: 2,
        count: 1,
        total: 3,
        states: all,
        recurrent: after ? products : candidates,
      })
      if (!after) emitWeights(g, d, recurrentOnly, candidates, { first: 2, count: 1, total: 3, states: products })
      emitInitial(g, d, into[5], dh)
    }
  },
}

/** tanh, relu, or the identity (Affine with 1 and 0): undefined for any other function. */
function functionOf({
  activations,
  activation_alpha: alpha,
  activation_beta: beta,
  clip,
}: RecurrentAttributes): number | undefined {
  const names = activations?.length ? activations.map((name) => name.toLowerCase()) : ['tanh']
  if (clip !== undefined || names.some((name) => name !== names[0])) return undefined
  const identity = (alpha ?? [1]).every((value) => value === 1) && (beta ?? [0]).every((value) => value === 0)
  return names[0] === 'tanh'
    ? UNARY_TANH
    : names[0] === 'relu'
      ? UNARY_RELU
      : names[0] === 'affine' && identity
        ? UNARY_NONE
        : undefined
}

export const RNNGradient: Gradient<RecurrentAttributes> = {
  op: RNN,
  inputs: [0, 1, 2, 3, 5],
  kernel: allFloats,
  layout: sequenceFirst,
  forward(e) {
    const { attributes, inputs } = e
    const act = functionOf(attributes) ?? refuse(RNNGradient)
    checkSequences(e, 1)
    const y = outputY(e)
    for (const d of directionsOf(1, attributes, inputs)) {
      const { length, batch, hidden, state, reverse, directions } = d
      const rows = e.scratch(length * state)
      project(e, e.input(0).at, d, packGates(e, e.input(1), d, 0, 1), addedBias(e, inputs[3], d, 0, 1), hidden, rows)
      const h0 = inputs[5] ? plus(inputs[5].at, d.direction * state) : 0
      const hn = e.outputs[1] ? plus(e.output(1).at, d.direction * state) : 0
      const packed = packGates(e, e.input(2), d, 0, 1)
      const states = statesIn(y, d, () => e.save(length * state))
      if (!d.lengths) {
        const yStep = directions * batch * hidden
        const strides = { gStep: batch * hidden, gRow: hidden, stateRow: hidden, yStep, yRow: hidden }
        const table = e.table(recurrenceTable({ ...strides, steps: length, hidden, reverse }))
        e.call('rnn_f32', rows, packed, h0, states(0), hn, 0, table, act, 0, batch)
        continue
      }
      const before = statesBefore(d, states, inputs[5])
      const table = e.table(oneStep(d, hidden))
      for (const t of d.steps) {
        e.call('rnn_f32', plus(rows, t * state), packed, before[t], states(t), 0, 0, table, act, 0, batch)
        emitBeyond(e, d, t, before[t], states(t))
      }
      emitOutputs(e, d, states, y)
      const last = d.steps.at(-1)
      emitFinal(e, d, 1, last === undefined ? initial(e, d, 5) : states(last))
    }
  },
  backward(g) {
    const into = results(g)
    if (emptyGradients(g, into, 1, g.attributes)) return
    const act = functionOf(g.attributes) ?? refuse(RNNGradient)
    const dy = g.optionalGradient(0)?.at
    for (const d of directionsOf(1, g.attributes, g.inputs)) {
      const { batch, hidden, state, direction, length } = d
      const states = statesIn(g.output(0).at, d, () => g.saved(direction))
      const gates = g.scratch(length * state)
      const dh = beginBack(g, d, 1)
      const holdState = hold(g, d, dh)
      const r = { at: plus(g.input(2).at, direction * hidden * hidden * 4), row: hidden, column: 1 }
      for (let i = d.steps.length - 1; i >= 0; i--) {
        const t = d.steps[i]
        const at = plus(gates, t * state)
        const restore = holdState(t)
        g.call('rnn_gradient_f32', act, states(t), dy ? placesIn(dy, d)(t) : 0, dh, at, batch * hidden)
        emitBeyond(g, d, t, 0, at)
        emitMatrixProduct(g, dh, batch, hidden, hidden, { at, row: hidden, column: 1 }, r)
        restore()
      }
      emitWeights(g, d, into, gates, {
        first: 0,
        count: 1,
        total: 1,
        states: gatherStates(g, d, statesBefore(d, states, g.inputs[5])),
      })
      emitInitial(g, d, into[5], dh)
    }
  },
}

// Recurrent operators under a tape. The forward pass keeps the gates (the kernels of assembly/rnn.ts leave them in the rows of the input's products) and an
// LSTM's cells; the backward pass walks the steps in the other order, one cell kernel and one product with the recurrent weights each, and then makes the gradients of
// weights and inputs of all steps at once.
import { REDUCE_SUM, UNARY_NONE, UNARY_RELU, UNARY_TANH } from '../../assembly/codes.js'
import { LanewiseError } from '../errors.js'
import { emitStridedCopy } from '../graph/strided.js'
import type { Gradient, GradientEmitter, TrainingEmitter } from './gradient.js'
import { emitMatrixProduct } from './matmul.js'
import { plus, type Address, type KernelEmitter, type Operand } from './op.js'
import { addedBias, biasOfGate, packGates, plainRecurrence } from './rnn-emit.js'
import { GRU, LSTM, recurrentSizes, RNN, type RecurrentAttributes, type RecurrentSizes } from './rnn.js'

/** One direction of a layer: places are in bytes from the beginnings of tensors. */
interface Direction extends RecurrentSizes {
  readonly direction: number
  readonly reverse: boolean
  /** Steps in the order they are made. */
  readonly steps: readonly number[]
  /** Bytes of one state of the whole batch. */
  readonly state: number
}

function directionsOf(gates: number, attributes: RecurrentAttributes, inputs: readonly (Operand | undefined)[]): Direction[] {
  if (attributes.layout !== 0) throw new LanewiseError('E_UNSUPPORTED', 'layout 1 has no gradient; transpose the input')
  if (inputs[4]) throw new LanewiseError('E_UNSUPPORTED', 'sequence_lens has no gradient; mask the loss')
  const sizes = recurrentSizes(gates, attributes, inputs)
  return Array.from({ length: sizes.directions }, (_, direction) => {
    const reverse = attributes.direction === 'reverse' || direction === 1
    const forward = Array.from({ length: sizes.length }, (_, t) => t)
    return { ...sizes, direction, reverse, steps: reverse ? forward.reverse() : forward, state: sizes.batch * sizes.hidden * 4 }
  })
}

/** Where Y (or its gradient) has the state of a direction after a step. */
function stateOf(y: Address, { directions, direction, state }: Direction, t: number): Address {
  return plus(y, (t * directions + direction) * state)
}

/** X · W + bias for every step and example. */
function project(e: KernelEmitter, x: Address, { input, length, batch }: Direction, weights: Address, bias: Address | number, n: number, to: Address): void {
  e.call('gemm', x, input, weights, bias, 0, 0, to, n, input, n, 0, length * batch, UNARY_NONE, 0, 0)
}

/** The state before each step, by the number of the step. */
function statesBefore(d: Direction, y: Address, h0: Operand | undefined): (Address | 0)[] {
  const before: (Address | 0)[] = []
  d.steps.forEach((t, i) => (before[t] = i > 0 ? stateOf(y, d, d.steps[i - 1]) : h0 ? plus(h0.at, d.direction * d.state) : 0))
  return before
}

function refuse(gradient: { readonly op: { readonly name: string } }): never {
  throw new LanewiseError('E_UNSUPPORTED', `${gradient.op.name} has a gradient for its usual functions only, without clip and peepholes`)
}

/** The final states, as outputs. */
function emitFinal(e: TrainingEmitter<RecurrentAttributes>, d: Direction, index: number, from: Address): void {
  if (e.outputs[index]) e.call('unary_f32', UNARY_NONE, from, plus(e.output(index).at, d.direction * d.state), d.batch * d.hidden, 0, 0)
}

/** The operator's Y, whether it is wanted or not: the states are needed. */
function outputY(e: TrainingEmitter<RecurrentAttributes>): Address {
  return e.output(0).at
}

/** What goes back through time: the gradient by the state, begun with that of the final one. */
function beginBack(g: GradientEmitter<unknown>, d: Direction, index: number): Address {
  const to = g.scratch(d.state)
  const last = g.gradient(index)
  if (last) g.call('unary_f32', UNARY_NONE, plus(last.at, d.direction * d.state), to, d.batch * d.hidden, 0, 0)
  else g.call('fill_f32', to, 0, d.batch * d.hidden)
  return to
}

/** Memory for every wanted gradient; each direction writes its part. */
function results(g: GradientEmitter<unknown>): (Operand | undefined)[] {
  return g.inputs.map((input, i) => (input && g.wants(i) && i !== 4 ? g.result(i) : undefined))
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
  { first, count, total, states, recurrent = gates }: { readonly first: number; readonly count: number; readonly total: number; readonly states: Address; readonly recurrent?: Address },
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
  if (dw) emitMatrixProduct(g, plus(dw.at, gate * hidden * input * 4), n, rows, input, transposed(gates), { at: g.input(0).at, row: input, column: 1 })
  if (dr) emitMatrixProduct(g, plus(dr.at, gate * hidden * hidden * 4), n, rows, hidden, transposed(recurrent), { at: states, row: hidden, column: 1 })
  if (!db) return
  const at = (direction * 2 * total + first) * hidden * 4
  g.call('reduce_f32', REDUCE_SUM, gates, plus(db.at, at), rows, n, 0, 1)
  g.call('reduce_f32', REDUCE_SUM, recurrent, plus(db.at, at + total * hidden * 4), rows, n, 0, 1)
}

/** A product that begins a gradient or is added to it. */
function addProduct(g: GradientEmitter<unknown>, to: Operand, begins: boolean, m: number, k: number, n: number, a: { at: Address; row: number; column: number }, b: { at: Address; row: number; column: number }): void {
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

function emptyGradients(g: GradientEmitter<unknown>, into: readonly (Operand | undefined)[], gates: number, attributes: RecurrentAttributes): boolean {
  const { length, batch } = recurrentSizes(gates, attributes, g.inputs)
  if (length * batch > 0) return false
  // No steps: nothing but the states, which pass through.
  into.forEach((result, i) => {
    if (!result) return
    const last = i >= 5 ? g.gradient(i - 4) : undefined
    if (last) g.call('unary_f32', UNARY_NONE, last.at, result.at, result.size, 0, 0)
    else g.call('fill_f32', result.at, 0, result.size)
  })
  return true
}

type LstmAttributes = RecurrentAttributes & { readonly input_forget: number }

export const LSTMGradient: Gradient<LstmAttributes> = {
  op: LSTM,
  inputs: [0, 1, 2, 3, 5, 6],
  forward(e) {
    const { attributes, inputs } = e
    if (attributes.input_forget || !plainRecurrence(inputs.map((input) => input?.dtype), attributes, ['sigmoid', 'tanh', 'tanh'])) refuse(LSTMGradient)
    const y = outputY(e)
    for (const d of directionsOf(4, attributes, inputs)) {
      const { length, batch, hidden, state, reverse } = d
      const n = 4 * hidden
      const gates = e.save(length * batch * n * 4)
      const cells = e.save((length + 1) * state)
      project(e, e.input(0).at, d, packGates(e, e.input(1), d, 0, 4), addedBias(e, inputs[3], d, 0, 4), n, gates)
      const packed = packGates(e, e.input(2), d, 0, 4)
      const before = statesBefore(d, y, inputs[5])
      // The cells of step t are in place t + 1, those before the first step in place 0.
      let c: Address | number = inputs[6] ? plus(inputs[6].at, d.direction * state) : 0
      for (const t of d.steps) {
        const cell = plus(cells, (t + 1) * state)
        e.call(
          'lstm_f32', plus(gates, t * batch * n * 4), batch * n, n, packed, 0, before[t], c, hidden, stateOf(y, d, t), 0, hidden, 0, cell, 1, hidden, 0,
          Number(reverse), 0, batch,
        )
        c = cell
      }
      const last = d.steps.at(-1)
      emitFinal(e, d, 1, last === undefined ? initial(e, d, 5) : stateOf(y, d, last))
      emitFinal(e, d, 2, last === undefined ? initial(e, d, 6) : plus(cells, (last + 1) * state))
    }
  },
  backward(g) {
    const into = results(g)
    if (emptyGradients(g, into, 4, g.attributes)) return
    const dy = g.gradient(0)?.at
    for (const d of directionsOf(4, g.attributes, g.inputs)) {
      const { batch, hidden, state, direction } = d
      const n = 4 * hidden
      const [gates, cells] = [g.saved(2 * direction), g.saved(2 * direction + 1)]
      const [dh, dc] = [beginBack(g, d, 1), beginBack(g, d, 2)]
      const before = statesBefore(d, g.output(0).at, g.inputs[5])
      const r = { at: plus(g.input(2).at, direction * n * hidden * 4), row: hidden, column: 1 }
      for (let i = d.steps.length - 1; i >= 0; i--) {
        const t = d.steps[i]
        const at = plus(gates, t * batch * n * 4)
        const old = i > 0 ? plus(cells, (d.steps[i - 1] + 1) * state) : g.inputs[6] ? plus(g.inputs[6].at, direction * state) : 0
        g.call('lstm_gradient_f32', at, plus(cells, (t + 1) * state), old, dy ? stateOf(dy, d, t) : 0, dh, dc, batch, hidden)
        emitMatrixProduct(g, dh, batch, n, hidden, { at, row: n, column: 1 }, r)
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
  forward(e) {
    const { attributes, inputs } = e
    if (!plainRecurrence(inputs.map((input) => input?.dtype), attributes, ['sigmoid', 'tanh'])) refuse(GRUGradient)
    const after = attributes.linear_before_reset ? 1 : 0
    const y = outputY(e)
    const [, w, r, b] = inputs
    for (const d of directionsOf(3, attributes, inputs)) {
      const { length, batch, hidden, state, reverse } = d
      const zr = e.save(length * 2 * state)
      const candidates = e.save(length * state)
      const products = e.save(length * state)
      project(e, e.input(0).at, d, packGates(e, w!, d, 0, 2), addedBias(e, b, d, 0, 2), 2 * hidden, zr)
      project(e, e.input(0).at, d, packGates(e, w!, d, 2, 1), after ? biasOfGate(b, d, 2, 0) : addedBias(e, b, d, 2, 1), hidden, candidates)
      const [packed, candidate] = [packGates(e, r!, d, 0, 2), packGates(e, r!, d, 2, 1)]
      const biasH = after ? biasOfGate(b, d, 2, 1) : 0
      const before = statesBefore(d, y, inputs[5])
      for (const t of d.steps) {
        e.call(
          'gru_f32', plus(zr, t * 2 * state), plus(candidates, t * state), batch * hidden, hidden, packed, candidate, 0, biasH, after, before[t], hidden, stateOf(y, d, t), 0, hidden,
          0, 1, hidden, 0, Number(reverse), 0, batch, plus(products, t * state),
        )
      }
      const last = d.steps.at(-1)
      emitFinal(e, d, 1, last === undefined ? initial(e, d, 5) : stateOf(y, d, last))
    }
  },
  backward(g) {
    const into = results(g)
    if (emptyGradients(g, into, 3, g.attributes)) return
    const after = g.attributes.linear_before_reset ? 1 : 0
    const dy = g.gradient(0)?.at
    for (const d of directionsOf(3, g.attributes, g.inputs)) {
      const { batch, hidden, state, direction } = d
      const [zr, candidates, products] = [0, 1, 2].map((i) => g.saved(3 * direction + i))
      const dh = beginBack(g, d, 1)
      const direct = g.scratch(state)
      const before = statesBefore(d, g.output(0).at, g.inputs[5])
      const weights = (gate: number) => ({ at: plus(g.input(2).at, (direction * 3 + gate) * hidden * hidden * 4), row: hidden, column: 1 })
      const rows = (at: Address, n: number) => ({ at, row: n, column: 1 })
      for (let i = d.steps.length - 1; i >= 0; i--) {
        const t = d.steps[i]
        const [gates, candidate, product] = [plus(zr, t * 2 * state), plus(candidates, t * state), plus(products, t * state)]
        g.call('gru_gradient_f32', gates, candidate, before[t], product, after, dy ? stateOf(dy, d, t) : 0, dh, direct, batch, hidden)
        if (!after) {
          emitMatrixProduct(g, product, batch, hidden, hidden, rows(candidate, hidden), weights(2))
          g.call('gru_reset_gradient_f32', gates, before[t], product, direct, batch, hidden)
        }
        emitMatrixProduct(g, dh, batch, 2 * hidden, hidden, rows(gates, 2 * hidden), weights(0))
        g.call('accumulate_f32', direct, dh, batch * hidden)
        if (!after) continue
        emitMatrixProduct(g, direct, batch, hidden, hidden, rows(product, hidden), weights(2))
        g.call('accumulate_f32', direct, dh, batch * hidden)
      }
      const states = gatherStates(g, d, before)
      emitWeights(g, d, into, zr, { first: 0, count: 2, total: 3, states })
      // After the reset the candidate's product is with the state itself; before it, with r ∘ h, which `products` holds by now.
      const inputOnly = [into[0], into[1]]
      const recurrentOnly = [undefined, undefined, into[2]]
      emitWeights(g, d, after ? [...inputOnly, into[2], into[3]] : [...inputOnly, undefined, into[3]], candidates, {
        first: 2, count: 1, total: 3, states, recurrent: after ? products : candidates,
      })
      if (!after) emitWeights(g, d, recurrentOnly, candidates, { first: 2, count: 1, total: 3, states: products })
      emitInitial(g, d, into[5], dh)
    }
  },
}

/** tanh, relu, or the identity (Affine with 1 and 0): undefined for any other function. */
function functionOf({ activations, activation_alpha: alpha, activation_beta: beta, clip }: RecurrentAttributes): number | undefined {
  const names = activations?.length ? activations.map((name) => name.toLowerCase()) : ['tanh']
  if (clip !== undefined || names.some((name) => name !== names[0])) return undefined
  const identity = (alpha ?? [1]).every((value) => value === 1) && (beta ?? [0]).every((value) => value === 0)
  return names[0] === 'tanh' ? UNARY_TANH : names[0] === 'relu' ? UNARY_RELU : names[0] === 'affine' && identity ? UNARY_NONE : undefined
}

export const RNNGradient: Gradient<RecurrentAttributes> = {
  op: RNN,
  inputs: [0, 1, 2, 3, 5],
  kernel: (_, attributes) => functionOf(attributes) !== undefined,
  forward(e) {
    const { attributes, inputs } = e
    const act = functionOf(attributes) ?? refuse(RNNGradient)
    const y = outputY(e)
    for (const d of directionsOf(1, attributes, inputs)) {
      const { length, batch, hidden, state, reverse, directions } = d
      const rows = e.scratch(length * state)
      project(e, e.input(0).at, d, packGates(e, e.input(1), d, 0, 1), addedBias(e, inputs[3], d, 0, 1), hidden, rows)
      const h0 = inputs[5] ? plus(inputs[5].at, d.direction * state) : 0
      const hn = e.outputs[1] ? plus(e.output(1).at, d.direction * state) : 0
      const packed = packGates(e, e.input(2), d, 0, 1)
      e.call(
        'rnn_f32', rows, batch * hidden, hidden, packed, 0, h0, hidden, stateOf(y, d, 0), directions * batch * hidden, hidden, hn, length, hidden, 0,
        Number(reverse), act, 0, batch,
      )
    }
  },
  backward(g) {
    const into = results(g)
    if (emptyGradients(g, into, 1, g.attributes)) return
    const act = functionOf(g.attributes)!
    const dy = g.gradient(0)?.at
    for (const d of directionsOf(1, g.attributes, g.inputs)) {
      const { batch, hidden, state, direction, length } = d
      const y = g.output(0).at
      const gates = g.scratch(length * state)
      const dh = beginBack(g, d, 1)
      const r = { at: plus(g.input(2).at, direction * hidden * hidden * 4), row: hidden, column: 1 }
      for (let i = d.steps.length - 1; i >= 0; i--) {
        const t = d.steps[i]
        const at = plus(gates, t * state)
        g.call('rnn_gradient_f32', act, stateOf(y, d, t), dy ? stateOf(dy, d, t) : 0, dh, at, batch * hidden)
        emitMatrixProduct(g, dh, batch, hidden, hidden, { at, row: hidden, column: 1 }, r)
      }
      emitWeights(g, d, into, gates, { first: 0, count: 1, total: 1, states: gatherStates(g, d, statesBefore(d, y, g.inputs[5])) })
      emitInitial(g, d, into[5], dh)
    }
  },
}

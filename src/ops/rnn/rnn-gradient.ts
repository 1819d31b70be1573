// Recurrent operators under a tape. The forward pass keeps the gates (the kernels of assembly/rnn/rnn.ts leave them in
// the rows of the input's products) and an LSTM's cells; the backward pass walks the steps in the other order, one cell
// kernel and one product with the recurrent weights each, and then makes the gradients of weights and inputs of all
// steps at once.
//
// Where sequences have lengths of their own, every step is made for the whole batch; an example that has ended (or,
// from the end, not begun) keeps its state, and on the way back its gradient passes by. States are kept apart from Y
// then, which is zero there. With the batch outermost (layout 1) the order of axes in memory is asked for in which
// everything lies as with layout 0.
import { UNARY_NONE, UNARY_RELU, UNARY_TANH } from '../../../assembly/abi/codes.js'
import type { Gradient } from '../../ir/gradient.js'
import { plus, type Address } from '../../ir/emitter.js'
import { addedBias, biasOfGate, packGates, plainRecurrence, recurrenceTable } from './rnn-emit.js'
import { GRU, LSTM, RNN } from './rnn.js'
import type { RecurrentAttributes } from './rnn-sizes.js'
import {
  directionsOf,
  oneStep,
  placesIn,
  statesIn,
  emitBeyond,
  emitOutputs,
  sequenceFirst,
  checkSequences,
  project,
  statesBefore,
  refuse,
  emitFinal,
  outputY,
  beginBack,
  results,
  hold,
  emitWeights,
  backThrough,
  gatherStates,
  emitInitial,
  emptyGradients,
  allFloats,
  initial,
} from './rnn-steps.js'

type LstmAttributes = RecurrentAttributes & { readonly input_forget: number }

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
      const multiply = backThrough(g, d, plus(g.input(2).at, direction * n * hidden * 4), n)
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
        multiply(at, dh)
        restoreState()
      }
      emitWeights(g, d, into, gates, { first: 0, count: 4, total: 4, states: gatherStates(g, d, before) })
      emitInitial(g, d, into[5], dh)
      emitInitial(g, d, into[6], dc)
    }
  },
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
      const weights = (gate: number) => plus(g.input(2).at, (direction * 3 + gate) * hidden * hidden * 4)
      const multiply = backThrough(g, d, weights(0), 2 * hidden)
      const multiplyCandidate = backThrough(g, d, weights(2), hidden)
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
          multiplyCandidate(candidate, product)
          g.call('gru_reset_gradient_f32', gates, before[t], product, direct, batch, hidden)
        }
        multiply(gates, dh)
        g.call('accumulate_f32', direct, dh, batch * hidden)
        if (after) {
          multiplyCandidate(product, direct)
          g.call('accumulate_f32', direct, dh, batch * hidden)
        }
        restore()
      }
      const all = gatherStates(g, d, before)
      emitWeights(g, d, into, zr, { first: 0, count: 2, total: 3, states: all })
      // After the reset the candidate's product is with the state itself; before it, with r ∘ h, which `products` holds
      // by now.
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
      const multiply = backThrough(g, d, plus(g.input(2).at, direction * hidden * hidden * 4), hidden)
      for (let i = d.steps.length - 1; i >= 0; i--) {
        const t = d.steps[i]
        const at = plus(gates, t * state)
        const restore = holdState(t)
        g.call('rnn_gradient_f32', act, states(t), dy ? placesIn(dy, d)(t) : 0, dh, at, batch * hidden)
        emitBeyond(g, d, t, 0, at)
        multiply(at, dh)
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

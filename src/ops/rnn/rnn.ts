import { isFloat } from '../../core/dtype.js'
import { UNARY_RELU, UNARY_TANH } from '../../../assembly/abi/codes.js'
import type { HostTensor } from '../../core/host.js'
import { toNumbers } from '../../core/host.js'
import { sizeOf, type Shape } from '../../core/shape.js'
import { float, floats, int, string, strings } from '../../ir/attributes.js'
import { floatsOf, floatTensor, type Floats } from '../shared/scalar-floats.js'
import { defineOp, type ComputeContext } from '../../ir/op.js'
import {
  addedBias,
  biasOfGate,
  checkLengths,
  emitStretches,
  isWide,
  packGates,
  packRecurrent,
  plainRecurrence,
  project,
  recurrenceTable,
  type Stretch,
} from './rnn-emit.js'
import { outputTypes, recurrentSizes, stateAt, type RecurrentAttributes } from './rnn-sizes.js'
import { cellActivations, gruCell, lstmCell, plainCell, type CellParameters, type CellStep } from './rnn-scalar.js'

const common = {
  activation_alpha: floats(),
  activation_beta: floats(),
  activations: strings(),
  clip: float(),
  direction: string('forward'),
  hidden_size: int(),
  /** 0: the sequence is the outermost axis. 1: the batch is. */
  layout: int(0),
}

/** The operator in plain TypeScript: one example at a time, one step after another. */
function run(
  gates: number,
  functions: readonly string[],
  cell: (parameters: CellParameters) => CellStep,
  {
    attributes,
    inputs,
    outputs,
  }: ComputeContext<
    RecurrentAttributes & { readonly input_forget?: number; readonly linear_before_reset?: number },
    readonly [true, true, true, ...boolean[]]
  >,
): HostTensor[] {
  const sizes = recurrentSizes(gates, attributes, inputs)
  const { length, batch, input, hidden, directions } = sizes
  const { layout, direction } = attributes
  const [x, w, r] = [inputs[0], inputs[1], inputs[2]].map(floatsOf)
  const [b, h0, c0, p] = [inputs[3], inputs[5], inputs[6], inputs[7]].map((tensor) => tensor && floatsOf(tensor))
  const lengths = inputs[4] ? toNumbers(inputs[4], 'sequence_lens') : undefined
  if (lengths) checkLengths(lengths, length)
  const make = (shape: Shape): Floats =>
    x instanceof Float64Array ? new Float64Array(sizeOf(shape)) : new Float32Array(sizeOf(shape))
  const y = make(outputs[0].shape)
  const yh = make(outputs[1].shape)
  const yc = make(outputs[1].shape)
  const activations = cellActivations(attributes, functions, directions)
  for (let d = 0; d < directions; d++) {
    const backward = direction === 'reverse' || d === 1
    const step = cell({
      input,
      hidden,
      x,
      w: w.subarray(d * gates * hidden * input, (d + 1) * gates * hidden * input),
      r: r.subarray(d * gates * hidden * hidden, (d + 1) * gates * hidden * hidden),
      b: b?.subarray(d * 2 * gates * hidden, (d + 1) * 2 * gates * hidden),
      p: p?.subarray(d * 3 * hidden, (d + 1) * 3 * hidden),
      clip: attributes.clip ?? Infinity,
      activations: activations[d],
      coupled: Boolean(attributes.input_forget),
      linearBeforeReset: Boolean(attributes.linear_before_reset),
    })
    for (let n = 0; n < batch; n++) {
      const at = stateAt(layout, sizes, d, n)
      const h = h0 ? h0.slice(at, at + hidden) : make([hidden])
      const c = c0 ? c0.slice(at, at + hidden) : make([hidden])
      const steps = lengths ? lengths[n] : length
      for (let i = 0; i < steps; i++) {
        const t = backward ? steps - 1 - i : i
        step((layout ? n * length + t : t * batch + n) * input, h, c)
        y.set(h, (layout ? (n * length + t) * directions + d : (t * directions + d) * batch + n) * hidden)
      }
      yh.set(h, at)
      yc.set(c, at)
    }
  }
  const { dtype } = outputs[0]
  return [y, yh, yc].slice(0, outputs.length).map((values, i) => floatTensor(dtype, outputs[i].shape, values))
}

/** Strides of the rows that `project` makes, in elements. */
const rowsOfGates = ({ gStep, gRow, hidden }: Stretch, gates: number) => ({
  gStep: gStep * gates * hidden,
  gRow: gRow * gates * hidden,
})

export const RNN = defineOp({
  name: 'RNN',
  takes: isFloat,
  arity: [3, 6],
  outputs: 2,
  attributes: common,
  infer: ({ attributes, inputs }) =>
    outputTypes(inputs[0], recurrentSizes(1, attributes, inputs), attributes.layout).slice(0, 2),
  kernel: (types, attributes) =>
    plainRecurrence(types, attributes, ['tanh']) || plainRecurrence(types, attributes, ['relu']),
  emit(e) {
    const act = e.attributes.activations?.[0]?.toLowerCase() === 'relu' ? UNARY_RELU : UNARY_TANH
    emitStretches(e, 1, (stretch) => {
      const { h0, y, hn, hidden, lengths, batch } = stretch
      const g = project(
        e,
        stretch,
        packGates(e, e.input(1), stretch, 0, 1),
        addedBias(e, e.inputs[3], stretch, 0, 1),
        hidden,
      )
      const wide = isWide(stretch, 1)
      const packed = packRecurrent(e, e.input(2), stretch, 0, 1, wide)
      const table = e.table(recurrenceTable({ ...stretch, ...rowsOfGates(stretch, 1), wide }))
      e.call('rnn_f32', g, packed, h0, y, hn, lengths, table, act, 0, batch)
    })
  },
  compute: (c) => run(1, ['Tanh'], plainCell, c),
})

export const GRU = defineOp({
  name: 'GRU',
  takes: isFloat,
  arity: [3, 6],
  outputs: 2,
  attributes: { ...common, linear_before_reset: int(0) },
  infer: ({ attributes, inputs }) =>
    outputTypes(inputs[0], recurrentSizes(3, attributes, inputs), attributes.layout).slice(0, 2),
  kernel: (types, attributes) => plainRecurrence(types, attributes, ['sigmoid', 'tanh']),
  emit(e) {
    const after = e.attributes.linear_before_reset ? 1 : 0
    emitStretches(e, 3, (stretch) => {
      const { h0, y, hn, hidden, lengths, batch } = stretch
      const [w, r, b] = [e.input(1), e.input(2), e.inputs[3]]
      const g = project(e, stretch, packGates(e, w, stretch, 0, 2), addedBias(e, b, stretch, 0, 2), 2 * hidden)
      const gh = project(
        e,
        stretch,
        packGates(e, w, stretch, 2, 1),
        after ? biasOfGate(b, stretch, 2, 0) : addedBias(e, b, stretch, 2, 1),
        hidden,
      )
      const wide = isWide(stretch, 3)
      const [zr, candidate] = [packRecurrent(e, r, stretch, 0, 2, wide), packRecurrent(e, r, stretch, 2, 1, wide)]
      const biasH = after ? biasOfGate(b, stretch, 2, 1) : 0
      const scratch = e.scratch(batch * hidden * 4)
      // The strides of the candidate's rows, of which those of the other two gates are twice as long.
      const table = e.table(recurrenceTable({ ...stretch, ...rowsOfGates(stretch, 1), wide, after: after !== 0 }))
      e.call('gru_f32', g, gh, zr, candidate, biasH, h0, y, hn, lengths, table, 0, batch, scratch)
    })
  },
  compute: (c) => run(3, ['Sigmoid', 'Tanh'], gruCell, c),
})

export const LSTM = defineOp({
  name: 'LSTM',
  takes: isFloat,
  arity: [3, 8],
  outputs: 3,
  attributes: { ...common, input_forget: int(0) },
  infer: ({ attributes, inputs }) => outputTypes(inputs[0], recurrentSizes(4, attributes, inputs), attributes.layout),
  kernel: (types, attributes) =>
    !attributes.input_forget && plainRecurrence(types, attributes, ['sigmoid', 'tanh', 'tanh']),
  emit(e) {
    emitStretches(e, 4, (stretch) => {
      const { h0, c0, y, hn, cn, hidden, lengths, batch } = stretch
      const n = 4 * hidden
      const g = project(
        e,
        stretch,
        packGates(e, e.input(1), stretch, 0, 4),
        addedBias(e, e.inputs[3], stretch, 0, 4),
        n,
      )
      const wide = isWide(stretch, 4)
      const packed = packRecurrent(e, e.input(2), stretch, 0, 4, wide)
      const table = e.table(recurrenceTable({ ...stretch, ...rowsOfGates(stretch, 4), wide }))
      e.call('lstm_f32', g, packed, h0, c0, y, hn, cn, lengths, table, 0, batch)
    })
  },
  compute: (c) => run(4, ['Sigmoid', 'Tanh', 'Tanh'], lstmCell, c),
})

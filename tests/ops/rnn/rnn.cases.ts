import { gru, lstm, rnn } from './rnn.reference.js'
import { dynamicQuantizeLstm } from './dynamic-quantize-lstm.reference.js'
import { f32, typed, weight, type Case, type Spec } from '../case.js'

const layoutOne = 'ONNX Runtime refuses layout 1'

/** X, W, R, B, sequence_lens, initial_h, initial_c, P for the sizes of a cell. */
function operands(
  gates: number,
  [length, batch, input, hidden]: readonly [number, number, number, number],
  options: {
    directions?: number
    bias?: boolean
    lengths?: readonly number[]
    initial?: boolean
    peepholes?: boolean
    layout?: number
    fed?: boolean
  } = {},
): (Spec | undefined)[] {
  const { directions = 1, bias = true, lengths, initial, peepholes, layout, fed } = options
  const make = fed ? f32 : weight
  const state = layout ? [batch, directions, hidden] : [directions, batch, hidden]
  const inputs = [
    f32(layout ? [batch, length, input] : [length, batch, input]),
    make([directions, gates * hidden, input]),
    make([directions, gates * hidden, hidden]),
    bias ? make([directions, 2 * gates * hidden]) : undefined,
    lengths ? typed('int32', [batch], { values: lengths }) : undefined,
    initial ? f32(state) : undefined,
  ]
  if (gates !== 4) return inputs
  return [...inputs, initial ? f32(state) : undefined, peepholes ? weight([directions, 3 * hidden]) : undefined]
}

const rnnCases: Case[] = [
  { name: 'defaults', op: 'RNN', inputs: operands(1, [5, 3, 7, 6]), outputs: 2, reference: rnn },
  {
    name: 'bidirectional, lengths, initial state',
    op: 'RNN',
    inputs: operands(1, [5, 3, 4, 5], { directions: 2, lengths: [5, 2, 1], initial: true }),
    attributes: { direction: 'bidirectional', hidden_size: 5 },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'relu, clip, reverse',
    gradient: false,
    op: 'RNN',
    inputs: operands(1, [4, 2, 3, 9], { bias: false }),
    attributes: { direction: 'reverse', activations: ['Relu'], clip: 0.5 },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'no steps',
    op: 'RNN',
    inputs: operands(1, [0, 2, 3, 4], { initial: true }),
    outputs: 2,
    reference: rnn,
    withoutOrt: 'ONNX Runtime refuses empty sequences',
  },
  {
    name: 'affine',
    gradient: false,
    op: 'RNN',
    inputs: operands(1, [3, 1, 2, 2]),
    attributes: { activations: ['Affine'], activation_alpha: [0.5], activation_beta: [0.1] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'scaled tanh',
    gradient: false,
    op: 'RNN',
    inputs: operands(1, [3, 1, 2, 2]),
    attributes: { activations: ['ScaledTanh'], activation_alpha: [0.5], activation_beta: [0.7] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'hard sigmoid',
    gradient: false,
    op: 'RNN',
    inputs: operands(1, [3, 1, 2, 2]),
    attributes: { activations: ['HardSigmoid'], activation_alpha: [0.3], activation_beta: [0.4] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'elu',
    gradient: false,
    op: 'RNN',
    inputs: operands(1, [3, 1, 2, 2]),
    attributes: { activations: ['Elu'], activation_alpha: [0.8] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'leaky relu',
    gradient: false,
    op: 'RNN',
    inputs: operands(1, [3, 1, 2, 2]),
    attributes: { activations: ['LeakyRelu'], activation_alpha: [0.2] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'thresholded relu',
    gradient: false,
    op: 'RNN',
    inputs: operands(1, [3, 1, 2, 2]),
    attributes: { activations: ['ThresholdedRelu'], activation_alpha: [0.2] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'softsign',
    gradient: false,
    op: 'RNN',
    inputs: operands(1, [3, 1, 2, 2]),
    attributes: { activations: ['Softsign'] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'softplus',
    gradient: false,
    op: 'RNN',
    inputs: operands(1, [3, 1, 2, 2]),
    attributes: { activations: ['Softplus'] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'bidirectional, initial state',
    op: 'RNN',
    inputs: operands(1, [5, 3, 4, 5], { directions: 2, initial: true }),
    attributes: { direction: 'bidirectional' },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'relu',
    op: 'RNN',
    inputs: operands(1, [4, 2, 3, 9]),
    attributes: { activations: ['Relu'] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'identity',
    op: 'RNN',
    inputs: operands(1, [4, 2, 3, 5], { bias: false, initial: true }),
    attributes: { direction: 'reverse', activations: ['Affine'], activation_alpha: [1], activation_beta: [0] },
    outputs: 2,
    reference: rnn,
  },
  {
    name: 'layout 1',
    op: 'RNN',
    inputs: operands(1, [4, 3, 2, 5], { initial: true, layout: 1 }),
    attributes: { layout: 1 },
    outputs: 2,
    reference: rnn,
    withoutOrt: layoutOne,
  },
]

const gruCases: Case[] = [
  { name: 'defaults', op: 'GRU', inputs: operands(3, [5, 3, 7, 6]), outputs: 2, reference: gru },
  {
    name: 'linear before reset',
    op: 'GRU',
    inputs: operands(3, [5, 3, 7, 6], { initial: true }),
    attributes: { linear_before_reset: 1 },
    outputs: 2,
    reference: gru,
  },
  {
    name: 'batch 1, hidden 16',
    op: 'GRU',
    inputs: operands(3, [9, 1, 16, 16]),
    attributes: { linear_before_reset: 1 },
    outputs: 2,
    reference: gru,
  },
  {
    name: 'bidirectional, lengths, initial state',
    op: 'GRU',
    inputs: operands(3, [5, 3, 4, 5], { directions: 2, lengths: [3, 5, 1], initial: true }),
    attributes: { direction: 'bidirectional' },
    outputs: 2,
    reference: gru,
  },
  {
    name: 'clip, reverse, other functions',
    gradient: false,
    op: 'GRU',
    inputs: operands(3, [4, 2, 3, 9], { bias: false }),
    attributes: {
      direction: 'reverse',
      activations: ['HardSigmoid', 'Softsign'],
      activation_alpha: [0.2],
      activation_beta: [0.5],
      clip: 0.4,
    },
    outputs: 2,
    reference: gru,
  },
  { name: 'weights fed', op: 'GRU', inputs: operands(3, [3, 2, 3, 4], { fed: true }), outputs: 2, reference: gru },
  {
    name: 'bidirectional, initial state',
    op: 'GRU',
    inputs: operands(3, [5, 3, 4, 5], { directions: 2, initial: true }),
    attributes: { direction: 'bidirectional' },
    outputs: 2,
    reference: gru,
  },
  {
    name: 'bidirectional, linear before reset',
    op: 'GRU',
    inputs: operands(3, [4, 2, 4, 6], { directions: 2, initial: true }),
    attributes: { direction: 'bidirectional', linear_before_reset: 1 },
    outputs: 2,
    reference: gru,
  },
  {
    name: 'linear before reset, lengths',
    op: 'GRU',
    inputs: operands(3, [4, 3, 4, 6], { lengths: [2, 4, 1], initial: true }),
    attributes: { linear_before_reset: 1, direction: 'reverse' },
    outputs: 2,
    reference: gru,
  },
  {
    name: 'layout 1',
    op: 'GRU',
    inputs: operands(3, [4, 3, 2, 5], { directions: 2, initial: true, layout: 1 }),
    attributes: { layout: 1, direction: 'bidirectional' },
    outputs: 2,
    reference: gru,
    withoutOrt: layoutOne,
  },
]

const lstmCases: Case[] = [
  { name: 'defaults', op: 'LSTM', inputs: operands(4, [5, 3, 7, 6]), outputs: 3, reference: lstm },
  {
    name: 'batch 1, hidden 16',
    op: 'LSTM',
    inputs: operands(4, [9, 1, 16, 16], { initial: true }),
    outputs: 3,
    reference: lstm,
  },
  {
    name: 'peepholes',
    op: 'LSTM',
    inputs: operands(4, [5, 2, 3, 5], { peepholes: true, initial: true }),
    outputs: 3,
    reference: lstm,
  },
  {
    name: 'bidirectional, lengths, initial state',
    op: 'LSTM',
    inputs: operands(4, [5, 3, 4, 5], { directions: 2, lengths: [1, 5, 4], initial: true }),
    attributes: { direction: 'bidirectional' },
    outputs: 3,
    reference: lstm,
  },
  {
    name: 'reverse, no bias',
    op: 'LSTM',
    inputs: operands(4, [4, 2, 3, 9], { bias: false }),
    attributes: { direction: 'reverse' },
    outputs: 3,
    reference: lstm,
  },
  {
    name: 'clip',
    gradient: false,
    op: 'LSTM',
    inputs: operands(4, [4, 2, 3, 5], { initial: true }),
    attributes: { clip: 0.3 },
    outputs: 3,
    reference: lstm,
  },
  {
    name: 'coupled gates',
    gradient: false,
    op: 'LSTM',
    inputs: operands(4, [4, 2, 3, 5], { initial: true }),
    attributes: { input_forget: 1 },
    outputs: 3,
    reference: lstm,
  },
  {
    name: 'other functions',
    gradient: false,
    op: 'LSTM',
    inputs: operands(4, [4, 2, 3, 5]),
    attributes: { activations: ['Softsign', 'Relu', 'Softplus'] },
    outputs: 3,
    reference: lstm,
  },
  {
    name: 'lengths of zero',
    op: 'LSTM',
    inputs: operands(4, [3, 2, 2, 3], { lengths: [0, 3], initial: true }),
    outputs: 3,
    reference: lstm,
    withoutOrt: 'for an empty sequence ONNX Runtime forgets the initial state',
  },
  { name: 'weights fed', op: 'LSTM', inputs: operands(4, [3, 2, 3, 4], { fed: true }), outputs: 3, reference: lstm },
  {
    name: 'bidirectional, initial state',
    op: 'LSTM',
    inputs: operands(4, [5, 3, 4, 5], { directions: 2, initial: true }),
    attributes: { direction: 'bidirectional' },
    outputs: 3,
    reference: lstm,
  },
  {
    name: 'peepholes, bidirectional, lengths',
    op: 'LSTM',
    inputs: operands(4, [4, 3, 2, 5], { directions: 2, lengths: [4, 0, 2], peepholes: true }),
    attributes: { direction: 'bidirectional' },
    outputs: 3,
    reference: lstm,
    withoutOrt: 'for an empty sequence ONNX Runtime forgets the state',
  },
  {
    name: 'layout 1',
    op: 'LSTM',
    inputs: operands(4, [4, 3, 2, 5], { initial: true, layout: 1, peepholes: true }),
    attributes: { layout: 1 },
    outputs: 3,
    reference: lstm,
    withoutOrt: layoutOne,
  },
]

/**
 * The operands of {@link operands} with W and R as bytes, turned, and their scales and zero points: one per direction,
 * or per column.
 */
function quantisedOperands(
  dtype: 'int8' | 'uint8',
  sizes: readonly [number, number, number, number],
  { perColumn, zero = 0, ...options }: Parameters<typeof operands>[2] & { perColumn?: boolean; zero?: number } = {},
): (Spec | undefined)[] {
  const [, , input, hidden] = sizes
  const { directions = 1, fed } = options
  const all: (Spec | undefined)[] = operands(4, sizes, { bias: true, peepholes: false, ...options })
  while (all.length < 8) all.push(undefined)
  const constant = !fed
  const [low, high] = dtype === 'int8' ? [-128, 128] : [0, 256]
  all[1] = typed(dtype, [directions, input, 4 * hidden], { low, high, constant })
  all[2] = typed(dtype, [directions, hidden, 4 * hidden], { low, high, constant })
  const shape = perColumn ? [directions, 4 * hidden] : [directions]
  const count = directions * (perColumn ? 4 * hidden : 1)
  const scale = () => f32(shape, { low: 0.003, high: 0.008, constant })
  const zeroPoint = () => typed(dtype, shape, { values: Array<number>(count).fill(zero), constant })
  return [...all, scale(), zeroPoint(), scale(), zeroPoint()]
}

const quantisedCases: Case[] = [
  {
    name: 'int8',
    inputs: quantisedOperands('int8', [5, 1, 7, 6]),
  },
  {
    name: 'uint8, a batch, initial state, lengths',
    inputs: quantisedOperands('uint8', [6, 3, 4, 8], { zero: 128, initial: true, lengths: [6, 2, 4] }),
  },
  {
    name: 'per column, both directions, peepholes',
    inputs: quantisedOperands('int8', [5, 2, 3, 5], { perColumn: true, directions: 2, peepholes: true, initial: true }),
    attributes: { direction: 'bidirectional' },
  },
  {
    name: 'uint8 per column, reverse, no bias, weights fed',
    inputs: quantisedOperands('uint8', [4, 2, 3, 9], { perColumn: true, zero: 120, bias: false, fed: true }),
    attributes: { direction: 'reverse' },
  },
  {
    name: 'clip, coupled gates, other functions',
    inputs: quantisedOperands('int8', [4, 2, 3, 5], { initial: true }),
    attributes: { clip: 0.5, input_forget: 1, activations: ['Sigmoid', 'Relu', 'Softsign'] },
  },
].map((row) => ({
  op: 'DynamicQuantizeLSTM',
  domain: 'com.microsoft',
  outputs: 3,
  reference: dynamicQuantizeLstm,
  ...row,
  attributes: { hidden_size: row.inputs[2]!.shape[1], ...row.attributes },
}))

/** hidden_size may be left out by the specification, but ONNX Runtime insists on it. */
export const rnnFamilyCases: readonly Case[] = [...rnnCases, ...gruCases, ...lstmCases, ...quantisedCases].map(
  (row) => {
    return row.withoutOrt || row.domain
      ? row
      : { ...row, attributes: { hidden_size: row.inputs[2]!.shape[2], ...row.attributes } }
  },
)

// What RNN, GRU and LSTM are given and make: attributes, sizes, places of states.
import { LanewiseError } from '../../core/errors.js'
import { formatShape, type Shape } from '../../core/shape.js'
import { requiredInput, type TensorType } from '../../ir/op.js'

export interface RecurrentAttributes {
  readonly activation_alpha: readonly number[] | undefined
  readonly activation_beta: readonly number[] | undefined
  readonly activations: readonly string[] | undefined
  readonly clip: number | undefined
  readonly direction: string
  readonly hidden_size: number | undefined
  readonly layout: number
}

/** Sizes of a recurrent operator. */
export interface RecurrentSizes {
  readonly length: number
  readonly batch: number
  readonly input: number
  readonly hidden: number
  readonly directions: number
}

/**
 * The sizes that inputs X, W, R, B, sequence_lens, initial_h, initial_c and P agree on.
 *
 * @throws LanewiseError `E_SHAPE` if they do not, `E_VALUE` for an unknown direction.
 */
export function recurrentSizes(
  gates: number,
  attributes: RecurrentAttributes,
  inputs: readonly (TensorType | undefined)[],
): RecurrentSizes {
  const { direction, layout } = attributes
  if (direction !== 'forward' && direction !== 'reverse' && direction !== 'bidirectional') {
    throw new LanewiseError('E_VALUE', `direction "${direction}" is not known`)
  }
  const directions = direction === 'bidirectional' ? 2 : 1
  const [, w, , b, lengths, h, c, p] = inputs
  const [x, r] = [requiredInput(inputs, 0), requiredInput(inputs, 2)]
  expectRank(x.shape, 3, 'X')
  expectRank(r.shape, 3, 'R')
  const [length, batch] = layout ? [x.shape[1], x.shape[0]] : x.shape
  const input = x.shape[2]
  const hidden = r.shape[2]
  if (attributes.hidden_size !== undefined && attributes.hidden_size !== hidden) {
    throw new LanewiseError('E_SHAPE', `hidden_size is ${attributes.hidden_size}, R ${formatShape(r.shape)}`)
  }
  const state = layout ? [batch, directions, hidden] : [directions, batch, hidden]
  expectShape(w, [directions, gates * hidden, input], 'W')
  expectShape(r, [directions, gates * hidden, hidden], 'R')
  expectShape(b, [directions, 2 * gates * hidden], 'B')
  expectShape(lengths, [batch], 'sequence_lens')
  expectShape(h, state, 'initial_h')
  expectShape(c, state, 'initial_c')
  expectShape(p, [directions, 3 * hidden], 'P')
  return { length, batch, input, hidden, directions }
}

function expectRank(shape: Shape, rank: number, what: string): void {
  if (shape.length !== rank)
    throw new LanewiseError('E_SHAPE', `${what} must have ${rank} axes, got ${formatShape(shape)}`)
}

function expectShape(type: TensorType | undefined, shape: Shape, what: string): void {
  if (!type || type.shape.join() === shape.join()) return
  throw new LanewiseError('E_SHAPE', `${what} is ${formatShape(type.shape)}, should be ${formatShape(shape)}`, {
    expected: formatShape(shape),
    actual: formatShape(type.shape),
  })
}

/** Y, Y_h and, for an LSTM, Y_c. */
export function outputTypes(
  x: TensorType,
  { length, batch, hidden, directions }: RecurrentSizes,
  layout: number,
): TensorType[] {
  const state = { dtype: x.dtype, shape: layout ? [batch, directions, hidden] : [directions, batch, hidden] }
  return [
    { dtype: x.dtype, shape: layout ? [batch, length, directions, hidden] : [length, directions, batch, hidden] },
    state,
    state,
  ]
}

/** Where the row of an example in a direction begins: sequence-first and batch-first. */
export function stateAt(
  layout: number,
  { batch, hidden, directions }: RecurrentSizes,
  direction: number,
  example: number,
): number {
  return (layout ? example * directions + direction : direction * batch + example) * hidden
}

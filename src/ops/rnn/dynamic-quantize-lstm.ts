// DynamicQuantizeLSTM of ONNX Runtime (domain com.microsoft, docs/ContribOperators.md): an LSTM on weights of bytes.
// Its input is quantised as a whole, its state again at every step, each for all examples together by their common
// range (as in onnxruntime with one thread: with more, each has a range for its examples); sums are integers until they
// are scaled.
import { LanewiseError } from '../../core/errors.js'
import type { HostTensor } from '../../core/host.js'
import { toNumbers } from '../../core/host.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { float, floats, int, string, strings } from '../../ir/attributes.js'
import { defineOp, type TensorType, type Work } from '../../ir/op.js'
import { floatsOf, floatTensor, numbersOf } from '../shared/scalar-floats.js'
import { checkQuantized, dynamicRange, perTensor, quantized } from '../quantize/quantize.js'
import { checkLengths } from './rnn-emit.js'
import { cellActivations, lstmGates } from './rnn-scalar.js'
import { outputTypes, recurrentSizes } from './rnn-sizes.js'

const GATES = 4
const { fround } = Math

const attributes = {
  activation_alpha: floats(),
  activation_beta: floats(),
  activations: strings(),
  clip: float(),
  direction: string('forward'),
  hidden_size: int(),
  input_forget: int(0),
}

/** Weights of a direction, rows × 4 · hidden, less their zero points, and the scale of each column. */
interface Weights {
  readonly rows: number
  readonly columns: number
  readonly data: Int16Array
  readonly scales: Float32Array
}

/** [directions, rows, columns] as LSTM has it. */
function turned(type: TensorType, what: string): TensorType {
  if (type.shape.length !== 3)
    throw new LanewiseError('E_SHAPE', `${what} must have 3 axes, got ${formatShape(type.shape)}`)
  const [directions, rows, columns] = type.shape
  return { dtype: type.dtype, shape: [directions, columns, rows] }
}

/** One number per direction, or one per column of each. */
function checkPerColumn({ shape }: TensorType, directions: number, columns: number, what: string): void {
  const fits = shape[0] === directions && (shape.length === 1 || (shape.length === 2 && shape[1] === columns))
  if (!fits)
    throw new LanewiseError('E_SHAPE', `${what} is ${formatShape(shape)}`, {
      expected: `[${directions}] or [${directions},${columns}]`,
      actual: formatShape(shape),
    })
}

function weightsOf(tensor: HostTensor, scale: HostTensor, zero: HostTensor, direction: number): Weights {
  const [, rows, columns] = tensor.shape
  const bytes = numbersOf(tensor)
  const from = direction * rows * columns
  const each = (of: ArrayLike<number>, shape: Shape) => (column: number) =>
    of[shape.length === 1 ? direction : direction * columns + column]
  const zeroOf = each(numbersOf(zero), zero.shape)
  const scaleOf = each(floatsOf(scale), scale.shape)
  const data = new Int16Array(rows * columns)
  for (let i = 0; i < data.length; i++) data[i] = bytes[from + i] - zeroOf(i % columns)
  return { rows, columns, data, scales: Float32Array.from({ length: columns }, (_, i) => scaleOf(i)) }
}

/** x · weights of rows that are quantised to uint8 by their common range; each sum is scaled once. */
function product(x: Float32Array, { rows, columns, data, scales }: Weights): Float32Array {
  const count = rows === 0 ? 0 : x.length / rows
  const range = dynamicRange(x)
  const zero: HostTensor = { dtype: 'uint8', shape: [], data: Uint8Array.of(range.zero) }
  const values = quantized(
    floatTensor('float32', [x.length], x),
    floatTensor('float32', [], [range.scale]),
    zero,
    'uint8',
    perTensor(x.length),
  ).data as Uint8Array
  const result = new Float32Array(count * columns)
  const sums = new Float64Array(columns)
  const both = scales.map((scale) => range.scale * scale)
  for (let row = 0; row < count; row++) {
    sums.fill(0)
    for (let k = 0; k < rows; k++) {
      const value = values[row * rows + k] - range.zero
      if (value === 0) continue
      for (let column = 0; column < columns; column++) sums[column] += value * data[k * columns + column]
    }
    for (let column = 0; column < columns; column++)
      result[row * columns + column] = fround(sums[column]) * both[column]
  }
  return result
}

export const DynamicQuantizeLSTM = defineOp({
  name: 'DynamicQuantizeLSTM',
  domain: 'com.microsoft',
  arity: 12,
  optional: [3, 4, 5, 6, 7],
  attributes,
  infer({ attributes, inputs }) {
    const [x, w, r, b, lengths, h, c, p, wScale, wZero, rScale, rZero] = inputs
    for (const input of [x, b, h, c, p])
      if (input && input.dtype !== 'float32')
        throw new LanewiseError('E_TENSOR', `an operand is ${input.dtype}`, {
          expected: 'float32',
          actual: input.dtype,
        })
    checkQuantized(inputs, [
      [w.dtype, 8, 9, 'columns'],
      [r.dtype, 10, 11, 'columns'],
    ])
    const sizes = recurrentSizes(GATES, { ...attributes, layout: 0 }, [
      x,
      turned(w, 'W'),
      turned(r, 'R'),
      b,
      lengths,
      h,
      c,
      p,
    ])
    const columns = GATES * sizes.hidden
    checkPerColumn(wScale, sizes.directions, columns, 'the scale of W')
    checkPerColumn(wZero, sizes.directions, columns, 'the zero point of W')
    checkPerColumn(rScale, sizes.directions, columns, 'the scale of R')
    checkPerColumn(rZero, sizes.directions, columns, 'the zero point of R')
    return outputTypes(x, sizes, 0)
  },
  *work({ attributes, inputs, outputs }): Work {
    const [x, w, r, b, lengths, h0, c0, p, wScale, wZero, rScale, rZero] = inputs
    const [length, batch] = x.shape
    const [directions, hidden] = [w.shape[0], r.shape[1]]
    const columns = GATES * hidden
    const steps = lengths ? toNumbers(lengths, 'sequence_lens') : Array<number>(batch).fill(length)
    checkLengths(steps, length)
    const longest = Math.max(0, ...steps)
    const activations = cellActivations(attributes, ['Sigmoid', 'Tanh', 'Tanh'], directions)
    const [y, yh, yc] = [0, 1, 1].map((i) => new Float32Array(sizeOf(outputs[i].shape)))
    const part = (of: HostTensor | undefined, direction: number, size: number) =>
      of && (floatsOf(of) as Float32Array).subarray(direction * size, (direction + 1) * size)
    for (let d = 0; d < directions; d++) {
      const backward = attributes.direction === 'reverse' || d === 1
      const given = (floatsOf(x) as Float32Array).subarray(0, longest * batch * x.shape[2])
      const fromInput = product(given, weightsOf(w, wScale, wZero, d))
      const recurrent = weightsOf(r, rScale, rZero, d)
      const bias = part(b, d, 2 * columns)
      const gates = lstmGates({
        hidden,
        p: part(p, d, 3 * hidden),
        clip: attributes.clip ?? Infinity,
        activations: activations[d],
        coupled: attributes.input_forget !== 0,
      })
      const h = Float32Array.from(part(h0, d, batch * hidden) ?? new Float32Array(batch * hidden))
      const c = Float32Array.from(part(c0, d, batch * hidden) ?? new Float32Array(batch * hidden))
      const sums = new Float32Array(columns)
      // What sequences of no steps end with.
      yh.set(h, d * batch * hidden)
      yc.set(c, d * batch * hidden)
      for (let i = 0; i < longest; i++) {
        yield
        const fromState = product(h, recurrent)
        for (let n = 0; n < batch; n++) {
          const row = n * hidden
          const state = h.subarray(row, row + hidden)
          if (i >= steps[n]) {
            state.fill(0)
            continue
          }
          const t = backward ? steps[n] - 1 - i : i
          for (let j = 0; j < columns; j++) {
            const sum = fround(fromInput[(t * batch + n) * columns + j] + fromState[n * columns + j])
            sums[j] = sum + (bias ? fround(bias[j] + bias[columns + j]) : 0)
          }
          const cell = c.subarray(row, row + hidden)
          gates(sums, state, cell)
          y.set(state, ((t * directions + d) * batch + n) * hidden)
          if (i === steps[n] - 1) {
            yh.set(state, (d * batch + n) * hidden)
            yc.set(cell, (d * batch + n) * hidden)
          }
        }
      }
    }
    return [y, yh, yc].slice(0, outputs.length).map((values, i) => floatTensor('float32', outputs[i].shape, values))
  },
})

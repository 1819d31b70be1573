// The recurrent operators on the kernels of assembly/rnn/rnn.ts: float32, the usual functions, no clip, no peepholes.
import { BINARY_ADD, UNARY_NONE } from '../../../assembly/abi/codes.js'
import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { emitStridedCopy } from '../../ir/strided.js'
import { toNumbers } from '../../core/host.js'
import { plus, type Address, type Emitter, type KernelEmitter, type Operand } from '../../ir/emitter.js'
import { VECTOR_ROWS } from '../matmul/variants.js'
import { recurrentSizes, stateAt, type RecurrentAttributes } from './rnn-sizes.js'
import { choosePanels, WIDE } from './variants.js'

/** Whether the kernels do what the attributes ask for. */
export function plainRecurrence(
  types: readonly (DType | undefined)[],
  attributes: RecurrentAttributes,
  functions: readonly string[],
): boolean {
  const { activations, clip } = attributes
  const usual =
    !activations?.length || activations.every((name, i) => name.toLowerCase() === functions[i % functions.length])
  return (
    usual &&
    clip === undefined &&
    types[7] === undefined &&
    types.every((type, i) => type === undefined || type === (i === 4 ? 'int32' : 'float32'))
  )
}

/**
 * Where a kernel finds some steps of one direction of a layer: `steps` of them, the first at place `from` of the
 * sequence. Strides are in elements.
 */
export interface Stretch {
  readonly direction: number
  readonly reverse: boolean
  readonly input: number
  readonly hidden: number
  readonly from: number
  readonly steps: number
  readonly batch: number
  /** Of the rows that `project` makes, in rows: from one step to the next, and from one example to the next. */
  readonly gStep: number
  readonly gRow: number
  /** The states before and after, 0 where there are none. */
  readonly h0: Address | 0
  readonly c0: Address | 0
  readonly hn: Address | 0
  readonly cn: Address | 0
  readonly stateRow: number
  readonly y: Address
  readonly yStep: number
  readonly yRow: number
  readonly lengths: Address | 0
}

/** What a recurrence's kernel reads from its table: strides in elements. */
export interface Recurrence {
  readonly gStep: number
  readonly gRow: number
  readonly stateRow: number
  readonly yStep: number
  readonly yRow: number
  readonly steps: number
  readonly hidden: number
  /** Whether the recurrent weights are in wide panels. */
  readonly wide?: boolean
  readonly reverse: boolean
  /** GRU: linear_before_reset. */
  readonly after?: boolean
}

/** The table of a recurrence, in the order of RNN_* in assembly/abi/codes.ts. */
export function recurrenceTable(r: Recurrence): Int32Array {
  const { gStep, gRow, stateRow, yStep, yRow, steps, hidden, wide, reverse, after } = r
  return Int32Array.of(
    gStep,
    gRow,
    stateRow,
    yStep,
    yRow,
    steps,
    hidden,
    Number(wide ?? false),
    Number(reverse),
    Number(after ?? false),
  )
}

/**
 * Floats of products with the inputs that are made at a time: they are to be in the second-level cache when the steps
 * read them.
 */
const STRETCH_FLOATS = 65536
/** Rows of them that make a product worth the reading of W. */
const STRETCH_ROWS = 128

/** Calls `emit` for the stretches of every direction, with Y, Y_h and Y_c placed. */
export function emitStretches(e: Emitter<RecurrentAttributes>, gates: number, emit: (stretch: Stretch) => void): void {
  const sizes = recurrentSizes(gates, e.attributes, e.inputs)
  const { length, batch, input, hidden, directions } = sizes
  const { layout, direction } = e.attributes
  const y = e.outputs[0] ? e.output(0).at : e.scratch(length * directions * batch * hidden * 4)
  // A direction's states are read before its last ones are written, and cells are where they were from the first step
  // on.
  const last = e.outputs[1] && e.overwrite(1, 5).at
  const cells =
    gates === 4 ? (e.outputs[2] ? e.overwrite(2, 6).at : e.scratch(directions * batch * hidden * 4)) : undefined
  const lengths = e.inputs[4]
  if (lengths) e.check(lengths, (tensor) => checkLengths(toNumbers(tensor, 'sequence_lens'), length))
  const stateRow = layout ? directions * hidden : hidden
  const yStep = directions * (layout ? hidden : batch * hidden)
  const yRow = hidden * (layout ? length * directions : 1)
  // States have the same strides between examples throughout, so that a stretch may begin with what the one before it
  // left only where those are Y's, too. Examples that end early each begin elsewhere.
  const most = Math.max(
    Math.floor(STRETCH_FLOATS / Math.max(batch * gates * hidden, 1)),
    Math.ceil(STRETCH_ROWS / Math.max(batch, 1)),
  )
  const whole = lengths !== undefined || layout !== 0 || length <= most
  const steps = whole ? Math.max(length, 1) : most
  for (let d = 0; d < directions; d++) {
    const reverse = direction === 'reverse' || d === 1
    const state = stateAt(layout, sizes, d, 0) * 4
    const yAt = plus(y, (layout ? d : d * batch) * hidden * 4)
    const given = (operand: Operand | undefined) => (operand ? plus(operand.at, state) : 0)
    const cn = cells ? plus(cells, state) : 0
    for (let done = 0; done === 0 || done < length; done += steps) {
      const count = Math.min(steps, length - done)
      const from = reverse ? length - done - count : done
      const before = reverse ? from + count : from - 1
      emit({
        direction: d,
        reverse,
        input,
        hidden,
        from,
        steps: count,
        batch,
        gStep: layout ? 1 : batch,
        gRow: layout ? length : 1,
        h0: done === 0 ? given(e.inputs[5]) : plus(yAt, before * yStep * 4),
        c0: done === 0 ? given(e.inputs[6]) : cn,
        hn: last && done + count === length ? plus(last, state) : 0,
        cn,
        stateRow,
        y: plus(yAt, from * yStep * 4),
        yStep,
        yRow,
        lengths: lengths ? lengths.at : 0,
      })
    }
  }
  e.note({
    kernel: choosePanels({ batch, hidden, gates }),
    flops: 2 * length * batch * directions * gates * hidden * (input + hidden),
  })
}

/** @throws LanewiseError `E_VALUE` for a length that is longer than the sequence, or negative. */
export function checkLengths(lengths: readonly number[], longest: number): void {
  for (const steps of lengths) {
    if (!(steps >= 0 && steps <= longest))
      throw new LanewiseError('E_VALUE', `a sequence length of ${steps} is outside [0, ${longest}]`)
  }
}

/**
 * Rows [from, from + count) · hidden of a direction's weights [directions, gates · hidden, depth] (W or R), packed as
 * the right side of a product.
 */
export function packGates(
  e: KernelEmitter,
  weights: Operand,
  { direction, hidden }: Pick<Stretch, 'direction' | 'hidden'>,
  from: number,
  count: number,
): Address {
  const [, rows, depth] = weights.shape
  const n = count * hidden
  return e.pack(
    weights,
    `gates ${direction} ${from} ${count} ${rows / hidden}`,
    e.ask('gemm_packed_size', depth, n),
    (p, at, to) => {
      p.call('gemm_pack_f32', plus(at, (direction * rows + from * hidden) * depth * 4), 1, depth, depth, n, to)
    },
  )
}

/** Whether a layer's recurrent weights (`gates` · hidden²) are packed by {@link packRecurrent} in wide panels. */
export function isWide({ batch, hidden }: Pick<Stretch, 'batch' | 'hidden'>, gates: number): boolean {
  return choosePanels({ batch, hidden, gates }) === 'wide'
}

/** Recurrent weights of some gates, in narrow or in wide panels. */
export function packRecurrent(
  e: KernelEmitter,
  weights: Operand,
  stretch: Pick<Stretch, 'direction' | 'hidden'>,
  from: number,
  count: number,
  wide: boolean,
): Address {
  if (!wide) return packGates(e, weights, stretch, from, count)
  const { direction, hidden } = stretch
  const [, rows] = weights.shape
  const axes = [
    { size: (count * hidden) / WIDE, from: WIDE * hidden, to: WIDE * hidden },
    { size: WIDE, from: hidden, to: 1 },
    { size: hidden, from: 1, to: WIDE },
  ]
  return e.pack(
    weights,
    `wide gates ${direction} ${from} ${count} ${rows / hidden}`,
    count * hidden * hidden * 4,
    (p, at, to) => {
      emitStridedCopy(p, 'float32', { axes, from: (direction * rows + from * hidden) * hidden, to: 0 }, at, to)
    },
  )
}

/** Input and recurrent biases of some gates, added; 0 if there are none. */
export function addedBias(
  e: KernelEmitter,
  bias: Operand | undefined,
  { direction, hidden }: Pick<Stretch, 'direction' | 'hidden'>,
  from: number,
  count: number,
): Address | 0 {
  if (!bias) return 0
  const half = bias.shape[1] / 2
  const n = count * hidden
  return e.pack(bias, `gates ${direction} ${from} ${count} ${half / hidden}`, n * 4, (p, at, to) => {
    const first = direction * 2 * half + from * hidden
    p.call('binary_f32', BINARY_ADD, plus(at, first * 4), 1, plus(at, (first + half) * 4), 1, to, n)
  })
}

/** One half of the bias of one gate as it is. */
export function biasOfGate(
  bias: Operand | undefined,
  { direction, hidden }: Pick<Stretch, 'direction' | 'hidden'>,
  gate: number,
  half: 0 | 1,
): Address | 0 {
  if (!bias) return 0
  const { shape } = bias
  return plus(bias.at, ((direction * 2 + half) * (shape[1] / 2) + gate * hidden) * 4)
}

/** X · W + bias for every step and example: [length · batch, n] in scratch, in the order of X's rows. */
export function project(
  e: Emitter<unknown>,
  stretch: Stretch,
  weights: Address,
  bias: Address | 0,
  n: number,
): Address {
  const { input, from, steps, batch, gStep } = stretch
  const rows = steps * batch
  const to = e.scratch(rows * n * 4)
  const x = plus(e.input(0).at, from * gStep * input * 4)
  if (rows <= VECTOR_ROWS)
    e.call('gemv_packed_f32', x, input, weights, bias, 0, 0, to, n, rows, input, 0, n, UNARY_NONE, 0, 0)
  else e.call('gemm_f32', x, input, weights, bias, 0, 0, to, n, input, n, 0, rows, UNARY_NONE, 0, 0)
  return to
}

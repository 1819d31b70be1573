import { REDUCE_SUM, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { formatShape } from '../../core/shape.js'
import type { Gradient, GradientEmitter, TrainingEmitter } from '../../ir/gradient.js'
import { plus, type Address, type Operand } from '../../ir/emitter.js'
import { allFloat32, defineOp, type TensorType } from '../../ir/op.js'
import { emitMatrixProduct } from '../matmul/product.js'

interface Sizes {
  readonly steps: number
  readonly batch: number
  readonly input: number
  readonly hidden: number
  readonly places: number
}

/** @throws LanewiseError `E_SHAPE` if the inputs do not fit each other. */
function sizesOf(inputs: readonly (Pick<TensorType, 'shape'> | undefined)[]): Sizes {
  const shapes = inputs.map((input) => input?.shape ?? [])
  const [[steps, batch, input], [, places, hidden]] = shapes
  const expected = [
    [steps, batch, input],
    [batch, places, hidden],
    [4 * hidden, input],
    [4 * hidden, hidden],
    [4 * hidden, hidden],
    [4 * hidden],
    [batch, hidden],
    [batch, hidden],
  ]
  const fits = expected.every((shape, i) => shape.every((size) => size >= 0) && shape.join() === shapes[i].join())
  if (!fits || places === 0)
    throw new LanewiseError(
      'E_SHAPE',
      `inputs, places, weights and states do not fit each other: ${shapes.map(formatShape).join(', ')}`,
      {
        expected:
          '[steps, batch, input], [batch, places, hidden], [4·hidden, input], twice [4·hidden, hidden], [4·hidden], twice [batch, hidden]',
        actual: shapes.map(formatShape).join(', '),
      },
    )
  return { steps, batch, input, hidden, places }
}

/**
 * An LSTM that looks at places before every step, an operator of training alone: `nn.AttentionLSTM` exports a Scan.
 * Inputs: X [steps, batch, input], A [batch, places, hidden]; W [4·hidden, input], R and U [4·hidden, hidden] for
 * inputs, states and what is attended to, B [4·hidden], gates in the order i, f, o, g; the states and cells before
 * [batch, hidden]. Outputs: Y [steps, batch, hidden], the last states and cells, the weights of the places [steps,
 * batch, places].
 */
const AttentionLSTM = defineOp({
  name: 'AttentionLSTM',
  domain: 'lanewise.train',
  arity: 8,
  attributes: {},
  infer({ inputs }) {
    const { steps, batch, hidden, places } = sizesOf(inputs)
    return [
      [steps, batch, hidden],
      [batch, hidden],
      [batch, hidden],
      [steps, batch, places],
    ].map((shape) => ({ dtype: 'float32', shape }))
  },
})

/** In the order of ATTENTION_LSTM_* in assembly/abi/codes.ts. */
const tableOf = ({ steps, batch, hidden, places }: Sizes) => Int32Array.of(steps, batch, hidden, places)

type Caller = Pick<TrainingEmitter<object> | GradientEmitter<object>, 'call' | 'ask' | 'scratch'>

/**
 * Two matrices as the right sides of products, one after the other: [k, n] with the strides of its rows and columns.
 */
function packBoth(
  e: Caller,
  matrices: readonly [Operand, Operand],
  row: number,
  column: number,
  k: number,
  n: number,
): Address {
  const bytes = e.ask('gemm_packed_size', k, n)
  const packed = e.scratch(2 * bytes)
  matrices.forEach(({ at }, i) => e.call('gemm_pack_f32', at, row, column, k, n, plus(packed, i * bytes)))
  return packed
}

function copy(e: Caller, from: Address, to: Address, size: number): void {
  if (size > 0) e.call('unary_f32', UNARY_NONE, from, to, size, 0, 0)
}

export const AttentionLSTMGradient: Gradient<object> = {
  op: AttentionLSTM,
  outputs: 4,
  kernel: allFloat32,
  forward(e) {
    const sizes = sizesOf(e.inputs)
    const { steps, batch, input, hidden } = sizes
    const [x, a, w, r, u, b, h0, c0] = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => e.input(i))
    const [y, yh, yc, p] = [0, 1, 2, 3].map((i) => e.output(i).at)
    const n = 4 * hidden
    const state = batch * hidden
    const saved = e.save(Math.max(steps * state * 6 * 4, 4))
    const weights = e.scratch(e.ask('gemm_packed_size', input, n))
    e.call('gemm_pack_f32', w.at, 1, input, input, n, weights)
    e.call('gemm_f32', x.at, input, weights, b.at, 0, 0, saved, n, input, n, 0, steps * batch, UNARY_NONE, 0, 0)
    const packed = packBoth(e, [r, u], 1, hidden, hidden, n)
    e.call('attention_lstm_f32', saved, packed, a.at, h0.at, c0.at, y, p, e.table(tableOf(sizes)), 0, batch)
    copy(e, steps ? plus(y, (steps - 1) * state * 4) : h0.at, yh, state)
    copy(e, steps ? plus(saved, (5 * steps - 1) * state * 4) : c0.at, yc, state)
  },
  backward(g) {
    const sizes = sizesOf(g.inputs)
    const { steps, batch, input, hidden, places } = sizes
    const [x, a, w, r, u, , h0, c0] = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => g.input(i))
    const [dx, da, dw, dr, du, db, dh0, dc0] = [0, 1, 2, 3, 4, 5, 6, 7].map((i) =>
      g.wants(i) ? g.result(i) : undefined,
    )
    const [dy, dyh, dyc, dp] = [0, 1, 2, 3].map((i) => g.optionalGradient(i)?.at ?? 0)
    const n = 4 * hidden
    const rows = steps * batch
    const state = batch * hidden
    const gates = g.saved(0)
    const attended = plus(gates, 5 * steps * state * 4)
    const [dh, dc] = [
      [dyh, dh0],
      [dyc, dc0],
    ].map(([last, into]) => {
      const to = into ? (into as Operand).at : g.scratch(Math.max(state * 4, 4))
      if (last) copy(g, last as Address, to, state)
      else g.call('fill_f32', to, 0, state)
      return to
    })
    // The states before every step, one after the other.
    const before = g.scratch(Math.max(rows * hidden * 4, 4))
    copy(g, h0.at, before, steps ? state : 0)
    copy(g, g.output(0).at, plus(before, state * 4), Math.max(steps - 1, 0) * state)
    const packed = packBoth(g, [r, u], hidden, 1, n, hidden)
    g.call(
      'attention_lstm_gradient_f32',
      gates,
      packed,
      a.at,
      before,
      c0.at,
      g.output(3).at,
      dy,
      dp,
      dh,
      dc,
      da?.at ?? g.scratch(Math.max(a.size * 4, 4)),
      g.table(tableOf(sizes)),
      0,
      batch,
      g.scratch(Math.max(batch * (hidden + places) * 4, 4)),
    )
    if (dx) {
      const weights = { at: w.at, row: input, column: 1 }
      emitMatrixProduct(g, dx.at, rows, n, input, { at: gates, row: n, column: 1 }, weights)
    }
    for (const [into, from, width] of [
      [dw, x.at, input],
      [dr, before, hidden],
      [du, attended, hidden],
    ] as const) {
      if (!into) continue
      const scratch = g.scratch(g.ask('gemm_tn_scratch_size', width))
      g.call('gemm_tn_f32', gates, n, from, width, into.at, width, rows, width, 0, n, scratch)
    }
    if (db) g.call('reduce_f32', REDUCE_SUM, gates, db.at, rows, n, 0, 1)
  },
}

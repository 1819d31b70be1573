import { BINARY_DIV, REDUCE_SUM, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { byteSize } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { toNumbers } from '../../core/host.js'
import { formatShape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import type { Gradient, GradientEmitter, TrainingEmitter } from '../../ir/gradient.js'
import { plus, type Address, type Operand } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'
import { productTable } from '../matmul/variants.js'

interface Ignored {
  readonly ignore_index: number | undefined
}

/** Scores of one chunk of rows: 16 MB. */
const CHUNK = 2 ** 22

/** No target is that. */
const NEVER = -(2 ** 31)

/**
 * The mean cross-entropy of x · weightᵀ + bias, an operator of training alone: scores exist for a chunk of rows only,
 * which a vocabulary of fifty thousand words makes the difference between megabytes and gigabytes. x is [rows, size],
 * weight [classes, size], bias [classes] or left out, targets [rows].
 */
const LinearCrossEntropy = defineOp({
  name: 'LinearCrossEntropy',
  domain: 'lanewise.train',
  arity: 4,
  optional: [2],
  attributes: { ignore_index: int() },
  infer({ inputs: [x, weight, bias, targets] }) {
    const shapes = [x, weight, bias, targets].map((input) => input?.shape)
    const [rows, size] = x.shape
    const [classes, width] = weight.shape
    const fits =
      x.shape.length === 2 &&
      weight.shape.length === 2 &&
      size === width &&
      targets.shape.length === 1 &&
      targets.shape[0] === rows &&
      (!bias || (bias.shape.length === 1 && bias.shape[0] === classes))
    if (!fits)
      throw new LanewiseError(
        'E_SHAPE',
        `inputs, weights, bias and targets do not fit each other: ${shapes.map((shape) => (shape ? formatShape(shape) : 'none')).join(', ')}`,
      )
    return [{ dtype: 'float32', shape: [] }]
  },
})

interface Parts {
  readonly x: Operand
  readonly weight: Operand
  readonly bias: Operand | undefined
  readonly targets: Operand
  readonly rows: number
  readonly size: number
  readonly classes: number
  /** Where each chunk begins, and how many rows it has. */
  readonly chunks: readonly (readonly [number, number])[]
}

function partsOf(e: Pick<TrainingEmitter<Ignored> | GradientEmitter<Ignored>, 'input' | 'inputs'>): Parts {
  const [x, weight, bias, targets] = [e.input(0), e.input(1), e.inputs[2], e.input(3)]
  const [rows, size] = x.shape
  const [classes] = weight.shape
  const height = Math.max(Math.min(rows, Math.floor(CHUNK / Math.max(classes, 1))), 1)
  const chunks = Array.from(
    { length: Math.ceil(rows / height) },
    (_, i) => [i * height, Math.min(height, rows - i * height)] as const,
  )
  return { x, weight, bias, targets, rows, size, classes, chunks }
}

type Caller = Pick<TrainingEmitter<Ignored> | GradientEmitter<Ignored>, 'call' | 'ask' | 'scratch'>

/** The weights as the right side of x · weightᵀ. */
function packedScores(e: Caller, { weight, size, classes }: Parts): Address {
  const packed = e.scratch(e.ask('gemm_packed_size', size, classes))
  e.call('gemm_pack_f32', weight.at, 1, size, size, classes, packed)
  return packed
}

function emitScores(
  e: Caller,
  { x, bias, size, classes }: Parts,
  packed: Address,
  first: number,
  count: number,
  to: Address,
): void {
  e.call(
    'gemm_f32',
    plus(x.at, first * size * 4),
    size,
    packed,
    bias?.at ?? 0,
    0,
    0,
    to,
    classes,
    size,
    classes,
    0,
    count,
    UNARY_NONE,
    0,
    0,
  )
}

export const LinearCrossEntropyGradient: Gradient<Ignored> = {
  op: LinearCrossEntropy,
  inputs: [0, 1, 2],
  kernel: ([x, weight, bias, targets]) =>
    x === 'float32' &&
    weight === 'float32' &&
    (bias ?? 'float32') === 'float32' &&
    (targets === 'int32' || targets === 'int64'),
  forward(e) {
    const parts = partsOf(e)
    const { targets, rows, classes, chunks } = parts
    const ignored = e.attributes.ignore_index
    e.check(targets, (tensor) => {
      for (const t of toNumbers(tensor, 'target')) {
        if (!(t >= 0 && t < classes) && t !== ignored)
          throw new LanewiseError('E_VALUE', `target ${t} is outside [0, ${classes - 1}]`)
      }
    })
    const logs = e.save(Math.max(rows * 4, 4))
    const total = e.save(4)
    const losses = e.scratch(Math.max(rows * 4, 4))
    const totals = e.scratch(Math.max(chunks.length * 4, 4))
    const y = e.output(0)
    const bytes = byteSize(targets.dtype)
    const packed = packedScores(e, parts)
    const scores = e.scratch(Math.max((chunks[0]?.[1] ?? 0) * classes * 4, 4))
    chunks.forEach(([first, count], i) => {
      emitScores(e, parts, packed, first, count, scores)
      e.call(
        'cross_entropy_f32',
        scores,
        plus(targets.at, first * bytes),
        bytes,
        0,
        ignored ?? NEVER,
        plus(losses, first * 4),
        plus(logs, first * 4),
        plus(totals, i * 4),
        classes,
        1,
        0,
        count,
      )
    })
    e.call('reduce_f32', REDUCE_SUM, losses, y.at, rows, 1, 0, 1)
    e.call('reduce_f32', REDUCE_SUM, totals, total, chunks.length, 1, 0, 1)
    e.call('binary_f32', BINARY_DIV, y.at, 1, total, 1, y.at, 1)
  },
  backward(g) {
    const parts = partsOf(g)
    const { x, weight, targets, size, classes, chunks } = parts
    const bytes = byteSize(targets.dtype)
    const [dx, dw, db] = [0, 1, 2].map((i) => (g.inputs[i] && g.wants(i) ? g.result(i) : undefined))
    for (const sum of [dw, db]) if (sum && sum.size > 0) g.call('fill_f32', sum.at, 0, sum.size)
    const packed = packedScores(g, parts)
    const height = chunks[0]?.[1] ?? 0
    const scores = g.scratch(Math.max(height * classes * 4, 4))
    const each = g.scratch(4)
    g.call('binary_f32', BINARY_DIV, g.gradient().at, 1, g.saved(1), 1, each, 1)
    const intoX = dx && { dx, rowsOfWeight: g.scratch(g.ask('gemm_packed_size', classes, size)) }
    if (intoX) g.call('gemm_pack_f32', weight.at, size, 1, classes, size, intoX.rowsOfWeight)
    const intoWeight = dw && {
      dw,
      packedX: g.scratch(g.ask('gemm_packed_size', height, size)),
      strip: g.scratch(g.ask('gemm_strided_a_scratch_size', height)),
    }
    const intoBias = db && { db, biases: g.scratch(classes * 4) }
    for (const [first, count] of chunks) {
      emitScores(g, parts, packed, first, count, scores)
      g.call(
        'cross_entropy_gradient_f32',
        scores,
        plus(targets.at, first * bytes),
        bytes,
        0,
        g.attributes.ignore_index ?? NEVER,
        plus(g.saved(0), first * 4),
        each,
        0,
        scores,
        classes,
        1,
        0,
        count,
      )
      if (intoX)
        g.call(
          'gemm_f32',
          scores,
          classes,
          intoX.rowsOfWeight,
          0,
          0,
          0,
          plus(intoX.dx.at, first * size * 4),
          size,
          classes,
          size,
          0,
          count,
          UNARY_NONE,
          0,
          0,
        )
      if (intoWeight) {
        const { dw, packedX, strip } = intoWeight
        g.call('gemm_pack_f32', plus(x.at, first * size * 4), size, 1, count, size, packedX)
        // Dense: dW[classes, size] += scoresᵀ[classes, count] · x[count, size].
        const strides = { aRow: 1, aCol: classes, bRow: size, bCol: 1, rows: classes, k: count, n: size }
        const table = g.table(productTable(strides))
        g.call('gemm_strided_a_f32', scores, packedX, 0, dw.at, dw.at, table, UNARY_NONE, 0, 0, 0, classes, strip)
      }
      if (intoBias) {
        const { db, biases } = intoBias
        g.call('reduce_f32', REDUCE_SUM, scores, biases, count, classes, 0, 1)
        g.call('accumulate_f32', biases, db.at, classes)
      }
    }
  },
}

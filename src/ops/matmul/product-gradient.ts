import { UNARY_AFFINE, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { emitStridedCopy } from '../../ir/strided.js'
import type { Gradient, GradientEmitter } from '../../ir/gradient.js'
import { emitSumTo } from '../shared/gradient-sum.js'
import type { Address, Operand } from '../../ir/emitter.js'

import { Gemm, gemmProduct, type GemmAttributes } from './gemm.js'
import { MatMul } from './matmul.js'
import { emitProduct, productOf, stacksAsRows, stridesWithin, swapped, type Product } from './product.js'

/** The gradients by both factors of a product. The strides are those of the operands as they are multiplied. */
function emitFactorGradients(
  g: GradientEmitter<unknown>,
  product: Product,
  dc: Operand,
  {
    a,
    b,
    aStrides,
    bStrides,
    scale,
  }: {
    readonly a: Operand
    readonly b: Operand
    readonly aStrides: readonly number[]
    readonly bStrides: readonly number[]
    readonly scale: number
  },
): void {
  const { m, k, n, batch } = product
  const activation = scale === 1 ? { code: UNARY_NONE, a: 0, b: 0 } : { code: UNARY_AFFINE, a: scale, b: 0 }
  const common = { bias: 0, residual: 0, activation } as const
  const stack = [...batch, m, n]
  const cStrides = stridesOf(stack)
  const dC: Operand = { ...operandLike(dc), shape: stack }
  if (g.wants(0)) {
    const shape = [...batch, m, k]
    const flipped = { m, k: n, n: k, batch, shape, a: stack, b: [...product.b.slice(0, -2), n, k] }
    const bFlipped = { ...operandLike(b), shape: flipped.b }
    emitInto(g, 0, shape, product.a, aStrides, (to) =>
      emitProduct(g, to, {
        ...common,
        product: flipped,
        a: dC,
        b: bFlipped,
        aStrides: cStrides,
        bStrides: lastTwoSwapped(bStrides),
      }),
    )
  }
  if (!g.wants(1)) return
  if (sizeOf(product.b.slice(0, -2)) === 1 && stacksAsRows(product.a, aStrides)) {
    // One matrix on the right of many rows: one product over all of them.
    const rows = sizeOf(batch) * m
    const flipped = { m: k, k: rows, n, batch: [], shape: [k, n], a: [k, rows], b: [rows, n] }
    const [row, column] = aStrides.slice(-2)
    const [bRow, bCol] = bStrides.slice(-2)
    if (scale === 1 && column === 1 && (bCol === 1 ? bRow === n : bRow === 1 && bCol === k)) {
      // Rows are summed where they lie; weights stored the other way round are the product with its factors exchanged.
      const [left, lda, right, ldb, height, width] =
        bCol === 1 ? [a.at, row, dC.at, n, k, n] : [dC.at, n, a.at, row, n, k]
      const to = g.result(1)
      if (to.size > 0)
        g.call(
          'gemm_tn_f32',
          left,
          lda,
          right,
          ldb,
          to.at,
          width,
          rows,
          width,
          0,
          height,
          g.scratch(g.ask('gemm_tn_scratch_size', width)),
        )
      return
    }
    emitInto(g, 1, [k, n], product.b.slice(-2), bStrides.slice(-2), (to) =>
      emitProduct(g, to, {
        ...common,
        product: flipped,
        a,
        b: { ...dC, shape: [rows, n] },
        aStrides: [column, row],
        bStrides: [n, 1],
      }),
    )
  } else {
    const shape = [...batch, k, n]
    const flipped = { m: k, k: m, n, batch, shape, a: [...product.a.slice(0, -2), k, m], b: stack }
    emitInto(g, 1, shape, product.b, bStrides, (to) =>
      emitProduct(g, to, {
        ...common,
        product: flipped,
        a,
        b: dC,
        aStrides: lastTwoSwapped(aStrides),
        bStrides: cStrides,
      }),
    )
  }
}

/**
 * Has a dense stack of matrices written where the gradient of an input belongs: straight there, or added up and
 * rearranged on the way.
 */
function emitInto(
  g: GradientEmitter<unknown>,
  index: number,
  made: Shape,
  shape: Shape,
  strides: readonly number[],
  emit: (to: Address) => void,
): void {
  const result = g.result(index)
  if (result.size === 0) return
  const dense = stridesOf(shape)
  const direct = shape.every((size, axis) => size === 1 || strides[axis] === dense[axis])
  const whole = sizeOf(made) === result.size
  if (whole && direct) return emit(result.at)
  const to = g.scratch(sizeOf(made) * 4)
  emit(to)
  const summed = whole || !direct ? (whole ? to : g.scratch(result.size * 4)) : result.at
  if (!whole) emitSumTo(g, { at: to, shape: made, order: made.map((_, axis) => axis) }, { at: summed, shape })
  if (!direct)
    emitStridedCopy(
      g,
      'float32',
      { axes: shape.map((size, axis) => ({ size, from: dense[axis], to: strides[axis] })), from: 0, to: 0 },
      summed,
      result.at,
    )
}

function operandLike({ dtype, shape, order, physical, size, at }: Operand): Operand {
  return { dtype, shape, order, physical, size, at, constant: undefined }
}

function lastTwoSwapped(strides: readonly number[]): number[] {
  return [...strides.slice(0, -2), ...swapped(strides.slice(-2), 1)]
}

/** dA = dC·Bᵀ and dB = Aᵀ·dC, added up over the axes of a stack that were broadcast. */
export const MatMulGradient: Gradient<object> = {
  op: MatMul,
  backward(g) {
    const dc = g.gradient()
    const a = g.input(0)
    const b = g.input(1)
    const product = productOf(a.shape, b.shape)
    emitFactorGradients(g, product, dc, {
      a,
      b,
      aStrides: stridesWithin(a, product.a),
      bStrides: stridesWithin(b, product.b),
      scale: 1,
    })
  },
}

/**
 * As for a MatMul of the operands as they are multiplied, times alpha; C gets beta times the sum over what it was
 * broadcast along.
 */
export const GemmGradient: Gradient<GemmAttributes> = {
  op: Gemm,
  backward(g) {
    const { alpha, beta, transA, transB } = g.attributes
    const dy = g.gradient()
    const a = g.input(0)
    const b = g.input(1)
    const product = gemmProduct(a.shape, b.shape, g.attributes)
    const aStrides = swapped(stridesWithin(a, a.shape), transA)
    const bStrides = swapped(stridesWithin(b, b.shape), transB)
    emitFactorGradients(g, product, dy, { a, b, aStrides, bStrides, scale: alpha })
    if (!g.inputs[2] || !g.wants(2)) return
    const dc = g.result(2)
    if (dc.size === 0) return
    emitSumTo(g, dy, dc)
    if (beta !== 1) g.call('unary_f32', UNARY_AFFINE, dc.at, dc.at, dc.size, beta, 0)
  },
}

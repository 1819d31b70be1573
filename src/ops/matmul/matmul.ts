import { BINARY_ADD, UNARY_AFFINE, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { isBig, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostZeros, saturatedBigInt, type HostTensor } from '../../core/host.js'
import { broadcastShapes, formatShape, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { physicalShape } from '../../core/layout.js'
import { emitStridedCopy } from '../../ir/strided.js'
import { float, int, type AttributesOf } from '../../ir/attributes.js'
import type { Gradient, GradientEmitter } from '../../ir/gradient.js'
import { emitSumTo } from '../reduce/gradient-sum.js'
import { defineOp, type Address, type KernelEmitter, type Operand } from '../../ir/op.js'
import { sameType } from '../elementwise/operands.js'
import { emitRows, productTable } from './variants.js'

/** The product's shape, and the operands' as matrices: a vector on the left is a row, on the right a column. */
interface Product {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly batch: readonly number[]
  readonly shape: readonly number[]
  /** The operands' shapes with the axis that a vector lacks. */
  readonly a: Shape
  readonly b: Shape
}

function productOf(left: Shape, right: Shape): Product {
  if (left.length === 0 || right.length === 0)
    throw new LanewiseError('E_SHAPE', 'a scalar cannot be a factor of a matrix product')
  const a = left.length === 1 ? [1, ...left] : left
  const b = right.length === 1 ? [...right, 1] : right
  const k = a[a.length - 1]
  if (b[b.length - 2] !== k) {
    throw new LanewiseError(
      'E_SHAPE',
      `${formatShape(left)} and ${formatShape(right)} cannot be multiplied: ${k} columns against ${b[b.length - 2]} rows`,
      {
        expected: String(k),
        actual: String(b[b.length - 2]),
      },
    )
  }
  const m = a[a.length - 2]
  const n = b[b.length - 1]
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2))
  const shape = [...batch, ...(left.length === 1 ? [] : [m]), ...(right.length === 1 ? [] : [n])]
  return { m, k, n, batch, shape, a, b }
}

export const MatMul = defineOp({
  name: 'MatMul',
  // Bias and residual are added by graph passes.
  arity: [2, 4],
  attributes: {},
  infer: ({ inputs }) => [{ dtype: sameType(inputs), shape: productOf(inputs[0].shape, inputs[1].shape).shape }],
  // Kernels read their operands with strides, so any order of axes will do.
  layout: ({ inputs, outputs }) => ({
    inputs: inputs.slice(0, 2).map((input) => input?.order),
    outputs: outputs.map(() => undefined),
  }),
  emit(e) {
    const a = e.input(0)
    const b = e.input(1)
    const product = productOf(a.shape, b.shape)
    const { bias, residual, activation } = e.fused
    emitProduct(e, e.output(0).at, {
      product,
      a,
      b,
      aStrides: stridesWithin(a, product.a),
      bStrides: stridesWithin(b, product.b),
      bias: bias === undefined ? 0 : e.input(bias).at,
      residual: residual === undefined ? 0 : e.input(residual).at,
      activation: activation ?? { code: UNARY_NONE, a: 0, b: 0 },
    })
  },
  compute: ({ inputs: [a, b] }) => {
    const product = productOf(a.shape, b.shape)
    return [multiply(a, b, product, stridesOf(product.a), stridesOf(product.b))]
  },
})

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

/** A matrix wherever it lies: strides of its rows and columns, in elements. */
export interface Matrix {
  readonly at: Address
  readonly row: number
  readonly column: number
}

/** Records c [m, n] = a [m, k] · b [k, n], dense, for gradients made of several products. */
export function emitMatrixProduct(
  e: KernelEmitter,
  c: Address,
  m: number,
  k: number,
  n: number,
  a: Matrix,
  b: Matrix,
): void {
  const product: Product = { m, k, n, batch: [], shape: [m, n], a: [m, k], b: [k, n] }
  const right: Operand = {
    dtype: 'float32',
    shape: [k, n],
    order: [0, 1],
    physical: [k, n],
    size: k * n,
    at: b.at,
    constant: undefined,
  }
  const activation = { code: UNARY_NONE, a: 0, b: 0 }
  emitProduct(e, c, {
    product,
    a,
    b: right,
    aStrides: [a.row, a.column],
    bStrides: [b.row, b.column],
    bias: 0,
    residual: 0,
    activation,
  })
}

/** Records x [..., k] · w [k, n] + bias, dense, for operators that have a projection in them. */
export function emitProjection(e: KernelEmitter, to: Address, x: Operand, w: Operand, bias: Address | 0): void {
  const product = productOf(x.shape, w.shape)
  const activation = { code: UNARY_NONE, a: 0, b: 0 }
  emitProduct(e, to, {
    product,
    a: x,
    b: w,
    aStrides: stridesWithin(x, product.a),
    bStrides: stridesWithin(w, product.b),
    bias,
    residual: 0,
    activation,
  })
}

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

/** Has a dense stack of matrices written where the gradient of an input belongs: straight there, or added up and rearranged on the way. */
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

interface Emission {
  readonly product: Product
  readonly a: Pick<Operand, 'at'>
  readonly b: Operand
  readonly aStrides: readonly number[]
  readonly bStrides: readonly number[]
  readonly bias: Address | 0
  readonly residual: Address | 0
  readonly activation: { readonly code: number; readonly a: number; readonly b: number }
}

/** Records a product; `c` is where its stack of matrices goes, dense and in logical order. */
function emitProduct(e: KernelEmitter, c: Address, emission: Emission): void {
  const { product, a, b, aStrides, bStrides, bias, residual, activation } = emission
  const { m, k, n, batch } = product
  const size = sizeOf(product.shape)
  if (size === 0) return
  const { code, a: alpha, b: beta } = activation
  const [aRow, aCol] = aStrides.slice(-2)
  const [bRow, bCol] = bStrides.slice(-2)
  const batches = sizeOf(batch)
  const sharedB = sizeOf(product.b.slice(0, -2)) === 1
  if (sharedB && stacksAsRows(product.a, aStrides)) {
    // One matrix on the right: the stack on the left is just more rows.
    const rows = batches * m
    const kernel = emitRows({ e, a: a.at, aRow, aCol, b, bRow, bCol, rows, k, n, bias, residual, c, activation })
    e.note({ kernel, flops: 2 * rows * n * k })
  } else {
    const offsets = e.table(offsetTable(batch, product, aStrides, bStrides))
    const table = e.table(productTable({ aRow, aCol, bRow, bCol, rows: m, k, n }))
    const strip = aCol === 1 ? 0 : e.ask('gemm_strided_a_scratch_size', k)
    const scratch = e.scratch(e.ask('matmul_batched_scratch_size', k, n, strip))
    const last = residual === 0 ? code : UNARY_NONE
    e.call('matmul_batched_f32', a.at, b.at, offsets, c, bias, table, last, alpha, beta, 0, batches, scratch)
    if (residual !== 0) {
      e.call('binary_f32', BINARY_ADD, c, 1, residual, 1, c, size)
      if (code !== UNARY_NONE) e.call('unary_f32', code, c, c, size, alpha, beta)
    }
    e.note({ kernel: 'gemm/batched', flops: 2 * batches * m * n * k })
  }
}

/** Strides of an operand's logical axes in memory, in elements, with one for the axis a vector lacks. */
function stridesWithin(operand: Pick<Operand, 'shape' | 'order' | 'size'>, shape: Shape): number[] {
  const physical = stridesOf(physicalShape(operand.shape, operand.order))
  const strides = operand.shape.map((_, axis) => physical[operand.order.indexOf(axis)])
  if (shape.length === strides.length) return strides
  return shape[0] === 1 && operand.shape.length === shape.length - 1 && shape[shape.length - 1] === operand.shape[0]
    ? [operand.size, ...strides]
    : [...strides, 1]
}

/** Whether all matrices of a stack lie such that their rows are equally far apart throughout. */
function stacksAsRows(shape: Shape, strides: readonly number[]): boolean {
  const rowAxis = shape.length - 2
  let expected = strides[rowAxis] * shape[rowAxis]
  for (let axis = rowAxis - 1; axis >= 0; axis--) {
    if (shape[axis] === 1) continue
    // With one row per matrix there is no distance between rows that must hold.
    if (strides[axis] !== expected) return false
    expected *= shape[axis]
  }
  return true
}

/** For every product of the stack: where its left and right matrices begin, in elements. */
function offsetTable(
  batch: readonly number[],
  product: Product,
  aStrides: readonly number[],
  bStrides: readonly number[],
): Int32Array {
  const table = new Int32Array(sizeOf(batch) * 2)
  const fill = (column: number, shape: Shape, strides: readonly number[]) => {
    const lead = batch.length - (shape.length - 2)
    for (let i = 0; i < table.length / 2; i++) {
      let rest = i
      let offset = 0
      for (let axis = batch.length - 1; axis >= 0; axis--) {
        const index = rest % batch[axis]
        rest = (rest - index) / batch[axis]
        if (axis >= lead && shape[axis - lead] !== 1) offset += index * strides[axis - lead]
      }
      table[2 * i + column] = offset
    }
  }
  fill(0, product.a, aStrides)
  fill(1, product.b, bStrides)
  return table
}

/** A product in plain TypeScript: integers and float64. */
function multiply(
  a: HostTensor,
  b: HostTensor,
  product: Product,
  aStrides: readonly number[],
  bStrides: readonly number[],
): HostTensor {
  const { dtype } = a
  requireProduct(dtype)
  const { m, k, n, batch, shape } = product
  const c = hostZeros(dtype, shape)
  const offsets = offsetTable(batch, product, aStrides, bStrides)
  const [aRow, aCol] = aStrides.slice(-2)
  const [bRow, bCol] = bStrides.slice(-2)
  const x = a.data as { [i: number]: number }
  const y = b.data as { [i: number]: number }
  const z = c.data as { [i: number]: number | bigint }
  const zero = (isBig(dtype) ? 0n : 0) as number
  for (let i = 0; i < offsets.length / 2; i++) {
    for (let row = 0; row < m; row++) {
      for (let col = 0; col < n; col++) {
        let sum = zero
        for (let p = 0; p < k; p++)
          sum += x[offsets[2 * i] + row * aRow + p * aCol] * y[offsets[2 * i + 1] + p * bRow + col * bCol]
        z[(i * m + row) * n + col] = sum
      }
    }
  }
  return c
}

function requireProduct(dtype: DType): void {
  if (dtype === 'float32' || dtype === 'float64' || dtype === 'int32' || dtype === 'uint32' || isBig(dtype)) return
  throw new LanewiseError('E_UNSUPPORTED', `matrix products of ${dtype} are not supported`, { actual: dtype })
}

type GemmAttributes = AttributesOf<typeof gemmAttributes>
const gemmAttributes = { alpha: float(1), beta: float(1), transA: int(0), transB: int(0) }

export const Gemm = defineOp({
  name: 'Gemm',
  arity: [2, 4],
  attributes: gemmAttributes,
  infer({ attributes, inputs }) {
    const [a, b, c] = inputs
    const product = gemmProduct(a.shape, b.shape, attributes)
    if (c) checkAddend(c.shape, product)
    return [{ dtype: sameType(inputs), shape: product.shape }]
  },
  layout: ({ inputs, outputs }) => ({
    inputs: inputs.slice(0, 2).map((input) => input?.order),
    outputs: outputs.map(() => undefined),
  }),
  emit(e) {
    const a = e.input(0)
    const b = e.input(1)
    const { alpha, beta, transA, transB } = e.attributes
    const product = gemmProduct(a.shape, b.shape, e.attributes)
    const aStrides = swapped(stridesWithin(a, a.shape), transA)
    const bStrides = swapped(stridesWithin(b, b.shape), transB)
    const activation = e.fused.activation ?? { code: UNARY_NONE, a: 0, b: 0 }
    const c = e.inputs[2] && scaled(e, e.inputs[2], beta)
    const asBias = c && c.shape.at(-1) === product.n && sizeOf(c.shape) === product.n
    const addend = c && !asBias ? expanded(e, c, product) : 0
    if (alpha === 1) {
      emitProduct(e, e.output(0).at, {
        product,
        a,
        b,
        aStrides,
        bStrides,
        bias: asBias ? c.at : 0,
        residual: addend,
        activation,
      })
      return
    }
    // Rare: the scale has to come before the addend.
    emitProduct(e, e.output(0).at, {
      product,
      a,
      b,
      aStrides,
      bStrides,
      bias: 0,
      residual: 0,
      activation: { code: UNARY_AFFINE, a: alpha, b: 0 },
    })
    const y = e.output(0)
    if (c) e.call('binary_f32', BINARY_ADD, y.at, 1, asBias ? expanded(e, c, product) : addend, 1, y.at, y.size)
    if (activation.code !== UNARY_NONE)
      e.call('unary_f32', activation.code, y.at, y.at, y.size, activation.a, activation.b)
  },
  compute({ attributes, inputs: [a, b, c] }) {
    const product = gemmProduct(a.shape, b.shape, attributes)
    const y = multiply(
      a,
      b,
      product,
      swapped(stridesOf(a.shape), attributes.transA),
      swapped(stridesOf(b.shape), attributes.transB),
    )
    if (attributes.alpha === 1 && !c) return [y]
    const whole = y.dtype !== 'float64' && y.dtype !== 'float32'
    const scale = (value: number, factor: number) =>
      whole && factor !== 1 ? Math.trunc(value * factor) : value * factor
    const [rowStep, colStep] = c ? addendStrides(c.shape) : [0, 0]
    const data = y.data as { [i: number]: number | bigint }
    for (let i = 0; i < product.m * product.n; i++) {
      const addend = c ? Number(c.data[Math.floor(i / product.n) * rowStep + (i % product.n) * colStep]) : 0
      const sum = scale(Number(data[i]), attributes.alpha) + scale(addend, attributes.beta)
      data[i] = isBig(y.dtype) ? saturatedBigInt(sum, y.dtype) : sum
    }
    return [y]
  },
  // Until opset 7 C was broadcast only if an attribute said so; the rule is the same.
  upgrades: [{ below: 7, apply: ({ attributes }) => void attributes.delete('broadcast') }],
})

/** As for a MatMul of the operands as they are multiplied, times alpha; C gets beta times the sum over what it was broadcast along. */
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

function gemmProduct(
  a: Shape,
  b: Shape,
  { transA, transB }: { readonly transA: number; readonly transB: number },
): Product {
  if (a.length !== 2 || b.length !== 2)
    throw new LanewiseError('E_SHAPE', `Gemm multiplies matrices, got ${formatShape(a)} and ${formatShape(b)}`)
  return productOf(swapped(a, transA), swapped(b, transB))
}

function swapped<T>(pair: readonly T[], swap: number): T[] {
  return swap ? [pair[1], pair[0]] : [...pair]
}

function checkAddend(shape: Shape, { m, n, shape: target }: Product): void {
  const [rows, cols] = [1, 1, ...shape].slice(-2)
  if (shape.length <= 2 && (rows === 1 || rows === m) && (cols === 1 || cols === n)) return
  throw new LanewiseError('E_SHAPE', `C of shape ${formatShape(shape)} does not broadcast to ${formatShape(target)}`)
}

/** Steps of C's rows and columns, 0 where it is broadcast. */
function addendStrides(shape: Shape): [number, number] {
  const [rows, cols] = [1, 1, ...shape].slice(-2)
  return [rows === 1 ? 0 : cols, cols === 1 ? 0 : 1]
}

/** C with its factor applied. */
function scaled(e: KernelEmitter, c: Operand, beta: number): Operand | (Pick<Operand, 'shape'> & { at: Address }) {
  if (beta === 1) return c
  const to = e.scratch(c.size * 4)
  e.call('unary_f32', UNARY_AFFINE, c.at, to, c.size, beta, 0)
  return { shape: c.shape, at: to }
}

/** C as a full matrix. */
function expanded(e: KernelEmitter, c: Pick<Operand, 'shape' | 'at'>, { m, n }: Product): Address {
  if (sizeOf(c.shape) === m * n) return c.at
  const to = e.scratch(m * n * 4)
  const [row, column] = addendStrides(c.shape)
  const axes = [
    { size: m, from: row, to: n },
    { size: n, from: column, to: 1 },
  ]
  emitStridedCopy(e, 'float32', { axes, from: 0, to: 0 }, c.at, to)
  return to
}

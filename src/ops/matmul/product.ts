// A product of two stacks of matrices, wherever they lie: what MatMul, Gemm and operators with a product in them share.
import { BINARY_ADD, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { isBig, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { broadcastShapes, formatShape, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { physicalShape } from '../../core/layout.js'
import type { Address, KernelEmitter, Operand } from '../../ir/emitter.js'
import { emitRows, productTable } from './variants.js'

/** The product's shape, and the operands' as matrices: a vector on the left is a row, on the right a column. */
export interface Product {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly batch: readonly number[]
  readonly shape: readonly number[]
  /** The operands' shapes with the axis that a vector lacks. */
  readonly a: Shape
  readonly b: Shape
}

export function productOf(left: Shape, right: Shape): Product {
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

export interface Emission {
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
export function emitProduct(e: KernelEmitter, c: Address, emission: Emission): void {
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
export function stridesWithin(operand: Pick<Operand, 'shape' | 'order' | 'size'>, shape: Shape): number[] {
  const physical = stridesOf(physicalShape(operand.shape, operand.order))
  const strides = operand.shape.map((_, axis) => physical[operand.order.indexOf(axis)])
  if (shape.length === strides.length) return strides
  return shape[0] === 1 && operand.shape.length === shape.length - 1 && shape[shape.length - 1] === operand.shape[0]
    ? [operand.size, ...strides]
    : [...strides, 1]
}

/** Whether all matrices of a stack lie such that their rows are equally far apart throughout. */
export function stacksAsRows(shape: Shape, strides: readonly number[]): boolean {
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
export function multiply(
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

export function swapped<T>(pair: readonly T[], swap: number): T[] {
  return swap ? [pair[1], pair[0]] : [...pair]
}

// Which way a matrix product is computed whose right side is one matrix.
// `npm run bench -- kernels --variant matmul/A,matmul/B --sweep` measures ways against each other on products around
// these thresholds; the figures behind them are in docs/performance/gemm.md.
import { firstThatPays, type Variant } from '../../core/variants.js'
import type { Activation, Address, KernelEmitter, Operand } from '../../ir/emitter.js'

/** C[rows, n] = act(A[rows, k] · B[k, n] + bias + residual); strides in elements, C and the residual dense. */
export interface RowsProblem {
  readonly e: KernelEmitter
  readonly a: Address
  readonly aRow: number
  readonly aCol: number
  readonly b: Operand
  readonly bRow: number
  readonly bCol: number
  readonly rows: number
  readonly k: number
  readonly n: number
  readonly bias: Address | 0
  readonly residual: Address | 0
  readonly c: Address
  readonly activation: Activation
}

interface RowsVariant extends Variant<RowsProblem> {
  emit(problem: RowsProblem): void
}

/**
 * Up to so many rows a product is bound by reading its right side: --variant matmul/gemv/packed,matmul/gemm/packed and,
 * where that is made in the run, --variant matmul/gemv/raw,matmul/gemm/unpacked.
 * These kernels add up in another order, so that an example's bits would depend on how many there are.
 */
export const VECTOR_ROWS = 3

const isFew = ({ e, rows }: RowsProblem): boolean => rows <= VECTOR_ROWS && !e.perExample

const always = (): boolean => true

/** In this order: the first that takes and pays. */
const table: readonly RowsVariant[] = [
  {
    // B is made again in every run, and read as it lies.
    name: 'gemv/raw',
    takes: ({ aCol, b, bRow, bCol }) => aCol === 1 && !b.constant && (bCol === 1 || bRow === 1),
    pays: isFew,
    emit({ e, a, aRow, b, bRow, bCol, rows, k, n, bias, residual, c, activation }) {
      const kernel = bCol === 1 ? 'gemv_rows_f32' : 'gemv_transposed_f32'
      const bStride = bCol === 1 ? bRow : bCol
      const { code, a: alpha, b: beta } = activation
      e.call(kernel, a, aRow, b.at, bStride, bias, residual, n, c, n, rows, k, 0, n, code, alpha, beta)
    },
  },
  {
    // The same with many rows: packed a block at a time, just before it is multiplied (docs/performance/training.md).
    name: 'gemm/unpacked',
    takes: ({ aCol, b }) => aCol === 1 && !b.constant,
    pays: (problem) => !isFew(problem),
    emit(problem) {
      const { e, a, b, rows, k, n, bias, residual, c, activation } = problem
      const scratch = e.scratch(e.ask('gemm_unpacked_scratch_size', k, n))
      const sizes = e.table(productTable(problem))
      const { code, a: alpha, b: beta } = activation
      e.call('gemm_unpacked_f32', a, b.at, bias, residual, c, sizes, code, alpha, beta, 0, rows, scratch)
    },
  },
  {
    name: 'gemv/packed',
    takes: ({ aCol }) => aCol === 1,
    pays: isFew,
    emit(problem) {
      const { e, a, aRow, rows, k, n, bias, residual, c, activation } = problem
      const { code, a: alpha, b: beta } = activation
      const packed = packB(problem)
      e.call('gemv_packed_f32', a, aRow, packed, bias, residual, n, c, n, rows, k, 0, n, code, alpha, beta)
    },
  },
  {
    name: 'gemm/packed',
    takes: ({ aCol }) => aCol === 1,
    pays: always,
    emit(problem) {
      const { e, a, aRow, rows, k, n, bias, residual, c, activation } = problem
      const { code, a: alpha, b: beta } = activation
      const packed = packB(problem)
      e.call('gemm_f32', a, aRow, packed, bias, residual, n, c, n, k, n, 0, rows, code, alpha, beta)
    },
  },
  {
    // A's columns are apart, as a transposed A's are: strips of it are copied first.
    name: 'gemm/strided',
    takes: always,
    pays: always,
    emit(problem) {
      const { e, a, rows, k, bias, residual, c, activation } = problem
      const packed = packB(problem)
      const scratch = e.scratch(e.ask('gemm_strided_a_scratch_size', k))
      const sizes = e.table(productTable(problem))
      const { code, a: alpha, b: beta } = activation
      e.call('gemm_strided_a_f32', a, packed, bias, residual, c, sizes, code, alpha, beta, 0, rows, scratch)
    },
  },
]

/** Records the product by the way that is fastest, whose name it returns. */
export function emitRows(problem: RowsProblem): string {
  const variant = firstThatPays('matmul', table, problem)
  variant.emit(problem)
  return variant.name
}

function packB({ e, b, bRow, bCol, k, n }: RowsProblem): Address {
  return e.pack(b, `gemm ${bRow} ${bCol} ${k} ${n}`, e.ask('gemm_packed_size', k, n), (p, from, to) => {
    p.call('gemm_pack_f32', from, bRow, bCol, k, n, to)
  })
}

/** Strides and sizes of C[rows, n] = A[rows, k] · B[k, n] as kernels read them; C and a residual are dense. */
export function productTable(p: Pick<RowsProblem, 'aRow' | 'aCol' | 'bRow' | 'bCol' | 'rows' | 'k' | 'n'>): Int32Array {
  // In the order of PRODUCT_* in assembly/abi/codes.ts.
  return Int32Array.of(p.aRow, p.aCol, p.bRow, p.bCol, p.n, p.n, p.rows, p.k, p.n)
}

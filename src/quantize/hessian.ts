import type { Feeds } from '../api/feeds.js'
import { LanewiseError } from '../core/errors.js'
import type { Graph, Value } from '../ir/graph.js'
import { eachRun } from './calibrate.js'

/** Added to the diagonal, as a share of its mean. */
const DAMPING = 0.01
/** Bytes of Hessians that are gathered in one pass over the examples, and that one may take. */
const MOST_BYTES = 2 ** 29

interface Grid {
  readonly scale: number
  readonly zero: number
}

/**
 * The second moments of an operand's columns, XᵀX: what rounding a weight costs, and how the weights behind it make up
 * for it.
 *
 * Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers" (2022),
 * algorithm 1.
 */
export class Hessian {
  private readonly sums: Float64Array
  private factor: Float64Array | undefined

  constructor(readonly size: number) {
    this.sums = new Float64Array(size * size)
  }

  /** Adds rows of the operand. */
  add(rows: Float32Array): void {
    const { size, sums } = this
    for (let from = 0; from + size <= rows.length; from += size)
      for (let i = 0; i < size; i++) {
        const x = rows[from + i]
        if (x === 0) continue
        for (let j = i; j < size; j++) sums[i * size + j] += x * rows[from + j]
      }
  }

  /** The codes of one row of weights, and the grid of each block. */
  round(
    row: Float32Array,
    blockSize: number,
    choose: (block: ArrayLike<number>) => Grid,
    onGrid: (w: number, grid: Grid) => number,
  ): { codes: Uint8Array; grids: Grid[] } {
    const { size } = this
    const factor = (this.factor ??= this.inverseFactor())
    const weights = Float64Array.from(row)
    const codes = new Uint8Array(size)
    const grids: Grid[] = []
    let grid: Grid = { scale: 1, zero: 0 }
    for (let i = 0; i < size; i++) {
      if (i % blockSize === 0) grids.push((grid = choose(weights.subarray(i, i + blockSize))))
      const code = onGrid(weights[i], grid)
      codes[i] = code
      const error = (weights[i] - (code - grid.zero) * grid.scale) / factor[i * size + i]
      for (let j = i + 1; j < size; j++) weights[j] -= error * factor[i * size + j]
    }
    return { codes, grids }
  }

  /** The upper Cholesky factor of the inverse. */
  private inverseFactor(): Float64Array {
    const { size, sums } = this
    const h = new Float64Array(size * size)
    let trace = 0
    for (let i = 0; i < size; i++) trace += sums[i * size + i]
    const damping = (DAMPING * trace) / size || 1
    for (let i = 0; i < size; i++) {
      for (let j = i; j < size; j++) h[i * size + j] = h[j * size + i] = sums[i * size + j]
      h[i * size + i] += damping
    }
    const lower = cholesky(h, size)
    return transposed(cholesky(inverseOf(lower, size), size), size)
  }
}

/** L with A = L·Lᵀ. */
function cholesky(a: Float64Array, size: number): Float64Array {
  const l = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let sum = a[i * size + j]
      for (let k = 0; k < j; k++) sum -= l[i * size + k] * l[j * size + k]
      l[i * size + j] = i === j ? Math.sqrt(Math.max(sum, Number.MIN_VALUE)) : sum / l[j * size + j]
    }
  return l
}

/** (L·Lᵀ)⁻¹. */
function inverseOf(l: Float64Array, size: number): Float64Array {
  // Rows of the inverse of L, whose transpose times itself is the inverse.
  const inverse = new Float64Array(size * size)
  for (let i = 0; i < size; i++) {
    inverse[i * size + i] = 1 / l[i * size + i]
    for (let k = 0; k < i; k++) {
      const factor = l[i * size + k] / l[i * size + i]
      for (let j = 0; j <= k; j++) inverse[i * size + j] -= factor * inverse[k * size + j]
    }
  }
  const result = new Float64Array(size * size)
  for (let k = 0; k < size; k++)
    for (let i = 0; i <= k; i++) {
      const x = inverse[k * size + i]
      for (let j = 0; j <= k; j++) result[i * size + j] += x * inverse[k * size + j]
    }
  return result
}

function transposed(a: Float64Array, size: number): Float64Array {
  const result = new Float64Array(a.length)
  for (let i = 0; i < size; i++) for (let j = 0; j < size; j++) result[j * size + i] = a[i * size + j]
  return result
}

/**
 * Operands with the number of their columns, in groups whose Hessians fit into memory together. @throws LanewiseError
 * `E_BUDGET` for one that does not fit.
 */
export function groupsOf(operands: ReadonlyMap<Value, number>): Map<Value, number>[] {
  const groups: Map<Value, number>[] = []
  let bytes = Infinity
  for (const [value, size] of operands) {
    const needed = size * size * 8
    if (needed > MOST_BYTES)
      throw new LanewiseError(
        'E_BUDGET',
        `the second moments of "${value.name}" (${size} columns) take ${needed} bytes: round to nearest instead`,
        { tensor: value.name, expected: `<= ${MOST_BYTES}`, actual: String(needed) },
      )
    if (bytes + needed > MOST_BYTES) {
      groups.push(new Map())
      bytes = 0
    }
    groups[groups.length - 1].set(value, size)
    bytes += needed
  }
  return groups
}

/** Hessians of operands over the calibration data. */
export async function hessiansOf(
  graph: Graph,
  operands: ReadonlyMap<Value, number>,
  examples: readonly Feeds[],
): Promise<Map<Value, Hessian>> {
  const hessians = new Map<Value, Hessian>()
  await eachRun(graph, [...operands.keys()], examples, (value, { dtype, data }) => {
    const size = operands.get(value)
    if (dtype !== 'float32' || size === undefined) return
    const hessian = hessians.get(value) ?? new Hessian(size)
    hessians.set(value, hessian)
    hessian.add(data as Float32Array)
  })
  return hessians
}

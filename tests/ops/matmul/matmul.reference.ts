import { broadcastShapes, sizeOf } from '../../../src/core/shape.js'
import type { Plain, Reference } from '../case.js'
import { indices } from '../movement/transpose.reference.js'

/** NumPy's matmul. */
export const matmul: Reference = ([left, right]) => {
  const a = left.shape.length === 1 ? [1, ...left.shape] : left.shape
  const b = right.shape.length === 1 ? [...right.shape, 1] : right.shape
  const [m, k] = a.slice(-2)
  const n = b[b.length - 1]
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2))
  const offset = (shape: readonly number[], index: readonly number[]) =>
    shape
      .slice(0, -2)
      .reduce((at, size, axis) => at * size + (size === 1 ? 0 : index[axis + batch.length - shape.length + 2]), 0)
  const data: number[] = []
  for (const index of indices(batch)) {
    const x = offset(a, index) * m * k
    const y = offset(b, index) * k * n
    for (let i = 0; i < m; i++) {
      for (let j = 0; j < n; j++) {
        let sum = 0
        for (let p = 0; p < k; p++) sum += left.data[x + i * k + p] * right.data[y + p * n + j]
        data.push(sum)
      }
    }
  }
  return [
    { shape: [...batch, ...(left.shape.length === 1 ? [] : [m]), ...(right.shape.length === 1 ? [] : [n])], data },
  ]
}

function flip(x: Plain): Plain {
  const [rows, cols] = x.shape
  return {
    shape: [cols, rows],
    data: Array.from({ length: rows * cols }, (_, i) => x.data[(i % rows) * cols + Math.floor(i / rows)]),
  }
}

/** alpha·A'·B' + beta·C */
export const gemm: Reference = ([a, b, c], attributes) => {
  const { transA = 0, transB = 0, alpha = 1, beta = 1 } = attributes as Record<string, number>
  const [product] = matmul([transA ? flip(a) : a, transB ? flip(b) : b], {})
  const [, n] = product.shape
  const [rows, cols] = c ? [1, 1, ...c.shape].slice(-2) : [1, 1]
  const data = product.data.map((value, i) => {
    const row = Math.floor(i / n) % rows
    const col = (i % n) % cols
    return alpha * value + (c ? beta * c.data[row * cols + col] : 0)
  })
  return [{ shape: product.shape, data: data.slice(0, sizeOf(product.shape)) }]
}

// Products of matrices and convolutions in plain TypeScript, summed in float64, where integers below 2^53 are exact.
import { broadcastOffsets } from '../shared/broadcast-offsets.js'
import { LanewiseError } from '../../core/errors.js'
import { broadcastShapes, formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { slideWindow, type Window, type WindowAttributes } from '../pool/window.js'
import { eachWindow } from '../pool/window-taps.js'

/** Numbers with a shape. */
export interface Matrix {
  readonly shape: Shape
  readonly data: ArrayLike<number>
}

/** y[m, n] = Σₖ a[m, k] · b[k, n] for blocks of larger arrays, beginning at element offsets. */
export function product(
  y: Float64Array,
  yAt: number,
  a: ArrayLike<number>,
  aAt: number,
  b: ArrayLike<number>,
  bAt: number,
  m: number,
  k: number,
  n: number,
): void {
  for (let i = 0; i < m; i++) {
    const row = yAt + i * n
    y.fill(0, row, row + n)
    for (let p = 0; p < k; p++) {
      const left = a[aAt + i * k + p]
      const from = bAt + p * n
      for (let j = 0; j < n; j++) y[row + j] += left * b[from + j]
    }
  }
}

/**
 * The shape of a product as NumPy's matmul has it: vectors are rows or columns whose axis vanishes, leading axes
 * broadcast.
 *
 * @throws LanewiseError `E_SHAPE` if the shapes do not fit.
 */
export function productShape(
  a: Shape,
  b: Shape,
): { shape: number[]; batch: number[]; m: number; k: number; n: number } {
  if (a.length === 0 || b.length === 0) throw new LanewiseError('E_SHAPE', 'a scalar cannot be multiplied as a matrix')
  const rows = a.length === 1 ? [1, ...a] : a
  const columns = b.length === 1 ? [...b, 1] : b
  const [m, k] = rows.slice(-2)
  const n = columns[columns.length - 1]
  if (columns[columns.length - 2] !== k) {
    throw new LanewiseError('E_SHAPE', `matrices ${formatShape(a)} and ${formatShape(b)} cannot be multiplied`, {
      expected: String(k),
      actual: String(columns[columns.length - 2]),
    })
  }
  const batch = broadcastShapes(rows.slice(0, -2), columns.slice(0, -2))
  return { shape: [...batch, ...(a.length === 1 ? [] : [m]), ...(b.length === 1 ? [] : [n])], batch, m, k, n }
}

/** NumPy's matmul. */
export function matmul(a: Matrix, b: Matrix): { shape: number[]; data: Float64Array } {
  const { shape, batch, m, k, n } = productShape(a.shape, b.shape)
  const data = new Float64Array(sizeOf(shape))
  const left = batchOffsets(a.shape.slice(0, -2), batch, m * k)
  const right = batchOffsets(b.shape.length === 1 ? [] : b.shape.slice(0, -2), batch, k * n)
  left.forEach((at, i) => product(data, i * m * n, a.data, at, b.data, right[i], m, k, n))
  return { shape, data }
}

/** Where each matrix of a broadcast batch begins. */
function batchOffsets(shape: Shape, batch: Shape, step: number): number[] {
  return broadcastOffsets(shape, batch).map((offset) => offset * step)
}

export interface ConvAttributes extends WindowAttributes {
  readonly group: number
}

/**
 * Windows of a convolution of x (N, C, spatial …) with filters (M, C / group, kernel …).
 *
 * @throws LanewiseError `E_SHAPE` or `E_VALUE` if they do not fit.
 */
export function convWindow(attributes: ConvAttributes, x: Shape, w: Shape): Window {
  const { group } = attributes
  if (x.length < 3 || w.length !== x.length)
    throw new LanewiseError('E_SHAPE', `filters ${formatShape(w)} do not fit an input ${formatShape(x)}`)
  if (!(group >= 1) || x[1] !== w[1] * group || w[0] % group !== 0) {
    throw new LanewiseError('E_SHAPE', `${x[1]} channels in ${group} groups do not fit filters ${formatShape(w)}`)
  }
  const kernel = w.slice(2)
  if (attributes.kernel_shape && attributes.kernel_shape.join() !== kernel.join()) {
    throw new LanewiseError(
      'E_SHAPE',
      `kernel_shape ${formatShape(attributes.kernel_shape)} is not that of the filters ${formatShape(w)}`,
    )
  }
  return slideWindow(attributes, x.slice(2), kernel)
}

/** A convolution without bias; padding counts as 0. */
export function convolve(x: Matrix, w: Matrix, window: Window, group: number): Float64Array {
  const [batch, channels] = x.shape
  const filters = w.shape[0]
  const spatial = x.shape.slice(2)
  const inSize = sizeOf(spatial)
  const outSize = sizeOf(window.output)
  const kernelSize = sizeOf(window.kernel)
  const inner = channels / group
  const y = new Float64Array(batch * filters * outSize)
  eachWindow(window, spatial, (o, taps) => {
    for (let n = 0; n < batch; n++) {
      for (let f = 0; f < filters; f++) {
        const first = Math.floor(f / (filters / group)) * inner
        let sum = 0
        for (let c = 0; c < inner; c++) {
          const xAt = (n * channels + first + c) * inSize
          const wAt = (f * inner + c) * kernelSize
          for (let t = 0; t < taps.count; t++) sum += x.data[xAt + taps.input[t]] * w.data[wAt + taps.kernel[t]]
        }
        y[(n * filters + f) * outSize + o] = sum
      }
    }
  })
  return y
}

import type { Plain, Reference } from '../case.js'
import { conv } from '../conv/conv.reference.js'
import { matmul } from '../matmul/matmul.reference.js'
import { rint } from './quantize.reference.js'

/** Elements less their zero points: one for all, or one for each position of an axis. */
function centred(x: Plain, zero: Plain | undefined, axis = 0): Plain {
  if (!zero) return x
  const inner = x.shape.slice(axis + 1).reduce((a, b) => a * b, 1)
  return {
    shape: x.shape,
    data: x.data.map((v, i) => v - zero.data[zero.data.length === 1 ? 0 : Math.floor(i / inner) % x.shape[axis]]),
  }
}

/**
 * saturate(round((sum + bias) · xScale · wScale / yScale) + zero), scales in float32 in onnxruntime's order; `channel`
 * of an element's number.
 */
function requantized(
  sums: Plain,
  type: string,
  channel: (i: number) => number,
  [xScale, wScale, yScale, zero, bias]: (Plain | undefined)[],
): Plain[] {
  const [low, high] = type === 'uint8' ? [0, 255] : [-128, 127]
  const data = sums.data.map((sum, i) => {
    const c = channel(i)
    const scale = Math.fround(
      Math.fround(xScale!.data[0] * wScale!.data[wScale!.data.length === 1 ? 0 : c]) / yScale!.data[0],
    )
    const value = Math.fround(Math.fround(sum + (bias ? bias.data[c] : 0)) * scale)
    return Math.min(high, Math.max(low, rint(value) + zero!.data[0]))
  })
  return [{ shape: sums.shape, data }]
}

/** @param type - of the output. */
export function qLinearConv(type: string): Reference {
  return ([x, xScale, xZero, w, wScale, wZero, yScale, yZero, bias], attributes) => {
    const [sums] = conv([centred(x, xZero), centred(w, wZero)], attributes)
    const each = sums.shape.slice(2).reduce((a, b) => a * b, 1)
    return requantized(sums, type, (i) => Math.floor(i / each) % sums.shape[1], [xScale, wScale, yScale, yZero, bias])
  }
}

export const convInteger: Reference = ([x, w, xZero, wZero], attributes) =>
  conv([centred(x, xZero), centred(w, wZero)], attributes)

/** w (k × n): its zero points belong to columns. */
export function qLinearMatMul(type: string): Reference {
  return ([a, aScale, aZero, b, bScale, bZero, yScale, yZero]) => {
    const [sums] = matmul([centred(a, aZero), centred(b, bZero, 1)], {})
    return requantized(sums, type, (i) => i % b.shape[1], [aScale, bScale, yScale, yZero])
  }
}

export const matMulInteger: Reference = ([a, b, aZero, bZero]) => matmul([centred(a, aZero), centred(b, bZero, 1)], {})

export const matMulIntegerToFloat: Reference = ([a, b, aScale, bScale, aZero, bZero, bias]) => {
  const [{ shape, data }] = matmul([centred(a, aZero), centred(b, bZero, 1)], {})
  const column = (values: Plain, i: number) => values.data[values.data.length === 1 ? 0 : i % b.shape[1]]
  return [
    { shape, data: data.map((sum, i) => sum * aScale.data[0] * column(bScale, i) + (bias ? column(bias, i) : 0)) },
  ]
}

/** @param type - of the output; undefined without y_scale. */
export function qGemm(type: string | undefined): Reference {
  return ([a, aScale, aZero, b, bScale, bZero, c, yScale, yZero], { transA, transB, alpha = 1 }) => {
    const turned = (x: Plain, turn: unknown): Plain => {
      const [rows, columns] = x.shape
      return turn
        ? { shape: [columns, rows], data: x.data.map((_, i) => x.data[(i % rows) * columns + Math.floor(i / rows)]) }
        : x
    }
    const [sums] = matmul([turned(centred(a, aZero), transA), turned(centred(b, bZero, transB ? 0 : 1), transB)], {})
    const n = sums.shape[1]
    const bias = c && { shape: sums.shape, data: sums.data.map((_, i) => c.data[c.data.length === n ? i % n : i]) }
    const scaled: Plain = { shape: [], data: [Math.fround((alpha as number) * aScale.data[0])] }
    const whole = { shape: sums.shape, data: sums.data.map((sum, i) => sum + (bias ? bias.data[i] : 0)) }
    if (type) return requantized(whole, type, (i) => i % n, [scaled, bScale, yScale, yZero])
    return [
      {
        shape: whole.shape,
        data: whole.data.map((sum, i) => sum * scaled.data[0] * bScale.data[bScale.data.length === 1 ? 0 : i % n]),
      },
    ]
  }
}

/**
 * In float64: what onnxruntime rounds in between is far below a step except next to a half, which `tolerance` has to
 * allow for.
 */
export function qLinearAdd(type: string): Reference {
  return ([a, aScale, aZero, b, bScale, bZero, yScale, yZero]) => {
    const [low, high] = type === 'uint8' ? [0, 255] : [-128, 127]
    const data = a.data.map((v, i) => {
      const sum = (v - aZero.data[0]) * aScale.data[0] + (b.data[i] - bZero.data[0]) * bScale.data[0]
      return Math.min(high, Math.max(low, rint(sum / yScale.data[0] + yZero.data[0])))
    })
    return [{ shape: a.shape, data }]
  }
}

export function qLinearGlobalAveragePool(type: string): Reference {
  return ([x, xScale, xZero, yScale, yZero]) => {
    const [low, high] = type === 'uint8' ? [0, 255] : [-128, 127]
    const pixels = x.shape.slice(2).reduce((a, b) => a * b, 1)
    const data = Array.from({ length: x.data.length / pixels }, (_, c) => {
      const sum = x.data.slice(c * pixels, (c + 1) * pixels).reduce((a, b) => a + b - xZero.data[0], 0)
      return Math.min(high, Math.max(low, rint((sum * xScale.data[0]) / pixels / yScale.data[0]) + yZero.data[0]))
    })
    return [{ shape: [...x.shape.slice(0, 2), ...x.shape.slice(2).map(() => 1)], data }]
  }
}

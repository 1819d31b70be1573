import type { Plain, Reference } from '../case.js'

const { fround } = Math
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))
const functions: Record<string, (x: number) => number> = {
  Sigmoid: sigmoid,
  Tanh: Math.tanh,
  Relu: (x) => Math.max(0, x),
  Softsign: (x) => x / (1 + Math.abs(x)),
}

function roundEven(x: number): number {
  const down = Math.floor(x)
  return x - down < 0.5 || (x - down === 0.5 && down % 2 === 0) ? down : down + 1
}

/** Rows as what uint8 makes of them, by the range of all of them. */
function throughBytes(rows: number[][]): number[][] {
  const low = fround(Math.min(0, ...rows.flat()))
  const high = fround(Math.max(0, ...rows.flat()))
  const scale = high === low ? 1 : fround(fround(high - low) / 255)
  const zero = Math.min(255, Math.max(0, roundEven(fround(-low / scale))))
  return rows.map((row) =>
    row.map((x) => (Math.min(255, Math.max(0, roundEven(fround(fround(x) / scale)) + zero)) - zero) * scale),
  )
}

/**
 * As ONNX Runtime's documentation has it: LSTM on dequantised weights; X is rounded to bytes as a whole, H at every
 * step.
 */
export const dynamicQuantizeLstm: Reference = (
  [x, w, r, b, lengths, h0, c0, p, wScale, wZero, rScale, rZero],
  attributes,
) => {
  const [length, batch, input] = x.shape
  const [directions, hidden] = [r.shape[0], r.shape[1]]
  const names =
    (attributes.activations as string[] | undefined) ?? Array(directions).fill(['Sigmoid', 'Tanh', 'Tanh']).flat()
  const bound = (attributes.clip as number | undefined) ?? Infinity
  const clip = (v: number) => Math.min(bound, Math.max(-bound, v))
  const steps = lengths ? lengths.data : Array<number>(batch).fill(length)
  const zeros = (...shape: number[]): Plain => ({
    shape,
    data: Array<number>(shape.reduce((a, c) => a * c, 1)).fill(0),
  })
  const y = zeros(length, directions, batch, hidden)
  const [yh, yc] = [zeros(directions, batch, hidden), zeros(directions, batch, hidden)]
  for (let d = 0; d < directions; d++) {
    const dequantised = (m: Plain, scale: Plain, zero: Plain) => {
      const [, rows, columns] = m.shape
      const at = (of: Plain, column: number) => of.data[of.shape.length === 1 ? d : d * columns + column]
      return Array.from({ length: rows }, (_, i) =>
        Array.from({ length: columns }, (_, j) => (m.data[(d * rows + i) * columns + j] - at(zero, j)) * at(scale, j)),
      )
    }
    const times = (row: number[], m: number[][]) =>
      Array.from({ length: 4 * hidden }, (_, j) => row.reduce((sum, v, i) => sum + v * m[i][j], 0))
    const [wd, rd] = [dequantised(w, wScale, wZero), dequantised(r, rScale, rZero)]
    const longest = Math.max(...steps)
    const rows = Array.from({ length: longest * batch }, (_, row) => x.data.slice(row * input, (row + 1) * input))
    const fromInput = throughBytes(rows).map((row) => times(row, wd))
    const slice = (of: Plain | undefined, n: number) =>
      of ? of.data.slice((d * batch + n) * hidden, (d * batch + n + 1) * hidden) : Array<number>(hidden).fill(0)
    const h = Array.from({ length: batch }, (_, n) => slice(h0, n))
    const c = Array.from({ length: batch }, (_, n) => slice(c0, n))
    const [f, g, out] = names.slice(3 * d, 3 * d + 3).map((name: string) => functions[name])
    const backward = attributes.direction === 'reverse' || d === 1
    for (let i = 0; i < longest; i++) {
      const fromState = throughBytes(h).map((row) => times(row, rd))
      for (let n = 0; n < batch; n++) {
        if (i >= steps[n]) {
          h[n] = Array<number>(hidden).fill(0)
          continue
        }
        const t = backward ? steps[n] - 1 - i : i
        const bias = (j: number) => (b ? b.data[d * 8 * hidden + j] + b.data[d * 8 * hidden + 4 * hidden + j] : 0)
        const sum = (gate: number, j: number) =>
          fromInput[t * batch + n][gate * hidden + j] + fromState[n][gate * hidden + j] + bias(gate * hidden + j)
        const peephole = (gate: number, j: number) => (p ? p.data[(d * 3 + gate) * hidden + j] : 0)
        for (let j = 0; j < hidden; j++) {
          const enter = f(clip(sum(0, j) + peephole(0, j) * c[n][j]))
          const keep = attributes.input_forget ? 1 - enter : f(clip(sum(2, j) + peephole(2, j) * c[n][j]))
          c[n][j] = keep * c[n][j] + enter * g(clip(sum(3, j)))
          h[n][j] = f(clip(sum(1, j) + peephole(1, j) * c[n][j])) * out(c[n][j])
          y.data[((t * directions + d) * batch + n) * hidden + j] = h[n][j]
          yh.data[(d * batch + n) * hidden + j] = h[n][j]
          yc.data[(d * batch + n) * hidden + j] = c[n][j]
        }
      }
    }
  }
  return [y, yh, yc]
}

import { describe, expect, test } from 'vitest'
import { REDUCE_LOG_SUM_EXP, REDUCE_MAX, REDUCE_SUM } from '../../../assembly/abi/codes.js'
import { uniform } from '../random.js'
import { builds, Wasm } from '../../support/wasm.js'
import { expectNear, expectSame } from '../reference.js'

const randomF32 = (length: number, seed: number): Float32Array => uniform(seed)(length)

/** Rows of a kernel over [begin, end) must not depend on how the range is split. */
function splitAndWhole(
  wasm: Wasm,
  run: (y: number, begin: number, end: number) => void,
  rows: number,
  size: number,
): [Float32Array, Float32Array] {
  const [whole, parts] = [wasm.alloc(size * 4), wasm.alloc(size * 4)]
  run(whole, 0, rows)
  for (let begin = 0; begin < rows; begin += 2) run(parts, begin, Math.min(begin + 2, rows))
  return [wasm.viewF32(parts, size), wasm.viewF32(whole, size)]
}

describe.each(builds)('%s', (build) => {
  test.each([
    [5, 37, 1],
    [5, 1501, 1],
    [3, 19, 7],
    [3, 70, 4],
  ])('reductions and softmax of [%i, %i, %i] in ranges', (outer, axis, inner) => {
    const wasm = new Wasm(build)
    const x = wasm.f32(randomF32(outer * axis * inner, 1))
    for (const code of [REDUCE_SUM, REDUCE_MAX, REDUCE_LOG_SUM_EXP]) {
      const [parts, whole] = splitAndWhole(
        wasm,
        (y, begin, end) => wasm.kernels.reduce_f32(code, x, y, axis, inner, begin, end),
        outer,
        outer * inner,
      )
      expectSame(parts, whole)
    }
    for (const kernel of ['softmax_f32', 'log_softmax_f32']) {
      const [parts, whole] = splitAndWhole(
        wasm,
        (y, begin, end) => wasm.kernels[kernel](x, y, axis, inner, begin, end),
        outer,
        outer * axis * inner,
      )
      expectSame(parts, whole)
      const copy = wasm.f32(wasm.viewF32(x, outer * axis * inner))
      wasm.kernels[kernel](copy, copy, axis, inner, 0, outer)
      expectSame(wasm.viewF32(copy, whole.length), whole, [outer, axis, inner], 'in place')
    }
    expect(wasm.overruns()).toEqual([])
  })

  test('a sum of a million numbers is accurate to a few roundings', () => {
    const wasm = new Wasm(build)
    const values = randomF32(1_000_003, 2).map((v) => v + 1)
    const precise = values.reduce((sum, v) => sum + v, 0)
    const [x, y] = [wasm.f32(values), wasm.alloc(4)]
    wasm.kernels.reduce_f32(REDUCE_SUM, x, y, values.length, 1, 0, 1)
    expect(Math.abs(wasm.viewF32(y, 1)[0] - precise) / precise).toBeLessThan(2.5e-7)
  })

  test('a layer norm takes its residual and gives the sum and the statistics', () => {
    const wasm = new Wasm(build)
    const [rows, columns] = [5, 19]
    const [values, others] = [randomF32(rows * columns, 3), randomF32(rows * columns, 4)]
    const [scales, shifts] = [randomF32(columns, 5), randomF32(columns, 6)]
    const [x, residual, scale, bias] = [values, others, scales, shifts].map((list) => wasm.f32(list))
    const [sum, y, mean, invstd] = [rows * columns, rows * columns, rows, rows].map((n) => wasm.alloc(n * 4))
    for (let begin = 0; begin < rows; begin += 2) {
      wasm.kernels.layer_norm_f32(
        x,
        residual,
        0,
        sum,
        scale,
        bias,
        y,
        mean,
        invstd,
        columns,
        1e-5,
        begin,
        Math.min(begin + 2, rows),
      )
    }
    for (let r = 0; r < rows; r++) {
      const row = Array.from({ length: columns }, (_, c) => values[r * columns + c] + others[r * columns + c])
      const average = row.reduce((a, b) => a + b) / columns
      const inverse = 1 / Math.sqrt(row.reduce((a, b) => a + (b - average) ** 2, 0) / columns + 1e-5)
      expect(wasm.viewF32(mean, rows)[r], `mean of row ${r}`).toBeCloseTo(average, 6)
      expect(wasm.viewF32(invstd, rows)[r], `deviation of row ${r}`).toBeCloseTo(inverse, 5)
      const rowOf = (address: number) => wasm.viewF32(address, rows * columns).subarray(r * columns, (r + 1) * columns)
      expectSame(rowOf(sum), Float32Array.from(row), undefined, `sum of row ${r}`)
      expectNear(
        rowOf(y),
        row.map((v, c) => (v - average) * inverse * scales[c] + shifts[c]),
        0,
        2e-6,
      )
    }
    // By the mean square alone; without residual, bias and statistics; in place.
    wasm.kernels.rms_norm_f32(x, 0, 0, 0, scale, y, 0, columns, 1e-5, 0, rows)
    const square = values.subarray(0, columns).reduce((a, b) => a + b * b, 0) / columns
    const first = scales.map((scale, c) => (values[c] / Math.sqrt(square + 1e-5)) * scale)
    expectNear(wasm.viewF32(y, columns), first, 0, 1e-6)
    wasm.kernels.layer_norm_f32(x, 0, 0, 0, scale, 0, y, 0, 0, columns, 1e-5, 0, rows)
    wasm.kernels.layer_norm_f32(x, 0, 0, 0, scale, 0, x, 0, 0, columns, 1e-5, 0, rows)
    expectSame(wasm.viewF32(x, rows * columns), wasm.viewF32(y, rows * columns), [rows, columns], 'in place')
    expect(wasm.overruns()).toEqual([])
  })
})

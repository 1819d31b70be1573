import { describe, expect, test } from 'vitest'
import { expectNear } from '../reference.js'
import { builds, Wasm } from '../../support/wasm.js'

describe.each(builds)('%s', (build) => {
  test.each([1, 2, 4, 8, 16])('matrices of elements of %i bytes are transposed', (bytes) => {
    for (const [batch, rows, columns] of [
      [1, 1, 1],
      [2, 3, 5],
      [1, 16, 16],
      [3, 17, 35],
      [1, 70, 4],
    ]) {
      const wasm = new Wasm(build)
      const size = batch * rows * columns * bytes
      const values = Uint8Array.from({ length: size }, (_, i) => (i * 7 + (i >> 8) * 3) & 255)
      const [x, y] = [wasm.u8(values), wasm.alloc(size)]
      wasm.kernels.transpose_2d(x, y, batch, rows, columns, bytes)
      const expected = new Uint8Array(size)
      for (let b = 0; b < batch; b++)
        for (let r = 0; r < rows; r++)
          for (let c = 0; c < columns; c++) {
            const from = ((b * rows + r) * columns + c) * bytes
            expected.set(values.subarray(from, from + bytes), ((b * columns + c) * rows + r) * bytes)
          }
      expectNear(wasm.viewU8(y, size), expected, 0, 0, [batch, columns, rows, bytes])
      expect(wasm.overruns()).toEqual([])
    }
  })
})

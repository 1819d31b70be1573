import { describe, expect, test } from 'vitest'
import { tensorOf } from '../../support/numbers.js'
import { seeded } from '../../support/random.js'
import { runNode } from '../../support/cases/run-node.js'
import { builds } from '../../support/wasm.js'

const { fround } = Math

/** The two neighbours of a place and their weights (onnxruntime, SetupUpsampleBilinear): halves where they are one. */
function neighbours(i: number, size: number, scale: number): readonly [number, number, number, number] {
  const x = Math.min(Math.max(fround(fround(fround(i + 0.5) / fround(scale)) - 0.5), 0), size - 1)
  const [low, high] = [Math.floor(x), Math.min(Math.floor(x) + 1, size - 1)]
  return low === high ? [low, high, 0.5, 0.5] : [low, high, fround(high - x), fround(x - low)]
}

/**
 * Bit for bit what onnxruntime makes of x [planes, height, width]: weights multiplied first, four products added from
 * the left.
 */
function bilinear(
  x: Float32Array,
  planes: number,
  [h, w]: readonly number[],
  [oh, ow]: readonly number[],
): Float32Array {
  const y = new Float32Array(planes * oh * ow)
  for (let at = 0; at < y.length; at++) {
    const [p, i, j] = [Math.floor(at / (oh * ow)), Math.floor(at / ow) % oh, at % ow]
    const [top, bottom, upper, lower] = neighbours(i, h, oh / h)
    const [left, right, before, after] = neighbours(j, w, ow / w)
    const value = (row: number, column: number) => x[(p * h + row) * w + column]
    const product = (a: number, b: number, v: number) => fround(fround(a * b) * v)
    let sum = product(before, upper, value(top, left))
    sum = fround(sum + product(after, upper, value(top, right)))
    sum = fround(sum + product(before, lower, value(bottom, left)))
    y[at] = sum + product(after, lower, value(bottom, right))
  }
  return y
}

describe.each(builds)('Resize, linear, build %s', (build) => {
  test.each([
    [1, 1, [5, 7], [10, 14]],
    [2, 3, [8, 8], [13, 5]],
    [1, 9, [4, 6], [32, 33]],
    [1, 4, [1, 3], [2, 12]],
    [2, 3, [4, 4], [4, 9]],
    [1, 5, [3, 6], [7, 6]],
  ] as const)('%i × %i planes %j to %j in onnxruntime’s order', async (batch, channels, from, to) => {
    const random = seeded(from[0] * 31 + to[1])
    const data = Float32Array.from({ length: batch * channels * from[0] * from[1] }, () => random() * 2 - 1)
    const x = { dtype: 'float32' as const, shape: [batch, channels, ...from], data }
    const sizes = tensorOf('int64', [4], [batch, channels, ...to])
    const expected = bilinear(data, batch * channels, from, to)
    for (const order of [undefined, () => [0, 2, 3, 1]]) {
      const inputs = [x, undefined, undefined, sizes]
      const [y] = await runNode({ op: 'Resize', inputs, constants: [3], attributes: { mode: 'linear' }, build, order })
      expect(y.data).toEqual(expected)
    }
    const [folded] = await runNode({ op: 'Resize', inputs: [x, undefined, undefined, sizes], constants: [0, 3], attributes: { mode: 'linear' }, build }) // prettier-ignore
    expect(folded.data).toEqual(expected)
  })

  test.each([
    ['uint8', [8, 8], [13, 5]],
    ['int8', [4, 6], [32, 33]],
    ['uint8', [5, 7], [10, 14]],
  ] as const)('%s %j to %j: the same sums without their fractions', async (dtype, from, to) => {
    const [batch, channels] = [2, 3]
    const random = seeded(from[0] + to[1])
    const low = dtype === 'uint8' ? 0 : -128
    const values = Array.from({ length: batch * channels * from[0] * from[1] }, () => low + Math.floor(256 * random()))
    const x = tensorOf(dtype, [batch, channels, ...from], values)
    const sizes = tensorOf('int64', [4], [batch, channels, ...to])
    const expected = Array.from(bilinear(Float32Array.from(values), batch * channels, from, to), Math.trunc)
    for (const [order, constants] of [
      [undefined, [3]],
      [() => [0, 2, 3, 1], [3]],
      [undefined, [0, 3]],
    ] as const) {
      const inputs = [x, undefined, undefined, sizes]
      const [y] = await runNode({ op: 'Resize', inputs, constants, attributes: { mode: 'linear' }, build, order })
      expect(y.dtype).toBe(dtype)
      expect(Array.from(y.data as Uint8Array, (value) => value + 0)).toEqual(expected.map((value) => value + 0))
    }
  })

  test.each(['linear', 'cubic'])('bytes that no kernel takes, %s, in any order of axes', async (mode) => {
    const random = seeded(3)
    const [from, to] = mode === 'linear' ? [[1, 2, 3, 4, 5], [1, 3, 5, 3, 7]] : [[1, 2, 4, 5], [1, 2, 7, 3]] // prettier-ignore
    const x = tensorOf('uint8', from, Array.from({ length: from.reduce((a, b) => a * b) }, () => 60 + Math.floor(100 * random()))) // prettier-ignore
    const sizes = tensorOf('int64', [from.length], to)
    const results: unknown[] = []
    for (const order of [undefined, () => [0, ...from.slice(2).map((_, i) => i + 2), 1]]) {
      const inputs = [x, undefined, undefined, sizes]
      const [y] = await runNode({ op: 'Resize', inputs, constants: [3], attributes: { mode }, build, order })
      results.push(Array.from(y.data as Uint8Array))
    }
    const float = tensorOf('float32', from, Array.from(x.data as Uint8Array))
    const [wide] = await runNode({ op: 'Resize', inputs: [float, undefined, undefined, sizes], constants: [3], attributes: { mode }, build }) // prettier-ignore
    expect(results[1]).toEqual(results[0])
    ;(results[0] as number[]).forEach((value, i) => expect(Math.abs(value + 0.5 - (wide.data as Float32Array)[i])).toBeLessThan(0.501)) // prettier-ignore
  })
})

test.each(['nearest', 'linear', 'cubic'])('tf_half_pixel_for_nn, mode %s: axes that stay stay', async (mode) => {
  const x = tensorOf('float32', [1, 2, 1, 2], [1, 3, 5, 9])
  const scales = tensorOf('float32', [4], [1, 1, 1, 2])
  const attributes = { mode, coordinate_transformation_mode: 'tf_half_pixel_for_nn', nearest_mode: 'floor' }
  const [y] = await runNode({ op: 'Resize', opset: 13, inputs: [x, undefined, scales], constants: [2], attributes })
  // Coordinates 0.25, 0.75, 1.25, 1.75; no half is taken off again.
  const expected: Record<string, number[]> = {
    nearest: [1, 1, 3, 3, 5, 5, 9, 9],
    linear: [1.5, 2.5, 3, 3, 6, 8, 9, 9],
    cubic: [1.453125, 2.546875, 3.2109375, 3.0703125, 5.90625, 8.09375, 9.421875, 9.140625],
  }
  expect(Array.from(y.data as Float32Array)).toEqual(expected[mode])
})

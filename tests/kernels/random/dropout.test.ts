import { describe, expect, test } from 'vitest'
import { expectNear, randomF32 } from '../reference.js'
import { builds, Wasm } from '../../support/wasm.js'

/** "lowbias32" of Wellons, "Prospecting for Hash Functions" (2018). */
function mixed(z: number): number {
  z = Math.imul(z ^ (z >>> 16), 0x7feb352d)
  z = Math.imul(z ^ (z >>> 15), 0x846ca68b)
  return (z ^ (z >>> 16)) >>> 0
}

describe.each(builds)('%s', (build) => {
  test.each([1, 4, 7, 1003])('of %i elements those are dropped that the seed and their places say', (n) => {
    const wasm = new Wasm(build, undefined, 'train')
    const [low, high, share] = [0x12345678, -77, 0.3]
    const threshold = share * 2 ** 32
    const values = randomF32(n, 1)
    const [x, y, seed] = [wasm.f32(values), wasm.alloc(n * 4), wasm.alloc(8)]
    wasm.kernels.seed_store(seed, low, high)
    const expected = values.map((value, place) =>
      mixed(mixed(place ^ low) ^ high) >= threshold ? Math.fround(value * Math.fround(1 / (1 - share))) : 0,
    )
    const cut = (n >> 3) << 2
    wasm.kernels.dropout_f32(x, y, seed, threshold, 1 / (1 - share), 0, cut)
    wasm.kernels.dropout_f32(x, y, seed, threshold, 1 / (1 - share), cut, n)
    expectNear(wasm.viewF32(y, n), expected, 0, 0)
    expect(wasm.overruns()).toEqual([])
  })
})

import { describe, expect, test } from 'vitest'
import { builds, Wasm } from '../../support/wasm.js'
import { expectNear, expectSame } from '../reference.js'

const GROUP = 16

interface Weights {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly bits: 2 | 4 | 8
  readonly block: number
  readonly zeros?: boolean
  readonly coarse?: boolean
}

function numbers(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
}

/** Random weights, as numbers and packed; `extreme` ones are only the least and the greatest. */
function makeWeights({ k, n, bits, block, zeros = false }: Weights, extreme = false, scale?: number) {
  const next = numbers(k * 31 + n * 7 + bits)
  const blocks = Math.ceil(k / block)
  const words = (block * bits) / 32
  const most = 2 ** bits - 1
  const whole = () => (extreme ? Math.round(next()) * most : Math.floor(next() * (most + 1)))
  const rows = words + (zeros ? 2 : 1)
  const packed = new Int32Array(Math.ceil(n / GROUP) * blocks * rows * GROUP)
  const floats = new Float32Array(packed.buffer)
  const q = Array.from({ length: n }, () => Array.from({ length: blocks * block }, whole))
  const scales = q.map(() => Array.from({ length: blocks }, () => scale ?? Math.fround(0.01 + next() / 10)))
  const points = q.map(() => Array.from({ length: blocks }, () => (zeros ? whole() : 2 ** (bits - 1))))
  for (let column = 0; column < n; column++)
    for (let b = 0; b < blocks; b++) {
      const at = (Math.floor(column / GROUP) * blocks + b) * rows * GROUP + (column % GROUP)
      floats[at] = scales[column][b]
      if (zeros) packed[at + GROUP] = points[column][b]
      for (let i = 0; i < block; i++) {
        const word = at + (zeros ? 2 : 1) * GROUP + Math.floor((i * bits) / 32) * GROUP
        packed[word] |= q[column][b * block + i] << ((i * bits) % 32)
      }
      if (bits === 8) for (let i = 0; i < words; i++) packed[at + ((zeros ? 2 : 1) + i) * GROUP] ^= 1 << 31
    }
  const weight = (i: number, column: number): number => {
    const b = Math.floor(i / block)
    return (q[column][i] - points[column][b]) * scales[column][b]
  }
  return { packed, blocks, words, weight }
}

/** The product by kernel, its groups in two calls. */
function productBy(
  { wasm, dots }: { readonly wasm: Wasm; readonly dots: boolean },
  w: Weights,
  packed: Int32Array,
  words: number,
  x: ArrayLike<number>,
  bias?: number[],
) {
  const { m, k, n, bits, zeros, coarse } = w
  wasm.reset()
  const table = wasm.i32([m, k, n, bits, words, zeros ? 1 : 0, coarse ? 1 : 0, dots ? 1 : 0])
  const scratch = wasm.alloc(wasm.kernels.gemv_nbits_scratch_size(m, k, bits, words))
  const [at, from, y] = [wasm.i32(packed), wasm.f32(x), wasm.f32(new Float32Array(m * n).fill(NaN))]
  const added = bias ? wasm.f32(bias) : 0
  const groups = Math.ceil(n / GROUP)
  for (const [begin, end] of [
    [1, groups],
    [0, 1],
  ])
    wasm.kernels.gemv_nbits_f32(from, at, added, y, table, begin, end, scratch)
  expect(wasm.overruns()).toEqual([])
  return Array.from(wasm.viewF32(y, m * n))
}

const forms: readonly Weights[] = ([2, 4, 8] as const).flatMap((bits) =>
  [16, 32, 48, 64, 128, 256].flatMap((block) =>
    [false, true].map((zeros) => ({ m: 2, k: 2 * block + 13, n: 35, bits, block, zeros })),
  ),
)

/** By 16-bit lanes in both builds, by dot products of bytes in the relaxed one. */
const ways = builds.flatMap((build) => [
  { build, dots: false },
  ...(build === 'relaxed' ? [{ build, dots: true }] : []),
])

describe.each(ways)('products with packed weights ($build, dots $dots)', ({ build, dots }) => {
  const wasm = new Wasm(build)
  const product = (w: Weights, packed: Int32Array, words: number, x: ArrayLike<number>, bias?: number[]) =>
    productBy({ wasm, dots }, w, packed, words, x, bias)

  test.each(forms)('$bits bits, blocks of $block, zero points $zeros', (w) => {
    const { m, k, n } = w
    for (const extreme of [false, true]) {
      const { packed, words, weight } = makeWeights(w, extreme)
      const next = numbers(k)
      const bias = Array.from({ length: n }, () => Math.fround(next()))
      // Elements that all have one sign, and are far from 0, lose most where zero points are taken from sums.
      for (const offset of [0.5, -3]) {
        const x = Float32Array.from({ length: m * k }, () => next() - offset)
        const y = product(w, packed, words, x, bias)
        const bounds: number[] = []
        const expected = Array.from(y, (_, at) => {
          const [i, column] = [Math.floor(at / n), at % n]
          let sum = bias[column]
          let magnitude = Math.abs(sum)
          for (let p = 0; p < k; p++) {
            const term = x[i * k + p] * weight(p, column)
            sum += term
            magnitude += Math.abs(term)
          }
          // Bytes are added up as floats.
          bounds.push((w.bits === 8 ? 1e-6 : 4e-7) * magnitude)
          return sum
        })
        expectNear(y, expected, 0, (at) => bounds[at], [m, n])
      }
    }
  })

  test('whole numbers are exact', () => {
    for (const bits of [2, 4, 8] as const)
      for (const zeros of [false, true]) {
        const w = { m: 1, k: 96, n: 17, bits, block: 32, zeros }
        const { packed, words, weight } = makeWeights(w, true, 1)
        const x = Array.from({ length: 96 }, (_, i) => ((i * 37) % 255) - 127)
        const expected = Array.from({ length: 17 }, (_, c) =>
          x.reduce((sum, value, p) => sum + value * weight(p, c), 0),
        )
        expectSame(product(w, packed, words, x), expected)
      }
  })

  test('elements as bytes are at most half a step of 127 off', () => {
    for (const bits of [2, 4] as const) {
      const w: Weights = { m: 3, k: 200, n: 21, bits, block: 64, zeros: true, coarse: true }
      const { packed, words, weight } = makeWeights(w)
      const next = numbers(9)
      const x = Float32Array.from({ length: 3 * 200 }, () => next() - 0.5)
      const bounds: number[] = []
      const expected = Array.from({ length: 3 * 21 }, (_, at) => {
        const [i, column] = [Math.floor(at / 21), at % 21]
        let [sum, bound] = [0, 0]
        for (let p = 0; p < 200; p++) {
          const from = p - (p % 32)
          const most = Math.max(...Array.from(x.subarray(i * 200 + from, i * 200 + Math.min(from + 32, 200)), Math.abs))
          sum += x[i * 200 + p] * weight(p, column)
          bound += (most / 254) * Math.abs(weight(p, column))
        }
        bounds.push(bound)
        return sum
      })
      expectNear(product(w, packed, words, x), expected, 0, (at) => bounds[at], [3, 21])
    }
  })

  test.each([
    ['an infinity', Infinity],
    ['NaN', NaN],
    ['a huge element', 3e38],
  ])('%s is multiplied as it is', (_, value) => {
    for (const bits of [2, 4, 8] as const) {
      const w = { m: 2, k: 40, n: 18, bits, block: 16 }
      const { packed, words, weight } = makeWeights(w)
      const x = new Float32Array(80).fill(0.5)
      x[47] = value
      const y = product(w, packed, words, x)
      for (let column = 0; column < 18; column++) {
        const first = Array.from({ length: 40 }, (_, p) => 0.5 * weight(p, column)).reduce((a, b) => a + b)
        expect(y[column], `[0, ${column}]`).toBeCloseTo(first, 4)
        const special = Math.fround(value * weight(7, column))
        const place = `[1, ${column}]`
        if (special === 0) expect(y[18 + column], place).toBeCloseTo(first, 4)
        else if (Number.isFinite(special)) expect(y[18 + column] / special, place).toBeCloseTo(1, 5)
        else expect(y[18 + column], place).toBe(special)
      }
    }
  })

  test('elements too small to be scaled keep their bits', () => {
    for (const bits of [2, 4, 8] as const)
      for (const tiny of [1e-30, 1e-40]) {
        const w = { m: 1, k: 32, n: 16, bits, block: 32 }
        const { packed, words, weight } = makeWeights(w)
        const x = Float32Array.from({ length: 32 }, (_, p) => tiny * (1 + p))
        const sums = Array.from({ length: 16 }, (_, column) =>
          x.reduce((all, element, p) => all + element * weight(p, column), 0),
        )
        // Subnormal products are off by half of the least number each.
        expectNear(product(w, packed, words, x), sums, 0, 1e-5 * 32 * tiny + 64 * 2 ** -149)
      }
  })
})

describe.each(builds)('products with packed weights (%s)', (build) => {
  const wasm = new Wasm(build)

  test('weights become floats with the bits of (q − zero) · scale', () => {
    for (const w of forms) {
      const { k, n, bits, zeros } = w
      const { packed, words, weight } = makeWeights(w)
      wasm.reset()
      const table = wasm.i32([1, k, n, bits, words, zeros ? 1 : 0, 0, 0])
      const half = wasm.i32(new Int32Array(GROUP).fill(2 ** (bits - 1)))
      const groups = Math.ceil(n / GROUP)
      const y = wasm.alloc(4 * k * groups * GROUP)
      wasm.kernels.gemm_nbits_unpack_f32(wasm.i32(packed), table, half, y, 1, groups)
      wasm.kernels.gemm_nbits_unpack_f32(wasm.i32(packed), table, half, y, 0, 1)
      const panels = wasm.viewF32(y, k * groups * GROUP)
      const expected = Float32Array.from({ length: n * k }, (_, at) => weight(at % k, Math.floor(at / k)))
      const actual = expected.map((_, at) => {
        const [column, p] = [Math.floor(at / k), at % k]
        return panels[(column >> 3) * k * 8 + p * 8 + (column & 7)]
      })
      expectSame(actual, expected, [n, k])
      expect(wasm.overruns()).toEqual([])
    }
  })
})

test.runIf(builds.length === 2)('all ways in both builds give the same bits with 2 and 4 bits', () => {
  const [first, ...others] = ways.map(({ build, dots }) => ({ wasm: new Wasm(build), dots }))
  for (const w of forms.filter(({ bits }) => bits < 8))
    for (const coarse of [false, true])
      for (const extreme of [false, true]) {
        const { packed, words } = makeWeights(w, extreme)
        const next = numbers(w.k)
        const x = Float32Array.from({ length: w.m * w.k }, () => (next() - 0.5) * 10 ** (6 * next() - 3))
        const form: Weights = { ...w, coarse }
        const expected = productBy(first, form, packed, words, x)
        for (const way of others) expectSame(productBy(way, form, packed, words, x), expected, [w.m, w.n])
      }
})

import { describe, expect, test } from 'vitest'
import {
  UNARY_COS,
  UNARY_ERF,
  UNARY_EXP,
  UNARY_LOG,
  UNARY_SIGMOID,
  UNARY_SIN,
  UNARY_TANH,
} from '../../../assembly/abi/codes.js'
import { erf } from '../../ops/elementwise/elementwise.reference.js'
import { seeded } from '../../support/random.js'
import { builds, Wasm, type Build } from '../../support/wasm.js'

// Accuracy budgets of the vector functions: a sample of bit patterns and the edges on every run, all 2^32 of them with
// LANEWISE_EXHAUSTIVE=1. The reference is JavaScript's float64 Math, whose error is far below a float32 ulp.

const BATCH = 1 << 20
const exhaustive = process.env.LANEWISE_EXHAUSTIVE === '1'

/** The distance between float32 numbers at v. */
function ulp(v: number): number {
  const size = Math.abs(v)
  if (size < 2 ** -126) return 2 ** -149
  const exponent = Math.floor(Math.log2(size))
  // log2 may round up to the next power of two.
  return 2 ** (Math.min(exponent - (2 ** exponent > size ? 1 : 0), 127) - 23)
}

const edges = [
  0,
  -0,
  1,
  -1,
  2 ** -149,
  -(2 ** -149),
  2 ** -126,
  -(2 ** -126),
  2 ** -127,
  3.4028234663852886e38,
  -3.4028234663852886e38,
  Infinity,
  -Infinity,
  NaN,
  88.72283,
  88.722839,
  88.72284,
  89,
  -87.33654,
  -87.33655,
  -103.27893,
  -103.97208,
  -104,
  -150,
  0.34657359,
  0.17328679,
  9,
  9.02,
  8.3,
  3.9,
  3.8,
  0.70710678,
  1.41421356,
]

function* patterns(): Generator<Int32Array> {
  if (exhaustive) {
    for (let start = 0; start < 2 ** 32; start += BATCH)
      yield Int32Array.from({ length: BATCH }, (_, i) => (start + i) | 0)
    return
  }
  const random = seeded(1)
  yield Int32Array.from({ length: 200_000 }, () => (random() * 2 ** 32) | 0)
  // Most bit patterns are tiny or huge; most arguments are neither.
  yield new Int32Array(Float32Array.from({ length: 200_000 }, () => (random() * 2 - 1) * 20).buffer)
  yield new Int32Array(Float32Array.from({ length: 50_000 }, () => (random() * 2 - 1) * 105).buffer)
  yield new Int32Array(Float32Array.from(edges).buffer)
}

interface Worst {
  readonly ulps: number
  readonly absolute: number
  readonly at: number
}

function worstOf(build: Build, code: number, f: (x: number) => number): Worst {
  const wasm = new Wasm(build)
  const [x, y] = [wasm.alloc(BATCH * 4), wasm.alloc(BATCH * 4)]
  let worst = { ulps: 0, absolute: 0, at: NaN }
  for (const bits of patterns()) {
    wasm.viewI32(x, bits.length).set(bits)
    wasm.kernels.unary_f32(code, x, y, bits.length, 0, 0)
    const [from, to] = [wasm.viewF32(x, bits.length), wasm.viewF32(y, bits.length)]
    for (let i = 0; i < bits.length; i++) {
      const exact = f(from[i])
      const rounded = Math.fround(exact)
      if (Object.is(rounded, to[i])) continue
      // Infinite or NaN on one side only is an error without measure, but for the last number before the overflow.
      const edge = Math.abs(rounded) === Infinity && Math.abs(exact) < 3.4028236e38
      const difference =
        Number.isFinite(rounded) && Number.isFinite(to[i]) ? Math.abs(to[i] - exact) : edge ? 0 : Infinity
      const ulps = difference / ulp(exact)
      if (ulps > worst.ulps) worst = { ...worst, ulps, at: from[i] }
      worst = { ...worst, absolute: Math.max(worst.absolute, difference) }
    }
  }
  return worst
}

describe.each(builds)('%s', (build) => {
  test.each([
    ['exp', UNARY_EXP, Math.exp, 1],
    ['tanh', UNARY_TANH, Math.tanh, 3],
    ['sigmoid', UNARY_SIGMOID, (x: number) => 1 / (1 + Math.exp(-x)), 4],
    ['log', UNARY_LOG, Math.log, 2],
    ['sin', UNARY_SIN, Math.sin, 1],
    ['cos', UNARY_COS, Math.cos, 1],
  ] as const)(
    '%s stays within its ulps',
    (_, code, f, budget) => {
      const worst = worstOf(build, code, f)
      expect(worst.ulps, `at ${worst.at}`).toBeLessThanOrEqual(budget)
    },
    exhaustive ? 3_600_000 : undefined,
  )

  test(
    'erf stays within 6.6e-7',
    () => expect(worstOf(build, UNARY_ERF, erf).absolute).toBeLessThanOrEqual(6.6e-7),
    exhaustive ? 3_600_000 : undefined,
  )

  test('erf and tanh do not pass 1', () => {
    const wasm = new Wasm(build)
    const x = wasm.f32(Array.from({ length: 4096 }, (_, i) => 2 + i / 256))
    for (const code of [UNARY_ERF, UNARY_TANH]) {
      const y = wasm.alloc(4096 * 4)
      wasm.kernels.unary_f32(code, x, y, 4096, 0, 0)
      expect(Math.max(...wasm.viewF32(y, 4096))).toBe(1)
    }
  })
})

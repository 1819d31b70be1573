import { describe, expect, test } from 'vitest'
import * as codes from '../../../assembly/abi/codes.js'
import { uniform } from '../random.js'
import { builds, Wasm } from '../../support/wasm.js'
import { expectNear, expectSame } from '../reference.js'

interface Case {
  m: number
  k: number
  n: number
  /** Elements beyond the row in A, C and the residual. */
  slack?: number
  bias?: boolean
  residual?: boolean
  act?: number
  alpha?: number
  beta?: number
  /** B is stored [n, k]. */
  transposed?: boolean
}

function activation(v: number, { act = codes.UNARY_NONE, alpha = 0, beta = 0 }: Case): number {
  switch (act) {
    case codes.UNARY_RELU:
      return Math.max(v, 0)
    case codes.UNARY_CLIP:
      return Math.min(Math.max(v, alpha), beta)
    case codes.UNARY_LEAKY_RELU:
      return v < 0 ? v * alpha : v
    case codes.UNARY_SIGMOID:
      return 1 / (1 + Math.exp(-v))
    default:
      return v
  }
}

/** The product in float64, and the sum of magnitudes that bounds its float32 error. */
function reference(
  a: Float32Array,
  lda: number,
  b: (p: number, j: number) => number,
  c: Case,
  bias: Float32Array,
  residual: Float32Array,
) {
  const ldr = c.n + (c.slack ?? 0)
  const values = new Float64Array(c.m * c.n)
  const scale = new Float64Array(c.m * c.n)
  for (let i = 0; i < c.m; i++) {
    for (let j = 0; j < c.n; j++) {
      let sum = (c.bias ? bias[j] : 0) + (c.residual ? residual[i * ldr + j] : 0)
      let magnitude = Math.abs(sum)
      for (let p = 0; p < c.k; p++) {
        const product = a[i * lda + p] * b(p, j)
        sum += product
        magnitude += Math.abs(product)
      }
      values[i * c.n + j] = activation(sum, c)
      scale[i * c.n + j] = magnitude
    }
  }
  return { values, scale }
}

const cases: Case[] = [
  { m: 1, k: 1, n: 1 },
  { m: 6, k: 8, n: 8 },
  { m: 5, k: 7, n: 9, slack: 3 },
  { m: 7, k: 3, n: 5, bias: true, residual: true, slack: 1 },
  { m: 13, k: 17, n: 23, bias: true, act: codes.UNARY_RELU },
  { m: 3, k: 4, n: 4, act: codes.UNARY_CLIP, alpha: -0.25, beta: 0.5 },
  { m: 4, k: 6, n: 11, act: codes.UNARY_LEAKY_RELU, alpha: 0.1, residual: true },
  { m: 9, k: 5, n: 18, bias: true, act: codes.UNARY_SIGMOID, slack: 2 },
  { m: 11, k: 385, n: 13, bias: true, residual: true, act: codes.UNARY_RELU },
  { m: 10, k: 1153, n: 3, residual: true, act: codes.UNARY_SIGMOID },
  { m: 17, k: 64, n: 31, transposed: true, bias: true },
  { m: 2, k: 5, n: 16, transposed: true },
  { m: 14, k: 1030, n: 230, bias: true, residual: true },
  { m: 9, k: 1100, n: 141, transposed: true, bias: true, act: codes.UNARY_RELU },
  { m: 3, k: 0, n: 5, bias: true },
  { m: 0, k: 3, n: 5 },
  { m: 3, k: 3, n: 0 },
]
for (let n = 1; n <= 17; n++)
  for (const m of [1, 4, 5, 6, 8]) cases.push({ m, k: n % 5, n, bias: n % 2 === 1, residual: m % 2 === 0 })

describe.each(builds)('gemm (%s)', (build) => {
  const wasm = new Wasm(build)
  const kernels = wasm.kernels

  const setUp = (c: Case) => {
    wasm.reset()
    const random = uniform(c.m * 1000 + c.k * 10 + c.n)
    const slack = c.slack ?? 0
    const [lda, ldc] = [c.k + slack, c.n + slack]
    const a = random(c.m * lda)
    const b = random(c.k * c.n)
    const bias = random(c.n)
    const residual = random(c.m * ldc)
    const at = (p: number, j: number) => (c.transposed ? b[j * c.k + p] : b[p * c.n + j])
    const addresses = {
      a: wasm.f32(a),
      b: wasm.f32(b),
      bias: c.bias ? wasm.f32(bias) : 0,
      residual: c.residual ? wasm.f32(residual) : 0,
      c: wasm.f32(new Float32Array(c.m * ldc).fill(NaN)),
      packed: wasm.alloc(kernels.gemm_packed_size(c.k, c.n)),
    }
    kernels.gemm_pack_f32(addresses.b, c.transposed ? 1 : c.n, c.transposed ? c.k : 1, c.k, c.n, addresses.packed)
    return { a, b, bias, residual, lda, ldc, at, addresses, expected: reference(a, lda, at, c, bias, residual) }
  }

  const check = (c: Case, ldc: number, address: number, expected: ReturnType<typeof reference>) => {
    const actual = wasm.viewF32(address, c.m * ldc)
    // NaN lies behind the rows. n·u bound of a float32 dot product; 4 ulp for the activation.
    const rows = Float64Array.from(actual, (_, at) => {
      const j = at % ldc
      return j < c.n ? expected.values[Math.floor(at / ldc) * c.n + j] : NaN
    })
    const bound = (at: number) => 2 ** -24 * ((c.k + 3) * expected.scale[Math.floor(at / ldc) * c.n + (at % ldc)] + 4)
    expectNear(actual, rows, 0, bound, [c.m, ldc])
    expect(wasm.overruns()).toEqual([])
  }

  test.each(cases)('%j', (c) => {
    const { lda, ldc, addresses: at, expected } = setUp(c)
    const { act = 0, alpha = 0, beta = 0 } = c
    kernels.gemm_f32(at.a, lda, at.packed, at.bias, at.residual, ldc, at.c, ldc, c.k, c.n, 0, c.m, act, alpha, beta)
    check(c, ldc, at.c, expected)
    // Packing on the way changes no bit.
    const before = wasm.viewF32(at.c, c.m * ldc).slice()
    wasm.viewF32(at.c, c.m * ldc).fill(NaN)
    const scratch = wasm.alloc(kernels.gemm_unpacked_scratch_size(c.k, c.n) || 4)
    const [row, column] = c.transposed ? [1, c.k] : [c.n, 1]
    const table = wasm.i32([lda, 1, row, column, ldc, ldc, c.m, c.k, c.n])
    kernels.gemm_unpacked_f32(at.a, at.b, at.bias, at.residual, at.c, table, act, alpha, beta, 0, c.m, scratch)
    expectSame(wasm.viewF32(at.c, c.m * ldc), before, [c.m, ldc], 'packed on the way')
    expect(wasm.overruns()).toEqual([])
  })

  test.each(cases)('A with other strides: %j', (c) => {
    const { a, lda, ldc, addresses: at, expected } = setUp(c)
    const transposed = new Float32Array(c.k * c.m)
    for (let i = 0; i < c.m; i++) for (let p = 0; p < c.k; p++) transposed[p * c.m + i] = a[i * lda + p]!
    const source = wasm.f32(transposed)
    const scratch = wasm.alloc(kernels.gemm_strided_a_scratch_size(c.k))
    const { act = 0, alpha = 0, beta = 0 } = c
    const table = wasm.i32([1, c.m, 0, 0, ldc, ldc, c.m, c.k, c.n])
    kernels.gemm_strided_a_f32(source, at.packed, at.bias, at.residual, at.c, table, act, alpha, beta, 0, c.m, scratch)
    check(c, ldc, at.c, expected)
  })

  const vectors = cases
    .filter((c) => c.m <= 5)
    .concat([
      { m: 1, k: 37, n: 101, bias: true, residual: true, act: codes.UNARY_RELU },
      { m: 2, k: 64, n: 70, bias: true, slack: 1 },
      { m: 3, k: 19, n: 1030, residual: true, act: codes.UNARY_SIGMOID },
      { m: 3, k: 1030, n: 33 },
    ])
  test.each(vectors)('matrix times vector: %j', (c) => {
    const { b, lda, ldc, at: element, addresses: at, expected } = setUp(c)
    const { act = 0, alpha = 0, beta = 0 } = c
    const rows = Float32Array.from({ length: b.length }, (_, i) => element(Math.floor(i / c.n), i % c.n))
    const columns = Float32Array.from({ length: b.length }, (_, i) => element(i % c.k, Math.floor(i / c.k)))
    const variants: [string, number[]][] = [
      ['gemv_packed_f32', [at.packed]],
      ['gemv_rows_f32', [wasm.f32(rows), c.n]],
      ['gemv_transposed_f32', [wasm.f32(columns), c.k]],
    ]
    for (const [name, operand] of variants) {
      const run = (...cuts: number[]) => {
        wasm.viewF32(at.c, c.m * ldc).fill(NaN)
        for (let i = 0; i + 1 < cuts.length; i++) {
          kernels[name](
            at.a,
            lda,
            ...operand,
            at.bias,
            at.residual,
            ldc,
            at.c,
            ldc,
            c.m,
            c.k,
            cuts[i],
            cuts[i + 1],
            act,
            alpha,
            beta,
          )
        }
        check(c, ldc, at.c, expected)
        return wasm.viewF32(at.c, c.m * ldc).slice()
      }
      const whole = run(0, c.n)
      if (c.n > 24) expectSame(run(0, 8, 24, c.n), whole, [c.m, ldc], `${name} in ranges`)
    }
  })

  test('bits do not depend on how the rows are split', () => {
    const c = { m: 23, k: 2100, n: 37, bias: true, residual: true, act: codes.UNARY_SIGMOID }
    const { lda, ldc, addresses: at } = setUp(c)
    const run = (...cuts: number[]) => {
      wasm.viewF32(at.c, c.m * ldc).fill(NaN)
      for (let i = 0; i + 1 < cuts.length; i++) {
        kernels.gemm_f32(
          at.a,
          lda,
          at.packed,
          at.bias,
          at.residual,
          ldc,
          at.c,
          ldc,
          c.k,
          c.n,
          cuts[i],
          cuts[i + 1],
          c.act,
          0,
          0,
        )
      }
      return wasm.viewF32(at.c, c.m * ldc).slice()
    }
    const whole = run(0, 23)
    expectSame(run(0, 1, 2, 5, 10, 22, 23), whole, [23, ldc])
    expectSame(run(0, 11, 23), whole, [23, ldc])
  })

  test('the residual may be the output', () => {
    const c = { m: 7, k: 2100, n: 12, residual: true }
    const { lda, ldc, residual, addresses: at, expected } = setUp(c)
    wasm.viewF32(at.c, c.m * ldc).set(residual)
    kernels.gemm_f32(at.a, lda, at.packed, 0, at.c, ldc, at.c, ldc, c.k, c.n, 0, c.m, 0, 0, 0)
    check(c, ldc, at.c, expected)
    wasm.viewF32(at.c, c.m * ldc).set(residual)
    kernels.gemv_packed_f32(at.a, lda, at.packed, 0, at.c, ldc, at.c, ldc, c.m, c.k, 0, c.n, 0, 0, 0)
    check(c, ldc, at.c, expected)
  })

  test.each([codes.UNARY_NONE, codes.UNARY_RELU, codes.UNARY_CLIP, codes.UNARY_LEAKY_RELU])(
    'NaN and infinities pass activation %i',
    (act) => {
      const c = { m: 3, k: 2, n: 10, act, alpha: act === codes.UNARY_CLIP ? -1 : 0.5, beta: 1 }
      const { a, lda, ldc, addresses: at } = setUp(c)
      a.fill(1)
      a[0] = NaN
      a[2] = Infinity
      a[4] = -Infinity
      wasm.viewF32(at.a, a.length).set(a)
      wasm.viewF32(at.b, c.k * c.n).fill(1)
      kernels.gemm_pack_f32(at.b, c.n, 1, c.k, c.n, at.packed)
      kernels.gemm_f32(at.a, lda, at.packed, 0, 0, 0, at.c, ldc, c.k, c.n, 0, c.m, act, c.alpha, c.beta)
      const rows = [NaN, activation(Infinity, c), activation(-Infinity, c)]
      const expected = rows.flatMap((v) => Array<number>(10).fill(v))
      expectSame(wasm.viewF32(at.c, 30), expected, [3, 10])
    },
  )
})

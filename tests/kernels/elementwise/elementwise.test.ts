import { describe, expect, test } from 'vitest'
import {
  BINARY_ADD,
  BINARY_DIV,
  BINARY_MUL,
  BINARY_SUB,
  CHAIN_BINARY,
  CHAIN_FLIPPED,
  CHAIN_FULL,
  CHAIN_ROW,
  CHAIN_SCALAR,
  CHAIN_UNARY,
  UNARY_AFFINE,
  UNARY_CLIP,
  UNARY_EXP,
  UNARY_GELU,
  UNARY_RELU,
  UNARY_SIGMOID,
  UNARY_SIN,
  UNARY_TANH,
} from '../../../assembly/abi/codes.js'
import { uniform } from '../random.js'
import { builds, Wasm } from '../../support/wasm.js'
import { expectNear, expectSame } from '../reference.js'

const randomF32 = (length: number, seed: number): Float32Array => uniform(seed)(length)

const sizes = [0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 1003]

type Step =
  | { readonly unary: number; readonly a?: number; readonly b?: number }
  | { readonly binary: number; readonly operand: number; readonly spread: number; readonly flipped?: boolean }

function program(wasm: Wasm, steps: readonly Step[]): number {
  const at = wasm.alloc(steps.length * 20)
  const words = wasm.viewI32(at, steps.length * 5)
  const floats = wasm.viewF32(at, steps.length * 5)
  steps.forEach((step, i) => {
    if ('unary' in step) {
      words.set([CHAIN_UNARY, step.unary], i * 5)
      floats.set([step.a ?? 0, step.b ?? 0], i * 5 + 2)
    } else {
      words.set([step.flipped ? CHAIN_FLIPPED : CHAIN_BINARY, step.binary, step.operand, step.spread], i * 5)
    }
  })
  return at
}

describe.each(builds)('%s', (build) => {
  test.each(sizes)('unary over %i elements: in place, apart, nothing beyond', (n) => {
    const wasm = new Wasm(build)
    for (const code of [
      UNARY_RELU,
      UNARY_CLIP,
      UNARY_EXP,
      UNARY_TANH,
      UNARY_SIGMOID,
      UNARY_GELU,
      UNARY_SIN,
      UNARY_AFFINE,
    ]) {
      wasm.reset()
      const values = randomF32(n, n + 1)
      const x = wasm.f32(values)
      const y = wasm.alloc(n * 4)
      wasm.kernels.unary_f32(code, x, y, n, -0.5, 0.5)
      const apart = wasm.viewF32(y, n).slice()
      expectSame(wasm.viewF32(x, n), values)
      wasm.kernels.unary_f32(code, x, x, n, -0.5, 0.5)
      expectSame(wasm.viewF32(x, n), apart)
      // One by one is the same as all together: no element depends on its neighbours.
      for (let i = 0; i < n; i += 97) {
        wasm.viewF32(x, 1)[0] = values[i]
        wasm.kernels.unary_f32(code, x, x, 1, -0.5, 0.5)
        expect(wasm.viewF32(x, 1)[0], `element ${i}`).toBe(apart[i])
      }
      expect(wasm.overruns()).toEqual([])
    }
  })

  test.each(sizes)('binary over %i elements, contiguous, with a scalar, in place', (n) => {
    const wasm = new Wasm(build)
    const [left, right] = [randomF32(n, 1), randomF32(n, 2)]
    const [a, b, s] = [wasm.f32(left), wasm.f32(right), wasm.f32([0.75])]
    const y = wasm.alloc(n * 4)
    const functions = [
      [BINARY_ADD, (p: number, q: number) => Math.fround(p + q)],
      [BINARY_SUB, (p: number, q: number) => Math.fround(p - q)],
      [BINARY_MUL, (p: number, q: number) => Math.fround(p * q)],
      [BINARY_DIV, (p: number, q: number) => Math.fround(p / q)],
    ] as const
    for (const [code, f] of functions) {
      wasm.kernels.binary_f32(code, a, 1, b, 1, y, n)
      expectSame(
        wasm.viewF32(y, n),
        left.map((p, i) => f(p, right[i])),
      )
      wasm.kernels.binary_f32(code, a, 1, s, 0, y, n)
      expectSame(
        wasm.viewF32(y, n),
        left.map((p) => f(p, 0.75)),
      )
      wasm.kernels.binary_f32(code, s, 0, b, 1, y, n)
      expectSame(
        wasm.viewF32(y, n),
        right.map((q) => f(0.75, q)),
      )
    }
    wasm.kernels.binary_f32(BINARY_ADD, a, 1, b, 1, a, n)
    expectSame(
      wasm.viewF32(a, n),
      left.map((p, i) => Math.fround(p + right[i])),
    )
    expect(wasm.overruns()).toEqual([])
  })

  test('a broadcast gives the same however axis 0 is split', () => {
    const wasm = new Wasm(build)
    const [a, b] = [wasm.f32(randomF32(7 * 11, 3)), wasm.f32(randomF32(11, 4))]
    const table = wasm.i32([7, 11, 11, 1, 0, 1])
    const [whole, parts] = [wasm.alloc(7 * 44), wasm.alloc(7 * 44)]
    wasm.kernels.binary_broadcast_f32(BINARY_MUL, a, b, whole, table, 2, 0, 7)
    for (const [begin, end] of [
      [0, 3],
      [3, 4],
      [4, 7],
    ])
      wasm.kernels.binary_broadcast_f32(BINARY_MUL, a, b, parts, table, 2, begin, end)
    expectSame(wasm.viewF32(parts, 77), wasm.viewF32(whole, 77), [7, 11])
  })

  // y = z / clip(sigmoid(gain·x + shift) − x), gain per channel: rows, scalars, whole operands and x itself, both
  // orders of operands.
  const steps: readonly Step[] = [
    { binary: BINARY_MUL, operand: 1, spread: CHAIN_ROW, flipped: true },
    { binary: BINARY_ADD, operand: 2, spread: CHAIN_SCALAR },
    { unary: UNARY_SIGMOID },
    { binary: BINARY_SUB, operand: 0, spread: CHAIN_FULL },
    { unary: UNARY_CLIP, a: 0.25, b: 4 },
    { binary: BINARY_DIV, operand: 5, spread: CHAIN_FULL, flipped: true },
  ]
  test.each([
    [1, 1],
    [3, 1],
    [5, 7],
    [41, 33],
    [3, 512],
    [3, 513],
    [2, 1999],
  ])('a chain over %i rows of %i', (rows, row) => {
    const wasm = new Wasm(build)
    const n = rows * row
    const [values, gains, dividends] = [randomF32(n, 5), randomF32(row, 6), randomF32(n, 7)]
    const [x, gain, shift, z] = [wasm.f32(values), wasm.f32(gains), wasm.f32([0.25]), wasm.f32(dividends)]
    const scratch = wasm.alloc(wasm.kernels.chain_scratch_size())
    const code = program(wasm, steps)
    const y = wasm.alloc(n * 4)
    wasm.kernels.chain_f32(code, steps.length, row, x, gain, shift, 0, 0, z, y, 0, n, scratch)
    const expected = values.map((v, i) => {
      const t = 1 / (1 + Math.exp(-(v * gains[i % row] + 0.25))) - v
      return dividends[i] / Math.min(Math.max(t, 0.25), 4)
    })
    const whole = wasm.viewF32(y, n).slice()
    expectNear(whole, expected, 0, 4e-6, [rows, row])
    // In place, in two ranges.
    const cut = Math.floor(rows / 2) * row
    wasm.kernels.chain_f32(code, steps.length, row, x, gain, shift, 0, 0, z, x, 0, cut, scratch)
    wasm.kernels.chain_f32(code, steps.length, row, x, gain, shift, 0, 0, z, x, cut, n, scratch)
    expectSame(wasm.viewF32(x, n), whole, [rows, row], 'in place')
    expect(wasm.overruns()).toEqual([])
  })
})

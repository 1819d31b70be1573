import { describe, expect, test } from 'vitest'
import { UNARY_CLIP, UNARY_HARD_SWISH, UNARY_LEAKY_RELU, UNARY_NONE, UNARY_RELU } from '../../../assembly/abi/codes.js'
import {
  conv,
  convOutput,
  type ConvShape,
  randomF32,
  expectRelativeL2,
  withPitch,
  withoutPitch,
  expectGaps,
  expectNear,
  expectSame,
} from '../reference.js'
import { builds, Wasm } from '../../support/wasm.js'
import { windowEntries } from '../window.js'

interface Case extends ConvShape {
  extra?: number
  bias?: boolean
  residual?: boolean
  act?: number
  a?: number
  b?: number
}

function make(channels: number, filters: number, height: number, width: number, more: Partial<Case> = {}): Case {
  return {
    n: 1,
    height,
    width,
    channels,
    filters,
    groups: 1,
    kernel: [3, 3],
    strides: [1, 1],
    dilations: [1, 1],
    pads: [1, 1, 1, 1],
    ...more,
  }
}

const cases: Record<string, Case> = {
  '8 → 8, 8²': make(8, 8, 8, 8),
  '16 → 24, 13 × 10, bias, relu': make(16, 24, 13, 10, { bias: true, act: UNARY_RELU }),
  '3 → 10, 9 × 7': make(3, 10, 9, 7, { bias: true }),
  '6 → 21, no pads, clip': make(6, 21, 11, 12, { pads: [0, 0, 0, 0], bias: true, act: UNARY_CLIP, a: -0.5, b: 0.7 }),
  '21 → 6, residual, leaky': make(21, 6, 6, 9, { bias: true, residual: true, act: UNARY_LEAKY_RELU, a: 0.2 }),
  '10 → 3, pitches, other activation': make(10, 3, 7, 7, {
    extra: 5,
    bias: true,
    residual: true,
    act: UNARY_HARD_SWISH,
  }),
  '16 → 16, other activation': make(16, 16, 7, 9, { act: UNARY_HARD_SWISH }),
  '4 → 4, one pixel': make(4, 4, 1, 1, { bias: true }),
  '1 → 1, one row': make(1, 1, 1, 17),
  '5 → 9, asymmetric pads': make(5, 9, 8, 5, { pads: [0, 2, 2, 0] }),
  '4 → 8, wide pads': make(4, 8, 3, 3, { pads: [7, 5, 6, 9], bias: true }),
  '32 → 16, several images and blocks': make(32, 16, 23, 22, { n: 3, bias: true, act: UNARY_RELU }),
}

function activate(v: number, act: number, a: number, b: number): number {
  switch (act) {
    case UNARY_RELU:
      return Math.max(v, 0)
    case UNARY_CLIP:
      return Math.min(Math.max(v, a), b)
    case UNARY_LEAKY_RELU:
      return v < 0 ? v * a : v
    case UNARY_HARD_SWISH:
      return v * Math.min(Math.max(v / 6 + 0.5, 0), 1)
    default:
      return v
  }
}

function run(
  wasm: Wasm,
  m: number,
  s: Case,
  x: Float32Array,
  w: Float32Array,
  bias?: Float32Array,
  residual?: Float32Array,
  backwards = false,
): Float32Array {
  const k = wasm.kernels
  const r = s.kernel[0]
  wasm.reset()
  const [oh, ow] = convOutput(s)
  const extra = s.extra ?? 0
  const pixels = s.n * oh * ow
  const packed = wasm.alloc(k.winograd_packed_size(m, r, s.channels, s.filters))
  const wAt = wasm.f32(w)
  const packScratch = wasm.alloc(k.winograd_pack_scratch_size())
  for (let i = 0; i * 8 < s.filters; i += 2) {
    k.winograd_pack_f32(m, r, wAt, s.channels, s.filters, packed, packScratch, i, i + 2)
  }
  const reach = x.length + (x.length / s.channels - 1) * extra
  const xAt = wasm.f32(withPitch(x, s.channels, s.channels + extra, NaN).subarray(0, reach))
  const biasAt = bias ? wasm.f32(bias) : 0
  // The residual is the output's own buffer: adding in place is allowed.
  const before = residual ?? new Float32Array(pixels * s.filters).fill(7)
  const y = wasm.f32(withPitch(before, s.filters, s.filters + extra, 7))
  const scratchBytes = k.winograd_scratch_size(m, r, s.n, oh, ow, s.channels, s.filters)
  const scratch = wasm.alloc(scratchBytes)
  wasm.viewF32(scratch, scratchBytes / 4).fill(NaN)
  const blocks = k.winograd_blocks(m, r, s.n, oh, ow, s.channels, s.filters)
  const window = wasm.i32(
    windowEntries({
      ...{ xPitch: s.channels + extra, yPitch: s.filters + extra, inputs: s.channels, outputs: s.filters, images: s.n },
      ...{ x: [s.height, s.width], y: [oh, ow], kernel: s.kernel, begin: s.pads.slice(0, 2) },
    }),
  )
  const [act, a, b] = [s.act ?? UNARY_NONE, s.a ?? 0, s.b ?? 0]
  const call = (begin: number, end: number) =>
    k.winograd_f32(m, xAt, packed, biasAt, residual ? y : 0, y, window, act, a, b, begin, end, scratch)
  if (backwards) for (let i = blocks - 1; i >= 0; i--) call(i, i + 1)
  else call(0, blocks)
  expect(wasm.overruns()).toEqual([])
  const all = wasm.viewF32(y, pixels * (s.filters + extra))
  expectGaps(all, s.filters, s.filters + extra, 7)
  return withoutPitch(all, s.filters, s.filters + extra)
}

test('choice of the tile', () => {
  const { winograd_choice: choice } = new Wasm('simd').kernels
  const square = (channels: number, size: number, r = 3) => choice(r, 1, channels, channels, size, size)
  expect([56, 28, 14, 7].map((size) => square(64, size))).toEqual([4, 4, 4, 4])
  expect([4, 5, 6].map((size) => square(64, size))).toEqual([2, 2, 2])
  expect([1, 2].map((size) => square(256, size))).toEqual([0, 0])
  expect([7, 10, 14].map((size) => square(512, size))).toEqual([2, 2, 4])
  expect(square(256, 7)).toBe(4)
  expect(square(4, 2)).toBe(0)
  expect(choice(3, 1, 3, 128, 224, 224)).toBe(0)
  expect(choice(3, 1, 3, 16, 416, 416)).toBe(4)
  expect(choice(3, 0, 64, 64, 56, 56)).toBe(0)
  expect(choice(3, 1, 64, 64, 0, 56)).toBe(0)
  expect([2, 3, 4, 7, 14].map((size) => square(64, size, 5))).toEqual([0, 2, 2, 2, 2])
  expect([3, 4, 5, 7, 14].map((size) => square(16, size, 5))).toEqual([0, 2, 2, 2, 2])
  expect([4, 7, 14].map((size) => square(8, size, 5))).toEqual([2, 0, 2])
  expect(square(7, 28, 5)).toBe(0)
  expect(choice(5, 0, 64, 64, 56, 56)).toBe(0)
  expect([2, 3, 4, 8, 16].map((size) => square(64, size, 4))).toEqual([0, 3, 3, 3, 3])
  expect(square(7, 28, 4)).toBe(0)
})

describe.each(builds)('Winograd, %s build', (build) => {
  const wasm = new Wasm(build)
  describe.each([
    [4, 3],
    [2, 3],
    [3, 4],
    [2, 5],
  ])('F(%i, %i)', (m, r) => {
    // The error of a sum grows with the sum's size: bounds are fractions of the largest one.
    test.each(Object.entries(cases))('%s', (_, { pads, ...shape }) => {
      // What a window reaches further than one of three is padding: one pixel more at the end, then one at the
      // beginning.
      const more = pads.map((pad, i) => pad + (i < 2 ? Number(r === 5) : Number(r > 3)))
      const s = { ...shape, kernel: [r, r], pads: more } as Case
      const [oh, ow] = convOutput(s)
      const x = randomF32(s.n * s.height * s.width * s.channels, 1)
      const w = randomF32(s.filters * s.channels * r * r, 2)
      const bias = s.bias ? randomF32(s.filters, 3) : undefined
      const residual = s.residual ? randomF32(s.n * oh * ow * s.filters, 4) : undefined
      const sums = conv(s, x, w, bias)
      const scale = sums.reduce((most, v) => Math.max(most, Math.abs(v)), 0)
      const expected = sums.map((v, i) => activate(v + (residual?.[i] ?? 0), s.act ?? UNARY_NONE, s.a ?? 0, s.b ?? 0))
      const whole = run(wasm, m, s, x, w, bias, residual)
      const shapeOfY = [s.n, oh, ow, s.filters]
      expectNear(whole, expected, 0, scale * (m + r === 5 ? 1e-6 : 1e-5), shapeOfY)
      expectSame(run(wasm, m, s, x, w, bias, residual, true), whole, shapeOfY, 'block by block, the last first')
    })

    test('a NaN reaches every output that sees it, and no tile that does not', () => {
      const s = make(5, 6, 12, 12, { kernel: [r, r] })
      const x = randomF32(12 * 12 * 5, 1)
      x[(5 * 12 + 5) * 5 + 2] = NaN
      const w = randomF32(6 * 5 * r * r, 2)
      const expected = conv(s, x, w)
      const result = run(wasm, m, s, x, w)
      expected.forEach((v, i) => {
        if (Number.isNaN(v)) expect(result[i]).toBeNaN()
      })
      const [, width] = convOutput(s)
      const far = (i: number) => Math.floor(i / 6 / width) >= 8 || Math.floor(i / 6) % width >= 8
      result.forEach((v, i) => {
        if (far(i)) expect(v).not.toBeNaN()
      })
    })

    // He weights and ReLU inputs, C = 256: F(4, 3) is known to have 2.5e-6, F(2, 3) 4.1e-7.
    test('relative error', () => {
      const s = make(256, 16, 12, 12, { kernel: [r, r] })
      const x = randomF32(12 * 12 * 256, 1).map((v) => Math.max(v, 0))
      const w = randomF32(16 * 256 * r * r, 2).map((v) => v * Math.sqrt(6 / (256 * r * r)))
      const shape = [1, ...convOutput(s), 16]
      expectRelativeL2(run(wasm, m, s, x, w), conv(s, x, w), shape, m + r === 5 ? 8e-7 : 4e-6)
    })
  })
})

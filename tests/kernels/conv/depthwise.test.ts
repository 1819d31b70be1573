import { describe, expect, test } from 'vitest'
import {
  DEPTHWISE_IMAGE,
  DEPTHWISE_LINES,
  DEPTHWISE_RING,
  UNARY_CLIP,
  UNARY_HARD_SWISH,
  UNARY_LEAKY_RELU,
  UNARY_NONE,
  UNARY_RELU,
} from '../../../assembly/abi/codes.js'
import {
  conv,
  convOutput,
  type ConvShape,
  randomF32,
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

const base: Case = {
  n: 1,
  height: 9,
  width: 11,
  channels: 8,
  filters: 8,
  groups: 8,
  kernel: [3, 3],
  strides: [1, 1],
  dilations: [1, 1],
  pads: [1, 1, 1, 1],
}

function depth(channels: number, more: Partial<Case> = {}, multiplier = 1): Case {
  return { ...base, channels, groups: channels, filters: channels * multiplier, ...more }
}

const cases: Record<string, Case> = {
  '3x3': depth(8, { bias: true }),
  '3x3 two images, 32 channels, relu': depth(32, { n: 2, act: UNARY_RELU, bias: true }),
  '3x3 three channels': depth(3, { bias: true }),
  '3x3 one channel, clip': depth(1, { bias: true, act: UNARY_CLIP, a: -0.1, b: 0.3 }),
  '3x3 21 channels, residual, leaky': depth(21, { bias: true, residual: true, act: UNARY_LEAKY_RELU, a: 0.1 }),
  '3x3 18 channels, pitches': depth(18, { extra: 5, bias: true, residual: true, act: UNARY_HARD_SWISH }),
  '3x3 67 channels, residual': depth(67, { bias: true, residual: true }),
  '3x3 one pixel': depth(6, { height: 1, width: 1 }),
  '3x3 stride 2': depth(20, { strides: [2, 2], bias: true, act: UNARY_RELU }),
  '3x3 stride 2, wide, asymmetric pads': depth(4, { width: 37, height: 6, strides: [2, 2], pads: [0, 0, 1, 1] }),
  '3x3 no pads': depth(12, { pads: [0, 0, 0, 0] }),
  '3x3 wide pads': depth(5, { pads: [4, 5, 3, 6] }),
  '3x3 dilated rows': depth(16, { dilations: [2, 1], pads: [2, 1, 2, 1] }),
  '3x3 dilated': depth(17, { dilations: [2, 3], pads: [2, 3, 2, 3], bias: true }),
  '5x5': depth(24, { kernel: [5, 5], pads: [2, 2, 2, 2], bias: true, act: UNARY_RELU }),
  '5x5 stride 2': depth(7, {
    width: 23,
    height: 12,
    kernel: [5, 5],
    strides: [2, 2],
    pads: [2, 2, 2, 2],
    residual: true,
  }),
  '7x7': depth(10, { kernel: [7, 7], pads: [3, 3, 3, 3], bias: true }),
  '1x7 in one row': depth(9, { height: 1, width: 40, kernel: [1, 7], pads: [0, 3, 0, 3] }),
  '3x3 with interior': depth(12, { width: 40, height: 7, bias: true, act: UNARY_CLIP, a: -0.2, b: 0.4, extra: 4 }),
  '3x3 stride 2 with interior, dilated rows': depth(8, {
    n: 2,
    width: 45,
    strides: [2, 2],
    dilations: [3, 1],
    pads: [5, 1, 4, 1],
  }),
  '3x3 stride 2, more than 2 MB, asymmetric pads': depth(24, {
    width: 163,
    height: 141,
    strides: [2, 2],
    pads: [2, 3, 0, 0],
    bias: true,
    act: UNARY_RELU,
  }),
  '3x3 stride 2, more than 1 MB, whole cache lines, an odd number of outputs': depth(32, {
    width: 87,
    height: 110,
    strides: [2, 2],
    bias: true,
    act: UNARY_CLIP,
    a: -0.2,
    b: 0.4,
  }),
  '3x3 stride 2, more than 1 MB, whole cache lines, dilated rows, pitches': depth(48, {
    n: 2,
    width: 70,
    height: 81,
    strides: [2, 2],
    dilations: [2, 1],
    pads: [2, 1, 2, 1],
    extra: 4,
  }),
  '5x5 with interior, no pads': depth(4, { width: 32, kernel: [5, 5], pads: [0, 0, 0, 0], act: UNARY_RELU }),
  '5x5 stride 2 with interior': depth(4, { width: 50, kernel: [5, 5], strides: [1, 2], pads: [2, 2, 1, 1] }),
  '3x3 dilated columns with interior, kernel taller than image': depth(4, {
    width: 50,
    height: 2,
    dilations: [2, 4],
    pads: [2, 4, 2, 4],
  }),
  '256 channels': depth(256, { width: 20, height: 3, bias: true }),
  '4x2 stride 3x1': depth(16, { kernel: [4, 2], strides: [3, 1], pads: [1, 0, 2, 1] }),
  '2x2 stride 4 skips rows': depth(16, { height: 14, kernel: [2, 2], strides: [4, 3], pads: [0, 0, 0, 0] }),
  'multiplier 3': depth(7, { bias: true, act: UNARY_RELU }, 3),
  'multiplier 2 stride 2': depth(10, { strides: [2, 2] }, 2),
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
  s: Case,
  x: Float32Array,
  w: Float32Array,
  bias?: Float32Array,
  residual?: Float32Array,
  splits = 1,
  way = DEPTHWISE_RING,
): Float32Array {
  const k = wasm.kernels
  wasm.reset()
  const [oh, ow] = convOutput(s)
  const [kh, kw] = s.kernel
  const extra = s.extra ?? 0
  const pixels = s.n * oh * ow
  const packed = wasm.alloc(k.depthwise_packed_size(s.filters, kh * kw) * 4)
  k.depthwise_pack_f32(wasm.f32(w), s.filters, kh * kw, packed)
  const reach = x.length + (x.length / s.channels - 1) * extra
  const xAt = wasm.f32(withPitch(x, s.channels, s.channels + extra, NaN).subarray(0, reach))
  const biasAt = bias ? wasm.f32(bias) : 0
  const residualAt = residual ? wasm.f32(withPitch(residual, s.filters, s.filters + extra, NaN)) : 0
  const y = wasm.f32(new Float32Array(pixels * (s.filters + extra)).fill(7))
  const scratchBytes = k.depthwise_scratch_size(s.filters, ow, kh, kw, s.strides[1], s.dilations[0], s.dilations[1])
  const scratch = wasm.alloc(scratchBytes)
  wasm.viewF32(scratch, scratchBytes / 4).fill(NaN)
  const window = wasm.i32(
    windowEntries({
      ...{ xPitch: s.channels + extra, yPitch: s.filters + extra },
      ...{ groups: s.channels, inputs: 1, outputs: s.filters / s.channels, images: s.n },
      ...{ x: [s.height, s.width], y: [oh, ow], kernel: s.kernel, strides: s.strides, dilations: s.dilations },
      begin: s.pads.slice(0, 2),
    }),
  )
  const [act, a, b] = [s.act ?? UNARY_NONE, s.a ?? 0, s.b ?? 0]
  const rows = s.n * oh
  for (let i = 0; i < splits; i++) {
    const [begin, end] = [Math.floor((rows * i) / splits), Math.floor((rows * (i + 1)) / splits)]
    k.depthwise_f32(way, xAt, packed, biasAt, residualAt, y, window, act, a, b, begin, end, scratch)
  }
  expect(wasm.overruns()).toEqual([])
  const all = wasm.viewF32(y, pixels * (s.filters + extra))
  expectGaps(all, s.filters, s.filters + extra, 7)
  return withoutPitch(all, s.filters, s.filters + extra)
}

/** The other ways that can compute a case. */
function waysOf({ channels, filters, kernel, strides, dilations, residual, act = UNARY_NONE }: Case): number[] {
  const [, kw] = kernel
  const [, sw] = strides
  if (kw !== 3 || dilations[1] !== 1 || sw > 2 || filters !== channels || residual || act > UNARY_CLIP) return []
  if (channels % 4 !== 0) return []
  return sw === 2 && channels % 16 === 0 ? [DEPTHWISE_IMAGE, DEPTHWISE_LINES] : [DEPTHWISE_IMAGE]
}

describe.each(builds)('depthwise, %s build', (build) => {
  const wasm = new Wasm(build)
  test.each(Object.entries(cases))('%s', (_, s) => {
    const [oh, ow] = convOutput(s)
    const x = randomF32(s.n * s.height * s.width * s.channels, 1)
    const w = randomF32(s.filters * s.kernel[0] * s.kernel[1], 2)
    const bias = s.bias ? randomF32(s.filters, 3) : undefined
    const residual = s.residual ? randomF32(s.n * oh * ow * s.filters, 4) : undefined
    const expected = conv(s, x, w, bias).map((v, i) => {
      return activate(v + (residual?.[i] ?? 0), s.act ?? UNARY_NONE, s.a ?? 0, s.b ?? 0)
    })
    const whole = run(wasm, s, x, w, bias, residual)
    const shape = [s.n, oh, ow, s.filters]
    expectNear(whole, expected, 1e-6, 3e-6, shape)
    expectSame(run(wasm, s, x, w, bias, residual, 4), whole, shape, 'in four ranges')
    for (const way of waysOf(s)) {
      expectSame(run(wasm, s, x, w, bias, residual, 1, way), whole, shape, `way ${way}`)
      expectSame(run(wasm, s, x, w, bias, residual, 3, way), whole, shape, `way ${way}, in three ranges`)
    }
  })

  test.each([6, 8])('NaN and infinity reach exactly the outputs that see them, %i channels', (channels) => {
    const s = depth(channels, { width: 30, act: UNARY_RELU })
    const x = randomF32(s.height * s.width * channels, 5)
    x[(4 * s.width + 15) * channels + 1] = NaN
    x[(2 * s.width + 2) * channels + 5] = Infinity
    x[(2 * s.width + 29) * channels + 2] = NaN
    const w = randomF32(channels * 9, 6)
    const expected = conv(s, x, w).map((v) => Math.max(v, 0))
    for (const way of [DEPTHWISE_RING, ...waysOf(s)])
      expectNear(run(wasm, s, x, w, undefined, undefined, 1, way), expected, 1e-6, 3e-6, [
        s.n,
        ...convOutput(s),
        channels,
      ])
  })
})

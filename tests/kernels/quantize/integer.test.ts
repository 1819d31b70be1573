import { describe, expect, test } from 'vitest'
import { INTEGER_BYTES, INTEGER_FLOAT32, INTEGER_INT32 } from '../../../assembly/abi/codes.js'
import { builds, Wasm } from '../../support/wasm.js'
import { expectSame } from '../reference.js'
import { windowEntries } from '../window.js'

/** Whole numbers in [low, high]. */
function integers(seed: number): (count: number, low: number, high: number) => number[] {
  let state = seed >>> 0 || 1
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32
  return (count, low, high) => Array.from({ length: count }, () => low + Math.floor(next() * (high - low + 1)))
}

interface Case {
  readonly name: string
  readonly images?: number
  /** Height, width, channels. */
  readonly size: readonly [number, number, number]
  readonly kernel: readonly [number, number]
  readonly outputs: number
  readonly stride?: readonly [number, number]
  readonly dilation?: readonly [number, number]
  /** Above, left, below, right. */
  readonly pads?: readonly [number, number, number, number]
  readonly signed?: boolean
  readonly depthwise?: boolean
}

const cases: readonly Case[] = [
  { name: 'pointwise', size: [5, 7, 16], kernel: [1, 1], outputs: 24 },
  { name: 'pointwise, odd', size: [4, 6, 13], kernel: [1, 1], outputs: 11, signed: true },
  { name: 'one row and one over', size: [1, 21, 6], kernel: [1, 1], outputs: 9 },
  { name: '3x3', images: 2, size: [6, 7, 5], kernel: [3, 3], outputs: 9, pads: [1, 1, 1, 1] },
  {
    name: '3x3 stride 2, signed',
    size: [9, 8, 3],
    kernel: [3, 3],
    outputs: 8,
    stride: [2, 2],
    pads: [1, 1, 1, 1],
    signed: true,
  },
  { name: 'dilated', size: [9, 9, 4], kernel: [2, 3], outputs: 3, dilation: [3, 2], pads: [2, 1, 0, 3] },
  { name: 'long rows', size: [2, 3, 700], kernel: [1, 2], outputs: 10, signed: true },
  { name: 'depthwise', images: 2, size: [7, 9, 16], kernel: [3, 3], outputs: 16, pads: [1, 1, 1, 1], depthwise: true },
  {
    name: 'depthwise, odd, signed',
    size: [8, 7, 13],
    kernel: [3, 3],
    outputs: 13,
    stride: [2, 2],
    pads: [1, 1, 1, 1],
    signed: true,
    depthwise: true,
  },
  {
    name: 'depthwise 4x5, dilated',
    size: [12, 14, 8],
    kernel: [4, 5],
    outputs: 8,
    dilation: [2, 1],
    stride: [1, 3],
    pads: [3, 2, 1, 4],
    depthwise: true,
  },
  { name: 'many pixels of few channels', size: [13, 40, 4], kernel: [1, 1], outputs: 8 },
  { name: 'bands of rows', size: [40, 33, 64], kernel: [3, 3], outputs: 9, pads: [1, 1, 1, 1] },
  { name: 'without padding', images: 2, size: [9, 12, 8], kernel: [3, 2], outputs: 12, stride: [2, 1] },
  { name: 'rows that padding follows', size: [7, 6, 4], kernel: [2, 2], outputs: 8, pads: [0, 0, 1, 1] },
  { name: 'taps apart, without padding', size: [8, 9, 8], kernel: [3, 3], outputs: 5, dilation: [1, 2] },
  {
    name: '3x3, more tiles than a pass',
    size: [19, 17, 24],
    kernel: [3, 3],
    outputs: 16,
    pads: [1, 1, 1, 1],
    signed: true,
  },
  { name: '3x3, uneven padding', images: 3, size: [5, 5, 9], kernel: [3, 3], outputs: 3, pads: [0, 2, 1, 0] },
  { name: '3x3, one pixel', size: [3, 3, 160], kernel: [3, 3], outputs: 8, signed: true },
  { name: 'depthwise, fewer channels than lanes', size: [5, 5, 3], kernel: [2, 2], outputs: 3, depthwise: true },
]

function outputSize({ size, kernel, stride = [1, 1], dilation = [1, 1], pads = [0, 0, 0, 0] }: Case): [number, number] {
  return [0, 1].map(
    (i) => Math.floor((size[i] + pads[i] + pads[i + 2] - (kernel[i] - 1) * dilation[i] - 1) / stride[i]) + 1,
  ) as [number, number]
}

/** Whether F(2×2, 3×3) computes it. */
function isWinograd({ kernel, stride, dilation }: Case): boolean {
  return kernel[0] === 3 && kernel[1] === 3 && !stride && !dilation
}

/** Sums of (x − zero) · (w − zero) + bias, in the order of y. */
function sumsOf(c: Case, x: number[], w: number[], bias: number[], xZero: number, wZeros: number[]): number[] {
  const {
    images = 1,
    size: [h, width, channels],
    kernel: [kh, kw],
    outputs,
    stride = [1, 1],
    dilation = [1, 1],
    pads = [0, 0, 0, 0],
  } = c
  const [oh, ow] = outputSize(c)
  const inputs = c.depthwise ? 1 : channels
  const sums: number[] = []
  for (let n = 0; n < images; n++)
    for (let oy = 0; oy < oh; oy++)
      for (let ox = 0; ox < ow; ox++)
        for (let o = 0; o < outputs; o++) {
          let sum = bias[o]
          for (let ky = 0; ky < kh; ky++)
            for (let kx = 0; kx < kw; kx++)
              for (let i = 0; i < inputs; i++) {
                const iy = oy * stride[0] + ky * dilation[0] - pads[0]
                const ix = ox * stride[1] + kx * dilation[1] - pads[1]
                if (iy < 0 || iy >= h || ix < 0 || ix >= width) continue
                const pixel = (n * h + iy) * width + ix
                sum +=
                  (x[pixel * channels + (c.depthwise ? o : i)] - xZero) *
                  (w[((o * inputs + i) * kh + ky) * kw + kx] - wZeros[o])
              }
          sums.push(sum)
        }
  return sums
}

/** Halves to even. */
const rint = (x: number): number => {
  const low = Math.floor(x)
  return x - low === 0.5 ? low + (low & 1) : Math.round(x)
}

describe.each(builds)('products of integers (%s)', (build) => {
  const wasm = new Wasm(build)
  const { kernels } = wasm

  // What the engine takes bytes of x for: in the simd build they are signed.
  const kind = kernels.dot_kind_q8(-128, 127)
  const variants = cases.flatMap((c) =>
    (c.depthwise
      ? ['depthwise']
      : ['im2col', ...(kind > 0 ? ['dot'] : []), ...(isWinograd(c) ? ['winograd'] : [])]
    ).map((variant) => ({ ...c, variant })),
  )

  test('the dot product of bytes is exact in the simd build', () => {
    if (build === 'simd') expect(kind).toBe(2)
    else expect([0, 1, 2]).toContain(kind)
  })

  test.each(variants)('$name ($variant)', (c) => {
    const {
      images = 1,
      size: [h, width, channels],
      kernel: [kh, kw],
      outputs,
      stride = [1, 1],
      dilation = [1, 1],
      pads = [0, 0, 0, 0],
      depthwise,
    } = c
    const [dot, winograd] = [c.variant === 'dot', c.variant === 'winograd']
    const [oh, ow] = outputSize(c)
    const signed = c.signed ? 1 : 0
    const random = integers(channels * 31 + outputs)
    const range: [number, number] = signed ? [-128, 127] : [0, 255]
    const inputs = depthwise ? 1 : channels
    const k = kh * kw * inputs
    const x = random(images * h * width * channels, ...range)
    // Less their zero points, dots want weights of a signed byte.
    const w = random(outputs * k, ...(dot ? ([range[0] + 13, range[1] - 9] as const) : range))
    const bias = random(outputs, -5000, 5000)
    const wZeros = random(outputs, signed ? -9 : 120, signed ? 9 : 140)
    const [xZero, yZero] = signed ? [-7, 11] : [121, 99]
    const scales = random(outputs, 1, 9).map((s) => Math.fround(s / 100))
    const offsets = random(outputs, -50, 50)
    const yScale = Math.fround(0.9 * Math.sqrt(k))
    const expected = sumsOf(c, x, w, bias, xZero, wZeros)

    wasm.reset()
    const together = dilation[1] === 1 ? kw : 1
    const columns = 32 * Math.ceil(outputs / 8)
    const panels = dot
      ? kernels.dot_q8_panels_size((kh * kw) / together, together * inputs, outputs)
      : winograd
        ? kernels.winograd_q8_packed_size(inputs, outputs)
        : columns * Math.ceil((depthwise ? kh * kw : k) / 2)
    const packedBytes = panels + columns
    if (!dot && !winograd) expect(kernels.gemm_q8_packed_size(depthwise ? kh * kw : k, outputs)).toBe(packedBytes)
    const at = {
      x: wasm.u8(x),
      w: wasm.u8(w),
      bias: wasm.i32(bias),
      wZeros: wasm.u8(wZeros),
      xZero: wasm.u8([xZero]),
      yZero: wasm.u8([yZero]),
      xScale: wasm.f32([0.25]),
      scales: wasm.f32(scales),
      yScale: wasm.f32([yScale]),
      offsets: wasm.f32(offsets),
      packed: wasm.alloc(packedBytes),
      epilogue: wasm.alloc(kernels.epilogue_q8_size(outputs)),
    }
    if (depthwise) kernels.depthwise_pack_q8(at.w, signed, at.wZeros, 1, outputs, kh * kw, at.packed)
    else if (dot)
      kernels.gemm_pack_dot_q8(
        ...[at.w, signed, at.wZeros, 1, outputs, kh * kw, inputs, together, k, 1, kh * kw, at.packed],
      )
    else if (winograd) kernels.winograd_pack_q8(at.w, signed, at.wZeros, 1, outputs, inputs, at.packed)
    else kernels.gemm_pack_q8(at.w, signed, at.wZeros, 1, outputs, kh * kw, inputs, k, 1, kh * kw, at.packed)
    const pointwise = kh * kw * stride[0] * stride[1] === 1 && pads.every((pad) => pad === 0) ? 1 : 0
    const scratch = wasm.alloc(
      depthwise
        ? kernels.depthwise_q8_scratch_size(channels, ow, kh, kw, stride[1], dilation[0], dilation[1])
        : dot
          ? kernels.conv_dot_q8_scratch_size(pointwise, inputs, oh, ow, kh, kw, ...stride, ...dilation)
          : winograd
            ? kernels.winograd_q8_scratch_size(inputs, ow)
            : kernels.conv_im2col_q8_scratch_size(k),
    )
    const flip = (kind === 1) === (signed === 1) ? 0x80 : 0
    const epilogue = (offset: number, toScale: number, floor: number, ceiling: number) => {
      kernels.epilogue_q8(
        at.epilogue,
        at.packed + panels,
        dot && kind === 2 ? 128 : 0,
        outputs,
        at.bias,
        offset,
        winograd ? 0 : at.xZero,
        winograd ? 0 : signed,
        at.xScale,
        at.scales,
        outputs,
        toScale,
        at.yZero,
        signed,
        floor,
        ceiling,
      )
    }
    const window = wasm.i32(
      windowEntries({
        ...(depthwise ? { groups: channels } : { inputs: channels, outputs }),
        ...{ x: [h, width], y: [oh, ow], kernel: [kh, kw], strides: stride, dilations: dilation },
        ...{ begin: pads.slice(0, 2), images },
      }),
    )
    const run = (mode: number, cut: number): number => {
      const rows = images * (winograd ? Math.ceil(oh / 2) : oh)
      const y = wasm.alloc(expected.length * (mode === INTEGER_BYTES ? 1 : 4))
      for (const [begin, end] of [
        [cut, rows],
        [0, cut],
      ]) {
        const kernel = {
          depthwise: kernels.depthwise_q8,
          dot: kernels.conv_dot_q8,
          winograd: kernels.winograd_q8,
          im2col: kernels.conv_im2col_q8,
        }[c.variant as 'dot']
        kernel(at.x, dot ? flip : signed, at.xZero, at.packed, at.epilogue, mode, y, window, begin, end, scratch)
      }
      return y
    }
    const scale = (i: number) => Math.fround(0.25 * scales[i % outputs])
    const shape = [images, oh, expected.length / (images * oh * outputs), outputs]
    for (const cut of [0, Math.ceil((images * oh) / (winograd ? 6 : 3))]) {
      epilogue(0, at.yScale, -Infinity, Infinity)
      expectSame(wasm.viewI32(run(INTEGER_INT32, cut), expected.length), expected, shape, 'sums')
      for (const [floor, ceiling] of [
        [-Infinity, Infinity],
        [0, 40.5],
      ]) {
        epilogue(0, at.yScale, floor, ceiling)
        const steps = expected.map((sum, i) => {
          const value = Math.min(
            Math.max(Math.fround(Math.fround(sum) * Math.fround(scale(i) / yScale)), floor),
            ceiling,
          )
          return Math.min(Math.max(rint(value) + yZero, range[0]), range[1])
        })
        const bytes = wasm.viewU8(run(INTEGER_BYTES, cut), expected.length)
        expectSame(signed ? Int8Array.from(bytes) : bytes, steps, shape, 'bytes')
      }
      epilogue(at.offsets, 0, -Infinity, Infinity)
      const floats = wasm.viewF32(run(INTEGER_FLOAT32, cut), expected.length)
      const sums = expected.map((sum, i) =>
        Math.fround(Math.fround(Math.fround(sum) * scale(i)) + offsets[i % outputs]),
      )
      expectSame(floats, sums, shape, 'floats')
    }
    expect(wasm.overruns()).toEqual([])
  })
})

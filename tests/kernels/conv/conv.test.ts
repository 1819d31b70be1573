import { describe, expect, test } from 'vitest'
import * as codes from '../../../assembly/abi/codes.js'
import { uniform } from '../random.js'
import { builds, Wasm } from '../../support/wasm.js'
import { expectNear, expectSame } from '../reference.js'
import { windowEntries } from '../window.js'

type Triple = [number, number, number]

interface Case {
  name: string
  images?: number
  size: Triple
  kernel: Triple
  stride?: Triple
  dilation?: Triple
  /** Before and after each of the three axes. */
  pads?: [...Triple, ...Triple]
  groups?: number
  /** Channels per group. */
  inputs: number
  outputs: number
  /** Elements between the channels of two pixels. */
  gap?: number
  bias?: boolean
  residual?: boolean
  act?: number
}

const cases: Case[] = [
  { name: 'pointwise', size: [1, 5, 7], kernel: [1, 1, 1], inputs: 6, outputs: 9, bias: true, act: codes.UNARY_RELU },
  { name: 'pointwise with slices', size: [1, 4, 3], kernel: [1, 1, 1], inputs: 8, outputs: 16, gap: 5, residual: true },
  {
    name: 'pointwise grouped',
    images: 2,
    size: [1, 3, 3],
    kernel: [1, 1, 1],
    groups: 3,
    inputs: 5,
    outputs: 7,
    bias: true,
  },
  { name: 'pointwise stride 2', size: [1, 7, 7], kernel: [1, 1, 1], stride: [1, 2, 2], inputs: 8, outputs: 8 },
  {
    name: 'pointwise padded',
    size: [1, 3, 3],
    kernel: [1, 1, 1],
    pads: [0, 1, 1, 0, 1, 1],
    inputs: 3,
    outputs: 4,
    bias: true,
  },
  {
    name: '3×3 same',
    images: 2,
    size: [1, 9, 8],
    kernel: [1, 3, 3],
    pads: [0, 1, 1, 0, 1, 1],
    inputs: 5,
    outputs: 10,
    bias: true,
  },
  {
    name: '3×3 stride 2',
    size: [1, 9, 9],
    kernel: [1, 3, 3],
    stride: [1, 2, 2],
    pads: [0, 1, 1, 0, 1, 1],
    inputs: 8,
    outputs: 8,
  },
  {
    name: '3×3 asymmetric pads',
    size: [1, 6, 5],
    kernel: [1, 3, 3],
    pads: [0, 0, 2, 0, 1, 0],
    inputs: 4,
    outputs: 3,
    gap: 2,
  },
  {
    name: '3×3 dilated',
    size: [1, 9, 9],
    kernel: [1, 3, 3],
    dilation: [1, 2, 3],
    pads: [0, 2, 3, 0, 2, 3],
    inputs: 3,
    outputs: 6,
  },
  {
    name: '3×3 with slices',
    size: [1, 6, 7],
    kernel: [1, 3, 3],
    pads: [0, 1, 1, 0, 1, 1],
    inputs: 4,
    outputs: 12,
    gap: 4,
    bias: true,
    residual: true,
    act: codes.UNARY_SIGMOID,
  },
  {
    name: 'first layer 7×7/2',
    size: [1, 20, 20],
    kernel: [1, 7, 7],
    stride: [1, 2, 2],
    pads: [0, 3, 3, 0, 3, 3],
    inputs: 3,
    outputs: 16,
  },
  {
    name: 'first layer 5×5',
    size: [1, 12, 12],
    kernel: [1, 5, 5],
    pads: [0, 2, 2, 0, 2, 2],
    inputs: 1,
    outputs: 8,
    bias: true,
  },
  {
    name: 'kernel wider than image',
    size: [1, 2, 2],
    kernel: [1, 5, 5],
    pads: [0, 4, 4, 0, 4, 4],
    inputs: 2,
    outputs: 3,
  },
  { name: 'stride beyond the kernel', size: [1, 9, 9], kernel: [1, 2, 2], stride: [1, 4, 3], inputs: 3, outputs: 5 },
  {
    name: 'deep k',
    size: [1, 4, 4],
    kernel: [1, 3, 3],
    pads: [0, 1, 1, 0, 1, 1],
    inputs: 90,
    outputs: 9,
    bias: true,
    residual: true,
  },
  {
    name: 'deep k with slices',
    size: [1, 3, 3],
    kernel: [1, 3, 3],
    pads: [0, 1, 1, 0, 1, 1],
    inputs: 100,
    outputs: 4,
    gap: 3,
  },
  ...[1, 2, 3, 4, 5, 8].flatMap((inputs) =>
    [1, 2, 3, 4, 6].map((outputs) => ({
      name: 'grouped',
      size: [1, 7, 6] as Triple,
      kernel: [1, 3, 3] as Triple,
      pads: [0, 1, 1, 0, 1, 1] as [...Triple, ...Triple],
      groups: 4,
      inputs,
      outputs,
      bias: true,
      residual: outputs === 3,
      act: codes.UNARY_RELU,
    })),
  ),
  {
    name: 'grouped stride 2 with slices',
    size: [1, 9, 8],
    kernel: [1, 3, 3],
    stride: [1, 2, 2],
    pads: [0, 1, 1, 0, 1, 1],
    groups: 3,
    inputs: 4,
    outputs: 4,
    gap: 3,
  },
  {
    name: 'grouped by 5',
    size: [1, 5, 5],
    kernel: [1, 3, 3],
    groups: 5,
    inputs: 4,
    outputs: 4,
    pads: [0, 1, 1, 0, 1, 1],
  },
  {
    name: '1-D',
    images: 3,
    size: [1, 1, 17],
    kernel: [1, 1, 3],
    dilation: [1, 1, 2],
    pads: [0, 0, 2, 0, 0, 2],
    inputs: 4,
    outputs: 5,
  },
  {
    name: '3-D',
    images: 2,
    size: [4, 5, 6],
    kernel: [3, 3, 3],
    stride: [1, 2, 1],
    pads: [1, 1, 1, 1, 1, 1],
    inputs: 3,
    outputs: 5,
  },
  { name: '3-D dilated', size: [6, 5, 4], kernel: [2, 3, 2], dilation: [3, 1, 2], inputs: 2, outputs: 9, bias: true },
  { name: 'no channels', size: [1, 3, 3], kernel: [1, 3, 3], inputs: 0, outputs: 3, bias: true },
  { name: 'no images', images: 0, size: [1, 3, 3], kernel: [1, 3, 3], inputs: 2, outputs: 3 },
]

cases.push(
  {
    name: 'few filters, run of 10',
    size: [1, 7, 9],
    kernel: [1, 3, 5],
    pads: [0, 1, 2, 0, 1, 2],
    inputs: 2,
    outputs: 3,
    bias: true,
    act: codes.UNARY_RELU,
  },
  {
    name: 'few filters, run of 7',
    images: 2,
    size: [1, 6, 21],
    kernel: [1, 2, 1],
    stride: [1, 1, 2],
    pads: [0, 1, 0, 0, 0, 0],
    inputs: 7,
    outputs: 1,
    residual: true,
  },
  {
    name: 'one filter, with slices',
    size: [1, 8, 13],
    kernel: [1, 3, 3],
    stride: [1, 2, 1],
    pads: [0, 2, 1, 0, 0, 3],
    inputs: 5,
    outputs: 1,
    gap: 3,
    bias: true,
    residual: true,
    act: codes.UNARY_SIGMOID,
  },
  { name: 'pointwise, few filters', size: [1, 5, 11], kernel: [1, 1, 1], inputs: 9, outputs: 5, gap: 2, bias: true },
  {
    name: 'rows further apart than the kernel',
    size: [1, 11, 9],
    kernel: [1, 2, 3],
    stride: [1, 4, 2],
    pads: [0, 1, 0, 0, 1, 0],
    inputs: 4,
    outputs: 4,
  },
  {
    name: 'one channel',
    images: 2,
    size: [1, 9, 37],
    kernel: [1, 3, 4],
    pads: [0, 1, 2, 0, 1, 2],
    inputs: 1,
    outputs: 3,
    bias: true,
    residual: true,
  },
  {
    name: 'one channel, stride 3',
    size: [1, 7, 50],
    kernel: [1, 3, 7],
    stride: [1, 2, 3],
    pads: [0, 1, 4, 0, 1, 2],
    inputs: 1,
    outputs: 1,
    residual: true,
    act: codes.UNARY_RELU,
  },
  {
    name: 'one channel, stride beyond the kernel',
    size: [1, 4, 30],
    kernel: [1, 2, 2],
    stride: [1, 1, 5],
    pads: [0, 0, 3, 0, 0, 0],
    inputs: 1,
    outputs: 2,
    gap: 1,
  },
  { name: 'one channel, wide', size: [1, 1, 151], kernel: [1, 1, 20], stride: [1, 1, 2], inputs: 1, outputs: 1 },
  {
    name: 'one channel, all padding',
    size: [1, 2, 2],
    kernel: [1, 2, 2],
    stride: [1, 3, 3],
    pads: [0, 5, 5, 0, 5, 5],
    inputs: 1,
    outputs: 3,
    bias: true,
  },
)

const rowKinds: Record<string, number> = {
  'conv_direct_f32, products': codes.DIRECT_PRODUCTS,
  'conv_direct_f32, dots': codes.DIRECT_DOTS,
  'conv_direct_f32, taps': codes.DIRECT_TAPS,
  'conv_direct_f32, tiles': codes.DIRECT_TILES,
}

/** What conv_direct_f32 and conv_gemv_f32 are made for. */
function takes(name: string, { size, kernel, dilation = [1, 1, 1], groups = 1, inputs, gap = 0 }: Case): boolean {
  if (name === 'conv_gemv_f32') return size[0] === 1 && kernel[0] === 1 && groups === 1 && gap === 0
  if (!(name in rowKinds)) return true
  const flat = size[0] === 1 && kernel[0] === 1 && groups === 1 && dilation.every((d) => d === 1)
  return (
    flat &&
    (rowKinds[name] !== codes.DIRECT_DOTS || inputs * kernel[2] >= 4) &&
    (rowKinds[name] !== codes.DIRECT_TAPS || inputs === 1)
  )
}

const variants = builds.flatMap((build) =>
  ['conv_im2col_f32', 'conv_grouped_f32', 'conv_gemv_f32', ...Object.keys(rowKinds)].map((name) => ({ build, name })),
)

describe.each(variants)('$name ($build)', ({ build, name }) => {
  const wasm = new Wasm(build)
  const kernels = wasm.kernels

  const setUp = (c: Case) => {
    wasm.reset()
    const { images = 1, size, kernel, groups = 1, inputs, outputs, gap = 0 } = c
    const stride = c.stride ?? [1, 1, 1]
    const dilation = c.dilation ?? [1, 1, 1]
    const pads = c.pads ?? [0, 0, 0, 0, 0, 0]
    const random = uniform(inputs * 100 + outputs)
    const out = size.map((s, i) => {
      const reach = dilation[i] * (kernel[i] - 1) + 1
      return Math.floor((s + pads[i] + pads[i + 3] - reach) / stride[i]) + 1
    }) as Triple
    const taps = kernel[0] * kernel[1] * kernel[2]
    const [xPitch, yPitch] = [groups * inputs + gap, groups * outputs + gap]
    const pixels = images * out[0] * out[1] * out[2]
    const x = random(images * size[0] * size[1] * size[2] * xPitch)
    const w = random(groups * outputs * inputs * taps)
    const bias = random(groups * outputs)
    const residual = random(pixels * yPitch)

    const values = new Float64Array(pixels * yPitch).fill(NaN)
    const scale = new Float64Array(pixels * yPitch)
    for (let pixel = 0; pixel < pixels; pixel++) {
      const ox = pixel % out[2]
      const oy = Math.floor(pixel / out[2]) % out[1]
      const oz = Math.floor(pixel / (out[1] * out[2])) % out[0]
      const image = Math.floor(pixel / (out[0] * out[1] * out[2]))
      for (let o = 0; o < groups * outputs; o++) {
        const index = pixel * yPitch + o
        let sum = (c.bias ? bias[o] : 0) + (c.residual ? residual[index] : 0)
        let magnitude = Math.abs(sum)
        for (let t = 0; t < taps; t++) {
          const iz = oz * stride[0] - pads[0] + Math.floor(t / (kernel[1] * kernel[2])) * dilation[0]
          const iy = oy * stride[1] - pads[1] + (Math.floor(t / kernel[2]) % kernel[1]) * dilation[1]
          const ix = ox * stride[2] - pads[2] + (t % kernel[2]) * dilation[2]
          if (iz < 0 || iy < 0 || ix < 0 || iz >= size[0] || iy >= size[1] || ix >= size[2]) continue
          const at =
            (((image * size[0] + iz) * size[1] + iy) * size[2] + ix) * xPitch + Math.floor(o / outputs) * inputs
          for (let i = 0; i < inputs; i++) {
            const product = x[at + i] * w[(o * inputs + i) * taps + t]
            sum += product
            magnitude += Math.abs(product)
          }
        }
        values[index] =
          c.act === codes.UNARY_RELU ? Math.max(sum, 0) : c.act === codes.UNARY_SIGMOID ? 1 / (1 + Math.exp(-sum)) : sum
        scale[index] = magnitude
      }
    }

    const kind = rowKinds[name]
    const [, kh, kw] = kernel
    const packed = wasm.alloc(
      kind === undefined
        ? kernels.conv_packed_size(outputs, inputs, taps, groups)
        : kernels.conv_direct_packed_size(kind, outputs, inputs, kh, kw),
    )
    if (kind === undefined) kernels.conv_pack_f32(wasm.f32(w), outputs, inputs, taps, groups, packed)
    else kernels.conv_direct_pack_f32(kind, wasm.f32(w), outputs, inputs, kh, kw, stride[2], packed)
    const xAt = wasm.f32(x)
    const y = wasm.f32(new Float32Array(pixels * yPitch).fill(NaN))
    const biasAt = c.bias ? wasm.f32(bias) : 0
    const residualAt = c.residual ? wasm.f32(residual) : 0
    const scratch = wasm.alloc(
      name === 'conv_im2col_f32'
        ? kernels.conv_im2col_scratch_size(inputs, taps)
        : kind === undefined
          ? kernels.conv_grouped_scratch_size(inputs, groups, ...kernel, stride[2], dilation[2], out[2])
          : kernels.conv_direct_scratch_size(kind, inputs, kh, kw, stride[2], out[2]),
    )
    const window = wasm.i32(
      windowEntries({
        ...{ xPitch, yPitch, groups, inputs, outputs, images },
        ...{ x: size, y: out, kernel, strides: stride, dilations: dilation, begin: pads.slice(0, 3) },
      }),
    )
    const act = c.act ?? 0
    const run = (begin: number, end: number) => {
      if (name === 'conv_gemv_f32') {
        const last = Math.min(8 * end, outputs)
        kernels.conv_gemv_f32(xAt, packed, biasAt, residualAt, y, window, act, 0, 0, 8 * begin, last)
      } else if (kind === undefined) {
        kernels[name](xAt, packed, biasAt, residualAt, y, window, act, 0, 0, begin, end, scratch)
      } else {
        kernels.conv_direct_f32(kind, xAt, packed, biasAt, residualAt, y, window, act, 0, 0, begin, end, scratch)
      }
    }
    // What a range runs over: rows of the output, or panels of filters.
    const rows = name === 'conv_gemv_f32' ? Math.ceil(outputs / 8) : images * out[0] * out[1]
    const shape = [images, ...out, yPitch]
    return {
      run,
      rows,
      result: () => wasm.viewF32(y, pixels * yPitch).slice(),
      values,
      scale,
      terms: taps * inputs,
      shape,
    }
  }

  test.each(cases.filter((c) => takes(name, c)))('$name $inputs→$outputs', (c) => {
    const { run, rows, result, values, scale, terms, shape } = setUp(c)
    run(0, rows)
    const actual = result()
    // NaN lies between the pixels.
    expectNear(actual, values, 0, (i) => 2 ** -24 * ((terms + 3) * scale[i] + 4), shape)
    expect(wasm.overruns()).toEqual([])
  })

  test.each(cases.filter((c) => c.images !== 0 && c.inputs > 0 && takes(name, c)))(
    'bits do not depend on the split: $name $inputs→$outputs',
    (c) => {
      const whole = setUp(c)
      whole.run(0, whole.rows)
      const parts = setUp(c)
      for (let row = 0; row < parts.rows; row++) parts.run(row, row + 1)
      expectSame(parts.result(), whole.result(), whole.shape)
    },
  )
})

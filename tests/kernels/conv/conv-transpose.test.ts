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
  {
    name: '2×2/2',
    size: [1, 5, 7],
    kernel: [1, 2, 2],
    stride: [1, 2, 2],
    inputs: 6,
    outputs: 9,
    bias: true,
    act: codes.UNARY_RELU,
  },
  {
    name: '3×3/2',
    images: 2,
    size: [1, 5, 4],
    kernel: [1, 3, 3],
    stride: [1, 2, 2],
    pads: [0, 1, 1, 0, 1, 1],
    inputs: 5,
    outputs: 8,
  },
  {
    name: '3×3/2 output padding',
    size: [1, 4, 5],
    kernel: [1, 3, 3],
    stride: [1, 2, 2],
    pads: [0, 1, 1, 0, 0, 0],
    inputs: 4,
    outputs: 10,
    bias: true,
    residual: true,
    act: codes.UNARY_SIGMOID,
    gap: 3,
  },
  {
    name: '4×4/2',
    size: [1, 7, 6],
    kernel: [1, 4, 4],
    stride: [1, 2, 2],
    pads: [0, 1, 1, 0, 1, 1],
    inputs: 8,
    outputs: 3,
    bias: true,
  },
  {
    name: '3×3/1',
    size: [1, 6, 5],
    kernel: [1, 3, 3],
    pads: [0, 1, 1, 0, 1, 1],
    inputs: 4,
    outputs: 8,
    residual: true,
  },
  {
    name: 'stride beyond the kernel',
    size: [1, 3, 4],
    kernel: [1, 2, 1],
    stride: [1, 3, 4],
    inputs: 3,
    outputs: 5,
    bias: true,
  },
  {
    name: 'dilated',
    size: [1, 5, 5],
    kernel: [1, 3, 2],
    stride: [1, 2, 3],
    dilation: [1, 2, 2],
    pads: [0, 1, 2, 0, 0, 1],
    inputs: 3,
    outputs: 4,
  },
  {
    name: 'dilation and stride share a factor',
    size: [1, 4, 6],
    kernel: [1, 3, 4],
    stride: [1, 4, 6],
    dilation: [1, 6, 4],
    inputs: 2,
    outputs: 9,
  },
  {
    name: 'grouped',
    size: [1, 4, 4],
    kernel: [1, 3, 3],
    stride: [1, 2, 2],
    groups: 3,
    inputs: 4,
    outputs: 5,
    bias: true,
    gap: 2,
  },
  {
    name: 'depthwise',
    size: [1, 4, 4],
    kernel: [1, 4, 4],
    stride: [1, 2, 2],
    pads: [0, 1, 1, 0, 1, 1],
    groups: 6,
    inputs: 1,
    outputs: 1,
  },
  {
    name: 'asymmetric',
    size: [1, 5, 4],
    kernel: [1, 3, 5],
    stride: [1, 2, 1],
    pads: [0, 0, 3, 0, 2, 1],
    inputs: 3,
    outputs: 4,
  },
  {
    name: 'negative padding',
    size: [1, 3, 3],
    kernel: [1, 2, 2],
    stride: [1, 2, 2],
    pads: [0, -1, -2, 0, -3, 0],
    inputs: 3,
    outputs: 4,
    bias: true,
  },
  {
    name: 'deep k',
    size: [1, 3, 3],
    kernel: [1, 3, 3],
    stride: [1, 2, 2],
    inputs: 130,
    outputs: 9,
    bias: true,
    residual: true,
  },
  {
    name: '1-D',
    images: 2,
    size: [1, 1, 9],
    kernel: [1, 1, 5],
    stride: [1, 1, 3],
    pads: [0, 0, 1, 0, 0, 0],
    inputs: 4,
    outputs: 5,
  },
  {
    name: '3-D',
    images: 2,
    size: [2, 3, 4],
    kernel: [3, 2, 3],
    stride: [2, 2, 1],
    pads: [1, 0, 1, 0, 0, 1],
    inputs: 3,
    outputs: 5,
    bias: true,
  },
  { name: 'no channels', size: [1, 3, 3], kernel: [1, 3, 3], stride: [1, 2, 2], inputs: 0, outputs: 3, bias: true },
  { name: 'no images', images: 0, size: [1, 3, 3], kernel: [1, 3, 3], inputs: 2, outputs: 3 },
]

describe.each(builds)('conv_transpose_f32 (%s)', (build) => {
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
      return (s - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1 - pads[i] - pads[i + 3]
    }) as Triple
    const taps = kernel[0] * kernel[1] * kernel[2]
    const [xPitch, yPitch] = [groups * inputs + gap, groups * outputs + gap]
    const pixels = images * out[0] * out[1] * out[2]
    const x = random(images * size[0] * size[1] * size[2] * xPitch)
    const w = random(groups * outputs * inputs * taps)
    const bias = random(groups * outputs)
    const residual = random(pixels * yPitch)

    const sums = new Float64Array(pixels * yPitch).fill(NaN)
    const scale = new Float64Array(pixels * yPitch)
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let o = 0; o < groups * outputs; o++) {
        const index = pixel * yPitch + o
        sums[index] = (c.bias ? bias[o] : 0) + (c.residual ? residual[index] : 0)
        scale[index] = Math.abs(sums[index])
      }
    }
    const inputPixels = images * size[0] * size[1] * size[2]
    for (let pixel = 0; pixel < inputPixels; pixel++) {
      const ix = pixel % size[2]
      const iy = Math.floor(pixel / size[2]) % size[1]
      const iz = Math.floor(pixel / (size[1] * size[2])) % size[0]
      const image = Math.floor(pixel / (size[0] * size[1] * size[2]))
      for (let t = 0; t < taps; t++) {
        const oz = iz * stride[0] - pads[0] + Math.floor(t / (kernel[1] * kernel[2])) * dilation[0]
        const oy = iy * stride[1] - pads[1] + (Math.floor(t / kernel[2]) % kernel[1]) * dilation[1]
        const ox = ix * stride[2] - pads[2] + (t % kernel[2]) * dilation[2]
        if (oz < 0 || oy < 0 || ox < 0 || oz >= out[0] || oy >= out[1] || ox >= out[2]) continue
        const at = (((image * out[0] + oz) * out[1] + oy) * out[2] + ox) * yPitch
        for (let i = 0; i < groups * inputs; i++) {
          const first = Math.floor(i / inputs) * outputs
          for (let o = 0; o < outputs; o++) {
            const product = x[pixel * xPitch + i] * w[(i * outputs + o) * taps + t]
            sums[at + first + o] += product
            scale[at + first + o] += Math.abs(product)
          }
        }
      }
    }
    const values = sums.map((v) =>
      c.act === codes.UNARY_RELU ? Math.max(v, 0) : c.act === codes.UNARY_SIGMOID ? 1 / (1 + Math.exp(-v)) : v,
    )

    const packed = wasm.alloc(kernels.conv_packed_size(outputs, inputs, taps, groups))
    const window = wasm.i32(
      windowEntries({
        ...{ xPitch, yPitch, groups, inputs, outputs, images },
        ...{ x: size, y: out, kernel, strides: stride, dilations: dilation, begin: pads.slice(0, 3) },
      }),
    )
    kernels.conv_transpose_pack_f32(wasm.f32(w), window, packed)
    const xAt = wasm.f32(x)
    const y = wasm.f32(new Float32Array(pixels * yPitch).fill(NaN))
    const biasAt = c.bias ? wasm.f32(bias) : 0
    const residualAt = c.residual ? wasm.f32(residual) : 0
    const scratch = wasm.alloc(kernels.conv_im2col_scratch_size(inputs, taps))
    const run = (begin: number, end: number) =>
      kernels.conv_transpose_f32(xAt, packed, biasAt, residualAt, y, window, c.act ?? 0, 0, 0, begin, end, scratch)
    return {
      run,
      rows: images * out[0] * out[1],
      result: () => wasm.viewF32(y, pixels * yPitch).slice(),
      values,
      scale,
      terms: taps * inputs,
      shape: [images, ...out, yPitch],
    }
  }

  test.each(cases)('$name $inputs→$outputs', (c) => {
    const { run, rows, result, values, scale, terms, shape } = setUp(c)
    run(0, rows)
    const actual = result()
    // NaN lies between the pixels.
    expectNear(actual, values, 0, (i) => 2 ** -24 * ((terms + 3) * scale[i] + 4), shape)
    expect(wasm.overruns()).toEqual([])
  })

  test.each(cases.filter((c) => c.images !== 0 && c.inputs > 0))(
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

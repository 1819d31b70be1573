import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GraphBuilder } from '../../../src/api/graph/builder.js'
import {
  convolutionCount,
  convolutionMatrix,
  extentOf,
  keepingPadding,
  linearCount,
  outputSize,
  samePadding,
  summaryLines,
  type ConvolutionSizes,
} from '../../../src/nn/arithmetic.js'
import { exportModel, InferenceSession, Tensor } from '../../../src/node.js'
import { Random } from '../../../src/core/random.js'
import { expectError } from '../../support/expect-error.js'

describe('sizes', () => {
  test.each([
    ['6 with 2 at stride 2', { size: 6, kernel: 2, stride: 2 }, 3],
    ['4 with 2 at stride 2', { size: 4, kernel: 2, stride: 2 }, 2],
    ['28 with 3', { size: 28, kernel: 3 }, 26],
    ['26 pooled by 2', { size: 26, kernel: 2, stride: 2 }, 13],
    ['224 with 7 at stride 2, padded by 3', { size: 224, kernel: 7, stride: 2, padding: 3 }, 112],
    ['7 with 3 taps two apart', { size: 7, kernel: 3, dilation: 2 }, 3],
    ['5 with 3, padded at the end', { size: 5, kernel: 3, padding: [0, 1] as const }, 4],
    ['a remainder that is not reached', { size: 10, kernel: 3, stride: 4 }, 2],
  ])('%s', (_, slide, size) => {
    expect(outputSize(slide)).toBe(size)
  })

  test('a window must fit, and exactly where that is asked for', () => {
    expectError('E_SHAPE', () => outputSize({ size: 4, kernel: 3, dilation: 2 }), /a window of 5 does not fit into 4/)
    expect(outputSize({ size: 4, kernel: 3, dilation: 2, padding: [0, 1] })).toBe(1)
    // 10 with 3: strides 1 and 7 divide 7, 2 and 3 do not.
    for (const stride of [1, 7]) expect(outputSize({ size: 10, kernel: 3, stride }, true)).toBe(7 / stride + 1)
    for (const stride of [2, 3])
      expectError('E_SHAPE', () => outputSize({ size: 10, kernel: 3, stride }, true), /are left over/)
    for (const slide of [
      { size: 0, kernel: 1 },
      { size: 3, kernel: 0 },
      { size: 3, kernel: 1, stride: 0 },
      { size: 3, kernel: 1, dilation: 0 },
      { size: 3, kernel: 1, padding: -1 },
      { size: 3.5, kernel: 1 },
    ]) {
      expectError('E_VALUE', () => outputSize(slide))
    }
  })

  test('padding keeps the size at stride 1 and 2', () => {
    expect(keepingPadding({ size: 28, kernel: 5 })).toEqual([2, 2])
    expect(keepingPadding({ size: 28, kernel: 3, dilation: 2 })).toEqual([2, 2])
    expect(keepingPadding({ size: 28, kernel: 4 })).toEqual([1, 2])
    expect(keepingPadding({ size: 7, kernel: 3, stride: 2 })).toEqual([4, 4])
    expect(samePadding({ size: 28, kernel: 5 })).toEqual([2, 2])
    expect(samePadding({ size: 28, kernel: 3, stride: 2 })).toEqual([0, 1])
    expect(samePadding({ size: 7, kernel: 3, stride: 2 })).toEqual([1, 1])
    expect(samePadding({ size: 4, kernel: 1, stride: 2 })).toEqual([0, 0])
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 40 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        (size, kernel, stride, dilation) => {
          const slide = { size, kernel, stride, dilation }
          expect(outputSize({ ...slide, padding: keepingPadding(slide) }, true)).toBe(size)
          const same = samePadding(slide)
          // A stride beyond the window may leave places over, which no padding changes.
          if (extentOf(kernel, dilation) >= stride)
            expect(outputSize({ ...slide, padding: same })).toBe(Math.ceil(size / stride))
        },
      ),
      { seed: 1 },
    )
  })
})

describe('counts', () => {
  test('16×16×20 with 3×3: 180 connections, 181 parameters shared, 46,336 unshared for one map', () => {
    const count = convolutionCount({ inChannels: 20, outChannels: 1, size: [16, 16], kernel: 3, padding: 'same' })
    expect(count.output).toEqual([16, 16])
    expect(count.connectionsPerOutput).toBe(180)
    expect(count.parametersPerFilter).toBe(181)
    expect(count.parameters).toBe(181)
    expect(count.parametersUnshared).toBe(46_336)
    expect(count.connections).toBe(256 * 180)
  })

  test('28×28, 192 → 16 by 1×1, then 16 → 32 by 5×5: 12,443,648 multiplications', () => {
    const size = [28, 28]
    const narrow = convolutionCount({ inChannels: 192, outChannels: 16, size, kernel: 1 })
    const wide = convolutionCount({ inChannels: 16, outChannels: 32, size: narrow.output, kernel: 5, padding: 2 })
    expect(wide.output).toEqual(size)
    expect(narrow.multiplications + wide.multiplications).toBe(12_443_648)
    expect(convolutionCount({ inChannels: 192, outChannels: 32, size, kernel: 5, padding: 2 }).multiplications).toBe(
      120_422_400,
    )
  })

  test('256 filters of 5×5 over 128×128: 6,400 weights shared, 98,406,400 unshared', () => {
    const count = convolutionCount({ inChannels: 1, outChannels: 256, size: [128, 128], kernel: 5 })
    expect(count.output).toEqual([124, 124])
    expect(count.weights).toBe(6400)
    expect(count.weightsUnshared).toBe(98_406_400)
  })

  test('6×4 with 2×2 at stride 2 gives 3×2', () => {
    expect(convolutionCount({ inChannels: 1, outChannels: 1, size: [6, 4], kernel: 2, stride: 2 }).output).toEqual([
      3, 2,
    ])
  })

  test('22×22 with one 4×4 filter at stride 2: 16 parameters shared, 1,600 unshared', () => {
    const count = convolutionCount({ inChannels: 1, outChannels: 1, size: [22, 22], kernel: 4, stride: 2, bias: false })
    expect([count.parameters, count.parametersUnshared]).toEqual([16, 1600])
    expect([count.weights, count.weightsUnshared]).toEqual([16, 1600])
  })

  test('40×40×3 likewise: 17,328 unshared', () => {
    const count = convolutionCount({ inChannels: 3, outChannels: 1, size: [40, 40], kernel: 4, stride: 2, bias: false })
    expect(count.output).toEqual([19, 19])
    expect([count.parameters, count.parametersUnshared]).toEqual([48, 17_328])
  })

  test('28×28 → 26×26 → 13×13', () => {
    const convolved = convolutionCount({ inChannels: 1, outChannels: 8, size: [28, 28], kernel: 3 })
    expect(convolved.output).toEqual([26, 26])
    expect(convolved.output.map((size) => outputSize({ size, kernel: 2, stride: 2 }, true))).toEqual([13, 13])
  })

  test('groups have fewer connections', () => {
    const sizes = { inChannels: 8, outChannels: 16, size: [10], kernel: 3 }
    expect(convolutionCount({ ...sizes, groups: 8 }).parameters).toBe(16 * 4)
    expect(convolutionCount({ ...sizes, groups: 2 }).parametersPerFilter).toBe(13)
    expectError('E_VALUE', () => convolutionCount({ ...sizes, groups: 3 }), /3 groups do not divide/)
    expectError('E_VALUE', () => convolutionCount({ ...sizes, inChannels: 0 }))
    expectError('E_SHAPE', () => convolutionCount({ ...sizes, kernel: [3, 3] }), /2 entries for 1 spatial axes/)
    expectError('E_SHAPE', () => convolutionCount({ ...sizes, kernel: 11 }))
  })

  test('dense layers', () => {
    expect(linearCount(784, 10)).toEqual({ parameters: 7850, multiplications: 7840 })
    expect(linearCount(784, 10, false).parameters).toBe(7840)
  })
})

/** The kernel's answer for a batch. */
async function kernel(
  op: 'Conv' | 'ConvTranspose',
  sizes: ConvolutionSizes,
  weight: Float32Array,
  shape: readonly number[],
  batch: Float32Array,
  count: number,
  inputs: readonly number[],
): Promise<Float32Array> {
  const g = new GraphBuilder('convolution')
  const w = g.constant('weight', { dtype: 'float32', shape, data: weight })
  const list = (value: number | readonly number[] | undefined, other: number) =>
    sizes.size.map((_, i) => (Array.isArray(value) ? (value as number[])[i] : ((value as number | undefined) ?? other)))
  const pads = list(sizes.padding === 'same' ? undefined : sizes.padding, 0)
  const stride = list(sizes.stride, 1)
  // Where the stride left places over, the transposed convolution must be told so.
  const output = convolutionCount(sizes).output
  const extent = list(sizes.kernel, 1).map((taps, i) => extentOf(taps, list(sizes.dilation, 1)[i]))
  const left = sizes.size.map((size, i) => size + 2 * pads[i] - extent[i] - (output[i] - 1) * stride[i])
  const attributes = {
    strides: stride,
    pads: [...pads, ...pads],
    dilations: list(sizes.dilation, 1),
    group: sizes.groups ?? 1,
    ...(op === 'ConvTranspose' ? { output_padding: left } : {}),
  }
  g.output(g.op(op, [g.input('x', 'float32', [count, ...inputs]), w], attributes), 'y')
  const session = await InferenceSession.create(exportModel(g.graph()))
  const { y } = await session.run({ x: new Tensor('float32', batch, [count, ...inputs]) })
  await session.release()
  return y.data as Float32Array
}

describe('a convolution as its matrix', () => {
  test('one axis, one channel, stride 1 is a Toeplitz matrix', () => {
    const { rows, columns, data } = convolutionMatrix(
      { inChannels: 1, outChannels: 1, size: [5], kernel: 3 },
      [1, 2, 3],
    )
    expect([rows, columns]).toEqual([3, 5])
    expect(Array.from(data)).toEqual([1, 2, 3, 0, 0, 0, 1, 2, 3, 0, 0, 0, 1, 2, 3])
  })

  const cases: [string, ConvolutionSizes][] = [
    ['plain', { inChannels: 2, outChannels: 3, size: [5, 4], kernel: 3 }],
    [
      'padded, strided, not square',
      { inChannels: 3, outChannels: 2, size: [7, 6], kernel: [3, 2], stride: [2, 1], padding: [1, 0] },
    ],
    ['a stride that leaves places over', { inChannels: 1, outChannels: 2, size: [8, 7], kernel: 3, stride: [2, 3] }],
    ['dilated', { inChannels: 2, outChannels: 2, size: [8, 8], kernel: 3, dilation: 2, padding: 2 }],
    ['grouped', { inChannels: 4, outChannels: 6, size: [5, 5], kernel: 3, padding: 1, groups: 2 }],
    ['depthwise', { inChannels: 4, outChannels: 4, size: [6, 5], kernel: 3, padding: 1, groups: 4 }],
    ['one axis', { inChannels: 3, outChannels: 2, size: [9], kernel: 4, stride: 2, padding: 1 }],
    ['1×1', { inChannels: 5, outChannels: 3, size: [3, 3], kernel: 1 }],
  ]

  test.each(cases)('%s: equals the kernel, and is its Jacobian', async (_, sizes) => {
    const random = new Random(2)
    const { weights, output } = convolutionCount(sizes)
    const { inChannels, outChannels, groups = 1, size } = sizes
    const kernels = typeof sizes.kernel === 'number' ? size.map(() => sizes.kernel as number) : sizes.kernel
    const shape = [outChannels, inChannels / groups, ...kernels]
    const weight = Float32Array.from({ length: weights }, () => random.normal())
    const { rows, columns, data } = convolutionMatrix(sizes, weight)
    // The output for the unit vector j is column j of the Jacobian, exactly: one product, and zeros.
    const units = new Float32Array(columns * columns)
    for (let j = 0; j < columns; j++) units[j * columns + j] = 1
    const jacobian = await kernel('Conv', sizes, weight, shape, units, columns, [inChannels, ...size])
    expect(jacobian.length).toBe(columns * rows)
    for (let j = 0; j < columns; j++)
      for (let i = 0; i < rows; i++) expect(jacobian[j * rows + i]).toBeCloseTo(data[i * columns + j], 5)
    const x = Float32Array.from({ length: columns }, () => random.normal())
    const y = await kernel('Conv', sizes, weight, shape, x, 1, [inChannels, ...size])
    for (let i = 0; i < rows; i++)
      expect(y[i]).toBeCloseTo(
        x.reduce((sum, value, j) => sum + value * data[i * columns + j], 0),
        4,
      )
    // Its transpose takes gradients back: that is a transposed convolution with the same weights.
    const dy = Float32Array.from({ length: rows }, () => random.normal())
    const dx = await kernel('ConvTranspose', sizes, weight, shape, dy, 1, [outChannels, ...output])
    expect(dx.length).toBe(columns)
    for (let j = 0; j < columns; j++)
      expect(dx[j]).toBeCloseTo(
        dy.reduce((sum, value, i) => sum + value * data[i * columns + j], 0),
        4,
      )
  })

  test('weights that do not fit and matrices too large are refused', () => {
    expectError(
      'E_SHAPE',
      () => convolutionMatrix({ inChannels: 1, outChannels: 1, size: [5], kernel: 3 }, [1, 2]),
      /3 weights, got 2/,
    )
    expectError('E_BUDGET', () =>
      convolutionMatrix({ inChannels: 1, outChannels: 1, size: [1000, 1000], kernel: 1 }, [1]),
    )
  })
})

test('a summary has aligned lines and totals', () => {
  const lines = summaryLines([
    {
      name: 'conv1',
      layer: 'Conv2d(1, 32, 5)',
      output: [32, 24, 24],
      parameters: 832,
      connections: 460_800,
      macs: 460_800,
      activationBytes: 73_728,
    },
    { name: 'pool1', layer: 'MaxPool2d(2)', output: [32, 12, 12], parameters: 0, macs: 0, activationBytes: 18_432 },
  ])
  expect(lines).toEqual([
    'name   layer             output    parameters  connections  multiply-adds  activations',
    '-----  ----------------  --------  ----------  -----------  -------------  -----------',
    'conv1  Conv2d(1, 32, 5)  32×24×24         832      460,800        460,800    72.00 KiB',
    'pool1  MaxPool2d(2)      32×12×12                                            18.00 KiB',
    '-----  ----------------  --------  ----------  -----------  -------------  -----------',
    'total                                     832      460,800        460,800    90.00 KiB',
  ])
})

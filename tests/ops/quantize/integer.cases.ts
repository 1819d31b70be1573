import {
  convInteger,
  matMulInteger,
  matMulIntegerToFloat,
  qGemm,
  qLinearAdd,
  qLinearConv,
  qLinearGlobalAveragePool,
  qLinearMatMul,
} from './integer.reference.js'
import { f32, typed, weight, type Case, type Spec } from '../case.js'

type Byte = 'uint8' | 'int8'

const bytes = (type: Byte, shape: number[], options: Partial<Spec> = {}): Spec =>
  typed(type, shape, type === 'uint8' ? { low: 0, high: 256, ...options } : { low: -128, high: 128, ...options })
const scale = (value: number) => weight([], { values: [value] })
const zero = (type: Byte, value: number) => typed(type, [], { values: [value], constant: true })
const domain = 'com.microsoft'

interface Conv {
  readonly name: string
  readonly x: number[]
  readonly w: number[]
  readonly types?: readonly [x: Byte, w: Byte, y: Byte]
  readonly attributes?: Record<string, unknown>
  readonly bias?: boolean
  /** A scale and a zero point for every filter. */
  readonly perFilter?: boolean
  /** Filters and scales that a run brings. */
  readonly dynamic?: boolean
}

const convs: readonly Conv[] = [
  { name: 'pointwise', x: [1, 24, 9, 7], w: [16, 24, 1, 1], bias: true },
  { name: 'pointwise, odd sizes', x: [2, 13, 5, 5], w: [11, 13, 1, 1], bias: true, perFilter: true },
  { name: 'pointwise, one filter', x: [1, 17, 3, 6], w: [1, 17, 1, 1] },
  { name: 'pointwise stride 2', x: [1, 8, 7, 8], w: [8, 8, 1, 1], attributes: { strides: [2, 2] } },
  {
    name: 'signed',
    x: [1, 10, 6, 6],
    w: [9, 10, 3, 3],
    types: ['int8', 'int8', 'int8'],
    attributes: { pads: [1, 1, 1, 1] },
    bias: true,
  },
  {
    name: 'unsigned filters',
    x: [1, 4, 6, 5],
    w: [12, 4, 3, 3],
    types: ['uint8', 'uint8', 'uint8'],
    attributes: { pads: [1, 0, 2, 1] },
    perFilter: true,
  },
  {
    name: 'first layer',
    x: [1, 3, 21, 19],
    w: [32, 3, 3, 3],
    attributes: { strides: [2, 2], pads: [1, 1, 1, 1] },
    bias: true,
  },
  {
    name: 'first layer 7x7',
    x: [1, 3, 20, 20],
    w: [8, 3, 7, 7],
    attributes: { strides: [2, 2], pads: [3, 3, 3, 3] },
    bias: true,
  },
  { name: 'deep', x: [1, 160, 4, 4], w: [20, 160, 3, 3], attributes: { pads: [1, 1, 1, 1] }, bias: true },
  { name: 'dilated', x: [1, 6, 9, 10], w: [5, 6, 3, 3], attributes: { dilations: [2, 3], pads: [2, 3, 2, 3] } },
  { name: 'SAME_UPPER', x: [1, 5, 8, 8], w: [6, 5, 2, 2], attributes: { auto_pad: 'SAME_UPPER', strides: [2, 1] } },
  { name: 'kernel wider than the image', x: [1, 2, 2, 2], w: [3, 2, 5, 5], attributes: { pads: [4, 4, 4, 4] } },
  {
    name: 'groups',
    x: [2, 12, 6, 5],
    w: [15, 4, 3, 3],
    attributes: { group: 3, pads: [1, 1, 1, 1] },
    bias: true,
    perFilter: true,
  },
  {
    name: 'groups, 1x1',
    x: [1, 10, 4, 4],
    w: [4, 5, 1, 1],
    types: ['int8', 'int8', 'uint8'],
    attributes: { group: 2 },
    bias: true,
  },
  { name: '1-D', x: [2, 7, 19], w: [9, 7, 4], attributes: { strides: [3], pads: [2, 1] }, bias: true },
  {
    name: '3-D',
    x: [1, 3, 4, 5, 6],
    w: [5, 3, 2, 3, 2],
    attributes: { strides: [1, 2, 1], pads: [1, 1, 0, 1, 1, 1] },
    bias: true,
  },
  {
    name: 'depthwise',
    x: [2, 16, 9, 8],
    w: [16, 1, 3, 3],
    attributes: { group: 16, pads: [1, 1, 1, 1] },
    bias: true,
    perFilter: true,
  },
  {
    name: 'depthwise stride 2, 11 channels',
    x: [1, 11, 10, 9],
    w: [11, 1, 3, 3],
    types: ['int8', 'int8', 'int8'],
    attributes: { group: 11, strides: [2, 2], pads: [1, 1, 1, 1] },
    bias: true,
  },
  {
    name: 'depthwise 5x5',
    x: [1, 20, 11, 12],
    w: [20, 1, 5, 5],
    types: ['uint8', 'uint8', 'uint8'],
    attributes: { group: 20, pads: [2, 2, 2, 2] },
    perFilter: true,
  },
  {
    name: 'depthwise dilated',
    x: [1, 8, 12, 13],
    w: [8, 1, 3, 2],
    attributes: { group: 8, dilations: [2, 4], strides: [2, 3], pads: [3, 1, 0, 5] },
    bias: true,
  },
  {
    name: 'depthwise, stride beyond the kernel',
    x: [1, 3, 9, 11],
    w: [3, 1, 2, 1],
    attributes: { group: 3, strides: [4, 3] },
  },
  { name: 'depthwise, mostly padding', x: [1, 9, 2, 2], w: [9, 1, 3, 3], attributes: { group: 9, pads: [4, 5, 6, 3] } },
  { name: 'depthwise 1-D', x: [1, 12, 15], w: [12, 1, 3], attributes: { group: 12, pads: [1, 1] }, bias: true },
  {
    name: 'two filters per channel',
    x: [1, 6, 5, 5],
    w: [12, 1, 3, 3],
    attributes: { group: 6, pads: [1, 1, 1, 1] },
    bias: true,
  },
  {
    name: 'filters of the run',
    x: [1, 6, 5, 7],
    w: [9, 6, 3, 3],
    attributes: { pads: [1, 1, 1, 1] },
    perFilter: true,
    dynamic: true,
  },
  { name: 'depthwise filters of the run', x: [1, 9, 5, 7], w: [9, 1, 3, 3], attributes: { group: 9 }, dynamic: true },
  { name: 'no images', x: [0, 6, 5, 7], w: [9, 6, 3, 3] },
]

function convCase({
  name,
  x,
  w,
  types = ['uint8', 'int8', 'uint8'],
  attributes,
  bias,
  perFilter,
  dynamic,
}: Conv): Case {
  const [xType, wType, yType] = types
  const count = perFilter ? w[0] : 1
  const constant = !dynamic
  const middle = (type: Byte, at: number) => zero(type, type === 'uint8' ? at : at - 128)
  const length = w.slice(1).reduce((a, b) => a * b, 1)
  return {
    name,
    op: 'QLinearConv',
    inputs: [
      bytes(xType, x),
      scale(0.02),
      middle(xType, 117),
      bytes(wType, w, { constant }),
      { dtype: 'float32', shape: perFilter ? [count] : [], low: 0.01, high: 0.03, constant },
      typed(wType, perFilter ? [count] : [], {
        low: wType === 'uint8' ? 100 : -9,
        high: wType === 'uint8' ? 150 : 9,
        constant,
      }),
      scale(0.03 * Math.sqrt(length)),
      middle(yType, 130),
      ...(bias ? [typed('int32', [w[0]], { low: -9000, high: 9000, constant: true })] : []),
    ],
    attributes,
    reference: qLinearConv(yType),
    // onnxruntime takes a zero point per filter only where all are the same.
    withoutOrt: perFilter ? 'zero points that differ per filter' : x[0] === 0 ? 'no images' : undefined,
  }
}

const column = (type: Byte, n: number) => typed(type, [n], { low: -5, high: 6, constant: true })

export const integerCases: readonly Case[] = [
  ...convs.map(convCase),
  {
    name: 'sums',
    op: 'ConvInteger',
    inputs: [bytes('uint8', [1, 6, 7, 5]), bytes('int8', [10, 6, 3, 3], { constant: true }), zero('uint8', 9)],
    attributes: { pads: [1, 1, 1, 1] },
    reference: convInteger,
  },
  {
    name: 'depthwise sums',
    op: 'ConvInteger',
    inputs: [
      bytes('uint8', [1, 11, 7, 5]),
      bytes('uint8', [11, 1, 3, 3], { constant: true }),
      zero('uint8', 9),
      zero('uint8', 130),
    ],
    attributes: { group: 11, pads: [1, 1, 1, 1] },
    reference: convInteger,
  },
  {
    name: 'constant, odd sizes',
    op: 'QLinearMatMul',
    inputs: [
      bytes('uint8', [2, 7, 19]),
      scale(0.02),
      zero('uint8', 100),
      bytes('int8', [19, 21], { constant: true }),
      weight([21], { low: 0.01, high: 0.02 }),
      column('int8', 21),
      scale(0.1),
      zero('uint8', 120),
    ],
    reference: qLinearMatMul('uint8'),
    withoutOrt: 'zero points that differ per column',
  },
  {
    name: 'constant, one row',
    op: 'QLinearMatMul',
    inputs: [
      bytes('int8', [1, 33]),
      scale(0.02),
      zero('int8', 3),
      bytes('int8', [33, 12], { constant: true }),
      scale(0.015),
      zero('int8', 0),
      scale(0.1),
      zero('int8', -7),
    ],
    reference: qLinearMatMul('int8'),
  },
  {
    name: 'constant, 24 rows',
    op: 'MatMulInteger',
    inputs: [bytes('int8', [24, 6]), bytes('int8', [6, 9], { constant: true }), zero('int8', 4)],
    reference: matMulInteger,
  },
  {
    name: 'a row',
    op: 'MatMulInteger',
    inputs: [bytes('uint8', [5]), bytes('uint8', [5, 3], { constant: true }), zero('uint8', 4), zero('uint8', 200)],
    reference: matMulInteger,
  },
  {
    name: 'matrix of the run',
    op: 'MatMulInteger',
    inputs: [bytes('uint8', [3, 40]), bytes('int8', [40, 17]), zero('uint8', 128)],
    reference: matMulInteger,
  },
  {
    name: 'no elements between',
    op: 'MatMulInteger',
    inputs: [bytes('uint8', [3, 0]), bytes('int8', [0, 5])],
    reference: matMulInteger,
    withoutOrt: 'an axis of size 0',
  },
  {
    name: 'large',
    op: 'MatMulIntegerToFloat',
    domain,
    inputs: [
      bytes('uint8', [6, 31]),
      bytes('int8', [31, 13], { constant: true }),
      scale(0.01),
      weight([13], { low: 0.01, high: 0.02 }),
      zero('uint8', 128),
      column('int8', 13),
      f32([13]),
    ],
    reference: matMulIntegerToFloat,
    withoutOrt: 'zero points that differ per column',
  },
  {
    name: 'transposed, bias',
    op: 'QGemm',
    domain,
    inputs: [
      bytes('uint8', [3, 21]),
      scale(0.02),
      zero('uint8', 120),
      bytes('int8', [10, 21], { constant: true }),
      weight([10], { low: 0.01, high: 0.02 }),
      typed('int8', [10], { low: 0, high: 1, constant: true }),
      typed('int32', [10], { low: -5000, high: 5000, constant: true }),
      scale(0.08),
      zero('uint8', 100),
    ],
    attributes: { transB: 1 },
    reference: qGemm('uint8'),
  },
  {
    name: 'alpha, transposed, bias of a matrix',
    op: 'QGemm',
    domain,
    inputs: [
      bytes('uint8', [21, 3]),
      scale(0.02),
      zero('uint8', 120),
      bytes('uint8', [21, 10], { constant: true }),
      scale(0.01),
      zero('uint8', 90),
      typed('int32', [3, 10], { low: -5000, high: 5000, constant: true }),
      scale(0.08),
      zero('uint8', 100),
    ],
    attributes: { transA: 1, alpha: 0.75 },
    reference: qGemm('uint8'),
  },
  {
    name: 'floats',
    op: 'QGemm',
    domain,
    inputs: [
      bytes('int8', [3, 8]),
      scale(0.02),
      zero('int8', 12),
      bytes('int8', [8, 10], { constant: true }),
      scale(0.01),
      zero('int8', 0),
      typed('int32', [10], { low: -500, high: 500, constant: true }),
    ],
    reference: qGemm(undefined),
  },
  {
    name: 'no broadcast',
    op: 'QLinearAdd',
    domain,
    inputs: [
      bytes('uint8', [2, 5, 3, 3]),
      scale(0.11),
      zero('uint8', 128),
      bytes('uint8', [2, 5, 3, 3]),
      scale(0.05),
      zero('uint8', 10),
      scale(0.123),
      zero('uint8', 90),
    ],
    reference: qLinearAdd('uint8'),
  },
  {
    name: 'signed, no broadcast',
    op: 'QLinearAdd',
    domain,
    inputs: [
      bytes('int8', [3, 7]),
      scale(0.013),
      zero('int8', -12),
      bytes('int8', [3, 7]),
      scale(0.057),
      zero('int8', 10),
      scale(0.0431),
      zero('int8', 9),
    ],
    reference: qLinearAdd('int8'),
  },
  {
    name: 'many channels',
    op: 'QLinearGlobalAveragePool',
    domain,
    inputs: [bytes('uint8', [2, 19, 7, 5]), scale(0.1), zero('uint8', 100), scale(0.013), zero('uint8', 120)],
    reference: qLinearGlobalAveragePool('uint8'),
  },
  {
    name: 'signed',
    op: 'QLinearGlobalAveragePool',
    domain,
    inputs: [bytes('int8', [1, 8, 3, 3]), scale(0.1), zero('int8', 7), scale(0.05), zero('int8', -4)],
    reference: qLinearGlobalAveragePool('int8'),
  },
]

import { matMulNBits } from './nbits.reference.js'
import { f32, gives, typed, weight, type Case, type Spec } from '../case.js'

const scale = (value: number) => weight([], { values: [value] })
const scales = (...values: number[]) => weight([values.length], { values })
const u8 = (shape: number[], options: Partial<Spec> = {}) => typed('uint8', shape, { low: 0, high: 256, ...options })
const i8 = (shape: number[], options: Partial<Spec> = {}) => typed('int8', shape, { low: -128, high: 128, ...options })
const uzero = (value: number) => typed('uint8', [], { values: [value], constant: true })
const izero = (value: number) => typed('int8', [], { values: [value], constant: true })
const domain = 'com.microsoft'

// Expected outputs are those of onnxruntime-web 1.30.
export const quantizedLinearCases: readonly Case[] = [
  {
    name: 'zero points',
    op: 'MatMulInteger',
    inputs: [u8([2, 3]), u8([3, 2]), uzero(12), uzero(0)],
    reference: gives({ shape: [2, 2], data: [62366, 92583, 25940, 48136] }),
  },
  {
    name: 'mixed signs, zero point per column',
    op: 'MatMulInteger',
    inputs: [u8([2, 2, 3]), i8([3, 2]), uzero(128), i8([2], { values: [3, -4], constant: true })],
    reference: gives({ shape: [2, 2, 2], data: [17501, -10108, 14833, -6309, 3438, -3339, -14219, 5522] }),
  },
  {
    name: 'zero point',
    op: 'ConvInteger',
    inputs: [u8([1, 1, 3, 3]), u8([2, 1, 2, 2], { constant: true }), uzero(1), uzero(7)],
    attributes: { pads: [1, 0, 0, 1] },
    reference: gives({
      shape: [1, 2, 3, 3],
      data: [
        39475, 22963, 10750, 80207, 25462, 22413, 87100, 61055, 25927, 14358, 7900, 4128, 32455, 11961, 8566, 32070,
        22129, 9947,
      ],
    }),
  },
  {
    name: 'groups, strides',
    op: 'ConvInteger',
    inputs: [u8([1, 2, 3, 4]), u8([2, 1, 2, 2], { constant: true })],
    attributes: { group: 2, strides: [1, 2] },
    reference: gives({ shape: [1, 2, 2, 2], data: [57847, 70473, 17034, 69330, 80518, 69116, 77283, 60196] }),
  },
  {
    name: 'uint8',
    op: 'QLinearMatMul',
    inputs: [u8([2, 4]), scale(0.0066), uzero(113), u8([4, 3]), scale(0.00705), uzero(114), scale(0.0107), uzero(118)],
    reference: gives({ shape: [2, 3], data: [154, 105, 169, 140, 112, 130] }),
  },
  {
    name: 'int8, scale per column',
    op: 'QLinearMatMul',
    inputs: [
      i8([2, 3]),
      scale(0.01),
      izero(3),
      i8([3, 3]),
      scales(0.01, 0.02, 0.015),
      i8([3], { values: [0, 0, 0], constant: true }),
      scale(0.03),
      izero(-7),
    ],
    reference: gives({ shape: [2, 3], data: [-71, -60, -50, 43, 51, 57] }),
  },
  {
    name: 'per filter, bias',
    op: 'QLinearConv',
    inputs: [
      u8([1, 2, 3, 3]),
      scale(0.02),
      uzero(120),
      i8([2, 2, 2, 2], { constant: true }),
      scales(0.01, 0.02),
      i8([2], { values: [0, 0], constant: true }),
      scale(0.3),
      uzero(100),
      typed('int32', [2], { values: [500, -900], constant: true }),
    ],
    attributes: { pads: [0, 0, 1, 1] },
    reference: gives({
      shape: [1, 2, 3, 3],
      data: [100, 110, 98, 112, 93, 105, 98, 104, 98, 62, 42, 82, 95, 111, 116, 105, 90, 88],
    }),
  },
  {
    name: 'depthwise, no bias',
    op: 'QLinearConv',
    inputs: [
      u8([1, 2, 3, 3]),
      scale(0.02),
      uzero(120),
      u8([2, 1, 2, 2], { constant: true }),
      scale(0.01),
      uzero(130),
      scale(0.1),
      uzero(100),
    ],
    attributes: { group: 2, auto_pad: 'SAME_LOWER', strides: [2, 2] },
    reference: gives({ shape: [1, 2, 2, 2], data: [97, 94, 74, 114, 79, 123, 114, 104] }),
  },
  {
    name: 'broadcast',
    op: 'QLinearAdd',
    domain,
    inputs: [u8([2, 3]), scale(0.1), uzero(128), u8([3]), scale(0.05), uzero(10), scale(0.12), uzero(90)],
    reference: gives({ shape: [2, 3], data: [218, 77, 184, 83, 116, 121] }),
  },
  {
    name: 'int8',
    op: 'QLinearMul',
    domain,
    inputs: [i8([2, 3]), scale(0.1), izero(8), i8([2, 1]), scale(0.05), izero(-10), scale(0.5), izero(9)],
    reference: gives({ shape: [2, 3], data: [6, 31, 6, 78, 127, -93] }),
  },
  {
    name: 'padding not counted',
    op: 'QLinearAveragePool',
    domain,
    inputs: [u8([1, 2, 4, 3]), scale(0.1), uzero(50), scale(0.08), uzero(20)],
    attributes: { kernel_shape: [2, 2], strides: [2, 1], pads: [1, 1, 0, 0] },
    reference: gives({ shape: [1, 2, 2, 3], data: [78, 89, 131, 40, 44, 77, 0, 86, 212, 89, 65, 97] }),
  },
  {
    name: 'padding counted, ceil',
    op: 'QLinearAveragePool',
    domain,
    inputs: [u8([1, 1, 4, 4]), scale(0.1), uzero(50), scale(0.08), uzero(20)],
    attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 0], ceil_mode: 1, count_include_pad: 1 },
    reference: gives({ shape: [1, 1, 2, 2], data: [30, 86, 114, 140] }),
  },
  {
    name: 'channels last',
    op: 'QLinearAveragePool',
    domain,
    inputs: [u8([1, 3, 3, 2]), scale(0.1), uzero(50), scale(0.08), uzero(20)],
    attributes: { kernel_shape: [2, 2], channels_last: 1 },
    reference: gives({ shape: [1, 2, 2, 2], data: [126, 185, 123, 172, 132, 112, 112, 122] }),
  },
  {
    name: 'uint8',
    op: 'QLinearGlobalAveragePool',
    domain,
    inputs: [u8([1, 3, 3, 5]), scale(0.1), uzero(50), scale(0.08), uzero(20)],
    reference: gives({ shape: [1, 3, 1, 1], data: [134, 144, 120] }),
  },
  {
    name: 'channels last',
    op: 'QLinearGlobalAveragePool',
    domain,
    inputs: [u8([1, 3, 5, 4]), scale(0.1), uzero(50), scale(0.08), uzero(20)],
    attributes: { channels_last: 1 },
    reference: gives({ shape: [1, 1, 1, 4], data: [163, 128, 94, 129] }),
  },
  {
    name: 'two parts',
    op: 'QLinearConcat',
    domain,
    inputs: [scale(0.1), uzero(100), u8([2, 2]), scale(0.1), uzero(90), u8([2, 1]), scale(0.2), uzero(120)],
    attributes: { axis: 1 },
    reference: gives({ shape: [2, 3], data: [171, 134, 0, 51, 75, 202] }),
  },
  {
    name: 'int8',
    op: 'QLinearLeakyRelu',
    domain,
    inputs: [i8([9]), scale(0.1), izero(5), scale(0.07), izero(-20)],
    attributes: { alpha: 0.2 },
    reference: gives({ shape: [9], data: [-35, -31, -53, -39, 21, -35, -32, -22, 107] }),
  },
  {
    name: 'uint8',
    op: 'QLinearSigmoid',
    domain,
    inputs: [u8([9]), scale(0.05), uzero(125), scale(0.00390625), uzero(0)],
    reference: gives({ shape: [9], data: [1, 255, 255, 122, 241, 255, 238, 246, 109] }),
  },
  {
    name: 'opset 13',
    op: 'QLinearSoftmax',
    domain,
    inputs: [u8([2, 3, 2]), scale(0.02), uzero(125), scale(0.00390625), uzero(0)],
    attributes: { axis: 1, opset: 13 },
    reference: gives({ shape: [2, 3, 2], data: [195, 238, 52, 2, 9, 16, 17, 123, 229, 105, 11, 28] }),
  },
  {
    name: 'opset 12',
    op: 'QLinearSoftmax',
    domain,
    inputs: [u8([2, 3, 2]), scale(0.02), uzero(125), scale(0.00390625), uzero(0)],
    attributes: { axis: 1, opset: 12 },
    reference: gives({ shape: [2, 3, 2], data: [55, 4, 103, 12, 70, 12, 15, 9, 49, 100, 6, 77] }),
  },
  {
    name: 'bias',
    op: 'MatMulIntegerToFloat',
    domain,
    inputs: [
      u8([2, 4]),
      u8([4, 3]),
      scale(0.01),
      scales(0.01, 0.02, 0.03),
      uzero(128),
      u8([3], { values: [120, 130, 128], constant: true }),
      f32([3]),
    ],
    reference: gives({ shape: [2, 3], data: [0.9053782, 1.851927, 3.84612, 0.00867825, 1.040727, 0.80802] }),
  },
  {
    name: 'zero point, bias',
    op: 'DynamicQuantizeMatMul',
    domain,
    inputs: [f32([2, 4]), u8([4, 3]), scale(0.02), uzero(128), f32([3])],
    reference: gives({ shape: [2, 3], data: [-0.1663563, -3.832806, -0.5849716, 3.748747, 1.818379, 0.1381254] }),
  },
  {
    name: '4 bits',
    op: 'MatMulNBits',
    domain,
    inputs: [f32([2, 20]), u8([3, 2, 8], { constant: true }), weight([6], { low: 0.1, high: 0.2 })],
    attributes: { K: 20, N: 3, bits: 4, block_size: 16 },
    reference: gives({ shape: [2, 3], data: [2.889452, 1.29722, -1.026752, 1.40772, -2.230645, 0.04824844] }),
  },
  {
    name: '4 bits, zero points',
    op: 'MatMulNBits',
    domain,
    inputs: [
      f32([1, 32]),
      u8([2, 2, 8], { constant: true }),
      weight([4], { low: 0.1, high: 0.2 }),
      u8([2], { constant: true }),
    ],
    attributes: { K: 32, N: 2, bits: 4, block_size: 16 },
    reference: gives({ shape: [1, 2], data: [0.5852939, 1.90967] }),
  },
  {
    name: '8 bits',
    op: 'MatMulNBits',
    domain,
    inputs: [f32([1, 16]), u8([2, 1, 16], { constant: true }), weight([2], { low: 0.1, high: 0.2 })],
    attributes: { K: 16, N: 2, bits: 8, block_size: 16 },
    reference: gives({ shape: [1, 2], data: [30.08173, -52.23499] }),
  },
  ...[2, 3, 4, 5, 8].map((bits): Case => ({
    name: `${bits} bits, groups, bias`,
    op: 'MatMulNBits',
    domain,
    inputs: [
      f32([2, 3, 40]),
      u8([5, 3, 2 * bits], { constant: true }),
      weight([15], { low: 0.1, high: 0.2 }),
      u8([5 * Math.ceil((3 * bits) / 8)], { constant: true }),
      typed('int32', [40], { values: Array.from({ length: 40 }, (_, k) => (k * 7) % 3), constant: true }),
      f32([5]),
    ],
    attributes: { K: 40, N: 5, bits, block_size: 16 },
    reference: matMulNBits,
    withoutOrt:
      bits === 4
        ? 'with groups, its CPU version forgets packed zero points, and takes the groups of the first 8 of a block for every 8 of it'
        : `it has no groups with ${bits} bits`,
  })),
  {
    name: '4 bits, groups that are the same for every 8 of a block, no zero points',
    op: 'MatMulNBits',
    domain,
    inputs: [
      f32([2, 64]),
      u8([3, 4, 8], { constant: true }),
      weight([12], { low: 0.1, high: 0.2 }),
      undefined,
      typed('int32', [64], {
        values: Array.from({ length: 64 }, (_, k) => (3 * Math.floor(k / 16) + (k % 8)) % 4),
        constant: true,
      }),
    ],
    attributes: { K: 64, N: 3, bits: 4, block_size: 16 },
    reference: matMulNBits,
  },
  {
    name: 'float zero points, more rows',
    op: 'MatMulNBits',
    domain,
    inputs: [
      f32([9, 64]),
      u8([17, 2, 16], { constant: true }),
      weight([34], { low: 0.1, high: 0.2 }),
      weight([34], { low: 0.5, high: 9.5 }),
    ],
    attributes: { K: 64, N: 17, bits: 4, block_size: 32 },
    reference: matMulNBits,
  },
  ...[2, 4, 8].flatMap((bits) => [16, 32, 64, 128, 256].map((block) => packedCase(bits, block, 1))),
  ...[2, 4, 8].flatMap((bits) => [16, 96].map((block) => packedCase(bits, block, 1, { zeros: true }))),
  ...[3, 5, 6, 7].flatMap((bits) => [1, 70].map((rows) => packedCase(bits, 32, rows, { zeros: bits > 5 }))),
  ...[2, 4, 8].flatMap((bits) => [5, 70].map((rows) => packedCase(bits, 32, rows, { zeros: true, bias: true }))),
  {
    name: '4 bits, zero points that are floats of whole numbers',
    op: 'MatMulNBits',
    domain,
    inputs: [
      f32([2, 64]),
      u8([17, 2, 16], { constant: true }),
      weight([34], { low: 0.1, high: 0.2 }),
      weight([34], { values: Array.from({ length: 34 }, (_, i) => i % 16) }),
    ],
    attributes: { K: 64, N: 17, bits: 4, block_size: 32 },
    reference: matMulNBits,
  },
  ...[1, 70].map((rows): Case => ({
    ...packedCase(4, 32, rows),
    name: `4 bits, ${rows} rows, elements may become bytes`,
    attributes: { K: 75, N: 37, bits: 4, block_size: 32, accuracy_level: 4 },
    // Half a step of 255 in each element.
    tolerance: { absolute: 1e-2, relative: 1e-2 },
    gradient: false,
  })),
]

/** Weights of whole blocks along a K that ends within one, for columns that do not fill the last group. */
function packedCase(bits: number, block: number, rows: number, { zeros = false, bias = false } = {}): Case {
  const [K, N] = [2 * block + 11, 37]
  const bytes = (block * bits) / 8
  return {
    name: `${bits} bits, blocks of ${block}, ${rows} rows${zeros ? ', zero points' : ''}${bias ? ', bias' : ''}`,
    op: 'MatMulNBits',
    domain,
    inputs: [
      f32([rows, K]),
      u8([N, 3, bytes], { constant: true }),
      weight([N * 3], { low: 0.1, high: 0.2 }),
      ...(zeros || bias ? [zeros ? u8([N * Math.ceil((3 * bits) / 8)], { constant: true }) : undefined] : []),
      ...(bias ? [undefined, f32([N])] : []),
    ],
    attributes: { K, N, bits, block_size: block },
    reference: matMulNBits,
    ...(bits !== 4 && bits !== 8 && { withoutOrt: `it has no weights of ${bits} bits` }),
    ...(block === 96 && { withoutOrt: 'it has only blocks of a power of two' }),
  }
}

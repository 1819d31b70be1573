import { f32, gives, typed, weight, type Case, type Spec } from './case.js'

const scale = (value: number) => weight([], { values: [value] })
const scales = (...values: number[]) => weight([values.length], { values })
const u8 = (shape: number[], options: Partial<Spec> = {}) => typed('uint8', shape, { low: 0, high: 256, ...options })
const i8 = (shape: number[], options: Partial<Spec> = {}) => typed('int8', shape, { low: -128, high: 128, ...options })
const uzero = (value: number) => typed('uint8', [], { values: [value], constant: true })
const izero = (value: number) => typed('int8', [], { values: [value], constant: true })
const domain = 'com.microsoft'

// Expected outputs are those of onnxruntime-web 1.30.
export const quantizedLinearCases: readonly Case[] = [
  { name: 'zero points', op: 'MatMulInteger', inputs: [u8([2, 3]), u8([3, 2]), uzero(12), uzero(0)], reference: gives('ORT') },
  { name: 'mixed signs, zero point per column', op: 'MatMulInteger', inputs: [u8([2, 2, 3]), i8([3, 2]), uzero(128), i8([2], { values: [3, -4], constant: true })], reference: gives('ORT') },
  { name: 'zero point', op: 'ConvInteger', inputs: [u8([1, 1, 3, 3]), u8([2, 1, 2, 2], { constant: true }), uzero(1), uzero(7)], attributes: { pads: [1, 0, 0, 1] }, reference: gives('ORT') },
  { name: 'groups, strides', op: 'ConvInteger', inputs: [u8([1, 2, 3, 4]), u8([2, 1, 2, 2], { constant: true })], attributes: { group: 2, strides: [1, 2] }, reference: gives('ORT') },
  { name: 'uint8', op: 'QLinearMatMul', inputs: [u8([2, 4]), scale(0.0066), uzero(113), u8([4, 3]), scale(0.00705), uzero(114), scale(0.0107), uzero(118)], reference: gives('ORT') },
  { name: 'int8, scale per column', op: 'QLinearMatMul', inputs: [i8([2, 3]), scale(0.01), izero(3), i8([3, 3]), scales(0.01, 0.02, 0.015), i8([3], { values: [0, 0, 0], constant: true }), scale(0.03), izero(-7)], reference: gives('ORT') },
  { name: 'per filter, bias', op: 'QLinearConv', inputs: [u8([1, 2, 3, 3]), scale(0.02), uzero(120), i8([2, 2, 2, 2], { constant: true }), scales(0.01, 0.02), i8([2], { values: [0, 0], constant: true }), scale(0.3), uzero(100), typed('int32', [2], { values: [500, -900], constant: true })], attributes: { pads: [0, 0, 1, 1] }, reference: gives('ORT') },
  { name: 'depthwise, no bias', op: 'QLinearConv', inputs: [u8([1, 2, 3, 3]), scale(0.02), uzero(120), u8([2, 1, 2, 2], { constant: true }), scale(0.01), uzero(130), scale(0.1), uzero(100)], attributes: { group: 2, auto_pad: 'SAME_LOWER', strides: [2, 2] }, reference: gives('ORT') },
  { name: 'broadcast', op: 'QLinearAdd', domain, inputs: [u8([2, 3]), scale(0.1), uzero(128), u8([3]), scale(0.05), uzero(10), scale(0.12), uzero(90)], reference: gives('ORT') },
  { name: 'int8', op: 'QLinearMul', domain, inputs: [i8([2, 3]), scale(0.1), izero(8), i8([2, 1]), scale(0.05), izero(-10), scale(0.5), izero(9)], reference: gives('ORT') },
  { name: 'padding not counted', op: 'QLinearAveragePool', domain, inputs: [u8([1, 2, 4, 3]), scale(0.1), uzero(50), scale(0.08), uzero(20)], attributes: { kernel_shape: [2, 2], strides: [2, 1], pads: [1, 1, 0, 0] }, reference: gives('ORT') },
  { name: 'padding counted, ceil', op: 'QLinearAveragePool', domain, inputs: [u8([1, 1, 4, 4]), scale(0.1), uzero(50), scale(0.08), uzero(20)], attributes: { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 0, 0], ceil_mode: 1, count_include_pad: 1 }, reference: gives('ORT') },
  { name: 'channels last', op: 'QLinearAveragePool', domain, inputs: [u8([1, 3, 3, 2]), scale(0.1), uzero(50), scale(0.08), uzero(20)], attributes: { kernel_shape: [2, 2], channels_last: 1 }, reference: gives('ORT') },
  { name: 'uint8', op: 'QLinearGlobalAveragePool', domain, inputs: [u8([1, 3, 3, 5]), scale(0.1), uzero(50), scale(0.08), uzero(20)], reference: gives('ORT') },
  { name: 'channels last', op: 'QLinearGlobalAveragePool', domain, inputs: [u8([1, 3, 5, 4]), scale(0.1), uzero(50), scale(0.08), uzero(20)], attributes: { channels_last: 1 }, reference: gives('ORT') },
  { name: 'two parts', op: 'QLinearConcat', domain, inputs: [scale(0.1), uzero(100), u8([2, 2]), scale(0.1), uzero(90), u8([2, 1]), scale(0.2), uzero(120)], attributes: { axis: 1 }, reference: gives('ORT') },
  { name: 'int8', op: 'QLinearLeakyRelu', domain, inputs: [i8([9]), scale(0.1), izero(5), scale(0.07), izero(-20)], attributes: { alpha: 0.2 }, reference: gives('ORT') },
  { name: 'uint8', op: 'QLinearSigmoid', domain, inputs: [u8([9]), scale(0.05), uzero(125), scale(0.00390625), uzero(0)], reference: gives('ORT') },
  { name: 'opset 13', op: 'QLinearSoftmax', domain, inputs: [u8([2, 3, 2]), scale(0.02), uzero(125), scale(0.00390625), uzero(0)], attributes: { axis: 1, opset: 13 }, reference: gives('ORT') },
  { name: 'opset 12', op: 'QLinearSoftmax', domain, inputs: [u8([2, 3, 2]), scale(0.02), uzero(125), scale(0.00390625), uzero(0)], attributes: { axis: 1, opset: 12 }, reference: gives('ORT') },
  { name: 'bias', op: 'MatMulIntegerToFloat', domain, inputs: [u8([2, 4]), u8([4, 3]), scale(0.01), scales(0.01, 0.02, 0.03), uzero(128), u8([3], { values: [120, 130, 128], constant: true }), f32([3])], reference: gives('ORT') },
  { name: 'zero point, bias', op: 'DynamicQuantizeMatMul', domain, inputs: [f32([2, 4]), u8([4, 3]), scale(0.02), uzero(128), f32([3])], reference: gives('ORT') },
  { name: '4 bits', op: 'MatMulNBits', domain, inputs: [f32([2, 20]), u8([3, 2, 8], { constant: true }), weight([6], { low: 0.1, high: 0.2 })], attributes: { K: 20, N: 3, bits: 4, block_size: 16 }, reference: gives('ORT') },
  { name: '4 bits, zero points', op: 'MatMulNBits', domain, inputs: [f32([1, 32]), u8([2, 2, 8], { constant: true }), weight([4], { low: 0.1, high: 0.2 }), u8([2], { constant: true })], attributes: { K: 32, N: 2, bits: 4, block_size: 16 }, reference: gives('ORT') },
  { name: '8 bits', op: 'MatMulNBits', domain, inputs: [f32([1, 16]), u8([2, 1, 16], { constant: true }), weight([2], { low: 0.1, high: 0.2 })], attributes: { K: 16, N: 2, bits: 8, block_size: 16 }, reference: gives('ORT') },
]

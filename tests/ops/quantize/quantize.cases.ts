import { dequantize, dynamicQuantize, quantize } from './quantize.reference.js'
import { f32, gives, typed, weight, type Case } from '../case.js'

const scalar = (value: number) => weight([], { values: [value] })
const u8 = (...values: number[]) => typed('uint8', [values.length], { values, constant: true })
const i8 = (...values: number[]) => typed('int8', [values.length], { values, constant: true })
const nan = 'what NaN becomes is not specified'

const quantizeCases: Case[] = [
  {
    name: 'per tensor, uint8',
    op: 'QuantizeLinear',
    inputs: [f32([3, 37], { low: -3, high: 3 }), scalar(0.02), typed('uint8', [], { values: [128] })],
    reference: quantize('uint8'),
  },
  {
    name: 'per tensor, int8',
    op: 'QuantizeLinear',
    inputs: [f32([5, 7, 3], { low: -3, high: 3 }), scalar(0.02), typed('int8', [], { values: [-5] })],
    reference: quantize('int8'),
  },
  {
    name: 'no zero point',
    op: 'QuantizeLinear',
    inputs: [f32([19], { low: -1, high: 3 }), scalar(0.01)],
    reference: quantize('uint8'),
  },
  {
    name: 'halves to even',
    op: 'QuantizeLinear',
    inputs: [
      f32([8], { values: [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 3.5, 127.5] }),
      scalar(1),
      typed('int8', [], { values: [0] }),
    ],
    reference: quantize('int8'),
  },
  {
    name: 'beyond the range',
    op: 'QuantizeLinear',
    inputs: [
      f32([6], { values: [1e30, -1e30, Infinity, -Infinity, 3e9, -3e9] }),
      scalar(0.5),
      typed('uint8', [], { values: [10] }),
    ],
    reference: quantize('uint8'),
  },
  {
    name: 'NaN',
    op: 'QuantizeLinear',
    inputs: [
      f32([9], { values: [NaN, 1, 2, 3, NaN, 4, 5, 6, NaN] }),
      scalar(0.5),
      typed('uint8', [], { values: [10] }),
    ],
    reference: quantize('uint8'),
    withoutOrt: nan,
  },
  {
    name: 'scale of one element',
    op: 'QuantizeLinear',
    inputs: [f32([4, 5]), weight([1], { values: [0.01] }), u8(3)],
    reference: quantize('uint8'),
  },
  {
    name: 'per axis',
    op: 'QuantizeLinear',
    inputs: [f32([2, 3, 5, 7]), weight([3], { values: [0.01, 0.02, 0.005] }), i8(1, -2, 3)],
    reference: quantize('int8'),
  },
  {
    name: 'per last axis',
    op: 'QuantizeLinear',
    inputs: [
      f32([4, 11]),
      weight([11], { low: 0.01, high: 0.02 }),
      typed('uint8', [11], { low: 0, high: 255, constant: true }),
    ],
    attributes: { axis: -1 },
    reference: quantize('uint8'),
  },
  {
    name: 'per axis 0',
    op: 'QuantizeLinear',
    inputs: [f32([3, 13]), weight([3], { low: 0.01, high: 0.02 })],
    attributes: { axis: 0 },
    reference: quantize('uint8'),
  },
  {
    name: 'blocked',
    op: 'QuantizeLinear',
    inputs: [
      f32([3, 10]),
      weight([3, 3], { low: 0.01, high: 0.02 }),
      typed('int8', [3, 3], { low: -9, high: 9, constant: true }),
    ],
    attributes: { axis: 1, block_size: 4 },
    reference: quantize('int8'),
  },
  {
    name: 'uint16',
    op: 'QuantizeLinear',
    inputs: [f32([3, 5], { low: -3, high: 3 }), scalar(0.0001), typed('uint16', [], { values: [32768] })],
    reference: quantize('uint16'),
  },
  {
    name: 'int4',
    op: 'QuantizeLinear',
    inputs: [f32([3, 6], { low: -3, high: 3 }), scalar(0.3), typed('int4', [], { values: [1] })],
    reference: quantize('int4'),
    withoutOrt: 'packed tensors cannot be fetched',
  },
  { name: 'empty', op: 'QuantizeLinear', inputs: [f32([0, 3]), scalar(1)], reference: quantize('uint8') },
  {
    name: 'int32 input',
    op: 'QuantizeLinear',
    inputs: [typed('int32', [3, 4], { low: -900, high: 900 }), scalar(4), typed('int8', [], { values: [2] })],
    reference: quantize('int8'),
    withoutOrt: 'wants one type for input and scale',
  },
  // 3.5 is 0x6e in float8e4m3fn 1.75·2¹ = 0 1000 110; 1000 saturates to 448.
  {
    name: 'float8',
    op: 'QuantizeLinear',
    inputs: [f32([3], { values: [1, 1.75, 1000] }), scalar(0.5), typed('float8e4m3fn', [], { values: [0] })],
    reference: gives({ shape: [3], data: [0x40, 0x46, 0x7e] }),
    withoutOrt: 'no float8 in the build',
  },
  {
    name: 'output_dtype',
    op: 'QuantizeLinear',
    inputs: [f32([3, 6], { low: -3, high: 3 }), scalar(0.3)],
    attributes: { output_dtype: 3 },
    reference: quantize('int8'),
  },
]

const dequantizeCases: Case[] = [
  {
    name: 'per tensor, uint8',
    op: 'DequantizeLinear',
    inputs: [typed('uint8', [3, 37], { low: 0, high: 256 }), scalar(0.02), typed('uint8', [], { values: [128] })],
    reference: dequantize,
  },
  {
    name: 'per tensor, int8',
    op: 'DequantizeLinear',
    inputs: [typed('int8', [5, 7, 3], { low: -128, high: 128 }), scalar(0.02), typed('int8', [], { values: [-128] })],
    reference: dequantize,
  },
  {
    name: 'no zero point',
    op: 'DequantizeLinear',
    inputs: [typed('uint8', [19], { low: 0, high: 256 }), scalar(0.01)],
    reference: dequantize,
  },
  {
    name: 'per axis',
    op: 'DequantizeLinear',
    inputs: [
      typed('int8', [2, 3, 5, 7], { low: -128, high: 128 }),
      weight([3], { values: [0.01, 0.02, 0.005] }),
      i8(1, -2, 3),
    ],
    reference: dequantize,
  },
  {
    name: 'per last axis',
    op: 'DequantizeLinear',
    inputs: [
      typed('uint8', [4, 11], { low: 0, high: 256 }),
      weight([11], { low: 0.01, high: 0.02 }),
      typed('uint8', [11], { low: 0, high: 255, constant: true }),
    ],
    attributes: { axis: -1 },
    reference: dequantize,
  },
  {
    name: 'per axis 0, constant',
    op: 'DequantizeLinear',
    inputs: [
      typed('int8', [70, 71], { low: -128, high: 128, constant: true }),
      weight([70], { low: 0.01, high: 0.02 }),
    ],
    attributes: { axis: 0 },
    reference: dequantize,
  },
  {
    name: 'blocked',
    op: 'DequantizeLinear',
    inputs: [
      typed('int8', [3, 10], { low: -128, high: 128 }),
      weight([3, 3], { low: 0.01, high: 0.02 }),
      typed('int8', [3, 3], { low: -9, high: 9, constant: true }),
    ],
    attributes: { axis: 1, block_size: 4 },
    reference: dequantize,
  },
  {
    name: 'int32',
    op: 'DequantizeLinear',
    inputs: [typed('int32', [3, 4], { low: -90000, high: 90000 }), scalar(0.001)],
    reference: dequantize,
  },
  {
    name: 'int16',
    op: 'DequantizeLinear',
    inputs: [typed('int16', [3, 4], { low: -90000, high: 90000 }), scalar(0.001), typed('int16', [], { values: [77] })],
    reference: dequantize,
  },
  { name: 'empty', op: 'DequantizeLinear', inputs: [typed('uint8', [0, 3]), scalar(1)], reference: dequantize },
]

const dynamicCases: Case[] = [
  // The example of the operator's documentation.
  {
    name: 'example',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([6], { values: [0, 2, -3, -2.5, 1.34, 0.5] })],
    outputs: 3,
    reference: gives(
      { shape: [6], data: [153, 255, 0, 26, 221, 179] },
      { shape: [], data: [Math.fround(5 / 255)] },
      { shape: [], data: [153] },
    ),
  },
  {
    name: 'zeros',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([3], { values: [0, 0, 0] })],
    outputs: 3,
    reference: gives({ shape: [3], data: [0, 0, 0] }, { shape: [], data: [1] }, { shape: [], data: [0] }),
  },
  {
    name: 'both signs, four axes',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([2, 5, 7, 3], { low: -3, high: 5 })],
    outputs: 3,
    reference: dynamicQuantize,
  },
  {
    name: 'positive',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([1, 37], { low: 1, high: 5 })],
    outputs: 3,
    reference: dynamicQuantize,
  },
  {
    name: 'negative',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([41], { low: -5, high: -2 })],
    outputs: 3,
    reference: dynamicQuantize,
  },
  {
    name: 'one element',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([], { values: [-0.75] })],
    outputs: 3,
    reference: dynamicQuantize,
  },
  {
    name: 'NaN',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([9], { values: [1, 2, 3, 4, 5, NaN, -1, 0, 2] })],
    outputs: 3,
    reference: dynamicQuantize,
    withoutOrt: nan,
  },
  {
    name: 'NaN last',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([6], { values: [1, 2, 3, 4, 5, NaN] })],
    outputs: 3,
    reference: dynamicQuantize,
    withoutOrt: nan,
  },
  {
    name: 'infinite',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([6], { values: [1, -Infinity, 3, 4, Infinity, 5] })],
    outputs: 3,
    reference: dynamicQuantize,
    withoutOrt: nan,
  },
  {
    name: 'empty',
    op: 'DynamicQuantizeLinear',
    inputs: [f32([0, 3])],
    outputs: 3,
    reference: dynamicQuantize,
    withoutOrt: 'has no range',
  },
]

// What rounding passes straight through is no slope of it (tests/training/autograd/own-gradients.test.ts).
const straightThrough = quantizeCases.map((row): Case => ({ ...row, gradient: false }))

export const quantizeFamilyCases: readonly Case[] = [...straightThrough, ...dequantizeCases, ...dynamicCases]

import { describe, expect, test } from 'vitest'
import type { DType } from '../../src/core/dtype.js'
import type { HostTensor } from '../../src/core/host.js'
import { lanewise } from '../conformance/engines.js'
import { InferenceSession } from '../../src/node.js'
import { expectRejects } from '../support/expect-error.js'
import { numbersIn, tensorOf } from '../support/numbers.js'
import { writtenModel, type WrittenAttribute } from '../support/written-model.js'

// Operators, attributes and spellings that files in the wild have; expected values are onnxruntime's, or worked out
// from the specification.

interface Row {
  readonly op: string
  readonly what?: string
  readonly domain?: string
  readonly opset?: number
  /** x, y, z … are fed; null is left out. The first must be there. */
  readonly inputs: readonly (HostTensor | null)[]
  /** Inputs from this one on are constants. */
  readonly constantsFrom?: number
  readonly attributes?: Readonly<Record<string, WrittenAttribute>>
  readonly expected: readonly HostTensor[]
}

const f = (shape: readonly number[], ...values: number[]) => tensorOf('float32', shape, values)
const of = (dtype: DType, shape: readonly number[], ...values: number[]) => tensorOf(dtype, shape, values)
const ramp = (shape: readonly number[]) =>
  f(shape, ...Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => i + 1))
const text = (shape: readonly number[], ...data: string[]): HostTensor => ({ dtype: 'string', shape, data })
const ms = 'com.microsoft'
const ml = 'ai.onnx.ml'
const image = ramp([1, 2, 2, 2])

const svm = {
  classlabels_ints: [0, 1],
  coefficients: { floats: [0.5, -1, 0.75, -0.25] },
  kernel_params: { floats: [0.5, 0, 3] },
  kernel_type: 'RBF',
  rho: { floats: [0.1] },
  support_vectors: { floats: [1, 2, 0, 1, -1, 0.5, 2, 2] },
  vectors_per_class: [2, 2],
}
const three = {
  ...svm,
  classlabels_ints: [0, 1, 2],
  coefficients: { floats: [0.5, -1, 0.75, -0.25, 0.3, 0.6] },
  rho: { floats: [0.1, -0.2, 0.3] },
  support_vectors: { floats: [1, 2, -1, 0.5, 2, 2] },
  vectors_per_class: [1, 1, 1],
}
const points = f([2, 2], 1, 1, -1, 2)
const support = { kernel_params: { floats: [0.5, 0, 3] }, kernel_type: 'RBF', rho: { floats: [0.1] } }
const regressor = { ...support, n_supports: 2, support_vectors: { floats: [1, 2, 0, 1] }, coefficients: { floats: [0.5, -0.25] } } // prettier-ignore
const tokens = { mark: 1, mincharnum: 1, pad_value: '#' }
const [S, E] = ['\u0002', '\u0003']
const texts = text([3], 'ab cd,e', '', 'ca b')
const norm = Math.sqrt(1.25 + 1e-5)

const rows: readonly Row[] = [
  { op: 'MaxPool', what: 'ceil_mode, a window larger than the input', inputs: [f([1, 1, 1, 1], 5)], attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }, expected: [f([1, 1, 1, 1], 5)] }, // prettier-ignore
  { op: 'MaxPool', what: 'ceil_mode, one axis short', inputs: [ramp([1, 1, 2, 4])], attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, expected: [f([1, 1, 1, 2], 7, 8)] }, // prettier-ignore
  { op: 'AveragePool', what: 'ceil_mode, a window larger than the input', inputs: [f([1, 1, 2, 2], 1, 2, 3, 6)], attributes: { kernel_shape: [3, 3], strides: [2, 2], ceil_mode: 1 }, expected: [f([1, 1, 1, 1], 3)] }, // prettier-ignore
  { op: 'MaxPool', what: 'ceil_mode on bytes', opset: 12, inputs: [of('uint8', [1, 1, 1, 1], 5)], attributes: { kernel_shape: [2, 2], strides: [2, 2], ceil_mode: 1 }, expected: [of('uint8', [1, 1, 1, 1], 5)] }, // prettier-ignore
  { op: 'STFT', what: '[batch, length]', inputs: [f([1, 4], 1, 2, 3, 4), of('int64', [], 2), null, of('int64', [], 2)], constantsFrom: 1, expected: [f([1, 2, 2, 2], 3, 0, -1, 0, 7, 0, -1, 0)] }, // prettier-ignore
  { op: 'LayerNormalization', what: 'scale and bias by row', inputs: [f([2, 2], 1, 3, 2, 6), f([2, 1], 2, 3), f([2, 1], 10, 20)], attributes: { epsilon: { float: 0 } }, expected: [f([2, 2], 8, 12, 17, 23)] }, // prettier-ignore
  { op: 'LayerNormalization', what: 'scale by row, bias by column', inputs: [f([2, 2], 1, 3, 2, 6), f([2, 1], 2, 3), f([2], 10, 20)], attributes: { epsilon: { float: 0 } }, expected: [f([2, 2], 8, 22, 7, 23)] }, // prettier-ignore
  { op: 'BatchNormalization', what: 'spatial 0', opset: 7, inputs: [image, ramp([2, 2, 2]), f([2, 2, 2], 0, 0, 0, 0, 1, 1, 1, 1), f([2, 2, 2], 0, 1, 0, 1, 0, 1, 0, 1), f([2, 2, 2], 1, 1, 1, 1, 4, 4, 4, 4)], constantsFrom: 1, attributes: { spatial: 0 }, expected: [f([1, 2, 2, 2], 0.999995, 1.99999, 8.9999552, 11.99994, 13.499986, 15.999983, 25.499969, 28.999966)] }, // prettier-ignore
  { op: 'Affine', opset: 9, inputs: [image], attributes: { alpha: { float: 2 }, beta: { float: 1 } }, expected: [f([1, 2, 2, 2], 3, 5, 7, 9, 11, 13, 15, 17)] }, // prettier-ignore
  { op: 'ImageScaler', opset: 9, inputs: [image], attributes: { bias: { floats: [1, 2] }, scale: { float: 2 } }, expected: [f([1, 2, 2, 2], 3, 5, 7, 9, 12, 14, 16, 18)] }, // prettier-ignore
  { op: 'Crop', opset: 9, inputs: [image], attributes: { border: [0, 1, 1, 0] }, expected: [f([1, 2, 1, 1], 3, 7)] },
  { op: 'Crop', what: 'to a size', opset: 9, inputs: [image], attributes: { border: [0, 0, 0, 0], scale: [1, 2] }, expected: [f([1, 2, 1, 2], 1, 2, 5, 6)] }, // prettier-ignore
  { op: 'Dropout', what: 'the mask of opset 7', opset: 7, inputs: [image], expected: [image, f([1, 2, 2, 2], 0, 0, 0, 0, 0, 0, 0, 0)] }, // prettier-ignore
  { op: 'Dropout', what: 'the mask of opset 10', opset: 10, inputs: [image], expected: [image, of('bool', [1, 2, 2, 2], 0, 0, 0, 0, 0, 0, 0, 0)] }, // prettier-ignore
  { op: 'Dropout', what: 'the mask of opset 13', opset: 13, inputs: [image], expected: [image, of('bool', [1, 2, 2, 2], 1, 1, 1, 1, 1, 1, 1, 1)] }, // prettier-ignore
  { op: 'Relu', what: 'internal attributes', inputs: [f([2], -1, 2)], attributes: { __origin: 'x', __id: 3 }, expected: [f([2], 0, 2)] }, // prettier-ignore
  { op: 'FeatureVectorizer', what: 'rank 3', domain: ml, inputs: [ramp([2, 2, 2]), ramp([2, 2, 2])], attributes: { inputdimensions: [2, 1] }, expected: [f([2, 3], 1, 2, 1, 5, 6, 5)] }, // prettier-ignore
  { op: 'FeatureVectorizer', what: 'more than there is', domain: ml, inputs: [ramp([2, 2, 2]), ramp([2, 2, 2])], attributes: { inputdimensions: [6, 1] }, expected: [f([2, 7], 1, 2, 3, 4, 0, 0, 1, 5, 6, 7, 8, 0, 0, 5)] }, // prettier-ignore
  { op: 'LinearClassifier', what: 'surplus coefficients', domain: ml, inputs: [f([1, 2], 1, 2)], attributes: { coefficients: { floats: [-0.5, -0.25, 0, 0.25, 0.5, 0.75] }, intercepts: { floats: [0, 0.5] }, classlabels_ints: [0, 1] }, expected: [of('int64', [1], 1), f([1, 2], -1, 1)] }, // prettier-ignore
  { op: 'LinearRegressor', what: 'surplus coefficients', domain: ml, inputs: [f([1, 2], 1, 2)], attributes: { coefficients: { floats: [1, 2, 3] }, intercepts: { floats: [0] } }, expected: [f([1, 1], 5)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'two classes', domain: ml, inputs: [points], attributes: svm, expected: [of('int64', [2], 1, 0), f([2, 2], 0.20566046, -0.20566046, -0.040500298, 0.040500298)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'probabilities', domain: ml, inputs: [points], attributes: { ...svm, prob_a: { floats: [-1.5] }, prob_b: { floats: [0.2] } }, expected: [of('int64', [2], 1, 0), f([2, 2], 0.3734093, 0.62659067, 0.46523136, 0.53476864)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'linear', domain: ml, inputs: [points], attributes: { ...svm, kernel_type: 'LINEAR' }, expected: [of('int64', [2], 1, 0), f([2, 2], 0.775, -0.775, -0.6, 0.6)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'polynomial', domain: ml, inputs: [points], attributes: { ...svm, kernel_type: 'POLY', kernel_params: { floats: [0.5, 1, 2] } }, expected: [of('int64', [2], 1, 0), f([2, 2], 0.853125, -0.853125, -1.225, 1.225)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'sigmoid', domain: ml, inputs: [points], attributes: { ...svm, kernel_type: 'SIGMOID', kernel_params: { floats: [0.5, 0.1, 2] } }, expected: [of('int64', [2], 1, 0), f([2, 2], 0.33049217, -0.33049217, -0.16058475, 0.16058475)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'logistic', domain: ml, inputs: [points], attributes: { ...svm, post_transform: 'LOGISTIC' }, expected: [of('int64', [2], 1, 0), f([2, 2], 0.55123466, 0.44876534, 0.48987627, 0.51012373)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'softmax', domain: ml, inputs: [points], attributes: { ...svm, post_transform: 'SOFTMAX' }, expected: [of('int64', [2], 1, 0), f([2, 2], 1.2056605, -0.20566046, 0.95949972, 0.040500298)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'three classes', domain: ml, inputs: [points], attributes: three, expected: [of('int64', [2], 0, 1), f([2, 3], 0.28383237, -0.075723067, 0.5565576, -0.15698482, -0.22550207, 0.40406114)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'three classes, probabilities', domain: ml, inputs: [points], attributes: { ...three, prob_a: { floats: [-1.5, -1, -0.5] }, prob_b: { floats: [0.2, 0.1, 0] } }, expected: [of('int64', [2], 0, 1), f([2, 3], 0.33806354, 0.3396742, 0.32226232, 0.25502729, 0.40548798, 0.33948478)] }, // prettier-ignore
  { op: 'SVMClassifier', what: 'no support vectors', domain: ml, inputs: [points], attributes: { classlabels_ints: [0, 1, 2], coefficients: { floats: [0.5, -1, 0.75, -0.25, 0.3, 0.6] }, kernel_params: { floats: [0, 0, 0] }, kernel_type: 'LINEAR', rho: { floats: [0.1] } }, expected: [of('int64', [2], 2, 2), f([2, 3], -0.4, 0.6, 1, -2.4, -1.15, 1)] }, // prettier-ignore
  {
    op: 'SVMRegressor',
    domain: ml,
    inputs: [points],
    attributes: regressor,
    expected: [f([2, 1], 0.25163266, 0.07569778)],
  },
  { op: 'SVMRegressor', what: 'no support vectors', domain: ml, inputs: [points], attributes: { ...support, kernel_type: 'LINEAR', coefficients: { floats: [0.5, -0.25] } }, expected: [f([2, 1], 0.35, -0.9)] }, // prettier-ignore
  { op: 'SVMRegressor', what: 'one class', domain: ml, inputs: [points], attributes: { ...regressor, one_class: 1 }, expected: [f([2, 1], 1, 1)] }, // prettier-ignore
  { op: 'Trilu', domain: ms, inputs: [image], attributes: { upper: 0 }, expected: [f([1, 2, 2, 2], 1, 0, 3, 4, 5, 0, 7, 8)] }, // prettier-ignore
  { op: 'Inverse', domain: ms, inputs: [image], expected: [f([1, 2, 2, 2], -2, 1, 1.5, -0.5, -4, 3, 3.5, -2.5)] },
  { op: 'ExpandDims', domain: ms, inputs: [ramp([2, 3]), of('int32', [], -1)], constantsFrom: 1, expected: [ramp([2, 3, 1])] }, // prettier-ignore
  { op: 'Pad', what: 'a matrix of pads', domain: ms, inputs: [ramp([2, 2]), of('int64', [1, 4], 0, 1, 0, 1), f([1], 9)], constantsFrom: 1, expected: [f([2, 4], 9, 1, 2, 9, 9, 3, 4, 9)] }, // prettier-ignore
  { op: 'NhwcMaxPool', domain: ms, inputs: [of('uint8', [1, 2, 2, 2], 1, 2, 3, 4, 5, 6, 7, 8)], attributes: { kernel_shape: [1, 2] }, expected: [of('uint8', [1, 2, 1, 2], 3, 4, 7, 8)] }, // prettier-ignore
  { op: 'NhwcConv', domain: ms, inputs: [image, f([1, 2, 1, 2], 1, 10, 100, 1000)], constantsFrom: 1, attributes: { kernel_shape: [1, 2] }, expected: [f([1, 2, 1, 1], 4231, 8675)] }, // prettier-ignore
  { op: 'BiasAdd', domain: ms, inputs: [ramp([1, 2, 4]), f([4], 1, 2, 3, 4), ramp([1, 2, 4])], expected: [f([1, 2, 4], 3, 6, 9, 12, 11, 14, 17, 20)] }, // prettier-ignore
  { op: 'BiasSplitGelu', domain: ms, inputs: [f([1, 1, 4], 1, 2, -1, 2), f([4], 1, 0, 1, 1)], expected: [f([1, 1, 2], 0, 2 * 2.9959503)] }, // prettier-ignore
  { op: 'GroupNorm', domain: ms, inputs: [f([1, 1, 2, 2], 1, 2, 3, 4), f([2], 1, 1), f([2], 0, 0)], attributes: { groups: 1, activation: 0 }, expected: [f([1, 1, 2, 2], -1.5 / norm, -0.5 / norm, 0.5 / norm, 1.5 / norm)] }, // prettier-ignore
  { op: 'QuantizeLinear', domain: ms, inputs: [image, f([], 0.5), of('uint16', [], 7)], constantsFrom: 1, expected: [of('uint16', [1, 2, 2, 2], 9, 11, 13, 15, 17, 19, 21, 23)] }, // prettier-ignore
  { op: 'DequantizeLinear', domain: ms, inputs: [of('uint8', [1, 2, 2, 2], 1, 2, 3, 4, 5, 6, 7, 8), f([2], 1, 2), of('uint8', [2], 1, 2)], constantsFrom: 1, expected: [f([1, 2, 2, 2], 0, 1, 2, 3, 6, 8, 10, 12)] }, // prettier-ignore
  { op: 'ParametricSoftplus', opset: 9, inputs: [f([2], 0, Math.log(3))], attributes: { alpha: { float: 2 }, beta: { float: -1 } }, expected: [f([2], 2 * Math.log(2), 2 * Math.log(4 / 3))] }, // prettier-ignore
  { op: 'ScaledTanh', opset: 9, inputs: [f([2], 0, Math.log(2))], attributes: { alpha: { float: 10 }, beta: { float: 0.5 } }, expected: [f([2], 0, 10 / 3)] }, // prettier-ignore
  { op: 'Scale', opset: 9, inputs: [f([2], 3, -4)], attributes: { scale: { float: 0.5 } }, expected: [f([2], 1.5, -2)] }, // prettier-ignore
  { op: 'CategoryMapper', domain: ml, inputs: [text([2, 2], 'b', 'a', 'z', 'b')], attributes: { cats_strings: ['a', 'b'], cats_int64s: [5, 7], default_int64: -3 }, expected: [of('int64', [2, 2], 7, 5, -3, 7)] }, // prettier-ignore
  { op: 'CategoryMapper', what: 'numbers', domain: ml, inputs: [of('int64', [3], 7, 6, 5)], attributes: { cats_strings: ['a', 'b'], cats_int64s: [5, 7], default_string: '?' }, expected: [text([3], 'b', '?', 'a')] }, // prettier-ignore
  { op: 'GatherND', domain: ms, inputs: [ramp([2, 3]), of('int64', [2, 2], 0, 2, 1, -3)], expected: [f([2], 3, 4)] }, // prettier-ignore
  { op: 'Range', what: 'lists of one', domain: ms, inputs: [f([1], 1), f([1], 4), f([1], 1.5)], constantsFrom: 0, expected: [f([2], 1, 2.5)] }, // prettier-ignore
  { op: 'Range', what: 'without a step', domain: ms, inputs: [of('int32', [], 2), of('int32', [], 5)], constantsFrom: 0, expected: [of('int32', [3], 2, 3, 4)] }, // prettier-ignore
  { op: 'Unique', domain: ms, inputs: [f([5], 3, 1, 3, 2, 1)], expected: [f([3], 3, 1, 2), of('int64', [5], 0, 1, 0, 2, 1), of('int64', [3], 2, 2, 1)] }, // prettier-ignore
  { op: 'TransposeMatMul', domain: ms, inputs: [f([1, 2], 1, 2), f([3, 2], 1, 0, 0, 1, 1, 1)], attributes: { transB: 1, alpha: { float: 2 } }, expected: [f([1, 3], 2, 4, 6)] }, // prettier-ignore
  { op: 'CDist', domain: ms, inputs: [f([2, 2], 0, 0, 3, 0), f([1, 2], 0, 4)], expected: [f([2, 1], 16, 25)] },
  { op: 'CDist', what: 'euclidean', domain: ms, inputs: [f([2, 2], 0, 0, 3, 0), f([1, 2], 0, 4)], attributes: { metric: 'euclidean' }, expected: [f([2, 1], 4, 5)] }, // prettier-ignore
  { op: 'GridSample', domain: ms, inputs: [f([1, 1, 2, 2], 1, 2, 3, 4), f([1, 1, 2, 2], 0, 0, -0.5, 0.5)], expected: [f([1, 1, 1, 2], 2.5, 3)] }, // prettier-ignore
  { op: 'GridSample', what: 'bicubic', domain: ms, inputs: [f([1, 1, 2, 2], 1, 2, 3, 4), f([1, 1, 1, 2], -1, 1)], attributes: { mode: 'bicubic', align_corners: 1, padding_mode: 'border' }, expected: [f([1, 1, 1, 1], 3)] }, // prettier-ignore
  { op: 'QLinearWhere', domain: ms, inputs: [of('bool', [2, 1], 1, 0), of('uint8', [2], 10, 20), f([], 0.5), of('uint8', [], 2), of('uint8', [1, 2], 7, 250), f([], 1), of('uint8', [], 5), f([], 0.25), of('uint8', [], 1)], expected: [of('uint8', [2, 2], 17, 37, 9, 255)] }, // prettier-ignore
  ...[0, 1].map((last): Row => ({ op: 'QLinearConv', what: last ? 'channels last' : 'channels first', domain: ms, inputs: [of('uint8', last ? [1, 2, 1, 2] : [1, 2, 2, 1], 3, 4, 5, 6), f([], 0.5), of('uint8', [], 2), of('uint8', [1, 2, 1, 1], 3, 11), f([], 1), of('uint8', [], 1), f([], 1), of('uint8', [], 4)], constantsFrom: 1, attributes: { channels_last: last }, expected: [of('uint8', last ? [1, 2, 1, 1] : [1, 1, 2, 1], ...(last ? [15, 27] : [20, 26]))] })), // prettier-ignore
  { op: 'QAttention', domain: ms, inputs: [of('uint8', [1, 2, 4], 100, 150, 200, 50, 128, 130, 10, 255), of('int8', [4, 12], ...Array.from({ length: 48 }, (_, i) => ((i * 37) % 50) - 25)), f([12], ...Array.from({ length: 12 }, (_, i) => i / 10)), f([], 0.02), f([], 0.03), null, of('uint8', [], 128), of('int8', [], 0)], constantsFrom: 1, attributes: { num_heads: 2 }, expected: [f([1, 2, 4], 0.70025349, 0.82221699, 0.95055747, 1.0701642, 0.61842078, 0.71006459, 0.81447679, 0.97776484)] }, // prettier-ignore
  { op: 'Tokenizer', what: 'characters', domain: ms, inputs: [texts], attributes: { ...tokens, separators: [''] }, expected: [text([3, 9], S, 'a', 'b', ' ', 'c', 'd', ',', 'e', E, S, E, ...'#######', S, 'c', 'a', ' ', 'b', E, ...'###')] }, // prettier-ignore
  { op: 'Tokenizer', what: 'separators', domain: ms, inputs: [texts], attributes: { ...tokens, separators: [' ', ','] }, expected: [text([3, 5], S, 'ab', 'cd', 'e', E, S, E, ...'###', S, 'ca', 'b', E, '#')] }, // prettier-ignore
  { op: 'Tokenizer', what: 'an expression', domain: ms, inputs: [texts], attributes: { ...tokens, tokenexp: '[a-c]+' }, expected: [text([3, 4], S, 'ab', 'c', E, S, E, '#', '#', S, 'ca', 'b', E)] }, // prettier-ignore
  { op: 'Tokenizer', what: 'short ones left out', domain: ms, inputs: [text([2], 'ab c def', 'x')], attributes: { mark: 0, mincharnum: 2, pad_value: '#', separators: [' '] }, expected: [text([2, 2], 'ab', 'def', '#', '#')] }, // prettier-ignore
]

async function run(
  { op, domain, opset = 17, inputs, constantsFrom = Infinity, attributes, expected }: Row,
  passes: boolean,
) {
  const names = inputs.map((input, i) => (input ? `x${i}` : ''))
  const fed = inputs.flatMap((input, i) => (input && i < constantsFrom ? [[`x${i}`, input] as const] : []))
  const bytes = writtenModel({
    opset,
    nodes: [{ op, domain, inputs: names, outputs: expected.map((_, i) => `y${i}`), attributes }],
    inputs: Object.fromEntries(fed.map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
    constants: Object.fromEntries(
      inputs.flatMap((input, i) => (input && i >= constantsFrom ? [[`x${i}`, input]] : [])),
    ),
    outputs: Object.fromEntries(expected.map(({ dtype }, i) => [`y${i}`, { dtype }])),
  })
  const model = await lanewise({ passes }).load(bytes)
  const results = await model.run(new Map(fed))
  return expected.map((_, i) => results.get(`y${i}`) as HostTensor)
}

describe.each([true, false])('graph passes %s', (passes) => {
  test.each(rows.map((row) => [`${row.domain ?? ''} ${row.op} ${row.what ?? ''}`.trim(), row] as const))(
    '%s',
    async (_, row) => {
      const made = await run(row, passes)
      row.expected.forEach((wanted, i) => {
        expect(made[i].dtype).toBe(wanted.dtype)
        expect(made[i].shape).toEqual(wanted.shape)
        if (wanted.dtype !== 'float32')
          expect(Array.from(made[i].data as ArrayLike<unknown>)).toEqual(Array.from(wanted.data as ArrayLike<unknown>)) // prettier-ignore
        else {
          const scale = Math.max(...numbersIn(wanted).map(Math.abs))
          numbersIn(wanted).forEach((value, k) => expect(Math.abs(numbersIn(made[i])[k] - value), `element ${k}`).toBeLessThanOrEqual(2e-6 * scale)) // prettier-ignore
        }
      })
    },
  )
})

test('GatherBlockQuantized: values in blocks, packed or not, with zero points or without', async () => {
  const scales = f([3, 2], 1, 2, 3, 4, 5, 6)
  const q4 = Array.from({ length: 96 }, (_, i) => i % 16)
  const points = [0, 1, 2, 3, 4, 5]
  const attributes = { block_size: 16, gather_axis: 0, quantize_axis: 1 }
  const row = { op: 'GatherBlockQuantized', domain: ms, opset: 21, constantsFrom: 1, attributes }
  const value = (r: number, k: number, zero: number) => (q4[r * 32 + k] - zero) * (1 + 2 * r + Math.floor(k / 16))
  const expected = (zeroOf: (r: number, block: number) => number) =>
    f(
      [2, 32],
      ...[2, 0].flatMap((r) => Array.from({ length: 32 }, (_, k) => value(r, k, zeroOf(r, Math.floor(k / 16))))),
    )
  const packed = of('uint8', [3, 16], ...Array.from({ length: 48 }, (_, i) => q4[2 * i] | (q4[2 * i + 1] << 4)))
  const indices = of('int64', [2], 2, 0)
  const tables: readonly [HostTensor, HostTensor | null, HostTensor][] = [
    [of('uint4', [3, 32], ...q4), of('uint4', [3, 2], ...points), expected((r, b) => points[2 * r + b])],
    [of('uint4', [3, 32], ...q4), null, expected(() => 0)],
    [packed, null, expected(() => 8)],
    [packed, of('uint8', [3, 1], 0x10, 0x32, 0x54), expected((r, b) => points[2 * r + b])],
  ]
  for (const [table, zeros, wanted] of tables) {
    const bytes = writtenModel({
      opset: 21,
      nodes: [
        { op: row.op, domain: ms, inputs: zeros ? ['d', 'i', 's', 'z'] : ['d', 'i', 's'], outputs: ['y'], attributes },
      ],
      inputs: { i: { dtype: 'int64', shape: [2] } },
      constants: { d: table, s: scales, ...(zeros && { z: zeros }) },
      outputs: { y: { dtype: 'float32' } },
    })
    const results = await (await lanewise().load(bytes)).run(new Map([['i', indices]]))
    expect(numbersIn(results.get('y') as HostTensor)).toEqual(numbersIn(wanted))
  }
})

// As onnxruntime has it, of which bytes of two numbers allow only the first axis to gather from and the last to
// quantise.
test.each([
  { dtype: 'int4', bits: 4, gatherAxis: 0, quantizeAxis: 1, shape: [6, 40], block: 32 },
  { dtype: 'uint4', bits: 4, gatherAxis: 1, quantizeAxis: 0, shape: [20, 6], block: 16 },
  { dtype: 'int4', bits: 4, gatherAxis: 2, quantizeAxis: -2, shape: [4, 17, 6], block: 16 },
  { dtype: 'uint8', bits: 8, gatherAxis: -3, quantizeAxis: 2, shape: [5, 3, 32], block: 16 },
  { dtype: 'uint8', bits: 4, gatherAxis: 0, quantizeAxis: 2, shape: [5, 3, 48], block: 16 },
] as const)(
  'GatherBlockQuantized of $dtype, $shape along $gatherAxis, blocks of $block along $quantizeAxis',
  async ({ dtype, bits, gatherAxis, quantizeAxis, shape, block }) => {
    const rank = shape.length
    const [gather, quantized] = [(gatherAxis + rank) % rank, (quantizeAxis + rank) % rank]
    const size = (sizes: readonly number[]) => sizes.reduce((a, b) => a * b, 1)
    const blocks: number[] = shape.map((n, axis) => (axis === quantized ? Math.ceil(n / block) : n))
    const least = dtype === 'int4' ? -8 : 0
    const q = Array.from({ length: size(shape) }, (_, i) => least + ((i * 37) % 2 ** bits))
    const scales = Array.from({ length: size(blocks) }, (_, i) => 1 + (i % 5))
    const points = scales.map((_, i) => least + ((i * 5) % 2 ** bits))
    /** Rows of the last axis in whole bytes, where numbers share them. */
    const packed = (sizes: readonly number[], numbers: readonly number[]) => {
      if (dtype !== 'uint8' || bits === 8) return of(dtype, [...sizes], ...numbers)
      const [width, rows] = [sizes[rank - 1], size(sizes.slice(0, -1))]
      const bytes = Array.from({ length: rows * Math.ceil(width / 2) }, (_, i) => {
        const [row, pair] = [Math.floor(i / Math.ceil(width / 2)), i % Math.ceil(width / 2)]
        const high = 2 * pair + 1 < width ? numbers[row * width + 2 * pair + 1] : 0
        return numbers[row * width + 2 * pair] | (high << 4)
      })
      return of('uint8', [...sizes.slice(0, -1), Math.ceil(width / 2)], ...bytes)
    }
    const picked = [2, 0, -1]
    const made = shape.map((n, axis) => (axis === gather ? picked.length : n))
    const wanted = Array.from({ length: size(made) }, (_, i) => {
      const at: number[] = []
      for (let axis = rank - 1, left = i; axis >= 0; axis--) {
        at.unshift(left % made[axis])
        left = Math.floor(left / made[axis])
      }
      at[gather] = (picked[at[gather]] + shape[gather]) % shape[gather]
      const index = (sizes: readonly number[], places: readonly number[]) =>
        places.reduce((sum, place, axis) => sum * sizes[axis] + place, 0)
      const inBlocks = index(
        blocks,
        at.map((place, axis) => (axis === quantized ? Math.floor(place / block) : place)),
      )
      return (q[index(shape, at)] - points[inBlocks]) * scales[inBlocks]
    })
    const attributes = { bits, block_size: block, gather_axis: gatherAxis, quantize_axis: quantizeAxis }
    const bytes = writtenModel({
      opset: 21,
      nodes: [{ op: 'GatherBlockQuantized', domain: ms, inputs: ['d', 'i', 's', 'z'], outputs: ['y'], attributes }],
      inputs: { i: { dtype: 'int64', shape: [3] } },
      constants: { d: packed(shape, q), s: f(blocks, ...scales), z: packed(blocks, points) },
      outputs: { y: { dtype: 'float32' } },
    })
    const results = await (await lanewise().load(bytes)).run(new Map([['i', of('int64', [3], ...picked)]]))
    const y = results.get('y') as HostTensor
    expect(y.shape).toEqual(made)
    expect(numbersIn(y)).toEqual(wanted)
  },
)

test('Dropout in training mode: a share of the elements, by a seed', async () => {
  const x = f([1000], ...new Array<number>(1000).fill(1))
  const row: Row = { op: 'Dropout', opset: 13, inputs: [x, f([], 0.25), of('bool', [], 1)], constantsFrom: 1, attributes: { seed: 7 }, expected: [x, of('bool', [1000])] } // prettier-ignore
  const [y, mask] = await run(row, true)
  const kept = numbersIn(mask)
  expect(numbersIn(y)).toEqual(kept.map((one) => Math.fround(one / 0.75)))
  expect(kept.filter((one) => one === 0).length).toBeGreaterThan(150)
  expect(kept.filter((one) => one === 0).length).toBeLessThan(350)
  expect(numbersIn((await run(row, false))[1])).toEqual(kept)
  const fed = await run({ ...row, constantsFrom: Infinity }, true)
  expect(numbersIn(fed[1])).toEqual(kept)
  const off = await run({ ...row, inputs: [x, f([], 0.25), of('bool', [], 0)] }, true)
  expect(numbersIn(off[0])).toEqual(numbersIn(x))
})

describe('an output that is declared as float32 where float16 is made', () => {
  const inputs = { x: { dtype: 'float32', shape: [2] } } as const
  const outputs = { y: { dtype: 'float32' } } as const
  const half = { op: 'Cast', inputs: ['x'], outputs: ['h'], attributes: { to: 10 } }
  const scale = { s: of('float16', [], 1) }
  test.each([
    ['by a Cast', { nodes: [{ ...half, outputs: ['y'] }], inputs }],
    ['after a Cast', { nodes: [half, { op: 'Relu', inputs: ['h'], outputs: ['y'] }], inputs }],
    [
      'of a scale',
      {
        nodes: [{ op: 'DequantizeLinear', inputs: ['x', 's'], outputs: ['y'] }],
        inputs: { x: { dtype: 'uint8', shape: [2] } } as const,
        constants: scale,
      },
    ],
    ['of constants', { nodes: [{ op: 'Add', inputs: ['s', 's'], outputs: ['y'] }], constants: scale }],
  ])('%s, is refused', async (_, model) => {
    const bytes = writtenModel({ opset: 21, outputs, ...model })
    await expectRejects('E_GRAPH', () => InferenceSession.create(bytes), /declared as float32, but float16 is made/)
  })
})

test('a size that is declared as −1 is free', async () => {
  const bytes = writtenModel({ opset: 17, nodes: [{ op: 'Relu', inputs: ['x'], outputs: ['y'] }], inputs: { x: { dtype: 'float32', shape: [-1, 3] } }, outputs: { y: { dtype: 'float32', shape: [-1, 3] } } }) // prettier-ignore
  const model = await lanewise().load(bytes)
  for (const rows of [1, 2]) {
    const x = f([rows, 3], ...new Array<number>(3 * rows).fill(-1))
    expect((await model.run(new Map([['x', x]]))).get('y')).toMatchObject({ shape: [rows, 3] })
  }
})

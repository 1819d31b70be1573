import type { DType } from '../core/dtype.js'
import { sizeOf, type Shape } from '../core/shape.js'
import type { Node, Value } from '../ir/graph.js'

/** The arithmetic of one node for given shapes. */
export interface Cost {
  /** Multiply-adds of matrix products and convolutions, by the direct algorithm; 0 for every other operator. */
  readonly macs: number
  /** Floating-point operations: two per multiply-add; elsewhere one per element and step, whatever the function. */
  readonly flops: number
}

type Shapes = readonly (Shape | undefined)[]
type Rule = (inputs: Shapes, outputs: Shapes, attributes: Node['attributes']) => number

const elements = (shape: Shape | undefined): number => (shape ? sizeOf(shape) : 0)
/** Every element of the output is a sum over all but the first axis of the weights (M, C/groups, kernel …). */
const convolution =
  (weights: number): Rule =>
  (inputs, outputs) =>
    ratio(elements(outputs[0]) * elements(inputs[weights]), inputs[weights]?.[0])
/** Every element of the input is multiplied with (M/groups × kernel …) weights: weights are (C, M/groups, kernel …). */
const transposedConvolution: Rule = ([x, w]) => ratio(elements(x) * elements(w), w?.[0])
const product: Rule = ([a], [y]) => elements(y) * (a?.at(-1) ?? 0)
/** Input and recurrence weights are used once per step and sequence. */
const recurrent: Rule = ([x, w, r]) => (x?.[0] ?? 0) * (x?.[1] ?? 0) * (elements(w) + elements(r))

const macRules: Readonly<Record<string, Rule>> = {
  Conv: convolution(1),
  ConvInteger: convolution(1),
  DeformConv: convolution(1),
  FusedConv: convolution(1),
  QLinearConv: convolution(3),
  ConvTranspose: transposedConvolution,
  Gemm: ([a], [y], { transA }) => elements(y) * (a?.[transA === 1 ? 0 : 1] ?? 0),
  MatMul: product,
  FusedMatMul: product,
  MatMulInteger: product,
  QLinearMatMul: product,
  MatMulNBits: product,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  // Q·Kᵀ and the weights times V, each over every key; keys of the past are in the present, output 1.
  Attention: ([q, k], [y, present]) => (elements(q) + elements(y)) * ((present ?? k)?.at(-2) ?? 0),
  MultiHeadAttention: ([q, k], [y, present]) => (elements(q) + elements(y)) * ((present ?? k)?.at(-2) ?? 0),
  GroupQueryAttention: ([q, k], [y, present]) => (elements(q) + elements(y)) * ((present ?? k)?.at(-2) ?? 0),
  Einsum: (inputs, outputs, { equation }) => (inputs.length > 1 ? labelled(String(equation), inputs, outputs[0]) : 0),
}

const window = (kernel: unknown): number =>
  Array.isArray(kernel) ? (kernel as number[]).reduce((a, b) => a * b, 1) : 1
const pool: Rule = (_, [y], { kernel_shape }) => elements(y) * window(kernel_shape)
const overInput =
  (steps: number): Rule =>
  ([x]) =>
    steps * elements(x)

/** Operators that are no matrix products but take more than one operation per element of the output. */
const flopRules: Readonly<Record<string, Rule>> = {
  AveragePool: pool,
  MaxPool: pool,
  LpPool: pool,
  GlobalAveragePool: overInput(1),
  GlobalMaxPool: overInput(1),
  GlobalLpPool: overInput(2),
  BatchNormalization: overInput(2),
  // Mean, variance (two), subtraction, division, scale, shift.
  InstanceNormalization: overInput(7),
  GroupNormalization: overInput(7),
  LayerNormalization: overInput(7),
  RMSNormalization: overInput(4),
  LRN: ([x], _, { size }) => elements(x) * (2 * Number(size) + 3),
  // Maximum, subtraction, exponential, sum, division.
  Softmax: overInput(5),
  LogSoftmax: overInput(5),
}

/** Operators that only move, select or describe elements. */
const movers = new Set(
  (
    'Cast CastLike Compress Concat ConcatFromSequence Constant ConstantOfShape DepthToSpace Dropout Expand EyeLike Flatten Gather ' +
    'GatherElements GatherND Identity If Loop NonZero OneHot Optional OptionalGetElement OptionalHasElement Pad Reshape ReverseSequence ' +
    'Scan Scatter ScatterElements ScatterND SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength Shape ' +
    'Size Slice SpaceToDepth Split SplitToSequence Squeeze Tile Transpose Trilu Unique Unsqueeze Where'
  ).split(' '),
)

/** The arithmetic of a node; 0 where shapes are missing that it depends on. */
export function costOf(node: Pick<Node, 'op' | 'attributes'>, inputs: Shapes, outputs: Shapes): Cost {
  const { name } = node.op
  const macRule = Object.hasOwn(macRules, name) ? macRules[name] : undefined
  if (macRule) {
    const macs = macRule(inputs, outputs, node.attributes)
    return { macs, flops: 2 * macs }
  }
  if (movers.has(name)) return { macs: 0, flops: 0 }
  if (Object.hasOwn(flopRules, name)) return { macs: 0, flops: flopRules[name](inputs, outputs, node.attributes) }
  if (name.startsWith('Reduce') || name.startsWith('Arg')) return { macs: 0, flops: elements(inputs[0]) }
  return { macs: 0, flops: elements(outputs[0]) }
}

const weightTypes: ReadonlySet<DType> = new Set([
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int4',
  'uint4',
  'int2',
  'uint2',
])
/** Constants that are settings of these operators and not weights, by the first input that is one. */
const settings: Readonly<Record<string, number>> = {
  Clip: 1,
  DequantizeLinear: 1,
  DynamicQuantizeLinear: 1,
  OneHot: 1,
  Pad: 1,
  QuantizeLinear: 1,
  Range: 0,
  Resize: 1,
}

/**
 * The constants of a node that a training would have made: floating-point or quantised, no scalars, no sizes, no
 * bounds.
 *
 * @param made - values that nodes of the graph make: constant folding gives them elements, but what they were made from
 *   has been counted.
 */
export function parametersOf(node: Node, made?: ReadonlySet<Value>): Value[] {
  const until = Object.hasOwn(settings, node.op.name) ? settings[node.op.name] : node.inputs.length
  const weights = node.inputs.slice(0, until).filter((value) => {
    const constant = value && !made?.has(value) ? value.constant : undefined
    return constant !== undefined && constant.shape.length > 0 && weightTypes.has(constant.dtype)
  })
  return [...new Set(weights as Value[])]
}

/** Product of the sizes of every letter in an Einsum equation; "..." stands for the leading axes of the output. */
function labelled(equation: string, inputs: Shapes, output: Shape | undefined): number {
  const [left, right = ''] = equation.replaceAll(' ', '').split('->')
  const sizes = new Map<string, number>()
  left.split(',').forEach((term, i) => {
    const letters = term.replace('...', '')
    const tail = term.includes('...') ? term.length - term.indexOf('...') - 3 : letters.length
    const shape = inputs[i] ?? []
    ;[...letters].forEach((letter, k) => {
      const axis = k < letters.length - tail ? k : shape.length - letters.length + k
      sizes.set(letter, Math.max(sizes.get(letter) ?? 1, shape[axis] ?? 1))
    })
  })
  let total = 1
  for (const size of sizes.values()) total *= size
  const letters = right.replace('...', '').length
  for (const size of output?.slice(0, output.length - letters) ?? []) if (right.includes('...')) total *= size
  return total
}

function ratio(a: number, b: number | undefined): number {
  return b ? a / b : 0
}

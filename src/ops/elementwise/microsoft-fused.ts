// ONNX Runtime's fused operators (domain com.microsoft) that are other spellings of standard ones: rewritten when a model is imported,
// so that kernels, graph passes and dtypes are those of the standard operators.
import { UNARY_AFFINE, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { hostFrom } from '../../core/host.js'
import type { Shape } from '../../core/shape.js'
import { float, floats, int, string, type RawAttribute, type RawAttributes } from '../../ir/attributes.js'
import { floatsOf, floatTensor } from './scalar-floats.js'
import { MatMul } from '../matmul/matmul.js'
import { defineOp, withRule, type Emitter, type Operand, type UpgradeContext } from '../../ir/op.js'
import { transposed } from '../movement/transpose.js'
import { windowAttributes } from '../pool/window.js'

const domain = 'com.microsoft'

/** Removes attributes from a node and returns them. */
function take(attributes: RawAttributes, names: readonly string[]): RawAttributes {
  const taken: RawAttributes = new Map()
  for (const name of names) {
    const value = attributes.get(name)
    if (value) taken.set(name, value)
    attributes.delete(name)
  }
  return taken
}

type ValueOf<T> = T extends { readonly value: infer V } ? V : never

/** The value of an attribute of a kind, undefined if it is left out. @throws LanewiseError `E_GRAPH` if it is of another kind. */
function valueOf<K extends RawAttribute['kind']>(
  attributes: RawAttributes,
  name: string,
  kind: K,
): ValueOf<Extract<RawAttribute, { kind: K }>> | undefined {
  const attribute = attributes.get(name)
  if (!attribute) return undefined
  if (attribute.kind !== kind)
    throw new LanewiseError('E_GRAPH', `attribute "${name}" has the wrong type`, {
      expected: kind,
      actual: attribute.kind,
    })
  return attribute.value as ValueOf<Extract<RawAttribute, { kind: K }>>
}

/** What an activation's parameters are called in ONNX, and what they are if they are left out. */
const activationParameters: Record<string, readonly (readonly [string, number])[]> = {
  Relu: [],
  Tanh: [],
  Sigmoid: [],
  Softplus: [],
  Softsign: [],
  LeakyRelu: [['alpha', 0.01]],
  ThresholdedRelu: [['alpha', 1]],
  Elu: [['alpha', 1]],
  HardSigmoid: [
    ['alpha', 0.2],
    ['beta', 0.5],
  ],
}

/** Turns a node into the activation of `input`. */
function becomeActivation(
  node: UpgradeContext,
  name: string,
  input: string,
  parameters: readonly (number | undefined)[],
): void {
  node.attributes.clear()
  if (name === 'Clip') {
    const [low = -Infinity, high = Infinity] = parameters
    node.inputs = [input, ...[low, high].map((bound) => node.constant(hostFrom('float32', [], [bound])))]
    node.rename('Clip')
    return
  }
  if (!Object.hasOwn(activationParameters, name))
    throw new LanewiseError('E_UNSUPPORTED', `activation "${name}" is not known`)
  activationParameters[name].forEach(([key, fallback], i) =>
    node.attributes.set(key, { kind: 'float', value: parameters[i] ?? fallback }),
  )
  node.inputs = [input]
  node.rename(name)
}

/** Y = activation(Conv(X, W, B) + Z) */
export const FusedConv = defineOp({
  name: 'FusedConv',
  domain,
  arity: [2, 4],
  attributes: { ...windowAttributes, group: int(1), activation: string(), activation_params: floats() },
  decompose: (node) => {
    const fused = take(node.attributes, ['activation', 'activation_params'])
    const name = valueOf(fused, 'activation', 'string') ?? ''
    const parameters = Array.from(valueOf(fused, 'activation_params', 'floats') ?? [])
    const [x, w, bias = '', addend = ''] = node.inputs
    const inputs = bias === '' ? [x, w] : [x, w, bias]
    if (addend === '' && name === '') {
      node.inputs = inputs
      node.rename('Conv')
      return
    }
    let result = node.node('Conv', inputs, new Map(node.attributes))
    if (addend !== '' && name === '') {
      node.attributes.clear()
      node.inputs = [result, addend]
      node.rename('Add')
      return
    }
    if (addend !== '') result = node.node('Add', [result, addend])
    becomeActivation(node, name, result, parameters)
  },
})

export const FusedGemm = defineOp({
  name: 'FusedGemm',
  domain,
  arity: [2, 3],
  attributes: {
    alpha: float(1),
    beta: float(1),
    transA: int(0),
    transB: int(0),
    activation: string(),
    activation_alpha: float(),
    activation_beta: float(),
    activation_gamma: float(),
  },
  decompose: (node) => {
    const parameters = ['activation_alpha', 'activation_beta', 'activation_gamma']
    const fused = take(node.attributes, ['activation', ...parameters])
    const name = valueOf(fused, 'activation', 'string') ?? ''
    if (name === '') return node.rename('Gemm')
    const result = node.node('Gemm', node.inputs, new Map(node.attributes))
    becomeActivation(
      node,
      name,
      result,
      parameters.map((key) => valueOf(fused, key, 'float')),
    )
  },
})

export const ContribGelu = defineOp({
  name: 'Gelu',
  domain,
  arity: 1,
  attributes: {},
  decompose: (node) => node.rename('Gelu'),
})

/** Gelu(A + B) */
export const BiasGelu = defineOp({
  name: 'BiasGelu',
  domain,
  arity: 2,
  attributes: {},
  decompose: (node) => {
    node.inputs = [node.node('Add', node.inputs)]
    node.rename('Gelu')
  },
})

/** Gelu by its tanh approximation, of X or X + bias. */
export const FastGelu = defineOp({
  name: 'FastGelu',
  domain,
  arity: [1, 2],
  attributes: {},
  decompose: (node) => {
    const [x, bias = ''] = node.inputs
    node.inputs = [bias === '' ? x : node.node('Add', [x, bias])]
    node.attributes.set('approximate', { kind: 'string', value: 'tanh' })
    node.rename('Gelu')
  },
})

/** x · sigmoid(alpha · x) */
export const QuickGelu = defineOp({
  name: 'QuickGelu',
  domain,
  arity: 1,
  attributes: { alpha: float(1.702) },
  decompose: (node) => {
    if (!node.attributes.has('alpha')) node.attributes.set('alpha', { kind: 'float', value: Math.fround(1.702) })
    node.rename('Swish')
  },
})

interface Transposition {
  readonly transA: number
  readonly transB: number
  readonly transBatchA: number
  readonly transBatchB: number
}

/** The axes of an operand in the order in which a plain product wants them. */
function permutation(rank: number, trans: number, transBatch: number): number[] {
  const axes = Array.from({ length: rank }, (_, axis) => axis)
  if (rank < 2) return axes
  // transBatch: the batch axes stand between the matrix's rows and its columns.
  const moved = transBatch ? [...axes.slice(1, -1), 0, rank - 1] : axes
  return trans ? [...moved.slice(0, -2), moved[rank - 1], moved[rank - 2]] : moved
}

function permuted(shape: Shape, perm: readonly number[]): number[] {
  return perm.map((axis) => shape[axis])
}

/** The same memory with its axes in another order. */
function relabelled(operand: Operand, perm: readonly number[]): Operand {
  return Object.create(operand, {
    shape: { value: permuted(operand.shape, perm) },
    order: { value: operand.order.map((axis) => perm.indexOf(axis)) },
  }) as Operand
}

/** alpha · A · B, where either may be transposed: a product reads its operands with any strides, so nothing is moved. */
export const FusedMatMul = defineOp({
  name: 'FusedMatMul',
  domain,
  arity: 2,
  attributes: { alpha: float(1), transA: int(0), transB: int(0), transBatchA: int(0), transBatchB: int(0) },
  infer(c) {
    const perms = permsOf(
      c.attributes,
      c.inputs.map((input) => input.shape.length),
    )
    return withRule(MatMul, 'infer').infer({
      ...c,
      inputs: c.inputs.map((input, i) => ({ dtype: input.dtype, shape: permuted(input.shape, perms[i]) })),
    })
  },
  kernel: (types) => types.every((type) => type === 'float32'),
  layout: (query) => withRule(MatMul, 'layout').layout({ ...query, attributes: {} }),
  emit(e) {
    const operands = [e.input(0), e.input(1)]
    const perms = permsOf(
      e.attributes,
      operands.map((input) => input.shape.length),
    )
    const inputs = operands.map((input, i) => relabelled(input, perms[i]))
    const { alpha } = e.attributes
    const activation = alpha === 1 ? { code: UNARY_NONE, a: 0, b: 0 } : { code: UNARY_AFFINE, a: alpha, b: 0 }
    const inner = Object.create(e, {
      inputs: { value: inputs },
      input: { value: (index: number) => inputs[index] },
      fused: { value: { activation } },
    }) as Emitter<object>
    withRule(MatMul, 'emit').emit(inner)
  },
  compute(c) {
    const perms = permsOf(
      c.attributes,
      c.inputs.map((input) => input.shape.length),
    )
    const wide = c.inputs.map((input, i) =>
      transposed(floatTensor('float64', input.shape, Float64Array.from(floatsOf(input))), perms[i]),
    )
    const [product] = withRule(MatMul, 'compute').compute({ ...c, inputs: wide })
    const { dtype, shape } = c.outputs[0]
    return [
      floatTensor(
        dtype,
        shape,
        (product.data as Float64Array).map((value) => value * c.attributes.alpha),
      ),
    ]
  },
})

function permsOf(
  { transA, transB, transBatchA, transBatchB }: Transposition,
  ranks: readonly number[],
): [number[], number[]] {
  return [permutation(ranks[0], transA, transBatchA), permutation(ranks[1], transB, transBatchB)]
}

/** alpha · A · B with a sparse A: sparse constants are dense here. */
export const SparseToDenseMatMul = defineOp({
  name: 'SparseToDenseMatMul',
  domain,
  arity: 2,
  attributes: { alpha: float(1), transA: int(0), transB: int(0) },
  decompose: (node) => node.rename('FusedMatMul', domain),
})

/** X + bias + skip */
export const BiasAdd = defineOp({
  name: 'BiasAdd',
  domain,
  arity: 3,
  attributes: {},
  decompose: (node) => {
    const [x, bias, skip] = node.inputs
    node.inputs = [node.node('Add', [x, bias]), skip]
    node.rename('Add')
  },
})

/** Left half · Gelu(right half) of X + bias, along the last axis. */
export const BiasSplitGelu = defineOp({
  name: 'BiasSplitGelu',
  domain,
  arity: 2,
  attributes: {},
  decompose: (node) => {
    const sum = node.node('Add', node.inputs)
    const list = (...values: number[]) => node.constant(hostFrom('int64', [values.length], values))
    const width = node.node('Gather', [node.node('Shape', [sum]), list(-1)])
    const middle = node.node('Div', [width, list(2)])
    const part = (from: string, to: string) => node.node('Slice', [sum, from, to, list(-1)])
    node.inputs = [part(list(0), middle), node.node('Gelu', [part(middle, width)])]
    node.rename('Mul')
  },
})

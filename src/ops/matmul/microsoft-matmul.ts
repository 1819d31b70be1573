// ONNX Runtime's matrix products (domain com.microsoft): with operands that are transposed, an activation, or a sparse
// left side.
import { isFloat } from '../../core/dtype.js'
import { UNARY_AFFINE, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { hostFrom } from '../../core/host.js'
import type { Shape } from '../../core/shape.js'
import { float, int, string } from '../../ir/attributes.js'
import type { Emitter, Operand } from '../../ir/emitter.js'
import { defineOp, withRule } from '../../ir/op.js'
import { becomeActivation, take, valueOf } from '../elementwise/fused-activation.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { transposed } from '../shared/transposed.js'
import { MatMul } from './matmul.js'

const domain = 'com.microsoft'

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

/** The first name of FusedMatMul. */
export const TransposeMatMul = defineOp({
  name: 'TransposeMatMul',
  domain,
  arity: 2,
  attributes: { alpha: float(1), transA: int(0), transB: int(0) },
  decompose: (node) => node.rename('FusedMatMul', domain),
})

/** Distances of all rows of A from all rows of B. */
export const CDist = defineOp({
  name: 'CDist',
  domain,
  arity: 2,
  attributes: { metric: string('sqeuclidean') },
  decompose(node) {
    const metric = valueOf(take(node.attributes, ['metric']), 'metric', 'string') ?? 'sqeuclidean'
    if (metric !== 'euclidean' && metric !== 'sqeuclidean')
      throw new LanewiseError('E_VALUE', `metric "${metric}" is not known`, { expected: 'euclidean, sqeuclidean' })
    const axis = (value: number) => node.constant(hostFrom('int64', [1], [value]))
    const [a, b] = [
      node.node('Unsqueeze', [node.inputs[0], axis(1)]),
      node.node('Unsqueeze', [node.inputs[1], axis(0)]),
    ]
    const squares = node.node('ReduceSumSquare', [node.node('Sub', [a, b]), axis(2)], { keepdims: 0 })
    node.inputs = [squares]
    node.rename(metric === 'euclidean' ? 'Sqrt' : 'Identity')
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

/**
 * alpha · A · B, where either may be transposed: a product reads its operands with any strides, so nothing is moved.
 */
export const FusedMatMul = defineOp({
  name: 'FusedMatMul',
  takes: isFloat,
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

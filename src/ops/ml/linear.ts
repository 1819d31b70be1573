// Linear models (domain ai.onnx.ml).
import { LanewiseError } from '../../core/errors.js'
import { hostTensor, type HostTensor } from '../../core/host.js'
import { floats, int, ints, required, string, strings } from '../../ir/attributes.js'
import { constantOperand, type Address, type Emitter, type Operand } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'
import { emitProjection } from '../matmul/product.js'
import { labelsByNumber, tableOf } from './ml.js'
import { asFloat, emitTransform, emitVote, isFeature } from './scores.js'

const domain = 'ai.onnx.ml'

/** Coefficients as a product wants them, and what is added: made once per set of attributes and number of columns. */
interface Weights {
  readonly columns: number
  readonly matrix: HostTensor
  readonly addend: HostTensor | undefined
}

const made = new WeakMap<object, Weights>()

/** A matrix [columns, targets] of coefficients that are given target by target. What is left over is not looked at. */
function weightsOf(
  key: object,
  columns: number,
  coefficients: readonly number[],
  intercepts: readonly number[],
  targets: number,
): Weights {
  const known = made.get(key)
  if (known?.columns === columns) return known
  if (!(targets >= 1) || coefficients.length < targets * columns)
    throw new LanewiseError(
      'E_VALUE',
      `${coefficients.length} coefficients for ${targets} targets of ${columns} features`,
    )
  if (intercepts.length > 0 && intercepts.length < targets)
    throw new LanewiseError('E_VALUE', `${intercepts.length} intercepts for ${targets} targets`)
  const matrix = new Float32Array(columns * targets)
  for (let t = 0; t < targets; t++)
    for (let c = 0; c < columns; c++) matrix[c * targets + t] = coefficients[t * columns + c]
  const addend = intercepts.length > 0 ? Float32Array.from(intercepts.slice(0, targets)) : undefined
  const weights = {
    columns,
    matrix: hostTensor('float32', [columns, targets], matrix),
    addend: addend && hostTensor('float32', [targets], addend),
  }
  made.set(key, weights)
  return weights
}

/** Input 0 as a table of float32. */
export function emitFeatures(e: Emitter<unknown>): Operand {
  const x = e.input(0)
  const shape = tableOf(x.shape)
  return {
    dtype: 'float32',
    shape,
    order: [0, 1],
    physical: shape,
    size: x.size,
    at: asFloat(e, x, 'float32'),
    constant: undefined,
  }
}

/** x · matrix + addend, one row of scores per row of x. */
export function emitScores(
  e: Emitter<unknown>,
  to: Address,
  x: Operand,
  matrix: HostTensor,
  addend: HostTensor | undefined,
): void {
  emitProjection(e, to, x, constantOperand(e, matrix), addend ? e.constant(addend) : 0)
}

export const LinearRegressor = defineOp({
  name: 'LinearRegressor',
  domain,
  arity: 1,
  attributes: { coefficients: floats([]), intercepts: floats([]), post_transform: string('NONE'), targets: int(1) },
  infer: ({ attributes: { targets }, inputs: [x] }) => [{ dtype: 'float32', shape: [tableOf(x.shape)[0], targets] }],
  kernel: ([x]) => isFeature(x),
  emit(e) {
    const { attributes: a } = e
    const x = emitFeatures(e)
    const { matrix, addend } = weightsOf(a, x.shape[1], a.coefficients, a.intercepts, a.targets)
    emitScores(e, e.output(0).at, x, matrix, addend)
    emitTransform(e, a.post_transform, e.output(0), a.targets)
  },
})

/** Labels and scores. One row of coefficients for two classes says the second's score. */
export const LinearClassifier = defineOp({
  name: 'LinearClassifier',
  domain,
  arity: 1,
  outputs: 2,
  attributes: {
    classlabels_ints: ints([]),
    classlabels_strings: strings(),
    coefficients: required(floats()),
    intercepts: floats([]),
    multi_class: int(0),
    post_transform: string('NONE'),
  },
  infer({ attributes: { classlabels_ints: labels }, inputs: [x] }) {
    const [rows] = tableOf(x.shape)
    return [
      { dtype: 'int64', shape: [rows] },
      { dtype: 'float32', shape: [rows, labels.length] },
    ]
  },
  kernel: ([x]) => isFeature(x),
  emit(e) {
    const { attributes: a } = e
    const x = emitFeatures(e)
    const [rows, columns] = x.shape
    const labels = a.classlabels_ints
    const binary = labels.length === 2 && (a.intercepts.length || a.coefficients.length / columns) < 2
    const given = binary ? 1 : labels.length
    const { matrix, addend } = weightsOf(a, columns, a.coefficients, a.intercepts, given)
    const scores = e.scratch(4 * rows * given)
    emitScores(e, scores, x, matrix, addend)
    // Both classes get a score: what the one that there is leaves of 1, untransformed, unless it is a logit.
    const logistic = a.post_transform === 'LOGISTIC'
    const only = binary ? ({ column: 0, threshold: 0, pair: logistic ? 'opposite' : 'rest' } as const) : undefined
    const transform = binary && !logistic ? 'NONE' : a.post_transform
    const to = { labels: e.outputs[0] && e.output(0).at, scores: e.outputs[1] && e.output(1) }
    emitVote(e, scores, 'float32', rows, to, { labels, given, transform, only })
  },
  decompose: (node) => labelsByNumber(node, 'LinearClassifier', 'classlabels_ints'),
})

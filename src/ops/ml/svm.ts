// Support vector machines (domain ai.onnx.ml), as libsvm and liblinear make them.
import { BINARY_POW, UNARY_AFFINE, UNARY_EXP, UNARY_TANH } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { hostTensor, type HostTensor } from '../../core/host.js'
import { sigmoid } from '../../core/scalar-functions.js'
import { floats, int, ints, required, string, strings } from '../../ir/attributes.js'
import { constantOperand, plus, type Address, type Emitter, type Operand } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'
import { emitProjection } from '../matmul/product.js'
import { emitFeatures, emitScores } from './linear.js'
import { labelsByNumber, tableOf } from './ml.js'
import { emitTransform, isFeature } from './scores.js'

const domain = 'ai.onnx.ml'
/**
 * Elements of a table of kernel values that are made and used at a time: what stays in the cache, or more where that
 * made too many calls.
 */
const BLOCK = 1 << 15
const MOST_BLOCKS = 256

interface Kernel {
  readonly kernel_type: string
  /** gamma, coef0 and degree. */
  readonly kernel_params: readonly number[]
}

/** What a machine is made of: how far x is from every support vector, and what that counts for in each score. */
interface Machine {
  /** [columns, vectors]; none: x itself counts. */
  readonly vectors: HostTensor | undefined
  /** [vectors or columns, scores]. */
  readonly matrix: HostTensor
  readonly addend: HostTensor
}

const machines = new WeakMap<object, Machine>()

function machineOf(key: object, make: () => Machine): Machine {
  let machine = machines.get(key)
  if (!machine) machines.set(key, (machine = make()))
  return machine
}

function makeMachine(
  vectors: readonly number[],
  count: number,
  matrix: Float32Array,
  addend: readonly number[],
): Machine {
  const scores = addend.length
  const tensor = hostTensor('float32', [matrix.length / scores, scores], matrix)
  const sum = hostTensor('float32', [scores], Float32Array.from(addend))
  if (count === 0) return { vectors: undefined, matrix: tensor, addend: sum }
  const columns = vectors.length / count
  if (!Number.isInteger(columns))
    throw new LanewiseError('E_VALUE', `${vectors.length} numbers cannot be ${count} support vectors`)
  const transposed = new Float32Array(vectors.length)
  for (let v = 0; v < count; v++) for (let c = 0; c < columns; c++) transposed[c * count + v] = vectors[v * columns + c]
  return {
    vectors: hostTensor('float32', [columns, count], transposed),
    matrix: tensor,
    addend: sum,
  }
}

/** Scores of every row of input 0. */
function emitMachine(e: Emitter<unknown>, to: Address, machine: Machine, kernel: Kernel): void {
  const x = emitFeatures(e)
  const [rows, columns] = x.shape
  const { vectors, matrix, addend } = machine
  const wanted = vectors ? vectors.shape[0] : matrix.shape[0]
  if (columns !== wanted) throw new LanewiseError('E_SHAPE', `the machine knows ${wanted} features, got ${columns}`)
  if (!vectors) return emitScores(e, to, x, matrix, addend)
  const [count, scores] = matrix.shape
  const block = Math.min(rows, Math.max(1, Math.floor(BLOCK / count), Math.ceil(rows / MOST_BLOCKS)))
  const values = e.scratch(4 * block * count)
  for (let row = 0; row < rows; row += block) {
    const m = Math.min(block, rows - row)
    const table = (at: Address, width: number): Operand => ({
      dtype: 'float32',
      shape: [m, width],
      order: [0, 1],
      physical: [m, width],
      size: m * width,
      at,
      constant: undefined,
    })
    emitKernel(e, kernel, table(plus(x.at, 4 * row * columns), columns), vectors, values)
    emitScores(e, plus(to, 4 * row * scores), table(values, count), matrix, addend)
  }
}

/** y [m, vectors] = how near the rows of x are to the support vectors. */
function emitKernel(
  e: Emitter<unknown>,
  { kernel_type: type, kernel_params: [gamma = 0, coef0 = 0, degree = 0] }: Kernel,
  x: Operand,
  vectors: HostTensor,
  y: Address,
): void {
  const [m, k] = x.shape
  const [, count] = vectors.shape
  const size = m * count
  if (type === 'RBF') {
    e.call('squared_distances_f32', x.at, e.constant(vectors), y, m, count, k)
    e.call('unary_f32', UNARY_AFFINE, y, y, size, -gamma, 0)
    e.call('unary_f32', UNARY_EXP, y, y, size, 0, 0)
    return
  }
  emitProjection(e, y, x, constantOperand(e, vectors), 0)
  if (type === 'LINEAR') return
  e.call('unary_f32', UNARY_AFFINE, y, y, size, gamma, coef0)
  if (type === 'SIGMOID') e.call('unary_f32', UNARY_TANH, y, y, size, 0, 0)
  else if (type === 'POLY') e.call('binary_f32', BINARY_POW, y, 1, e.table(Float32Array.of(degree)), 0, y, size)
  else throw new LanewiseError('E_VALUE', `kernel_type "${type}" is not known`)
}

const kernelAttributes = {
  kernel_params: floats([]),
  kernel_type: string('LINEAR'),
  post_transform: string('NONE'),
  coefficients: required(floats()),
  rho: required(floats()),
  support_vectors: floats([]),
}

export const SVMRegressor = defineOp({
  name: 'SVMRegressor',
  domain,
  arity: 1,
  attributes: { ...kernelAttributes, n_supports: int(0), one_class: int(0) },
  infer: ({ inputs: [x] }) => [{ dtype: 'float32', shape: [tableOf(x.shape)[0], 1] }],
  kernel: ([x]) => isFeature(x),
  emit(e) {
    const { attributes: a } = e
    const y = e.output(0)
    if (y.size === 0) return
    const machine = machineOf(a, () => {
      const count = a.n_supports
      if (count > 0 && a.coefficients.length < count)
        throw new LanewiseError('E_VALUE', `${a.coefficients.length} coefficients for ${count} support vectors`)
      const matrix = Float32Array.from(count > 0 ? a.coefficients.slice(0, count) : a.coefficients)
      return makeMachine(a.support_vectors, count, matrix, [a.rho[0] ?? 0])
    })
    emitMachine(e, y.at, machine, a)
    // Whether a row is one of those that the machine was trained on.
    if (a.one_class !== 0)
      e.host([y], ({ data }) => {
        const values = data as Float32Array
        for (let i = 0; i < values.length; i++) values[i] = values[i] > 0 ? 1 : -1
      })
    else emitTransform(e, a.post_transform, y, 1)
  },
})

/** How many scores of a row there are, and what they are: one per class, or one per pair of classes. */
function scoresOf(classes: number, pairwise: boolean): number {
  return !pairwise ? classes : classes > 2 ? (classes * (classes - 1)) / 2 : 2
}

export const SVMClassifier = defineOp({
  name: 'SVMClassifier',
  domain,
  arity: 1,
  outputs: 2,
  attributes: {
    ...kernelAttributes,
    classlabels_ints: ints([]),
    classlabels_strings: strings(),
    prob_a: floats([]),
    prob_b: floats([]),
    vectors_per_class: ints([]),
  },
  infer({ attributes: a, inputs: [x] }) {
    const [rows] = tableOf(x.shape)
    const pairwise = a.vectors_per_class.some((count) => count > 0) && a.prob_a.length === 0
    return [
      { dtype: 'int64', shape: [rows] },
      { dtype: 'float32', shape: [rows, scoresOf(a.classlabels_ints.length, pairwise)] },
    ]
  },
  kernel: ([x]) => isFeature(x),
  emit(e) {
    const { attributes: a } = e
    const [rows] = tableOf(e.input(0).shape)
    const classes = a.classlabels_ints.length
    const count = a.vectors_per_class.reduce((sum, some) => sum + some, 0)
    const pairs = (classes * (classes - 1)) / 2
    if (classes === 0) throw new LanewiseError('E_VALUE', 'there are no labels')
    if (rows === 0) return
    const machine = machineOf(a, () => (count > 0 ? pairMachine(a, count, pairs) : classMachine(a, classes)))
    const given = count > 0 ? pairs : classes
    const scores: Operand = floatTable(rows, given, e.scratch(4 * rows * given))
    emitMachine(e, scores.at, machine, a)
    const labels = e.outputs[0] ? e.output(0) : { ...floatTable(rows, 1, e.scratch(8 * rows)), dtype: 'int64' as const }
    const width = scoresOf(classes, count > 0 && a.prob_a.length === 0)
    const z = e.outputs[1] ? e.output(1) : floatTable(rows, width, e.scratch(4 * rows * width))
    e.host([scores, labels, z], (from, label, to) => {
      decide(a, count > 0, from.data as Float32Array, label.data as BigInt64Array, to.data as Float32Array)
    })
    const untransformed = count > 0 && classes === 2 && a.prob_a.length === 0 && a.post_transform !== 'LOGISTIC'
    emitTransform(e, untransformed ? 'NONE' : a.post_transform, z, width)
  },
  decompose: (node) => labelsByNumber(node, 'SVMClassifier', 'classlabels_ints'),
})

function floatTable(rows: number, columns: number, at: Address): Operand {
  const shape = [rows, columns]
  return { dtype: 'float32', shape, order: [0, 1], physical: shape, size: rows * columns, at, constant: undefined }
}

interface Classifier {
  readonly classlabels_ints: readonly number[]
  readonly coefficients: readonly number[]
  readonly post_transform: string
  readonly prob_a: readonly number[]
  readonly prob_b: readonly number[]
  readonly rho: readonly number[]
  readonly support_vectors: readonly number[]
  readonly vectors_per_class: readonly number[]
}

/** liblinear: one row of coefficients per class, one addend for all. */
function classMachine({ coefficients, rho }: Classifier, classes: number): Machine {
  const columns = Math.floor(coefficients.length / classes)
  const matrix = new Float32Array(columns * classes)
  for (let k = 0; k < classes; k++)
    for (let c = 0; c < columns; c++) matrix[c * classes + k] = coefficients[k * columns + c]
  return makeMachine([], 0, matrix, new Array<number>(classes).fill(rho[0] ?? 0))
}

/**
 * libsvm: a score for each pair of classes i < j, to which their support vectors contribute. Row j − 1 of the
 * coefficients has those of class i's vectors against class j, row i those of class j's against class i.
 */
function pairMachine(a: Classifier, count: number, pairs: number): Machine {
  const { vectors_per_class: perClass, coefficients, rho } = a
  const classes = a.classlabels_ints.length
  if (perClass.length !== classes || coefficients.length < (classes - 1) * count || rho.length < pairs)
    throw new LanewiseError(
      'E_VALUE',
      `${coefficients.length} coefficients and ${rho.length} rho for ${perClass.length} groups of ${count} vectors and ${classes} classes`,
    )
  if (a.prob_a.length !== a.prob_b.length || (a.prob_a.length > 0 && a.prob_a.length < pairs))
    throw new LanewiseError('E_VALUE', `${a.prob_a.length} prob_a, ${a.prob_b.length} prob_b for ${pairs} pairs`)
  const first = perClass.map((_, k) => perClass.slice(0, k).reduce((sum, some) => sum + some, 0))
  const matrix = new Float32Array(count * pairs)
  let pair = 0
  for (let i = 0; i < classes; i++) {
    for (let j = i + 1; j < classes; j++, pair++) {
      for (let v = first[i]; v < first[i] + perClass[i]; v++)
        matrix[v * pairs + pair] = coefficients[(j - 1) * count + v]
      for (let v = first[j]; v < first[j] + perClass[j]; v++) matrix[v * pairs + pair] = coefficients[i * count + v]
    }
  }
  return makeMachine(a.support_vectors, count, matrix, rho.slice(0, pairs))
}

/** Labels and scores of rows, as ONNX Runtime has them where the specification says nothing. */
function decide(a: Classifier, pairwise: boolean, scores: Float32Array, labels: BigInt64Array, z: Float32Array): void {
  const classes = a.classlabels_ints.length
  const names = a.classlabels_ints.map(BigInt)
  const given = scores.length / labels.length
  const width = z.length / labels.length
  const positive = a.coefficients.every((value) => value >= 0)
  const probabilities = pairwise && a.prob_a.length > 0
  const votes = new Int32Array(classes)
  // One score for two classes: as it is, and its opposite or the rest, the way the post transform takes them.
  const opposite = a.post_transform === 'NONE' || a.post_transform === 'LOGISTIC'
  const couple = probabilities ? coupling(a) : undefined
  // Views of rows would take longer than all that is done to them.
  for (let r = 0, row = 0, out = 0; r < labels.length; r++, row += given, out += width) {
    let chosen = 0
    if (pairwise) {
      votes.fill(0)
      let pair = row
      for (let i = 0; i < classes; i++) for (let j = i + 1; j < classes; j++) votes[scores[pair++] > 0 ? i : j]++
      for (let k = 1; k < classes; k++) if (votes[k] > votes[chosen]) chosen = k
    } else {
      for (let k = 1; k < classes; k++) if (scores[row + k] > scores[row + chosen]) chosen = k
    }
    if (couple) couple(scores, row, z, out)
    else if (pairwise && classes === 2) {
      z[out] = opposite ? -scores[row] : 1 - scores[row]
      z[out + 1] = scores[row]
    } else for (let k = 0; k < width; k++) z[out + k] = scores[row + k]
    // Of two classes the second, if the larger score is one.
    const largest = scores[row + chosen]
    if (!pairwise && classes === 2 && (positive ? largest >= 0.5 : largest > 0)) chosen = 1
    labels[r] = names[chosen]
  }
}

/**
 * What makes probabilities of classes, z[out …], from the scores of pairs at `row`: Wu, Lin and Weng, "Probability
 * estimates for multi-class classification by pairwise coupling", 2004.
 */
function coupling({ prob_a, prob_b, classlabels_ints }: Classifier) {
  const k = classlabels_ints.length
  const q = new Float64Array(k * k)
  const r = new Float64Array(k * k)
  const values = new Float64Array(k)
  const gradient = new Float64Array(k)
  return (scores: Float32Array, row: number, z: Float32Array, out: number): void => {
    let pair = 0
    for (let i = 0; i < k; i++) {
      for (let j = i + 1; j < k; j++, pair++) {
        const score = scores[row + pair] * prob_a[pair] + prob_b[pair]
        const nearer = Math.min(Math.max(1 - sigmoid(score), 1e-7), 1 - 1e-7)
        r[i * k + j] = nearer
        r[j * k + i] = 1 - nearer
      }
    }
    for (let i = 0; i < k; i++) {
      let sum = 0
      for (let j = 0; j < k; j++) {
        if (j === i) continue
        sum += r[j * k + i] * r[j * k + i]
        q[i * k + j] = -r[j * k + i] * r[i * k + j]
      }
      q[i * k + i] = sum
    }
    values.fill(1 / k)
    for (let loop = 0; loop < 100; loop++) {
      let whole = 0
      for (let i = 0; i < k; i++) {
        let sum = 0
        for (let j = 0; j < k; j++) sum += q[i * k + j] * values[j]
        gradient[i] = sum
        whole += values[i] * sum
      }
      let error = 0
      for (let i = 0; i < k; i++) error = Math.max(error, Math.abs(gradient[i] - whole))
      if (error < 0.005 / k) break
      for (let i = 0; i < k; i++) {
        const step = (whole - gradient[i]) / q[i * k + i]
        const by = 1 + step
        values[i] += step
        whole = (whole + step * (step * q[i * k + i] + 2 * gradient[i])) / (by * by)
        for (let j = 0; j < k; j++) {
          gradient[j] = (gradient[j] + step * q[i * k + j]) / by
          values[j] /= by
        }
      }
    }
    for (let i = 0; i < k; i++) z[out + i] = values[i]
  }
}

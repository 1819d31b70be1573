// A convolutional classifier that is ready in seconds: fixed convolutions, and a last layer in closed form (ridge regression).
import { uniform } from '../../src/cli/random.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import type { Value } from '../../src/graph/ir.js'
import { draw, labels } from './pictures.js'

export const SIZE = 64
const BATCH = 50
const FEATURES = 64 * 4 * 4
const RIDGE = 30

/** What is known of the classifier besides its weights. */
export interface Classifier {
  /** As an ONNX file. */
  readonly bytes: Uint8Array
  /** Share of drawings it has not seen that it names right. */
  readonly accuracy: number
  readonly trainedOn: number
  readonly testedOn: number
}

/** Fits the classifier to drawings and writes it as ONNX. Everything that is computed over pictures is computed by Lanewise. */
export async function makeClassifier(trainedOn: number, testedOn: number): Promise<Classifier> {
  const filters = makeFilters(uniform(11))
  const random = uniform(23)
  const training = await featuresOf(filters, trainedOn, random)
  const testing = await featuresOf(filters, testedOn, random)
  const { weights, bias } = await ridge(training.features, training.classes)
  const scores = (row: number): number[] => labels.map((_, c) => {
    let sum = bias[c]
    for (let i = 0; i < FEATURES; i++) sum += weights[c * FEATURES + i] * testing.features[row * FEATURES + i]
    return sum
  })
  let right = 0
  const tested = Array.from(testing.classes, (truth, row) => {
    const row_ = scores(row)
    if (row_.indexOf(Math.max(...row_)) === truth) right++
    return row_
  })
  // Softmax makes probabilities of scores; how sharp they should be is read from the test drawings too.
  const sharpness = [2, 4, 6, 8, 10, 12, 16, 20].reduce((best, s) => (logLoss(tested, testing.classes, s) < logLoss(tested, testing.classes, best) ? s : best))
  const g = new GraphBuilder('shapes')
  const image = g.input('image', 'float32', ['N', 1, SIZE, SIZE])
  const flat = layers(g, image, filters)
  const w = g.constant('classifier.weight', { dtype: 'float32', shape: [labels.length, FEATURES], data: weights.map((x) => x * sharpness) })
  const b = g.constant('classifier.bias', { dtype: 'float32', shape: [labels.length], data: bias.map((x) => x * sharpness) })
  const logits = g.op('Gemm', [flat, w, b], { transB: 1 }, 'classifier')
  g.output(g.op('Softmax', [logits], { axis: -1 }), 'probabilities')
  const bytes = exportModel(g.graph(), { metadata: { labels: JSON.stringify(labels) } })
  return { bytes, accuracy: right / testedOn, trainedOn, testedOn }
}

interface Filters {
  /** 16 × 1 × 7 × 7: edges and lines of eight directions (Gabor). */
  readonly edges: Float32Array<ArrayBuffer>
  /** 32 × 16 × 3 × 3 and 64 × 32 × 3 × 3: random, as deep features that are not trained do well enough for drawings. */
  readonly second: Float32Array<ArrayBuffer>
  readonly third: Float32Array<ArrayBuffer>
}

function makeFilters(random: () => number): Filters {
  const edges = new Float32Array(16 * 49)
  for (let f = 0; f < 16; f++) {
    const angle = (Math.PI * (f >> 1)) / 8
    const taps = Array.from({ length: 49 }, (_, i) => {
      const [x, y] = [(i % 7) - 3, Math.floor(i / 7) - 3]
      const along = x * Math.cos(angle) + y * Math.sin(angle)
      const across = -x * Math.sin(angle) + y * Math.cos(angle)
      const wave = f % 2 === 0 ? Math.cos((2 * Math.PI * along) / 6) : Math.sin((2 * Math.PI * along) / 6)
      return wave * Math.exp(-(along ** 2 + 0.5 * across ** 2) / 6)
    })
    const mean = taps.reduce((a, b) => a + b) / 49
    const norm = Math.hypot(...taps.map((tap) => tap - mean))
    taps.forEach((tap, i) => (edges[f * 49 + i] = (1.5 * (tap - mean)) / norm))
  }
  // Uniform with the variance of He et al. 2015 (2 / fan-in).
  const dense = (out: number, fanIn: number) => Float32Array.from({ length: out * fanIn }, () => (random() * 2 - 1) * Math.sqrt(6 / fanIn))
  return { edges, second: dense(32, 16 * 9), third: dense(64, 32 * 9) }
}

/** Three convolutions with ReLU and pooling, 64×64 → 4×4 of 64 channels, as a row per picture. */
function layers(g: GraphBuilder, image: Value, { edges, second, third }: Filters): Value {
  const pool = { kernel_shape: [2, 2], strides: [2, 2] }
  const conv = (x: Value, name: string, data: Float32Array<ArrayBuffer>, shape: number[], padding: number) => {
    const w = g.constant(`${name}.weight`, { dtype: 'float32', shape, data })
    return g.op('Relu', [g.op('Conv', [x, w], { pads: [padding, padding, padding, padding] }, name)])
  }
  const a = g.op('MaxPool', [conv(image, 'edges', edges, [16, 1, 7, 7], 3)], pool)
  const b = g.op('MaxPool', [conv(a, 'parts', second, [32, 16, 3, 3], 1)], pool)
  const c = g.op('MaxPool', [conv(b, 'shapes', third, [64, 32, 3, 3], 1)], pool)
  return g.op('Flatten', [g.op('AveragePool', [c], pool)])
}

async function featuresOf(filters: Filters, count: number, random: () => number): Promise<{ features: Float32Array<ArrayBuffer>; classes: Uint8Array }> {
  const g = new GraphBuilder('features')
  g.output(layers(g, g.input('image', 'float32', [BATCH, 1, SIZE, SIZE]), filters), 'features')
  const session = await InferenceSession.create(exportModel(g.graph()))
  const features = new Float32Array(count * FEATURES)
  const classes = Uint8Array.from({ length: count }, (_, i) => i % labels.length)
  const batch = new Float32Array(BATCH * SIZE * SIZE)
  for (let start = 0; start < count; start += BATCH) {
    for (let i = 0; i < BATCH; i++) batch.set(draw(labels[classes[start + i]], SIZE, random), i * SIZE * SIZE)
    const { features: some } = await session.run({ image: new Tensor(batch, [BATCH, 1, SIZE, SIZE]) })
    features.set(some.data as Float32Array, start * FEATURES)
  }
  await session.release()
  return { features, classes }
}

/**
 * Least squares with a penalty on the weights (Hoerl & Kennard 1970): one output per class, 1 for the right one and 0 elsewhere. The
 * features are made free of their means first, and the bias puts those back.
 */
async function ridge(features: Float32Array, classes: Uint8Array): Promise<{ weights: Float32Array<ArrayBuffer>; bias: Float32Array<ArrayBuffer> }> {
  const count = classes.length
  const means = new Float64Array(FEATURES)
  for (let row = 0; row < count; row++) for (let i = 0; i < FEATURES; i++) means[i] += features[row * FEATURES + i] / count
  const centred = Float32Array.from(features, (x, k) => x - means[k % FEATURES])
  const targets = new Float32Array(count * labels.length)
  classes.forEach((c, row) => (targets[row * labels.length + c] = 1))

  const g = new GraphBuilder('normal equations')
  const x = g.input('x', 'float32', [count, FEATURES])
  const t = g.input('t', 'float32', [count, labels.length])
  g.output(g.op('Gemm', [x, x], { transA: 1 }), 'gram')
  g.output(g.op('Gemm', [x, t], { transA: 1 }), 'products')
  const session = await InferenceSession.create(exportModel(g.graph()))
  const { gram, products } = await session.run({ x: new Tensor(centred, [count, FEATURES]), t: new Tensor(targets, [count, labels.length]) })
  await session.release()

  const solved = solve(Float64Array.from(gram.data as Float32Array), Float64Array.from(products.data as Float32Array), labels.length)
  const weights = new Float32Array(labels.length * FEATURES)
  const bias = new Float32Array(labels.length).fill(1 / labels.length)
  for (let c = 0; c < labels.length; c++) {
    for (let i = 0; i < FEATURES; i++) {
      weights[c * FEATURES + i] = solved[i * labels.length + c]
      bias[c] -= solved[i * labels.length + c] * means[i]
    }
  }
  return { weights, bias }
}

/** (A + ridge) X = B by Cholesky decomposition; A is overwritten. */
function solve(a: Float64Array, b: Float64Array, columns: number): Float64Array {
  const n = FEATURES
  for (let i = 0; i < n; i++) a[i * n + i] += RIDGE
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = a[i * n + j]
      for (let k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k]
      a[i * n + j] = i === j ? Math.sqrt(sum) : sum / a[j * n + j]
    }
  }
  for (let c = 0; c < columns; c++) {
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) b[i * columns + c] -= a[i * n + k] * b[k * columns + c]
      b[i * columns + c] /= a[i * n + i]
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let k = i + 1; k < n; k++) b[i * columns + c] -= a[k * n + i] * b[k * columns + c]
      b[i * columns + c] /= a[i * n + i]
    }
  }
  return b
}

function logLoss(rows: readonly (readonly number[])[], classes: Uint8Array, sharpness: number): number {
  return rows.reduce((total, row, i) => total + Math.log(row.reduce((sum, x) => sum + Math.exp(sharpness * (x - row[classes[i]])), 0)), 0)
}

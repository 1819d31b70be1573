import { execFileSync, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, test } from 'vitest'
import { Device } from '../../../src/autograd/device.js'
import { Parameter, Variable } from '../../../src/autograd/variable.js'
import type { TypedArray } from '../../../src/core/dtype.js'
import { hostFrom, type HostTensor } from '../../../src/core/host.js'
import * as nn from '../../../src/train.js'
import { F, type Module } from '../../../src/train.js'

interface Packed {
  readonly dtype: 'float32' | 'int64' | 'bool'
  readonly shape: readonly number[]
  readonly data: string
}
type State = Readonly<Record<string, Packed>>
interface LayerRun {
  readonly inputs: readonly Packed[]
  readonly state: State
  readonly outputs: readonly Packed[]
  readonly targets: readonly Packed[]
  readonly inputGradients: readonly (Packed | null)[]
  readonly gradients: State
  readonly after: State
  readonly evaluated: Packed
}
interface Reference {
  readonly torch: string
  readonly layers: Readonly<Record<string, LayerRun>>
  readonly losses: Readonly<
    Record<string, { readonly x: Packed; readonly target: Packed; readonly loss: Packed; readonly gradient: Packed }>
  >
  readonly optimizers: Readonly<
    Record<
      string,
      {
        readonly state: State
        readonly x: Packed
        readonly y: Packed
        readonly after: State
        readonly norms: readonly number[]
      }
    >
  >
  readonly schedules: Readonly<Record<string, readonly number[]>>
}

/** Debian's python3-torch is one for the system's Python; another may be named. */
const python = process.env.LANEWISE_PYTHON ?? '/usr/bin/python3'
const probe = spawnSync(python, ['-c', 'import torch'], { encoding: 'utf8' })
const missing = probe.error?.message ?? (probe.status === 0 ? undefined : probe.stderr.trim().split('\n').at(-1))
if (missing) console.log(`compared with PyTorch only where ${python} has it: ${missing}`)

function host({ dtype, shape, data }: Packed): HostTensor {
  const bytes = Uint8Array.from(Buffer.from(data, 'base64'))
  const elements =
    dtype === 'float32' ? new Float32Array(bytes.buffer) : dtype === 'int64' ? new BigInt64Array(bytes.buffer) : bytes
  return { dtype, shape, data: elements as TypedArray }
}

/** Largest difference as a share of the largest element: what is small is the rest of what cancels. */
function near(actual: ArrayLike<number>, expected: Packed, what: string, tolerance = 1e-4): void {
  const wanted = host(expected).data as Float32Array
  expect(actual.length, what).toBe(wanted.length)
  const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (let i = 0; i < wanted.length; i++) {
    const allowed = tolerance * Math.abs(wanted[i]) + 5e-6 * largest + 1e-7
    if (!(Math.abs(actual[i] - wanted[i]) <= allowed))
      expect.fail(`${what}: element ${i} is ${actual[i]}, PyTorch's ${wanted[i]}`)
  }
}

const stateOf = (state: State) => new Map(Object.entries(state).map(([name, packed]) => [name, host(packed)]))
const floats = (variable: Variable) => variable.data() as Float32Array

let device: Device
beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 1 })
})

/** How a module is applied; its outputs in PyTorch's order. */
interface Layer {
  readonly module: Module
  readonly apply?: (...inputs: Variable[]) => Variable | Variable[]
}

/** Parts by PyTorch's names, whose results are concatenated. */
class Tied extends nn.Module {
  constructor(private readonly parts: Readonly<Record<string, nn.Layer>>) {
    super(device)
    Object.assign(this, parts)
  }
  forward(x: Variable): Variable {
    return F.concat(Object.values(this.parts).map((part) => F.reshape(part.call(x), [-1])))
  }
}

const bools = (...rows: number[][]) => device.constant(hostFrom('bool', [rows.length, rows[0].length], rows.flat()))
const hidden = () => bools([0, 0, 0, 1, 1], [0, 0, 1, 0, 0])
const future = () => bools(...[0, 1, 2, 3, 4].map((i) => [0, 1, 2, 3, 4].map((j) => Number(j > i))))
const slopes = () =>
  device.constant({
    dtype: 'float32',
    shape: [3, 5],
    data: Float32Array.from({ length: 15 }, (_, i) => -1 + (2 * i) / 14),
  })
const tuple = (module: nn.RNN | nn.GRU) => ({
  module,
  apply: (x: Variable, h?: Variable) => module.call(x, h) as Variable[],
})
const quiet = { dropout: 0 }

const layers: Readonly<Record<string, () => Module | Layer>> = {
  'pools, 1 and 3 axes': () => {
    const [line, plane, space] = [
      [6, 7, 12],
      [2, 3, 7, 12],
      [2, 3, 7, 3, 4],
    ]
    return new Folded({
      max1: [new nn.MaxPool1d(3, { stride: 2, padding: 1 }), line],
      mean1: [new nn.AvgPool1d(2, { countIncludePad: false }), line],
      one: [new nn.AdaptiveMaxPool1d(5), line],
      few: [new nn.AdaptiveAvgPool1d(4), line],
      max3: [new nn.MaxPool3d([2, 3, 2], { stride: [1, 2, 2] }), space],
      mean3: [new nn.AvgPool3d([2, 2, 1]), space],
      max2: [new nn.MaxPool2d([2, 3], { stride: [1, 2], dilation: [2, 1] }), plane],
      mean2: [new nn.AvgPool2d([3, 2], { padding: [1, 0] }), plane],
      most: [new nn.AdaptiveMaxPool2d([3, 5]), plane],
      third: [new nn.AdaptiveAvgPool3d([3, 2, 4]), space],
    })
  },
  ConvTranspose1d: () => new nn.ConvTranspose1d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
  ConvTranspose3d: () => new nn.ConvTranspose3d(2, 3, [2, 3, 1], { stride: [1, 2, 2], bias: false }),
  'Conv1d, reflected': () => new nn.Conv1d(3, 4, 5, { padding: 2, paddingMode: 'reflect' }),
  'Conv2d, repeated edge': () => new nn.Conv2d(3, 4, [3, 5], { padding: [1, 2], paddingMode: 'replicate' }),
  'Conv2d, circular': () => new nn.Conv2d(2, 3, 3, { padding: [2, 1], stride: 2, paddingMode: 'circular' }),
  InstanceNorm1d: () => new nn.InstanceNorm1d(3, { affine: true }),
  InstanceNorm2d: () => new nn.InstanceNorm2d(3, { affine: true, trackRunningStats: true, momentum: 0.3, eps: 1e-3 }),
  InstanceNorm3d: () => new nn.InstanceNorm3d(2),
  'shuffled pixels': () => new Tied({ up: new nn.PixelShuffle(2), down: new nn.PixelUnshuffle(2) }),
  upsampled: () =>
    new Tied({
      nearest: new nn.Upsample({ scaleFactor: 2 }),
      linear: new nn.Upsample({ scaleFactor: [2, 3], mode: 'bilinear' }),
      corners: new nn.Upsample({ size: [7, 5], mode: 'bilinear', alignCorners: true }),
      cubic: new nn.Upsample({ size: [6, 9], mode: 'bicubic' }),
    }),
  Linear: () => new nn.Linear(7, 5),
  'Linear, no bias, 3 axes': () => new nn.Linear(7, 5, { bias: false }),
  Conv1d: () => new nn.Conv1d(4, 6, 3, { stride: 2, padding: 1, dilation: 2, groups: 2 }),
  Conv2d: () => new nn.Conv2d(3, 5, [3, 2], { stride: [1, 2], padding: [2, 1] }),
  'Conv2d, depthwise': () => new nn.Conv2d(6, 6, 3, { padding: 1, groups: 6, bias: false }),
  'Conv2d, 3x3': () => new nn.Conv2d(8, 16, 3, { padding: 1 }),
  'Conv2d, same': () => new nn.Conv2d(2, 3, [5, 4], { padding: 'same', dilation: [1, 2] }),
  Conv3d: () => new nn.Conv3d(2, 4, 3, { padding: 1, stride: 2 }),
  ConvTranspose2d: () => new nn.ConvTranspose2d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1, groups: 2 }),
  'ConvTranspose2d, dilated': () => new nn.ConvTranspose2d(3, 2, [2, 3], { dilation: 2, bias: false }),
  BatchNorm1d: () => new nn.BatchNorm1d(5),
  BatchNorm2d: () => new nn.BatchNorm2d(5, { eps: 1e-3, momentum: 0.3 }),
  BatchNorm3d: () => new nn.BatchNorm3d(2),
  LayerNorm: () => new nn.LayerNorm(9),
  'LayerNorm, two axes': () => new nn.LayerNorm([3, 5], { eps: 1e-3 }),
  GroupNorm: () => new nn.GroupNorm(3, 6),
  LocalResponseNorm: () => new nn.LocalResponseNorm(5, { alpha: 0.5, beta: 0.6, k: 2 }),
  'LocalResponseNorm, even': () => new nn.LocalResponseNorm(4, { alpha: 2 }),
  Embedding: () => new nn.Embedding(11, 6),
  'Embedding, padding': () => new nn.Embedding(11, 6, { paddingIdx: 2 }),
  activations: () =>
    new Tied({
      relu: new nn.ReLU(),
      sigmoid: new nn.Sigmoid(),
      tanh: new nn.Tanh(),
      gelu: new nn.GELU(),
      rough: new nn.GELU({ approximate: 'tanh' }),
      silu: new nn.SiLU(),
      hardswish: new nn.Hardswish(),
      softplus: new nn.Softplus(),
      leaky: new nn.LeakyReLU(),
      elu: new nn.ELU(0.7),
      prelu: new nn.PReLU(5),
      softmax: new nn.Softmax(-1),
      logs: new nn.LogSoftmax(1),
    }),
  'more activations': () =>
    new Tied({
      six: new nn.ReLU6(),
      hard: new nn.Hardtanh(-0.5, 1.5),
      rough: new nn.Hardsigmoid(),
      mish: new nn.Mish(),
      selu: new nn.SELU(),
      celu: new nn.CELU(0.6),
      sign: new nn.Softsign(),
      logs: new nn.LogSigmoid(),
      tanhs: new nn.Tanhshrink(),
      soft: new nn.Softshrink(0.3),
      none: new nn.Hardshrink(1),
      least: new nn.Threshold(0.2, -3),
      glu: new nn.GLU(1),
      least1: new nn.Softmin(1),
    }),
  'padding of 1 axis': () =>
    new Tied({
      zero: new nn.ConstantPad1d([1, 2], 0),
      number: new nn.ConstantPad1d(2, 0.5),
      mirror: new nn.ReflectionPad1d([2, 1]),
      edge: new nn.ReplicationPad1d(3),
    }),
  'padding of 2 axes': () =>
    new Tied({
      zero: new nn.ZeroPad2d([1, -1, 2, 0]),
      number: new nn.ConstantPad2d([0, 1, 1, 0], -2),
      mirror: new nn.ReflectionPad2d([1, 2, 3, 0]),
      edge: new nn.ReplicationPad2d(1),
    }),
  'padding of 3 axes': () =>
    new Tied({
      number: new nn.ConstantPad3d([0, 1, 1, 0, 2, 1], 3),
      mirror: new nn.ReflectionPad3d([1, 0, 1, 1, 0, 1]),
      edge: new nn.ReplicationPad3d([1, 2, 3, 0, 1, 1]),
    }),
  'other shapes': () =>
    new Tied({
      apart: new nn.Unflatten(1, [2, -1]),
      columns: new nn.Unfold([2, 3], { padding: [0, 1], stride: 2 }),
    }),
  Fold: () => new nn.Fold([4, 5], [2, 3], { padding: [1, 0], stride: [1, 2] }),
  Bilinear: () => new nn.Bilinear(3, 4, 5),
  CosineSimilarity: () => new nn.CosineSimilarity(2),
  PairwiseDistance: () => new nn.PairwiseDistance({ p: 1, keepdim: true }),
  pools: () =>
    new Tied({
      max: new nn.MaxPool2d(3, { stride: 2, padding: 1 }),
      ceil: new nn.MaxPool2d(2, { ceilMode: true }),
      mean: new nn.AvgPool2d(3, { stride: 1, padding: 1 }),
      inner: new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false }),
      one: new nn.AdaptiveAvgPool2d(1),
      odd: new nn.AdaptiveAvgPool2d([3, 4]),
    }),
  RNN: () => tuple(new nn.RNN(4, 6)),
  'RNN, relu, no bias': () => tuple(new nn.RNN(4, 6, { nonlinearity: 'relu', bias: false, batchFirst: true })),
  'RNN, stacked, bidirectional': () => tuple(new nn.RNN(4, 5, { numLayers: 2, bidirectional: true })),
  LSTM: () => lstm(new nn.LSTM(4, 6, { batchFirst: true })),
  'LSTM, stacked, bidirectional': () => lstm(new nn.LSTM(4, 5, { numLayers: 2, bidirectional: true })),
  GRU: () => tuple(new nn.GRU(4, 6, { bias: false })),
  'GRU, stacked, bidirectional': () => tuple(new nn.GRU(4, 5, { numLayers: 2, bidirectional: true })),
  LSTMCell: () => {
    const module = new nn.LSTMCell(4, 6)
    return { module, apply: (x, h, c) => module.call(x, [h, c]) }
  },
  GRUCell: () => new nn.GRUCell(4, 6),
  RNNCell: () => new nn.RNNCell(4, 6, { nonlinearity: 'relu' }),
  MultiheadAttention: () => {
    const module = new nn.MultiheadAttention(8, 2, { batchFirst: true })
    return { module, apply: (x) => module.call(x, x, x, { keyPaddingMask: hidden() }) }
  },
  'MultiheadAttention, own sizes': () => {
    const module = new nn.MultiheadAttention(8, 4, { kdim: 3, vdim: 6, bias: false })
    return { module, apply: (q, k, v) => module.call(q, k, v, { attnMask: slopes() }) }
  },
  TransformerEncoderLayer: () => {
    const module = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, ...quiet })
    return { module, apply: (x) => module.call(x, { attnMask: future() }) }
  },
  'TransformerEncoderLayer, norm first': () => {
    const module = new nn.TransformerEncoderLayer(8, 4, {
      dimFeedforward: 12,
      activation: 'gelu',
      normFirst: true,
      batchFirst: true,
      ...quiet,
    })
    return { module, apply: (x) => module.call(x, { keyPaddingMask: hidden() }) }
  },
  TransformerDecoderLayer: () => {
    const module = new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true, ...quiet })
    return { module, apply: (x, y) => module.call(x, y, { attnMask: future() }, { keyPaddingMask: hidden() }) }
  },
  TransformerEncoder: () =>
    new nn.TransformerEncoder(
      [0, 1].map(() => new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, ...quiet })),
      { norm: new nn.LayerNorm(8) },
    ),
}

function lstm(module: nn.LSTM): Layer {
  const apply = (x: Variable, h?: Variable, c?: Variable) => {
    const [y, states] = module.call(x, h && c ? [h, c] : undefined)
    return [y, ...states]
  }
  return { module, apply }
}

const classWeights = () => device.tensor(Float32Array.of(0.5, 2, 1, 0.25), [4])
const losses: Readonly<Record<string, (x: Variable, t: Variable) => Variable>> = {
  'cross entropy': (x, t) => nn.crossEntropy(x, t),
  'cross entropy, sum': (x, t) => nn.crossEntropy(x, t, { reduction: 'sum' }),
  'cross entropy, weights': (x, t) => nn.crossEntropy(x, t, { weight: classWeights() }),
  'cross entropy, ignored': (x, t) => nn.crossEntropy(x, t, { ignoreIndex: 2 }),
  'cross entropy, weights, ignored': (x, t) => nn.crossEntropy(x, t, { weight: classWeights(), ignoreIndex: 1 }),
  'cross entropy, smooth': (x, t) => nn.crossEntropy(x, t, { labelSmoothing: 0.2 }),
  'cross entropy, smooth, weights': (x, t) => nn.crossEntropy(x, t, { labelSmoothing: 0.2, weight: classWeights() }),
  'cross entropy, smooth, ignored': (x, t) => nn.crossEntropy(x, t, { labelSmoothing: 0.2, ignoreIndex: 0 }),
  'cross entropy, smooth, weights, ignored': (x, t) =>
    nn.crossEntropy(x, t, { labelSmoothing: 0.1, weight: classWeights(), ignoreIndex: 0 }),
  'cross entropy, smooth, none': (x, t) =>
    nn.crossEntropy(x, t, { labelSmoothing: 0.2, weight: classWeights(), reduction: 'none' }),
  nll: (x, t) => nn.nll(F.logSoftmax(x, 1), t),
  'nll, weights, ignored': (x, t) => nn.nll(F.logSoftmax(x, 1), t, { weight: classWeights(), ignoreIndex: 3 }),
  'dense cross entropy': (x, y) => nn.crossEntropy(x, y),
  'dense cross entropy, smooth, weights': (x, y) =>
    nn.crossEntropy(x, y, { labelSmoothing: 0.1, weight: classWeights() }),
  mse: (x, y) => nn.mse(x, y),
  'mse, sum': (x, y) => nn.mse(x, y, 'sum'),
  l1: (x, y) => nn.l1(x, y),
  bce: (x, y) => nn.bceWithLogits(x, y),
  'bce, weights': (x, y) =>
    nn.bceWithLogits(x, y, { weight: classWeights(), posWeight: classWeights(), reduction: 'sum' }),
  'bce, weight': (x, y) => nn.bceWithLogits(x, y, { weight: classWeights() }),
  'soft margin': (x, y) => nn.softMargin(x, F.sign(F.sub(y, 0.25))),
  'multi-label soft margin': (x, y) => nn.multiLabelSoftMargin(x, y, { weight: classWeights(), reduction: 'none' }),
  'bce of probabilities': (x, y) => nn.bce(F.sigmoid(x), y),
  Huber: (x, y) => nn.huber(x, y, { delta: 0.7 }),
  'smooth l1': (x, y) => nn.smoothL1(x, y, { beta: 0.6, reduction: 'sum' }),
  'smooth l1, 0': (x, y) => nn.smoothL1(x, y, { beta: 0 }),
  KL: (x, y) => nn.klDiv(F.logSoftmax(x, 1), y, { reduction: 'batchmean' }),
  'KL, logarithms': (x, y) => nn.klDiv(F.logSoftmax(x, 1), F.logSoftmax(y, 1), { logTarget: true }),
  'margin ranking': (x, y) => nn.marginRanking(x, F.mul(y, 3), F.sign(F.sub(y, 0.25)), { margin: 0.3 }),
  'hinge embedding': (x, y) => nn.hingeEmbedding(x, F.sign(F.sub(y, 0.25)), { margin: 1.5 }),
  'cosine embedding': (x, y) =>
    nn.cosineEmbedding(x, y, F.sign(F.sub(F.squeeze(F.slice(y, 1, 0, 1), [1]), 0.25)), {
      margin: 0.2,
      reduction: 'none',
    }),
  triplet: (x, y) => nn.tripletMargin(x, y, F.flip(y, [0]), { margin: 2 }),
  'triplet, p 1, swapped': (x, y) =>
    nn.tripletMargin(x, y, F.flip(y, [0]), { margin: 3, p: 1, swap: true, reduction: 'sum' }),
  Poisson: (x, y) => nn.poissonNll(x, y),
  Gauss: (x, y) => nn.gaussianNll(x, y, F.mul(y, y)),
  'multi margin': (x, t) => (x.shape.length === 2 ? nn.multiMargin(x, t, { margin: 0.8 }) : nn.crossEntropy(x, t)),
  'multi margin, squares': (x, t) =>
    x.shape.length === 2 ? nn.multiMargin(x, t, { p: 2, reduction: 'sum' }) : nn.crossEntropy(x, t),
  CTC: (x, t) => nn.ctc(F.logSoftmax(x, 2), labelsOf(t), [9, 7, 8]),
  'CTC, sum, blank last': (x, t) =>
    nn.ctc(F.logSoftmax(x, 2), labelsOf(t, 1), [9, 7, 8], { blank: 4, reduction: 'sum' }),
  'CTC, none, no infinity': (x, t) =>
    nn.ctc(F.logSoftmax(x, 2), labelsOf(t), [9, 2, 6], { reduction: 'none', zeroInfinity: true }),
}

/** The labels of the three examples, of which 3, 4 and 1 count. */
function labelsOf(t: Variable, less = 0): number[][] {
  const all = Array.from(t.data() as BigInt64Array, (label) => Number(label) - less)
  return [3, 4, 1].map((count, i) => all.slice(4 * i, 4 * i + count))
}

/** Parts that see the same elements, each in a shape of its own. */
class Folded extends nn.Module {
  readonly parts: readonly (readonly [nn.Layer, readonly number[]])[]
  constructor(parts: Readonly<Record<string, readonly [nn.Layer, readonly number[]]>>) {
    super(device)
    this.parts = Object.values(parts)
  }
  forward(x: Variable): Variable {
    return F.cat(this.parts.map(([part, shape]) => F.reshape(part.call(F.reshape(x, shape)), [-1])))
  }
}

const optimizers: Readonly<Record<string, (p: Parameter[]) => nn.Optimizer>> = {
  SGD: (p) => new nn.SGD(p, { lr: 0.1 }),
  'SGD, momentum': (p) => new nn.SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.01 }),
  'SGD, Nesterov': (p) => new nn.SGD(p, { lr: 0.1, momentum: 0.8, nesterov: true }),
  Adam: (p) => new nn.Adam(p),
  'Adam, options': (p) => new nn.Adam(p, { lr: 0.02, betas: [0.8, 0.95], eps: 1e-4, weightDecay: 0.1 }),
  'Adam, amsgrad': (p) => new nn.Adam(p, { lr: 0.05, amsgrad: true }),
  AdamW: (p) => new nn.AdamW(p),
  'AdamW, options': (p) => new nn.AdamW(p, { lr: 0.02, weightDecay: 0.3, amsgrad: true }),
  Adagrad: (p) => new nn.Adagrad(p),
  'Adagrad, options': (p) =>
    new nn.Adagrad(p, { lr: 0.1, lrDecay: 0.1, weightDecay: 0.05, initialAccumulatorValue: 0.2, eps: 1e-3 }),
  RAdam: (p) => new nn.RAdam(p, { lr: 0.01 }),
  'RAdam, options': (p) => new nn.RAdam(p, { lr: 0.02, betas: [0.8, 0.6], eps: 1e-3, weightDecay: 0.1 }),
  RMSprop: (p) => new nn.RMSprop(p),
  'RMSprop, options': (p) =>
    new nn.RMSprop(p, { lr: 0.02, alpha: 0.8, eps: 1e-3, weightDecay: 0.1, momentum: 0.7, centered: true }),
  'clipped norm': (p) => new nn.SGD(p, { lr: 0.1 }),
  'clipped values': (p) => new nn.SGD(p, { lr: 0.1 }),
}

const schedules: Readonly<Record<string, nn.Factor>> = {
  step: nn.stepDecay(3, 0.5),
  milestones: nn.multiStep([2, 5], 0.3),
  exponential: nn.exponential(0.8),
  // PyTorch's eta_min is a rate; here it is a share of the first one.
  cosine: nn.cosine(8, 0.1),
  polynomial: nn.polynomial(6, 2),
  'warm restarts': nn.warmRestarts(2, 2, 0.1),
  'one cycle': nn.oneCycle(9),
  'warm-up': nn.warmup(4, undefined, 0.25),
}

describe.skipIf(missing)('the same as PyTorch', () => {
  let reference: Reference
  beforeAll(() => {
    const script = fileURLToPath(new URL('pytorch.py', import.meta.url))
    reference = JSON.parse(
      execFileSync(python, [script], { encoding: 'utf8', maxBuffer: 1 << 26, stdio: ['ignore', 'pipe', 'inherit'] }),
    ) as Reference
  }, 120_000)

  test('nothing that PyTorch was asked for is left out', () => {
    expect(Object.keys(layers).sort()).toEqual(Object.keys(reference.layers).sort())
    expect(Object.keys(optimizers).sort()).toEqual(Object.keys(reference.optimizers).sort())
    expect(Object.keys(schedules).sort()).toEqual(Object.keys(reference.schedules).sort())
    expect(Object.keys(losses).sort()).toEqual(
      [...new Set(Object.keys(reference.losses).map((name) => name.replace(', images', '')))].sort(),
    )
  })

  test.each(Object.keys(layers))('%s', (name) => {
    const run = reference.layers[name]
    const made = layers[name]()
    const { module, apply = (...inputs: Variable[]) => module.call(...(inputs as never[])) as Variable } =
      'module' in made ? made : { module: made }
    const running = Object.keys(run.state).filter((key) => !key.endsWith('num_batches_tracked'))
    expect([...module.stateDict().keys()].sort()).toEqual(running.sort())
    module.loadStateDict(stateOf(run.state))
    const inputs = run.inputs.map((input) => (input.dtype === 'float32' ? device.parameter(host(input)) : host(input)))
    const parameters = module.parameters()
    const optimizer = parameters.length > 0 ? new nn.SGD(parameters, { lr: 0.1, momentum: 0.9 }) : undefined
    const applied = () => {
      const result = apply(...inputs.map((input) => (input instanceof Parameter ? input : device.constant(input))))
      return Array.isArray(result) ? result : [result]
    }
    for (let step = 0; step < 3; step++) {
      device.step(() => {
        module.zeroGrad()
        const outputs = applied()
        outputs
          .map((output, i) => nn.mse(output, device.tensor(host(run.targets[i]))))
          .reduce(F.add)
          .backward()
        if (step === 0) {
          expect(outputs.map(({ shape }) => shape)).toEqual(run.outputs.map(({ shape }) => shape))
          outputs.forEach((output, i) => near(floats(output), run.outputs[i], `output ${i}`))
          inputs.forEach(
            (input, i) =>
              input instanceof Parameter && near(floats(input.grad!), run.inputGradients[i]!, `gradient by input ${i}`),
          )
          for (const [key, parameter] of module.namedParameters())
            near(floats(parameter.grad!), run.gradients[key], `gradient by ${key}`)
        }
        optimizer?.step()
      })
    }
    const state = module.stateDict()
    for (const key of running) near(state.get(key)!.data as Float32Array, run.after[key], `${key} after three steps`)
    module.eval()
    device.step(() => device.noGrad(() => near(floats(applied()[0]), run.evaluated, 'the result in evaluation')))
  })

  test.each(Object.keys(losses))('%s', (name) => {
    for (const run of [reference.losses[name], reference.losses[`${name}, images`]]) {
      if (!run) continue
      const x = device.parameter(host(run.x))
      device.step(() => {
        const target = host(run.target)
        const loss = losses[name](x, target.dtype === 'float32' ? device.tensor(target) : device.constant(target))
        near(floats(loss), run.loss, 'loss')
        ;(loss.size === 1 ? loss : F.sum(loss)).backward()
        near(floats(x.grad!), run.gradient, 'gradient')
      })
    }
  })

  test('a loss over a large vocabulary is the loss of a linear layer', () => {
    const { x, target, loss } = reference.losses['cross entropy, ignored']
    device.step(() => {
      const weight = device.tensor(
        Float32Array.from({ length: 16 }, (_, i) => Number(i % 5 === 0)),
        [4, 4],
      )
      near(
        floats(
          nn.linearCrossEntropy(device.tensor(host(x)), weight, undefined, device.constant(host(target)), {
            ignoreIndex: 2,
          }),
        ),
        loss,
        'loss',
      )
    })
  })

  test.each(Object.keys(optimizers))('%s', (name) => {
    const run = reference.optimizers[name]
    const module = new nn.Linear(6, 4, { device })
    module.loadStateDict(stateOf(run.state))
    const optimizer = optimizers[name](module.parameters())
    const norms: number[] = []
    for (let step = 0; step < 5; step++) {
      device.step(() => {
        module.zeroGrad()
        nn.mse(module.call(device.tensor(host(run.x))), device.tensor(host(run.y))).backward()
        if (name === 'clipped norm') norms.push(nn.clipGradNorm(module.parameters(), 0.3))
        if (name === 'clipped values') nn.clipGradValue(module.parameters(), 0.05)
        optimizer.step()
      })
    }
    norms.forEach((norm, i) => expect(Math.abs(norm / run.norms[i] - 1)).toBeLessThan(1e-4))
    for (const [key, tensor] of module.stateDict()) near(tensor.data as Float32Array, run.after[key], key)
  })

  test.each(Object.keys(schedules))('the schedule "%s"', (name) => {
    const optimizer = new nn.SGD([device.parameter({ dtype: 'float32', shape: [1], data: new Float32Array(1) })], {
      lr: 0.1,
    })
    const schedule = new nn.Schedule(optimizer, schedules[name])
    for (const rate of reference.schedules[name]) {
      expect(optimizer.groups[0].lr).toBeCloseTo(rate, 9)
      schedule.step()
    }
  })
})

import { createHash } from 'node:crypto'
import { beforeAll, expect, test } from 'vitest'
import type { Variable } from '../../../src/autograd/variable.js'
import { hostFrom } from '../../../src/core/host.js'
import * as nn from '../../../src/train.js'
import { F, init } from '../../../src/train.js'
import { seeded } from '../../support/random.js'

/**
 * The parameters after five steps: the same bits in every version of Node and on every machine. It may change where a
 * kernel, an initialiser or an optimiser was changed so that it rounds otherwise; then the versions still have to agree
 * with each other. The last to change it: padding, activations and other layers that PyTorch has.
 */
const HASH = 'e51d26f6e58cffa674b27fd6fcb63b937c4ddb41dbc99eef3a45019653f5044b'

let device: nn.Device
beforeAll(async () => {
  device = await nn.Device.create({ deterministic: true, seed: 7 })
  nn.Device.current = device
})

const sequences = { batchFirst: true, dropout: 0.2 }

/** Every layer there is, each with a loss of its own. */
class Everything extends nn.Module {
  images = {
    plain: new nn.Sequential(
      new nn.Conv2d(3, 8, 3, { padding: 1, init: init.kaimingUniform() }),
      new nn.BatchNorm2d(8),
      new nn.ReLU(),
      new nn.Conv2d(8, 16, 3, { padding: 1, init: init.kaimingNormal() }),
      new nn.LocalResponseNorm(3),
      new nn.LeakyReLU(),
      new nn.MaxPool2d(2),
      new nn.Conv2d(16, 16, 3, { groups: 16, padding: 'same' }),
      new nn.GroupNorm(4, 16),
      new nn.SiLU(),
      new nn.AvgPool2d(2),
      new nn.ConvTranspose2d(16, 6, 3, { stride: 2, outputPadding: 1 }),
      new nn.Hardswish(),
      new nn.AdaptiveAvgPool2d([2, 3]),
      new nn.PReLU(6),
      new nn.LocallyConnected2d(6, 4, 2, [2, 3]),
      new nn.ELU(),
      new nn.Flatten(),
      new nn.Linear(8, 5, { init: init.orthogonal() }),
      new nn.Softplus(),
    ),
    line: new nn.Sequential(
      new nn.Conv1d(3, 4, 5, { stride: 2 }),
      new nn.BatchNorm1d(4),
      new nn.Tanh(),
      new nn.Dropout(0.3),
    ),
    volume: new nn.Sequential(new nn.Conv3d(1, 3, 2), new nn.BatchNorm3d(3), new nn.GELU(), new nn.Sigmoid()),
  }
  plain = this.images.plain
  line = this.images.line
  volume = this.images.volume
  embedding = new nn.Embedding(20, 12, { paddingIdx: 0 })
  positions = new nn.PositionalEncoding(12, { maxLength: 9, learned: true, ...sequences })
  encoder = new nn.TransformerEncoder(
    [new nn.TransformerEncoderLayer(12, 3, { dimFeedforward: 16, activation: 'gelu', ...sequences })],
    { norm: new nn.LayerNorm(12) },
  )
  decoder = new nn.TransformerDecoder([
    new nn.TransformerDecoderLayer(12, 2, { dimFeedforward: 16, normFirst: true, ...sequences }),
  ])
  attention = new nn.MultiheadAttention(12, 2, { kdim: 12, vdim: 12, valueHeadDim: 5, ...sequences })
  additive = new nn.AdditiveAttention(12, 12, 7)
  root = new nn.RMSNorm(12)
  rnn = new nn.RNN(12, 6, { nonlinearity: 'relu', ...sequences })
  lstm = new nn.LSTM(6, 5, { numLayers: 2, bidirectional: true, learnInitialState: true, ...sequences })
  gru = new nn.GRU(10, 7, { batchFirst: true })
  cells = [new nn.RNNCell(7, 7), new nn.GRUCell(7, 7)]
  lstmCell = new nn.LSTMCell(7, 7)
  scores = new nn.Linear(7, 20, { init: init.xavierNormal() })
  log = new nn.LogSoftmax()
  soft = new nn.Softmax()
  parts = new nn.ModuleDict({
    lists: new nn.ModuleList([
      new nn.Sequential(
        new nn.ConvTranspose1d(3, 4, 3, { stride: 2 }),
        new nn.InstanceNorm1d(4, { affine: true, trackRunningStats: true }),
        new nn.MaxPool1d(2),
        new nn.Dropout1d(0.2),
        new nn.AvgPool1d(2),
        new nn.AdaptiveMaxPool1d(5),
        new nn.AdaptiveAvgPool1d(3),
        new nn.Identity(),
      ),
      new nn.Sequential(
        new nn.Conv2d(3, 3, 3, { padding: 1, paddingMode: 'reflect' }),
        new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }),
        new nn.PixelUnshuffle(2),
        new nn.InstanceNorm2d(12),
        new nn.Dropout2d(0.2),
        new nn.PixelShuffle(2),
        new nn.AdaptiveMaxPool2d(4),
      ),
      new nn.Sequential(
        new nn.ConvTranspose3d(1, 2, 2),
        new nn.InstanceNorm3d(2, { affine: true }),
        new nn.MaxPool3d(2, { stride: 1 }),
        new nn.Dropout3d(0.2),
        new nn.AvgPool3d(2, { stride: 1 }),
        new nn.AdaptiveAvgPool3d([1, 2, 2]),
        new nn.AdaptiveMaxPool3d([1, 2, 1]),
      ),
      new nn.Sequential(
        new nn.ReLU6(),
        new nn.Hardtanh(-0.5, 1.5),
        new nn.Hardsigmoid(),
        new nn.Mish(),
        new nn.SELU(),
        new nn.AlphaDropout(0.1),
        new nn.CELU(0.6),
        new nn.Softsign(),
        new nn.LogSigmoid(),
        new nn.Tanhshrink(),
        new nn.Softshrink(1e-3),
        new nn.Hardshrink(1e-3),
        new nn.Threshold(-4, -4),
        new nn.ZeroPad2d(1),
        new nn.ConstantPad2d(1, 0.5),
        new nn.ReflectionPad2d(2),
        new nn.ReplicationPad2d(1),
        new nn.CircularPad2d(1),
        new nn.Unfold(3, { stride: 3 }),
        new nn.Fold([21, 21], 3, { stride: 3 }),
        new nn.ChannelShuffle(3),
        new nn.Unflatten(3, [3, 7]),
        new nn.ZeroPad3d(1),
        new nn.ConstantPad3d(1, 0.5),
        new nn.ReflectionPad3d(1),
        new nn.ReplicationPad3d(1),
        new nn.CircularPad3d(1),
        new nn.Flatten(2),
      ),
      new nn.Sequential(
        new nn.ZeroPad1d(1),
        new nn.ConstantPad1d(1, 0.5),
        new nn.ReflectionPad1d(1),
        new nn.ReplicationPad1d(1),
        new nn.CircularPad1d(1),
        new nn.Softmin(),
      ),
    ]),
  })
  gate = new nn.GLU(-1)
  pairs = new nn.Bilinear(6, 6, 4)
  angle = new nn.CosineSimilarity()
  apart = new nn.PairwiseDistance()
  named = new nn.ParameterDict({ scale: this.parameter([1], init.ones) })
  looking = new nn.AttentionLSTM(12, 12, { batchFirst: true })
  scales = new nn.ParameterList([this.parameter([1], init.ones)])

  forward(images: Variable, volumes: Variable, tokens: Variable, targets: Variable): Variable {
    const pictures = nn.crossEntropy(this.plain.call(images), F.slice(targets, 0, 0, 2), { labelSmoothing: 0.1 })
    const line = this.line.call(F.reshape(images, [2, 3, -1]))
    const volume = this.volume.call(volumes)
    const embedded = this.positions.call(this.embedding.call(tokens))
    const encoded = this.encoder.call(embedded, { isCausal: true })
    const decoded = this.root.call(this.decoder.call(embedded, encoded))
    const attended = F.add(decoded, this.attention.call(decoded, encoded, encoded))
    const [context, weights] = this.additive.call(F.squeeze(F.slice(attended, 1, 0, 1), [1]), attended)
    const [states] = this.gru.call(this.lstm.call(this.rnn.call(F.add(attended, F.unsqueeze(context, [1])))[0])[0])
    const last = F.squeeze(F.slice(states, 1, -1, 10), [1])
    const [h] = this.lstmCell.call(this.cells[1].call(last, this.cells[0].call(last, last)), [last, last])
    const scores = this.scores.call(h)
    const [looking] = this.looking.call(embedded, attended)
    const large = nn.linearCrossEntropy(states, this.scores.weight, this.scores.bias, tokens)
    const [first, second, third, fourth, fifth] = this.parts.get('lists')
    const gated = this.gate.call(embedded)
    const others = [
      first.call(F.reshape(images, [2, 3, -1])),
      second.call(images),
      third.call(volumes),
      fourth.call(images),
      fifth.call(F.reshape(images, [2, 3, -1])),
      F.mul(this.pairs.call(gated, gated), this.named.get('scale')),
      F.add(
        this.angle.call(embedded, attended),
        this.apart.call(F.transpose(embedded, [0, 2, 1]), F.transpose(attended, [0, 2, 1])),
      ),
    ].map((y) => F.mean(F.mul(F.mul(y, y), this.scales[0])))
    const losses = [
      pictures,
      ...others,
      F.mean(line),
      F.mean(F.mul(looking, looking)),
      nn.mse(volume, F.mul(volumes.shape.length, F.slice(volume, 0, 0, 1))),
      nn.nll(this.log.call(scores), F.slice(targets, 0, 0, 2)),
      nn.bceWithLogits(scores, this.soft.call(scores)),
      large,
      F.mean(F.mul(weights, weights)),
    ]
    return losses.reduce((a, b) => F.add(a, b))
  }
}

test('training every layer gives the same bits in every version of Node', () => {
  const model = new Everything()
  const present = new Set([...model.modules()].map((module) => module.constructor))
  const layers = Object.entries(nn).filter(
    ([, value]) =>
      typeof value === 'function' &&
      value.prototype instanceof nn.Module &&
      value !== nn.GraphModule &&
      value !== nn.GraphWithHead,
  )
  expect(
    layers.filter(([, layer]) => !present.has(layer as unknown as typeof nn.Module)).map(([name]) => name),
  ).toEqual([])
  // Every optimiser has a share of the parameters.
  const parts = [0, 1, 2, 3, 4, 5, 6, 7].map((part) => model.parameters().filter((_, i) => i % 8 === part))
  const optimizers = [
    new nn.Adam(parts[0], { lr: 0.01 }),
    new nn.AdamW(parts[1], { lr: 0.01, amsgrad: true }),
    new nn.SGD(parts[2], { lr: 0.02, momentum: 0.9, nesterov: true }),
    new nn.RMSprop(parts[3], { lr: 0.005, centered: true, momentum: 0.5 }),
    new nn.Adagrad(parts[4], { lr: 0.02 }),
    new nn.Lion(parts[5], { lr: 0.002 }),
    new nn.NAdam(parts[6], { lr: 0.01 }),
    new nn.RAdam(parts[7], { lr: 0.01 }),
  ]
  const schedules = [
    nn.cosine(9),
    nn.exponential(0.9, { staircase: false }),
    nn.warmup(3),
    nn.stepDecay(2),
    nn.multiStep([1, 3]),
    nn.polynomial(9, 2),
    nn.warmRestarts(2),
    nn.oneCycle(9),
  ].map((factor, i) => new nn.Schedule(optimizers[i], factor))
  const random = seeded(4)
  const tensor = (...shape: number[]) => ({
    dtype: 'float32' as const,
    shape,
    data: Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random() * 2 - 1),
  })
  const whole = (shape: number[], below: number) =>
    hostFrom(
      'int64',
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b) }, () => Math.floor(random() * below)),
    )
  for (let step = 0; step < 5; step++) {
    const loss = device.step(() => {
      const result = model.call(
        device.tensor(tensor(2, 3, 9, 9)),
        device.tensor(tensor(2, 1, 3, 4, 3)),
        device.constant(whole([2, 7], 20)),
        device.constant(whole([4], 5)),
      )
      result.backward()
      nn.clipGradNorm(model.parameters(), 5)
      for (const optimizer of optimizers) optimizer.step()
      return result.item()
    })
    for (const schedule of schedules) schedule.step()
    expect(loss).toBeGreaterThan(0)
    expect(loss).toBeLessThan(100)
    for (const [name, parameter] of model.namedParameters())
      expect(parameter.grad, `${name} has a gradient`).toBeDefined()
    model.zeroGrad()
  }
  const hash = createHash('sha256')
  for (const [name, { data }] of model.stateDict())
    hash.update(name).update(new Uint8Array((data as Float32Array).buffer, 0, (data as Float32Array).byteLength))
  expect(hash.digest('hex')).toBe(HASH)
})

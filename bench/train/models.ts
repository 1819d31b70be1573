import type { Device } from '../../src/autograd/device.js'
import type { Parameter, Variable } from '../../src/autograd/variable.js'
import { AttentionLSTM } from '../../src/nn/attention-lstm.js'
import { ReLU, Sigmoid } from '../../src/nn/activation.js'
import { Conv2d } from '../../src/nn/conv.js'
import * as F from '../../src/nn/functional.js'
import { Dropout, Embedding, Flatten, Linear } from '../../src/nn/linear.js'
import { crossEntropy } from '../../src/nn/losses/losses.js'
import { Module, Sequential } from '../../src/nn/module.js'
import { LocalResponseNorm } from '../../src/nn/norm.js'
import { MaxPool2d } from '../../src/nn/pool.js'
import { LSTM, RNN } from '../../src/nn/recurrent.js'
import { PositionalEncoding, TransformerEncoderLayer } from '../../src/nn/transformer.js'
import type { Batch, StepKey } from './work.js'

/** What a step learns and minimises. */
export interface StepModel {
  readonly parameters: readonly Parameter[]
  loss(device: Device): Variable
}

class RowReader extends Module {
  lstm = new LSTM(28, 128, { batchFirst: true })
  head = new Linear(128, 10)
  forward(x: Variable): Variable {
    return this.head.call(F.squeeze(this.lstm.call(x)[1][0], [0]))
  }
}

class LanguageModel extends Module {
  embedding: Embedding
  position: PositionalEncoding
  layers: TransformerEncoderLayer[]
  head: Linear

  constructor(
    readonly size: number,
    layers: number,
  ) {
    super()
    this.embedding = new Embedding(5000, size)
    this.position = new PositionalEncoding(size, { dropout: 0, maxLength: 64, batchFirst: true })
    const options = { dimFeedforward: 4 * size, dropout: 0, batchFirst: true, activation: 'gelu' } as const
    this.layers = Array.from({ length: layers }, () => new TransformerEncoderLayer(size, 4, options))
    this.head = new Linear(size, 5000)
  }

  forward(tokens: Variable): Variable {
    let x = this.position.call(this.embedding.call(tokens))
    for (const layer of this.layers) x = layer.call(x, { isCausal: true })
    return this.head.call(F.reshape(x, [-1, this.size]))
  }
}

/**
 * Three blocks of 4×4 convolutions with local response normalisation, three dense layers, a head for the length and one
 * for each digit.
 */
class HouseNumberReader extends Module {
  blocks = new Sequential(
    ...[
      [1, 16],
      [16, 32],
      [32, 64],
    ].flatMap(([inputs, outputs]) => [
      new Conv2d(inputs, outputs, 4, { padding: 'same' }),
      new ReLU(),
      new LocalResponseNorm(11, { alpha: 0.1, beta: 0.75, k: 1, divideBySize: false }),
      new MaxPool2d(2),
    ]),
  )
  dense = new Sequential(
    new Flatten(),
    ...[
      [1024, 128],
      [128, 64],
      [64, 16],
    ].flatMap(([inputs, outputs]) => [new Linear(inputs, outputs), new ReLU(), new Dropout(0.2)]),
  )
  heads = [7, 10, 10, 10, 10, 10].map((classes) => new Linear(16, classes))
  forward(x: Variable): Variable[] {
    const features = this.dense.call(this.blocks.call(x))
    return this.heads.map((head) => head.call(features))
  }
}

/** A picture's features begin the state of a decoder that is taught the words of its caption. */
class Captioner extends Module {
  begin: Linear
  embedding: Embedding
  decoder: RNN | LSTM
  head: Linear

  constructor(
    decoder: typeof RNN | typeof LSTM,
    readonly words: number,
  ) {
    super()
    this.begin = new Linear(1280, 512)
    this.embedding = new Embedding(words, 256)
    this.decoder = new decoder(256, 512, { batchFirst: true })
    this.head = new Linear(512, words)
  }

  forward(features: Variable, tokens: Variable): Variable {
    const h = F.unsqueeze(this.begin.call(features), [0])
    const x = this.embedding.call(tokens)
    const [y] =
      this.decoder instanceof RNN ? this.decoder.call(x, h) : this.decoder.call(x, [h, F.zerosLike(h)] as const)
    return F.reshape(this.head.call(y), [-1, this.words])
  }
}

/** The same with attention to sixteen places of the picture. */
class AttentionCaptioner extends Module {
  project = new Linear(1280, 512)
  embedding: Embedding
  decoder = new AttentionLSTM(256, 512, { batchFirst: true })
  head: Linear

  constructor(readonly words: number) {
    super()
    this.embedding = new Embedding(words, 256)
    this.head = new Linear(512, words)
  }

  forward(features: Variable, tokens: Variable): Variable {
    const [y] = this.decoder.call(this.embedding.call(tokens), this.project.call(features))
    return F.reshape(this.head.call(y), [-1, this.words])
  }
}

/** A model that takes the batch as it is and scores classes. */
function classifier(
  model: Module & { forward(x: Variable): Variable },
  shape: readonly number[],
  { x, labels }: Batch,
): StepModel {
  return {
    parameters: model.parameters(),
    loss: (device) => crossEntropy(model.call(device.tensor(x, shape)), device.tensor(labels)),
  }
}

function captioner(
  model: Module & { forward(features: Variable, tokens: Variable): Variable },
  batch: number,
  features: readonly number[],
  { x, labels, features: pictures = new Float32Array() }: Batch,
): StepModel {
  return {
    parameters: model.parameters(),
    loss(device) {
      const scores = model.call(device.tensor(pictures, features), device.tensor(x, [batch, x.length / batch]))
      return crossEntropy(scores, device.tensor(labels), { ignoreIndex: 0 })
    },
  }
}

/** The sum of six cross-entropies, of which those of digits behind the number's end do not count. */
function houseNumbers({ x, labels }: Batch): StepModel {
  const model = new HouseNumberReader()
  const lossOf = (scores: Variable, truth: Variable): Variable =>
    crossEntropy(scores, truth, { ignoreIndex: -1, reduction: 'sum' })
  return {
    parameters: model.parameters(),
    loss: (device) =>
      F.mul(
        model
          .call(device.tensor(x, [100, 1, 32, 32]))
          .map((scores, i) => lossOf(scores, device.tensor(labels.subarray(100 * i, 100 * (i + 1)))))
          .reduce(F.add),
        1 / 100,
      ),
  }
}

const makers: Record<StepKey, (batch: Batch) => StepModel> = {
  mlp: (batch) =>
    classifier(
      new Sequential(new Linear(784, 256), new Sigmoid(), new Linear(256, 256), new Sigmoid(), new Linear(256, 10)),
      [100, 784],
      batch,
    ),
  cnn: (batch) =>
    classifier(
      new Sequential(
        new Conv2d(1, 32, 5, { padding: 2 }),
        new ReLU(),
        new MaxPool2d(2),
        new Conv2d(32, 64, 5, { padding: 2 }),
        new ReLU(),
        new MaxPool2d(2),
        new Flatten(),
        new Linear(3136, 1024),
        new ReLU(),
        new Linear(1024, 10),
      ),
      [100, 1, 28, 28],
      batch,
    ),
  lstm: (batch) => classifier(new RowReader(), [100, 28, 28], batch),
  lm: (batch) => classifier(new LanguageModel(128, 2), [32, 64], batch),
  'lm-256': (batch) => classifier(new LanguageModel(256, 4), [32, 64], batch),
  house: houseNumbers,
  'house-generated': houseNumbers,
  'caption-rnn': (batch) => captioner(new Captioner(RNN, 1004), 50, [50, 1280], batch),
  'caption-lstm': (batch) => captioner(new Captioner(LSTM, 1004), 50, [50, 1280], batch),
  'caption-attention': (batch) => captioner(new AttentionCaptioner(1004), 50, [50, 16, 1280], batch),
  'caption-attention-3000': (batch) => captioner(new AttentionCaptioner(3000), 64, [64, 16, 1280], batch),
}

/** A fresh model of a step on the current device. */
export function modelOf(key: StepKey, batch: Batch): StepModel {
  return makers[key](batch)
}

import { Device } from '../../src/autograd/device.js'
import type { Variable } from '../../src/autograd/variable.js'
import type { Build } from '../../bindings/module.js'
import { ReLU, Sigmoid } from '../../src/nn/activation.js'
import { Conv2d } from '../../src/nn/conv.js'
import * as F from '../../src/nn/functional.js'
import { Embedding, Flatten, Linear } from '../../src/nn/linear.js'
import { crossEntropy } from '../../src/nn/losses.js'
import { Module, Sequential } from '../../src/nn/module.js'
import { MaxPool2d } from '../../src/nn/pool.js'
import { LSTM } from '../../src/nn/recurrent.js'
import { PositionalEncoding, TransformerEncoderLayer } from '../../src/nn/transformer.js'
import { Adam } from '../../src/optim/methods.js'
import { batchOf, type StepKey, type TrainerMaker } from './work.js'

class RowReader extends Module {
  lstm = new LSTM(28, 128, { batchFirst: true })
  head = new Linear(128, 10)
  forward(x: Variable): Variable {
    return this.head.call(F.squeeze(this.lstm.call(x)[1][0], [0]))
  }
}

class LanguageModel extends Module {
  embedding = new Embedding(5000, 128)
  position = new PositionalEncoding(128, { dropout: 0, maxLength: 64, batchFirst: true })
  layers = [0, 1].map(
    () =>
      new TransformerEncoderLayer(128, 4, { dimFeedforward: 512, dropout: 0, batchFirst: true, activation: 'gelu' }),
  )
  head = new Linear(128, 5000)
  forward(tokens: Variable): Variable {
    let x = this.position.call(this.embedding.call(tokens))
    for (const layer of this.layers) x = layer.call(x, { isCausal: true })
    return this.head.call(F.reshape(x, [-1, 128]))
  }
}

const models: Record<StepKey, { make: () => Module & { forward(x: Variable): Variable }; shape: readonly number[] }> = {
  mlp: {
    make: () =>
      new Sequential(new Linear(784, 256), new Sigmoid(), new Linear(256, 256), new Sigmoid(), new Linear(256, 10)),
    shape: [100, 784],
  },
  cnn: {
    make: () =>
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
    shape: [100, 1, 28, 28],
  },
  lstm: { make: () => new RowReader(), shape: [100, 28, 28] },
  lm: { make: () => new LanguageModel(), shape: [32, 64] },
}

/** Lanewise itself: a step of the same kind as any program makes it. */
export function lanewiseTrainer(build: Build | 'auto'): TrainerMaker {
  return async (key) => {
    const device = await Device.create({ build, seed: 1 })
    Device.current = device
    const { make, shape } = models[key]
    const model = make()
    const optimizer = new Adam(model.parameters(), { lr: 1e-3 })
    const { x, labels } = batchOf(key)
    return {
      step: async () => {
        const start = performance.now()
        const loss = device.step(() => {
          const result = crossEntropy(model.call(device.tensor(x, shape)), device.tensor(labels))
          result.backward()
          optimizer.step()
          optimizer.zeroGrad()
          return result.item()
        })
        return { ms: performance.now() - start, loss }
      },
      close: () => device.dispose(),
    }
  }
}

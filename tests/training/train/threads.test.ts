import { afterEach, expect, test } from 'vitest'
import { cutting } from '../../../bindings/threads.js'
import {
  Adam,
  BatchNorm2d,
  Conv2d,
  crossEntropy,
  Device,
  Dropout,
  F,
  Flatten,
  GELU,
  LayerNorm,
  Linear,
  LSTM,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  SGD,
  TransformerEncoderLayer,
  type Variable,
} from '../../../src/train.js'

afterEach(() => void Object.assign(cutting, { pieces: undefined, grain: undefined, pauses: undefined }))

/** Of a module that makes classes of inputs, the loss of every step and then all parameters, in hexadecimal. */
async function train(
  threads: number,
  shape: readonly number[],
  steps: number,
  make: () => Sequential | Sentences,
  classes: number,
): Promise<string> {
  const device = await Device.create({ build: 'simd', seed: 3, threads })
  Device.current = device
  expect(device.threads).toBe(threads)
  const model = make()
  const optimizer = steps % 2 ? new SGD(model.parameters(), { lr: 0.05, momentum: 0.9 }) : new Adam(model.parameters())
  const size = shape.reduce((a, b) => a * b)
  const said: string[] = []
  for (let step = 0; step < steps; step++) {
    const x = Float32Array.from({ length: size }, () => device.random.between(-1, 1))
    const targets = BigInt64Array.from({ length: shape[0] }, () => BigInt(device.random.integer(classes)))
    const loss = device.step(() => {
      const loss = crossEntropy(model.call(device.tensor(x, [...shape])), device.tensor(targets, [shape[0]]))
      optimizer.zeroGrad()
      loss.backward()
      optimizer.step()
      return loss.item()
    })
    said.push(String(loss))
  }
  for (const parameter of model.parameters())
    said.push(Buffer.from(new Float32Array(parameter.host().data as Float32Array).buffer).toString('hex'))
  return said.join(' ')
}

const convolutional = () =>
  new Sequential(
    new Conv2d(3, 8, 3, { padding: 1 }),
    new BatchNorm2d(8),
    new ReLU(),
    new MaxPool2d(2),
    new Conv2d(8, 8, 3, { padding: 1, groups: 8 }),
    new Conv2d(8, 16, 3, { padding: 1 }),
    new GELU(),
    new Flatten(),
    new Dropout(0.2),
    new Linear(16 * 8 * 8, 10),
  )

class Sentences extends Module {
  readonly encoder = new TransformerEncoderLayer(16, 4, { dimFeedforward: 32, batchFirst: true })
  readonly lstm = new LSTM(16, 24, { batchFirst: true })
  readonly norm = new LayerNorm(24)
  readonly head = new Linear(24 * 12, 7)

  override forward(x: Variable): Variable {
    const [states] = this.lstm.call(this.encoder.call(x))
    return this.head.call(F.reshape(this.norm.call(states), [x.shape[0], 24 * 12]))
  }
}

test.each([
  ['a convolutional network', [6, 3, 16, 16], convolutional, 10],
  ['a transformer and an LSTM', [6, 12, 16], () => new Sentences(), 7],
] as const)('%s is trained to the same bits by any number of threads', async (_, shape, make, classes) => {
  const expected = await train(1, shape, 11, make, classes)
  expect(expected).not.toContain('NaN')
  expect(await train(2, shape, 11, make, classes)).toBe(expected)
  Object.assign(cutting, { pieces: 5, grain: 8, pauses: 300 })
  expect(await train(3, shape, 11, make, classes)).toBe(expected)
  expect(await train(3, shape, 12, make, classes)).toBe(await train(1, shape, 12, make, classes))
})

test.each([
  ['a convolutional network', [6, 3, 16, 16], convolutional, 10],
  ['a transformer and an LSTM', [6, 12, 16], () => new Sentences(), 7],
] as const)('%s is the same after a hundred steps by 1, 2, 3 and 8 threads', async (_, shape, make, classes) => {
  const expected = await train(1, shape, 100, make, classes)
  for (const threads of [2, 3, 8]) expect(await train(threads, shape, 100, make, classes)).toBe(expected)
})

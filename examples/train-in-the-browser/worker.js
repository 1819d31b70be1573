import {
  Adam,
  Conv2d,
  DataLoader,
  Device,
  exportModel,
  fit,
  Flatten,
  generateDigits,
  Linear,
  MaxPool2d,
  ReLU,
  Sequential,
  toGraph,
} from 'lanewise/train'

await Device.create({ seed: 1 })
const model = new Sequential(
  new Conv2d(1, 8, 5),
  new ReLU(),
  new MaxPool2d(2),
  new Flatten(),
  new Linear(8 * 12 * 12, 10),
)
const data = new DataLoader(generateDigits(2000, 1), { batchSize: 50, shuffle: true, seed: 1 })
const validation = new DataLoader(generateDigits(500, 2), { batchSize: 500 })
const result = await fit(model, data, {
  optimizer: new Adam(model.parameters(), { lr: 0.003 }),
  epochs: 2,
  validation,
  logEvery: 5,
  onStep: ({ step, loss }) => postMessage({ step, loss }),
})
const graph = toGraph(model, [{ name: 'image', shape: [{ name: 'N', size: 1 }, 1, 28, 28] }])
postMessage({ file: exportModel(graph), accuracy: result.validation.accuracy })

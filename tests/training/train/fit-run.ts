// A small training, in a process of its own: started and stopped by trainer.test.ts.
import { writeSync } from 'node:fs'
import {
  cosine,
  DataLoader,
  Device,
  Dropout,
  fit,
  Flatten,
  generateDigits,
  Linear,
  ReLU,
  Schedule,
  Sequential,
  SGD,
} from '../../../src/train.js'

const [folder, epochs] = process.argv.slice(2)
await Device.create({ deterministic: true, seed: 3 })
const model = new Sequential(new Flatten(), new Linear(784, 16), new ReLU(), new Dropout(0.2), new Linear(16, 10))
const optimizer = new SGD(model.parameters(), { lr: 0.05, momentum: 0.9 })
const data = new DataLoader(generateDigits(600, 1), { batchSize: 4, shuffle: true, seed: 4 })
writeSync(1, 'ready\n')
const result = await fit(model, data, {
  optimizer,
  schedule: new Schedule(optimizer, cosine(60_000)),
  epochs: Number(epochs),
  folder,
  resume: true,
  stopOnSignals: true,
})
writeSync(1, `${result.stopped} ${result.steps}\n`)

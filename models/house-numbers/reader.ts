import { exponential, SGD } from '../../src/train.js'
import { reader } from './networks.js'
import { readerRecipe } from './task.js'

/** Gradient descent from 0.05, × 0.98 every 1,000 steps, with L2 on weights alone. */
export default readerRecipe({
  title: 'House numbers: three convolution blocks of 4×4 patches, local response normalisation, 128-64-16',
  seed: 1,
  batchSize: 100,
  side: 32,
  steps: 100_000,
  options: { evenLengths: 0.1, empty: 0.02, tooLong: 0.01 },
  model: () => reader(),
  optimizer(model) {
    const named = [...model.namedParameters()]
    const isWeight = ([name]: readonly [string, unknown]) => name.endsWith('weight')
    return new SGD(
      [
        { params: named.filter(isWeight).map(([, parameter]) => parameter), weightDecay: 0.0005 },
        { params: named.filter((entry) => !isWeight(entry)).map(([, parameter]) => parameter) },
      ],
      { lr: 0.05 },
    )
  },
  schedule: () => exponential(0.98, { every: 1000 }),
  fit: { evaluateEvery: 1000 },
})

import { Adam, cosine, type Recipe } from '../../src/train-entry.js'
import { oneHidden } from '../mnist/networks.js'

export default {
  title: 'MNIST, one hidden layer: 784–256–10',
  data: 'mnist',
  seed: 1,
  epochs: 12,
  batchSize: 100,
  model: oneHidden,
  optimizer: (model) => new Adam(model.parameters(), { lr: 0.001 }),
  schedule: (steps) => cosine(steps),
} satisfies Recipe

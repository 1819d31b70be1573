import { Adam, cosine, type Recipe } from '../../src/train.js'
import { oneHidden } from './networks.js'

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

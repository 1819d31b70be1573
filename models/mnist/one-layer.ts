import { Adam, cosine, type Recipe } from '../../src/train.js'
import { oneLayer } from './networks.js'

export default {
  title: 'MNIST, one layer: 784–10',
  data: 'mnist',
  seed: 1,
  epochs: 12,
  batchSize: 100,
  model: oneLayer,
  optimizer: (model) => new Adam(model.parameters(), { lr: 0.002 }),
  schedule: (steps) => cosine(steps),
} satisfies Recipe

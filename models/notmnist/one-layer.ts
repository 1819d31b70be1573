import { Adam, cosine, type Recipe } from '../../src/train.js'
import { oneLayer } from '../mnist/networks.js'

export default {
  title: 'notMNIST, one layer: 784–10',
  data: 'notmnist',
  seed: 1,
  epochs: 12,
  batchSize: 100,
  model: oneLayer,
  optimizer: (model) => new Adam(model.parameters(), { lr: 0.002 }),
  schedule: (steps) => cosine(steps),
  split: [8000, 2000],
} satisfies Recipe

import { Adam, cosine, shift, type Recipe } from '../../src/train.js'
import { mlp } from './networks.js'

export default {
  title: 'MNIST, two hidden layers of sigmoids: 784–256–256–10',
  data: 'mnist',
  seed: 1,
  epochs: 20,
  batchSize: 100,
  model: mlp,
  optimizer: (model) => new Adam(model.parameters(), { lr: 0.002 }),
  schedule: (steps) => cosine(steps),
  augment: [shift(1)],
  weights: 'float16',
} satisfies Recipe

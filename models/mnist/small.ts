import { Adam, cosine, shift, type Recipe } from '../../src/train.js'
import { small } from './networks.js'

export default {
  title: 'MNIST, a CNN of 21 thousand weights',
  data: 'mnist',
  seed: 1,
  epochs: 15,
  batchSize: 100,
  model: small,
  optimizer: (model) => new Adam(model.parameters(), { lr: 0.003 }),
  schedule: (steps) => cosine(steps),
  augment: [shift(2)],
} satisfies Recipe

import { Adam, cosine, shift, type Recipe } from '../../src/train.js'
import { small } from '../mnist/networks.js'

export default {
  title: 'notMNIST, a CNN of 21 thousand weights',
  data: 'notmnist',
  seed: 1,
  epochs: 20,
  batchSize: 100,
  model: small,
  optimizer: (model) => new Adam(model.parameters(), { lr: 0.003 }),
  schedule: (steps) => cosine(steps),
  split: [8000, 2000],
  augment: [shift(1)],
} satisfies Recipe

import { Adam, cosine, flip, type Recipe } from '../../src/train.js'
import { small } from '../mnist/networks.js'

export default {
  title: 'Fashion-MNIST, a CNN of 21 thousand weights',
  data: 'fashion-mnist',
  seed: 1,
  epochs: 15,
  batchSize: 100,
  model: small,
  optimizer: (model) => new Adam(model.parameters(), { lr: 0.003 }),
  schedule: (steps) => cosine(steps),
  augment: [flip()],
} satisfies Recipe

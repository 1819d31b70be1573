import { Adam, cosine, shift, type Recipe } from '../../src/train.js'
import { cnn } from './networks.js'

export default {
  title: 'MNIST, convolutions 5×5×32 and 5×5×64, 1024 hidden units',
  data: 'mnist',
  seed: 1,
  epochs: 6,
  batchSize: 100,
  model: cnn,
  optimizer: (model) => new Adam(model.parameters(), { lr: 0.001 }),
  schedule: (steps) => cosine(steps),
  augment: [shift(1)],
  weights: 'int8',
} satisfies Recipe

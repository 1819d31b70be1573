import { AdamW, cosine, warmup } from '../../src/train.js'
import { readerBest } from './networks.js'
import { readerRecipe } from './task.js'

export default readerRecipe({
  title: 'House numbers: residual convolutions with batch normalisation on 48×48',
  seed: 1,
  batchSize: 64,
  side: 48,
  steps: 20_000,
  options: { evenLengths: 0.15, empty: 0.03, tooLong: 0.01 },
  model: readerBest,
  optimizer: (model) => new AdamW(model.parameters(), { lr: 0.003, weightDecay: 0.01 }),
  schedule: (steps) => warmup(200, cosine(steps - 200, 0.002), 0.05),
  fit: { ema: 0.998, evaluateEvery: 1000, clipNorm: 5 },
})

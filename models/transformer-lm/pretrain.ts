import { AdamW, cosine, warmup } from '../../src/train.js'
import { languageRecipe } from './language-task.js'

export default languageRecipe({
  title: 'Transformer language model: four pre-norm blocks of width 192 on unlabelled film reviews',
  seed: 1,
  batchSize: 8,
  length: 128,
  steps: 8000,
  model: { dim: 192, heads: 4, layers: 4, maxLength: 512 },
  optimizer: (model) => {
    const all = model.parameters()
    // What scales and shifts is not pulled to zero.
    return new AdamW(
      [
        { params: all.filter(({ shape }) => shape.length > 1) },
        { params: all.filter(({ shape }) => shape.length <= 1), weightDecay: 0 },
      ],
      { lr: 0.002, weightDecay: 0.05, betas: [0.9, 0.98] },
    )
  },
  schedule: (steps) => warmup(150, cosine(steps - 150, 0.02), 0.01),
  fit: { clipNorm: 1, evaluateEvery: 400, logEvery: 20 },
})

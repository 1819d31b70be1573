import { AttentionCaptioner } from './networks.js'
import { captionRecipe } from './task.js'

/** The best of them: mirrored pictures, twice as many steps, a mean of the weights. An epoch is two passes over the captions. */
export default captionRecipe({
  title: 'Captions: an LSTM with attention to 4×4 places, from mirrored pictures, too',
  epochs: 4,
  batchSize: 32,
  network: AttentionCaptioner,
  hidden: 256,
  dropout: 0.3,
  data: { grid: 4, mirrored: true },
  fit: { ema: 0.998, evaluateEvery: 625 },
})

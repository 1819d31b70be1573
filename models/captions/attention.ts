import { AttentionCaptioner } from './networks.js'
import { captionRecipe } from './task.js'

export default captionRecipe({
  title: 'Captions: an LSTM with attention to 4×4 places',
  epochs: 6,
  network: AttentionCaptioner,
  hidden: 256,
  dropout: 0.3,
  data: { grid: 4 },
  fit: { ema: 0.998 },
})

import { LSTMCaptioner } from './networks.js'
import { captionRecipe } from './task.js'

export default captionRecipe({
  title: 'Captions: an LSTM',
  epochs: 6,
  network: LSTMCaptioner,
  hidden: 256,
  dropout: 0.3,
  data: { grid: 4 },
  fit: { ema: 0.998 },
})

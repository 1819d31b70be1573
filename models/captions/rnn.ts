import { RNNCaptioner } from './networks.js'
import { captionRecipe } from './task.js'

export default captionRecipe({
  title: 'Captions: a plain recurrent network',
  epochs: 6,
  network: RNNCaptioner,
  hidden: 256,
  dropout: 0.3,
  data: { grid: 4 },
  fit: { ema: 0.998 },
})

import { LSTMCaptioner } from './networks.js'
import { sceneRecipe } from './scenes-task.js'

export default sceneRecipe({ title: 'Drawn scenes: an LSTM', network: LSTMCaptioner, steps: 4000 })

import { AttentionCaptioner } from './networks.js'
import { sceneRecipe } from './scenes-task.js'

export default sceneRecipe({ title: 'Drawn scenes: an LSTM with attention', network: AttentionCaptioner, steps: 4000 })

import { RNNCaptioner } from './networks.js'
import { sceneRecipe } from './scenes-task.js'

export default sceneRecipe({ title: 'Drawn scenes: a plain recurrent network', network: RNNCaptioner, steps: 4000 })

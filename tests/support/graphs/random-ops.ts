import { constantRecipes } from './random-constants.js'
import { elementwiseRecipes } from './random-elementwise.js'
import { movementRecipes } from './random-movement.js'
import { reductionRecipes } from './random-reductions.js'

/** Elements, shapes and places. */
export const plainRecipes = [...elementwiseRecipes, ...reductionRecipes, ...movementRecipes, ...constantRecipes]

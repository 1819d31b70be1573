import { LanewiseError, type RecipeOption, type TaskRecipe } from '../../src/train.js'
import type { Pooling } from './classification.js'
import { finetuneRecipe } from './review-task.js'
import { reviewSets, sharedReviews, type ReviewSet } from './reviews.js'

/** What the command line may choose. */
export const options: Readonly<Record<string, RecipeOption>> = {
  set: {
    type: 'string',
    value: reviewSets.join('|'),
    help: 'which texts, or several joined by "+" (default imdb; grammar if that is not there)',
  },
  size: { type: 'string', value: 'N', help: 'texts to learn from, half of either class (default: all)' },
  scratch: { type: 'boolean', help: 'begin with random weights instead of the language model' },
  pooling: { type: 'string', value: 'last|mean|class', help: 'what the class is read from (default mean)' },
  length: {
    type: 'string',
    value: 'N',
    help: 'the most tokens of a text while learning: of longer ones, windows (default 128)',
  },
  passes: {
    type: 'string',
    value: 'N',
    help: 'how often each text is learned from (default: by their number, 2 … 20)',
  },
  seed: { type: 'string', value: 'N', help: 'decides weights, texts and their order (default 1)' },
  lm: { type: 'string', value: 'FILE', help: 'the language model (default models/transformer-lm/lm.onnx)' },
}

/** @throws LanewiseError `E_VALUE` for a choice that there is not. */
export function configure(chosen: Readonly<Record<string, string | boolean>>): TaskRecipe {
  const text = (name: string) => (typeof chosen[name] === 'string' ? chosen[name] : undefined)
  const oneOf = <T extends string>(name: string, choices: readonly T[]): T | undefined => {
    const value = text(name)
    if (value !== undefined && !choices.includes(value as T))
      throw new LanewiseError('E_VALUE', `--${name} is ${choices.join(' or ')}, not "${value}"`)
    return value as T | undefined
  }
  const number = (name: string, least: number): number | undefined => {
    const value = text(name)
    if (value === undefined || value === 'all') return undefined
    if (!(Number.isInteger(Number(value)) && Number(value) >= least))
      throw new LanewiseError('E_VALUE', `--${name} must be a whole number from ${least}, got "${value}"`)
    return Number(value)
  }
  const sets = text('set')?.split('+') ?? [sharedReviews('imdb') ? 'imdb' : 'grammar']
  const unknown = sets.find((name) => !reviewSets.some((set) => set === name))
  if (unknown !== undefined)
    throw new LanewiseError('E_VALUE', `--set is ${reviewSets.join(' or ')}, or several with "+", not "${unknown}"`)
  return finetuneRecipe({
    sets: sets as ReviewSet[],
    passes: number('passes', 1),
    size: number('size', 2),
    scratch: chosen.scratch === true,
    pooling: oneOf<Pooling>('pooling', ['last', 'mean', 'class']),
    length: number('length', 2),
    seed: number('seed', 0),
    languageModel: text('lm'),
  })
}

export default configure({})

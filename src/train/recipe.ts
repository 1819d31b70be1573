import type { Augmentation } from '../data/augment.js'
import type { MnistName } from '../data/mnist.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber, checkOptions } from '../core/options.js'
import { checkWeightFormat, type WeightFormat } from '../nn/compress.js'
import type { Layer } from '../nn/module.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Factor } from '../optim/schedules.js'

/** All that decides a training of a classifier of grey pictures: what `lanewise train` reads from a module's default export. */
export interface Recipe {
  readonly title: string
  readonly data: MnistName
  /** Sizes of a training and a test part to draw from the test files, for sets that have no others. */
  readonly split?: readonly [train: number, test: number]
  /** Decides initial weights, order, augmentation and masks. */
  readonly seed: number
  readonly epochs: number
  readonly batchSize: number
  /** From pictures [N, 1, 28, 28] of 0 … 1 to scores [N, 10]. */
  readonly model: () => Layer
  readonly optimizer: (model: Layer) => Optimizer
  /** The learning rate's factor after a share of the steps, given their number in all. */
  readonly schedule?: (steps: number) => Factor
  readonly augment?: readonly Augmentation[]
  /** How the exported file keeps weights; as they are by default. */
  readonly weights?: WeightFormat
}

const functions = ['model', 'optimizer'] as const
const optional = ['schedule'] as const

/** @throws LanewiseError `E_VALUE` for what is no recipe, before anything is loaded or made. @internal */
export function checkRecipe(recipe: unknown, what = 'the recipe'): asserts recipe is Recipe {
  if (typeof recipe !== 'object' || recipe === null)
    throw new LanewiseError('E_VALUE', `${what} is none: it must be an object`)
  const given = recipe as Readonly<Record<string, unknown>>
  const known = [
    'title',
    'data',
    'split',
    'seed',
    'epochs',
    'batchSize',
    'model',
    'optimizer',
    'schedule',
    'augment',
    'weights',
  ]
  checkOptions(what, given, known)
  for (const name of functions)
    if (typeof given[name] !== 'function') throw new LanewiseError('E_VALUE', `${what} has no function "${name}"`)
  for (const name of optional)
    if (given[name] !== undefined && typeof given[name] !== 'function')
      throw new LanewiseError('E_VALUE', `"${name}" of ${what} must be a function`)
  if (typeof given.title !== 'string' || typeof given.data !== 'string')
    throw new LanewiseError('E_VALUE', `${what} needs a title and the name of its data`)
  checkNumber(`seed of ${what}`, given.seed, {})
  checkNumber(`epochs of ${what}`, given.epochs, { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true })
  checkNumber(`batchSize of ${what}`, given.batchSize, { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true })
  if (given.augment !== undefined && !Array.isArray(given.augment))
    throw new LanewiseError('E_VALUE', `"augment" of ${what} must be a list`)
  if (given.weights !== undefined)
    checkWeightFormat(typeof given.weights === 'string' ? given.weights : JSON.stringify(given.weights))
}

import type { InferenceSession } from '../api/session.js'
import type { Augmentation } from '../data/augment.js'
import type { Fields } from '../data/dataset.js'
import type { MnistName } from '../data/mnist.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber, checkOptions } from '../core/options.js'
import { checkWeightFormat, type WeightFormat } from '../nn/compress.js'
import type { Layer, Module } from '../nn/module.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Factor } from '../optim/schedules.js'
import type { Batches } from './batches.js'
import type { FitOptions } from './fit-options.js'
import type { Metric } from './metrics.js'
import type { SamplePrediction } from './report.js'
import type { Task } from './task.js'

/** A training of a classifier of grey pictures in one of the sets that are known by name. */
export interface PictureRecipe {
  /** What is trained, in a few words: the heading of the report. */
  readonly title: string
  /** The set of pictures, by its name. */
  readonly data: MnistName
  /** Sizes of a training and a test part to draw from the test files, for sets that have no others. */
  readonly split?: readonly [train: number, test: number]
  /** Decides initial weights, order, augmentation and masks. */
  readonly seed: number
  /** Passes over the training data. */
  readonly epochs: number
  /** Examples in a step. */
  readonly batchSize: number
  /** From pictures [N, 1, 28, 28] of 0 … 1 to scores [N, 10]. */
  readonly model: () => Layer
  /** Makes the optimiser of the model's parameters. */
  readonly optimizer: (model: Layer) => Optimizer
  /** The learning rate's factor after a share of the steps, given their number in all. */
  readonly schedule?: (steps: number) => Factor
  /** Random changes of the training pictures, in order. */
  readonly augment?: readonly Augmentation[]
  /** How the exported file keeps weights; as they are by default. */
  readonly weights?: WeightFormat
}

/** What a recipe's data are made with. */
export interface RecipeContext {
  /** What `--data` says: a folder, a file, a URL. */
  readonly from: string | undefined
  /** The recipe's seed. */
  readonly seed: number
  /** Examples in a step. */
  readonly batchSize: number
  /** Passes over the data that will be made. */
  readonly epochs: number
}

/** Data of a run. */
export interface TaskData {
  /** The batches that are learned from. */
  readonly train: Batches
  /** Batches in an epoch, for the schedule; a loader knows them itself. */
  readonly batches?: number
  /** Measured after each epoch and at the end. */
  readonly validation?: AsyncIterable<Fields> | Iterable<Fields>
  /** Where the data came from: one line. */
  readonly source: string
  /** Names of the classes, if there are such: shown with the confusion matrix. */
  readonly classes?: readonly string[]
}

/** How the run is made beside optimiser and schedule. */
export type RecipeFit = Pick<
  FitOptions,
  | 'accumulate'
  | 'ema'
  | 'swa'
  | 'clipNorm'
  | 'earlyStopping'
  | 'keepBest'
  | 'evaluateEvery'
  | 'logEvery'
  | 'maxSteps'
  | 'onStep'
  | 'onEpoch'
>

/**
 * A training of anything: pictures of any size, captions, texts. The functions are called once, in the order data,
 * model, optimizer.
 *
 * @example
 * import { Adam, DataLoader, exportModel, Linear, mse, Tensor, TensorDataset, toGraph } from 'lanewise/train'
 * import type { TaskRecipe, Variable } from 'lanewise/train'
 *
 * const x = new Tensor('float32', [0, 1, 2, 3], [4, 1])
 * const truth = new Tensor('float32', [1, 3, 5, 7], [4, 1])
 * const points = new TensorDataset({ x, truth })
 *
 * export default {
 *   title: 'A line',
 *   seed: 1,
 *   epochs: 20,
 *   batchSize: 2,
 *   data({ seed, batchSize }) {
 *     return { train: new DataLoader(points, { batchSize, shuffle: true, seed }), source: 'points' }
 *   },
 *   model: () => new Linear(1, 1),
 *   optimizer: (model) => new Adam(model.parameters()),
 *   task: { label: undefined, loss: (y, { truth }) => mse(y as Variable, truth) },
 *   files: (model) => ({
 *     'model.onnx': exportModel(toGraph(model, [{ name: 'x', shape: [{ name: 'N', size: 1 }, 1] }])),
 *   }),
 * } satisfies TaskRecipe<Linear>
 */
export interface TaskRecipe<M extends Module = Module, D extends TaskData = TaskData> {
  /** What is trained, in a few words: the heading of the report. */
  readonly title: string
  /** Decides initial weights and masks; the data get it, too. */
  readonly seed: number
  /** Passes over the training data. */
  readonly epochs: number
  /** Examples in a step. */
  readonly batchSize: number
  /** Makes the data of the run. */
  data(context: RecipeContext): D | Promise<D>
  /** Makes the model, which may depend on the data (its classes, its words). */
  model(data: D): M | Promise<M>
  /** Makes the optimiser of the model's parameters. */
  optimizer(model: M): Optimizer
  /** The learning rate's factor after so many steps, given their number in all. */
  schedule?(steps: number): Factor
  /**
   * Output, loss, labels: by default scores of classes for the first field, and the right classes in the field "label".
   */
  readonly task?: Partial<Task>
  /** Measures besides the loss, by name. */
  readonly metrics?: Readonly<Record<string, Metric>>
  /** The measure of the validation that `--target` and a search mean, by its name; "accuracy" by default. */
  readonly measure?: string
  /** What else the training is told. */
  readonly fit?: RecipeFit
  /** Shape of an example of the first input, for `--summary`. */
  readonly inputShape?: readonly number[]
  /**
   * What the run writes at its end, by file names (which may have folders): the model first. The weights are always in
   * `weights.safetensors`.
   */
  files?(
    model: M,
    data: D,
  ): Readonly<Record<string, Uint8Array | string>> | Promise<Readonly<Record<string, Uint8Array | string>>>
  /** Measures an exported file, on test data of the recipe's own or on those that are given: `lanewise evaluate`. */
  evaluate?(session: InferenceSession, options: RecipeEvaluationOptions): Promise<RecipeEvaluation>
  /** Examples that the report shows as pictures. */
  samples?(model: M, data: D): readonly SamplePrediction[] | Promise<readonly SamplePrediction[]>
}

/** What an exported file is measured on. */
export interface RecipeEvaluationOptions {
  /** How many examples. */
  readonly count?: number
  /** What `--data` says: a folder, a file, a URL. */
  readonly data?: string
  /** The exported file. */
  readonly file?: string
}

/** What a recipe measured of an exported file. */
export interface RecipeEvaluation {
  /** For people. */
  readonly lines: readonly string[]
  /** For programs: JSON. */
  readonly figures: Readonly<Record<string, unknown>>
}

/**
 * A choice that a module with recipes leaves to the command line:
 * `export const options = { size: { type: 'string', value: 'N', help: 'examples to train on' } }`.
 */
export interface RecipeOption {
  /** Whether the option takes a text or is there or not. */
  readonly type: 'string' | 'boolean'
  /** How the value is shown in the help, e.g. "N". */
  readonly value?: string
  /** What it decides, in a few words. */
  readonly help: string
}

/** All that decides a training: what `lanewise train` reads from a module's default export. */
export type Recipe = PictureRecipe | TaskRecipe

/** Whether a recipe makes its data itself. @internal */
export function isTaskRecipe(recipe: Recipe): recipe is TaskRecipe {
  return typeof recipe.data === 'function'
}

const shared = ['title', 'data', 'seed', 'epochs', 'batchSize', 'model', 'optimizer', 'schedule']
const ofPictures = ['split', 'augment', 'weights']
const ofTasks = ['task', 'metrics', 'measure', 'fit', 'inputShape', 'files', 'evaluate', 'samples']
const fitOptions: readonly (keyof RecipeFit)[] = [
  'accumulate',
  'ema',
  'swa',
  'clipNorm',
  'earlyStopping',
  'keepBest',
  'evaluateEvery',
  'logEvery',
  'maxSteps',
  'onStep',
  'onEpoch',
]

/** @throws LanewiseError `E_VALUE` for what is no recipe, before anything is loaded or made. @internal */
export function checkRecipe(recipe: unknown, what = 'the recipe'): asserts recipe is Recipe {
  if (typeof recipe !== 'object' || recipe === null)
    throw new LanewiseError('E_VALUE', `${what} is none: it must be an object`)
  const given = recipe as Readonly<Record<string, unknown>>
  const task = typeof given.data === 'function'
  checkOptions(what, given, [...shared, ...(task ? ofTasks : ofPictures)])
  const isFunction = (name: string, needed: boolean) => {
    if (needed && typeof given[name] !== 'function')
      throw new LanewiseError('E_VALUE', `${what} has no function "${name}"`)
    if (given[name] !== undefined && typeof given[name] !== 'function')
      throw new LanewiseError('E_VALUE', `"${name}" of ${what} must be a function`)
  }
  for (const name of ['model', 'optimizer']) isFunction(name, true)
  for (const name of task ? ['schedule', 'files', 'evaluate', 'samples'] : ['schedule']) isFunction(name, false)
  if (typeof given.title !== 'string' || (!task && typeof given.data !== 'string'))
    throw new LanewiseError('E_VALUE', `${what} needs a title, and the name of its data or a function that makes them`)
  checkNumber(`seed of ${what}`, given.seed, {})
  checkNumber(`epochs of ${what}`, given.epochs, { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true })
  checkNumber(`batchSize of ${what}`, given.batchSize, { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true })
  if (given.augment !== undefined && !Array.isArray(given.augment))
    throw new LanewiseError('E_VALUE', `"augment" of ${what} must be a list`)
  if (given.weights !== undefined)
    checkWeightFormat(typeof given.weights === 'string' ? given.weights : JSON.stringify(given.weights))
  if (given.measure !== undefined && typeof given.measure !== 'string')
    throw new LanewiseError('E_VALUE', `"measure" of ${what} must be the name of one`)
  for (const name of ['task', 'metrics', 'fit'])
    if (given[name] !== undefined && (typeof given[name] !== 'object' || given[name] === null))
      throw new LanewiseError('E_VALUE', `"${name}" of ${what} must be an object`)
  if (given.fit !== undefined) checkOptions(`"fit" of ${what}`, given.fit as object, fitOptions)
}

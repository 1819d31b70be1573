import type { Fields } from '../data/dataset.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber, checkOptions, checkRecord, shown } from '../core/options.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Schedule } from '../optim/schedules.js'
import type { Checkpoints } from './checkpoints/checkpoint-file.js'
import type { Evaluation } from './evaluate.js'
import type { Metric } from './metrics.js'
import type { MetricsRecord } from './metrics-log.js'
import type { ProgressStream } from './progress.js'
import { checkTask, type Task } from './task.js'
import type { EarlyStopping, Watched } from './watch.js'

/** What a hook is told of a step that was made. */
export interface StepReport {
  /** Updates so far. */
  readonly step: number
  /** The epoch that is going on, from 1. */
  readonly epoch: number
  /** The loss of the step's batch. */
  readonly loss: number
  /** The norm of all gradients together, before clipping. */
  readonly gradNorm: number
  /** The learning rate of the step, that of the first group. */
  readonly lr: number
}

/** What a hook is told of an epoch that is over. */
export interface EpochReport {
  /** Updates so far. */
  readonly step: number
  /** The epoch that is over, from 1. */
  readonly epoch: number
  /** What the validation measured; undefined if there is none. */
  readonly validation: Evaluation | undefined
}

/** Whatever a hook returns is waited for; "stop" ends the run. */
export type HookResult = unknown

/** Everything that {@link fit} can be told. */
export interface FitOptions extends Partial<Task> {
  /** What updates the parameters: its groups say which are learned. */
  readonly optimizer: Optimizer
  /** Told of every step; its learning rates are those of the steps. */
  readonly schedule?: Schedule
  /** Passes over the data from where the data stands now; for a run that goes on (`resume`), from its beginning. */
  readonly epochs: number
  /** Stop after so many steps, counted likewise. */
  readonly maxSteps?: number
  /** Measured after every epoch. */
  readonly validation?: AsyncIterable<Fields> | Iterable<Fields>
  /** Steps between two validations, besides those after the epochs. */
  readonly evaluateEvery?: number
  /** Measured in every validation, besides loss and accuracy. */
  readonly metrics?: Readonly<Record<string, Metric>>
  /**
   * The run is over as soon as these measures of the validation are reached: accuracies and metrics at least (at most
   * where less is better), losses at most.
   */
  readonly target?: Readonly<Record<string, number | undefined>>
  /** The run is over when the validation no longer gets better. */
  readonly earlyStopping?: EarlyStopping
  /** The model ends with the weights of the best validation; with a folder they are also in `best.safetensors`. */
  readonly keepBest?: boolean | Watched
  /**
   * Batches whose gradients make one step: a batch as large as all of them together; 1 by default. What is left over at
   * the end of an epoch makes a step, too.
   */
  readonly accumulate?: number
  /**
   * An exponential mean of the weights, by the share of the old one (0.999): what is validated, and what the model ends
   * with.
   */
  readonly ema?: number
  /**
   * A plain mean of the weights after each epoch from this one on: what the model ends with (its running statistics are
   * means, too).
   */
  readonly swa?: { readonly fromEpoch: number }
  /** The largest norm of all gradients together; larger ones are scaled down. */
  readonly clipNorm?: number
  /** Called after every step. */
  readonly onStep?: (report: StepReport) => HookResult
  /** Called after every epoch and its validation. */
  readonly onEpoch?: (report: EpochReport) => HookResult
  /**
   * Where the run is kept: `metrics.jsonl`, `checkpoints/`, and what TensorBoard reads in `board/`. Without it nothing
   * is written.
   */
  readonly folder?: string
  /** Where checkpoints are kept instead of a folder: in a browser, or wherever {@link Checkpoints} puts them. */
  readonly checkpoints?: Checkpoints
  /**
   * Go on from the newest checkpoint of the folder or of `checkpoints`, if there is one; otherwise there must be none.
   */
  readonly resume?: boolean
  /** Steps between two checkpoints; one is saved after every epoch and when the run is stopped in any case. */
  readonly checkpointEvery?: number
  /** Steps between two records of the metrics; 50 by default. */
  readonly logEvery?: number
  /** Where progress is shown; nowhere by default. */
  readonly progress?: ProgressStream
  /** Stops the run after the step that is going on, saves it and returns. */
  readonly signal?: AbortSignal
  /** The same for Ctrl-C (SIGINT) and SIGTERM. Another one of either ends the process as usual. */
  readonly stopOnSignals?: boolean
}

/** What a run came to. */
export interface FitResult {
  /** Steps that the run has taken in all. */
  readonly steps: number
  /** What ended it. */
  readonly stopped: 'epochs' | 'steps' | 'target' | 'interrupted' | 'early' | 'hook'
  /** Which signal it was that interrupted it, if one did. */
  readonly signal?: 'SIGINT' | 'SIGTERM'
  /** What the last validation measured. */
  readonly validation: Evaluation | undefined
  /** The validation whose weights the model has, with `keepBest`. */
  readonly best?: Evaluation
  /** The records of the metrics of this call (and, from the folder, of those before it). */
  readonly history: readonly MetricsRecord[]
}

const known = [
  ...[
    'optimizer',
    'schedule',
    'epochs',
    'maxSteps',
    'validation',
    'evaluateEvery',
    'metrics',
    'target',
    'earlyStopping',
    'keepBest',
  ],
  ...[
    'accumulate',
    'ema',
    'swa',
    'clipNorm',
    'onStep',
    'onEpoch',
    'folder',
    'checkpoints',
    'resume',
    'checkpointEvery',
    'logEvery',
    'progress',
    'signal',
  ],
  'stopOnSignals',
]

/** @internal */
export function hasMethods(value: unknown, ...names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  return names.every((name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function')
}

const isFunction = (value: unknown) => typeof value === 'function'
const isSwitch = (value: unknown) => typeof value === 'boolean'
const isLooped = (value: unknown) =>
  typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)

/** What kind of thing an option is. */
const kinds: readonly (readonly [name: keyof FitOptions, kind: string, fits: (value: unknown) => boolean])[] = [
  ['output', 'a function', isFunction],
  ['loss', 'a function', isFunction],
  ['onStep', 'a function', isFunction],
  ['onEpoch', 'a function', isFunction],
  ['schedule', 'a Schedule (new Schedule(optimizer, factor))', (value) => hasMethods(value, 'step', 'restore')],
  ['signal', 'an AbortSignal', (value) => hasMethods(value, 'addEventListener', 'removeEventListener')],
  ['progress', 'something with a write()', (value) => hasMethods(value, 'write')],
  ['folder', 'a path', (value) => typeof value === 'string' && value !== ''],
  [
    'checkpoints',
    'something that keeps checkpoints',
    (value) => hasMethods(value, 'steps', 'save', 'latest', 'rewind'),
  ],
  ['validation', 'batches that can be looped over (a DataLoader, for one)', isLooped],
  ['resume', 'true or false', isSwitch],
  ['stopOnSignals', 'true or false', isSwitch],
  ['ignoreIndex', 'a whole number', Number.isInteger],
  ['classAxis', 'a whole number', Number.isInteger],
  ['label', 'the name of a field', (value) => typeof value === 'string'],
  ['mask', 'the name of a field', (value) => typeof value === 'string'],
  ['keepBest', 'true, false or an object', (value) => isSwitch(value) || hasMethods(value)],
]

/** Options that are objects of settings of their own. */
const watched = ['metric', 'mode']
const inner = { earlyStopping: [...watched, 'patience', 'minDelta'], keepBest: watched, swa: ['fromEpoch'] }

/**
 * @throws LanewiseError `E_VALUE` for options that do not exist or make no sense, before anything was done. @internal
 */
export function checkFitOptions(options: FitOptions): void {
  checkTask('fit', options, known)
  const { epochs, optimizer } = options
  if (typeof optimizer?.step !== 'function' || !Array.isArray(optimizer.groups))
    throw new LanewiseError('E_VALUE', 'fit needs an optimizer')
  checkNumber('epochs', epochs, { least: 0, whole: true })
  for (const [name, kind, fits] of kinds) {
    const value = options[name] as unknown
    if (value !== undefined && !fits(value))
      throw new LanewiseError('E_VALUE', `${name} must be ${kind}, got ${shown(value)}`, { actual: shown(value) })
  }
  for (const name of ['metrics', 'lossWeights', 'target', 'earlyStopping', 'swa'] as const)
    if (options[name] !== undefined) checkRecord(name, options[name])
  for (const [name, settings] of Object.entries(inner)) {
    const value: unknown = options[name as keyof typeof inner]
    if (typeof value !== 'object' || value === null) continue
    checkOptions(name, value, settings)
    const { mode, metric } = value as Watched
    if (mode !== undefined && mode !== 'min' && mode !== 'max')
      throw new LanewiseError('E_VALUE', `${name}.mode must be "min" or "max", got ${shown(mode)}`)
    if (metric !== undefined && typeof metric !== 'string')
      throw new LanewiseError('E_VALUE', `${name}.metric must be the name of a measure, got ${shown(metric)}`)
  }
  checkMetrics(options.metrics ?? {})
  if (options.folder !== undefined && options.checkpoints !== undefined)
    throw new LanewiseError('E_VALUE', 'a folder keeps its own checkpoints: give one of the two')
  const bounds = {
    maxSteps: { least: 0, whole: true },
    evaluateEvery: { least: 1, whole: true },
    accumulate: { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true },
    ema: { least: 0, most: 1 },
    clipNorm: { above: 0 },
    checkpointEvery: { least: 1, whole: true },
    logEvery: { least: 1, whole: true },
  } as const
  for (const [name, limits] of Object.entries(bounds)) {
    const value = options[name as keyof typeof bounds]
    if (value !== undefined) checkNumber(name, value, limits)
  }
  const { swa, ema, validation, earlyStopping, keepBest, target, evaluateEvery } = options
  if (swa) checkNumber('swa.fromEpoch', swa.fromEpoch, { least: 1, most: epochs, whole: true })
  if (swa && ema !== undefined)
    throw new LanewiseError('E_VALUE', 'ema and swa are two means of the weights: choose one')
  if (earlyStopping) {
    checkNumber('earlyStopping.patience', earlyStopping.patience ?? 3, { least: 1, whole: true })
    checkNumber('earlyStopping.minDelta', earlyStopping.minDelta ?? 0, { least: 0 })
  }
  for (const [name, value] of Object.entries(target ?? {}))
    if (value !== undefined) checkNumber(`target.${name}`, value, {})
  const needs = Object.entries({ earlyStopping, keepBest, target, evaluateEvery }).find(
    ([, value]) => value !== undefined && value !== false,
  )
  if (needs && !validation) throw new LanewiseError('E_VALUE', `${needs[0]} needs a validation`)
  // What is known to be empty is said before weights change.
  const { length, batches = length } = (validation ?? {}) as { readonly length?: unknown; readonly batches?: unknown }
  if (batches === 0) throw new LanewiseError('E_VALUE', 'the validation has no batches')
}

/**
 * @throws LanewiseError `E_VALUE` for a metric that is none, or that would stand under the name of something else that
 *   is measured. @internal
 */
export function checkMetrics(metrics: Readonly<Record<string, Metric>>): void {
  checkRecord('metrics', metrics)
  for (const [name, metric] of Object.entries(metrics)) {
    if (!hasMethods(metric, 'start'))
      throw new LanewiseError('E_VALUE', `the metric "${name}" has no start()`, { actual: shown(metric) })
    if (name === 'loss' || name === 'accuracy' || name.startsWith('loss/'))
      throw new LanewiseError('E_VALUE', `"${name}" is measured in any case: give the metric another name`, {
        actual: name,
      })
  }
}

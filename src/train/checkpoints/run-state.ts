// What a checkpoint of a run says, and by which names its tensors go.
import type { RandomState } from '../../core/random.js'
import type { LoaderState } from '../../data/loader.js'
import type { OptimizerState } from '../../optim/optimizer.js'
import type { Evaluation } from '../evaluate.js'
import type { WatchState } from '../watch.js'

/** Sums since the last record. */
interface Window {
  examples: number
  loss: number
  right: number
  /** Labels that counted. */
  labels?: number
  gradNorm?: number
  steps?: number
}

/** What a checkpoint keeps besides tensors. */
export interface RunState {
  readonly loader: LoaderState
  readonly random: RandomState
  readonly optimizer: OptimizerState['settings']
  /** The names of the optimiser's parameters, in its order: its moments go by their places. */
  readonly learned?: readonly string[]
  readonly schedule: number | null
  readonly window: Window
  readonly firstEpoch?: number
  readonly averages?: number
  readonly best?: WatchState
  readonly bestValidation?: Evaluation | null
  readonly stopping?: WatchState
}

export const MODEL = 'model.'
export const OPTIMIZER = 'optimizer.'
export const AVERAGE = 'average.'
export const BEST = 'best.'
export const noWindow = (): Window => ({ examples: 0, loss: 0, right: 0, labels: 0, gradNorm: 0, steps: 0 })

export function prefixedMap<T>(prefix: string, map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].map(([name, value]) => [prefix + name, value])
}

export function withoutPrefix<T>(prefix: string, map: ReadonlyMap<string, T>): Map<string, T> {
  return new Map(
    [...map].flatMap(([name, value]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), value]] : [])),
  )
}

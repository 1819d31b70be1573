import { LanewiseError } from '../core/errors.js'
import type { Metric } from './metrics.js'

/** A measure of the validation: "loss", "accuracy", "loss/NAME" or the name of a metric, and which way is better. */
export interface Watched {
  /** "loss" by default. */
  readonly metric?: string
  /** By default `min` for losses, and what the metric says. */
  readonly mode?: 'min' | 'max'
}

/** Ends a run whose validation no longer gets better. */
export interface EarlyStopping extends Watched {
  /** Validations in a row without improvement after which it ends; 3 by default. */
  readonly patience?: number
  /** What counts as an improvement; 0 by default. */
  readonly minDelta?: number
}

/** Whether more of a measure is better: what the metric says; of the others, accuracies. @internal */
export function higherIsBetter(name: string, metrics: Readonly<Record<string, Metric>>): boolean {
  return Object.hasOwn(metrics, name) ? (metrics[name].higherIsBetter ?? true) : name === 'accuracy'
}

/** Where a watch stands; JSON. @internal */
export interface WatchState {
  readonly best: number | null
  readonly since: number
}

/** Knows the best of a measure so far. @internal */
export class Watch {
  private best: number | undefined
  /** Measures since the best. */
  since = 0
  private readonly metric: string
  private readonly sign: number

  constructor(
    { metric = 'loss', mode }: Watched,
    metrics: Readonly<Record<string, Metric>>,
    private readonly minDelta = 0,
  ) {
    this.metric = metric
    this.sign = (mode ?? (higherIsBetter(metric, metrics) ? 'max' : 'min')) === 'max' ? 1 : -1
  }

  /** Whether these are better than all before. @throws LanewiseError `E_VALUE` if the measure is not among them. */
  improves(measures: Readonly<Record<string, number>>): boolean {
    if (!Object.hasOwn(measures, this.metric))
      throw new LanewiseError('E_VALUE', `"${this.metric}" was not measured, only ${Object.keys(measures).join(', ')}`)
    const value = measures[this.metric]
    const better = !Number.isNaN(value) && (this.best === undefined || this.sign * (value - this.best) > this.minDelta)
    if (better) this.best = value
    this.since = better ? 0 : this.since + 1
    return better
  }

  state(): WatchState {
    return { best: this.best ?? null, since: this.since }
  }

  restore({ best, since }: WatchState): void {
    this.best = best ?? undefined
    this.since = since
  }
}

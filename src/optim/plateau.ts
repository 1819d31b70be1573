import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import type { Optimizer } from './optimizer.js'

/** When {@link ReduceOnPlateau} lowers the rates, and how far. */
export interface PlateauOptions {
  /** Whether a smaller (`min`, the default) or a larger metric is better. */
  readonly mode?: 'min' | 'max'
  /** What rates are multiplied by. */
  readonly factor?: number
  /** So many calls without an improvement are waited for. */
  readonly patience?: number
  /** An improvement is one by more than this: a share of the best, or with `thresholdMode` `abs` a number. */
  readonly threshold?: number
  /** Whether `threshold` is a share of the best (`rel`, the default) or a number (`abs`). */
  readonly thresholdMode?: 'rel' | 'abs'
  /** Calls after a reduction in which nothing counts. */
  readonly cooldown?: number
  /** No rate falls below it. */
  readonly minLr?: number
}

/** Where a {@link ReduceOnPlateau} stands; JSON. */
export interface PlateauState {
  /** The best value so far; null before the first. */
  readonly best: number | null
  /** Calls without an improvement since. */
  readonly bad: number
  /** Calls that are still to be ignored after a reduction. */
  readonly cooling: number
}

/** Lowers the learning rates once a metric has stopped improving: call {@link step} with it after every evaluation. */
export class ReduceOnPlateau {
  private best: number | undefined
  private bad = 0
  private cooling = 0
  private readonly options: Required<PlateauOptions>

  /** @throws LanewiseError `E_VALUE` for a factor that does not lower, or a patience that is negative. */
  constructor(
    private readonly optimizer: Optimizer,
    options: PlateauOptions = {},
  ) {
    checkArguments(new.target.name, { optimizer, options }, 'optimizer', {
      mode: 'string',
      factor: 'number',
      patience: 'number',
      threshold: 'number',
      thresholdMode: 'string',
      cooldown: 'number',
      minLr: 'number',
    })

    const defaults = {
      mode: 'min',
      factor: 0.1,
      patience: 10,
      threshold: 1e-4,
      thresholdMode: 'rel',
      cooldown: 0,
      minLr: 0,
    } as const
    this.options = { ...defaults, ...options }
    const { factor, patience, cooldown } = this.options
    if (!(factor >= 0 && factor < 1))
      throw new LanewiseError('E_VALUE', `a factor must be within [0, 1), got ${factor}`)
    if (!(patience >= 0 && cooldown >= 0))
      throw new LanewiseError('E_VALUE', 'patience and cooldown must not be negative')
  }

  /**
   * Notes a metric. @returns whether the rates were lowered. @throws LanewiseError `E_VALUE` for a metric that is no
   * number.
   */
  step(metric: number): boolean {
    if (Number.isNaN(metric)) throw new LanewiseError('E_VALUE', 'the metric is no number')
    if (this.best === undefined || this.improves(metric, this.best)) {
      this.best = metric
      this.bad = 0
    } else {
      this.bad++
    }
    if (this.cooling > 0) {
      this.cooling--
      this.bad = 0
    }
    const { patience, factor, cooldown, minLr } = this.options
    if (this.bad <= patience) return false
    for (const group of this.optimizer.groups) group.lr = Math.max(group.lr * factor, minLr)
    this.cooling = cooldown
    this.bad = 0
    return true
  }

  private improves(metric: number, best: number): boolean {
    const { mode, threshold, thresholdMode } = this.options
    const sign = mode === 'min' ? -1 : 1
    const bound = thresholdMode === 'abs' ? best + sign * threshold : best * (1 + sign * threshold)
    return mode === 'min' ? metric < bound : metric > bound
  }

  /** What {@link restore} needs to go on from here. Rates are the optimiser's to keep. */
  state(): PlateauState {
    return { best: this.best ?? null, bad: this.bad, cooling: this.cooling }
  }

  /** Goes on from where another one stood; returns itself. */
  restore({ best, bad, cooling }: PlateauState): this {
    this.best = best ?? undefined
    this.bad = bad
    this.cooling = cooling
    return this
  }
}

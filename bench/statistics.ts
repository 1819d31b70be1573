/** Times of one runner in milliseconds per run, summed up. */
export interface Summary {
  readonly median: number
  readonly min: number
  /** Half the distance between the quartiles, as a share of the median. */
  readonly spread: number
  readonly samples: number
}

/** A quotient of medians, and how far it could be off by noise. */
export interface Ratio {
  readonly ratio: number
  readonly noise: number
}

function quantile(sorted: readonly number[], q: number): number {
  const at = (sorted.length - 1) * q
  const low = Math.floor(at)
  const high = Math.min(low + 1, sorted.length - 1)
  return sorted[low] + (sorted[high] - sorted[low]) * (at - low)
}

export { median } from '../src/core/table.js'

export function summarize(values: readonly number[]): Summary {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = quantile(sorted, 0.5)
  const spread = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 2 / middle
  return { median: middle, min: sorted[0], spread, samples: sorted.length }
}

/**
 * How many times slower `slow` is than `fast`: the median of the quotients of neighbours in time, so that a slow spell
 * of the machine, which hits both, cancels. The noise is that of the median (1.25 σ/√n, σ from the quartiles).
 */
export function pairedRatio(slow: readonly number[], fast: readonly number[]): Ratio {
  const quotients = Array.from({ length: Math.min(slow.length, fast.length) }, (_, i) => slow[i] / fast[i])
  const { median: ratio, spread, samples } = summarize(quotients)
  return { ratio, noise: (1.25 * spread) / 0.6745 / Math.sqrt(samples) }
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length)
}

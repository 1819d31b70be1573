import { LanewiseError } from '../core/errors.js'

/**
 * How the range of an activation is chosen from what calibration has seen. `minmax`: all of it. `percentile`: without
 * the share of the largest and least values that `percentile` says. `mse`: the range with the least expected squared
 * error of rounding and clipping. `entropy`: the range whose 256 levels tell most of the distribution (Kullback–Leibler
 * divergence, as TensorRT calibrates).
 */
export type RangeMethod = 'minmax' | 'percentile' | 'entropy' | 'mse'

export type Range = readonly [low: number, high: number]

/** Bins of a histogram: even, and many more than there are levels. */
const BINS = 4096
const LEVELS = 256
/** Candidates for a range: shares of the whole, down to this. */
const CANDIDATES = 80
const LEAST_SHARE = 0.2

/**
 * The values of one tensor over all calibration data: ends, and a histogram around 0 that doubles its width when a
 * value does not fit.
 */
export class Distribution {
  low = Infinity
  high = -Infinity
  /** Values seen. */
  count = 0
  private bins = new Float64Array(BINS)
  private reach = 0

  /** @throws LanewiseError `E_VALUE` for values that are not finite. */
  add(name: string, values: Float32Array, histogram: boolean): void {
    let [low, high] = [this.low, this.high]
    for (const value of values) {
      if (value < low) low = value
      if (value > high) high = value
      if (!Number.isFinite(value))
        throw new LanewiseError('E_VALUE', `the calibration data make "${name}" ${value}: that has no range`, {
          tensor: name,
          expected: 'finite values',
          actual: String(value),
        })
    }
    ;[this.low, this.high] = [low, high]
    this.count += values.length
    if (!histogram || values.length === 0) return
    this.widen(Math.max(-low, high))
    const { bins } = this
    const factor = BINS / 2 / this.reach
    // 0 is a level of every range and has no error.
    for (const value of values) if (value !== 0) bins[Math.min(BINS - 1, Math.floor(value * factor) + BINS / 2)]++
  }

  /** What of the range a method keeps, 0 always in it. */
  range(method: RangeMethod, percentile: number): Range {
    const whole: Range = [Math.min(0, this.low), Math.max(0, this.high)]
    if (method === 'minmax' || this.reach === 0 || whole[0] === whole[1]) return whole
    if (method === 'percentile') return this.between((100 - percentile) / 100, whole)
    let best: Range = whole
    let least = Infinity
    for (let i = 0; i < CANDIDATES; i++) {
      const share = 1 - ((1 - LEAST_SHARE) * i) / CANDIDATES
      const candidate: Range = [whole[0] * share, whole[1] * share]
      const cost = method === 'mse' ? this.squaredError(candidate) : this.divergence(candidate)
      if (cost < least) [best, least] = [candidate, cost]
    }
    return best
  }

  /** Two bins become one, as often as needed for all values to fit. */
  private widen(most: number): void {
    // A power of two, so that bins fall together when it doubles.
    if (this.reach === 0 && most > 0) this.reach = 2 ** Math.ceil(Math.log2(most))
    while (this.reach < most) {
      const half = BINS / 2
      const wider = new Float64Array(BINS)
      for (let i = 0; i < BINS; i++) wider[half + Math.floor((i - half) / 2)] += this.bins[i]
      this.bins = wider
      this.reach *= 2
    }
  }

  private centre(bin: number): number {
    return ((bin + 0.5 - BINS / 2) / (BINS / 2)) * this.reach
  }

  /** Without so large a share of the values, half of it at each end that has any. */
  private between(share: number, [low, high]: Range): Range {
    const drop = (share * this.count) / (low < 0 && high > 0 ? 2 : 1)
    const edge = (bin: number) => ((bin - BINS / 2) / (BINS / 2)) * this.reach
    let [first, last] = [0, BINS - 1]
    for (let seen = this.bins[0]; seen <= drop && first < BINS / 2;) seen += this.bins[++first]
    for (let seen = this.bins[last]; seen <= drop && last >= BINS / 2;) seen += this.bins[--last]
    return [Math.max(low, Math.min(0, edge(first))), Math.min(high, Math.max(0, edge(last + 1)))]
  }

  private squaredError([low, high]: Range): number {
    const step = (high - low) / (LEVELS - 1)
    let sum = 0
    for (let i = 0; i < BINS; i++) {
      const n = this.bins[i]
      if (n === 0) continue
      const x = this.centre(i)
      const beyond = x < low ? low - x : x > high ? x - high : 0
      sum += n * (beyond > 0 ? beyond * beyond : (step * step) / 12)
    }
    return sum
  }

  /** Of the distribution, what lies beyond the range at its ends, from the one that 256 levels can tell. */
  private divergence([low, high]: Range): number {
    const levelOf = (x: number) => Math.min(LEVELS - 1, Math.max(0, Math.floor(((x - low) / (high - low)) * LEVELS)))
    const inside: number[] = []
    const levels = new Float64Array(LEVELS)
    const used = new Float64Array(LEVELS)
    for (let i = 0; i < BINS; i++) {
      const x = this.centre(i)
      if (x < low || x > high) continue
      inside.push(i)
      levels[levelOf(x)] += this.bins[i]
      if (this.bins[i] > 0) used[levelOf(x)]++
    }
    if (inside.length === 0) return Infinity
    const clipped = new Map(inside.map((bin) => [bin, this.bins[bin]]))
    const [first, last] = [inside[0], inside[inside.length - 1]]
    for (let i = 0; i < first; i++) clipped.set(first, (clipped.get(first) ?? 0) + this.bins[i])
    for (let i = last + 1; i < BINS; i++) clipped.set(last, (clipped.get(last) ?? 0) + this.bins[i])
    let [total, kept] = [0, 0]
    for (const bin of inside) {
      total += clipped.get(bin) ?? 0
      kept += this.bins[bin]
    }
    let sum = 0
    for (const bin of inside) {
      const p = (clipped.get(bin) ?? 0) / total
      if (p === 0) continue
      const level = levelOf(this.centre(bin))
      // A bin that only clipped values fill has no share of any level.
      const q = this.bins[bin] > 0 && kept > 0 ? levels[level] / used[level] / kept : 1e-12
      sum += p * Math.log(p / q)
    }
    return sum
  }
}

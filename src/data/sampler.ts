import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { log } from '../core/scalar-functions.js'
import type { Random } from '../core/random.js'

/** Which examples an epoch takes, in which order. */
export interface Sampler {
  /** How many it takes. */
  readonly length: number
  /** Their places. All that is random must come from `random`, which the loader makes again for every epoch. */
  order(random: Random): ArrayLike<number>
}

/** Every example, from the first to the last. */
export class SequentialSampler implements Sampler {
  constructor(readonly length: number) {
    checkArguments(new.target.name, { length }, 'number')
  }

  order(): ArrayLike<number> {
    return Uint32Array.from({ length: this.length }, (_, i) => i)
  }
}

/**
 * Every batch goes on where the one before ended: the examples are cut into as many stretches as a batch has rows, and
 * row i walks through stretch i. For windows of a long text, in the order in which they are read. Examples that are
 * left over are not taken.
 */
export class ParallelSampler implements Sampler {
  readonly length: number

  /** @throws LanewiseError `E_VALUE` unless `batchSize` is a whole number from 1 to the number of examples. */
  constructor(
    examples: number,
    private readonly batchSize: number,
  ) {
    checkArguments(new.target.name, { examples, batchSize }, 'number', 'number')
    if (!(Number.isInteger(batchSize) && batchSize >= 1 && batchSize <= examples))
      throw new LanewiseError('E_VALUE', `${examples} examples cannot be read in ${batchSize} stretches`)
    this.length = examples - (examples % batchSize)
  }

  order(): ArrayLike<number> {
    const stretch = this.length / this.batchSize
    return Uint32Array.from(
      { length: this.length },
      (_, i) => (i % this.batchSize) * stretch + Math.floor(i / this.batchSize),
    )
  }
}

/** Every example once, in random order; with replacement, `count` times any of them. */
export class RandomSampler implements Sampler {
  readonly length: number
  private readonly replacement: boolean

  /** @throws LanewiseError `E_VALUE` for more than there are without replacement. */
  constructor(
    private readonly examples: number,
    options: { readonly replacement?: boolean; readonly count?: number } = {},
  ) {
    checkArguments(new.target.name, { examples, options }, 'number', { replacement: 'boolean', count: 'number' })
    const { replacement = false, count = examples } = options

    if (!replacement && count > examples)
      throw new LanewiseError('E_VALUE', `${count} of ${examples} examples cannot be drawn without replacement`)
    this.replacement = replacement
    this.length = count
  }

  order(random: Random): ArrayLike<number> {
    if (this.replacement) return Uint32Array.from({ length: this.length }, () => random.integer(this.examples))
    return random.permutation(this.examples).subarray(0, this.length)
  }
}

/**
 * Examples with probabilities in proportion to weights: rare classes more often, say. With replacement (the default) by
 * the alias method (Vose 1991); without, by the keys of Efraimidis and Spirakis (2006).
 */
export class WeightedRandomSampler implements Sampler {
  readonly length: number
  private readonly weights: Float64Array
  private readonly replacement: boolean

  /**
   * @throws LanewiseError `E_VALUE` for a weight that is negative or not finite, for weights that are all 0, or for
   *   more than there are without replacement.
   */
  constructor(weights: ArrayLike<number>, count: number, options: { readonly replacement?: boolean } = {}) {
    checkArguments(new.target.name, { weights, count, options }, 'list|bytes', 'size', { replacement: 'boolean' })
    const { replacement = true } = options

    this.weights = Float64Array.from(weights)
    this.length = count
    this.replacement = replacement
    if (!this.weights.every((weight) => weight >= 0 && weight < Infinity))
      throw new LanewiseError('E_VALUE', 'a weight must be finite and not negative')
    const some = this.weights.filter((weight) => weight > 0).length
    if (some === 0) throw new LanewiseError('E_VALUE', 'at least one weight must be above 0')
    if (!replacement && count > some)
      throw new LanewiseError(
        'E_VALUE',
        `${count} examples cannot be drawn without replacement: ${some} have a weight above 0`,
      )
  }

  order(random: Random): ArrayLike<number> {
    const { weights, length } = this
    if (!this.replacement) {
      const keys = weights.map((weight) => (weight > 0 ? log(1 - random.uniform()) / weight : -Infinity))
      return Uint32Array.from(weights, (_, i) => i)
        .sort((a, b) => keys[b] - keys[a] || a - b)
        .subarray(0, length)
    }
    const count = weights.length
    const total = weights.reduce((a, b) => a + b, 0)
    const scaled = weights.map((weight) => (weight * count) / total)
    const alias = Uint32Array.from(weights, (_, i) => i)
    const small: number[] = []
    const large: number[] = []
    scaled.forEach((share, i) => (share < 1 ? small : large).push(i))
    while (large.length > 0) {
      const low = small.pop()
      if (low === undefined) break
      const high = large[large.length - 1]
      alias[low] = high
      scaled[high] -= 1 - scaled[low]
      if (scaled[high] < 1) {
        large.pop()
        small.push(high)
      }
    }
    // Rounding may leave some small ones behind that should be exactly 1, but never one of weight 0.
    for (const i of small) if (weights[i] > 0) scaled[i] = 1
    return Uint32Array.from({ length }, () => {
      const i = random.integer(count)
      return random.uniform() < scaled[i] ? i : alias[i]
    })
  }
}

// What a quantised model has lost, and what it has won.
import type { Feeds } from '../api/feeds.js'
import type { InferenceSession } from '../api/session.js'
import { median } from '../core/table.js'
import { numbersOf } from '../ops/shared/scalar-floats.js'
import { tensorOf } from './prepare.js'

/** How far a value of the quantised model is from the float32 one, over all examples. */
export interface Difference {
  /**
   * Root mean square of the difference by that of the float32 values; 0 for the same, Infinity where only the float32
   * values are 0.
   */
  readonly relative: number
  /** The largest |a − b|. */
  readonly largest: number
  /** The largest |value| in float32. */
  readonly scale: number
}

class Sum {
  private error = 0
  private power = 0
  private largest = 0
  private scale = 0

  add(values: ArrayLike<number>, reference: ArrayLike<number>): void {
    for (let i = 0; i < reference.length; i++) {
      const difference = values[i] - reference[i]
      // Infinities and NaN that both have are the same.
      if (values[i] === reference[i] || (Number.isNaN(values[i]) && Number.isNaN(reference[i]))) {
        if (Number.isFinite(reference[i])) this.power += reference[i] ** 2
      } else {
        this.error += difference ** 2
        this.power += reference[i] ** 2
        this.largest = Math.max(this.largest, Number.isNaN(difference) ? Infinity : Math.abs(difference))
      }
      if (Number.isFinite(reference[i])) this.scale = Math.max(this.scale, Math.abs(reference[i]))
    }
  }

  get result(): Difference {
    const { error, power, largest, scale } = this
    const relative = error === 0 ? 0 : Math.sqrt(error / power)
    return { relative: Number.isNaN(relative) ? Infinity : relative, largest, scale }
  }
}

/** Values of the float32 model by example and name: what others are compared with. */
export type References = readonly ReadonlyMap<string, ArrayLike<number>>[]

/** The numbers of some values for every example. */
export async function referencesOf(
  session: InferenceSession,
  examples: readonly Feeds[],
  names: readonly string[],
): Promise<References> {
  const all: Map<string, ArrayLike<number>>[] = []
  for (const feeds of examples) {
    const results = await session.run(feeds, names)
    const numbers = new Map<string, ArrayLike<number>>()
    for (const name of names) {
      const tensor = tensorOf(results[name], name)
      if (tensor && tensor.dtype !== 'string') numbers.set(name, numbersOf(tensor))
    }
    all.push(numbers)
  }
  return all
}

/** How far values of a model are from those of another, by their names. */
export async function differencesFrom(
  references: References,
  session: InferenceSession,
  examples: readonly Feeds[],
  names: readonly string[],
): Promise<Map<string, Difference>> {
  const sums = new Map<string, Sum>()
  for (const [i, numbers] of (await referencesOf(session, examples, names)).entries())
    for (const [name, values] of numbers) {
      const reference = references[i]?.get(name)
      if (!reference || reference.length !== values.length) continue
      const sum = sums.get(name) ?? new Sum()
      sum.add(values, reference)
      sums.set(name, sum)
    }
  return new Map([...sums].map(([name, sum]) => [name, sum.result]))
}

/** Times of two models on the same inputs, in turns. */
export interface Speed {
  /** Medians in milliseconds. */
  readonly floatMs: number
  /** Median of the quantised model in milliseconds. */
  readonly quantizedMs: number
  /** Median of the ratios of neighbouring runs: above 1 the quantised model is quicker. */
  readonly ratio: number
  /** How many runs of each were timed. */
  readonly rounds: number
}

const WARM_UP = 2
const LEAST_ROUNDS = 5
const MOST_ROUNDS = 200

/** @param budgetMs - how long to measure; 5 rounds at least. */
export async function speedOf(
  float: InferenceSession,
  quantized: InferenceSession,
  examples: readonly Feeds[],
  budgetMs: number,
): Promise<Speed> {
  const times: [number[], number[]] = [[], []]
  let spent = 0
  for (let round = -WARM_UP; round < LEAST_ROUNDS || (spent < budgetMs && round < MOST_ROUNDS); round++) {
    const feeds = examples[(round + WARM_UP) % examples.length]
    for (const [k, session] of [float, quantized].entries()) {
      const start = performance.now()
      await session.run(feeds)
      const ms = performance.now() - start
      spent += ms
      if (round >= 0) times[k].push(ms)
    }
  }
  const [floats, quantizeds] = times
  return {
    floatMs: median(floats),
    quantizedMs: median(quantizeds),
    ratio: median(floats.map((ms, i) => ms / quantizeds[i])),
    rounds: floats.length,
  }
}

import { LanewiseError } from './errors.js'
import { Generator } from './generator.js'

/** All that decides which numbers come next: four words of 32 bits. */
export type RandomState = readonly [number, number, number, number]

/** Spreads a word over all of its bits (the finaliser of MurmurHash3, Appleby 2011). */
function mixed(word: number): number {
  let z = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
  return (z ^ (z >>> 16)) >>> 0
}

const words = new DataView(new ArrayBuffer(8))

/**
 * The seeded generator of everything that is random in training: shuffling, augmentation, initial weights, masks. It is
 * the one of the random operators (xoshiro128**; normal numbers by Box and Muller over logarithms and cosines that
 * every engine rounds alike), so a seed gives the same numbers on every machine.
 *
 * @example
 * import { Random } from 'lanewise/train'
 *
 * const random = new Random(7)
 * const order = random.permutation(60_000)
 * console.log(order.length)
 */
export class Random extends Generator {
  static override readonly name = 'Random'
  /**
   * A generator for one place of a run, such as (seed, epoch, sample): what it draws does not depend on what was drawn
   * elsewhere, so that a resumed run need not repeat anything.
   */
  static at(seed: number, ...place: readonly number[]): Random {
    const random = new Random(seed)
    const state = random['state']
    for (const part of place) {
      words.setFloat64(0, part)
      const [high, low] = [words.getUint32(0), words.getUint32(4)]
      for (let i = 0; i < 4; i++)
        state[i] = mixed(Math.imul(state[i], 5) + mixed(low + Math.imul(i + 1, 0x9e3779b9)) + mixed(high ^ (i + 1)))
    }
    // Xoshiro stays at four zeros for ever.
    if (state.every((word) => word === 0)) state[0] = 1
    return random
  }

  /** A number in [low, high). */
  between(low: number, high: number): number {
    return low + (high - low) * this.uniform()
  }

  /**
   * A whole number in [0, below). @throws LanewiseError `E_VALUE` unless `below` is a whole number from 1 to 2^53 − 1.
   */
  integer(below: number): number {
    if (!Number.isSafeInteger(below) || below < 1)
      throw new LanewiseError('E_VALUE', `a whole number below ${below} cannot be drawn`)
    return Math.floor(this.uniform() * below)
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.uniform() < probability
  }

  /** Shuffles in place (Fisher and Yates; Durstenfeld 1964) and returns the array. */
  shuffle<T extends { [index: number]: unknown; readonly length: number }>(items: T): T {
    for (let i = items.length - 1; i > 0; i--) {
      const k = this.integer(i + 1)
      const item = items[i]
      items[i] = items[k]
      items[k] = item
    }
    return items
  }

  /** The numbers 0 … count − 1 in random order. */
  permutation(count: number): Uint32Array {
    return this.shuffle(Uint32Array.from({ length: count }, (_, i) => i))
  }

  /** What {@link restore} needs to go on from here; plain numbers, so that it can stand in JSON. */
  save(): RandomState {
    const [a, b, c, d] = this.state
    return [a, b, c, d]
  }

  /**
   * Goes on where {@link save} was called. @throws LanewiseError `E_STATE` for anything but four words that are not
   * all 0.
   */
  restore(state: RandomState): this {
    const valid =
      Array.isArray(state) &&
      state.length === 4 &&
      state.every((word) => Number.isInteger(word) && word >= 0 && word < 2 ** 32)
    if (!valid || state.every((word) => word === 0))
      throw new LanewiseError('E_STATE', `this is no state of a random generator: ${JSON.stringify(state)}`)
    this.state.set(state)
    return this
  }
}

import { present } from '../../core/errors.js'
import type { Graph, Value } from '../../ir/graph.js'

/** A size that an input leaves open: its name, or a key of its own where it has none. */
type Size = string | { readonly value: Value; readonly axis: number }
/** What every free size is taken to be. */
export type Setting = ReadonlyMap<Size, number>

/**
 * Sizes so different that what is the same for all of them is fixed: nothing is left of 0, 1 is broadcast and squeezed,
 * slices and windows have a few elements or thousands. All above 1 are primes: nothing divides them by accident.
 */
export const WIDE: readonly number[] = [0, 1, 7, 1009, 65537, 16777259]
/** What the least and the largest trial must be for a size to have been tried widely. */
export const NARROWEST = 1
export const WIDEST = 1009
/** Far from any size a model fixes, so that a match is no accident. */
const LARGE = 97
/** A model may be free up to some size only: a table of positions has an end. */
const SMALL = 2
/** Sizes of different names may have to agree. */
const ALIKE = [7, 1009]

/**
 * Settings, by their places in {@link settingsOf}, that tell every size from every other: a node that takes both of a
 * pair sets no condition.
 */
export const PAIRS: readonly (readonly [number, number])[] = [
  [0, 1],
  [2, 3],
]

/** The sizes that a graph's inputs leave open. */
export function freeSizes(graph: Graph): Size[] {
  const sizes = new Set<Size>()
  for (const value of graph.inputs)
    value.declared?.shape?.forEach((size, axis) => {
      if (typeof size !== 'number') sizes.add(size ?? { value, axis })
    })
  return [...sizes]
}

/** Numbers for every size, many times: large, small, of each from 0 to millions, and the same for all. */
export function settingsOf(free: readonly Size[]): Setting[] {
  if (free.length === 0) return [new Map()]
  const set = (numbers: (i: number) => number): Setting => new Map(free.map((size, i) => [size, numbers(i)]))
  const settings = [...differing(free, LARGE), ...differing(free, SMALL)]
  // Each of two sizes is the larger one now and then.
  for (let turn = 0; turn < WIDE.length; turn++)
    settings.push(set((i) => present(WIDE.at((turn % 2 ? turn - i : turn + i) % WIDE.length), 'a size')))
  for (const size of ALIKE) settings.push(set(() => size))
  const seen = new Set<string>()
  // The pairs have their places; of the rest each is taken once.
  return settings.filter((setting, i) => {
    const key = [...setting.values()].join()
    if (seen.has(key)) return i < 2 * PAIRS.length
    seen.add(key)
    return true
  })
}

/**
 * Two numbers for every size, no two pairs with the same difference: what is a constant more than one size must not
 * look like another.
 */
function differing(free: readonly Size[], from: number): Setting[] {
  const primes = primesFrom(from, 4 * free.length + 4)
  return [(i: number) => i, (i: number) => free.length + 3 * i].map(
    (place) => new Map(free.map((size, i) => [size, primes[place(i)]])),
  )
}

/**
 * A number for a size that follows from others in a way that is not known: `index` counts such sizes, which must not
 * look like each other.
 */
export function unrelated(index: number, setting: number): number {
  return WIDE[(5 * setting + 2) % WIDE.length] + 11 + 13 * index
}

function primesFrom(from: number, count: number): number[] {
  const primes: number[] = []
  for (let n = from; primes.length < count; n++) {
    let prime = n > 1
    for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0
    if (prime) primes.push(n)
  }
  return primes
}

import { LanewiseError } from '../../core/errors.js'
import { exp, log } from '../../core/scalar-functions.js'
import { Random } from '../../core/random.js'

/** A value of a parameter. */
export type ParameterValue = number | string | boolean

/** What a trial is made with. */
export type Parameters = Readonly<Record<string, ParameterValue>>

/** Where values of a parameter come from: a list, or a range: evenly, evenly in the logarithm, or whole numbers. */
export type Range =
  | readonly ParameterValue[]
  | { readonly uniform: readonly [number, number] }
  | { readonly log: readonly [number, number] }
  | { readonly int: readonly [number, number] }

/** Ranges by the names of parameters. */
export type SearchSpace = Readonly<Record<string, Range>>

const kinds = ['uniform', 'log', 'int'] as const

/** @throws LanewiseError `E_VALUE` naming the parameter whose range is none. */
export function checkSpace(space: unknown): asserts space is SearchSpace {
  const fail = (reason: string): never => {
    throw new LanewiseError('E_VALUE', `search space: ${reason}`)
  }
  if (typeof space !== 'object' || space === null || Array.isArray(space)) return fail('it must be an object of ranges')
  if (Object.keys(space).length === 0) fail('there are no parameters')
  for (const [name, range] of Object.entries(space as Readonly<Record<string, unknown>>)) {
    if (Array.isArray(range)) {
      if (range.length === 0 || !range.every((value) => ['number', 'string', 'boolean'].includes(typeof value)))
        fail(`"${name}" must list numbers, texts or truth values`)
      continue
    }
    const given = Object.entries(range ?? {})
    const [kind, bounds] = given[0] ?? []
    const [low, high] = Array.isArray(bounds) ? (bounds as unknown[]) : []
    const fine =
      given.length === 1 &&
      kinds.includes(kind as 'int') &&
      (bounds as unknown[]).length === 2 &&
      typeof low === 'number' &&
      typeof high === 'number' &&
      Number.isFinite(low) &&
      Number.isFinite(high) &&
      low <= high &&
      (kind !== 'log' || low > 0) &&
      (kind !== 'int' || (Number.isInteger(low) && Number.isInteger(high)))
    if (!fine) fail(`"${name}" must be a list, or one of { "uniform": [low, high] }, { "log": … }, { "int": … }`)
  }
}

/** The parameters of trial `index`: the same for the same seed, whatever was drawn before. */
export function drawParameters(space: SearchSpace, seed: number, index: number): Parameters {
  return Object.fromEntries(
    Object.entries(space).map(([name, range], place) => [name, drawn(range, Random.at(seed, index, place))]),
  )
}

function drawn(range: Range, random: Random): ParameterValue {
  if (!('uniform' in range) && !('log' in range) && !('int' in range)) return range[random.integer(range.length)]
  if ('uniform' in range) return random.between(...range.uniform)
  if ('int' in range) return range.int[0] + random.integer(range.int[1] - range.int[0] + 1)
  const [low, high] = range.log
  return Math.min(high, Math.max(low, exp(random.between(log(low), log(high)))))
}

/**
 * How much of a measure a parameter explains among trials, 0 … 1: for numbers the square of the rank correlation (Spearman), for others the share of the
 * variance that lies between their values.
 */
export function importance(values: readonly ParameterValue[], measures: readonly number[]): number {
  if (measures.length < 3) return 0
  if (values.every((value) => typeof value === 'number')) {
    const r = correlation(ranks(values), ranks(measures))
    return r * r
  }
  const mean = measures.reduce((a, b) => a + b, 0) / measures.length
  const total = measures.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  if (total === 0) return 0
  let between = 0
  for (const value of new Set(values)) {
    const own = measures.filter((_, i) => values[i] === value)
    between += own.length * (own.reduce((a, b) => a + b, 0) / own.length - mean) ** 2
  }
  return between / total
}

/** Places in order; equal values share the mean of theirs. */
function ranks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((other) => other < value).length
    const same = values.filter((other) => other === value).length
    return below + (same - 1) / 2
  })
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const mean = (list: readonly number[]) => list.reduce((x, y) => x + y, 0) / list.length
  const [ma, mb] = [mean(a), mean(b)]
  let [ab, aa, bb] = [0, 0, 0]
  a.forEach((value, i) => {
    ab += (value - ma) * (b[i] - mb)
    aa += (value - ma) ** 2
    bb += (b[i] - mb) ** 2
  })
  return aa === 0 || bb === 0 ? 0 : ab / Math.sqrt(aa * bb)
}

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
 * How much of a measure a parameter explains among trials, 0 … 1: for numbers the square of the rank correlation
 * (Spearman) or, from six trials on, what a parabola through the ranks explains, if that is more: a learning rate is
 * best somewhere in the middle. For others the share of the variance that lies between their values.
 */
export function importance(values: readonly ParameterValue[], measures: readonly number[]): number {
  if (measures.length < 3) return 0
  if (values.every((value) => typeof value === 'number')) {
    const [x, y] = [centred(ranks(values)), ranks(measures)]
    const straight = correlation(x, y) ** 2
    const n = y.length
    if (n < 6) return straight
    // The part of the squares that is in no straight line explains as much again; the adjustment is for what one more
    // number explains by chance.
    const squares = centred(x.map((value) => value * value))
    const slope = dot(x, squares) / (dot(x, x) || 1)
    const both =
      straight +
      correlation(
        squares.map((square, i) => square - slope * x[i]),
        y,
      ) **
        2
    return Math.max(straight, 1 - ((1 - both) * (n - 1)) / (n - 3))
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

function centred(list: readonly number[]): number[] {
  const mean = list.reduce((sum, value) => sum + value, 0) / list.length
  return list.map((value) => value - mean)
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + value * b[i], 0)
}

function correlation(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [centred(a), centred(b)]
  const size = Math.sqrt(dot(x, x) * dot(y, y))
  return size < 1e-9 ? 0 : dot(x, y) / size
}

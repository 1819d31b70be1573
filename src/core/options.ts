import { LanewiseError } from './errors.js'
import { tagOf } from './realm.js'

/**
 * Refuses unknown options: a misspelt one would have no effect, and nothing would say so.
 *
 * @throws LanewiseError `E_VALUE` naming the option and those there are.
 */
export function checkOptions(what: string, given: object, known: readonly string[]): void {
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined || known.includes(name)) continue
    throw new LanewiseError('E_VALUE', `${what} has no option "${name}"`, { expected: known.join(', '), actual: name })
  }
}

/** A number within bounds. @throws LanewiseError `E_VALUE` for anything else, NaN among it. */
export function checkNumber(
  name: string,
  value: unknown,
  { least = -Infinity, most = Infinity, whole = false, above }: NumberBounds,
): void {
  const fits =
    typeof value === 'number' &&
    value >= least &&
    value <= most &&
    (above === undefined || value > above) &&
    (!whole || Number.isInteger(value) || value === Infinity)
  if (fits) return
  const finite = most === Number.MAX_VALUE
  const bounds = [
    above !== undefined && `above ${above}`,
    least > -Infinity && `of at least ${least}`,
    // The largest number that counts is no bound that anybody means.
    most < Number.MAX_SAFE_INTEGER && !finite && `of at most ${most}`,
  ].filter(Boolean)
  const kind = `a ${finite ? 'finite ' : ''}${whole ? 'whole ' : ''}number ${bounds.join(' and ')}`.trimEnd()
  throw new LanewiseError('E_VALUE', `${name} must be ${kind}, got ${shown(value)}`, {
    actual: shown(value),
  })
}

/** What {@link checkNumber} allows. */
export interface NumberBounds {
  readonly least?: number
  readonly most?: number
  readonly above?: number
  /** Infinity counts, if it is within the bounds. */
  readonly whole?: boolean
}

/** What a value is, in the words of an error: `null`, `a string`, `a Map`. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (Array.isArray(value)) return 'a list'
  if (typeof value !== 'object') return `a ${typeof value}`
  const tag = tagOf(value)
  return tag === 'Object' ? 'an object' : `a ${tag === 'Promise' ? 'promise' : tag}`
}

/** A number or a text as it is, of anything else what it is. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  return typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    ? String(value)
    : kindOf(value)
}

/** A text with something in it. @throws LanewiseError `E_VALUE` for anything else. */
export function checkText(what: string, value: unknown): asserts value is string {
  if (typeof value === 'string' && value !== '') return
  const actual = value === '' ? 'an empty one' : kindOf(value)
  throw new LanewiseError('E_VALUE', `${what} must be a string, got ${actual}`, { expected: 'a string', actual })
}

/**
 * An object of named settings: no list, no map, nothing with a class of its own behaviour. @throws LanewiseError
 * `E_VALUE`.
 */
export function checkRecord(what: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null && !(Symbol.iterator in value)) return
  const actual = kindOf(value)
  throw new LanewiseError('E_VALUE', `${what} must be an object, got ${actual}`, { expected: 'an object', actual })
}

/** A list. @throws LanewiseError `E_VALUE` for anything else. */
export function checkList(what: string, value: unknown): asserts value is readonly unknown[] {
  if (Array.isArray(value)) return
  const actual = kindOf(value)
  throw new LanewiseError('E_VALUE', `${what} must be a list, got ${actual}`, { expected: 'a list', actual })
}

/** A function. @throws LanewiseError `E_VALUE` for anything else. */
export function checkFunction(what: string, value: unknown): void {
  if (typeof value === 'function') return
  const actual = kindOf(value)
  throw new LanewiseError('E_VALUE', `${what} must be a function, got ${actual}`, { expected: 'a function', actual })
}

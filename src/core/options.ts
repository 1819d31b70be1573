import { LanewiseError } from './errors.js'

/**
 * Refuses what nobody would look at: a misspelt option has no effect, and that is not said by anything.
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
  const kind = whole ? 'a whole number' : 'a number'
  const bounds = [
    above !== undefined && `above ${above}`,
    least > -Infinity && `of at least ${least}`,
    most < Infinity && `of at most ${most}`,
  ].filter(Boolean)
  throw new LanewiseError('E_VALUE', `${name} must be ${[kind, ...bounds].join(' ')}, got ${String(value)}`, {
    actual: String(value),
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

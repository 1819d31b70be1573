import { LanewiseError } from './errors.js'
import { checkOptions, checkRecord, kindOf, shown } from './options.js'

const isTensor = (value: unknown) => has(value, 'placed', 'requiresGrad')
const isNumber = (value: unknown): value is number => typeof value === 'number'
const isString = (value: unknown) => typeof value === 'string'
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Kinds of arguments: what an error calls them, and how they are known. */
const kinds = {
  tensor: ['a tensor of a device (a Variable)', isTensor],
  tensors: ['a list of tensors of a device', (value: unknown) => every(value, isTensor)],
  Tensor: ['a Tensor', (value: unknown) => has(value, 'dims', 'type')],
  module: ['a module', (value: unknown) => has(value, 'call', 'forward')],
  device: ['a Device', (value: unknown) => has(value, 'step', 'gradEnabled')],
  number: ['a number', isNumber],
  amount: ['a finite number of at least 0', (value: unknown) => isNumber(value) && value >= 0 && value < Infinity],
  share: ['a number from 0 to below 1', (value: unknown) => isNumber(value) && value >= 0 && value < 1],
  size: ['a whole number of at least 1', (value: unknown) => Number.isInteger(value) && (value as number) > 0],
  numbers: ['a list of numbers', (value: unknown) => every(value, isNumber)],
  string: ['a string', isString],
  boolean: ['true or false', (value: unknown) => typeof value === 'boolean'],
  function: ['a function', (value: unknown) => typeof value === 'function'],
  list: ['a list', (value: unknown) => Array.isArray(value)],
  iterable: ['something to iterate over', iterable],
  session: ['a session', (value: unknown) => has(value, 'inputNames', 'inputMetadata', 'run')],
  random: ['a Random', (value: unknown) => has(value, 'uniform', 'integer')],
  graph: ['a graph', (value: unknown) => has(value, 'nodes')],
  bytes: ['a typed array', (value: unknown) => ArrayBuffer.isView(value)],
  stream: ['a stream of examples', (value: unknown) => has(value, 'stream')],
  optimizer: ['an optimiser', (value: unknown) => has(value, 'groups', 'step')],
  dataset: ['a dataset (with get and length)', (value: unknown) => has(value, 'get', 'length')],
  strings: ['a list of strings', (value: unknown) => every(value, isString)],
  texts: ['an object of strings', (value: unknown) => isObject(value) && Object.values(value).every(isString)],
  object: ['an object', isObject],
} as const satisfies Record<string, readonly [string, (value: unknown) => boolean]>

type Base = keyof typeof kinds
/** The kind that an argument must have; with "?" after it, it may be left out. */
export type Kind = Base | `${Base}|${Base}` | `${Base}?` | `${Base}|${Base}?`
/** What an object of options may have. */
export type OptionKinds = Readonly<Record<string, Kind | 'any'>>

interface Test {
  readonly expected: string
  readonly optional: boolean
  readonly fits: readonly ((value: unknown) => boolean)[]
}

const tests = new Map<string, Test>()

/**
 * Checks the arguments of a public function against their types, for callers without a compiler: a wrong one is named
 * instead of causing a TypeError somewhere inside, and unknown options are refused.
 *
 * @param what - the function, or the class that is made.
 * @param given - the arguments by their names.
 * @param expected - a kind for each, in that order; "any" for one that the function looks at itself. Of options their
 *   names and kinds, each of which may be left out.
 * @throws LanewiseError `E_VALUE` naming function and argument, what is expected and what was given.
 */
export function checkArguments(
  what: string,
  given: Readonly<Record<string, unknown>>,
  ...expected: readonly (Kind | 'any' | OptionKinds)[]
): void {
  let i = 0
  for (const name in given) {
    const kind = expected[i++]
    if (kind === 'any') continue
    if (typeof kind === 'string') {
      if (!fits(kind, given[name])) throw misfit(`${what} takes as ${name}`, kind, given[name])
      continue
    }
    const options = given[name]
    checkRecord(`${name} of ${what}`, options)
    checkOptions(what, options, Object.keys(kind))
    for (const [option, wanted] of Object.entries(kind)) {
      const value = (options as Readonly<Record<string, unknown>>)[option]
      if (wanted !== 'any' && value !== undefined && !fits(wanted, value))
        throw misfit(`${option} of ${what} must be`, wanted, value)
    }
  }
}

function fits(kind: Kind, value: unknown): boolean {
  const { optional, fits } = testOf(kind)
  if (value === undefined) return optional
  for (const test of fits) if (test(value)) return true
  return false
}

function testOf(kind: Kind): Test {
  let test = tests.get(kind)
  if (!test) {
    const optional = kind.endsWith('?')
    const names = (optional ? kind.slice(0, -1) : kind).split('|') as Base[]
    const expected = names.map((name) => kinds[name][0]).join(' or ')
    tests.set(kind, (test = { optional, expected, fits: names.map((name) => kinds[name][1]) }))
  }
  return test
}

function misfit(what: string, kind: Kind, value: unknown): LanewiseError {
  const { expected } = testOf(kind)
  const actual = shown(value)
  return new LanewiseError('E_VALUE', `${what} ${expected}, got ${actual === 'a list' ? listed(value) : actual}`, {
    expected,
    actual,
  })
}

/** A list with the first element that is not a number. */
function listed(value: unknown): string {
  const odd = (value as unknown[]).findIndex((item) => typeof item !== 'number')
  return odd < 0 ? 'a list' : `a list with ${kindOf((value as unknown[])[odd])} in it`
}

function has(value: unknown, ...names: readonly string[]): boolean {
  return typeof value === 'object' && value !== null && names.every((name) => name in value)
}

function every(value: unknown, test: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.every(test)
}

function iterable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (Symbol.iterator in value || Symbol.asyncIterator in value)
}

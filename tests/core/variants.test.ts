import { afterEach, expect, test } from 'vitest'
import { firstThatPays, forcedVariants, type Variant } from '../../src/core/variants.js'

/** Takes numbers up to the first, pays up to the second. */
const variant = (name: string, takes: number, pays: number): Variant<number> => ({
  name,
  takes: (n) => n <= takes,
  pays: (n) => n <= pays,
})
const table = [
  variant('direct/taps', 10, 1),
  variant('direct/tiles', 10, 5),
  variant('directed', 10, 0),
  variant('rest', Infinity, Infinity),
]
const chosen = (n: number): string => firstThatPays('example', table, n).name

afterEach(() => forcedVariants.delete('example'))

test('the first that takes and pays', () => {
  expect([1, 5, 6, 11].map(chosen)).toEqual(['direct/taps', 'direct/tiles', 'rest', 'rest'])
})

test('a variant that is forced runs wherever it takes', () => {
  forcedVariants.set('example', 'direct/tiles')
  expect([1, 6, 11].map(chosen)).toEqual(['direct/tiles', 'direct/tiles', 'rest'])
})

test('of several of one name the first that pays, else the first that takes', () => {
  forcedVariants.set('example', 'direct')
  expect([1, 5, 6, 11].map(chosen)).toEqual(['direct/taps', 'direct/tiles', 'direct/taps', 'rest'])
})

test('a name that is none changes nothing', () => {
  forcedVariants.set('example', 'dir')
  expect([1, 5, 6].map(chosen)).toEqual(['direct/taps', 'direct/tiles', 'rest'])
})

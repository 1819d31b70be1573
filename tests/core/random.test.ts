import { describe, expect, test } from 'vitest'
import { Random } from '../../src/core/random.js'
import { expectError } from '../support/expect-error.js'

describe('Random', () => {
  test('a seed gives the same numbers for ever', () => {
    const random = new Random(42)
    // Numbers of this generator must never change: trained models are remembered by their seeds.
    expect(Array.from({ length: 4 }, () => random.integer(1000))).toEqual([60, 693, 114, 37])
    expect(Array.from(new Random(1).permutation(8))).toEqual([1, 3, 0, 5, 6, 4, 2, 7])
    const there = Random.at(3, 1, 2)
    expect([there.integer(10 ** 6), there.integer(10 ** 6)]).toEqual([160718, 331325])
  })

  test('it is xoshiro128**', () => {
    // From the state 1, 2, 3, 4 the first words are 11520, 0, 5927040 and 70819200.
    const random = new Random(0).restore([1, 2, 3, 4])
    expect(random.uniform()).toBe((11520 / 32) * 2 ** -27)
    expect(random.uniform()).toBe(((5927040 / 32) * 2 ** 26 + 70819200 / 64) / 2 ** 53)
  })

  test('a saved state goes on with the same numbers, also through JSON', () => {
    const random = new Random(5)
    for (let i = 0; i < 7; i++) random.normal()
    const state = JSON.parse(JSON.stringify(random.save())) as ReturnType<typeof random.save>
    const next = Array.from({ length: 20 }, () => random.uniform())
    const other = new Random(99).restore(state)
    expect(Array.from({ length: 20 }, () => other.uniform())).toEqual(next)
  })

  test.each([[[0, 0, 0, 0]], [[1, 2, 3]], [[1, 2, 3, -1]], [[1, 2, 3, 2 ** 32]], [[1, 2, 3, 0.5]], ['1234'], [null]])(
    '%j is no state',
    (state) => {
      expectError('E_STATE', () => new Random(1).restore(state as never))
    },
  )

  test('uniform and normal numbers have their mean and variance', () => {
    const random = new Random(3)
    const moments = (next: () => number) => {
      const values = Array.from({ length: 200_000 }, next)
      const mean = values.reduce((a, b) => a + b, 0) / values.length
      return [mean, values.reduce((sum, x) => sum + (x - mean) ** 2, 0) / values.length]
    }
    const [mean, variance] = moments(() => random.uniform())
    expect(mean).toBeCloseTo(0.5, 2)
    expect(variance).toBeCloseTo(1 / 12, 2)
    const [mean2, variance2] = moments(() => random.normal())
    expect(Math.abs(mean2)).toBeLessThan(0.01)
    expect(variance2).toBeCloseTo(1, 1)
  })

  test('whole numbers are all drawn about equally often', () => {
    const random = new Random(8)
    const counts = new Array<number>(7).fill(0)
    for (let i = 0; i < 70_000; i++) counts[random.integer(7)]++
    // Six degrees of freedom: chi squared above 22.5 has a probability of 0.001, and the seed is fixed.
    expect(counts.reduce((sum, n) => sum + (n - 10_000) ** 2 / 10_000, 0)).toBeLessThan(22.5)
    for (const below of [0, -1, 1.5, NaN, Infinity]) expectError('E_VALUE', () => random.integer(below))
  })

  test('a permutation holds every number once and each place gets each', () => {
    const random = new Random(6)
    const places = Array.from({ length: 5 }, () => new Array<number>(5).fill(0))
    for (let i = 0; i < 20_000; i++) {
      const order = random.permutation(5)
      expect(new Set(order).size).toBe(5)
      order.forEach((value, place) => places[place][value]++)
    }
    for (const row of places) for (const count of row) expect(Math.abs(count - 4000)).toBeLessThan(250)
  })

  test('places of a run have nothing in common', () => {
    const firsts = new Set<number>()
    for (let epoch = 0; epoch < 10; epoch++)
      for (let sample = 0; sample < 1000; sample++) firsts.add(Random.at(1, epoch, sample).uniform())
    expect(firsts.size).toBe(10_000)
    expect(Random.at(1, 2, 3).uniform()).not.toBe(Random.at(1, 3, 2).uniform())
    const mean = [...firsts].reduce((a, b) => a + b) / firsts.size
    expect(mean).toBeCloseTo(0.5, 1)
  })
})

import { describe, expect, test } from 'vitest'
import { discountsOf, KneserNey } from '../../../models/transformer-lm/kneser-ney.js'
import { Random } from '../../../src/core/random.js'

describe('modified Kneser–Ney', () => {
  test('takes the discounts of Chen & Goodman, and fixed ones where counts are too few', () => {
    // Y = 10/18; 1 − 2Y·4/10, 2 − 3Y·2/4, 3 − 4Y·1/2
    const [one, two, more] = discountsOf([10, 4, 2, 1])
    expect(one).toBeCloseTo(5 / 9, 12)
    expect(two).toBeCloseTo(7 / 6, 12)
    expect(more).toBeCloseTo(17 / 9, 12)
    expect(discountsOf([5, 1, 0, 0])).toEqual([0.5, 1, 1.5])
  })

  test('has the probabilities that are worked out by hand', () => {
    // a b c a b d a b c: triples abc twice, bca, cab, abd, bda, dab once; pairs by what they follow: ab 2, bc, bd, ca,
    // da 1; tokens by what they follow: a 2 (c, d), b, c, d 1. Too few for discounts of their own: ½ and 1.
    const [a, b, c, d] = [0, 1, 2, 3]
    const model = new KneserNey([a, b, c, a, b, d, a, b, c], 4)
    const oneA = (2 - 1) / 5 + (2.5 / 5) * (1 / 4)
    const oneC = (1 - 0.5) / 5 + (2.5 / 5) * (1 / 4)
    const twoC = (1 - 0.5) / 2 + (1 / 2) * oneC // after b, which c and d follow once each
    expect(model.probability(a, b, c)).toBeCloseTo((2 - 1) / 3 + (1.5 / 3) * twoC, 12)
    expect(model.probability(a, b, c)).toBeCloseTo(0.5145833333, 9)
    expect(model.probability(a, b, a)).toBeCloseTo((1.5 / 3) * (1 / 2) * oneA, 12)
    // "c d" was never seen: what follows d alone.
    expect(model.probability(c, d, a)).toBeCloseTo((1 - 0.5) / 1 + 0.5 * oneA, 12)
    // Nothing follows "d d" or begins with it, but a follows d.
    expect(model.probability(d, d, a)).toBe(model.probability(c, d, a))
  })

  test('counts the first pair of the text, which ends no triple', () => {
    // 0 1 2 2: pairs 01, 12, 22, so 1 follows one token and 2 two.
    const model = new KneserNey([0, 1, 2, 2], 3)
    expect(model.probability(0, 0, 1)).toBeCloseTo((1 - 0.5) / 3 + 0.5 * (1 / 3) + 0, 12)
    // Nothing was seen after "0 0", and 1 after 0 only at the beginning.
    expect(model.probability(0, 0, 2)).toBeCloseTo((2 - 1) / 3 + 0.5 * (1 / 3), 12)
  })

  test('gives probabilities that add up to 1 in every context, seen or not', () => {
    const random = new Random(3)
    const vocabulary = 40
    // Few tokens are frequent, as in texts.
    const ids = Array.from({ length: 3000 }, () => Math.floor(vocabulary * random.uniform() ** 3))
    const model = new KneserNey(ids, vocabulary)
    for (const [, , three] of [model.discounts]) for (const discount of three) expect(discount).toBeGreaterThan(0)
    for (let i = 0; i < 50; i++) {
      const [before, previous] = [random.integer(vocabulary), random.integer(vocabulary)]
      let sum = 0
      for (let token = 0; token < vocabulary; token++) {
        const share = model.probability(before, previous, token)
        expect(share).toBeGreaterThan(0)
        sum += share
      }
      expect(sum).toBeCloseTo(1, 10)
    }
  })

  test('measures every token but the first, after the two before it', () => {
    const [a, b, c, d] = [0, 1, 2, 3]
    const model = new KneserNey([a, b, c, a, b, d, a, b, c], 4)
    const { perplexity, logarithm } = model.perplexity([a, b, c], d)
    const expected = -Math.log(model.probability(d, a, b)) - Math.log(model.probability(a, b, c))
    expect(logarithm).toBeCloseTo(expected, 12)
    expect(perplexity).toBeCloseTo(Math.exp(expected / 2), 12)
  })

  test('refuses tokens that there are not, and texts without a triple', () => {
    expect(() => new KneserNey([0, 1, 4], 4)).toThrow('no token 4')
    expect(() => new KneserNey([0, 1], 4)).toThrow('three tokens')
    expect(() => new KneserNey([0, 1, 2], 1e6)).toThrow('cannot be numbered')
    expect(() => new KneserNey([0, 1, 2], 4).probability(0, 1, 7)).toThrow('no token 7')
  })
})

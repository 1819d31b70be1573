import { describe, expect, test } from 'vitest'
import { bleuShares, CiderD, ciderD, corpusBleu, rougeL, sentenceBleu, type Judged } from '../../../src/train.js'

const words = (text: string) => text.split(' ').filter((word) => word !== '')
const pair = (said: string, ...right: string[]): Judged => ({ said: words(said), right: right.map(words) })

describe('BLEU', () => {
  test('n-grams are counted over both right texts', () => {
    // Right are 4 of 5 words, "a dog" and "dog runs" of 4 pairs, "a dog runs" of 3, and none of 2.
    const [one, two, three, four] = corpusBleu([
      pair('a dog runs on grass', 'a dog runs over grass', 'the brown dog runs'),
    ])
    expect(one).toBeCloseTo(0.8, 12)
    expect(two).toBeCloseTo(Math.sqrt(0.8 * 0.5), 12)
    expect(three).toBeCloseTo(Math.cbrt((0.8 * 0.5) / 3), 12)
    expect(four).toBe(0)
  })

  test('a word counts no more often than in one right text (the example of the paper)', () => {
    const [one] = corpusBleu([
      pair('the the the the the the the', 'the cat is on the mat', 'there is a cat on the mat'),
    ])
    expect(one).toBeCloseTo(2 / 7, 12)
  })

  test('brevity is that of the corpus, by the closest length, of two the shorter', () => {
    expect(corpusBleu([pair('a b', 'a b c d')])[0]).toBeCloseTo(Math.exp(1 - 4 / 2), 12)
    expect(corpusBleu([pair('a b c', 'a b', 'a b c d')])[0]).toBeCloseTo(1, 12)
    // 2 + 6 words are said where 4 + 4 are right: nothing is too short, and 6 of 8 words are right.
    expect(corpusBleu([pair('a b', 'a b c d'), pair('a b c d x x', 'a b c d')])[0]).toBeCloseTo(6 / 8, 12)
  })

  test('nothing said is 0, a text without right ones is refused', () => {
    expect(corpusBleu([pair('', 'a b')])).toEqual([0, 0, 0, 0])
    expect(() => corpusBleu([pair('a', 'a'), pair('a')])).toThrow('text 1 has no right ones')
  })
})

test('BLEU of one text: one is added to the right and the possible n-grams of every order but the first', () => {
  const one = pair('a dog runs on grass', 'a dog runs over grass', 'the brown dog runs')
  expect(sentenceBleu(one, 1)).toBeCloseTo(0.8, 12)
  // 4 of 5, then (2 + 1) of (4 + 1), (1 + 1) of (3 + 1), (0 + 1) of (2 + 1).
  expect(sentenceBleu(one)).toBeCloseTo((0.8 * (3 / 5) * (2 / 4) * (1 / 3)) ** 0.25, 12)
  // As long as two words, with none of three: 1 of 1, and e^(1 − 4/2) for what is missing.
  expect(sentenceBleu(pair('a b', 'a b c d'))).toBeCloseTo(Math.exp(-1), 12)
  expect(sentenceBleu(pair('x', 'a b'))).toBe(0)
  expect(() => sentenceBleu(pair('a'))).toThrow('text 0 has no right ones')
  expect(() => sentenceBleu(one, 0)).toThrow('order')
})

describe('shares of BLEU', () => {
  const pairs = [
    pair('a red ball rolls on grass', 'a red ball rolls over grass', 'the ball rolls'),
    pair('a blue car', 'a blue car stands here', 'one blue car stands'),
    pair('two dogs run', 'two dogs run on grass'),
  ]

  test('the mean is the BLEU of all: exactly for words, which are not smoothed', () => {
    const meanOf = (list: readonly Judged[], order: number) =>
      bleuShares(list, order).reduce((sum, share) => sum + share, 0) / list.length
    expect(meanOf(pairs, 1)).toBeCloseTo(corpusBleu(pairs)[0], 12)
    const many = Array.from({ length: 700 }, () => pairs).flat()
    expect(meanOf(many, 4)).toBeCloseTo(corpusBleu(many)[3], 3)
    expect(bleuShares([pair('x', 'a'), pair('y', 'b')])).toEqual([0, 0])
    expect(() => bleuShares([pair('a')])).toThrow('text 0 has no right ones')
    expect(() => bleuShares(pairs, 0)).toThrow('order')
  })

  test('they are the slopes of BLEU: a text counted a little more often changes it by its share', () => {
    // One text among two thousand others, taken away and added once more.
    const many = Array.from({ length: 700 }, () => pairs).flat()
    const [less, more] = [many.slice(1), [...many, pairs[0]]]
    const of = (list: readonly Judged[], order: number) => corpusBleu(list)[order - 1]
    for (const order of [1, 4]) {
      const slope = (of(more, order) - of(less, order)) / 2
      const share = bleuShares(many, order)[0]
      expect(share).toBeCloseTo(of(many, order) + many.length * slope, 2)
    }
  })
})

test('ROUGE-L: the best precision and recall by longest common subsequences', () => {
  expect(rougeL([pair('a dog runs on grass', 'a dog runs over grass', 'the brown dog runs')])).toBeCloseTo(0.8, 12)
  // Precision 1, recall 1/2: 2.44 · 0.5 / (0.5 + 1.44).
  expect(rougeL([pair('the cat', 'the black cat sat')])).toBeCloseTo(1.22 / 1.94, 12)
  expect(rougeL([pair('the cat', 'the black cat sat'), pair('x', 'y')])).toBeCloseTo(0.61 / 1.94, 12)
  // The order counts.
  expect(rougeL([pair('b a', 'a b')])).toBeCloseTo(0.5, 12)
})

describe('CIDEr-D', () => {
  test('of one text with n-grams counted in others: the mean over the same pictures is that of all of them', () => {
    const pairs = [
      pair('a red ball rolls', 'a red ball', 'the ball rolls'),
      pair('a blue car', 'a car', 'one blue car'),
      pair('red car', 'a red car here'),
    ]
    const cider = new CiderD(pairs.map(({ right }) => right))
    const mean = pairs.reduce((sum, one) => sum + cider.score(one), 0) / 3
    expect(mean).toBeCloseTo(ciderD(pairs), 12)
    // "red ball" is in one of two documents: log 2 for each of "red", "ball" and the pair, all the same as in the right
    // text.
    const two = new CiderD([[['red', 'ball']], [['blue', 'car']]])
    expect(two.score(pair('red ball', 'red ball'))).toBeCloseTo(5, 12)
    // What no document has weighs log 2 as well: one of two words is right, and no pair.
    expect(two.score(pair('red sun', 'red ball'))).toBeCloseTo(10 * 0.5 * 0.25, 12)
    expect(() => new CiderD([])).toThrow('needs texts')
    expect(() => two.score(pair('a'))).toThrow('text 0 has no right ones')
  })

  test('n-grams that only one picture has weigh log 2; orders that are not there are 0', () => {
    // Cosines of 1-grams and 2-grams are 1, of longer ones 0: the mean of four, times ten.
    expect(ciderD([pair('red ball', 'red ball'), pair('blue car', 'blue car')])).toBeCloseTo(5, 12)
    // "car" is one of two words, "red car" is no pair of the right text: a cosine of 1/2 of four, for one of two
    // pictures.
    expect(ciderD([pair('red ball', 'red ball'), pair('red car', 'blue car')])).toBeCloseTo(
      10 * (0.5 + 0.125) * 0.5,
      12,
    )
  })

  test('what every picture has counts for nothing', () => {
    expect(ciderD([pair('a', 'a'), pair('a', 'a')])).toBe(0)
  })

  test('counts are clipped, other lengths cost', () => {
    // 1-grams: (1, 2) by (1, 1) with the 2 clipped is 2/√10; 2-grams: 1/√2; one word too many: exp(−1/72).
    const expected = (Math.exp(-1 / 72) * (2 / Math.sqrt(10) + 1 / Math.sqrt(2))) / 4
    expect(ciderD([pair('red ball ball', 'red ball'), pair('blue car', 'blue car')])).toBeCloseTo(
      (10 * (expected + 0.5)) / 2,
      12,
    )
  })
})

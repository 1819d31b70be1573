import { describe, expect, test } from 'vitest'
import { ciderD, corpusBleu, rougeL, type Judged } from '../../../src/train.js'

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

test('ROUGE-L: the best precision and recall by longest common subsequences', () => {
  expect(rougeL([pair('a dog runs on grass', 'a dog runs over grass', 'the brown dog runs')])).toBeCloseTo(0.8, 12)
  // Precision 1, recall 1/2: 2.44 · 0.5 / (0.5 + 1.44).
  expect(rougeL([pair('the cat', 'the black cat sat')])).toBeCloseTo(1.22 / 1.94, 12)
  expect(rougeL([pair('the cat', 'the black cat sat'), pair('x', 'y')])).toBeCloseTo(0.61 / 1.94, 12)
  // The order counts.
  expect(rougeL([pair('b a', 'a b')])).toBeCloseTo(0.5, 12)
})

describe('CIDEr-D', () => {
  test('n-grams that only one picture has weigh log 2; orders that are not there are 0', () => {
    // Cosines of 1-grams and 2-grams are 1, of longer ones 0: the mean of four, times ten.
    expect(ciderD([pair('red ball', 'red ball'), pair('blue car', 'blue car')])).toBeCloseTo(5, 12)
    // "car" is one of two words, "red car" is no pair of the right text: a cosine of 1/2 of four, for one of two pictures.
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

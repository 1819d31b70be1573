import { describe, expect, test } from 'vitest'
import { textStream, TokenDataset, Vocabulary, type WindowOptions } from '../../src/data/text.js'
import type { Fields } from '../../src/data/dataset.js'
import { expectError, expectRejects } from '../support/expect-error.js'

const text = 'the cat saw the dog; the dog ran.\nWhy? It’s 3 o’clock 😀!'

async function examplesOf(
  pieces: Iterable<string | Uint8Array>,
  vocabulary: Vocabulary,
  options: WindowOptions,
): Promise<Fields[]> {
  const examples: Fields[] = []
  for await (const example of textStream(() => pieces, vocabulary, options).stream(0)) examples.push(example)
  return examples
}

describe('vocabularies', () => {
  test('characters come back as they were', () => {
    const vocabulary = Vocabulary.of([text])
    expect(vocabulary.decode(vocabulary.encode(text))).toBe(text)
    expect(vocabulary.tokens[1]).toBe(' ')
    expect(vocabulary.encode('😀').length).toBe(1)
    expect(Array.from(vocabulary.encode('ZzZ'))).toEqual([0, 0, 0])
  })

  test('words are sorted by how often they come', () => {
    const vocabulary = Vocabulary.of([text], { unit: 'word', unknown: '<unk>' })
    expect(vocabulary.tokens.slice(0, 3)).toEqual(['<unk>', 'the', 'dog'])
    expect(vocabulary.tokens).toContain('It’s')
    expect(vocabulary.decode(vocabulary.encode('the bird ran .'))).toBe('the <unk> ran .')
    expect(Vocabulary.of([text], { unit: 'word', most: 3 }).size).toBe(3)
  })

  test('misuse is refused', () => {
    expectError('E_VALUE', () => new Vocabulary(['a', 'a']))
    expectError('E_VALUE', () => new Vocabulary([]))
    expectError('E_VALUE', () => new Vocabulary(['a', 'b']).decode([2]))
  })
})

describe('token windows', () => {
  const tokens = Int32Array.from({ length: 11 }, (_, i) => i)

  test('the target is the input one token later', () => {
    const data = new TokenDataset(tokens, { length: 5 })
    expect(data.length).toBe(2)
    expect(data.get(1).input.data).toEqual(Int32Array.of(5, 6, 7, 8, 9))
    expect(data.get(1).target.data).toEqual(Int32Array.of(6, 7, 8, 9, 10))
    expect(new TokenDataset(tokens.subarray(0, 10), { length: 5 }).length).toBe(1)
    expect(new TokenDataset(tokens, { length: 5, stride: 2 }).length).toBe(3)
    expectError('E_VALUE', () => new TokenDataset(tokens.subarray(0, 5), { length: 5 }))
    for (const options of [{ length: 0 }, { length: 2, stride: 0 }, { length: 1.5 }])
      expectError('E_VALUE', () => new TokenDataset(tokens, options))
  })

  test.each<[WindowOptions]>([
    [{ length: 4 }],
    [{ length: 7, stride: 3 }],
    [{ length: 3, stride: 8 }],
    [{ length: 1, stride: 30 }],
  ])('a stream makes the windows of %o, however the text is cut', async (options) => {
    for (const unit of ['character', 'word'] as const) {
      const vocabulary = Vocabulary.of([text], { unit })
      const data = new TokenDataset(vocabulary.encode(text), options)
      const whole = Array.from({ length: data.length }, (_, i) => data.get(i))
      const bytes = new TextEncoder().encode(text)
      for (const size of [1, 2, 5, 1000]) {
        const count = Math.ceil(bytes.length / size)
        expect(
          await examplesOf(
            Array.from({ length: count }, (_, i) => bytes.subarray(i * size, (i + 1) * size)),
            vocabulary,
            options,
          ),
        ).toEqual(whole)
      }
      expect(await examplesOf(text.split(''), vocabulary, options)).toEqual(whole)
    }
  })

  test('what is not UTF-8 is refused', async () => {
    await expectRejects('E_PARSE', () => examplesOf([Uint8Array.of(0xc3)], Vocabulary.of(['a']), { length: 1 }))
  })
})

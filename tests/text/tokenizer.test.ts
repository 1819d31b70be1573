import { Tokenizer as HuggingFace } from '@huggingface/tokenizers'
import { describe, expect, test } from 'vitest'
import { trainBpe } from '../../src/text/bpe-trainer.js'
import { characterOfByte } from '../../src/text/byte-level.js'
import { Decoder, Tokenizer, type TrainTokenizerOptions } from '../../src/text/tokenizer.js'
import { expectError, expectRejects } from '../support/expect-error.js'
import { seeded } from '../support/random.js'

const prose = [
  "It's the best of times; it wasn't the worst of times. They'll say: we've seen 1234 of 56,789!\n\n  Indented\tlines  end here. ",
  'Größe, naïve café, Москва, 東京タワー, 한국어, שלום, العربية — “quotes” … 😀👩‍👩‍👧‍👦 e\u0301 \u00a0 \u2003wide',
  'the theme of the thesis: then there, these, those, other, another; lower, lowest, newer, newest, wider, widest',
  '   leading, trailing   ',
  '\r\nwindows\r\n\r\nlines\r\n',
  'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
]

/** Text of random characters of several scripts and kinds. */
function noise(seed: number, length: number): string {
  const random = seeded(seed)
  const kinds = ['abcdefgh', 'ABC', '0123456789', '  \n\t\u00a0', "'.,;!?-", 'äöüßéñ', 'дом', '東京都', '😀🎉']
  return Array.from({ length }, () => {
    const kind = Array.from(kinds[Math.floor(random() * kinds.length)])
    return kind[Math.floor(random() * kind.length)]
  }).join('')
}

const texts = [...prose, ...Array.from({ length: 40 }, (_, seed) => noise(seed, 200))]

async function trained(options: Partial<TrainTokenizerOptions> = {}): Promise<Tokenizer> {
  return Tokenizer.train(texts, { vocabularySize: 420, specialTokens: ['<|endoftext|>', '<pad>'], ...options })
}

/** Its declarations name files that are not shipped. */
const Theirs = HuggingFace as unknown as new (
  json: object,
  config: object,
) => { encode(text: string): { ids: number[] } }

/** Ids of Hugging Face's own library for the tokenizer.json that was written. */
function theirs(tokenizer: Tokenizer, text: string): number[] {
  const json = JSON.parse(tokenizer.toJSON()) as object
  return new Theirs(json, {}).encode(text).ids
}

describe('training', () => {
  /** The textbook's way: count all pairs of all words, merge the best, start again. */
  function naive(words: readonly string[], merges: number, least: number): string[][] {
    const parts = words.map((word) => Array.from(new TextEncoder().encode(word), (byte) => characterOfByte[byte]))
    const ids = new Map([...characterOfByte].sort().map((character, id) => [character, id]))
    const made: string[][] = []
    while (made.length < merges) {
      const counts = new Map<string, number>()
      for (const part of parts)
        for (let i = 1; i < part.length; i++) {
          const key = `${part[i - 1]} ${part[i]}`
          counts.set(key, (counts.get(key) ?? 0) + 1)
        }
      const order = (key: string): number[] => key.split(' ').map((token) => ids.get(token) as number)
      const [best] = [...counts].sort(
        ([a, n], [b, m]) => m - n || order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1],
      )
      if (!best || best[1] < least) break
      const [left, right] = best[0].split(' ')
      made.push([left, right])
      if (!ids.has(left + right)) ids.set(left + right, ids.size)
      for (const part of parts)
        for (let i = 0; i + 1 < part.length; i++)
          if (part[i] === left && part[i + 1] === right) part.splice(i, 2, left + right)
    }
    return made
  }

  test.each([1, 2, 3, 4, 5])('makes the merges of the textbook (seed %i)', async (seed) => {
    const words = noise(seed, 1200).match(/\S+/g) as string[]
    const { merges } = await trainBpe(words, { vocabularySize: 256 + 80, pattern: String.raw`[\s\S]+` })
    expect(merges).toEqual(naive(words, 80, 2))
  })

  test('of repeated letters counts what is really there', async () => {
    const { tokens } = await trainBpe(['aaaa aaaa aaaaaaaa'], { vocabularySize: 259 })
    expect(tokens.slice(256)).toEqual(['aa', 'aaaa', 'Ġaaaa'])
  })

  test('gives special tokens the first numbers, and stops where no pair is frequent enough', async () => {
    const { tokens, merges } = await trainBpe(['ab ab'], { vocabularySize: 1000, specialTokens: ['<s>'] })
    expect(tokens[0]).toBe('<s>')
    expect(tokens).toHaveLength(1 + 256 + merges.length)
    expect(merges).toEqual([['a', 'b']])
  })

  test('refuses a vocabulary that cannot hold the bytes', async () => {
    const error = await expectRejects('E_VALUE', () => trainBpe([''], { vocabularySize: 255 }))
    expect(error.message).toContain('256')
    await expectRejects('E_VALUE', () => trainBpe([''], { vocabularySize: 300, specialTokens: ['x', 'x'] }))
    await expectRejects('E_VALUE', () => trainBpe([''], { vocabularySize: 300, pattern: '(' }))
  })
})

describe('a tokenizer', () => {
  test('gives back every text', async () => {
    const tokenizer = await trained()
    for (const text of texts) expect(tokenizer.decode(tokenizer.encode(text))).toBe(text)
  })

  test.each<[string, Partial<TrainTokenizerOptions>]>([
    ['plain', {}],
    ['lower case', { normalizers: ['lowercase'] }],
    ['composed, then lower case', { normalizers: ['NFC', 'lowercase'] }],
    ['a blank before', { addPrefixSpace: true }],
    ['a template', { before: ['<|endoftext|>'], after: ['<pad>'] }],
    ['another pattern', { pattern: String.raw`\p{N}{1,3}| ?[^\s\p{N}]+|\s+(?!\S)|\s+` }],
  ])('has the ids of @huggingface/tokenizers: %s', async (_, options) => {
    const tokenizer = await trained(options)
    for (const text of [...texts, `${noise(99, 50)}<|endoftext|>${noise(98, 50)}<pad><pad>x`]) {
      expect(Array.from(tokenizer.encode(text)), JSON.stringify(text)).toEqual(theirs(tokenizer, text))
    }
  })

  test('is the same after it was written and read', async () => {
    const tokenizer = await trained({ before: ['<|endoftext|>'], normalizers: ['NFKC'] })
    const again = Tokenizer.fromJSON(tokenizer.toJSON())
    expect(again.toJSON()).toBe(tokenizer.toJSON())
    for (const text of texts) expect(again.encode(text)).toEqual(tokenizer.encode(text))
  })

  test('merges a long piece without blanks as it does a short one', async () => {
    const tokenizer = await trained({ pattern: String.raw`[\s\S]+` })
    const long = noise(7, 2000)
    expect(Array.from(tokenizer.encode(long))).toEqual(theirs(tokenizer, long))
    // In time that grows with the length, not its square: a million letters would take hours.
    const letters = 'ab'.repeat(500_000)
    expect(tokenizer.decode(tokenizer.encode(letters))).toBe(letters)
  })

  test('reads special tokens as text if asked to', async () => {
    const tokenizer = await trained()
    const text = 'a<|endoftext|>b'
    const [marker] = tokenizer.encode('<|endoftext|>')
    expect(marker).toBe(0)
    expect(Array.from(tokenizer.encode(text))).toContain(0)
    const plain = tokenizer.encode(text, { special: false })
    expect(Array.from(plain)).not.toContain(0)
    expect(tokenizer.decode(plain)).toBe(text)
    expect(tokenizer.decode(tokenizer.encode(text), { skipSpecial: true })).toBe('ab')
  })

  test('shows characters when their last byte has come', async () => {
    const tokenizer = await Tokenizer.train(['x'], { vocabularySize: 256 })
    const decoder = new Decoder(tokenizer)
    const pieces = Array.from(tokenizer.encode('a😀'), (token) => decoder.push(token))
    expect(pieces).toEqual(['a', '', '', '', '😀'])
    expect(decoder.end()).toBe('')
    decoder.push(tokenizer.encode('é')[0])
    expect(decoder.end()).toBe('\ufffd')
  })

  test('refuses numbers that are no tokens, and names that are none', async () => {
    const tokenizer = await trained()
    for (const number of [-1, 420, 1.5, NaN]) expectError('E_VALUE', () => tokenizer.decode([number]))
    expectError('E_VALUE', () => tokenizer.idOf('<nothing>'))
  })

  test.each([
    ['no JSON', '{', 'E_PARSE'],
    ['no model', '{}', 'E_PARSE'],
    ['WordPiece', '{"model":{"type":"WordPiece","vocab":{}}}', 'E_UNSUPPORTED'],
    ['a gap in the numbers', '{"model":{"type":"BPE","vocab":{"a":0,"b":2},"merges":[]}}', 'E_PARSE'],
    ['a number twice', '{"model":{"type":"BPE","vocab":{"a":0,"b":0},"merges":[]}}', 'E_PARSE'],
    ['a merge of three', '{"model":{"type":"BPE","vocab":{"a":0},"merges":["a a a"]}}', 'E_PARSE'],
    ['byte fallback', '{"model":{"type":"BPE","byte_fallback":true,"vocab":{"a":0},"merges":[]}}', 'E_UNSUPPORTED'],
    [
      'Metaspace',
      '{"model":{"type":"BPE","vocab":{"a":0},"merges":[]},"pre_tokenizer":{"type":"Metaspace"}}',
      'E_UNSUPPORTED',
    ],
  ] as const)('refuses a tokenizer.json with %s', (_, json, code) => {
    expectError(code, () => Tokenizer.fromJSON(json))
  })
})

import { Tokenizer as HuggingFace } from '@huggingface/tokenizers'
import { describe, expect, test } from 'vitest'
import { characterMapper } from '../../src/text/sentencepiece-model.js'
import { SentencePieceTokenizer } from '../../src/text/index.js'
import { Random } from '../../src/core/random.js'

// Its types are not found by every tool.
const Theirs = HuggingFace as unknown as new (
  json: object,
  config: object,
) => { encode(text: string): { ids: number[] } }

// A writer of the format, so that models are at hand.
const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))]
const sub = (field: number, bytes: readonly number[]) => [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes]
const whole = (field: number, value: number) => [...varint(field * 8), ...varint(value)]
const utf8 = (text: string) => [...new TextEncoder().encode(text)]
const float = (value: number) => [...new Uint8Array(Float32Array.of(value).buffer)]

type Row = readonly [text: string, score: number, kind?: number]
interface Made {
  readonly type?: number
  readonly byteFallback?: boolean
  readonly map?: readonly number[]
  readonly prefix?: boolean
  readonly strip?: boolean
}

function modelOf(
  rows: readonly Row[],
  { type = 1, byteFallback, map = [], prefix = true, strip = true }: Made = {},
): Uint8Array {
  const pieces = rows.flatMap(([text, score, kind = 1]) =>
    sub(1, [...sub(1, utf8(text)), 2 * 8 + 5, ...float(score), ...whole(3, kind)]),
  )
  const trainer = [...whole(3, type), ...whole(35, Number(byteFallback ?? false)), ...sub(1, utf8('input.txt'))]
  const normalizer = [...sub(1, utf8('x')), ...sub(2, map), ...whole(3, Number(prefix)), ...whole(4, Number(strip))]
  return Uint8Array.from([...pieces, ...sub(2, trainer), ...sub(3, normalizer)])
}

const special: readonly Row[] = [
  ['<unk>', 0, 2],
  ['<s>', 0, 3],
  ['</s>', 0, 3],
]

describe('unigram models', () => {
  const rows: readonly Row[] = [
    ...special,
    ['▁', -3],
    ['▁a', -2],
    ['b', -2.5],
    ['ab', -2.25],
    ['▁ab', -4],
    ['c', -3],
    ['bc', -4.5],
    ['<end>', 0, 4],
  ]
  const tokenizer = SentencePieceTokenizer.fromModel(modelOf(rows))
  const cut = (text: string) => Array.from(tokenizer.encode(text), (number) => tokenizer.pieceOf(number))

  test('cut a text as is likeliest', () => {
    // ▁ab: −4 alone, ▁a b −4.5, ▁ ab −5.25
    expect(cut('ab')).toEqual(['▁ab'])
    // ▁ab c −7, ▁a bc −6.5, ▁a b c −7.5
    expect(cut('abc')).toEqual(['▁a', 'bc'])
    expect(cut('  ab   abc ')).toEqual(['▁ab', '▁a', 'bc'])
    // What the user has defined is taken wherever it stands.
    expect(cut('ab<end>c')).toEqual(['▁ab', '<end>', 'c'])
    expect(cut('')).toEqual([])
    expect(cut('   ')).toEqual([])
  })

  test('say what they do not know once for several characters, and spell it by bytes where they can', () => {
    expect([...tokenizer.encode('axyb')]).toEqual([4, 0, 5])
    expect(tokenizer.decode(tokenizer.encode('axyb'))).toBe('a \u2047 b')
    const bytes: Row[] = Array.from({ length: 256 }, (_, i) => [
      `<0x${i.toString(16).toUpperCase().padStart(2, '0')}>`,
      0,
      6,
    ])
    const all = SentencePieceTokenizer.fromModel(modelOf([...rows, ...bytes], { byteFallback: true }))
    const text = 'ab ü€😀c'
    expect(all.decode(all.encode(text))).toBe(text)
    expect(Array.from(all.encode('ü'), (number) => all.pieceOf(number))).toEqual(['▁', '<0xC3>', '<0xBC>'])
    // The beginning of a character alone is none.
    expect(all.decode([all.idOf('<0xC3>'), 5])).toBe('\ufffdb')
  })

  test('keep blanks where the model says so', () => {
    const plain = SentencePieceTokenizer.fromModel(modelOf(rows, { prefix: false, strip: false }))
    expect(Array.from(plain.encode('b  b'), (number) => plain.pieceOf(number))).toEqual(['b', '▁', '▁', 'b'])
    expect(plain.decode(plain.encode('b  b'))).toBe('b  b')
    expect(tokenizer.decode([1, 7, 5, 2])).toBe('abb')
  })

  test('have the numbers of @huggingface/tokenizers, for random vocabularies and texts', () => {
    const random = new Random(11)
    const letters = [...'abcde']
    const word = (most: number) =>
      Array.from({ length: 1 + random.integer(most) }, () => letters[random.integer(letters.length)]).join('')
    for (let round = 0; round < 5; round++) {
      const texts = new Set([
        ...letters,
        '▁',
        ...Array.from({ length: 60 }, () => (random.uniform() < 0.4 ? '▁' : '') + word(4)),
      ])
      const made: Row[] = [...special, ...[...texts].map((text): Row => [text, Math.fround(-2 - 8 * random.uniform())])]
      const ours = SentencePieceTokenizer.fromModel(modelOf(made))
      const metaspace = { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' }
      const theirs = new Theirs(
        {
          version: '1.0',
          added_tokens: [],
          normalizer: null,
          pre_tokenizer: { ...metaspace, split: false },
          post_processor: null,
          decoder: metaspace,
          model: {
            type: 'Unigram',
            unk_id: 0,
            vocab: made.map(([text, score]) => [text, score]),
            byte_fallback: false,
          },
        },
        {},
      )
      for (let i = 0; i < 30; i++) {
        const text = Array.from({ length: 1 + random.integer(5) }, () => word(9)).join(' ')
        expect([...ours.encode(text)], text).toEqual(theirs.encode(text).ids)
      }
    }
  })
})

describe('BPE models', () => {
  const rows: readonly Row[] = [
    ...special,
    ['ab', -0],
    ['bc', -1],
    ['abc', -2],
    ['▁a', -3],
    ['▁abc', -4, 5],
    ['▁', -5],
    ['a', -6],
    ['b', -7],
    ['c', -8],
    ['[x]', 0, 4],
  ]
  const tokenizer = SentencePieceTokenizer.fromModel(modelOf(rows, { type: 2 }))
  const cut = (text: string) => Array.from(tokenizer.encode(text), (number) => tokenizer.pieceOf(number))

  test('put the best pair together first, the first of equal ones', () => {
    expect(cut('abab')).toEqual(['▁', 'ab', 'ab'])
    expect(cut('bcb')).toEqual(['▁', 'bc', 'b'])
    expect(cut('acb')).toEqual(['▁a', 'c', 'b'])
    // "▁abc" is made and, as it is not to be used, taken apart into what it was made of.
    expect(cut('abc')).toEqual(['▁', 'abc'])
    expect(cut('a[x]bc')).toEqual(['▁a', '[x]', 'bc'])
    expect(cut('azb')).toEqual(['▁a', '<unk>', 'b'])
  })

  test('cut long texts without a blank in time that grows hardly faster', () => {
    const text = 'abcba'.repeat(20_000)
    const numbers = tokenizer.encode(text)
    expect(tokenizer.decode(numbers)).toBe(text)
  })
})

describe('tables of characters', () => {
  // A trie by hand: root → 'A' → leaf "b"; units are offsets, labels and values as Darts-clone has them.
  const units = new Uint32Array(512)
  const offset = (from: number, to: number) => ((from ^ to) << 10) >>> 0
  units[0] = offset(0, 256)
  const child = 256 ^ 0x41
  units[child] = (offset(child, 300) | 0x100 | 0x41) >>> 0
  units[300] = (0x80000000 | 2) >>> 0
  const map = Uint8Array.from([
    ...new Uint8Array(Uint32Array.of(4 * units.length).buffer),
    ...new Uint8Array(units.buffer),
    ...utf8('x\0b\0'),
  ])

  test('put texts in the place of others', () => {
    expect(characterMapper(map)('cAt Ä A')).toBe('cbt Ä b')
    expect(characterMapper(new Uint8Array(0))('A')).toBe('A')
    const tokenizer = SentencePieceTokenizer.fromModel(modelOf([...special, ['▁b', -1], ['A', -1]], { map: [...map] }))
    expect([...tokenizer.encode('A')]).toEqual([3])
  })

  test('that are damaged are refused', () => {
    expect(() => characterMapper(map.subarray(0, 100))).toThrow(expect.objectContaining({ code: 'E_PARSE' }))
    expect(() => characterMapper(map.subarray(0, map.length - 3))('A')).toThrow('beyond its texts')
  })
})

test('what is no model is refused, at whatever byte it is cut', () => {
  const bytes = modelOf([...special, ['a', -1]])
  const refused = (part: Uint8Array) => {
    try {
      SentencePieceTokenizer.fromModel(part)
    } catch (error) {
      expect(error).toMatchObject({ code: expect.stringMatching(/E_PARSE|E_UNSUPPORTED/) as string })
    }
  }
  for (let end = 0; end < bytes.length; end++) refused(bytes.subarray(0, end))
  const random = new Random(2)
  for (let i = 0; i < 500; i++) {
    const damaged = bytes.slice()
    damaged[random.integer(damaged.length)] = random.integer(256)
    refused(damaged)
  }
  expect(() => SentencePieceTokenizer.fromModel(new Uint8Array(0))).toThrow('no pieces')
  expect(() => SentencePieceTokenizer.fromModel(modelOf([['a', 0]]))).toThrow('not known')
  expect(() => SentencePieceTokenizer.fromModel(modelOf([...special, ['a', 0], ['a', 1]]))).toThrow('twice')
  expect(() => SentencePieceTokenizer.fromModel(modelOf(special, { byteFallback: true }))).toThrow('byte 0')
  expect(() => SentencePieceTokenizer.fromModel(modelOf(special, { type: 4 }))).toThrow(
    expect.objectContaining({ code: 'E_UNSUPPORTED' }),
  )
})

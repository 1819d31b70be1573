import { Tokenizer as HuggingFace } from '@huggingface/tokenizers'
import { describe, expect, test } from 'vitest'
import { WordPieceTokenizer } from '../../src/text/wordpiece.js'
import { expectError } from '../support/expect-error.js'
import { seeded } from '../support/random.js'

/** Its declarations name files that are not shipped. */
const Theirs = HuggingFace as unknown as new (
  json: object,
  config: object,
) => {
  encode(text: string): { ids: number[] }
  decode(ids: number[], options: object): string
}

const pieces = [
  ...'[PAD] [UNK] [CLS] [SEP] [MASK]'.split(' '),
  ..."the cat cats play sing un believ able naive cafe it 12 3 東 京 . , ! ? ' - $ + ~ ` s t m do not # grosse gr".split(
    ' ',
  ),
  ...'##s ##ing ##er ##ed ##able ##believ ##5 ##a ##b ##c ##оскв ##е ##oss ##ß ##e'.split(' '),
  ...'a b c d м о'.split(' '),
]

function file(normalizer: object | null, extra: object = {}): object {
  return {
    version: '1.0',
    truncation: { max_length: 8, strategy: 'LongestFirst', stride: 0, direction: 'Right' },
    padding: null,
    added_tokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'].map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: content === '[MASK]',
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer,
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [
        { SpecialToken: { id: '[CLS]', type_id: 0 } },
        { Sequence: { id: 'A', type_id: 0 } },
        { SpecialToken: { id: '[SEP]', type_id: 0 } },
      ],
      pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
      special_tokens: {
        '[CLS]': { id: '[CLS]', ids: [2], tokens: ['[CLS]'] },
        '[SEP]': { id: '[SEP]', ids: [3], tokens: ['[SEP]'] },
      },
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 12,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    },
    ...extra,
  }
}

const bert = (lowercase: boolean, strip: boolean | null = null) => ({
  type: 'BertNormalizer',
  clean_text: true,
  handle_chinese_chars: true,
  strip_accents: strip,
  lowercase,
})

function noise(seed: number, length: number): string {
  const random = seeded(seed)
  const kinds = [
    'abcdst',
    'THE CAT',
    '1235',
    '  \n\t\u00a0\u2003',
    "'.,;!?-$+~`#",
    'éäß',
    'москве',
    '東京',
    '\u0000\u0007\uFFFD',
    '😀',
  ]
  return Array.from({ length }, () => {
    const kind = Array.from(kinds[Math.floor(random() * kinds.length)])
    return kind[Math.floor(random() * kind.length)]
  }).join('')
}

const texts = [
  'The cats play, singing! Unbelievable?',
  "It's 12 + 35 $ ~`... don't cats",
  'Naïve café größe Große МОСКВЕ москве 東京 cat東cat',
  'a [MASK] cat [SEP] [CLS]b',
  'abcabcabcabcabcabcabc the',
  ' \u00a0 the\u2003cat\tcats\r\n',
  'the \u0000ca\u0007t \uFFFDs',
  '',
  ...Array.from({ length: 60 }, (_, seed) => noise(seed, 60)),
]

describe('WordPiece', () => {
  for (const [name, normalizer] of [
    ['uncased', bert(true)],
    ['cased', bert(false)],
    ['cased without accents', bert(false, true)],
    [
      'a sequence',
      { type: 'Sequence', normalizers: [{ type: 'NFD' }, { type: 'Lowercase' }, { type: 'StripAccents' }] },
    ],
  ] as const)
    test(`${name}: the ids and texts of Hugging Face's library`, () => {
      const json = file(normalizer)
      const tokenizer = WordPieceTokenizer.fromJSON(json)
      // What is cut short is the caller's matter.
      const theirs = new Theirs({ ...json, truncation: null }, {})
      for (const text of texts) {
        const { ids } = theirs.encode(text)
        expect([...tokenizer.encode(text)], JSON.stringify(text)).toEqual(ids)
        for (const skipSpecial of [false, true])
          expect(tokenizer.decode(ids, { skipSpecial }), JSON.stringify(text)).toBe(
            theirs.decode(ids, { skip_special_tokens: skipSpecial, clean_up_tokenization_spaces: false }),
          )
      }
    })

  test('by hand: words, pieces, what is unknown, what stands around a text', () => {
    const tokenizer = WordPieceTokenizer.fromJSON(JSON.stringify(file(bert(true))))
    const spelled = (text: string, options = {}) =>
      Array.from(tokenizer.encode(text, options), (id) => tokenizer.tokens[id])
    expect(spelled('The cats Unbelievable.')).toEqual([
      '[CLS]',
      'the',
      'cats',
      'un',
      '##believ',
      '##able',
      '.',
      '[SEP]',
    ])
    expect(spelled('catz [SEP]', { template: false })).toEqual(['[UNK]', '[SEP]'])
    expect(spelled('[SEP]', { template: false, special: false })).toEqual(['[UNK]', '[UNK]', '[UNK]'])
    expect(tokenizer.size).toBe(pieces.length)
    expect(tokenizer.idOf('cats')).toBe(pieces.indexOf('cats'))
    expectError('E_VALUE', () => tokenizer.idOf('dog'), /"dog"/)
    expectError('E_VALUE', () => tokenizer.decode([pieces.length]), /no token/)
  })
})

test('WordLevel: whole words alone', () => {
  const vocab = { '[UNK]': 0, one: 1, two: 2, '!': 3, 'one two': 4 }
  const made = (pre: string | null) =>
    WordPieceTokenizer.fromJSON({
      pre_tokenizer: pre === null ? null : { type: pre },
      model: { type: 'WordLevel', vocab, unk_token: '[UNK]' },
    })
  expect([...made('Whitespace').encode('one two! three')]).toEqual([1, 2, 3, 0])
  expect([...made('WhitespaceSplit').encode(' one  two! ')]).toEqual([1, 0])
  expect([...made(null).encode('one two')]).toEqual([4])
  expect(made('Whitespace').decode([1, 2, 3])).toBe('one two !')
})

test('arguments and options that are none are named, as those of Tokenizer are', () => {
  const tokenizer = WordPieceTokenizer.fromJSON(file(null))
  expectError('E_VALUE', () => tokenizer.encode('cat', { templates: false } as object), /"templates"/)
  expectError('E_VALUE', () => tokenizer.encode('cat', { template: 'no' } as object), /template of encode/)
  expectError('E_VALUE', () => tokenizer.encode(3 as unknown as string), /text/)
  expectError('E_VALUE', () => tokenizer.decode([2], { skipspecial: true } as object), /"skipspecial"/)
  expectError('E_VALUE', () => tokenizer.decode('2' as unknown as number[]), /numbers/)
  expect(['[CLS]', 'cat'].map((token) => tokenizer.isSpecial(tokenizer.idOf(token)))).toEqual([true, false])
})

test('what is not understood is named', () => {
  const refused = (json: object, message: RegExp) =>
    expectError('E_UNSUPPORTED', () => WordPieceTokenizer.fromJSON(json), message)
  refused(file(null, { model: { type: 'Unigram', vocab: {} } }), /"Unigram"/)
  refused(file({ type: 'Precompiled' }), /Precompiled/)
  refused(file(null, { pre_tokenizer: { type: 'Metaspace' } }), /Metaspace/)
  refused(file(null, { decoder: { type: 'BPEDecoder' } }), /BPEDecoder/)
  refused(file(null, { post_processor: { type: 'Other' } }), /Other/)
  expectError('E_PARSE', () => WordPieceTokenizer.fromJSON('{'), /no JSON/)
  expectError('E_PARSE', () => WordPieceTokenizer.fromJSON({}), /model/)
  const lacks = file(null, {
    model: { type: 'WordPiece', vocab: { a: 0 }, unk_token: '[UNK]' },
    added_tokens: [],
    post_processor: null,
  })
  expectError('E_VALUE', () => WordPieceTokenizer.fromJSON(lacks), /\[UNK\]/)
})

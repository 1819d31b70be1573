import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import {
  generateText,
  TextStream,
  type GenerateTextOptions,
  type GenerationSession,
  type TextTokenizer,
} from '../../src/generate.js'
import { Tokenizer, WordPieceTokenizer } from '../../src/text/index.js'
import { expectRejects } from '../support/expect-error.js'

const TEXT = 'The film — naïve, größer, 東京 😀👩‍👩‍👧 — was  good.\n\nIt isn\'t "bad"!'

function streamed(tokenizer: TextTokenizer, tokens: ArrayLike<number>): string[] {
  const stream = new TextStream(tokenizer)
  return [...Array.from(tokens, (token) => stream.push(token)), stream.end()]
}

const words = WordPieceTokenizer.fromJSON({
  added_tokens: [{ id: 1, content: '[SEP]', special: true }],
  pre_tokenizer: { type: 'BertPreTokenizer' },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    vocab: Object.fromEntries(
      ['[UNK]', '[SEP]', 'it', 'is', 'n', "'", 't', 'play', '##ing', '##s', '.', ','].map((w, i) => [w, i]),
    ),
  },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
})

test('pieces put together are the text, and no piece ends within a character', async () => {
  const bytes = await Tokenizer.train([TEXT, 'the theme of the thesis'], {
    vocabularySize: 270,
    specialTokens: ['<end>'],
  })
  const tokens = [...bytes.encode(TEXT), bytes.idOf('<end>')]
  const pieces = streamed(bytes, tokens)
  expect(pieces.join('')).toBe(TEXT)
  expect(pieces.some((piece) => piece.includes('\uFFFD'))).toBe(false)
  expect(pieces.filter((piece) => piece === '').length).toBeGreaterThan(8)
  // A text that breaks off within a character shows that at its end.
  expect(streamed(bytes, tokens.slice(0, -20)).join('')).toBe(bytes.decode(tokens.slice(0, -20)))
  expect(streamed(bytes, bytes.encode('größ').slice(0, -1)).join('')).toBe('grö\uFFFD')
})

test('blanks come between words and not before them, however they are joined', () => {
  const text = "it isn't playing, it plays."
  const tokens = words.encode(text)
  const pieces = streamed(words, tokens)
  expect(pieces.join('')).toBe(words.decode(tokens))
  expect(pieces[0]).toBe('it')
  expect(pieces.filter((piece) => piece.startsWith(' ')).length).toBeGreaterThan(3)
  expect(streamed(words, words.encode('it [SEP] plays')).join('')).toBe('it plays')
})

/** A session that writes these tokens, whatever it is given. */
function writing(tokens: readonly number[], vocabulary: number): GenerationSession & { runs: number } {
  return {
    runs: 0,
    inputNames: ['input_ids'],
    outputNames: ['logits'],
    inputMetadata: [{ name: 'input_ids', isTensor: true, type: 'int64', shape: ['batch', 'length'] }],
    run() {
      const data = new Float32Array(vocabulary)
      data[tokens[this.runs++]] = 1
      return Promise.resolve({ logits: { type: 'float32', data, dims: [1, 1, vocabulary] } })
    },
  }
}

async function continued(text: string, options: GenerateTextOptions) {
  const characters = Array.from(text)
  const letters = [...new Set(characters)]
  const tokenizer: TextTokenizer = {
    encode: (given) => Array.from(given, (letter) => letters.indexOf(letter)),
    decode: (tokens) => Array.from(tokens, (token) => letters[token]).join(''),
  }
  const session = writing(
    characters.map((letter) => letters.indexOf(letter)),
    letters.length,
  )
  const pieces: string[] = []
  const iterator = generateText(session, tokenizer, text[0], { maxTokens: characters.length, ...options })
  for (;;) {
    const { value, done } = await iterator.next()
    if (done) return { pieces, ...value, runs: session.runs }
    pieces.push(value)
  }
}

test('a text of stopTexts ends it and is no part of it; what may begin one is held back', async () => {
  const text = 'one two, two. three'
  expect(await continued(text, {})).toMatchObject({ pieces: [...text], text, end: 'length' })
  const stopped = await continued(text, { stopTexts: ['two.', 'xyz'] })
  expect(stopped).toMatchObject({ text: 'one two, ', end: 'stop', runs: 13 })
  expect(stopped.pieces).toEqual([...'one ', 'two,', ' '])
  // The first of two that are there; one that never is finished is shown at the end.
  expect(await continued(text, { stopTexts: ['. th', 'wo'] })).toMatchObject({ text: 'one t', end: 'stop' })
  expect(await continued(text, { stopTexts: ['threes'] })).toMatchObject({ text, end: 'length' })
  expect((await continued(text, { stopTexts: ['two'], maxTokens: 6 })).text).toBe('one tw')
})

test('by a real tokenizer, from a text or its tokens', async () => {
  const json = readFileSync(new URL('../../models/transformer-lm/tokenizer.json', import.meta.url), 'utf8')
  const tokenizer = Tokenizer.fromJSON(json)
  const wanted = tokenizer.encode(' a film that größer 東京 nobody has seen')
  for (const prompt of ['There is', tokenizer.encode('There is')]) {
    let text = ''
    const session = writing([...wanted], tokenizer.size)
    for await (const piece of generateText(session, tokenizer, prompt, { maxTokens: wanted.length })) {
      expect(piece).not.toBe('')
      text += piece
    }
    expect(text).toBe(' a film that größer 東京 nobody has seen')
  }
  const session = writing([0], tokenizer.size)
  const wrong = { stopTexts: [''] }
  await expectRejects('E_VALUE', () => generateText(session, tokenizer, 'a', wrong).next(), /empty/)
  await expectRejects(
    'E_VALUE',
    () => generateText(session, tokenizer, 'a', { stopText: ['x'] } as never).next(),
    /stopText/,
  )
})

// The files that are committed in models/transformer-lm.
import { readFileSync, statSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { END } from '../../../models/transformer-lm/corpus.js'
import {
  CLASSIFIER,
  exportLanguageModel,
  LANGUAGE_MODEL,
  loadClassifier,
  loadLanguageModel,
  readTokenizer,
  TOKENIZER,
} from '../../../models/transformer-lm/files.js'
import type { TransformerLM } from '../../../models/transformer-lm/model.js'
import { measureText } from '../../../models/transformer-lm/perplexity.js'
import { classifyTexts } from '../../../models/transformer-lm/review-task.js'
import { explain } from '../../../models/transformer-lm/attribution.js'
import { generate, pastToPresent } from '../../../src/generate/index.js'
import { InferenceSession } from '../../../src/node.js'
import { Device, Random } from '../../../src/train.js'

const tokenizer = readTokenizer(TOKENIZER)
const review =
  'I really wanted to like this movie, but the story makes no sense and the acting is terrible. ' +
  'There are a few funny scenes in the first half, and then it just gets boring. Do not waste your time.'
let model: TransformerLM

beforeAll(async () => {
  Device.current = await Device.create({ deterministic: true, seed: 1 })
  model = await loadLanguageModel(LANGUAGE_MODEL, tokenizer)
}, 120_000)
afterAll(() => Device.current.dispose())

describe('the language model', () => {
  test('is as small as it has to be', () => {
    expect(statSync(LANGUAGE_MODEL).size).toBeLessThan(3_500_000)
  })

  test('foretells a review that nobody showed it, and not its tokens in another order', async () => {
    const ids = [tokenizer.idOf(END), ...tokenizer.encode(review, { special: false })]
    const perplexity = async (tokens: readonly number[]) =>
      (await measureText(model, { ids: Int32Array.from(tokens), words: 1 }, { length: 256 })).perToken
    const shuffled = Array.from(new Random(1).permutation(ids.length), (i) => ids[i])
    const [given, mixed] = [await perplexity(ids), await perplexity(shuffled)]
    expect(given).toBeLessThan(80)
    expect(mixed).toBeGreaterThan(8 * given)
  }, 60_000)

  test('writes the same with a cache in the session and with past in and out', async () => {
    const prompt = [tokenizer.idOf(END), ...tokenizer.encode('this film is', { special: false })]
    const growing = exportLanguageModel(model, { tokenizer, cache: 'past', format: 'int8' })
    const texts: string[] = []
    for (const bytes of [readFileSync(LANGUAGE_MODEL), growing]) {
      const session = await InferenceSession.create(bytes, { build: 'simd', states: pastToPresent })
      const made: number[] = []
      for await (const token of generate(session, prompt, { maxTokens: 30, repetitionPenalty: 1.2 })) made.push(token)
      texts.push(tokenizer.decode(made))
      await session.release()
    }
    expect(texts[1]).toBe(texts[0])
    // Words, not pieces of them.
    expect(texts[0].match(/ (the|a|of|and|is|to|it|this|film|movie)\b/g)?.length).toBeGreaterThan(5)
  }, 60_000)
})

describe('the classifier', () => {
  const good = [
    'A wonderful film, funny and moving from the first scene to the last.',
    'I loved every minute of it: great acting, a beautiful story.',
    'One of the best movies I have ever seen, highly recommended.',
    'The cast is excellent and the music is superb.',
  ]
  const bad = [
    'A complete waste of time: boring, badly acted and far too long.',
    'The worst movie I have ever seen, avoid it at all costs.',
    'The plot is stupid and the dialogue is terrible.',
    'I fell asleep after half an hour, so dull was this awful mess.',
  ]

  test('judges what is said clearly, alone and in one long text', async () => {
    expect(statSync(CLASSIFIER).size).toBeLessThan(3_500_000)
    const session = await InferenceSession.create(readFileSync(CLASSIFIER), { build: 'simd' })
    const long = [good, bad].map((sentences) => Array.from({ length: 8 }, () => sentences.join(' ')).join(' '))
    const judged = await classifyTexts(session, tokenizer, [...good, ...bad, ...long])
    const shares = judged.map(({ probabilities }) => probabilities[1])
    for (const share of [...shares.slice(0, 4), shares[8]]) expect(share).toBeGreaterThan(0.8)
    for (const share of [...shares.slice(4, 8), shares[9]]) expect(share).toBeLessThan(0.2)
    await session.release()
  }, 60_000)

  test('is judged by its words: all of them, with the probabilities of the exported file', async () => {
    const classifier = await loadClassifier(CLASSIFIER, tokenizer)
    const session = await InferenceSession.create(readFileSync(CLASSIFIER), { build: 'simd' })
    for (const text of [good[0], bad[0]]) {
      const { words, probabilities } = explain(classifier, tokenizer, text)
      expect(words.map((word) => word.text).join('')).toBe(text.toLowerCase())
      expect(words.every(({ share }) => Number.isFinite(share))).toBe(true)
      const [judged] = await classifyTexts(session, tokenizer, [text])
      probabilities.forEach((share, i) => expect(share).toBeCloseTo(judged.probabilities[i], 4))
    }
    await session.release()
    classifier.dispose()
  }, 60_000)
})

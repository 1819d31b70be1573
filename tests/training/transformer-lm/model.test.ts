import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ClassificationTransformer } from '../../../models/transformer-lm/classification.js'
import { Corpus, END, trainTokenizer } from '../../../models/transformer-lm/corpus.js'
import {
  exportClassifier,
  exportLanguageModel,
  loadClassifier,
  loadLanguageModel,
} from '../../../models/transformer-lm/files.js'
import { grammarText } from '../../../models/transformer-lm/grammar.js'
import { explain } from '../../../models/transformer-lm/attribution.js'
import { KneserNey } from '../../../models/transformer-lm/kneser-ney.js'
import { languageTask } from '../../../models/transformer-lm/language-task.js'
import { TransformerLM, type TransformerConfig } from '../../../models/transformer-lm/model.js'
import { measureText, stretchesOf } from '../../../models/transformer-lm/perplexity.js'
import { classifyTexts, finetuneRecipe, windowsOf } from '../../../models/transformer-lm/review-task.js'
import { loadReviews } from '../../../models/transformer-lm/reviews.js'
import { generate, pastToPresent } from '../../../src/generate/index.js'
import { InferenceSession } from '../../../src/node.js'
import {
  AdamW,
  cosine,
  DataLoader,
  Device,
  F,
  fit,
  KeyValueCache,
  RandomSampler,
  Schedule,
  Tensor,
  TokenDataset,
  Tokenizer,
  warmup,
} from '../../../src/train.js'

let folder: string
let tokenizer: Tokenizer
let corpus: Corpus
let model: TransformerLM
const LENGTH = 32
const config = { dim: 48, heads: 4, layers: 2, maxLength: 64 }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lanewise-lm-'))
  const source = grammarText(1000)
  tokenizer = await trainTokenizer(source, 340)
  corpus = Corpus.open(source, tokenizer)
  await Device.create({ deterministic: true, seed: 1 })
  model = new TransformerLM({ ...config, vocabulary: tokenizer.size })
}, 60_000)

afterAll(() => {
  Device.current.dispose()
  rmSync(folder, { recursive: true })
})

const int64 = (rows: readonly (readonly number[])[]) =>
  new Tensor('int64', BigInt64Array.from(rows.flat(), BigInt), [rows.length, rows[0].length])

describe('a language model', () => {
  test('learns the generated language: perplexity 2.8 and less after 250 steps, near that of trigrams', async () => {
    const { ids } = corpus.part('train')
    const windows = new TokenDataset(ids, { length: LENGTH, stride: 1 })
    const steps = 250
    const sampler = new RandomSampler(windows.length, { replacement: true, count: steps * 16 })
    const optimizer = new AdamW(model.parameters(), { lr: 0.005 })
    const before = await measureText(model, corpus.part('validation'), { length: LENGTH })
    expect(before.perToken).toBeGreaterThan(200)
    await fit(model, new DataLoader(windows, { batchSize: 16, seed: 1, sampler }), {
      ...languageTask,
      optimizer,
      schedule: new Schedule(optimizer, warmup(20, cosine(steps - 20, 0.02), 0.05)),
      epochs: 1,
      clipNorm: 1,
    })
    const { perToken, perWord, tokens, words } = await measureText(model, corpus.part('validation'), { length: LENGTH })
    expect(perToken).toBeLessThan(2.8)
    expect(Math.log(perWord) * words).toBeCloseTo(Math.log(perToken) * tokens, 6)
    const trigrams = new KneserNey(ids, tokenizer.size).perplexity(corpus.part('validation').ids, tokenizer.idOf(END))
    expect(trigrams.perplexity).toBeGreaterThan(2)
    expect(perToken / trigrams.perplexity).toBeLessThan(1.15)
  }, 300_000)

  test('is measured on every token once, however it is cut', async () => {
    for (const [count, length] of [
      [2, 8],
      [9, 8],
      [10, 8],
      [100, 8],
      [101, 7],
    ]) {
      const seen = new Map<number, number>()
      for (const { start, counted } of stretchesOf(count, length))
        for (let i = start + counted; i < start + Math.min(length, count - 1); i++)
          seen.set(i + 1, (seen.get(i + 1) ?? 0) + 1)
      expect([...seen.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: count - 1 }, (_, i) => i + 1))
      expect(new Set(seen.values())).toEqual(new Set([1]))
    }
    // A text that fits is the same in one piece: the mean over its tokens.
    const ids = corpus.part('validation').ids.slice(0, 30)
    const { perToken } = await measureText(model, { ids, words: 10 }, { length: LENGTH })
    const { device } = model
    const scores = device.step(() =>
      device.noGrad(() => model.call(device.tensor(int64([[...ids.subarray(0, 29)]]))).data()),
    ) as Float32Array
    let sum = 0
    for (let i = 0; i < 29; i++) {
      const row = [...scores.subarray(i * tokenizer.size, (i + 1) * tokenizer.size)]
      sum += Math.log(row.reduce((total, score) => total + Math.exp(score), 0)) - row[ids[i + 1]]
    }
    expect(perToken).toBeCloseTo(Math.exp(sum / 29), 3)
  })

  test('writes the same text by its module, by a session that keeps the cache, and by past and present', async () => {
    const prompt = [tokenizer.idOf(END), ...tokenizer.encode('the film is not')]
    const { device } = model
    const cache = new KeyValueCache()
    const written: number[] = []
    let next = prompt
    while (written.length < 40) {
      const scores = device.step(() =>
        device.noGrad(() =>
          model
            .eval()
            .call(device.tensor(int64([next])), { isCausal: true, cache })
            .data(),
        ),
      ) as Float32Array
      const last = [...scores.subarray(scores.length - tokenizer.size)]
      next = [last.indexOf(Math.max(...last))]
      written.push(next[0])
    }
    cache.dispose()
    for (const kind of ['session', 'past'] as const) {
      const bytes = exportLanguageModel(model, { tokenizer, cache: kind })
      const session = await InferenceSession.create(bytes, { states: pastToPresent })
      const made: number[] = []
      for await (const token of generate(session, prompt, { maxTokens: 40 })) made.push(token)
      expect(made).toEqual(written)
      await session.release()
    }
    expect(tokenizer.decode(written)).toMatch(/^( (very|quite|truly|almost))? \w+/)
  }, 60_000)

  test('comes back from its file: as it was, or rounded', async () => {
    const validation = { ids: corpus.part('validation').ids.subarray(0, 1500), words: 1000 }
    const { perToken } = await measureText(model, validation, { length: LENGTH })
    for (const format of ['float32', 'float16', 'int8'] as const) {
      const bytes = exportLanguageModel(model, { tokenizer, cache: 'session', format })
      const back = await loadLanguageModel(bytes, tokenizer)
      expect(back.config).toEqual(model.config)
      const again = await measureText(back, validation, { length: LENGTH })
      if (format === 'float32') expect(again.perToken).toBe(perToken)
      else expect(Math.abs(again.perToken / perToken - 1)).toBeLessThan(format === 'int8' ? 0.02 : 0.001)
      back.dispose()
    }
  }, 60_000)

  test('refuses a tokenizer, a length and a file that are not its own', async () => {
    const other = await trainTokenizer(grammarText(50), 300)
    expect(() => exportLanguageModel(model, { tokenizer: other, cache: 'past' })).toThrow('do not belong together')
    const bytes = exportLanguageModel(model, { tokenizer, cache: 'past' })
    await expect(loadLanguageModel(bytes, other)).rejects.toMatchObject({ code: 'E_VALUE' })
    // As many tokens, but others.
    const [first, second, ...rest] = tokenizer.options.specialTokens ?? []
    const swapped = tokenizer.tokens.map((token) => (token === first ? second : token === second ? first : token))
    const same = new Tokenizer({ ...tokenizer.options, tokens: swapped, specialTokens: [second, first, ...rest] })
    await expect(loadLanguageModel(bytes, same)).rejects.toThrow('another tokenizer')
    await expect(loadClassifier(bytes, tokenizer)).rejects.toMatchObject({ code: 'E_VALUE' })
    const { device } = model
    const call = (length: number) => () =>
      device.step(() => device.noGrad(() => model.call(device.tensor(int64([new Array<number>(length).fill(4)])))))
    expect(call(64)).not.toThrow()
    expect(call(65)).toThrow('longer than the 64 places')
    const wider = new TransformerLM({ ...config, dim: 64, vocabulary: tokenizer.size })
    expect(() => wider.loadStateDict(model.stateDict())).toThrow('float32')
    wider.dispose()
    expect(() => new TransformerLM({ ...config, layers: 0, vocabulary: 10 })).toThrow('layers')
  }, 60_000)

  const kinds: Partial<TransformerConfig>[] = [
    { positions: 'learned' },
    { norm: 'post', activation: 'relu' },
    { tied: false, scaled: false },
  ]
  test.each(kinds)(
    'of other parts is exported alike: %j',
    async (kind) => {
      const vocabulary = tokenizer.size
      const small = new TransformerLM({ vocabulary, dim: 16, heads: 2, layers: 2, maxLength: 32, ...kind })
      const ids = [5, 80, 7, 120, 33]
      const expected = small.predict(int64([ids])).data as Float32Array
      const bytes = exportLanguageModel(small, { tokenizer, cache: 'past' })
      const back = await loadLanguageModel(bytes, tokenizer)
      expect(back.predict(int64([ids])).data).toEqual(expected)
      const session = await InferenceSession.create(exportLanguageModel(small, { tokenizer, cache: 'session' }), {
        states: pastToPresent,
      })
      const made: number[] = []
      for await (const token of generate(session, ids, { maxTokens: 1 })) made.push(token)
      const last = [...expected.subarray(4 * vocabulary)]
      expect(made).toEqual([last.indexOf(Math.max(...last))])
      expect(small.parameters().some(({ shape }) => shape.join() === `${vocabulary}`)).toBe(kind.tied === false)
      for (const each of [small, back]) each.dispose()
    },
    60_000,
  )

  test('sees nothing that comes after', () => {
    const scores = (ids: number[]) => model.predict(int64([ids])).data as Float32Array
    const [a, b] = [scores([5, 9, 13, 21]), scores([5, 9, 13, 77])]
    expect(a.subarray(0, 3 * tokenizer.size)).toEqual(b.subarray(0, 3 * tokenizer.size))
    expect(a.subarray(3 * tokenizer.size)).not.toEqual(b.subarray(3 * tokenizer.size))
  })
})

describe('a classifier', () => {
  test.each(['last', 'mean', 'class'] as const)(
    'reads the class of %s, whatever a text is filled up with',
    (pooling) => {
      const [pad, token] = [1, 2]
      const classifier = ClassificationTransformer.from(model, { classes: 3, pooling, classToken: token })
      expect([...classifier.body.stateDict().keys()]).toEqual([...model.body.stateDict().keys()])
      const [short, long] = [
        [9, 30, 61, token],
        [8, 7, 99, 100, 55, token],
      ]
      const one = (row: number[]) => classifier.predict(int64([row]), int64([row.map(() => 1)])).data as Float32Array
      const both = classifier.predict(
        int64([[...short, pad, pad], long]),
        int64([
          [1, 1, 1, 1, 0, 0],
          [1, 1, 1, 1, 1, 1],
        ]),
      ).data as Float32Array
      const expected = [...one(short), ...one(long)]
      both.forEach((score, i) => expect(score).toBeCloseTo(expected[i], 4))
      // The last token alone decides what "last" and "class" see of another last one.
      const hidden = classifier.body.predict(int64([short])).data as Float32Array
      const { weight, bias } = classifier.head
      const [w, b] = [weight.data() as Float32Array, bias?.data() as Float32Array]
      const { dim } = config
      const pooled = Array.from({ length: dim }, (_, i) =>
        pooling === 'mean'
          ? [0, 1, 2, 3].reduce((sum, row) => sum + hidden[row * dim + i] / 4, 0)
          : hidden[3 * dim + i],
      )
      const byHand = [0, 1, 2].map((c) => pooled.reduce((sum, x, i) => sum + x * w[c * dim + i], b[c]))
      byHand.forEach((score, i) => expect(expected[i]).toBeCloseTo(score, 3))
      classifier.dispose()
    },
  )

  test('learns to judge sentences of the generated language, faster from the language model than from nothing', async () => {
    const languageModel = join(folder, 'lm.onnx')
    writeFileSync(languageModel, exportLanguageModel(model, { tokenizer, cache: 'session' }))
    writeFileSync(join(folder, 'tokenizer.json'), tokenizer.toJSON())
    const tuned = async (scratch: boolean) => {
      const epochs = 6
      const recipe = finetuneRecipe({
        ...{ sets: ['grammar'] as const, size: 1800, batchSize: 32, lr: 0.002, dropout: 0 },
        ...{ passes: epochs, languageModel, scratch },
      })
      const data = await recipe.data({ from: undefined, seed: 1, batchSize: 32, epochs: 1 })
      const classifier = await recipe.model(data)
      const optimizer = recipe.optimizer(classifier)
      const { validation } = await fit(classifier, data.train, {
        ...recipe.task,
        ...recipe.fit,
        optimizer,
        schedule: new Schedule(optimizer, recipe.schedule?.(57 * epochs) ?? cosine(57 * epochs)),
        epochs: 1,
        validation: data.validation,
      })
      return { classifier, data, accuracy: validation?.accuracy ?? NaN }
    }
    const { classifier, data, accuracy } = await tuned(false)
    const scratch = await tuned(true)
    scratch.classifier.dispose()
    expect(accuracy).toBeGreaterThanOrEqual(0.9)
    expect(accuracy - scratch.accuracy).toBeGreaterThanOrEqual(0.05)
    const text = 'the film is wonderful .'
    const explained = explain(classifier, data.tokenizer, text)
    expect(explained.words.map((word) => word.text).join('')).toBe(text)
    expect(explained.probabilities[0] + explained.probabilities[1]).toBeCloseTo(1, 5)
    // Gradient × input by differences: a word's vectors a little longer move the difference of the scores by its share.
    const scoresWith = (word: string, factor: number) => {
      const ids = data.tokenizer.encode(text)
      const { device, body } = classifier
      const dims = [1, ids.length]
      return device.step(() =>
        device.noGrad(() => {
          const [x, mask] = [
            device.tensor(new Tensor('int32', ids, dims)),
            device.tensor(new Tensor('bool', new Uint8Array(ids.length).fill(1), dims)),
          ]
          const factors = Float32Array.from(ids, (id) => (data.tokenizer.decode([id]) === word ? factor : 1))
          const vectors = F.mul(body.tokens.call(x), device.tensor(new Tensor('float32', factors, [...dims, 1])))
          const [bad, good] = classifier.scoresOf(vectors, x, mask).data() as Float32Array
          return good - bad
        }),
      )
    }
    for (const word of explained.words) {
      if (data.tokenizer.encode(word.text).length > 1) continue
      const slope = (scoresWith(word.text, 1.02) - scoresWith(word.text, 0.98)) / 0.04
      expect(word.share).toBeCloseTo(slope, 2)
    }

    const bytes = exportClassifier(classifier, { tokenizer: data.tokenizer, format: 'int8' })
    const session = await InferenceSession.create(bytes)
    const reviews = loadReviews('grammar').validation.slice(0, 120)
    const judged = await classifyTexts(
      session,
      data.tokenizer,
      reviews.map(({ text: each }) => each),
    )
    const right = judged.filter(({ probabilities }, i) => Number(probabilities[1] > 0.5) === reviews[i].label).length
    expect(right / reviews.length).toBeGreaterThanOrEqual(0.88)
    // A judgement does not depend on what else is judged.
    const alone = await classifyTexts(session, data.tokenizer, [reviews[7].text])
    expect(alone[0].probabilities[1]).toBeCloseTo(judged[7].probabilities[1], 4)
    // A long text is judged in windows: its log odds are the mean of theirs, by their lengths.
    const long = reviews
      .slice(0, 4)
      .map(({ text: each }) => each)
      .join(' ')
    const windows = windowsOf(data.tokenizer.encode(long), 12, 'mean')
    expect(windows.length).toBeGreaterThan(2)
    const each: number[] = []
    for (const window of windows) {
      const { logits } = await session.run({
        input_ids: int64([[...window]]),
        attention_mask: int64([[...window].map(() => 1)]),
      })
      each.push(Number(logits.data[1]) - Number(logits.data[0]))
    }
    const total = windows.reduce((sum, window) => sum + window.length, 0)
    const mean = each.reduce((sum, odd, i) => sum + odd * windows[i].length, 0) / total
    const [whole] = await classifyTexts(session, data.tokenizer, [long], { most: 12 })
    expect(Math.log(whole.probabilities[1] / whole.probabilities[0])).toBeCloseTo(mean, 4)
    const back = await loadClassifier(bytes, data.tokenizer)
    const again = explain(back, data.tokenizer, reviews[7].text)
    expect(again.probabilities[1]).toBeCloseTo(judged[7].probabilities[1], 2)
    await session.release()
  }, 300_000)
})

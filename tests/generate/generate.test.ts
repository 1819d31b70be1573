import { beforeAll, describe, expect, test } from 'vitest'
import { Device } from '../../src/autograd/device.js'
import type { Variable } from '../../src/autograd/variable.js'
import {
  beamSearch,
  generate,
  pastToPresent,
  type GenerateOptions,
  type GenerationSession,
} from '../../src/generate.js'
import { toDecoderGraph } from '../../src/nn/decoder.js'
import { toGraph } from '../../src/nn/export.js'
import * as F from '../../src/nn/functional.js'
import { Embedding, Linear } from '../../src/nn/linear.js'
import { Module } from '../../src/nn/module.js'
import { GRUCell } from '../../src/nn/recurrent.js'
import { InferenceSession, Tensor } from '../../src/node.js'
import { exportModel } from '../../src/onnx/export-any.js'
import { registerAllOps } from '../../src/api/register-all.js'
import { expectRejects } from '../support/expect-error.js'
import { TinyLanguageModel } from '../support/language-model.js'

registerAllOps()

const V = 11
const PROMPT = [1, 7, 3]
let device: Device
let model: TinyLanguageModel
/** The same model: kept in the session, with past and present, and without memory. */
const sessions: Record<string, GenerationSession> = {}

beforeAll(async () => {
  device = await Device.create({ build: 'simd', seed: 5 })
  model = new TinyLanguageModel(V, device).eval()
  const kept = exportModel(toDecoderGraph(model, { cache: 'session', maxLength: 32 }))
  const past = exportModel(toDecoderGraph(model, { cache: 'past' }))
  const whole = exportModel(
    toGraph(model, [
      {
        name: 'ids',
        dtype: 'int64',
        shape: [
          { name: 'N', size: 1 },
          { name: 'T', size: 3 },
        ],
      },
    ]),
  )
  sessions['cache in the session'] = await InferenceSession.create(kept, { build: 'simd', states: pastToPresent })
  sessions['cache with room, carried by the caller'] = await InferenceSession.create(kept, { build: 'simd' })
  sessions['past and present'] = await InferenceSession.create(past, { build: 'simd' })
  sessions['past and present in the session'] = await InferenceSession.create(past, {
    build: 'simd',
    states: 'auto',
  })
  sessions['no memory'] = await InferenceSession.create(whole, { build: 'simd' })
  const ort = await import('onnxruntime-web')
  ort.env.wasm.numThreads = 1
  ort.env.logLevel = 'fatal'
  const options = { logSeverityLevel: 3 } as const
  sessions['past and present in onnxruntime-web'] = await ort.InferenceSession.create(past, options)
  sessions['cache with room in onnxruntime-web'] = await ort.InferenceSession.create(kept, options)
}, 120_000)

/** Scores of what follows a text, by the module itself. */
function scoresAfter(text: readonly number[]): Float32Array {
  const logits = model.predict(new Tensor('int64', BigInt64Array.from(text, BigInt), [1, text.length]))
  return (logits.data as Float32Array).slice(-V)
}

function logProbabilities(scores: ArrayLike<number>): number[] {
  const total = Math.log(Array.from(scores).reduce((sum, score) => sum + Math.exp(score), 0))
  return Array.from(scores, (score) => score - total)
}

function greedily(count: number, change: (scores: Float32Array, text: readonly number[]) => void = () => {}): number[] {
  const text = [...PROMPT]
  while (text.length < PROMPT.length + count) {
    const scores = scoresAfter(text)
    change(scores, text)
    text.push(scores.indexOf(Math.max(...scores)))
  }
  return text.slice(PROMPT.length)
}

async function all(session: GenerationSession, options: GenerateOptions, prompt: readonly number[] = PROMPT) {
  const tokens: number[] = []
  const iterator = generate(session, prompt, options)
  for (;;) {
    const { value, done } = await iterator.next()
    if (done) return { tokens, end: value }
    tokens.push(value)
  }
}

describe('greedy', () => {
  test('every kind of session gives the tokens of the module, again and again', async () => {
    const expected = greedily(15)
    expect(new Set(expected).size).toBeGreaterThan(2)
    for (const [name, session] of Object.entries(sessions))
      for (const time of ['first', 'second'])
        expect(await all(session, { maxTokens: 15 }), `${name}, the ${time} time`).toEqual({
          tokens: expected,
          end: 'length',
        })
  })

  test('repeated tokens are made less likely, and forbidden ones do not come', async () => {
    const penalised = greedily(12, (scores, text) => {
      for (const token of new Set(text)) scores[token] = scores[token] > 0 ? scores[token] / 1.7 : scores[token] * 1.7
    })
    expect(penalised).not.toEqual(greedily(12))
    const session = sessions['cache in the session']
    expect((await all(session, { maxTokens: 12, repetitionPenalty: 1.7 })).tokens).toEqual(penalised)
    const [first] = greedily(1)
    const without = greedily(12, (scores) => (scores[first] = -Infinity))
    expect((await all(session, { maxTokens: 12, adjust: (scores) => (scores[first] = -Infinity) })).tokens).toEqual(
      without,
    )
  })

  test('a text ends by a token, by several, by a function, or where the room does', async () => {
    const expected = greedily(29)
    const at = expected.findIndex((token, i) => i > 2 && expected.indexOf(token) === i)
    const before = { tokens: expected.slice(0, at), end: 'stop' }
    const session = sessions['cache in the session']
    expect(await all(session, { stop: expected[at] })).toEqual(before)
    expect(await all(session, { stop: [expected[at], 10_000] })).toEqual(before)
    expect(await all(session, { stop: (made) => made.length === 4 })).toEqual({
      tokens: expected.slice(0, 4),
      end: 'stop',
    })
    // 32 positions: the last token need not stand in the cache.
    expect(await all(session, {})).toEqual({ tokens: greedily(30), end: 'length' })
    expect(await all(session, { maxTokens: 0 })).toEqual({ tokens: [], end: 'length' })
  })

  test('onToken is told probability and alternatives', async () => {
    const seen: { token: number; index: number; probability: number; sum: number; first: number }[] = []
    const { tokens } = await all(sessions['past and present'], {
      maxTokens: 3,
      onToken: (made) => {
        const list = made.alternatives(V)
        const sum = list.reduce((total, { probability }) => total + probability, 0)
        seen.push({ token: made.token, index: made.index, probability: made.probability, sum, first: list[0].token })
        expect(made.alternatives(2)).toEqual(list.slice(0, 2))
      },
    })
    const text = [...PROMPT]
    seen.forEach(({ token, index, probability, sum, first }, i) => {
      expect([token, index, first]).toEqual([tokens[i], i, tokens[i]])
      expect(probability).toBeCloseTo(Math.exp(logProbabilities(scoresAfter(text))[token]), 5)
      expect(sum).toBeCloseTo(1, 6)
      text.push(token)
    })
    expect(seen.length).toBe(3)
  })
})

describe('sampling', () => {
  test('a seed decides; the frequencies are the probabilities', async () => {
    const session = sessions['cache in the session']
    const { tokens } = await all(session, { maxTokens: 12, seed: 3 })
    expect((await all(session, { maxTokens: 12, seed: 3 })).tokens).toEqual(tokens)
    expect((await all(sessions['past and present'], { maxTokens: 12, seed: 3 })).tokens).toEqual(tokens)
    expect((await all(session, { maxTokens: 12, seed: 4 })).tokens).not.toEqual(tokens)
    const draws = 400
    for (const options of [
      { temperature: 1 },
      { temperature: 3 },
      { temperature: 3, topK: 4 },
      { temperature: 3, topP: 0.7 },
    ]) {
      const counts = new Array<number>(V).fill(0)
      for (let seed = 0; seed < draws; seed++)
        counts[(await all(session, { maxTokens: 1, seed, ...options })).tokens[0]]++
      const expected = distribution(scoresAfter(PROMPT), options)
      counts.forEach((count, token) => {
        const p = expected[token]
        if (p === 0) expect(count, `${JSON.stringify(options)}, token ${token}`).toBe(0)
        // Five standard deviations.
        else
          expect(Math.abs(count - draws * p), `${JSON.stringify(options)}, token ${token}: ${count}`).toBeLessThan(
            5 * Math.sqrt(draws * p * (1 - p)) + 1,
          )
      })
    }
  })

  test('a temperature of 0 and a topK of 1 are greedy', async () => {
    const session = sessions['cache in the session']
    for (const options of [
      { temperature: 0, seed: 9 },
      { topK: 1, seed: 9 },
      { topP: 1e-9, seed: 9 },
    ])
      expect((await all(session, { maxTokens: 8, ...options })).tokens).toEqual(greedily(8))
  })
})

/** What sampling draws from, written the long way. */
function distribution(
  scores: Float32Array,
  { temperature, topK = Infinity, topP = 1 }: { temperature: number; topK?: number; topP?: number },
): number[] {
  const p = logProbabilities(Array.from(scores, (score) => score / temperature)).map(Math.exp)
  const order = [...p.keys()].sort((a, b) => p[b] - p[a])
  const kept: number[] = []
  let sum = 0
  for (const token of order.slice(0, topK)) {
    kept.push(token)
    if ((sum += p[token]) >= topP) break
  }
  return p.map((value, token) => (kept.includes(token) ? value / sum : 0))
}

describe('beam search', () => {
  const kinds = ['cache in the session', 'past and present', 'no memory', 'past and present in onnxruntime-web']

  test('one beam is greedy', async () => {
    for (const kind of kinds) {
      const [best] = await beamSearch(sessions[kind], PROMPT, { beams: 1, maxTokens: 9 })
      expect(best.tokens, kind).toEqual(greedily(9))
      let text = [...PROMPT]
      let sum = 0
      for (const token of best.tokens) {
        sum += logProbabilities(scoresAfter(text))[token]
        text = [...text, token]
      }
      expect(best.logProbability).toBeCloseTo(sum, 4)
      expect(best.score).toBeCloseTo(sum / 9, 4)
    }
  })

  test('enough beams find what trying everything finds, for every weight of the length', async () => {
    const stop = greedily(4)[3]
    for (const lengthPenalty of [0, 1, 2]) {
      const best = everything(stop, 3, lengthPenalty)
      for (const kind of kinds) {
        const found = await beamSearch(sessions[kind], PROMPT, { beams: 130, maxTokens: 3, stop, lengthPenalty })
        for (let i = 0; i < 5; i++) {
          expect(found[i].tokens, `${kind}, ${lengthPenalty}, place ${i}`).toEqual(best[i].tokens)
          expect(found[i].score).toBeCloseTo(best[i].score, 4)
          expect(found[i].ended).toBe(best[i].ended)
        }
      }
    }
  })

  test('few beams find at least what greed finds', async () => {
    const greedy = await beamSearch(sessions['past and present'], PROMPT, { beams: 1, maxTokens: 6 })
    const three = await beamSearch(sessions['past and present'], PROMPT, { beams: 3, maxTokens: 6 })
    expect(three.length).toBe(3)
    expect(three[0].score).toBeGreaterThanOrEqual(greedy[0].score)
    expect(three.map(({ score }) => score)).toEqual(three.map(({ score }) => score).sort((a, b) => b - a))
  })
})

/** Every text of up to `most` tokens, ranked. */
function everything(stop: number, most: number, lengthPenalty: number) {
  const found: { tokens: number[]; score: number; ended: boolean }[] = []
  const follow = (tokens: number[], sum: number): void => {
    const log = logProbabilities(scoresAfter([...PROMPT, ...tokens]))
    log.forEach((value, token) => {
      const length = (tokens.length + 1) ** lengthPenalty
      if (token === stop) found.push({ tokens, score: (sum + value) / length, ended: true })
      else if (tokens.length + 1 === most)
        found.push({ tokens: [...tokens, token], score: (sum + value) / length, ended: false })
      else follow([...tokens, token], sum + value)
    })
  }
  follow([], 0)
  return found.sort((a, b) => b.score - a.score)
}

/** A decoder of captions: a state that begins with a picture, one token at a time. */
class Captioner extends Module {
  readonly tokens = new Embedding(V, 8, { device })
  readonly cell = new GRUCell(8, 12, { device })
  readonly scores = new Linear(12, V, { device })

  forward(ids: Variable, hidden: Variable, picture: Variable): Variable[] {
    const next = this.cell.call(F.add(F.squeeze(this.tokens.call(ids), [1]), picture), hidden)
    return [F.mul(this.scores.call(next), 5), next]
  }
}

test('a recurrent decoder with states and other inputs: greedy and beams', async () => {
  const captioner = new Captioner().eval()
  const batch = { name: 'batch', size: 2 }
  const bytes = exportModel(
    toGraph(
      captioner,
      [
        { name: 'token', dtype: 'int64', shape: [batch, 1] },
        { name: 'hidden', shape: [batch, 12] },
        { name: 'picture', shape: [batch, 8] },
      ],
      { outputs: ['scores', 'new_hidden'] },
    ),
  )
  const states = { hidden: 'new_hidden' }
  const random = (size: number) =>
    new Tensor(
      'float32',
      Float32Array.from({ length: size }, () => device.random.between(-1, 1)),
      [1, size],
    )
  const feeds = { hidden: random(12), picture: random(8) }
  const scoresOf = (text: readonly number[]): Float32Array => {
    let state: Tensor = feeds.hidden
    let scores: Float32Array = new Float32Array()
    for (const token of text) {
      const [made, next] = captioner.predict(new Tensor('int64', [BigInt(token)], [1, 1]), state, feeds.picture)
      scores = made.data as Float32Array
      state = next
    }
    return scores
  }
  const expected = [2]
  for (let i = 0; i < 8; i++) {
    const scores = scoresOf(expected)
    expected.push(scores.indexOf(Math.max(...scores)))
  }
  const kept = await InferenceSession.create(bytes, { build: 'simd', states })
  const plain = await InferenceSession.create(bytes, { build: 'simd' })
  expect((await all(kept, { maxTokens: 8, feeds }, [2])).tokens).toEqual(expected.slice(1))
  expect((await all(plain, { maxTokens: 8, feeds, states }, [2])).tokens).toEqual(expected.slice(1))
  expect((await all(kept, { maxTokens: 6, feeds }, expected.slice(0, 3))).tokens).toEqual(expected.slice(3))
  const beams = { beams: 3, maxTokens: 5, feeds }
  const [best] = await beamSearch(plain, [2], { ...beams, states })
  expect(best).toEqual((await beamSearch(kept, [2], beams))[0])
  let sum = 0
  best.tokens.forEach((token, i) => (sum += logProbabilities(scoresOf([2, ...best.tokens.slice(0, i)]))[token]))
  expect(best.logProbability).toBeCloseTo(sum, 4)
  await expectRejects('E_VALUE', () => all(kept, { maxTokens: 2, feeds: { picture: feeds.picture } }, [2]), /hidden/)
  await expectRejects('E_VALUE', () => all(kept, { maxTokens: 2, feeds: { hidden: feeds.hidden } }, [2]), /picture/)
})

describe('what is refused', () => {
  test('options and texts', async () => {
    const session = sessions['cache in the session']
    const refused: [GenerateOptions, RegExp][] = [
      [{ temperature: -1 }, /temperature/],
      [{ temperature: NaN }, /temperature/],
      [{ topK: 0 }, /topK/],
      [{ topK: 1.5 }, /topK/],
      [{ topP: 0 }, /topP/],
      [{ topP: 1.1 }, /topP/],
      [{ repetitionPenalty: 0 }, /repetitionPenalty/],
      [{ maxTokens: -1 }, /maxTokens/],
      [{ maxTokens: NaN }, /maxTokens/],
      [{ stop: -3 }, /stop/],
      [{ input: 'nothing' }, /nothing/],
      [{ output: 'nothing' }, /nothing/],
      [{ states: { a: 'b' } }, /"a"/],
      [{ top_k: 3 } as GenerateOptions, /top_k/],
    ]
    for (const [options, message] of refused) await expectRejects('E_VALUE', () => all(session, options), message)
    await expectRejects('E_VALUE', () => all(session, {}, []), /nothing to continue/)
    await expectRejects('E_VALUE', () => all(session, {}, [1, -1]), /-1/)
    await expectRejects('E_VALUE', () => all(session, {}, new Array<number>(33).fill(1)), /33/)
    await expectRejects('E_VALUE', () => all(sessions['no memory'], {}), /maxTokens/)
    await expectRejects('E_VALUE', () => beamSearch(session, PROMPT, { beams: 0, maxTokens: 1 }), /beams/)
    await expectRejects('E_VALUE', () => all(session, { maxTokens: 1, adjust: (scores) => scores.fill(NaN) }), /NaN/)
    await expectRejects(
      'E_VALUE',
      () => all(session, { maxTokens: 1, adjust: (scores) => scores.fill(-Infinity) }),
      /no token/,
    )
  })

  test('a signal breaks off a long text while timers run', async () => {
    const controller = new AbortController()
    setTimeout(() => controller.abort(new Error('enough')), 30)
    const h = new Tensor('float32', new Float32Array(1), [1, 1])
    const endless = { maxTokens: 1e7, signal: controller.signal, feeds: { h }, states: { h: 'h_next' } }
    await expectRejects('E_STATE', () => all(forever(), endless), /aborted/)
  })
})

/** A model that answers at once, and for ever. */
function forever(): GenerationSession {
  return {
    inputNames: ['input_ids', 'h'],
    outputNames: ['logits', 'h_next'],
    inputMetadata: [
      { name: 'input_ids', isTensor: true, type: 'int64', shape: ['batch', 'length'] },
      { name: 'h', isTensor: true, type: 'float32', shape: ['batch', 1] },
    ],
    run: () =>
      Promise.resolve({
        logits: { type: 'float32', data: Float32Array.of(0, 1, 2), dims: [1, 1, 3] },
        h_next: { type: 'float32', data: new Float32Array(1), dims: [1, 1] },
      }),
  }
}

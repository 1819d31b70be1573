import { beforeAll, expect, test } from 'vitest'
import { registerAllOps } from '../../src/api/register-all.js'
import { Device } from '../../src/autograd/device.js'
import { atLeast, generate, noRepeatedRuns, type GenerateOptions } from '../../src/generate.js'
import { exportModel, GraphBuilder, InferenceSession, Tensor } from '../../src/node.js'
import type { TinyLanguageModel } from '../support/language-model.js'
import { expectRejects } from '../support/expect-error.js'
import { formsOf, scoresAfter, tinyModel, type Forms } from './models.js'

registerAllOps()

const V = 11
const PROMPT = [1, 7, 3]
let model: TinyLanguageModel
let forms: Forms
/** Other weights: it proposes what the model often refuses. */
let others: Forms

beforeAll(async () => {
  const device = await Device.create({ build: 'simd', seed: 5 })
  model = tinyModel(V, device)
  forms = await formsOf(model)
  others = await formsOf(tinyModel(V, await Device.create({ build: 'simd', seed: 8 })))
}, 120_000)

async function all(session: InferenceSession, options: GenerateOptions) {
  const tokens: number[] = []
  const iterator = generate(session, PROMPT, options)
  for (;;) {
    const { value, done } = await iterator.next()
    if (done) return { tokens, end: value }
    tokens.push(value)
  }
}

/** How often a session runs. */
function counted(session: InferenceSession): { session: InferenceSession; runs: () => number } {
  let runs = 0
  const counting = new Proxy(session, {
    get(target, name) {
      if (name === 'run') runs++
      const value = Reflect.get(target, name, target) as unknown
      return typeof value === 'function' ? (value as (...args: unknown[]) => unknown).bind(target) : value
    },
  })
  return { session: counting, runs: () => runs }
}

test('greedy texts are the same with every draft, in every form of both models', async () => {
  const expected = await all(forms['no memory'], { maxTokens: 20 })
  const stop = expected.tokens[9]
  const stopped = await all(forms['no memory'], { maxTokens: 20, stop })
  for (const [name, session] of Object.entries(forms) as [string, InferenceSession][])
    for (const [kind, draft] of [...Object.entries(others), ['itself', forms['no memory']]] as [
      string,
      InferenceSession,
    ][])
      for (const tokens of [1, 4]) {
        const options = { maxTokens: 20, draft: { session: draft, tokens } }
        expect(await all(session, options), `${name}, draft: ${kind}`).toEqual(expected)
        expect(await all(session, { ...options, stop }), `${name}, draft: ${kind}`).toEqual(stopped)
      }
}, 120_000)

test('a draft that is right saves runs; the room of either ends the text', async () => {
  const { session, runs } = counted(forms['past and present'])
  await all(session, { maxTokens: 20, draft: { session: forms['no memory'], tokens: 4 } })
  // The prompt, and then five tokens at a time.
  expect(runs()).toBe(5)
  const expected = await all(forms['cache in the session'], {})
  expect(await all(forms['cache in the session'], { draft: { session: others['past and present'] } })).toEqual(expected)
  const draft = { session: others['cache in the session'], tokens: 7 }
  expect(await all(forms['past and present'], { draft })).toEqual(expected)
})

test('penalties, processors and onToken see the same as without a draft', async () => {
  const make = (draft?: GenerateOptions['draft']) => {
    const seen: [number, number, string][] = []
    return all(forms['past and present'], {
      maxTokens: 15,
      repetitionPenalty: 1.4,
      adjust: [noRepeatedRuns(2), atLeast(15, 4)],
      draft,
      onToken: ({ token, index, probability }) => seen.push([token, index, probability.toFixed(4)]),
    }).then((made) => ({ ...made, seen }))
  }
  const expected = await make()
  expect(expected.seen.length).toBe(15)
  expect(await make({ session: others['past and present'] })).toEqual(expected)
})

test('what is drawn is distributed as without a draft', async () => {
  const temperature = 2.5
  const draws = 1200
  for (const sampling of [{ temperature }, { temperature, topK: 5 }]) {
    const counts = [new Map<number, number>(), new Map<number, number>()]
    for (let seed = 0; seed < draws; seed++) {
      const draft = { session: others['no memory'], tokens: 2 }
      const { tokens } = await all(forms['no memory'], { maxTokens: 2, seed, draft, ...sampling })
      tokens.forEach((token, i) => counts[i].set(token, (counts[i].get(token) ?? 0) + 1))
    }
    const first = distribution(PROMPT, sampling)
    const second = new Array<number>(V).fill(0)
    first.forEach((p, token) => {
      if (p > 0) distribution([...PROMPT, token], sampling).forEach((q, next) => (second[next] += p * q))
    })
    for (const [i, expected] of [first, second].entries())
      expected.forEach((p, token) => {
        const count = counts[i].get(token) ?? 0
        // Five standard deviations.
        const limit = 5 * Math.sqrt(draws * p * (1 - p)) + (p === 0 ? 0 : 1)
        expect(Math.abs(count - draws * p), `token ${token} at ${i}: ${count} of ${draws * p}`).toBeLessThanOrEqual(
          limit,
        )
      })
  }
}, 120_000)

function distribution(
  text: readonly number[],
  { temperature, topK = V }: { temperature: number; topK?: number },
): number[] {
  const scores = Array.from(scoresAfter(model, text))
  const least = [...scores].sort((a, b) => b - a)[topK - 1]
  const weights = scores.map((score) => (score >= least ? Math.exp(score / temperature) : 0))
  const sum = weights.reduce((total, weight) => total + weight, 0)
  return weights.map((weight) => weight / sum)
}

test('what cannot be judged or taken back is refused', async () => {
  const session = forms['past and present']
  const wrong: [unknown, RegExp][] = [
    [{}, /draft needs a session/],
    [{ session, tokens: 0 }, /tokens of draft/],
    [{ session, count: 3 }, /"count"/],
  ]
  for (const [draft, message] of wrong)
    await expectRejects('E_VALUE', () => all(session, { maxTokens: 3, draft: draft as never }), message)
  const recurrent = new GraphBuilder('recurrent')
  const ids = recurrent.input('input_ids', 'int64', ['batch', 'length'])
  const h = recurrent.input('past_h', 'float32', ['batch', V])
  const axis = recurrent.constant('axis', new Tensor('int64', [1], [1]))
  const sum = recurrent.op('ReduceSum', [recurrent.op('Cast', [ids], { to: 1 }), axis])
  const next = recurrent.op('Add', [h, sum])
  recurrent.output(next, 'logits')
  recurrent.output(recurrent.op('Neg', [next]), 'present_h')
  const other = await InferenceSession.create(exportModel(recurrent))
  const feeds = { past_h: new Tensor('float32', new Float32Array(V), [1, V]) }
  await expectRejects('E_UNSUPPORTED', () => all(session, { maxTokens: 3, draft: { session: other, feeds } }), /past_h/)
  const last = new GraphBuilder('last')
  const rows = last.op('Cast', [last.input('input_ids', 'int64', ['batch', 'length'])], { to: 1 })
  last.output(last.op('ReduceMax', [rows, last.constant('axis', new Tensor('int64', [1], [1]))]), 'logits')
  const short = await InferenceSession.create(exportModel(last))
  await expectRejects('E_UNSUPPORTED', () => all(short, { maxTokens: 3, draft: { session } }), /last token alone/)
})

import { beforeAll, expect, test } from 'vitest'
import { registerAllOps } from '../../src/api/register-all.js'
import { Device } from '../../src/autograd/device.js'
import { generate, generateBatch, type GenerateBatchOptions } from '../../src/generate.js'
import { exportModel, GraphBuilder, InferenceSession } from '../../src/node.js'
import { expectRejects } from '../support/expect-error.js'
import { formsOf, tinyModel, type Forms } from './models.js'

registerAllOps()

const TEXTS = [[1, 7, 3], [4], [2, 2, 9, 5, 0, 8], [7, 1]]
let forms: Forms

beforeAll(async () => {
  const device = await Device.create({ build: 'simd', seed: 5 })
  forms = await formsOf(tinyModel(11, device))
}, 120_000)

async function alone(
  session: InferenceSession,
  text: readonly number[],
  options: Omit<GenerateBatchOptions, 'onToken'>,
) {
  const tokens: number[] = []
  const iterator = generate(session, text, options)
  for (;;) {
    const { value, done } = await iterator.next()
    if (done) return { tokens, end: value }
    tokens.push(value)
  }
}

test('texts of several lengths become what each becomes alone, in every form of the model, again and again', async () => {
  const [first] = (await alone(forms['no memory'], TEXTS[2], { maxTokens: 5 })).tokens.slice(-1)
  for (const [name, session] of Object.entries(forms) as [string, InferenceSession][])
    for (const options of [
      { maxTokens: 9 },
      { maxTokens: 9, stop: first },
      { maxTokens: 9, seed: 3, temperature: 2 },
    ] as Omit<GenerateBatchOptions, 'onToken'>[])
      for (const time of ['first', 'second']) {
        const seen: number[][] = TEXTS.map(() => [])
        const made = await generateBatch(session, TEXTS, {
          ...options,
          onToken: ({ text, token, index }) => {
            expect(index).toBe(seen[text].length)
            seen[text].push(token)
          },
        })
        for (const [i, text] of TEXTS.entries()) {
          const own = options.seed === undefined ? options : { ...options, seed: options.seed + i }
          expect(made[i], `${name}, the ${time} time, text ${i}`).toEqual(await alone(session, text, own))
        }
        expect(made.map(({ tokens }) => tokens)).toEqual(seen)
      }
  const ends = await generateBatch(forms['past and present'], TEXTS, { maxTokens: 9, stop: first })
  expect(new Set(ends.map(({ tokens }) => tokens.length)).size).toBeGreaterThan(1)
}, 120_000)

test('the room of a cache ends all of them; nothing given, nothing made', async () => {
  const session = forms['cache in the session']
  const made = await generateBatch(session, [[1], [1, 7, 3]])
  // 32 positions: the last token need not stand in the cache, and the longest text decides.
  expect(made.map(({ tokens, end }) => [tokens.length, end])).toEqual([
    [30, 'length'],
    [30, 'length'],
  ])
  expect(made[1]).toEqual(await alone(session, [1, 7, 3], {}))
  expect(await generateBatch(session, [], {})).toEqual([])
  expect(await generateBatch(session, [[1]], { maxTokens: 0 })).toEqual([{ tokens: [], end: 'length' }])
})

test('where nothing hides what fills up, texts must be of one length', async () => {
  const g = new GraphBuilder('summing')
  const ids = g.input('input_ids', 'int64', ['batch', 'length'])
  const past = g.input('past_key_values.0.key', 'float32', ['batch', 'past'])
  const all = g.op('Concat', [past, g.op('Cast', [ids], { to: 1 })], { axis: 1 })
  const sum = g.op('ReduceSum', [all, g.constant('axis', { type: 'int64', dims: [1], data: BigInt64Array.of(1n) })])
  g.output(g.op('Concat', [g.op('Neg', [sum]), sum, g.op('Sub', [sum, sum])], { axis: 1 }), 'logits')
  g.output(all, 'present.0.key')
  const session = await InferenceSession.create(exportModel(g))
  // The only score above 0 is that of token 1.
  const made = await generateBatch(
    session,
    [
      [1, 0],
      [0, 1],
    ],
    { maxTokens: 3 },
  )
  expect(made.map(({ tokens }) => tokens)).toEqual([
    [1, 1, 1],
    [1, 1, 1],
  ])
  await expectRejects('E_VALUE', () => generateBatch(session, [[1], [0, 1]], { maxTokens: 3 }), /one length/)
  await expectRejects('E_VALUE', () => generateBatch(session, [[1], []], { maxTokens: 3 }), /nothing to continue/)
  await expectRejects('E_VALUE', () => generateBatch(session, [[1]], { beams: 3 } as GenerateBatchOptions), /beams/)
})

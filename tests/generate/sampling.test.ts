import { expect, test } from 'vitest'
import {
  allowTokens,
  atLeast,
  beginWith,
  biasTokens,
  forbidTokens,
  generate,
  noRepeatedRuns,
  penalize,
  type GenerateOptions,
  type GenerationSession,
  type ScoreProcessor,
} from '../../src/generate.js'
import { Sampler, type SamplingOptions } from '../../src/generate/sampling.js'
import { expectError, expectRejects } from '../support/expect-error.js'

const { log, abs } = Math

/** The probability of each token that a sampler leaves. */
function left(probabilities: readonly number[], options: SamplingOptions): number[] {
  const scores = Float32Array.from(probabilities, log)
  const { tokens, weights } = new Sampler({ temperature: 1, ...options }).candidates(scores, [0], 1)
  const sum = Array.from(weights).reduce((total, weight) => total + weight, 0)
  const result = new Array<number>(probabilities.length).fill(0)
  Array.from(tokens).forEach((token, i) => (result[token] = weights[i] / sum))
  return result.map((share) => Math.round(share * 1e5) / 1e5)
}

test('typicalP keeps what surprises as much as is to be expected, and not the likeliest by right', () => {
  const p = [0.5, 0.2, 0.15, 0.1, 0.05]
  const entropy = -p.reduce((sum, x) => sum + x * log(x), 0)
  const order = [...p.keys()].sort((a, b) => abs(-log(p[a]) - entropy) - abs(-log(p[b]) - entropy))
  expect(order).toEqual([1, 2, 0, 3, 4])
  expect(left(p, { typicalP: 0.15 })).toEqual([0, 1, 0, 0, 0])
  expect(left(p, { typicalP: 0.3 })).toEqual([0, 0.57143, 0.42857, 0, 0])
  expect(left(p, { typicalP: 0.8 })).toEqual([0.58824, 0.23529, 0.17647, 0, 0])
  expect(left(p, { typicalP: 1 })).toEqual(p)
  // With a token that cannot come: it adds nothing to the entropy and never comes.
  expect(left([0.5, 0.5, 0], { typicalP: 0.9 })).toEqual([0.5, 0.5, 0])
})

test('minP keeps what is not too far below the likeliest; with topK and topP all of them hold', () => {
  const p = [0.1, 0.4, 0.25, 0.05, 0.2]
  expect(left(p, { minP: 0.45 })).toEqual([0, 0.47059, 0.29412, 0, 0.23529])
  expect(left(p, { minP: 0 })).toEqual(p)
  expect(left(p, { minP: 1 })).toEqual([0, 1, 0, 0, 0])
  expect(left(p, { topK: 4, topP: 0.6, minP: 0.1 })).toEqual([0, 0.61538, 0.38462, 0, 0])
  for (const option of ['minP', 'typicalP'] as const)
    for (const value of [-0.1, 1.1, NaN])
      expectError('E_VALUE', () => new Sampler({ [option]: value }), new RegExp(option))
  expectError('E_VALUE', () => new Sampler({ typicalP: 0 }), /typicalP/)
})

/** Scores that prefer each token a little to the next, whatever came before. */
const model: GenerationSession = {
  inputNames: ['input_ids'],
  outputNames: ['logits'],
  inputMetadata: [{ name: 'input_ids', isTensor: true, type: 'int64', shape: ['batch', 'length'] }],
  run: () => Promise.resolve({ logits: { type: 'float32', data: Float32Array.of(5, 4, 3, 2, 1), dims: [1, 1, 5] } }),
}

async function made(options: GenerateOptions): Promise<number[]> {
  const tokens: number[] = []
  for await (const token of generate(model, [4, 0], { maxTokens: 6, ...options })) tokens.push(token)
  return tokens
}

test('processors forbid, allow, force, penalise and lift tokens', async () => {
  const cases: [ScoreProcessor | ScoreProcessor[], number[]][] = [
    [[], [0, 0, 0, 0, 0, 0]],
    [forbidTokens([0, 9]), [1, 1, 1, 1, 1, 1]],
    [forbidTokens([0], { first: true }), [1, 0, 0, 0, 0, 0]],
    [allowTokens([3, 2]), [2, 2, 2, 2, 2, 2]],
    [beginWith([3, 4]), [3, 4, 0, 0, 0, 0]],
    [
      biasTokens(
        new Map([
          [2, 2.5],
          [0, -Infinity],
        ]),
      ),
      [2, 2, 2, 2, 2, 2],
    ],
    [penalize({ presence: 1.5 }), [0, 1, 0, 0, 0, 0]],
    // 5, 4 | 3.8, 4 | 3.8, 2.8 | 2.6, 2.8, 3 …
    [penalize({ frequency: 1.2 }), [0, 1, 0, 2, 1, 0]],
    // What was given counts: 4 0, then 0 0, 0 1, 1 0 …
    [noRepeatedRuns(2), [0, 1, 0, 2, 0, 3]],
    [noRepeatedRuns(1), [1, 2, 3]],
    [
      [noRepeatedRuns(2), forbidTokens([0])],
      [1, 1, 2, 1, 3, 1],
    ],
  ]
  for (const [i, [adjust, expected]] of cases.entries()) {
    const stop = i === 9 ? { maxTokens: 3 } : {}
    expect(await made({ adjust, ...stop }), `case ${i}`).toEqual(expected)
  }
  expect(await made({ adjust: atLeast(0, 0), stop: 0 })).toEqual([])
  expect(await made({ adjust: [atLeast(3, [0])], stop: 0 })).toEqual([1, 1, 1])
  await expectRejects('E_VALUE', () => made({ adjust: noRepeatedRuns(1) }), /no token is possible/)
})

test('processors that make no sense are refused', () => {
  expectError('E_VALUE', () => noRepeatedRuns(0), /run/)
  expectError('E_VALUE', () => forbidTokens([-1]), /forbidTokens: -1/)
  expectError('E_VALUE', () => allowTokens([0.5]), /0\.5/)
  expectError('E_VALUE', () => beginWith([NaN]), /NaN/)
  expectError('E_VALUE', () => atLeast(-1, 0), /least number/)
  expectError('E_VALUE', () => biasTokens(new Map([[1, NaN]])), /bias of token 1/)
  expectError('E_VALUE', () => penalize({ presence: NaN }), /presence/)
  expectError('E_VALUE', () => penalize({ count: 1 } as never), /count/)
})

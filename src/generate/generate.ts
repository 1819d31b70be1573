import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber, checkOptions } from '../core/options.js'
import { Pace } from '../core/pace.js'
import { exp } from '../core/scalar-functions.js'
import { Continuation, type ContinuationOptions } from './continuation.js'
import type { GenerationSession } from './session-tensors.js'
import { alternatives, logSumExp, Sampler, type Alternative, type SamplingOptions } from './sampling.js'
import { Speculation, type DraftOptions } from './speculation.js'

/** A token that was chosen. */
export interface GeneratedToken {
  /** Its number in the vocabulary. */
  readonly token: number
  /** How many were generated before it. */
  readonly index: number
  /** How likely it was, by the scores after `adjust` and `repetitionPenalty`; 0 … 1. */
  readonly probability: number
  /**
   * What else could have followed, the likeliest first, the chosen one among them. Ask before the next token is made.
   */
  alternatives(count: number): Alternative[]
}

/** Where a text ends. */
export interface StopOptions {
  /** The most tokens that are generated; without it, as many as the model's cache has room for. */
  readonly maxTokens?: number
  /**
   * A token that ends the text and is no part of it, several, or a function that says of what was generated whether
   * that is all.
   */
  readonly stop?: number | readonly number[] | ((generated: readonly number[]) => boolean)
}

/** What {@link generate} takes. */
export interface GenerateOptions extends ContinuationOptions, SamplingOptions, StopOptions {
  /** Is told of every token, before the iterator gives it. */
  readonly onToken?: (token: GeneratedToken) => void
  /**
   * A smaller model of the same tokens, that proposes a few at a time, which the model then judges all at once
   * (speculative decoding; Leviathan et al., 2023): what is drawn has the same distribution, and greedy texts are the
   * same, as far as the model's scores of several tokens are those of one at a time.
   */
  readonly draft?: DraftOptions
}

/** Why a text ended: by `stop`, or because `maxTokens` or the room was reached. */
export type GenerationEnd = 'stop' | 'length'

const continuationOptions = ['feeds', 'input', 'output', 'states', 'signal'] as const
const stopOptions = ['maxTokens', 'stop'] as const
const samplingOptions = [
  'temperature',
  'topK',
  'topP',
  'minP',
  'typicalP',
  'repetitionPenalty',
  'seed',
  'adjust',
] as const

/** Names of options. @internal */
export const knownOptions = { continuation: continuationOptions, stop: stopOptions, sampling: samplingOptions }

/**
 * Continues a text, token by token: greedily, or drawing from what is likely. The model may keep its cache in the
 * session (`states`, docs/states.md), take and give it (`past_key_values.N.key`, `present.N.key`), have recurrent
 * states (`states`), or remember nothing and be shown the whole text again each time.
 *
 * @param tokens - the text so far; at least one token.
 * @returns the tokens, as they are made; at the end, why it ended. Between tokens, events get their turn at least every
 *   50 ms.
 * @throws LanewiseError `E_VALUE` for options that do not exist or make no sense, a text that does not fit the model's
 *   room, scores that are not finite; `E_STATE` when the signal fires.
 *
 * @example
 * import { exportModel, GraphBuilder, InferenceSession, Tensor } from 'lanewise'
 * import { generate } from 'lanewise/generate'
 *
 * // Instead of a trained model: scores of five tokens, of which the one after the last token is the highest.
 * const g = new GraphBuilder('counter')
 * const next = new Float32Array(25).map((_, i) => (i % 5 === (Math.floor(i / 5) + 1) % 5 ? 9 : 0))
 * const table = g.constant('table', new Tensor('float32', next, [5, 5]))
 * g.output(g.op('Gather', [table, g.input('input_ids', 'int64', [1, 'N'])]), 'logits')
 *
 * const session = await InferenceSession.create(exportModel(g))
 * const made: number[] = []
 * for await (const token of generate(session, [0, 1], { maxTokens: 6, temperature: 0.5, topP: 0.9, seed: 1 }))
 *   made.push(token)
 * console.log(made.join(', ')) // 2, 3, 4, 0, 1, 2
 */
export async function* generate(
  session: GenerationSession,
  tokens: ArrayLike<number>,
  options: GenerateOptions = {},
): AsyncGenerator<number, GenerationEnd, void> {
  checkArguments('generate', { session, tokens, options }, 'session', 'list|bytes', {
    onToken: 'function',
    feeds: 'object',
    input: 'string',
    output: 'string',
    states: 'object',
    signal: 'object',
    temperature: 'number',
    topK: 'number',
    topP: 'number',
    minP: 'number',
    typicalP: 'number',
    repetitionPenalty: 'number',
    seed: 'number',
    adjust: 'function|list',
    draft: 'object',
    maxTokens: 'number',
    stop: 'any',
  })

  checkOptions('generate', options, [...continuationOptions, ...stopOptions, ...samplingOptions, 'onToken', 'draft'])
  const text = checkedText(tokens)
  const sampler = new Sampler(options)
  const ending = new Ending(options)
  const source = options.draft
    ? new Speculation(session, options, options.draft, sampler)
    : new OneByOne(new Continuation(session, options), sampler)
  const most = ending.limit(text.length, source.room)
  const given = text.length
  const pace = new Pace()
  const generated: number[] = []
  if (most === 0) return 'length'
  for (;;) {
    for (const { token, scores } of await source.next(text, given, most - generated.length)) {
      if (ending.isStop(token)) return 'stop'
      text.push(token)
      generated.push(token)
      options.onToken?.(described(token, generated.length - 1, scores))
      yield token
      if (ending.isEnough(generated)) return 'stop'
      if (generated.length >= most) return 'length'
    }
    await pace.turn()
  }
}

/** A token with the scores that it was chosen by. @internal */
export interface Chosen {
  readonly token: number
  readonly scores: Float32Array
}

/** Each token after the one before. */
class OneByOne {
  private begun = false

  constructor(
    private readonly model: Continuation,
    private readonly sampler: Sampler,
  ) {}

  get room(): number {
    return this.model.room
  }

  async next(text: readonly number[], given: number): Promise<Chosen[]> {
    const { model } = this
    const scores = this.begun ? (await model.next([text[text.length - 1]]))[0] : await model.start(text)
    this.begun = true
    return [{ token: this.sampler.choose(scores, text, given), scores }]
  }
}

function described(token: number, index: number, scores: Float32Array): GeneratedToken {
  return {
    token,
    index,
    get probability() {
      return exp(scores[token] - logSumExp(scores))
    },
    alternatives: (count) => alternatives(scores, count),
  }
}

/** @throws LanewiseError `E_VALUE` for what is no list of tokens. @internal */
export function checkedText(
  tokens: ArrayLike<number>,
  empty = 'there is nothing to continue: begin with a token that opens a text',
): number[] {
  const text = Array.from(tokens, Number)
  if (text.length === 0) throw new LanewiseError('E_VALUE', empty)
  const wrong = text.find((token) => !(Number.isInteger(token) && token >= 0))
  if (wrong !== undefined) throw new LanewiseError('E_VALUE', `${wrong} is no token`)
  return text
}

/** When it ends. @internal */
export class Ending {
  private readonly tokens: ReadonlySet<number>

  constructor(private readonly options: StopOptions) {
    const { maxTokens, stop } = options
    if (maxTokens !== undefined) checkNumber('maxTokens', maxTokens, { least: 0, whole: true })
    this.tokens = new Set(
      typeof stop === 'function' || stop === undefined ? [] : typeof stop === 'number' ? [stop] : stop,
    )
    for (const token of this.tokens) checkNumber('stop', token, { least: 0, whole: true })
  }

  /** The most tokens to generate. The last one need not fit: nothing is asked after it. */
  limit(given: number, room: number): number {
    if (given > room)
      throw new LanewiseError('E_VALUE', `a text of ${given} tokens does not fit the model's room of ${room}`, {
        expected: `<= ${room}`,
        actual: String(given),
      })
    const { maxTokens = Infinity, stop } = this.options
    const most = Math.min(maxTokens, room - given + 1)
    if (most === Infinity && stop === undefined)
      throw new LanewiseError('E_VALUE', 'nothing would end the text: give maxTokens or stop')
    return most
  }

  /** How many tokens end a text. */
  get count(): number {
    return this.tokens.size
  }

  isStop(token: number): boolean {
    return this.tokens.has(token)
  }

  isEnough(generated: readonly number[]): boolean {
    const { stop } = this.options
    return typeof stop === 'function' && stop(generated)
  }
}

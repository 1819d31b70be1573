import { checkArguments } from '../core/arguments.js'
import { checkOptions } from '../core/options.js'
import { Pace } from '../core/pace.js'
import { Continuation, type ContinuationOptions } from './continuation.js'
import { checkedText, Ending, knownOptions, type GenerationEnd, type StopOptions } from './generate.js'
import { Sampler, type SamplingOptions } from './sampling.js'
import type { GenerationSession } from './session-tensors.js'

/** What {@link generateBatch} takes. */
export interface GenerateBatchOptions extends ContinuationOptions, SamplingOptions, StopOptions {
  /** Is told of every token, and which of the texts it continues. */
  readonly onToken?: (token: { readonly text: number; readonly token: number; readonly index: number }) => void
}

/** What one of several texts became. */
export interface GeneratedTokens {
  /** The numbers of the new tokens, without the prompt's. */
  readonly tokens: readonly number[]
  /** Why it ended. */
  readonly end: GenerationEnd
}

/**
 * Continues several texts side by side, a token of each in every run. Shorter ones are filled up: before them where the
 * model takes an `attention_mask`, behind them where it takes `write_indices` or remembers nothing; else all must have
 * one length. Each becomes what {@link generate} makes of it alone (with `seed` plus its place, if tokens are drawn),
 * but for roundings. A mask hides what fills up; models that read nothing but the number of its ones
 * (GroupQueryAttention's `seqlens_k`) need texts of one length.
 *
 * @param texts - the tokens of each; at least one token each.
 * @returns what was generated, in their order.
 * @throws LanewiseError as {@link generate}; `E_VALUE` for texts of several lengths if the model has no way to fill up.
 *
 * @example
 * import { exportModel, GraphBuilder, InferenceSession, Tensor } from 'lanewise'
 * import { generateBatch } from 'lanewise/generate'
 *
 * // Instead of a trained model: scores of five tokens, of which the one after the last token is the highest.
 * const g = new GraphBuilder('counter')
 * const next = new Float32Array(25).map((_, i) => (i % 5 === (Math.floor(i / 5) + 1) % 5 ? 9 : 0))
 * const table = g.constant('table', new Tensor('float32', next, [5, 5]))
 * g.output(g.op('Gather', [table, g.input('input_ids', 'int64', ['texts', 'tokens'])]), 'logits')
 *
 * const session = await InferenceSession.create(exportModel(g))
 * const made = await generateBatch(session, [[0, 1], [3]], { maxTokens: 4, stop: 2 })
 * console.log(made.map(({ tokens, end }) => `${tokens.join(' ')} ${end}`)) // [ ' stop', '4 0 1 stop' ]
 */
export async function generateBatch(
  session: GenerationSession,
  texts: readonly ArrayLike<number>[],
  options: GenerateBatchOptions = {},
): Promise<GeneratedTokens[]> {
  checkArguments('generateBatch', { session, texts }, 'session', 'list')
  checkOptions('generateBatch', options, [
    ...knownOptions.continuation,
    ...knownOptions.stop,
    ...knownOptions.sampling,
    'onToken',
  ])
  if (texts.length === 0) return []
  const { seed } = options
  const rows = texts.map((text, i) => {
    const all = checkedText(text)
    const sampler = new Sampler({ ...options, ...(seed !== undefined && { seed: seed + i }) })
    return { i, all, given: all.length, sampler, made: [] as number[] }
  })
  const ending = new Ending(options)
  const model = new Continuation(session, options)
  const longest = Math.max(...rows.map(({ given }) => given))
  const most = ending.limit(longest, model.room)
  const ends: (GenerationEnd | undefined)[] = rows.map(() => undefined)
  if (most === 0) return rows.map(() => ({ tokens: [], end: 'length' }))
  let running = rows
  let scores = await model.startAll(rows.map(({ all }) => all))
  const pace = new Pace()
  for (;;) {
    running.forEach(({ i, all, given, sampler, made }, place) => {
      if (ends[i]) return
      const token = sampler.choose(scores[place], all, given)
      if (ending.isStop(token)) {
        ends[i] = 'stop'
        return
      }
      all.push(token)
      made.push(token)
      options.onToken?.({ text: i, token, index: made.length - 1 })
      if (ending.isEnough(made)) ends[i] = 'stop'
      else if (made.length >= most) ends[i] = 'length'
    })
    const left = running.filter(({ i }) => !ends[i])
    if (left.length === 0) return rows.map(({ i, made }) => ({ tokens: made, end: ends[i] as GenerationEnd }))
    await pace.turn()
    // What the session keeps has a place for every text to the end: one that has ended is shown its last token again,
    // and nobody looks.
    const from = model.mayLeaveOut ? left.map((row) => running.indexOf(row)) : undefined
    if (from) running = left
    scores = await model.next(
      running.map(({ all }) => all[all.length - 1]),
      from,
    )
  }
}

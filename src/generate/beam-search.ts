import { checkArguments } from '../core/arguments.js'
import { checkNumber, checkOptions } from '../core/options.js'
import { Pace } from '../core/pace.js'
import { pow } from '../core/scalar-functions.js'
import { Continuation, type ContinuationOptions } from './continuation.js'
import { checkedText, Ending, knownOptions, type StopOptions } from './generate.js'
import type { GenerationSession } from './session-tensors.js'
import { adjustScores, likeliest, logSumExp, type SamplingOptions } from './sampling.js'

/** What {@link beamSearch} takes. */
export interface BeamSearchOptions
  extends ContinuationOptions, StopOptions, Pick<SamplingOptions, 'adjust' | 'repetitionPenalty'> {
  /** How many sequences are followed side by side; 4 by default. */
  readonly beams?: number
  /**
   * The sum of log-probabilities is divided by the number of tokens to this power: 1 (the default) compares means, 0
   * sums, which favour short texts; more favours longer ones.
   */
  readonly lengthPenalty?: number
}

/** A text that a beam search has found. */
export interface Hypothesis {
  /** What was generated, without the token that ended it. */
  readonly tokens: readonly number[]
  /** The sum of log-probabilities, that of the ending token included. */
  readonly logProbability: number
  /** What it is ranked by. */
  readonly score: number
  /** Whether it was ended by `stop`, not by the limit. */
  readonly ended: boolean
}

interface Beam {
  readonly tokens: readonly number[]
  readonly logProbability: number
}

/**
 * The likeliest texts that a search finds which follows the best few at every length. It ends at the limit, or when as
 * many texts as beams have ended and none that is still followed is ranked above the worst of them, as it stands.
 *
 * @param tokens - the text so far; at least one token.
 * @returns as many texts as beams, at most; the best first.
 * @throws LanewiseError as `generate` does.
 */
export async function beamSearch(
  session: GenerationSession,
  tokens: ArrayLike<number>,
  options: BeamSearchOptions = {},
): Promise<Hypothesis[]> {
  checkArguments('beamSearch', { session, tokens, options }, 'session', 'list|bytes', {
    beams: 'number',
    lengthPenalty: 'number',
    feeds: 'object',
    input: 'string',
    output: 'string',
    states: 'object',
    signal: 'object',
    maxTokens: 'number',
    stop: 'any',
    adjust: 'function|list',
    repetitionPenalty: 'number',
  })

  const { beams = 4, lengthPenalty = 1 } = options
  const own = ['beams', 'lengthPenalty', 'adjust', 'repetitionPenalty']
  checkOptions('beamSearch', options, [...knownOptions.continuation, ...knownOptions.stop, ...own])
  checkNumber('beams', beams, { least: 1, most: 2 ** 16, whole: true })
  checkNumber('lengthPenalty', lengthPenalty, { least: -Number.MAX_VALUE, most: Number.MAX_VALUE })
  const text = checkedText(tokens)
  const ending = new Ending(options)
  const model = new Continuation(session, options, { reorders: true })
  const most = ending.limit(text.length, model.room)
  const pace = new Pace()
  const ranked = ({ tokens: made, logProbability }: Beam, ended: boolean, length = made.length): Hypothesis => ({
    tokens: made,
    logProbability,
    score: logProbability / pow(length, lengthPenalty),
    ended,
  })
  const done: Hypothesis[] = []
  const finish = (hypothesis: Hypothesis): void => {
    done.push(hypothesis)
    done.sort((a, b) => b.score - a.score)
    done.length = Math.min(done.length, beams)
  }
  let running: Beam[] = [{ tokens: [], logProbability: 0 }]
  if (most === 0) return []
  let scores = [await model.start(text)]
  for (;;) {
    const candidates = running.flatMap((beam, from) => {
      adjustScores(scores[from], [...text, ...beam.tokens], text.length, options)
      const total = logSumExp(scores[from])
      // Every beam may end in as many ways as there are tokens that end a text, and still go on in enough.
      return Array.from(likeliest(scores[from], 2 * beams + ending.count), (token) => ({
        from,
        token,
        logProbability: beam.logProbability + scores[from][token] - total,
      }))
    })
    candidates.sort((a, b) => b.logProbability - a.logProbability)
    const next: (Beam & { readonly from: number })[] = []
    for (const { from, token, logProbability } of candidates) {
      if (next.length === beams || logProbability === -Infinity) break
      const beam = running[from]
      if (ending.isStop(token)) {
        // The token that ends a text counts, as it does in the sum.
        finish(ranked({ tokens: beam.tokens, logProbability }, true, beam.tokens.length + 1))
        continue
      }
      const made = [...beam.tokens, token]
      if (ending.isEnough(made)) finish(ranked({ tokens: made, logProbability }, true))
      else next.push({ from, tokens: made, logProbability })
    }
    running = next
    const atLimit = (running[0]?.tokens.length ?? most) >= most
    const settled = done.length >= beams && running.every((beam) => ranked(beam, false).score <= done[beams - 1].score)
    if (running.length === 0 || atLimit || settled) {
      if (!settled) for (const beam of running) finish(ranked(beam, false))
      return done
    }
    await pace.turn()
    scores = await model.next(
      running.map((beam) => beam.tokens[beam.tokens.length - 1]),
      next.map((beam) => beam.from),
    )
  }
}

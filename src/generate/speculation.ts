import { LanewiseError } from '../core/errors.js'
import { checkNumber, checkOptions } from '../core/options.js'
import { Continuation, type ContinuationOptions } from './continuation.js'
import type { Chosen } from './generate.js'
import type { Candidates, Sampler } from './sampling.js'
import type { GenerationSession } from './session-tensors.js'

/** The model that proposes tokens. */
export interface DraftOptions extends Omit<ContinuationOptions, 'signal'> {
  /** A smaller model with the same vocabulary. */
  readonly session: GenerationSession
  /** How many tokens it proposes at a time; 4 by default. */
  readonly tokens?: number
}

/** Tokens that a draft proposes and the model judges, all of them at once. @internal */
export class Speculation {
  /** The most positions that both models have. */
  readonly room: number
  private readonly model: Continuation
  private readonly draft: Continuation
  private readonly count: number
  private begun = false
  /** How many tokens of the text each has seen. */
  private seen = 0
  private drafted = 0

  /** @throws LanewiseError `E_VALUE` and `E_UNSUPPORTED` as {@link Continuation} does, for either. */
  constructor(
    session: GenerationSession,
    options: ContinuationOptions,
    draft: DraftOptions,
    private readonly sampler: Sampler,
  ) {
    checkOptions('draft', draft, ['session', 'tokens', 'feeds', 'input', 'output', 'states'])
    const { session: other, tokens = 4, ...rest } = draft
    if (typeof (other as GenerationSession | undefined)?.run !== 'function')
      throw new LanewiseError('E_VALUE', 'draft needs a session: that of the model which proposes tokens')
    checkNumber('tokens of draft', tokens, { least: 1, most: 1024, whole: true })
    this.count = tokens
    this.model = new Continuation(session, options, { rewinds: true })
    this.draft = new Continuation(other, { ...rest, signal: options.signal }, { rewinds: true })
    this.room = Math.min(this.model.room, this.draft.room)
  }

  /** The tokens that come next: at least one. @param most - how many are wanted. */
  async next(text: readonly number[], given: number, most: number): Promise<Chosen[]> {
    // The last of those that are proposed needs a place, and the one that the model adds does not.
    const wanted = Math.min(this.count, most - 1, this.room - text.length)
    const proposed = wanted > 0 ? await this.propose(text, given, wanted) : []
    const scores = await this.judge(text, proposed)
    const chosen: Chosen[] = []
    const now = [...text]
    for (let i = 0; i <= proposed.length; i++) {
      const own = this.sampler.candidates(scores[i], now, given)
      const { token, accepted } = i < proposed.length ? this.decide(own, proposed[i]) : this.drawn(own)
      chosen.push({ token, scores: scores[i] })
      now.push(token)
      if (!accepted) break
    }
    // What was judged beyond the tokens that are kept is forgotten; the last of them nobody has seen.
    const right = text.length + chosen.length - 1
    this.model.rewind(this.seen - right)
    this.seen = right
    if (this.drafted > right) {
      this.draft.rewind(this.drafted - right)
      this.drafted = right
    }
    return chosen
  }

  private drawn(own: Candidates): { token: number; accepted: boolean } {
    return { token: this.sampler.greedy ? own.tokens[0] : this.sampler.draw(own), accepted: false }
  }

  /**
   * A token is kept as often as the model holds it to be likely, beside what the draft does; else another is drawn of
   * what the draft has given too little.
   */
  private decide(own: Candidates, { token, candidates }: Proposal): { token: number; accepted: boolean } {
    const { sampler } = this
    if (sampler.greedy) return { token: own.tokens[0], accepted: own.tokens[0] === token }
    const [p, q] = [shares(own), shares(candidates)]
    if (sampler.happens((p.get(token) ?? 0) / (q.get(token) ?? 1))) return { token, accepted: true }
    const rest = Array.from(p, ([other, share]) => Math.max(0, share - (q.get(other) ?? 0)))
    // Where roundings alone have refused it, nothing is left over.
    const weights = rest.some((weight) => weight > 0) ? rest : [...p.values()]
    return { token: sampler.draw({ tokens: [...p.keys()], weights }), accepted: false }
  }

  private async propose(text: readonly number[], given: number, count: number): Promise<Proposal[]> {
    const now = [...text]
    const proposed: Proposal[] = []
    while (proposed.length < count) {
      const added = now.slice(this.drafted)
      const rows = this.drafted === 0 ? [await this.draft.start(added)] : await this.draft.extend(added)
      this.drafted = now.length
      const candidates = this.sampler.candidates(rows[rows.length - 1], now, given)
      const token = this.sampler.greedy ? candidates.tokens[0] : this.sampler.draw(candidates)
      proposed.push({ token, candidates })
      now.push(token)
    }
    return proposed
  }

  /** The model's scores after the text, and after each token that was proposed. */
  private async judge(text: readonly number[], proposed: readonly Proposal[]): Promise<Float32Array[]> {
    const tokens = proposed.map(({ token }) => token)
    if (this.begun) {
      const rows = await this.model.extend([...text.slice(this.seen), ...tokens])
      this.seen = text.length + tokens.length
      return rows.slice(-tokens.length - 1)
    }
    this.begun = true
    const first = await this.model.start(text)
    this.seen = text.length
    if (tokens.length === 0) return [first]
    const rows = await this.model.extend(tokens)
    this.seen += tokens.length
    return [first, ...rows]
  }
}

interface Proposal {
  readonly token: number
  readonly candidates: Candidates
}

/** The probability of each candidate. */
function shares({ tokens, weights }: Candidates): Map<number, number> {
  let sum = 0
  for (let i = 0; i < weights.length; i++) sum += weights[i]
  return new Map(Array.from(tokens, (token, i) => [token, weights[i] / sum]))
}

// Timestamps among the tokens of speech, as Whisper writes them (Radford et al., 2022; openai/whisper `decoding.py` and
// `transcribe.py`).
import type { ScoreProcessor } from './processors.js'
import { logSumExp } from './sampling.js'

/** The tokens that timestamps are among: `first` is 0.00 s, each later one 20 ms more. @internal */
export interface TimestampTokens {
  readonly first: number
  readonly end: number
  /** The token that says that there are none. */
  readonly none: number
}

/** The first timestamp of a window is at most so many steps from its beginning: a second. */
const LATEST_FIRST = 50

/**
 * Timestamps come in pairs but before the end, never go back, and open a window; where they are likelier together than
 * any text, one comes.
 *
 * @internal
 */
export function timestampRules({ first, end, none }: TimestampTokens): ScoreProcessor {
  return (scores, tokens, given) => {
    const forbid = (from: number, to: number): void => void scores.fill(-Infinity, Math.min(from, scores.length), to)
    const made = tokens.slice(given)
    const is = (token: number | undefined) => token !== undefined && token >= first
    forbid(none, none + 1)
    if (is(made.at(-1))) {
      // After a pair there is text, and after the first of one its second or the end.
      if (made.length < 2 || is(made.at(-2))) forbid(first, scores.length)
      else forbid(0, end)
    }
    const last = made.filter(is).at(-1)
    if (last !== undefined) forbid(first, is(made.at(-1)) && !is(made.at(-2)) ? last : last + 1)
    if (made.length === 0) {
      forbid(0, first)
      forbid(first + LATEST_FIRST + 1, scores.length)
    }
    const times = scores.subarray(first)
    if (!times.some((score) => score > -Infinity)) return
    let text = -Infinity
    for (let token = 0; token < first; token++) text = Math.max(text, scores[token])
    if (logSumExp(times) > text) forbid(0, first)
  }
}

/** A stretch of a window with its tokens; times in steps. @internal */
export interface Stretch {
  readonly from: number
  /** undefined: to the end of the window. */
  readonly to: number | undefined
  readonly tokens: readonly number[]
}

/**
 * The stretches that timestamps cut a window into, and where the next window begins.
 *
 * @returns `next`: in steps; undefined: where this one ends.
 * @internal
 */
export function stretchesOf(
  tokens: readonly number[],
  first: number,
): { stretches: Stretch[]; next: number | undefined } {
  const is = tokens.map((token) => token >= first)
  const text = (from: number, to: number) => tokens.slice(from, to).filter((token) => token < first)
  const cuts = [...tokens.keys()].filter((i) => i > 0 && is[i] && is[i - 1])
  const single = is.at(-1) === true && is.at(-2) !== true && tokens.length > 1
  if (cuts.length === 0) {
    const last = tokens
      .slice(1)
      .filter((token) => token >= first)
      .at(-1)
    const from = is.at(0) === true ? tokens[0] - first : 0
    return {
      stretches: [{ from, to: last === undefined ? undefined : last - first, tokens: text(0, tokens.length) }],
      next: undefined,
    }
  }
  const ends = single ? [...cuts, tokens.length] : cuts
  let from = 0
  const stretches = ends.map((to): Stretch => {
    const stretch = { from: tokens[from] - first, to: tokens[to - 1] - first, tokens: text(from, to) }
    from = to
    return stretch
  })
  // What follows the last pair was not finished in this window: the next one begins there.
  return { stretches, next: single ? undefined : stretches[stretches.length - 1].to }
}

import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import { checkNumber, kindOf, shown } from '../core/options.js'

/**
 * Changes the scores of all tokens before one is chosen: −Infinity forbids a token.
 *
 * @param scores - of every token of the vocabulary, to be written to. @param tokens - the text so far, with what was
 *   given. @param given - how many of them were given.
 */
export type ScoreProcessor = (scores: Float32Array, tokens: readonly number[], given: number) => void

/**
 * No run of so many tokens comes twice, in what was given and what is generated together.
 *
 * @param size - tokens of a run; 1 forbids every token that was there.
 */
export function noRepeatedRuns(size: number): ScoreProcessor {
  checkNumber('the size of a run', size, { least: 1, most: Number.MAX_SAFE_INTEGER, whole: true })
  return (scores, tokens) => {
    const begun = tokens.slice(tokens.length - size + 1)
    if (begun.length < size - 1) return
    for (let i = 0; i + size <= tokens.length; i++)
      if (begun.every((token, j) => tokens[i + j] === token) && tokens[i + size - 1] < scores.length)
        scores[tokens[i + size - 1]] = -Infinity
  }
}

/** These tokens never come; with `first`, not as the first of a text. */
export function forbidTokens(tokens: Iterable<number>, options: { readonly first?: boolean } = {}): ScoreProcessor {
  checkArguments('forbidTokens', { tokens, options }, 'any', { first: 'boolean' })
  const { first = false } = options
  const all = checkedTokens('forbidTokens', tokens)
  return (scores, text, given) => {
    if (first && text.length > given) return
    for (const token of all) if (token < scores.length) scores[token] = -Infinity
  }
}

/** Only these tokens come. */
export function allowTokens(tokens: Iterable<number>): ScoreProcessor {
  const all = checkedTokens('allowTokens', tokens)
  return (scores) => {
    for (let token = 0; token < scores.length; token++) if (!all.has(token)) scores[token] = -Infinity
  }
}

/** The first tokens of a text are these. */
export function beginWith(tokens: ArrayLike<number>): ScoreProcessor {
  checkArguments('beginWith', { tokens }, 'list|bytes')
  const all = Array.from(tokens)
  checkedTokens('beginWith', all)
  return (scores, text, given) => {
    const wanted = all.at(text.length - given)
    if (text.length - given >= all.length || wanted === undefined) return
    for (let token = 0; token < scores.length; token++) if (token !== wanted) scores[token] = -Infinity
  }
}

/**
 * A text does not end before it has so many tokens. @param ends - the tokens that end it, as the option `stop` has
 * them.
 */
export function atLeast(count: number, ends: number | Iterable<number>): ScoreProcessor {
  checkArguments('atLeast', { count, ends }, 'number', 'number|iterable')
  checkNumber('the least number of tokens', count, { least: 0, most: Number.MAX_SAFE_INTEGER, whole: true })
  const all = checkedTokens('atLeast', typeof ends === 'number' ? [ends] : ends)
  return (scores, text, given) => {
    if (text.length - given >= count) return
    for (const token of all) if (token < scores.length) scores[token] = -Infinity
  }
}

/** Adds to the scores of tokens: what is above 0 makes them likelier. */
export function biasTokens(biases: ReadonlyMap<number, number>): ScoreProcessor {
  if (!isMap(biases))
    throw new LanewiseError('E_VALUE', `biasTokens takes as biases a Map of numbers by tokens, got ${shown(biases)}`)
  const all = [...biases]
  checkedTokens(
    'biasTokens',
    all.map(([token]) => token),
  )
  for (const [token, bias] of all)
    if (typeof bias !== 'number' || !(bias < Infinity))
      throw new LanewiseError('E_VALUE', `the bias of token ${token} is ${shown(bias)}`)
  return (scores) => {
    for (const [token, bias] of all) if (token < scores.length) scores[token] += bias
  }
}

/**
 * Takes from the scores of tokens that were generated: `presence` once, `frequency` for each time that they came.
 *
 * @param penalties - 0 each by default; below 0, what was there becomes likelier.
 */
export function penalize(penalties: { readonly presence?: number; readonly frequency?: number }): ScoreProcessor {
  checkArguments('penalize', { penalties }, { presence: 'number', frequency: 'number' })
  const { presence = 0, frequency = 0 } = penalties
  const bounds = { least: -Number.MAX_VALUE, most: Number.MAX_VALUE }
  checkNumber('presence', presence, bounds)
  checkNumber('frequency', frequency, bounds)
  return (scores, text, given) => {
    const counts = new Map<number, number>()
    for (const token of text.slice(given)) counts.set(token, (counts.get(token) ?? 0) + 1)
    for (const [token, count] of counts) if (token < scores.length) scores[token] -= presence + frequency * count
  }
}

/** Of another realm, too. */
function isMap(value: unknown): boolean {
  return kindOf(value) === 'a Map'
}

function checkedTokens(what: string, tokens: Iterable<number>): Set<number> {
  checkArguments(what, { tokens }, 'iterable')
  const all = new Set(tokens)
  for (const token of all)
    if (!(Number.isInteger(token) && token >= 0))
      throw new LanewiseError('E_VALUE', `${what}: ${shown(token)} is no token`)
  return all
}

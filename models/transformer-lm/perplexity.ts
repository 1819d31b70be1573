import { LanewiseError, Tensor } from '../../src/train.js'
import { Pace } from '../../src/core/pace.js'
import type { Tokens } from './corpus.js'
import type { TransformerLM } from './model.js'

/** How well a text was foretold. */
export interface TextPerplexity {
  /** exp of the mean of −log of the probabilities of the tokens. */
  readonly perToken: number
  /** The same sum over the number of words: what models with other tokens can be compared by. */
  readonly perWord: number
  readonly tokens: number
  readonly words: number
}

/** A target that does not count. */
const IGNORED = -100

/** Perplexities of a sum of −log of probabilities. */
export function perplexities(logarithm: number, tokens: number, words: number): TextPerplexity {
  return { perToken: Math.exp(logarithm / tokens), perWord: Math.exp(logarithm / words), tokens, words }
}

/**
 * A stretch of tokens that is given to a model, and from where on its targets count: each target counts in one stretch.
 */
export interface Stretch {
  readonly start: number
  readonly counted: number
}

/**
 * Overlapping stretches of a text of so many tokens, so that all but the first ones are foretold from at least half a
 * stretch of text.
 */
export function stretchesOf(count: number, length: number): Stretch[] {
  const stretches: Stretch[] = []
  const size = Math.min(length, count - 1)
  for (let done = 0; done < count - 1;) {
    const start = Math.min(Math.max(0, done - (length >> 1)), count - 1 - size)
    stretches.push({ start, counted: done - start })
    done = start + size
  }
  return stretches
}

/**
 * How well a language model foretells every token of a text but the first.
 *
 * @param length - tokens that are given at once.
 * @throws LanewiseError `E_VALUE` for a text without a second token.
 */
export async function measureText(
  model: TransformerLM,
  { ids, words }: Tokens,
  { length, batchSize = 16 }: { readonly length: number; readonly batchSize?: number },
): Promise<TextPerplexity> {
  if (ids.length < 2) throw new LanewiseError('E_VALUE', 'nothing follows in a text of one token')
  const { device } = model
  const stretches = stretchesOf(ids.length, length)
  const size = Math.min(length, ids.length - 1)
  const pace = new Pace()
  let logarithm = 0
  model.eval()
  for (let at = 0; at < stretches.length; at += batchSize) {
    const rows = stretches.slice(at, at + batchSize)
    const [input, target] = [new Int32Array(rows.length * size), new Int32Array(rows.length * size)]
    let counted = 0
    rows.forEach((stretch, row) => {
      input.set(ids.subarray(stretch.start, stretch.start + size), row * size)
      target.set(ids.subarray(stretch.start + 1, stretch.start + size + 1), row * size)
      target.fill(IGNORED, row * size, row * size + stretch.counted)
      counted += size - stretch.counted
    })
    const dims = [rows.length, size]
    const [x, y] = [new Tensor('int32', input, dims), new Tensor('int32', target, dims)]
    const mean = device.step(() => device.noGrad(() => model.loss(device.tensor(x), device.tensor(y), IGNORED).item()))
    logarithm += mean * counted
    await pace.turn()
  }
  return perplexities(logarithm, ids.length - 1, words)
}

import { F, grad, Tensor, type Tokenizer } from '../../src/train.js'
import type { ClassificationTransformer } from './classification.js'
import { encodeReview, windowsOf } from './review-task.js'

/** A piece of a text, and what it speaks for. */
export interface WordShare {
  readonly text: string
  /** Above 0 for the second class, below for the first. */
  readonly share: number
}

/** A judged text. */
export interface Explained {
  readonly probabilities: readonly number[]
  /** The words with the blanks before them, in the order of the text. */
  readonly words: readonly WordShare[]
}

/**
 * The classes' probabilities of a text, and of each word how much it moved the scores: the gradient of their difference
 * (second class less the first) by the tokens' vectors, times these vectors, summed over the word (Shrikumar et al.,
 * 2017).
 */
export function explain(model: ClassificationTransformer, tokenizer: Tokenizer, text: string): Explained {
  const { device } = model
  const { pooling } = model.options
  // Of a longer text, its end.
  const [tokens] = windowsOf(encodeReview(tokenizer, text, pooling), model.body.config.maxLength, pooling).slice(-1)
  const dims = [1, tokens.length]
  model.eval()
  return device.step(() => {
    const ids = device.tensor(new Tensor('int32', Int32Array.from(tokens), dims))
    const mask = device.tensor(new Tensor('bool', new Uint8Array(tokens.length).fill(1), dims))
    const vectors = device.noGrad(() => model.body.tokens.call(ids))
    const probabilities = device.noGrad(() => F.softmax(model.scoresOf(vectors, ids, mask)).data() as Float32Array)
    const [slope] = grad(
      (x) => {
        const [first, second] = F.split(model.scoresOf(x, ids, mask), [1, 1], 1)
        return F.sum(F.sub(second, first))
      },
      [vectors],
    )
    const shares = F.sum(F.mul(slope, vectors), [2]).data() as Float32Array
    return { probabilities: [...probabilities], words: wordsOf(tokenizer, tokens, shares) }
  })
}

/** Tokens put together to words: one that begins with a blank begins a word. Special tokens are none. */
function wordsOf(tokenizer: Tokenizer, tokens: Int32Array, shares: Float32Array): WordShare[] {
  const words: { ids: number[]; share: number }[] = []
  tokens.forEach((token, i) => {
    if (tokenizer.isSpecial(token)) return
    const begins = /^\s/.test(tokenizer.decode([token]))
    if (begins || words.length === 0) words.push({ ids: [token], share: shares[i] })
    else {
      const last = words[words.length - 1]
      last.ids.push(token)
      last.share += shares[i]
    }
  })
  return words.map(({ ids, share }) => ({ text: tokenizer.decode(ids), share }))
}

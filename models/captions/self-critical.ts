import {
  bleu,
  bleuShares,
  captionTokens,
  CiderD,
  crossEntropy,
  F,
  padSequences,
  type Metric,
  type Task,
  type TaskOutput,
  type Variable,
} from '../../src/train.js'
import { drawnCaptions, unsaid } from './decode.js'
import type { CaptionModel } from './networks.js'

/**
 * What captions are rewarded by: CIDEr-D; what they add to the BLEU of their batch, as BLEU-1 + 4 · BLEU-4; or the sum
 * of both.
 */
export const rewards = ['cider+bleu', 'cider', 'bleu'] as const
export type RewardName = (typeof rewards)[number]

/**
 * Captions that are drawn of one picture at the start of `attention-best` differ by 0.25 in CIDEr-D, 0.14 in BLEU-1 and
 * 0.12 in what they add to BLEU-4 (deviations): with this factor BLEU-4 has the most to say.
 */
const BLEU4 = 4

/** A word can end a caption if it is the last one in this share of the places where people say it, at least. */
const ENDING = 0.01

/**
 * What a caption is worth beside what people say of its picture. `<END>` counts as a word, in theirs and in those that
 * have it, and a caption that ends with a word that people hardly ever end with ("a man in a") is worth nothing: half a
 * phrase has words in common with most captions.
 */
export class CaptionReward {
  private readonly cider: CiderD
  private readonly endings: ReadonlySet<number>
  private readonly right: readonly (readonly (readonly number[])[])[]

  /**
   * @param right - of each picture, by its number: captions as tokens, without start and end.
   * @param documents - how many of the pictures, from the first, say how rare n-grams are: those of the training.
   */
  constructor(
    private readonly kind: RewardName,
    right: readonly (readonly ArrayLike<number>[])[],
    documents = right.length,
  ) {
    this.right = right.map((captions) => captions.map((caption) => [...Array.from(caption), captionTokens.end]))
    const known = this.right.slice(0, documents)
    this.cider = new CiderD(known)
    this.endings = endingsOf(known.flat())
  }

  /** What people say of a picture, with `<END>`. */
  captionsOf(picture: number): readonly (readonly number[])[] {
    return this.right[picture]
  }

  /**
   * @param said - captions as tokens, with `<END>` if they came to it. @param pictures - the number of the picture of
   *   each.
   */
  of(said: readonly (readonly number[])[], pictures: readonly number[]): number[] {
    const pairs = said.map((caption, i) => ({ said: caption, right: this.right[pictures[i]] }))
    const zeros = pairs.map(() => 0)
    const consensus = this.kind === 'bleu' ? zeros : pairs.map((pair) => this.cider.score(pair))
    const [one, four] = this.kind === 'cider' ? [zeros, zeros] : [bleuShares(pairs, 1), bleuShares(pairs, 4)]
    return said.map((caption, i) => {
      const ended = caption.at(-1) === captionTokens.end
      if (ended && !this.endings.has(caption.at(-2) ?? captionTokens.end)) return 0
      return consensus[i] + one[i] + BLEU4 * four[i]
    })
  }
}

/** Words that end captions. @param captions - with `<END>`. */
function endingsOf(captions: readonly (readonly number[])[]): Set<number> {
  const [all, last] = [new Map<number, number>(), new Map<number, number>()]
  const count = (counts: Map<number, number>, word: number) => counts.set(word, (counts.get(word) ?? 0) + 1)
  for (const caption of captions) {
    for (const word of caption.slice(0, -1)) count(all, word)
    if (caption.length > 1) count(last, caption[caption.length - 2])
  }
  return new Set([...last].filter(([word, times]) => times >= ENDING * (all.get(word) ?? 0)).map(([word]) => word))
}

/** How a captioner learns by reward. */
export interface SelfCriticalOptions {
  readonly reward: Pick<CaptionReward, 'of'>
  /** Captions drawn of each picture, 2 or more. */
  readonly samples: number
  /** Words of a caption at most. */
  readonly most: number
  /** The field with what the model is told of the pictures; `features` by default. */
  readonly input?: string
}

/**
 * How much each reward is above the mean of the others of its picture. @param samples - rewards of each picture, one
 * after the other.
 */
export function advantagesOf(values: ArrayLike<number>, samples: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: values.length }, (_, i) => {
    const first = i - (i % samples)
    let others = 0
    for (let k = first; k < first + samples; k++) if (k !== i) others += values[k]
    return values[i] - others / (samples - 1)
  })
}

/**
 * The surrogate whose gradient is that of minus the expected reward (REINFORCE; Williams, 1992): the mean over captions
 * of advantage · −log p(caption).
 *
 * @param scores - [N, T, words]. @param label - [N, T], filled up with `<NULL>`. @param advantage - [N].
 */
export function policyLoss(scores: Variable, label: Variable, advantage: Variable): Variable {
  const [captions, length, words] = scores.shape
  // The distribution that captions are drawn from: without the tokens that are never said.
  const mask = new Float32Array(words)
  for (const token of unsaid) mask[token] = -1e4
  const allowed = F.add(F.reshape(scores, [-1, words]), scores.device.tensor(mask, [words]))
  const surprise = crossEntropy(allowed, F.reshape(label, [-1]), {
    ignoreIndex: captionTokens.padding,
    reduction: 'none',
  })
  const perCaption = F.sum(F.reshape(surprise, [captions, length]), [1])
  return F.mul(F.sum(F.mul(perCaption, advantage)), 1 / captions)
}

/**
 * Self-critical sequence training (Rennie et al., CVPR 2017): the captioner draws captions of each picture, and those
 * that are worth more than the others of the same picture (Luo, "A better variant of self-critical sequence
 * training", 2020) become likelier. The loss is minus the mean reward, with the gradient of the {@link policyLoss}; of
 * a validation it is minus the mean reward of greedy captions. Batches have what the model is told and the numbers of
 * the pictures in `picture`, int32 [N].
 */
export function selfCriticalTask({ reward, samples, most, input = 'features' }: SelfCriticalOptions): Partial<Task> {
  return {
    output(model, batch): TaskOutput {
      const captioner = model as CaptionModel
      const { device } = captioner
      const pictures = Array.from(batch.picture.data(), Number)
      const drawing = captioner.training ? { most, samples } : { most }
      const captions = drawnCaptions(captioner, batch[input], drawing)
      const each = captions.length / pictures.length
      const values = reward.of(
        captions,
        captions.map((_, i) => pictures[Math.floor(i / each)]),
      )
      const mean = device.tensor([values.reduce((sum, value) => sum + value, 0) / values.length], [])
      const filled = (rows: readonly (readonly number[])[]) =>
        device.tensor(
          padSequences(
            rows.map((row) => [...row]),
            { value: captionTokens.padding },
          ).tokens,
        )
      const label = filled(captions)
      if (!captioner.training) return { label, reward: mean }
      const before = filled(captions.map((caption) => [captionTokens.start, ...caption.slice(0, -1)]))
      const scores = captioner.forward(batch[input], before)
      return { scores, label, advantage: device.tensor(advantagesOf(values, samples), [values.length]), reward: mean }
    },
    loss(output) {
      const { scores, label, advantage, reward: mean } = output as Readonly<Record<string, Variable>>
      if (!scores) return F.neg(mean)
      const policy = policyLoss(scores, label, advantage)
      return F.sub(F.sub(policy, policy.detach()), mean)
    },
    label: undefined,
  }
}

/** BLEU of greedy captions with n-grams up to an order, without `<END>`. */
export function greedyBleu(order: number, reward: Pick<CaptionReward, 'captionsOf'>): Metric {
  return bleu({
    maxOrder: order,
    end: captionTokens.end,
    predictions(output: TaskOutput) {
      const { label } = output as Readonly<Record<string, Variable>>
      const [rows, length] = label.shape
      const tokens = Array.from(label.data(), Number)
      return Array.from({ length: rows }, (_, row) =>
        tokens.slice(row * length, (row + 1) * length).filter((token) => token !== captionTokens.padding),
      )
    },
    references: (batch) => Array.from(batch.picture.data(), Number).map((picture) => reward.captionsOf(picture)),
  })
}

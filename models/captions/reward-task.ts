import { loadGraph } from '../../src/node.js'
import {
  AdamW,
  cosine,
  decodeSafetensors,
  LanewiseError,
  warmup,
  weightsOf,
  type RecipeFit,
  type TaskRecipe,
  type Tensor,
} from '../../src/train.js'
import type { HostTensor } from '../../src/core/host.js'
import { readBytes } from '../../src/platform/node-files.js'
import { flickrPictures, type FlickrOptions, type PictureData } from './data.js'
import { exportCaptioner } from './export.js'
import type { Captioner, CaptionerOptions } from './networks.js'
import { CaptionReward, greedyBleu, selfCriticalTask, type RewardName } from './self-critical.js'

/** A recipe that makes a captioner better by reward. */
export interface RewardRecipe {
  readonly title: string
  readonly seed?: number
  /** Passes over the pictures. */
  readonly epochs: number
  /** Pictures of a step. */
  readonly batchSize: number
  /** Captions drawn of each. */
  readonly samples: number
  readonly network: new (options: CaptionerOptions) => Captioner
  readonly hidden: number
  readonly dropout: number
  readonly lr: number
  /** The captioner to begin with: `weights.safetensors` of a run, or an exported file. */
  readonly from: string
  readonly reward: RewardName
  readonly data?: Pick<FlickrOptions, 'grid' | 'mirrored'>
  readonly fit?: RecipeFit
}

/** Words of a caption that is drawn, at most. */
const MOST_WORDS = 20
/** Steps until the rate is at its highest. */
const WARM = 20

/** Self-critical training from a captioner that has learned to say what people say. */
export function rewardRecipe({
  title,
  seed = 1,
  epochs,
  batchSize,
  samples,
  network: Network,
  hidden,
  dropout,
  lr,
  from,
  reward: kind,
  data,
  fit,
}: RewardRecipe): TaskRecipe<Captioner, PictureData & { readonly reward: CaptionReward }> {
  // Task and measures are known before the data are: what they ask is answered when those are there.
  let found: CaptionReward | undefined
  const reward = {
    of: (said: readonly (readonly number[])[], pictures: readonly number[]) => known(found).of(said, pictures),
    captionsOf: (picture: number) => known(found).captionsOf(picture),
  }
  return {
    title,
    seed,
    epochs,
    batchSize,
    async data(context) {
      const pictures = await flickrPictures({ ...context, ...data })
      found = new CaptionReward(kind, pictures.right, pictures.learned)
      return { ...pictures, reward: found }
    },
    async model({ vocabulary, channels }) {
      const model = new Network({ words: vocabulary.size, channels, hidden, dropout })
      await loadCaptioner(model, from)
      return model
    },
    optimizer: (model) => new AdamW(model.parameters(), { lr, weightDecay: 0 }),
    schedule: (steps) => warmup(WARM, cosine(Math.max(1, steps - WARM), 0.1), 0.1),
    task: selfCriticalTask({ reward, samples, most: MOST_WORDS }),
    metrics: { bleu1: greedyBleu(1, reward), bleu4: greedyBleu(4, reward) },
    measure: 'bleu4',
    fit: { clipNorm: 1, ...fit },
    files: (model, { metadata }) => exportCaptioner(model, { title, ...metadata }),
  }
}

function known(reward: CaptionReward | undefined): CaptionReward {
  if (reward) return reward
  throw new LanewiseError('E_STATE', 'the reward is not known before the data are')
}

/**
 * Weights of a captioner of photographs, from `weights.safetensors` of a run or from an exported file.
 *
 * @throws LanewiseError `E_TENSOR` if they are of another model, and as the file is read.
 */
export async function loadCaptioner(model: Captioner, file: string): Promise<void> {
  const weights: ReadonlyMap<string, Tensor | HostTensor> = file.endsWith('.onnx')
    ? new Map([...weightsOf(await loadGraph(file))].map(([name, weight]) => [name.replace(/^captioner\./, ''), weight]))
    : decodeSafetensors(await readBytes(file), file).tensors
  const state = new Map<string, Tensor | HostTensor>()
  for (const [name] of model.namedParameters()) {
    const weight = weights.get(name)
    if (!weight)
      throw new LanewiseError('E_TENSOR', `${file} has no "${name}": it is of another model`, { tensor: name })
    state.set(name, weight)
  }
  model.loadStateDict(state)
}

import {
  AdamW,
  batchField,
  cosine,
  crossEntropy,
  F,
  warmup,
  type RecipeFit,
  type Task,
  type TaskRecipe,
  type Variable,
} from '../../src/train.js'
import { captionTokens } from '../../src/data/captions.js'
import { flickrData, type CaptionData, type FlickrOptions } from './data.js'
import { exportCaptioner } from './export.js'
import type { Captioner, CaptionerOptions } from './networks.js'

/** The temporal softmax loss: the mean over all words but `<NULL>`. */
export function captionTask(labelSmoothing = 0): Partial<Task> {
  return {
    output: (model, { features, tokens }) => (model as Captioner).call(features, tokens),
    loss(output, batch) {
      const scores = output as Variable
      const words = scores.shape[2]
      const labels = F.reshape(batchField(batch, 'label'), [-1])
      return crossEntropy(F.reshape(scores, [-1, words]), labels, {
        ignoreIndex: captionTokens.padding,
        labelSmoothing,
      })
    },
    classAxis: 2,
    ignoreIndex: captionTokens.padding,
  }
}

/** A recipe of a captioner of photographs. */
export interface CaptionRecipe {
  readonly title: string
  readonly seed?: number
  readonly epochs: number
  readonly batchSize?: number
  readonly network: new (options: CaptionerOptions) => Captioner
  readonly hidden: number
  readonly dropout: number
  readonly lr?: number
  readonly labelSmoothing?: number
  readonly data?: Pick<FlickrOptions, 'grid' | 'mirrored'>
  readonly fit?: RecipeFit
}

/** The recipe of a captioner that is trained on Flickr8k. */
export function captionRecipe({
  title,
  seed = 1,
  epochs,
  batchSize = 64,
  network: Network,
  hidden,
  dropout,
  lr = 0.001,
  labelSmoothing = 0,
  data,
  fit,
}: CaptionRecipe): TaskRecipe<Captioner, CaptionData> {
  return {
    title,
    seed,
    epochs,
    batchSize,
    data: (context) => flickrData({ ...context, ...data }),
    model: ({ vocabulary, channels }) => new Network({ words: vocabulary.size, channels, hidden, dropout }),
    optimizer: (model) => new AdamW(model.parameters(), { lr, weightDecay: 0.01 }),
    schedule: (steps) => warmup(200, cosine(Math.max(1, steps - 200), 0.01), 0.05),
    task: captionTask(labelSmoothing),
    measure: 'accuracy',
    fit: { clipNorm: 5, ...fit },
    files: (model, { metadata }) => exportCaptioner(model, { title, ...metadata }),
  }
}

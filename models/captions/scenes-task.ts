import {
  AdamW,
  BatchNorm2d,
  Conv2d,
  cosine,
  DataLoader,
  DrawnScenes,
  exactMatch,
  F,
  init,
  Module,
  ReLU,
  SCENE_SIDE,
  sceneVocabulary,
  Sequential,
  warmup,
  type Parameter,
  type TaskData,
  type TaskRecipe,
  type Variable,
} from '../../src/train.js'
import { exportCaptioner } from './export.js'
import type { Captioner, CaptionerOptions, CaptionModel, CaptionState } from './networks.js'
import { captionTask } from './task.js'

const CHANNELS = 96
/** Rows and columns of places. */
const GRID = 4

/** A captioner that sees pictures itself: four convolutions make 4×4 places of 32×32 pixels. */
export class SceneCaptioner extends Module implements CaptionModel {
  static override readonly name: string = 'SceneCaptioner'
  readonly eye = new Sequential(
    ...[
      [3, 16, 1],
      [16, 32, 2],
      [32, 64, 2],
      [64, CHANNELS, 2],
    ].flatMap(([from, to, stride]) => [
      new Conv2d(from, to, 3, { stride, padding: 1, bias: false }),
      new BatchNorm2d(to),
      new ReLU(),
    ]),
  )
  /** What is added to the features of each place, so that a place can be told from others by where it is. */
  readonly positions: Parameter
  readonly captioner: Captioner

  constructor(Network: new (options: CaptionerOptions) => Captioner, hidden: number) {
    super()
    this.positions = this.parameter([GRID * GRID, CHANNELS], init.normal(0, 0.1))
    this.captioner = new Network({ words: sceneVocabulary.size, channels: CHANNELS, hidden })
  }

  get states(): readonly string[] {
    return this.captioner.states
  }

  get hidden(): number {
    return this.captioner.hidden
  }

  get input(): CaptionModel['input'] {
    return { name: 'picture', shape: [3, SCENE_SIDE, SCENE_SIDE] }
  }

  /** @param image - [N, 3, 32, 32] of 0 … 1. @param tokens - [N, T]. @returns scores [N, T, words]. */
  forward(image: Variable, tokens: Variable): Variable {
    return this.captioner.call(this.features(image), tokens)
  }

  begin(image: Variable): CaptionState {
    return this.captioner.begin(this.features(image))
  }

  step(token: Variable, state: CaptionState): ReturnType<CaptionModel['step']> {
    return this.captioner.step(token, state)
  }

  /** [N, 16, channels] */
  private features(image: Variable): Variable {
    return F.add(F.transpose(F.reshape(this.eye.call(image), [0, 0, -1]), [0, 2, 1]), this.positions)
  }
}

/** Seeds of the pictures: none is in two parts. */
const SEEDS = { train: 11, validation: 12 }

/**
 * A recipe for drawn scenes: every picture of the training is a new one, and what is measured has captions that no
 * picture of the training has.
 */
export function sceneRecipe({
  title,
  network,
  hidden = 128,
  steps,
  seed = 1,
}: {
  readonly title: string
  readonly network: new (options: CaptionerOptions) => Captioner
  readonly hidden?: number
  readonly steps: number
  readonly seed?: number
}): TaskRecipe<SceneCaptioner> {
  return {
    title,
    seed,
    epochs: 1,
    batchSize: 64,
    data: ({ batchSize }): TaskData => ({
      train: new DataLoader(new DrawnScenes(steps * batchSize, SEEDS.train, false), { batchSize }),
      validation: new DataLoader(new DrawnScenes(1000, SEEDS.validation, true), { batchSize: 100 }),
      source: 'drawn scenes',
    }),
    model: () => new SceneCaptioner(network, hidden),
    optimizer: (model) => new AdamW(model.parameters(), { lr: 0.002, weightDecay: 0.01 }),
    schedule: (total) => warmup(100, cosine(Math.max(1, total - 100), 0.01), 0.05),
    task: {
      ...captionTask(),
      output: (model, { image, tokens }) => (model as SceneCaptioner).call(image, tokens),
    },
    // Greedy decoding says a caption exactly if every word of it is the likeliest after those before.
    metrics: { exact: exactMatch() },
    measure: 'exact',
    fit: { clipNorm: 5, ema: 0.99, evaluateEvery: 500 },
    files: (model) =>
      exportCaptioner(
        model,
        {
          title,
          vocabulary: JSON.stringify(sceneVocabulary.tokens),
          picture: JSON.stringify({ side: SCENE_SIDE, grid: GRID }),
        },
        'float16',
      ),
  }
}

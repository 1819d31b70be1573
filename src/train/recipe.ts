import type { Augmentation } from '../data/augment.js'
import type { MnistName } from '../data/mnist.js'
import type { WeightFormat } from '../nn/compress.js'
import type { Layer } from '../nn/module.js'
import type { Optimizer } from '../optim/optimizer.js'
import type { Factor } from '../optim/schedules.js'

/** All that decides a training of a classifier of grey pictures: what `lanewise train` reads from a module's default export. */
export interface Recipe {
  readonly title: string
  readonly data: MnistName
  /** Sizes of a training and a test part to draw from the test files, for sets that have no others. */
  readonly split?: readonly [train: number, test: number]
  /** Decides initial weights, order, augmentation and masks. */
  readonly seed: number
  readonly epochs: number
  readonly batchSize: number
  /** From pictures [N, 1, 28, 28] of 0 … 1 to scores [N, 10]. */
  readonly model: () => Layer
  readonly optimizer: (model: Layer) => Optimizer
  /** The learning rate's factor after a share of the steps, given their number in all. */
  readonly schedule?: (steps: number) => Factor
  readonly augment?: readonly Augmentation[]
  /** How the exported file keeps weights; as they are by default. */
  readonly weights?: WeightFormat
}

import {
  BatchNorm1d,
  BatchNorm2d,
  Conv2d,
  Dropout,
  F,
  Flatten,
  init,
  InstanceNorm2d,
  Linear,
  LocalResponseNorm,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
  type Layer,
  type Variable,
} from '../../src/train.js'
import { HEADS } from './generate.js'

// From grey pictures [N, 1, side, side] of 0 … 1 to scores [N, 6, 10]: how many digits (0 … 5; 6 for more), and five
// digits.

/** Classes of each head. */
export const CLASSES = 10

/** A network for pictures of one size. */
export interface Reader extends Layer {
  readonly side: number
}

/** One linear layer for each of the six answers. */
class Heads extends Module {
  readonly heads: readonly Linear[]

  constructor(inputs: number) {
    super()
    this.heads = Array.from({ length: HEADS }, () => new Linear(inputs, CLASSES, { init: init.xavierUniform() }))
  }

  /** @param x - [N, inputs]; gives [N, 6, 10]. */
  forward(x: Variable): Variable {
    return F.stack(
      this.heads.map((head) => head.call(x)),
      1,
    )
  }
}

/** Standardises each picture, and applies layers and heads. */
class PictureReader extends Module implements Reader {
  private readonly standardise = new InstanceNorm2d(1)
  readonly heads: Heads

  constructor(
    readonly side: number,
    readonly body: Layer,
    features: number,
  ) {
    super()
    this.heads = new Heads(features)
  }

  forward(picture: Variable): Variable {
    return this.heads.call(this.body.call(this.standardise.call(picture)))
  }
}

const xavier = { init: init.xavierUniform() }

/** How {@link reader} is varied in the studies and in tests. */
export interface ReaderOptions {
  /** Of the pictures; divisible by two as often as there are blocks. */
  readonly side?: number
  readonly patch?: number
  /** Share of the dense units that is kept. */
  readonly keep?: number
  readonly blocks?: number
  /** Filters of each block. */
  readonly depths?: readonly number[]
  /** Widths of the dense layers. */
  readonly dense?: readonly number[]
}

/**
 * Convolution blocks (4×4 patches, 16, 32, 64 deep, ReLU, local response normalisation as TensorFlow has it, pooling),
 * dense layers of 128, 64 and 16 with dropout, six heads; for pictures of 32×32.
 */
export function reader({
  side = 32,
  patch = 4,
  keep = 0.8,
  blocks = 3,
  depths = [16, 32, 64],
  dense = [128, 64, 16],
}: ReaderOptions = {}): Reader {
  const layers: Layer[] = []
  for (let block = 0; block < blocks; block++) {
    layers.push(
      new Conv2d(block === 0 ? 1 : depths[block - 1], depths[block], patch, { ...xavier, padding: 'same' }),
      new ReLU(),
      new LocalResponseNorm(11, { alpha: 0.1, beta: 0.75, k: 1, divideBySize: false }),
      new MaxPool2d(2),
    )
  }
  layers.push(new Flatten())
  let features = (side / 2 ** blocks) ** 2 * (blocks === 0 ? 1 : depths[blocks - 1])
  for (const width of dense) {
    layers.push(new Linear(features, width, xavier), new ReLU(), new Dropout(1 - keep))
    features = width
  }
  return new PictureReader(side, new Sequential(...layers), features)
}

/** A convolution of 3×3 with batch normalisation, added to what it is applied to where the depths agree. */
class Block extends Module {
  private readonly convolution: Conv2d
  private readonly norm: BatchNorm2d
  private readonly residual: boolean

  constructor(from: number, to: number) {
    super()
    this.convolution = new Conv2d(from, to, 3, { padding: 1, bias: false, init: init.kaimingUniform() })
    this.norm = new BatchNorm2d(to)
    this.residual = from === to
  }

  forward(x: Variable): Variable {
    const y = F.relu(this.norm.call(this.convolution.call(x)))
    return this.residual ? F.add(x, y) : y
  }
}

/** Residual blocks with batch normalisation for pictures of 48×48; 0.6 million weights. */
export function readerBest(): Reader {
  return new PictureReader(
    48,
    new Sequential(
      new Conv2d(1, 32, 5, { stride: 2, padding: 2, bias: false, init: init.kaimingUniform() }),
      new BatchNorm2d(32),
      new ReLU(),
      new Block(32, 40),
      new MaxPool2d(2),
      new Block(40, 64),
      new Block(64, 64),
      new MaxPool2d(2),
      new Block(64, 96),
      new Block(96, 96),
      new Flatten(),
      new Linear(96 * 6 * 6, 128, { bias: false, init: init.kaimingUniform() }),
      new BatchNorm1d(128),
      new ReLU(),
      new Dropout(0.2),
    ),
    128,
  )
}

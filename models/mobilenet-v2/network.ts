import { BatchNorm2d, Conv2d, Dropout, F, Linear, Module, Sequential, type Variable } from '../../src/train.js'
import { blocks } from './blocks.js'

/** How wide it is, and which of the two usual ways its files have. */
export interface MobileNetV2Options {
  /** Channels are multiplied by it and rounded to eighths; 1 by default. */
  readonly width?: number
  /** Classes; 1000 by default. */
  readonly classes?: number
  /** `relu6` as in the paper (the default), or `relu`, as networks have that were equalised for eight bits. */
  readonly activation?: 'relu6' | 'relu'
  /**
   * Where layers that halve the picture pad: on both sides as PyTorch does (the default), or at the end alone as
   * TensorFlow does for even sizes.
   */
  readonly padding?: 'both' | 'end'
}

/** To a multiple of eight, by no more than a tenth down. */
function rounded(channels: number): number {
  const near = Math.max(8, 8 * Math.floor((channels + 4) / 8))
  return near < 0.9 * channels ? near + 8 : near
}

/** Channels that each convolution makes, in their order, at a width. */
export function channelsOf(width: number): number[] {
  let from = rounded(32 * width)
  const channels = [from]
  for (const [expansion, to, count] of blocks)
    for (let i = 0; i < count; i++) {
      const wide = from * expansion
      from = rounded(to * width)
      channels.push(...(expansion === 1 ? [] : [wide]), wide, from)
    }
  return [...channels, rounded(1280 * Math.max(1, width))]
}

type Style = Required<Pick<MobileNetV2Options, 'activation' | 'padding'>>

class Activation extends Module {
  constructor(private readonly kind: Style['activation']) {
    super()
  }

  forward(x: Variable): Variable {
    return this.kind === 'relu6' ? F.clip(x, 0, 6) : F.relu(x)
  }
}

/** A convolution of 3×3 that pads at the end when it halves. */
class EndPadded extends Conv2d {
  override forward(x: Variable): Variable {
    return super.forward(F.pad(x, [0, 1, 0, 1]))
  }
}

function convolution(
  from: number,
  to: number,
  kernel: number,
  stride: number,
  groups: number,
  { activation, padding }: Style,
): Sequential {
  const atEnd = stride === 2 && padding === 'end'
  const Layer = atEnd ? EndPadded : Conv2d
  return new Sequential(
    new Layer(from, to, kernel, { stride, groups, bias: false, padding: atEnd ? 0 : (kernel - 1) / 2 }),
    new BatchNorm2d(to),
    new Activation(activation),
  )
}

/**
 * An inverted residual: wider, a convolution of each channel, narrower without activation; added to what it is made of
 * where both have the same shape.
 */
class InvertedResidual extends Module {
  static override readonly name: string = 'InvertedResidual'
  readonly conv: Sequential
  private readonly adds: boolean

  constructor(from: number, to: number, stride: number, expansion: number, style: Style) {
    super()
    const wide = from * expansion
    this.adds = stride === 1 && from === to
    this.conv = new Sequential(
      ...(expansion === 1 ? [] : [convolution(from, wide, 1, 1, 1, style)]),
      convolution(wide, wide, 3, stride, wide, style),
      new Conv2d(wide, to, 1, { bias: false }),
      new BatchNorm2d(to),
    )
  }

  forward(x: Variable): Variable {
    const y = this.conv.call(x)
    return this.adds ? F.add(x, y) : y
  }
}

/**
 * MobileNetV2 (Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018). Parameters have
 * torchvision's names, so that its state dicts fit.
 */
export class MobileNetV2 extends Module {
  static override readonly name: string = 'MobileNetV2'
  /** From a picture [N, 3, H, W] to [N, 1280, H/32, W/32]; a width above 1 makes more channels. */
  readonly features: Sequential
  readonly classifier: Sequential

  constructor({ width = 1, classes = 1000, activation = 'relu6', padding = 'both' }: MobileNetV2Options = {}) {
    super()
    const style = { activation, padding }
    let from = rounded(32 * width)
    const last = rounded(1280 * Math.max(1, width))
    const layers: (Sequential | InvertedResidual)[] = [convolution(3, from, 3, 2, 1, style)]
    for (const [expansion, channels, count, stride] of blocks)
      for (let i = 0; i < count; i++) {
        const to = rounded(channels * width)
        layers.push(new InvertedResidual(from, to, i === 0 ? stride : 1, expansion, style))
        from = to
      }
    layers.push(convolution(from, last, 1, 1, 1, style))
    this.features = new Sequential(...layers)
    this.classifier = new Sequential(new Dropout(0.2), new Linear(last, classes))
  }

  /** @param x - [N, 3, H, W]. @returns scores [N, classes]. */
  forward(x: Variable): Variable {
    return this.classifier.call(F.mean(this.features.call(x), [2, 3]))
  }
}

import { checkArguments } from '../core/arguments.js'
import type { Device } from '../autograd/device.js'
import type { Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import * as F from './functional.js'
import { perAxis, windowOptions, type PerAxis } from './functional/common.js'
import type { PoolingOptions } from './functional/layers.js'
import { Module } from './module.js'

/** How a pooling's window moves; `stride` is the kernel's size by default. */
export interface PoolOptions extends PoolingOptions {
  /** The device on which it is applied; {@link Device.current} by default. */
  readonly device?: Device
}

/** A function of `F` that pools. */
type Pooling = (x: Variable, kernelSize: PerAxis, options: PoolingOptions) => Variable

abstract class MaxPool extends Module {
  protected abstract readonly pool: Pooling
  private readonly options: PoolOptions

  constructor(
    /** Size of a window: one number, or one for each spatial axis. */
    readonly kernelSize: PerAxis,
    options: PoolOptions = {},
  ) {
    checkArguments(new.target.name, { kernelSize, options }, 'number|numbers', {
      device: 'device',
      ceilMode: 'boolean',
      ...windowOptions,
    })

    super(options.device)
    this.options = options
  }

  /** @param x - [N, C, …]; gives [N, C, …] with fewer places. */
  forward(x: Variable): Variable {
    return this.pool(x, this.kernelSize, this.options)
  }
}

/** The largest element of each window of [N, C, L]. */
export class MaxPool1d extends MaxPool {
  protected readonly pool = F.maxPool1d
}

/** The largest element of each window of [N, C, H, W]. */
export class MaxPool2d extends MaxPool {
  protected readonly pool = F.maxPool2d
}

/** The largest element of each window of [N, C, D, H, W]. */
export class MaxPool3d extends MaxPool {
  protected readonly pool = F.maxPool3d
}

/** What an average pooling is told besides its window. */
export interface AvgPoolOptions extends PoolOptions {
  /** Whether padding counts as zeros; it does by default. */
  readonly countIncludePad?: boolean
}

abstract class AvgPool extends Module {
  protected abstract readonly pool: (x: Variable, kernelSize: PerAxis, options: AvgPoolOptions) => Variable
  private readonly options: AvgPoolOptions

  constructor(
    /** Size of a window: one number, or one for each spatial axis. */
    readonly kernelSize: PerAxis,
    options: AvgPoolOptions = {},
  ) {
    checkArguments(new.target.name, { kernelSize, options }, 'number|numbers', {
      countIncludePad: 'boolean',
      device: 'device',
      ceilMode: 'boolean',
      ...windowOptions,
    })

    super(options.device)
    this.options = options
  }

  /** @param x - [N, C, …]; gives [N, C, …] with fewer places. */
  forward(x: Variable): Variable {
    return this.pool(x, this.kernelSize, this.options)
  }
}

/** The mean of each window of [N, C, L]. */
export class AvgPool1d extends AvgPool {
  protected readonly pool = F.avgPool1d
}

/** The mean of each window of [N, C, H, W]. */
export class AvgPool2d extends AvgPool {
  protected readonly pool = F.avgPool2d
}

/** The mean of each window of [N, C, D, H, W]. */
export class AvgPool3d extends AvgPool {
  protected readonly pool = F.avgPool3d
}

/** How a part of an axis, and how equal windows, become single places. */
interface Adaptive {
  readonly part: (x: Variable, axis: number) => Variable
  readonly windows: readonly Pooling[]
}

const means: Adaptive = {
  part: (x, axis) => F.mean(x, [axis], true),
  windows: [F.avgPool1d, F.avgPool2d, F.avgPool3d],
}
const maxima: Adaptive = {
  part: (x, axis) => F.amax(x, [axis], true),
  windows: [F.maxPool1d, F.maxPool2d, F.maxPool3d],
}

/** Poolings that say how many places the output has: window i of n covers [⌊i·size/n⌋, ⌈(i + 1)·size/n⌉). */
class AdaptivePool extends Module {
  private readonly outputSize: readonly number[]

  constructor(
    rank: number,
    private readonly by: Adaptive,
    outputSize: PerAxis,
    device: Device | undefined,
  ) {
    checkArguments(new.target.name, { rank, by, outputSize, device }, 'number', 'object', 'number|numbers', 'device?')

    super(device)
    this.outputSize = perAxis(outputSize, rank, 'outputSize')
    if (this.outputSize.some((size) => !(Number.isInteger(size) && size >= 1)))
      throw new LanewiseError('E_VALUE', `the output must have at least one place, got ${this.outputSize.join('×')}`)
  }

  /** @param x - [N, C, …]; gives [N, C, outputSize …]. @throws LanewiseError `E_SHAPE` for another rank. */
  forward(x: Variable): Variable {
    const rank = this.outputSize.length
    if (x.shape.length !== rank + 2)
      throw new LanewiseError('E_SHAPE', `expected ${rank + 2} axes, got ${x.describe()}`, {
        expected: String(rank + 2),
        actual: String(x.shape.length),
      })
    const sizes = x.shape.slice(2)
    if (sizes.every((size, i) => size % this.outputSize[i] === 0)) {
      const kernel = sizes.map((size, i) => size / this.outputSize[i])
      return this.by.windows[rank - 1](x, kernel, {})
    }
    return this.outputSize.reduce((part, count, i) => this.along(part, i + 2, count), x)
  }

  private along(x: Variable, axis: number, count: number): Variable {
    const size = x.shape[axis]
    if (size === count) return x
    const parts = Array.from({ length: count }, (_, i) =>
      F.slice(x, axis, Math.floor((i * size) / count), Math.ceil(((i + 1) * size) / count)),
    )
    return F.cat(
      parts.map((part) => this.by.part(part, axis)),
      axis,
    )
  }
}

interface OnDevice {
  readonly device?: Device
}

/** Means of [N, C, L] over as many windows as the output has places. */
export class AdaptiveAvgPool1d extends AdaptivePool {
  constructor(outputSize: PerAxis, options: OnDevice = {}) {
    checkArguments(new.target.name, { outputSize, options }, 'number|numbers', { device: 'device' })
    const { device } = options

    super(1, means, outputSize, device)
  }
}

/** Means of [N, C, H, W] over as many windows as the output has places. */
export class AdaptiveAvgPool2d extends AdaptivePool {
  constructor(outputSize: PerAxis, options: OnDevice = {}) {
    checkArguments(new.target.name, { outputSize, options }, 'number|numbers', { device: 'device' })
    const { device } = options

    super(2, means, outputSize, device)
  }
}

/** Means of [N, C, D, H, W] over as many windows as the output has places. */
export class AdaptiveAvgPool3d extends AdaptivePool {
  constructor(outputSize: PerAxis, options: OnDevice = {}) {
    checkArguments(new.target.name, { outputSize, options }, 'number|numbers', { device: 'device' })
    const { device } = options

    super(3, means, outputSize, device)
  }
}

/** Maxima of [N, C, L] over as many windows as the output has places. */
export class AdaptiveMaxPool1d extends AdaptivePool {
  constructor(outputSize: PerAxis, options: OnDevice = {}) {
    checkArguments(new.target.name, { outputSize, options }, 'number|numbers', { device: 'device' })
    const { device } = options

    super(1, maxima, outputSize, device)
  }
}

/** Maxima of [N, C, H, W] over as many windows as the output has places. */
export class AdaptiveMaxPool2d extends AdaptivePool {
  constructor(outputSize: PerAxis, options: OnDevice = {}) {
    checkArguments(new.target.name, { outputSize, options }, 'number|numbers', { device: 'device' })
    const { device } = options

    super(2, maxima, outputSize, device)
  }
}

/** Maxima of [N, C, D, H, W] over as many windows as the output has places. */
export class AdaptiveMaxPool3d extends AdaptivePool {
  constructor(outputSize: PerAxis, options: OnDevice = {}) {
    checkArguments(new.target.name, { outputSize, options }, 'number|numbers', { device: 'device' })
    const { device } = options

    super(3, maxima, outputSize, device)
  }
}

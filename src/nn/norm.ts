import { checkArguments } from '../core/arguments.js'
import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import {
  BatchNormalization,
  GroupNormalization,
  InstanceNormalization,
  LRN,
  LayerNormalization,
  RMSNormalization,
} from '../autograd/operators.js'
import { LanewiseError } from '../core/errors.js'
import * as F from './functional.js'
import { expectLast, expectSize } from './expect.js'
import { ones, zeros } from './init.js'
import { Module } from './module.js'

interface NormOptions {
  readonly eps?: number
  readonly device?: Device
}

/**
 * Normalises each channel (axis 1) over the batch and all places, while measuring running statistics that evaluation
 * uses (Ioffe & Szegedy, 2015).
 *
 * @throws LanewiseError `E_SHAPE` in training for one value per channel, which has no variance.
 *
 * The running variance is the unbiased one, as in PyTorch (ONNX's operator makes the biased one).
 */
class BatchNorm extends Module {
  /** Scale of each channel [C]; begins with ones. */
  readonly weight: Parameter
  /** What is added to each channel [C]; begins with zeros. */
  readonly bias: Parameter
  /** Mean of each channel [C] over the batches seen: state that is not learned. */
  readonly running_mean: Parameter
  /** Unbiased variance of each channel [C] over the batches seen. */
  readonly running_var: Parameter
  private readonly learning: { readonly epsilon: number; readonly momentum: number; readonly training_mode: number }
  private readonly fixed: Readonly<Record<string, unknown>>

  constructor(
    /** How many channels there are. */
    readonly numFeatures: number,
    options: NormOptions & { readonly momentum?: number } = {},
  ) {
    checkArguments(new.target.name, { numFeatures, options }, 'size', {
      eps: 'amount',
      device: 'device',
      momentum: 'amount',
    })
    const { eps = 1e-5, momentum = 0.1, device } = options

    super(device)
    this.weight = this.parameter([numFeatures], ones)
    this.bias = this.parameter([numFeatures], zeros)
    this.running_mean = this.buffer([numFeatures], zeros)
    this.running_var = this.buffer([numFeatures], ones)
    // ONNX's momentum is the share of the old value.
    this.learning = { epsilon: eps, momentum: 1 - momentum, training_mode: 1 }
    this.fixed = { epsilon: eps }
  }

  /** Numbers of axes that the layer takes. */
  protected readonly ranks: readonly number[] = [2, 3, 4, 5]

  forward(x: Variable): Variable {
    const inputs = [x, this.weight, this.bias, this.running_mean, this.running_var]
    if (!this.ranks.includes(x.shape.length))
      throw new LanewiseError(
        'E_SHAPE',
        `${this.constructor.name} takes tensors of ${this.ranks.join(' or ')} axes, got ${x.describe()}`,
      )
    expectSize(this, x, 1, this.numFeatures, 'channels')
    if (this.training && x.size === this.numFeatures)
      throw new LanewiseError(
        'E_SHAPE',
        `${this.constructor.name} cannot measure a variance of one value per channel: ${x.describe()} in training`,
      )
    if (!this.training) return apply(this.device, BatchNormalization, inputs, this.fixed)[0]
    const [y, mean, variance] = apply(this.device, BatchNormalization, inputs, this.learning, 3)
    const old = this.running_var
    const others = x.size / this.numFeatures - 1
    // What the operator made is keep·old + (1 − keep)·biased; of the biased part there has to be (others + 1)/others.
    const unbiased =
      others > 0
        ? this.device.noGrad(() =>
            F.add(variance, F.mul(F.sub(variance, F.mul(old, this.learning.momentum)), 1 / others)),
          )
        : variance
    this.running_mean.copyFrom(mean)
    this.running_var.copyFrom(unbiased)
    return y
  }
}

/** Batch normalisation of [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNorm {
  protected override readonly ranks = [2, 3]
}
/** Batch normalisation of [N, C, H, W]. */
export class BatchNorm2d extends BatchNorm {
  protected override readonly ranks = [4]
}
/** Batch normalisation of [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNorm {
  protected override readonly ranks = [5]
}

/** Normalises over the last axes, whose sizes are given (Ba, Kiros & Hinton, 2016). */
export class LayerNorm extends Module {
  /** Scale of each element of the normalised axes; begins with ones. */
  readonly weight: Parameter
  /** What is added to each of them; undefined without `bias`. */
  readonly bias: Parameter | undefined
  private readonly attributes: Readonly<Record<string, unknown>>

  constructor(normalizedShape: number | readonly number[], options: NormOptions & { readonly bias?: boolean } = {}) {
    checkArguments(new.target.name, { normalizedShape, options }, 'number|numbers', {
      eps: 'amount',
      device: 'device',
      bias: 'boolean',
    })
    const { eps = 1e-5, bias = true, device } = options

    super(device)
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    this.weight = this.parameter(shape, ones)
    this.bias = bias ? this.parameter(shape, zeros) : undefined
    this.attributes = { axis: -shape.length, epsilon: eps }
  }

  forward(x: Variable): Variable {
    expectLast(this, x, this.weight.shape)
    return apply(this.device, LayerNormalization, [x, this.weight, this.bias], this.attributes)[0]
  }
}

/** Divides by the root of the mean square over the last axes (Zhang & Sennrich, 2019). */
export class RMSNorm extends Module {
  /** Scale of each element of the normalised axes; begins with ones. */
  readonly weight: Parameter
  private readonly attributes: Readonly<Record<string, unknown>>

  constructor(normalizedShape: number | readonly number[], options: NormOptions = {}) {
    checkArguments(new.target.name, { normalizedShape, options }, 'number|numbers', { eps: 'amount', device: 'device' })
    const { eps = 1e-5, device } = options

    super(device)
    const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape
    this.weight = this.parameter(shape, ones)
    this.attributes = { axis: -shape.length, epsilon: eps }
  }

  forward(x: Variable): Variable {
    expectLast(this, x, this.weight.shape)
    return apply(this.device, RMSNormalization, [x, this.weight], this.attributes)[0]
  }
}

/** Normalises groups of channels of each sample (Wu & He, 2018). */
export class GroupNorm extends Module {
  /** Scale of each channel [C]; begins with ones. */
  readonly weight: Parameter
  /** What is added to each channel [C]; begins with zeros. */
  readonly bias: Parameter
  private readonly attributes: Readonly<Record<string, unknown>>

  constructor(numGroups: number, numChannels: number, options: NormOptions = {}) {
    checkArguments(new.target.name, { numGroups, numChannels, options }, 'size', 'size', {
      eps: 'amount',
      device: 'device',
    })
    const { eps = 1e-5, device } = options

    super(device)
    if (numChannels % numGroups !== 0)
      throw new LanewiseError('E_VALUE', `${numChannels} channels cannot be divided into ${numGroups} groups`)
    this.weight = this.parameter([numChannels], ones)
    this.bias = this.parameter([numChannels], zeros)
    this.attributes = { num_groups: numGroups, epsilon: eps }
  }

  forward(x: Variable): Variable {
    expectSize(this, x, 1, this.weight.size, 'channels')
    return apply(this.device, GroupNormalization, [x, this.weight, this.bias], this.attributes)[0]
  }
}

/**
 * Local response normalisation over neighbouring channels (Krizhevsky et al., 2012): x / (k + α·Σx²)^β. ONNX and
 * PyTorch divide alpha by `size`, TensorFlow (and Krizhevsky) do not: `divideBySize` says which. Of an even `size` the
 * longer half is before the channel, as in PyTorch.
 */
export class LocalResponseNorm extends Module {
  private readonly attributes: Readonly<Record<string, unknown>>
  private readonly even: boolean

  constructor(
    size: number,
    options: {
      readonly alpha?: number
      readonly beta?: number
      readonly k?: number
      readonly divideBySize?: boolean
      readonly device?: Device
    } = {},
  ) {
    checkArguments(new.target.name, { size, options }, 'size', {
      alpha: 'number',
      beta: 'number',
      k: 'number',
      divideBySize: 'boolean',
      device: 'device',
    })
    const { alpha = 1e-4, beta = 0.75, k = 1, divideBySize = true, device } = options

    super(device)
    this.attributes = { size, alpha: divideBySize ? alpha : alpha * size, beta, bias: k }
    this.even = size % 2 === 0
  }

  forward(x: Variable): Variable {
    if (!this.even) return apply(this.device, LRN, [x], this.attributes)[0]
    // ONNX has the longer half after it.
    const turned = (y: Variable) => F.slice(y, 1, -1, -x.shape[1] - 1, -1)
    return turned(apply(this.device, LRN, [turned(x)], this.attributes)[0])
  }
}

/**
 * Normalises each channel of each sample over its places (Ulyanov et al., arXiv:1607.08022). As in PyTorch there is no
 * weight and no running statistics unless asked for; running statistics are what evaluation uses.
 */
class InstanceNorm extends Module {
  /** Scale of each channel [C]; undefined without `affine`. */
  readonly weight: Parameter | undefined
  /** What is added to each channel [C]; undefined without `affine`. */
  readonly bias: Parameter | undefined
  /** Mean of each channel [C] over the batches seen; undefined without `trackRunningStats`. */
  readonly running_mean: Parameter | undefined
  /** Unbiased variance of each channel [C] over the batches seen; undefined without `trackRunningStats`. */
  readonly running_var: Parameter | undefined
  private readonly eps: number
  private readonly momentum: number

  constructor(
    /** How many channels there are. */
    readonly numFeatures: number,
    options: NormOptions & {
      readonly momentum?: number
      readonly affine?: boolean
      readonly trackRunningStats?: boolean
    } = {},
  ) {
    checkArguments(new.target.name, { numFeatures, options }, 'size', {
      eps: 'amount',
      device: 'device',
      momentum: 'amount',
      affine: 'boolean',
      trackRunningStats: 'boolean',
    })
    const { eps = 1e-5, momentum = 0.1, affine = false, trackRunningStats = false, device } = options

    super(device)
    this.eps = eps
    this.momentum = momentum
    this.weight = affine ? this.parameter([numFeatures], ones) : undefined
    this.bias = affine ? this.parameter([numFeatures], zeros) : undefined
    this.running_mean = trackRunningStats ? this.buffer([numFeatures], zeros) : undefined
    this.running_var = trackRunningStats ? this.buffer([numFeatures], ones) : undefined
  }

  /**
   * @param x - [N, C, …]. @throws LanewiseError `E_SHAPE` for another number of channels, or for one place only while
   *   training.
   */
  forward(x: Variable): Variable {
    const { running_mean: mean, running_var: variance, device } = this
    const [, channels, ...places] = x.shape
    if (channels !== this.numFeatures || places.length === 0)
      throw new LanewiseError('E_SHAPE', `InstanceNorm of ${this.numFeatures} channels got ${x.describe()}`, {
        expected: `[N, ${this.numFeatures}, …]`,
        actual: x.describe(),
      })
    const scale = this.weight ?? F.full([channels], 1, { device })
    const shift = this.bias ?? F.full([channels], 0, { device })
    if (!this.training && mean && variance)
      return apply(device, BatchNormalization, [x, scale, shift, mean, variance], { epsilon: this.eps })[0]
    const count = places.reduce((a, b) => a * b, 1)
    if (this.training && count < 2)
      throw new LanewiseError('E_SHAPE', `one place has no variance to normalise by: ${x.describe()}`)
    if (this.training && mean && variance) this.measure(x, mean, variance)
    return apply(device, InstanceNormalization, [x, scale, shift], { epsilon: this.eps })[0]
  }

  private measure(x: Variable, mean: Parameter, variance: Parameter): void {
    const axes = x.shape.slice(2).map((_, i) => i + 2)
    this.device.noGrad(() => {
      const blend = (old: Parameter, now: Variable) =>
        old.copyFrom(F.add(F.mul(old, 1 - this.momentum), F.mul(F.mean(now, [0]), this.momentum)))
      blend(mean, F.mean(x, axes))
      blend(variance, F.var(x, axes))
    })
  }
}

/** {@link InstanceNorm2d} of [N, C, L]. */
export class InstanceNorm1d extends InstanceNorm {}
/** Normalises each channel of each picture [N, C, H, W] over its places. */
export class InstanceNorm2d extends InstanceNorm {}
/** {@link InstanceNorm2d} of [N, C, D, H, W]. */
export class InstanceNorm3d extends InstanceNorm {}

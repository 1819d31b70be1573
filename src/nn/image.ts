import { checkArguments } from '../core/arguments.js'
import type { Device } from '../autograd/device.js'
import type { Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import * as F from './functional.js'
import { windowOptions, type PerAxis } from './functional/common.js'
import type { InterpolateOptions, WindowOptions } from './functional/layers.js'
import { Module } from './module.js'

interface OnDevice {
  readonly device?: Device
}

/** Pictures [N, C, …] of another size: `F.interpolate` as a layer. */
export class Upsample extends Module {
  private readonly options: InterpolateOptions

  /** @throws LanewiseError `E_VALUE` when applied, unless one of `size` and `scaleFactor` is given. */
  constructor(given: InterpolateOptions & OnDevice) {
    checkArguments(
      new.target.name,
      { given },
      {
        size: 'number|numbers',
        scaleFactor: 'number|numbers',
        mode: 'string',
        alignCorners: 'boolean',
        device: 'device',
      },
    )
    const { device, ...options } = given

    super(device)
    this.options = options
  }

  forward(x: Variable): Variable {
    return F.interpolate(x, this.options)
  }
}

function factorOf(factor: number): number {
  if (!Number.isInteger(factor) || factor < 1)
    throw new LanewiseError('E_VALUE', `pixels are shuffled by a whole number from 1, got ${factor}`)
  return factor
}

/** Channels become places: [N, C·r², H, W] to [N, C, H·r, W·r] (Shi et al., arXiv:1609.05158). */
export class PixelShuffle extends Module {
  constructor(
    /** r: rows and columns of the result for each of the input. */
    readonly upscaleFactor: number,
    options: OnDevice = {},
  ) {
    checkArguments(new.target.name, { upscaleFactor, options }, 'number', { device: 'device' })
    const { device } = options

    super(device)
    factorOf(upscaleFactor)
  }

  forward(x: Variable): Variable {
    return F.op('DepthToSpace', [x], { blocksize: this.upscaleFactor, mode: 'CRD' })[0]
  }
}

/** Places become channels, the other way round than {@link PixelShuffle}: [N, C, H·r, W·r] to [N, C·r², H, W]. */
export class PixelUnshuffle extends Module {
  constructor(
    /** r: rows and columns of the input for each of the result. */
    readonly downscaleFactor: number,
    options: OnDevice = {},
  ) {
    checkArguments(new.target.name, { downscaleFactor, options }, 'number', { device: 'device' })
    const { device } = options

    super(device)
    factorOf(downscaleFactor)
  }

  /** @throws LanewiseError `E_SHAPE` if the picture's sides are no multiples of the factor. */
  forward(x: Variable): Variable {
    const r = this.downscaleFactor
    const [n, c, height, width] = x.shape
    if (x.shape.length !== 4 || height % r !== 0 || width % r !== 0)
      throw new LanewiseError('E_SHAPE', `${x.describe()} cannot be divided into blocks of ${r}×${r} pixels`)
    const parts = F.reshape(x, [n, c, height / r, r, width / r, r])
    return F.reshape(F.transpose(parts, [0, 1, 3, 5, 2, 4]), [n, c * r * r, height / r, width / r])
  }
}

type Mode = 'constant' | 'reflect' | 'replicate' | 'circular'

/**
 * Places around the spatial axes: as many on every side, or before and after the last axis, then the one before it, and
 * so on.
 */
abstract class Padding extends Module {
  private readonly pads: readonly number[]

  /** @throws LanewiseError `E_VALUE` for another number of pads. */
  constructor(
    private readonly axes: number,
    private readonly mode: Mode,
    padding: number | readonly number[],
    options: OnDevice,
    private readonly value: number,
  ) {
    checkArguments(new.target.name, { padding, options, value }, 'number|numbers', { device: 'device' }, 'number')
    const { device } = options

    super(device)
    this.pads = typeof padding === 'number' ? new Array<number>(2 * axes).fill(padding) : [...padding]
    if (this.pads.length !== 2 * axes || !this.pads.every(Number.isSafeInteger))
      throw new LanewiseError(
        'E_VALUE',
        `padding must be a whole number or ${2 * axes} of them, got ${this.pads.join(', ')}`,
      )
  }

  /**
   * @throws LanewiseError `E_SHAPE` for a tensor that is not [N, C, …] or [C, …] with as many axes as the layer pads.
   */
  forward(x: Variable): Variable {
    const rank = x.shape.length
    if (rank !== this.axes + 2 && rank !== this.axes + 1)
      throw new LanewiseError(
        'E_SHAPE',
        `${this.constructor.name} takes ${this.axes + 1} or ${this.axes + 2} axes, got ${x.describe()}`,
      )
    return F.pad(x, this.pads, this.mode === 'constant' ? { value: this.value } : { mode: this.mode })
  }
}

/** Zeros around [N, C, L]. */
export class ZeroPad1d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(1, 'constant', padding, options, 0)
  }
}
/** Zeros around [N, C, H, W]. */
export class ZeroPad2d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(2, 'constant', padding, options, 0)
  }
}
/** Zeros around [N, C, D, H, W]. */
export class ZeroPad3d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(3, 'constant', padding, options, 0)
  }
}
/** One number around [N, C, L]. */
export class ConstantPad1d extends Padding {
  constructor(padding: number | readonly number[], value: number, options: OnDevice = {}) {
    super(1, 'constant', padding, options, value)
  }
}
/** One number around [N, C, H, W]. */
export class ConstantPad2d extends Padding {
  constructor(padding: number | readonly number[], value: number, options: OnDevice = {}) {
    super(2, 'constant', padding, options, value)
  }
}
/** One number around [N, C, D, H, W]. */
export class ConstantPad3d extends Padding {
  constructor(padding: number | readonly number[], value: number, options: OnDevice = {}) {
    super(3, 'constant', padding, options, value)
  }
}
/** What lies within, mirrored at the edge, around [N, C, L]. */
export class ReflectionPad1d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(1, 'reflect', padding, options, 0)
  }
}
/** What lies within, mirrored at the edge, around [N, C, H, W]. */
export class ReflectionPad2d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(2, 'reflect', padding, options, 0)
  }
}
/** What lies within, mirrored at the edge, around [N, C, D, H, W]. */
export class ReflectionPad3d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(3, 'reflect', padding, options, 0)
  }
}
/** The edge, repeated, around [N, C, L]. */
export class ReplicationPad1d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(1, 'replicate', padding, options, 0)
  }
}
/** The edge, repeated, around [N, C, H, W]. */
export class ReplicationPad2d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(2, 'replicate', padding, options, 0)
  }
}
/** The edge, repeated, around [N, C, D, H, W]. */
export class ReplicationPad3d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(3, 'replicate', padding, options, 0)
  }
}
/** What lies at the other end around [N, C, L]. */
export class CircularPad1d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(1, 'circular', padding, options, 0)
  }
}
/** What lies at the other end around [N, C, H, W]. */
export class CircularPad2d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(2, 'circular', padding, options, 0)
  }
}
/** What lies at the other end around [N, C, D, H, W]. */
export class CircularPad3d extends Padding {
  constructor(padding: number | readonly number[], options: OnDevice = {}) {
    super(3, 'circular', padding, options, 0)
  }
}

/** `F.unfold` as a layer. */
export class Unfold extends Module {
  private readonly window: WindowOptions

  constructor(
    /** Size of a window: one number, or one for each spatial axis. */
    readonly kernelSize: PerAxis,
    options: WindowOptions & OnDevice = {},
  ) {
    checkArguments(new.target.name, { kernelSize, options }, 'number|numbers', {
      ...windowOptions,
      device: 'device',
    })
    const { device, ...window } = options

    super(device)
    this.window = window
  }

  forward(x: Variable): Variable {
    return F.unfold(x, this.kernelSize, this.window)
  }
}

/** `F.fold` as a layer. */
export class Fold extends Module {
  private readonly window: WindowOptions

  constructor(
    /** Spatial sizes of the picture that is put together. */
    readonly outputSize: PerAxis,
    /** Size of a window: one number, or one for each spatial axis. */
    readonly kernelSize: PerAxis,
    options: WindowOptions & OnDevice = {},
  ) {
    checkArguments(new.target.name, { outputSize, kernelSize, options }, 'number|numbers', 'number|numbers', {
      ...windowOptions,
      device: 'device',
    })
    const { device, ...window } = options

    super(device)
    this.window = window
  }

  forward(x: Variable): Variable {
    return F.fold(x, this.outputSize, this.kernelSize, this.window)
  }
}

/**
 * Channels of several groups by turns, so that what follows by groups sees all of them (Zhang et al.,
 * arXiv:1707.01083).
 */
export class ChannelShuffle extends Module {
  constructor(
    /** How many groups the channels are in; it divides their number. */
    readonly groups: number,
    options: OnDevice = {},
  ) {
    checkArguments(new.target.name, { groups, options }, 'size', { device: 'device' })
    const { device } = options

    super(device)
  }

  /** @throws LanewiseError `E_SHAPE` for a number of channels that the groups do not divide. */
  forward(x: Variable): Variable {
    const parts = F.unflatten(x, 1, [this.groups, -1])
    return F.reshape(F.swapaxes(parts, 1, 2), [0, x.shape[1], ...x.shape.slice(2)])
  }
}

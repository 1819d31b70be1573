import { checkArguments } from '../core/arguments.js'
import type { Device } from '../autograd/device.js'
import type { Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import * as F from './functional.js'
import type { InterpolateOptions } from './functional/layers.js'
import { Module } from './module.js'

/** Pictures [N, C, …] of another size: `F.interpolate` as a layer. */
export class Upsample extends Module {
  private readonly options: InterpolateOptions

  /** @throws LanewiseError `E_VALUE` when applied, unless one of `size` and `scaleFactor` is given. */
  constructor(given: InterpolateOptions & { readonly device?: Device }) {
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
    readonly upscaleFactor: number,
    options: { readonly device?: Device } = {},
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
    readonly downscaleFactor: number,
    options: { readonly device?: Device } = {},
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

abstract class ChannelDropout extends Module {
  constructor(
    readonly p = 0.5,
    options: { readonly device?: Device } = {},
  ) {
    checkArguments(new.target.name, { p, options }, 'share?', { device: 'device' })
    const { device } = options

    super(device)
  }

  /** @param x - [N, C, …]. */
  forward(x: Variable): Variable {
    if (!this.training || this.p === 0) return x
    const [n, c, ...places] = x.shape
    const kept = F.dropout(F.full([n, c, ...places.map(() => 1)], 1, { device: this.device }), this.p)
    return F.mul(x, kept)
  }
}

/** Drops whole channels of [N, C, L] while training (Tompson et al., arXiv:1411.4280). */
export class Dropout1d extends ChannelDropout {}
/** Drops whole channels of [N, C, H, W] while training (Tompson et al., arXiv:1411.4280). */
export class Dropout2d extends ChannelDropout {}
/** Drops whole channels of [N, C, D, H, W] while training (Tompson et al., arXiv:1411.4280). */
export class Dropout3d extends ChannelDropout {}

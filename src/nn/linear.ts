import { checkArguments } from '../core/arguments.js'
import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { hostFrom } from '../core/host.js'
import { Equal } from '../ops/elementwise/logic.js'
import { expectSize } from './expect.js'
import * as F from './functional.js'
import { byFan, normal, type Initializer } from './init.js'
import { Module } from './module.js'

/** Whether a {@link Linear} has a bias, and how its weights begin. */
export interface LinearOptions {
  /** Whether a bias is added. Default true. */
  readonly bias?: boolean
  /** Where the parameters lie; {@link Device.current} by default. */
  readonly device?: Device
  /** How `weight` begins; ±1/√in by default, as in PyTorch. */
  readonly init?: Initializer
}

/** x · weightᵀ + bias: [..., in] to [..., out]. `weight` is [out, in], `bias` [out]. */
export class Linear extends Module {
  /** [out, in] */
  readonly weight: Parameter
  /** [out]; undefined without `bias`. */
  readonly bias: Parameter | undefined

  constructor(
    /** Size of the input's last axis. */
    readonly inFeatures: number,
    /** Size of the output's last axis. */
    readonly outFeatures: number,
    options: LinearOptions = {},
  ) {
    checkArguments(new.target.name, { inFeatures, outFeatures, options }, 'size', 'size', {
      bias: 'boolean',
      device: 'device',
      init: 'function',
    })
    const { bias = true, device, init = byFan(inFeatures) } = options

    super(device)
    this.weight = this.parameter([outFeatures, inFeatures], init)
    this.bias = bias ? this.parameter([outFeatures], byFan(inFeatures)) : undefined
  }

  /** @throws LanewiseError `E_SHAPE` if the last axis of x is not `inFeatures` long. */
  forward(x: Variable): Variable {
    expectSize(this, x, -1, this.inFeatures, 'features')
    return F.linear(x, this.weight, this.bias)
  }
}

/** A table of vectors, looked up by index. `weight` is [count, size]. */
export class Embedding extends Module {
  /** A row for each index: [numEmbeddings, embeddingDim]. */
  readonly weight: Parameter
  /** The row that began with zeros and is not learned, if there is one. */
  readonly paddingIdx: number | undefined

  /** @param options - `paddingIdx`: a row that begins with zeros and is not learned. */
  constructor(
    /** How many rows there are: indices are below it. */
    readonly numEmbeddings: number,
    /** Size of a row. */
    readonly embeddingDim: number,
    options: { readonly paddingIdx?: number; readonly device?: Device; readonly init?: Initializer } = {},
  ) {
    checkArguments(new.target.name, { numEmbeddings, embeddingDim, options }, 'size', 'size', {
      paddingIdx: 'number',
      device: 'device',
      init: 'function',
    })
    const { paddingIdx, device, init = normal() } = options

    super(device)
    if (
      paddingIdx !== undefined &&
      !(Number.isInteger(paddingIdx) && paddingIdx >= -numEmbeddings && paddingIdx < numEmbeddings)
    ) {
      throw new LanewiseError('E_VALUE', `paddingIdx ${paddingIdx} is outside a table of ${numEmbeddings}`)
    }
    const row = paddingIdx === undefined || paddingIdx >= 0 ? paddingIdx : paddingIdx + numEmbeddings
    this.paddingIdx = row
    const padded: Initializer = (shape, random) => {
      const table = init(shape, random)
      return row === undefined ? table : table.fill(0, row * embeddingDim, (row + 1) * embeddingDim)
    }
    this.weight = this.parameter([numEmbeddings, embeddingDim], padded)
  }

  /** @param indices - int32 or int64, any shape. @throws LanewiseError `E_VALUE` for an index outside the table. */
  forward(indices: Variable): Variable {
    const rows = F.embedding(indices, this.weight)
    if (this.paddingIdx === undefined || !this.training) return rows
    const padding = this.device.constant(hostFrom(indices.dtype, [], [this.paddingIdx]))
    return F.where(F.unsqueeze(apply(this.device, Equal, [indices, padding])[0], [-1]), rows.detach(), rows)
  }
}

/** Everything but the first axis as one. */
export class Flatten extends Module {
  constructor(
    /** The first of the axes that become one; 1 by default, so that the batch stays. */
    readonly startDim = 1,
    options: { readonly device?: Device } = {},
  ) {
    checkArguments(new.target.name, { startDim, options }, 'number?', { device: 'device' })
    const { device } = options

    super(device)
  }

  forward(x: Variable): Variable {
    return F.flatten(x, this.startDim)
  }
}

/** One axis as several: `F.unflatten` as a layer. */
export class Unflatten extends Module {
  constructor(
    /** The axis that is divided, counted from the end if negative. */
    readonly dim: number,
    /** The sizes that it is divided into. */
    readonly unflattenedSize: readonly number[],
    options: { readonly device?: Device } = {},
  ) {
    checkArguments(new.target.name, { dim, unflattenedSize, options }, 'number', 'numbers', { device: 'device' })
    const { device } = options

    super(device)
  }

  /** @throws LanewiseError `E_SHAPE` where the sizes do not make that of the axis. */
  forward(x: Variable): Variable {
    return F.unflatten(x, this.dim, this.unflattenedSize)
  }
}

/**
 * x₁ᵀ · W · x₂ + bias for each output: [..., in1] and [..., in2] to [..., out]. `weight` is [out, in1, in2], `bias`
 * [out].
 */
export class Bilinear extends Module {
  /** [out, in1, in2] */
  readonly weight: Parameter
  /** [out]; undefined without `bias`. */
  readonly bias: Parameter | undefined

  constructor(
    /** Size of the first input's last axis. */
    readonly in1Features: number,
    /** Size of the second input's last axis. */
    readonly in2Features: number,
    /** Size of the output's last axis. */
    readonly outFeatures: number,
    options: LinearOptions = {},
  ) {
    checkArguments(new.target.name, { in1Features, in2Features, outFeatures, options }, 'size', 'size', 'size', {
      bias: 'boolean',
      device: 'device',
      init: 'function',
    })
    const { bias = true, device, init = byFan(in1Features) } = options

    super(device)
    this.weight = this.parameter([outFeatures, in1Features, in2Features], init)
    this.bias = bias ? this.parameter([outFeatures], byFan(in1Features)) : undefined
  }

  /** @throws LanewiseError `E_SHAPE` if the last axis of an input has another size. */
  forward(a: Variable, b: Variable): Variable {
    expectSize(this, a, -1, this.in1Features, 'features')
    expectSize(this, b, -1, this.in2Features, 'features')
    return F.bilinear(a, b, this.weight, this.bias)
  }
}

/** What drops a share while training. */
abstract class Dropping extends Module {
  constructor(
    /** Share of the elements that are zeroed in training, 0 to 1; 0.5 by default. */
    readonly p = 0.5,
    options: { readonly device?: Device } = {},
  ) {
    checkArguments(new.target.name, { p, options }, 'share?', { device: 'device' })
    const { device } = options

    super(device)
  }
}

/** Drops a share of the elements while training (Srivastava et al., 2014). */
export class Dropout extends Dropping {
  forward(x: Variable): Variable {
    return F.dropout(x, this.p, this.training)
  }
}

/** What SELU makes of −∞: what a dropped element becomes. */
const DROPPED = -1.7580993408473766

/**
 * Dropout for networks of SELU: what is dropped becomes what SELU makes of −∞, and the rest is moved and scaled so that
 * mean and variance stay (Klambauer et al., arXiv:1706.02515).
 */
export class AlphaDropout extends Dropping {
  forward(x: Variable): Variable {
    const { p } = this
    if (!this.training || p === 0) return x
    // 1 where an element stays, 0 elsewhere.
    const stays = F.mul(F.dropout(F.full(x.shape, 1, { device: this.device }), p), 1 - p)
    const scale = 1 / Math.sqrt((1 - p) * (1 + p * DROPPED * DROPPED))
    const mixed = F.add(F.mul(x, stays), F.mul(F.sub(1, stays), DROPPED))
    return F.add(F.mul(mixed, scale), -scale * DROPPED * p)
  }
}

abstract class ChannelDropout extends Dropping {
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

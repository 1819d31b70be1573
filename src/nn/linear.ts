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
  readonly bias?: boolean
  readonly device?: Device
  /** How `weight` begins; ±1/√in by default, as in PyTorch. */
  readonly init?: Initializer
}

/** x · weightᵀ + bias: [..., in] to [..., out]. `weight` is [out, in], `bias` [out]. */
export class Linear extends Module {
  readonly weight: Parameter
  readonly bias: Parameter | undefined

  constructor(
    readonly inFeatures: number,
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
  readonly weight: Parameter
  readonly paddingIdx: number | undefined

  /** @param options - `paddingIdx`: a row that begins with zeros and is not learned. */
  constructor(
    readonly numEmbeddings: number,
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

/** Drops a share of the elements while training (Srivastava et al., 2014). */
export class Dropout extends Module {
  constructor(
    readonly p = 0.5,
    options: { readonly device?: Device } = {},
  ) {
    checkArguments(new.target.name, { p, options }, 'share?', { device: 'device' })
    const { device } = options

    super(device)
  }

  forward(x: Variable): Variable {
    return F.dropout(x, this.p, this.training)
  }
}

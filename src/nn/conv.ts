import { checkArguments } from '../core/arguments.js'
import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { Conv, ConvTranspose } from '../autograd/operators.js'
import { LanewiseError } from '../core/errors.js'
import { expectSize } from './expect.js'
import * as F from './functional.js'
import { perAxis, windowOptions, type PerAxis } from './functional/common.js'
import { byFan, type Initializer } from './init.js'
import { Module } from './module.js'

/** A convolution's window, groups and padding. */
export interface ConvOptions {
  /** Steps between neighbouring windows: one number, or one for each spatial axis; 1 by default. */
  readonly stride?: PerAxis
  /** Zeros around the input; `same` keeps the size (stride 1). */
  readonly padding?: PerAxis | 'same'
  /** Steps between neighbouring places of a window; 1 by default. */
  readonly dilation?: PerAxis
  /** Groups of channels that see nothing of each other; 1 by default. */
  readonly groups?: number
  /** Whether a bias is added to each output channel. Default true. */
  readonly bias?: boolean
  /**
   * What stands in the padding: zeros by default; the picture reflected at its edge, its last places repeated, or its
   * other side.
   */
  readonly paddingMode?: 'zeros' | 'reflect' | 'replicate' | 'circular'
  /** Where the parameters lie; {@link Device.current} by default. */
  readonly device?: Device
  /** How `weight` begins; ±1/√fan in by default, as in PyTorch. */
  readonly init?: Initializer
}

/** ONNX pads: beginnings, then ends. */
function padsOf(padding: PerAxis | 'same', kernel: readonly number[], dilation: readonly number[]): number[] {
  if (padding !== 'same') {
    const each = perAxis(padding, kernel.length, 'padding')
    return [...each, ...each]
  }
  const total = kernel.map((size, axis) => dilation[axis] * (size - 1))
  return [...total.map((pad) => Math.floor(pad / 2)), ...total.map((pad) => Math.ceil(pad / 2))]
}

class ConvNd extends Module {
  /** [out, in / groups, kernel …] */
  readonly weight: Parameter
  /** [out] */
  readonly bias: Parameter | undefined
  private readonly attributes: Readonly<Record<string, unknown>>
  private readonly around:
    | { readonly pads: readonly number[]; readonly mode: 'reflect' | 'replicate' | 'circular' }
    | undefined

  constructor(
    rank: number,
    /** Channels of the input [N, inChannels, spatial …]. */
    readonly inChannels: number,
    /** Channels of the output: the number of filters. */
    readonly outChannels: number,
    kernelSize: PerAxis,
    options: ConvOptions,
  ) {
    checkArguments(
      new.target.name,
      { rank, inChannels, outChannels, kernelSize, options },
      'number',
      'size',
      'size',
      'number|numbers',
      {
        stride: 'number|numbers',
        padding: 'any',
        dilation: 'number|numbers',
        groups: 'number',
        bias: 'boolean',
        paddingMode: 'string',
        device: 'device',
        init: 'function',
      },
    )
    const {
      stride = 1,
      padding = 0,
      dilation = 1,
      groups = 1,
      bias = true,
      paddingMode = 'zeros',
      device,
      init,
    } = options

    super(device)
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new LanewiseError(
        'E_VALUE',
        `${inChannels} and ${outChannels} channels cannot be divided into ${groups} groups`,
      )
    }
    const kernel = perAxis(kernelSize, rank, 'kernelSize')
    const dilations = perAxis(dilation, rank, 'dilation')
    const fan = (inChannels / groups) * kernel.reduce((a, b) => a * b, 1)
    this.weight = this.parameter([outChannels, inChannels / groups, ...kernel], init ?? byFan(fan))
    this.bias = bias ? this.parameter([outChannels], byFan(fan)) : undefined
    const pads = padsOf(padding, kernel, dilations)
    // A convolution pads with zeros only: other padding is put around the input first.
    this.around = paddingMode === 'zeros' || pads.every((pad) => pad === 0) ? undefined : { pads, mode: paddingMode }
    this.attributes = {
      kernel_shape: kernel,
      strides: perAxis(stride, rank, 'stride'),
      pads: this.around ? pads.map(() => 0) : pads,
      dilations,
      group: groups,
    }
  }

  /** @param x - [N, in, …]; gives [N, out, …]. */
  forward(x: Variable): Variable {
    expectSize(this, x, 1, this.inChannels, 'channels')
    return apply(this.device, Conv, [this.padded(x), this.weight, this.bias], this.attributes)[0]
  }

  private padded(x: Variable): Variable {
    if (!this.around) return x
    const { pads, mode } = this.around
    const rank = pads.length / 2
    // F.pad counts from the last axis.
    const list = Array.from({ length: rank }, (_, i) => [pads[rank - 1 - i], pads[2 * rank - 1 - i]]).flat()
    return F.pad(x, list, { mode })
  }
}

/** Convolution of [N, C, L]. */
export class Conv1d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options)
  }
}

/** Convolution of [N, C, H, W]. */
export class Conv2d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options)
  }
}

/** Convolution of [N, C, D, H, W]. */
export class Conv3d extends ConvNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options)
  }
}

/** A transposed convolution's window and groups. */
export interface ConvTransposeOptions extends Omit<ConvOptions, 'padding' | 'paddingMode'> {
  /** Places that are taken off both sides of the output, as a convolution of this padding adds them; 0 by default. */
  readonly padding?: PerAxis
  /** Added to one side of the output, whose size several inputs share when the stride is not 1. */
  readonly outputPadding?: PerAxis
}

class ConvTransposeNd extends Module {
  /** [in, out / groups, kernel …] */
  readonly weight: Parameter
  /** [out]; undefined without `bias`. */
  readonly bias: Parameter | undefined
  private readonly attributes: Readonly<Record<string, unknown>>

  constructor(
    rank: number,
    /** Channels of the input [N, inChannels, spatial …]. */
    readonly inChannels: number,
    /** Channels of the output: the number of filters. */
    readonly outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeOptions,
  ) {
    checkArguments(
      new.target.name,
      { rank, inChannels, outChannels, kernelSize, options },
      'number',
      'size',
      'size',
      'number|numbers',
      {
        ...windowOptions,
        outputPadding: 'number|numbers',
        groups: 'number',
        bias: 'boolean',
        device: 'device',
        init: 'function',
      },
    )
    const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1, bias = true, device, init } = options

    super(device)
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new LanewiseError(
        'E_VALUE',
        `${inChannels} and ${outChannels} channels cannot be divided into ${groups} groups`,
      )
    }
    const kernel = perAxis(kernelSize, rank, 'kernelSize')
    const each = perAxis(padding, rank, 'padding')
    // As PyTorch counts: the weight's second axis times the kernel.
    const fan = (outChannels / groups) * kernel.reduce((a, b) => a * b, 1)
    this.weight = this.parameter([inChannels, outChannels / groups, ...kernel], init ?? byFan(fan))
    this.bias = bias ? this.parameter([outChannels], byFan(fan)) : undefined
    this.attributes = {
      kernel_shape: kernel,
      strides: perAxis(stride, rank, 'stride'),
      pads: [...each, ...each],
      dilations: perAxis(dilation, rank, 'dilation'),
      output_padding: perAxis(outputPadding, rank, 'outputPadding'),
      group: groups,
    }
  }

  /** @param x - [N, in, …]; gives [N, out, …]. */
  forward(x: Variable): Variable {
    expectSize(this, x, 1, this.inChannels, 'channels')
    return apply(this.device, ConvTranspose, [x, this.weight, this.bias], this.attributes)[0]
  }
}

/** Transposed convolution of [N, C, L]. */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvTransposeOptions = {}) {
    super(1, inChannels, outChannels, kernelSize, options)
  }
}

/** Transposed convolution of [N, C, H, W]. */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvTransposeOptions = {}) {
    super(2, inChannels, outChannels, kernelSize, options)
  }
}

/** Transposed convolution of [N, C, D, H, W]. */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(inChannels: number, outChannels: number, kernelSize: PerAxis, options: ConvTransposeOptions = {}) {
    super(3, inChannels, outChannels, kernelSize, options)
  }
}

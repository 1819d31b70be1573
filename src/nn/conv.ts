import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { Conv } from '../ops/conv/conv.js'
import { ConvTranspose } from '../ops/conv/conv-transpose.js'
import { byFan, type Initializer } from './init.js'
import { Module } from './module.js'

/** One number for every axis, or one for each. */
export type PerAxis = number | readonly number[]

export interface ConvOptions {
  readonly stride?: PerAxis
  /** Zeros around the input; `same` keeps the size (stride 1). */
  readonly padding?: PerAxis | 'same'
  readonly dilation?: PerAxis
  readonly groups?: number
  readonly bias?: boolean
  readonly device?: Device
  /** How `weight` begins; ±1/√fan in by default, as in PyTorch. */
  readonly init?: Initializer
}

function perAxis(value: PerAxis, rank: number, what: string): readonly number[] {
  const list = typeof value === 'number' ? new Array<number>(rank).fill(value) : value
  if (list.length !== rank)
    throw new LanewiseError('E_VALUE', `${what} must be one number or ${rank}, got ${list.length}`)
  return list
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

  constructor(
    rank: number,
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: PerAxis,
    { stride = 1, padding = 0, dilation = 1, groups = 1, bias = true, device, init }: ConvOptions,
  ) {
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
    this.attributes = {
      kernel_shape: kernel,
      strides: perAxis(stride, rank, 'stride'),
      pads: padsOf(padding, kernel, dilations),
      dilations,
      group: groups,
    }
  }

  /** @param x - [N, in, …]; gives [N, out, …]. */
  forward(x: Variable): Variable {
    return apply(this.device, Conv, [x, this.weight, this.bias], this.attributes)[0]
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

export interface ConvTransposeOptions extends Omit<ConvOptions, 'padding'> {
  readonly padding?: PerAxis
  /** Added to one side of the output, whose size several inputs share when the stride is not 1. */
  readonly outputPadding?: PerAxis
}

/** Transposed convolution of [N, C, H, W]. */
export class ConvTranspose2d extends Module {
  /** [in, out / groups, kernel …] */
  readonly weight: Parameter
  readonly bias: Parameter | undefined
  private readonly attributes: Readonly<Record<string, unknown>>

  constructor(
    readonly inChannels: number,
    readonly outChannels: number,
    kernelSize: PerAxis,
    {
      stride = 1,
      padding = 0,
      outputPadding = 0,
      dilation = 1,
      groups = 1,
      bias = true,
      device,
      init,
    }: ConvTransposeOptions = {},
  ) {
    super(device)
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new LanewiseError(
        'E_VALUE',
        `${inChannels} and ${outChannels} channels cannot be divided into ${groups} groups`,
      )
    }
    const kernel = perAxis(kernelSize, 2, 'kernelSize')
    const each = perAxis(padding, 2, 'padding')
    // As PyTorch counts: the weight's second axis times the kernel.
    const fan = (outChannels / groups) * kernel[0] * kernel[1]
    this.weight = this.parameter([inChannels, outChannels / groups, ...kernel], init ?? byFan(fan))
    this.bias = bias ? this.parameter([outChannels], byFan(fan)) : undefined
    this.attributes = {
      kernel_shape: kernel,
      strides: perAxis(stride, 2, 'stride'),
      pads: [...each, ...each],
      dilations: perAxis(dilation, 2, 'dilation'),
      output_padding: perAxis(outputPadding, 2, 'outputPadding'),
      group: groups,
    }
  }

  forward(x: Variable): Variable {
    return apply(this.device, ConvTranspose, [x, this.weight, this.bias], this.attributes)[0]
  }
}

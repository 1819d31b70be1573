import { checkArguments } from '../core/arguments.js'
import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Parameter, Variable } from '../autograd/variable.js'
import { Pad, Slice } from '../autograd/operators.js'
import { LanewiseError } from '../core/errors.js'
import { hostFrom } from '../core/host.js'
import * as F from './functional.js'
import { windowOptions } from './functional/common.js'
import { byFan } from './init.js'
import { Module } from './module.js'

type Pair = number | readonly [number, number]

/** The window of a {@link LocallyConnected2d}. */
export interface LocallyConnected2dOptions {
  /** Steps between neighbouring windows; 1 by default. */
  readonly stride?: Pair
  /** Zeros on both sides of each axis; 0 by default. */
  readonly padding?: Pair
  /** Steps between neighbouring places of a window; 1 by default. */
  readonly dilation?: Pair
  /** Whether every output has a bias. Default true. */
  readonly bias?: boolean
  /** Where the parameters lie; {@link Device.current} by default. */
  readonly device?: Device
}

function pair(value: Pair): readonly [number, number] {
  return typeof value === 'number' ? [value, value] : value
}

/**
 * A convolution that does not share its weights: every place of the result has filters of its own (LeCun, 1989).
 * `weight` is [height · width of the result, inChannels · kernel height · kernel width, outChannels], `bias`
 * [outChannels, height · width]. The size of the input is part of the layer, since it decides how many weights there
 * are.
 *
 * @throws LanewiseError `E_VALUE` if the kernel does not fit into the padded input.
 */
export class LocallyConnected2d extends Module {
  /** [height · width of the result, inChannels · kernel height · kernel width, outChannels] */
  readonly weight: Parameter
  /** [outChannels, height · width of the result]; undefined without `bias`. */
  readonly bias: Parameter | undefined
  /** Height and width of the result. */
  readonly outputSize: readonly [number, number]
  private readonly kernel: readonly [number, number]
  private readonly stride: readonly [number, number]
  private readonly padding: readonly [number, number]
  private readonly dilation: readonly [number, number]

  constructor(
    /** Channels of the input. */
    readonly inChannels: number,
    /** Channels of the output. */
    readonly outChannels: number,
    kernelSize: Pair,
    /** Height and width of the input. */
    readonly inputSize: readonly [number, number],
    options: LocallyConnected2dOptions = {},
  ) {
    checkArguments(
      new.target.name,
      { inChannels, outChannels, kernelSize, inputSize, options },
      'size',
      'size',
      'number|numbers',
      'numbers',
      {
        ...windowOptions,
        bias: 'boolean',
        device: 'device',
      },
    )
    const { stride = 1, padding = 0, dilation = 1, bias = true, device } = options

    super(device)
    this.kernel = pair(kernelSize)
    this.stride = pair(stride)
    this.padding = pair(padding)
    this.dilation = pair(dilation)
    const [height, width] = [0, 1].map((axis) => {
      const room = inputSize[axis] + 2 * this.padding[axis] - this.dilation[axis] * (this.kernel[axis] - 1) - 1
      if (room < 0)
        throw new LanewiseError('E_VALUE', `a kernel of ${this.kernel[axis]} does not fit into ${inputSize[axis]}`)
      return Math.floor(room / this.stride[axis]) + 1
    })
    this.outputSize = [height, width]
    const fan = inChannels * this.kernel[0] * this.kernel[1]
    this.weight = this.parameter([height * width, fan, outChannels], byFan(fan))
    this.bias = bias ? this.parameter([outChannels, height * width], byFan(fan)) : undefined
  }

  /** @param x - [batch, inChannels, height, width]. @returns [batch, outChannels, height, width of the result]. */
  forward(x: Variable): Variable {
    const { inChannels, outChannels, kernel, inputSize, outputSize } = this
    if (
      x.shape.length !== 4 ||
      x.shape[1] !== inChannels ||
      x.shape[2] !== inputSize[0] ||
      x.shape[3] !== inputSize[1]
    ) {
      throw new LanewiseError(
        'E_SHAPE',
        `${x.describe()} does not fit a layer for ${inChannels} channels of ${inputSize.join('×')}`,
      )
    }
    const padded = this.padded(x)
    const places = outputSize[0] * outputSize[1]
    // What each element of the kernel meets, for all places: [batch, channels, 1, places].
    const taps: Variable[] = []
    for (let row = 0; row < kernel[0]; row++) {
      for (let column = 0; column < kernel[1]; column++)
        taps.push(F.reshape(this.tap(padded, row, column), [0, inChannels, 1, places]))
    }
    const fan = inChannels * kernel[0] * kernel[1]
    const patches = F.reshape(F.transpose(F.concat(taps, 2), [3, 0, 1, 2]), [places, -1, fan])
    // A product per place, then places back to where they belong.
    const product = F.transpose(F.matmul(patches, this.weight), [1, 2, 0])
    return F.reshape(this.bias ? F.add(product, this.bias) : product, [0, outChannels, ...outputSize])
  }

  private padded(x: Variable): Variable {
    const [rows, columns] = this.padding
    if (rows === 0 && columns === 0) return x
    return apply(x.device, Pad, [
      x,
      x.device.constant(hostFrom('int64', [8], [0, 0, rows, columns, 0, 0, rows, columns])),
    ])[0]
  }

  private tap(x: Variable, row: number, column: number): Variable {
    const begin = [row * this.dilation[0], column * this.dilation[1]]
    const end = begin.map((first, axis) => first + (this.outputSize[axis] - 1) * this.stride[axis] + 1)
    const numbers = (values: readonly number[]) => x.device.constant(hostFrom('int64', [2], values))
    return apply(x.device, Slice, [x, numbers(begin), numbers(end), numbers([2, 3]), numbers(this.stride)])[0]
  }
}

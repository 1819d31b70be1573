import { apply } from '../autograd/apply.js'
import type { Device } from '../autograd/device.js'
import type { Variable } from '../autograd/variable.js'
import { LanewiseError } from '../core/errors.js'
import { AveragePool, GlobalAveragePool, MaxPool } from '../ops/pool/pool.js'
import * as F from './functional.js'
import { Module } from './module.js'

export interface PoolOptions {
  /** The kernel's size by default. */
  readonly stride?: number
  readonly padding?: number
  /** Whether a window that reaches over the edge counts. */
  readonly ceilMode?: boolean
  readonly device?: Device
}

function attributesOf(
  kernel: number,
  { stride = kernel, padding = 0, ceilMode = false }: PoolOptions,
): Record<string, unknown> {
  return {
    kernel_shape: [kernel, kernel],
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
    ceil_mode: Number(ceilMode),
  }
}

/** The largest element of each window of [N, C, H, W]. */
export class MaxPool2d extends Module {
  private readonly attributes: Record<string, unknown>

  constructor(
    readonly kernelSize: number,
    options: PoolOptions = {},
  ) {
    super(options.device)
    this.attributes = attributesOf(kernelSize, options)
  }

  forward(x: Variable): Variable {
    return apply(this.device, MaxPool, [x], this.attributes)[0]
  }
}

/** The mean of each window of [N, C, H, W]. */
export class AvgPool2d extends Module {
  private readonly attributes: Record<string, unknown>

  constructor(
    readonly kernelSize: number,
    { countIncludePad = true, ...options }: PoolOptions & { readonly countIncludePad?: boolean } = {},
  ) {
    super(options.device)
    this.attributes = { ...attributesOf(kernelSize, options), count_include_pad: Number(countIncludePad) }
  }

  forward(x: Variable): Variable {
    return apply(this.device, AveragePool, [x], this.attributes)[0]
  }
}

/** Means over as many windows as the output has places: window i of n covers [⌊i·size/n⌋, ⌈(i + 1)·size/n⌉). */
export class AdaptiveAvgPool2d extends Module {
  private readonly outputSize: readonly [number, number]

  constructor(outputSize: number | readonly [number, number], { device }: { readonly device?: Device } = {}) {
    super(device)
    this.outputSize = typeof outputSize === 'number' ? [outputSize, outputSize] : outputSize
    if (this.outputSize.some((size) => !(Number.isInteger(size) && size >= 1)))
      throw new LanewiseError('E_VALUE', `the output must have at least one place, got ${this.outputSize.join('×')}`)
  }

  forward(x: Variable): Variable {
    const [height, width] = x.shape.slice(2)
    const [rows, columns] = this.outputSize
    if (rows === 1 && columns === 1) return apply(this.device, GlobalAveragePool, [x])[0]
    if (height % rows === 0 && width % columns === 0) {
      const kernel = [height / rows, width / columns]
      return apply(this.device, AveragePool, [x], { kernel_shape: kernel, strides: kernel })[0]
    }
    const within = (axis: number, count: number) => (part: Variable) =>
      F.concat(
        Array.from({ length: count }, (_, i) => {
          const size = part.shape[axis]
          return F.mean(
            F.slice(part, axis, Math.floor((i * size) / count), Math.ceil(((i + 1) * size) / count)),
            [axis],
            true,
          )
        }),
        axis,
      )
    return within(3, columns)(within(2, rows)(x))
  }
}

import { checkArguments } from '../../core/arguments.js'
import { apply } from '../../autograd/apply.js'
import type { Variable } from '../../autograd/variable.js'
import {
  Attention,
  AveragePool,
  Conv,
  ConvTranspose,
  Einsum,
  Gemm,
  LayerNormalization,
  MatMul,
  MaxPool,
  RMSNormalization,
  RandomAttention,
  Resize,
} from '../../autograd/operators.js'
import { LanewiseError } from '../../core/errors.js'
import { sizeOf } from '../../core/shape.js'
import { hostFrom } from '../../core/host.js'
import { checkMasks, firstOf, numbers, perAxis, windowOptions, type PerAxis } from './common.js'
import { add } from './elementwise.js'
import { full } from './create.js'
import { reshape, transpose, unsqueeze } from './movement.js'

/** Matrix product; stacks of matrices broadcast. */
export function matmul(a: Variable, b: Variable): Variable {
  checkArguments('F.matmul', { a, b }, 'tensor', 'tensor')

  return apply(a.device, MatMul, [a, b])[0]
}

/** Einstein's summation: `einsum('bij,bjk->bik', a, b)`. */
export function einsum(equation: string, ...operands: readonly Variable[]): Variable {
  checkArguments('F.einsum', { equation }, 'string')

  return apply(firstOf(operands, 'einsum').device, Einsum, operands, { equation })[0]
}

const transposedB = { transB: 1 }
/** x · weightᵀ + bias. @param x - [..., in]; `weight` [out, in]; `bias` [out]. */
export function linear(x: Variable, weight: Variable, bias?: Variable): Variable {
  checkArguments('F.linear', { x, weight, bias }, 'tensor', 'tensor', 'tensor?')

  const rank = x.shape.length
  if (rank === 2) return apply(x.device, Gemm, [x, weight, bias], transposedB)[0]
  const { order } = x.placed
  if (rank > 2 && !x.device.trace && order[rank - 1] === rank - 1) return linearOfRows(x, weight, bias)
  const product = matmul(x, transpose(weight, [1, 0]))
  return bias ? add(product, bias) : product
}

/**
 * {@link linear} of rows as they lie in memory, whatever the order of the other axes: one product, which adds the bias
 * as it goes.
 */
function linearOfRows(x: Variable, weight: Variable, bias: Variable | undefined): Variable {
  const { order } = x.placed
  const lying = order.every((axis, place) => axis === place) ? x : transpose(x, order)
  const rows = apply(
    x.device,
    Gemm,
    [reshape(lying, [sizeOf(lying.shape.slice(0, -1)), x.shape[order.length - 1]]), weight, bias],
    transposedB,
  )[0]
  const product = reshape(rows, [...lying.shape.slice(0, -1), weight.shape[0]])
  return lying === x
    ? product
    : transpose(
        product,
        order.map((_, axis) => order.indexOf(axis)),
      )
}

export type { PerAxis }

/** How a window moves. */
export interface WindowOptions {
  /** Steps between neighbouring windows: one number, or one for each spatial axis. */
  readonly stride?: PerAxis
  /** Places around the input, as many on both sides. */
  readonly padding?: PerAxis
  /** Steps between neighbouring places of a window; 1 by default. */
  readonly dilation?: PerAxis
}

function windowAttributes(kernel: readonly number[], options: WindowOptions, defaultStride: PerAxis) {
  const { stride = defaultStride, padding = 0, dilation = 1 } = options
  const rank = kernel.length
  const pads = perAxis(padding, rank, 'padding')
  return {
    kernel_shape: kernel,
    strides: perAxis(stride, rank, 'stride'),
    pads: [...pads, ...pads],
    dilations: perAxis(dilation, rank, 'dilation'),
  }
}

/** What a convolution has besides its window. */
export interface ConvolutionOptions extends WindowOptions {
  /** Groups of channels that see nothing of each other; 1 by default. */
  readonly groups?: number
}

const convolutionOptions = { ...windowOptions, groups: 'number' } as const

function convolution(rank: number) {
  return (x: Variable, weight: Variable, bias?: Variable, options: ConvolutionOptions = {}): Variable => {
    checkArguments(`F.conv${rank}d`, { x, weight, bias, options }, 'tensor', 'tensor', 'tensor?', convolutionOptions)
    if (weight.shape.length !== rank + 2)
      throw new LanewiseError('E_SHAPE', `the weight must have ${rank + 2} axes, got ${weight.describe()}`)
    const attributes = { ...windowAttributes(weight.shape.slice(2), options, 1), group: options.groups ?? 1 }
    return apply(x.device, Conv, [x, weight, bias], attributes)[0]
  }
}

/** Convolution of [N, C, L]. `weight` is [out, C / groups, kernel], `bias` [out]. */
export const conv1d = convolution(1)
/** Convolution of [N, C, H, W]. `weight` is [out, C / groups, kernel …], `bias` [out]. */
export const conv2d = convolution(2)
/** Convolution of [N, C, D, H, W]. `weight` is [out, C / groups, kernel …], `bias` [out]. */
export const conv3d = convolution(3)

/** Transposed convolution of [N, C, …]. `weight` is [C, out / groups, kernel …], `bias` [out]. */
export function convTranspose(
  x: Variable,
  weight: Variable,
  bias?: Variable,
  given: ConvolutionOptions & { readonly outputPadding?: PerAxis } = {},
): Variable {
  checkArguments('F.convTranspose', { x, weight, bias, given }, 'tensor', 'tensor', 'tensor?', {
    ...convolutionOptions,
    outputPadding: 'number|numbers',
  })
  const { outputPadding = 0, groups = 1, ...options } = given

  const kernel = weight.shape.slice(2)
  const attributes = {
    ...windowAttributes(kernel, options, 1),
    output_padding: perAxis(outputPadding, kernel.length, 'outputPadding'),
    group: groups,
  }
  return apply(x.device, ConvTranspose, [x, weight, bias], attributes)[0]
}

/** What a pooling has besides its window; `stride` is the kernel's size by default. */
export interface PoolingOptions extends WindowOptions {
  /** Whether a window that reaches over the edge counts. */
  readonly ceilMode?: boolean
}

function pooling(rank: number, op: { readonly name: string }, more: Readonly<Record<string, unknown>> = {}) {
  return (x: Variable, kernelSize: PerAxis, options: PoolingOptions & { readonly countIncludePad?: boolean } = {}) => {
    checkArguments(op.name, { x, kernelSize, options }, 'tensor', 'number|numbers', {
      ...windowOptions,
      ceilMode: 'boolean',
      countIncludePad: 'boolean',
    })
    const kernel = perAxis(kernelSize, rank, 'kernelSize')
    const attributes = { ...windowAttributes(kernel, options, kernel), ceil_mode: Number(options.ceilMode ?? false) }
    const counted = 'count_include_pad' in more ? { count_include_pad: Number(options.countIncludePad ?? true) } : {}
    return apply(x.device, op, [x], { ...attributes, ...counted })[0]
  }
}

const counting = { count_include_pad: 1 }
/** The largest element of each window of [N, C, L]. */
export const maxPool1d = pooling(1, MaxPool)
/** The largest element of each window of [N, C, H, W]. */
export const maxPool2d = pooling(2, MaxPool)
/** The largest element of each window of [N, C, D, H, W]. */
export const maxPool3d = pooling(3, MaxPool)
/** The mean of each window of [N, C, L]; padding counts, unless `countIncludePad` is false. */
export const avgPool1d = pooling(1, AveragePool, counting)
/** The mean of each window of [N, C, H, W]; padding counts, unless `countIncludePad` is false. */
export const avgPool2d = pooling(2, AveragePool, counting)
/** The mean of each window of [N, C, D, H, W]; padding counts, unless `countIncludePad` is false. */
export const avgPool3d = pooling(3, AveragePool, counting)

/** Mean 0 and variance 1 over the last axes, whose sizes are `normalizedShape`; then · weight + bias. */
export function layerNorm(
  x: Variable,
  normalizedShape: number | readonly number[],
  weight?: Variable,
  bias?: Variable,
  eps = 1e-5,
): Variable {
  checkArguments(
    'F.layerNorm',
    { x, normalizedShape, weight, bias, eps },
    'tensor',
    'number|numbers',
    'tensor?',
    'tensor?',
    'number?',
  )

  const shape = lastAxes(x, normalizedShape)
  const scale = weight ?? full(shape, 1, { device: x.device })
  return apply(x.device, LayerNormalization, [x, scale, bias], { axis: -shape.length, epsilon: eps })[0]
}

/** Divides by the root of the mean square over the last axes; then · weight. */
export function rmsNorm(
  x: Variable,
  normalizedShape: number | readonly number[],
  weight?: Variable,
  eps = 1e-5,
): Variable {
  checkArguments('F.rmsNorm', { x, normalizedShape, weight, eps }, 'tensor', 'number|numbers', 'tensor?', 'number?')

  const shape = lastAxes(x, normalizedShape)
  const scale = weight ?? full(shape, 1, { device: x.device })
  return apply(x.device, RMSNormalization, [x, scale], { axis: -shape.length, epsilon: eps })[0]
}

function lastAxes(x: Variable, sizes: number | readonly number[]): readonly number[] {
  const shape = typeof sizes === 'number' ? [sizes] : sizes
  if (x.shape.slice(-shape.length).join() !== shape.join())
    throw new LanewiseError('E_SHAPE', `the last axes must be [${shape.join(',')}], got ${x.describe()}`)
  return shape
}

/** What scaled dot-product attention may look at, and how it is scaled. */
export interface AttentionOptions {
  /**
   * What broadcasts to [N, heads, queries, keys]: bool, true is seen (as in PyTorch's function of this name), or
   * float32, which is added to the scores.
   */
  readonly attnMask?: Variable
  /** Share of the weights that is dropped. */
  readonly dropoutP?: number
  /** Whether a query sees keys up to its own place only. */
  readonly isCausal?: boolean
  /** 1/√(size of a query) by default. */
  readonly scale?: number
}

/**
 * softmax(q · kᵀ · scale + mask) · v (Vaswani et al., 2017), without the scores ever being kept.
 *
 * @param query - [N, heads, queries, E], or without heads [N, queries, E].
 * @param key - [N, heads, keys, E]; there may be fewer heads, which then serve several of the queries' each.
 * @param value - [N, heads, keys, Ev].
 * @returns [N, heads, queries, Ev].
 */
export function scaledDotProductAttention(
  query: Variable,
  key: Variable,
  value: Variable,
  options: AttentionOptions = {},
): Variable {
  checkArguments('F.scaledDotProductAttention', { query, key, value, options }, 'tensor', 'tensor', 'tensor', {
    attnMask: 'tensor',
    dropoutP: 'share',
    isCausal: 'boolean',
    scale: 'number',
  })
  const { attnMask, dropoutP = 0, isCausal = false, scale } = options

  checkMasks(key.shape[key.shape.length - 2], attnMask)
  const flat = query.shape.length === 3
  const heads = (x: Variable) => (flat ? unsqueeze(x, [1]) : x)
  // Without heads a mask of three axes has none either.
  const mask = attnMask && flat && attnMask.shape.length === 3 ? unsqueeze(attnMask, [1]) : attnMask
  const attributes = { is_causal: Number(isCausal), ...(scale !== undefined && { scale }) }
  const attended = apply(
    query.device,
    dropoutP > 0 ? RandomAttention : Attention,
    [heads(query), heads(key), heads(value), mask],
    dropoutP > 0 ? { ...attributes, dropout: dropoutP } : attributes,
  )[0]
  if (!flat) return attended
  const [batch, , queries, size] = attended.shape
  return reshape(attended, [batch, queries, size])
}

/** Pictures of another size: what {@link interpolate} is told. */
export interface InterpolateOptions {
  /** Sizes of the spatial axes; or `scaleFactor`. */
  readonly size?: PerAxis
  /** Factors of the spatial axes, in place of `size`. */
  readonly scaleFactor?: PerAxis
  /** `linear` for one, two and three spatial axes alike; `nearest` by default. */
  readonly mode?: 'nearest' | 'linear' | 'bilinear' | 'trilinear' | 'bicubic' | 'cubic'
  /** Whether the corners of both lie on each other; not for `nearest`. */
  readonly alignCorners?: boolean
}

/**
 * Pictures [N, C, …] of another size, as `torch.nn.functional.interpolate` makes them.
 *
 * @throws LanewiseError `E_VALUE` unless one of `size` and `scaleFactor` is given.
 */
export function interpolate(x: Variable, options: InterpolateOptions): Variable {
  checkArguments('F.interpolate', { x, options }, 'tensor', {
    size: 'number|numbers',
    scaleFactor: 'number|numbers',
    mode: 'string',
    alignCorners: 'boolean',
  })
  const { size, scaleFactor, mode = 'nearest', alignCorners = false } = options

  if ((size === undefined) === (scaleFactor === undefined))
    throw new LanewiseError('E_VALUE', 'interpolate takes size or scaleFactor')
  const { device } = x
  const spatial = x.shape.length - 2
  const cubic = mode === 'bicubic' || mode === 'cubic'
  const nearest = mode === 'nearest'
  const attributes = {
    mode: nearest ? 'nearest' : cubic ? 'cubic' : 'linear',
    coordinate_transformation_mode: nearest ? 'asymmetric' : alignCorners ? 'align_corners' : 'pytorch_half_pixel',
    nearest_mode: 'floor',
    cubic_coeff_a: -0.75,
  }
  const sizes = size === undefined ? undefined : numbers(x, [...x.shape.slice(0, 2), ...perAxis(size, spatial, 'size')])
  const scales =
    scaleFactor === undefined
      ? undefined
      : device.constant(hostFrom('float32', [x.shape.length], [1, 1, ...perAxis(scaleFactor, spatial, 'scaleFactor')]))
  return apply(device, Resize, sizes ? [x, undefined, undefined, sizes] : [x, undefined, scales], attributes)[0]
}

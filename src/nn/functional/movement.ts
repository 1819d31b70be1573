import { checkArguments } from '../../core/arguments.js'
import { apply, castAttributes } from '../../autograd/apply.js'
import type { Variable } from '../../autograd/variable.js'
import {
  Cast,
  Concat,
  Expand,
  Flatten,
  Gather,
  GatherElements,
  Pad,
  Reshape,
  ScatterElements,
  Slice,
  Split,
  Squeeze,
  Tile,
  Transpose,
  Trilu,
  Unsqueeze,
} from '../../autograd/operators.js'
import { isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { numericTensor } from '../../ops/shared/scalar-floats.js'
import { OneHot } from '../../ops/movement/one-hot.js'
import { NonZero } from '../../ops/movement/non-zero.js'
import { axisAttribute, axisOf, firstOf, numbers, scalar } from './common.js'

/** The same elements in another shape: −1 for what is left over, 0 for the size that the axis has. */
export function reshape(x: Variable, shape: readonly number[]): Variable {
  checkArguments('F.reshape', { x, shape }, 'tensor', 'numbers')

  return apply(x.device, Reshape, [x, numbers(x, shape)])[0]
}

/** Axes from `axis` on as one, those before it as another: [N, …] becomes [N, rest]. */
export function flatten(x: Variable, axis = 1): Variable {
  checkArguments('F.flatten', { x, axis }, 'tensor', 'number?')

  return apply(x.device, Flatten, [x], axisAttribute(axis))[0]
}

/** Without axes of size 1. @throws LanewiseError `E_SHAPE` for an axis of another size. */
export function squeeze(x: Variable, axes: readonly number[]): Variable {
  checkArguments('F.squeeze', { x, axes }, 'tensor', 'numbers')

  return apply(x.device, Squeeze, [x, numbers(x, axes)])[0]
}

/** With new axes of size 1 at these places of the result. */
export function unsqueeze(x: Variable, axes: readonly number[]): Variable {
  checkArguments('F.unsqueeze', { x, axes }, 'tensor', 'numbers')

  return apply(x.device, Unsqueeze, [x, numbers(x, axes)])[0]
}

/** Axis i of the result is axis `perm[i]`. Nothing moves in memory. */
export function transpose(x: Variable, perm: readonly number[]): Variable {
  checkArguments('F.transpose', { x, perm }, 'tensor', 'numbers')

  return apply(x.device, Transpose, [x], { perm })[0]
}

/** Repeated along axes of size 1 until it has this shape, or one that broadcasts with it. */
export function expand(x: Variable, shape: readonly number[]): Variable {
  checkArguments('F.expand', { x, shape }, 'tensor', 'numbers')

  return apply(x.device, Expand, [x, numbers(x, shape)])[0]
}

/** x so many times along each axis. */
export function repeat(x: Variable, times: readonly number[]): Variable {
  checkArguments('F.repeat', { x, times }, 'tensor', 'numbers')

  return apply(x.device, Tile, [x, numbers(x, times)])[0]
}

/** Tensors one after the other along an axis. */
export function cat(tensors: readonly Variable[], axis = 0): Variable {
  checkArguments('F.cat', { tensors, axis }, 'tensors', 'number?')

  return apply(firstOf(tensors, 'cat').device, Concat, tensors, axisAttribute(axis))[0]
}
export { cat as concat }

/** Tensors of one shape along a new axis. */
export function stack(tensors: readonly Variable[], axis = 0): Variable {
  checkArguments('F.stack', { tensors, axis }, 'tensors', 'number?')

  const first = firstOf(tensors, 'stack')
  for (const tensor of tensors)
    if (tensor.shape.join() !== first.shape.join())
      throw new LanewiseError('E_SHAPE', `stack needs tensors of one shape: ${first.describe()}, ${tensor.describe()}`)
  return cat(
    tensors.map((tensor) => unsqueeze(tensor, [axis])),
    axis,
  )
}

/** Parts along an axis: of these sizes, or of one size, of which the last part may have less. */
export function split(x: Variable, sizes: number | readonly number[], axis = 0): Variable[] {
  checkArguments('F.split', { x, sizes, axis }, 'tensor', 'number|numbers', 'number?')

  let list = sizes
  if (typeof list === 'number') {
    const size = list
    if (!Number.isInteger(size) || size < 1)
      throw new LanewiseError('E_VALUE', `a part must have a whole number of places from 1, got ${size}`)
    const total = x.shape[axisOf(x, axis)]
    list = Array.from({ length: Math.ceil(total / size) }, (_, i) => Math.min(size, total - i * size))
  }
  return apply(x.device, Split, [x, numbers(x, list)], axisAttribute(axis), list.length)
}

/** At most `count` parts of equal size along an axis; the last may have less. */
export function chunk(x: Variable, count: number, axis = 0): Variable[] {
  checkArguments('F.chunk', { x, count, axis }, 'tensor', 'number', 'number?')

  if (!Number.isInteger(count) || count < 1) throw new LanewiseError('E_VALUE', `there are no ${count} parts`)
  return split(x, Math.max(1, Math.ceil(x.shape[axisOf(x, axis)] / count)), axis)
}

/** Elements `start` to `end` (exclusive; negative counts from the end) of an axis. */
export function slice(x: Variable, axis: number, start: number, end: number, step = 1): Variable {
  checkArguments('F.slice', { x, axis, start, end, step }, 'tensor', 'number', 'number', 'number', 'number?')

  return apply(x.device, Slice, [x, numbers(x, [start]), numbers(x, [end]), numbers(x, [axis]), numbers(x, [step])])[0]
}

/** The places of an axis in the opposite order. */
export function flip(x: Variable, axes: readonly number[]): Variable {
  checkArguments('F.flip', { x, axes }, 'tensor', 'numbers')

  const all = (value: number) =>
    numbers(
      x,
      axes.map(() => value),
    )
  return apply(x.device, Slice, [x, all(-1), all(Number.MIN_SAFE_INTEGER), numbers(x, axes), all(-1)])[0]
}

/** Rows of `weight` by index. @param indices - any integers, any shape. @throws LanewiseError `E_TENSOR` for floats. */
export function embedding(indices: Variable, weight: Variable): Variable {
  checkArguments('F.embedding', { indices, weight }, 'tensor', 'tensor')

  return apply(weight.device, Gather, [weight, asIndices(indices)])[0]
}

/**
 * Integers of any type as what kernels take: int32 or int64. Bools are 0 and 1. @throws LanewiseError `E_TENSOR` for
 * floats.
 */
export function asIndices(x: Variable): Variable {
  checkArguments('F.asIndices', { x }, 'tensor')

  if (x.dtype === 'int32' || x.dtype === 'int64') return x
  if (isFloat(x.dtype)) throw new LanewiseError('E_TENSOR', `indices must be integers, got ${x.describe()}`)
  return apply(x.device, Cast, [x], castAttributes('int64'))[0]
}

/** What a loss compares with: indices of classes as {@link asIndices} makes them, or float32 probabilities. */
export function asTargets(x: Variable): Variable {
  checkArguments('F.asTargets', { x }, 'tensor')

  if (!isFloat(x.dtype)) return asIndices(x)
  return x.dtype === 'float32' ? x : apply(x.device, Cast, [x], castAttributes('float32'))[0]
}

/**
 * The slices of an axis at some places. @param indices - int32 or int64; a list, or of any shape, which then takes the
 * axis's place.
 */
export function indexSelect(x: Variable, axis: number, indices: Variable): Variable {
  checkArguments('F.indexSelect', { x, axis, indices }, 'tensor', 'number', 'tensor')

  return apply(x.device, Gather, [x, asIndices(indices)], axisAttribute(axis))[0]
}

/**
 * `torch.gather`: from x, for every element of `indices`, the element at the same place but for `axis`, where the index
 * says which.
 *
 * @param indices - int32 or int64, of x's rank.
 */
export function gather(x: Variable, axis: number, indices: Variable): Variable {
  checkArguments('F.gather', { x, axis, indices }, 'tensor', 'number', 'tensor')

  return apply(x.device, GatherElements, [x, asIndices(indices)], axisAttribute(axis))[0]
}

/**
 * `torch.scatter`: x with the elements of `source` at the places that {@link gather} with these indices would take;
 * with `reduction` they are added and so on to what is there.
 */
export function scatter(
  x: Variable,
  axis: number,
  indices: Variable,
  source: Variable | number,
  reduction: 'none' | 'add' | 'mul' | 'max' | 'min' = 'none',
): Variable {
  checkArguments(
    'F.scatter',
    { x, axis, indices, source, reduction },
    'tensor',
    'number',
    'tensor',
    'number|tensor',
    'string?',
  )

  const values = typeof source === 'number' ? expand(scalar(x, source), indices.shape) : source
  return apply(x.device, ScatterElements, [x, asIndices(indices), values], { axis, reduction })[0]
}

/** The places of the elements that are not 0: [rank, count], int64. */
export function nonzero(x: Variable): Variable {
  checkArguments('F.nonzero', { x }, 'tensor')

  return apply(x.device, NonZero, [x])[0]
}

const PAD_MODES = { constant: 'constant', reflect: 'reflect', replicate: 'edge', circular: 'wrap' }

/**
 * More places around a tensor.
 *
 * @param pads - as `torch.nn.functional.pad` takes them: before and after the last axis, then the one before it, and so
 *   on. Negative ones take away.
 * @throws LanewiseError `E_VALUE` for a number of pads that is odd or more than two for each axis, and for a mode that
 * there is none; `E_SHAPE` for more places than can be mirrored, or gone round, once.
 */
export function pad(
  x: Variable,
  pads: readonly number[],
  options: { readonly mode?: keyof typeof PAD_MODES; readonly value?: number } = {},
): Variable {
  checkArguments('F.pad', { x, pads, options }, 'tensor', 'numbers', { mode: 'string', value: 'number' })
  const { mode = 'constant', value = 0 } = options

  if (!Object.hasOwn(PAD_MODES, mode))
    throw new LanewiseError(
      'E_VALUE',
      `a mode of padding is ${Object.keys(PAD_MODES).join(', ')}, not "${String(mode)}"`,
    )
  const rank = x.shape.length
  if (pads.length % 2 !== 0 || pads.length > 2 * rank)
    throw new LanewiseError(
      'E_VALUE',
      `${pads.length} pads do not fit ${x.describe()}: two for each axis, the last first`,
    )
  const axes = Array.from({ length: pads.length / 2 }, (_, i) => rank - 1 - i)
  const list = [...axes.map((_, i) => pads[2 * i]), ...axes.map((_, i) => pads[2 * i + 1])]
  // PyTorch mirrors once, without the edge, and goes round once.
  const most = (size: number) => (mode === 'reflect' ? size - 1 : mode === 'circular' ? size : Infinity)
  axes.forEach((axis, i) => {
    const pad = Math.max(pads[2 * i], pads[2 * i + 1])
    if (pad > most(x.shape[axis]))
      throw new LanewiseError(
        'E_SHAPE',
        `axis ${axis} of ${x.describe()} has no ${pad} places to ${mode === 'reflect' ? 'mirror' : 'go round'}`,
      )
  })
  const constant = mode === 'constant' ? scalar(x, value) : undefined
  return apply(x.device, Pad, [x, numbers(x, list), constant, numbers(x, axes)], { mode: PAD_MODES[mode] })[0]
}

/**
 * 1 at the place that each index names along a new last axis, else 0 (an index outside names none); float32 unless
 * another type is wanted.
 */
export function oneHot(indices: Variable, classes: number, options: { readonly dtype?: DType } = {}): Variable {
  checkArguments('F.oneHot', { indices, classes, options }, 'tensor', 'number', { dtype: 'string' })
  const { dtype = 'float32' } = options

  const values = indices.device.constant(numericTensor(dtype, [2], [0, 1]))
  return apply(indices.device, OneHot, [indices, numbers(indices, [classes]), values], axisAttribute(-1))[0]
}

/**
 * The lower triangle of each matrix, 0 elsewhere. @param diagonal - the last that is kept; 0 is the main one, above it
 * positive.
 */
export function tril(x: Variable, diagonal = 0): Variable {
  checkArguments('F.tril', { x, diagonal }, 'tensor', 'number?')

  return apply(x.device, Trilu, [x, scalar64(x, diagonal)], { upper: 0 })[0]
}

/** The upper triangle of each matrix, 0 elsewhere. @param diagonal - the first that is kept. */
export function triu(x: Variable, diagonal = 0): Variable {
  checkArguments('F.triu', { x, diagonal }, 'tensor', 'number?')

  return apply(x.device, Trilu, [x, scalar64(x, diagonal)], { upper: 1 })[0]
}

function scalar64(x: Variable, value: number): Variable {
  return x.device.constant(numericTensor('int64', [], [value]))
}

// Other ways to move, choose and repeat elements, made of those of movement.ts.
import { checkArguments } from '../../core/arguments.js'
import type { Variable } from '../../autograd/variable.js'
import { LanewiseError } from '../../core/errors.js'
import { sizeOf } from '../../core/shape.js'
import { axisOf, firstOf, numbers, perAxis, windowOptions, type PerAxis } from './common.js'
import { eye } from './create.js'
import { cast, sub, where } from './elementwise.js'
import { convTranspose, type WindowOptions } from './layers.js'
import {
  asIndices,
  cat,
  expand,
  indexSelect,
  nonzero,
  pad,
  repeat,
  reshape,
  scatter,
  slice,
  split,
  squeeze,
  stack,
  transpose,
  unsqueeze,
} from './movement.js'

export { transpose as permute, expand as broadcastTo, repeat as tile, gather as takeAlongDim } from './movement.js'

/** Two axes in each other's place: what a tensor's `transpose` does in PyTorch. */
export function swapaxes(x: Variable, axis: number, other: number): Variable {
  checkArguments('F.swapaxes', { x, axis, other }, 'tensor', 'number', 'number')

  const [a, b] = [axisOf(x, axis), axisOf(x, other)]
  return transpose(
    x,
    x.shape.map((_, i) => (i === a ? b : i === b ? a : i)),
  )
}

/** The axis at another place; the others keep their order. */
export function movedim(x: Variable, from: number, to: number): Variable {
  checkArguments('F.movedim', { x, from, to }, 'tensor', 'number', 'number')

  const moved = axisOf(x, from)
  const perm = x.shape.flatMap((_, i) => (i === moved ? [] : [i]))
  perm.splice(axisOf(x, to), 0, moved)
  return transpose(x, perm)
}

/** The tensors of an axis, which they have no more. */
export function unbind(x: Variable, axis = 0): Variable[] {
  checkArguments('F.unbind', { x, axis }, 'tensor', 'number?')

  if (x.shape[axisOf(x, axis)] === 0) return []
  return split(x, 1, axis).map((part) => squeeze(part, [axis]))
}

/**
 * The tensor at one place of an axis, which it has no more; a negative index counts from the end. @throws LanewiseError
 * `E_VALUE` for a place that there is not.
 */
export function select(x: Variable, axis: number, index: number): Variable {
  checkArguments('F.select', { x, axis, index }, 'tensor', 'number', 'number')

  const size = x.shape[axisOf(x, axis)]
  if (!Number.isInteger(index) || index < -size || index >= size)
    throw new LanewiseError('E_VALUE', `axis ${axis} of ${x.describe()} has no place ${index}`)
  return squeeze(slice(x, axis, index, index === -1 ? Number.MAX_SAFE_INTEGER : index + 1), [axis])
}

/** So many places of an axis from `start` on. @throws LanewiseError `E_VALUE` for places that there are not. */
export function narrow(x: Variable, axis: number, start: number, length: number): Variable {
  checkArguments('F.narrow', { x, axis, start, length }, 'tensor', 'number', 'number', 'number')

  const size = x.shape[axisOf(x, axis)]
  const first = start < 0 ? start + size : start
  if (!Number.isInteger(first) || !Number.isInteger(length) || first < 0 || length < 0 || first + length > size)
    throw new LanewiseError('E_VALUE', `axis ${axis} of ${x.describe()} has no ${length} places from ${start} on`)
  return slice(x, axis, first, first + length)
}

/** The axes before `axis` as they are, for a reshape that works with other sizes of them as well. */
function kept(axis: number): number[] {
  return new Array<number>(axis).fill(0)
}

/** One axis as several of these sizes, of which one may be −1: what is left over. */
export function unflatten(x: Variable, axis: number, sizes: readonly number[]): Variable {
  checkArguments('F.unflatten', { x, axis, sizes }, 'tensor', 'number', 'numbers')

  const at = axisOf(x, axis)
  const known = sizes.reduce((product, size) => (size === -1 ? product : product * size), 1)
  const open = sizes.filter((size) => size === -1).length
  if (sizes.length === 0 || open > 1 || (open === 1 ? x.shape[at] % known !== 0 : known !== x.shape[at]))
    throw new LanewiseError('E_SHAPE', `axis ${axis} of ${x.describe()} cannot become [${sizes.join(',')}]`)
  return reshape(x, [...kept(at), ...sizes, ...x.shape.slice(at + 1)])
}

/** Every place of an axis so many times, one after the other: [a, b] becomes [a, a, b, b]. */
export function repeatInterleave(x: Variable, times: number, axis: number): Variable {
  checkArguments('F.repeatInterleave', { x, times, axis }, 'tensor', 'size', 'number')

  const at = axisOf(x, axis)
  const each = unsqueeze(x, [at + 1])
  const repeated = repeat(
    each,
    each.shape.map((_, i) => (i === at + 1 ? times : 1)),
  )
  return reshape(repeated, [...kept(at), -1, ...x.shape.slice(at + 1)])
}

/**
 * Every place moved on by `shifts` along its axis; what falls off the end comes back at the beginning. Without axes the
 * elements move as one list.
 *
 * @throws LanewiseError `E_VALUE` for another number of shifts than of axes.
 */
export function roll(x: Variable, shifts: PerAxis, axes?: PerAxis): Variable {
  checkArguments('F.roll', { x, shifts, axes }, 'tensor', 'number|numbers', 'number|numbers?')

  if (axes === undefined) return reshape(roll(reshape(x, [-1]), shifts, 0), x.shape)
  const along = typeof axes === 'number' ? [axes] : axes
  const by = typeof shifts === 'number' ? [shifts] : shifts
  if (by.length !== along.length || !by.every(Number.isSafeInteger))
    throw new LanewiseError(
      'E_VALUE',
      `roll takes a whole number for each axis, got [${by.join(',')}] for ${along.length}`,
    )
  return along.reduce((rolled, axis, i) => {
    const size = x.shape[axisOf(x, axis)]
    // What is left of a shift by more than the size.
    const shift = size === 0 ? 0 : by[i] % size
    if (shift === 0) return rolled
    return cat([slice(rolled, axis, -shift, Number.MAX_SAFE_INTEGER), slice(rolled, axis, 0, -shift)], axis)
  }, x)
}

/**
 * Lists as axes of a grid: for lists of a and b places two tensors [a, b], of which the first varies along the first
 * axis, the second along the second.
 *
 * @param options - `indexing`: with "xy" the first two axes are the other way round.
 */
export function meshgrid(tensors: readonly Variable[], options: { readonly indexing?: 'ij' | 'xy' } = {}): Variable[] {
  checkArguments('F.meshgrid', { tensors, options }, 'tensors', { indexing: 'string' })
  const { indexing = 'ij' } = options

  firstOf(tensors, 'meshgrid')
  if ((indexing as string) !== 'ij' && (indexing as string) !== 'xy')
    throw new LanewiseError('E_VALUE', `indexing is "ij" or "xy", not "${String(indexing)}"`)
  for (const tensor of tensors)
    if (tensor.shape.length > 1) throw new LanewiseError('E_SHAPE', `meshgrid takes lists, got ${tensor.describe()}`)
  const place = (i: number) => (indexing === 'xy' && i < 2 && tensors.length > 1 ? 1 - i : i)
  const shape = tensors.map((_, i) => tensors[place(i)].size)
  return tensors.map((tensor, i) =>
    expand(
      reshape(
        tensor,
        shape.map((_, axis) => (axis === place(i) ? -1 : 1)),
      ),
      shape,
    ),
  )
}

/**
 * The diagonal of the matrices that two axes make; it becomes the last axis.
 *
 * @param offset - which diagonal: above the main one positive.
 */
export function diagonal(x: Variable, offset = 0, axis = 0, other = 1): Variable {
  checkArguments('F.diagonal', { x, offset, axis, other }, 'tensor', 'number?', 'number?', 'number?')

  const [a, b] = [axisOf(x, axis), axisOf(x, other)]
  if (a === b) throw new LanewiseError('E_VALUE', `a diagonal needs two axes, got ${axis} twice`)
  const rest = x.shape.flatMap((_, i) => (i === a || i === b ? [] : [i]))
  const [rows, columns] = [x.shape[a], x.shape[b]]
  const [first, start] = [Math.max(0, -offset), Math.max(0, offset)]
  const count = Math.max(0, Math.min(rows - first, columns - start))
  const flat = reshape(transpose(x, [...rest, a, b]), [...kept(rest.length), rows * columns])
  const places = Array.from({ length: count }, (_, i) => (first + i) * columns + start + i)
  return indexSelect(flat, -1, numbers(x, places))
}

/**
 * A list as the diagonal of a matrix that is 0 elsewhere, or the {@link diagonal} of a matrix. @throws LanewiseError
 * `E_SHAPE` for another rank.
 */
export function diag(x: Variable, offset = 0): Variable {
  checkArguments('F.diag', { x, offset }, 'tensor', 'number?')

  if (x.shape.length === 2) return diagonal(x, offset)
  if (x.shape.length !== 1) throw new LanewiseError('E_SHAPE', `diag takes a list or a matrix, got ${x.describe()}`)
  const on = cast(eye(x.size, x.size, { device: x.device }), 'bool')
  const square = where(on, expand(x, [x.size, x.size]), 0)
  const [before, above] = [Math.max(0, offset), Math.max(0, -offset)]
  return offset === 0 ? square : pad(square, [before, above, above, before])
}

/**
 * The elements at these places of x, read as one list. @param indices - int32 or int64, of any shape; negative ones
 * count from the end.
 */
export function take(x: Variable, indices: Variable): Variable {
  checkArguments('F.take', { x, indices }, 'tensor', 'tensor')

  return indexSelect(reshape(x, [-1]), 0, indices)
}

/**
 * The elements of x where the mask (bools that broadcast with it) holds, as a list. @throws LanewiseError `E_TENSOR`
 * for a mask of another type.
 */
export function maskedSelect(x: Variable, mask: Variable): Variable {
  checkArguments('F.maskedSelect', { x, mask }, 'tensor', 'tensor')

  if (mask.dtype !== 'bool') throw new LanewiseError('E_TENSOR', `a mask is bools, got ${mask.describe()}`)
  const [elements, chosen] = [expand(x, mask.shape), expand(mask, x.shape)]
  return take(elements, reshape(nonzero(reshape(chosen, [-1])), [-1]))
}

/**
 * x with the rows of `source` added at these places of an axis.
 *
 * @param indices - a list, int32 or int64. @param source - of x's shape but for that axis.
 * @throws LanewiseError `E_SHAPE` for another number of places than of rows.
 */
export function indexAdd(x: Variable, axis: number, indices: Variable, source: Variable): Variable {
  checkArguments('F.indexAdd', { x, axis, indices, source }, 'tensor', 'number', 'tensor', 'tensor')

  const at = axisOf(x, axis)
  if (indices.shape.length !== 1 || indices.size !== source.shape[at])
    throw new LanewiseError(
      'E_SHAPE',
      `indexAdd takes a place for each of axis ${axis} of ${source.describe()}, got ${indices.describe()}`,
    )
  const shape = source.shape.map((_, i) => (i === at ? -1 : 1))
  return scatter(x, at, expand(reshape(asIndices(indices), shape), source.shape), source, 'add')
}

/** Differences of neighbours along an axis, which has one place less. */
export function diff(x: Variable, axis = -1): Variable {
  checkArguments('F.diff', { x, axis }, 'tensor', 'number?')

  return sub(slice(x, axis, 1, Number.MAX_SAFE_INTEGER), slice(x, axis, 0, -1))
}

/**
 * The windows of pictures as columns: [N, C, H, W] becomes [N, C·kernel, places], as `torch.nn.functional.unfold` makes
 * them.
 *
 * @throws LanewiseError `E_SHAPE` for another rank, or where no window fits.
 */
export function unfold(x: Variable, kernelSize: PerAxis, options: WindowOptions = {}): Variable {
  checkArguments('F.unfold', { x, kernelSize, options }, 'tensor', 'number|numbers', windowOptions)
  const { kernel, stride, padding, dilation } = windowOf(kernelSize, options)

  if (x.shape.length !== 4) throw new LanewiseError('E_SHAPE', `unfold takes [N, C, H, W], got ${x.describe()}`)
  const [height, width] = [0, 1].map((i) => places(x.shape[i + 2], kernel[i], stride[i], padding[i], dilation[i]))
  if (height < 1 || width < 1)
    throw new LanewiseError('E_SHAPE', `no window of ${kernel.join('×')} fits into ${x.describe()}`)
  const padded = padding.some(Boolean) ? pad(x, [padding[1], padding[1], padding[0], padding[0]]) : x
  const along = (y: Variable, i: number, at: number, count: number) =>
    slice(y, i + 2, at * dilation[i], at * dilation[i] + (count - 1) * stride[i] + 1, stride[i])
  const taps = Array.from({ length: sizeOf(kernel) }, (_, tap) => {
    const rows = along(padded, 0, Math.floor(tap / kernel[1]), height)
    return along(rows, 1, tap % kernel[1], width)
  })
  return reshape(stack(taps, 2), [0, x.shape[1] * taps.length, height * width])
}

/**
 * The sum of windows that lie over each other, the other way round than {@link unfold}: [N, C·kernel, places] becomes
 * [N, C, …outputSize].
 *
 * @throws LanewiseError `E_SHAPE` for a number of channels or places that does not fit.
 */
export function fold(x: Variable, outputSize: PerAxis, kernelSize: PerAxis, options: WindowOptions = {}): Variable {
  checkArguments(
    'F.fold',
    { x, outputSize, kernelSize, options },
    'tensor',
    'number|numbers',
    'number|numbers',
    windowOptions,
  )
  const { kernel, stride, padding, dilation } = windowOf(kernelSize, options)

  const size = perAxis(outputSize, 2, 'outputSize')
  const [height, width] = [0, 1].map((i) => places(size[i], kernel[i], stride[i], padding[i], dilation[i]))
  const taps = sizeOf(kernel)
  if (x.shape.length !== 3 || x.shape[1] % taps !== 0 || x.shape[2] !== height * width)
    throw new LanewiseError(
      'E_SHAPE',
      `fold to ${size.join('×')} takes [N, C·${taps}, ${height * width}], got ${x.describe()}`,
    )
  const channels = x.shape[1] / taps
  // A transposed convolution whose filters put every tap at its place.
  const filters = Array.from({ length: channels }, () =>
    reshape(eye(taps, taps, { device: x.device }), [taps, 1, ...kernel]),
  )
  const covered = [0, 1].map((i) => ([height, width][i] - 1) * stride[i] + dilation[i] * (kernel[i] - 1) + 1)
  const whole = convTranspose(reshape(x, [0, 0, height, width]), cat(filters), undefined, {
    stride,
    dilation,
    groups: channels,
  })
  const beyond = [0, 1].map((i) => size[i] + padding[i] - covered[i])
  return pad(whole, [-padding[1], beyond[1], -padding[0], beyond[0]])
}

function windowOf(kernelSize: PerAxis, { stride = 1, padding = 0, dilation = 1 }: WindowOptions) {
  const counted = (value: PerAxis, what: string, least: number) => {
    const list = perAxis(value, 2, what)
    if (!list.every((n) => Number.isSafeInteger(n) && n >= least))
      throw new LanewiseError('E_VALUE', `${what} must be whole numbers from ${least}, got ${list.join(', ')}`)
    return list
  }
  return {
    kernel: counted(kernelSize, 'kernelSize', 1),
    stride: counted(stride, 'stride', 1),
    padding: counted(padding, 'padding', 0),
    dilation: counted(dilation, 'dilation', 1),
  }
}

/** How many windows fit. */
function places(size: number, kernel: number, stride: number, padding: number, dilation: number): number {
  return Math.floor((size + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1
}

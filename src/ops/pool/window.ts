import { WINDOW_IMAGES, WINDOW_X, WINDOW_Y } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { formatShape, type Shape } from '../../core/shape.js'
import { ints, string } from '../../ir/attributes.js'

/** Attributes that convolutions and poolings have in common. */
export const windowAttributes = {
  auto_pad: string('NOTSET'),
  dilations: ints(),
  kernel_shape: ints(),
  pads: ints(),
  strides: ints(),
}

export interface WindowAttributes {
  readonly auto_pad: string
  readonly dilations?: readonly number[]
  readonly kernel_shape?: readonly number[]
  readonly pads?: readonly number[]
  readonly strides?: readonly number[]
}

/** A window that slides over the spatial axes: everything per axis, outermost first. */
export interface Window {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly begin: readonly number[]
  readonly end: readonly number[]
  readonly output: readonly number[]
}

/** Nothing sensible is larger; it keeps every product of these numbers exact. */
export const LIMIT = 2 ** 31 - 1

/**
 * Resolves padding and output sizes (ONNX, operators Conv and MaxPool).
 *
 * @param input - sizes of the spatial axes.
 * @throws LanewiseError `E_VALUE` for a stride, dilation, kernel or pad out of range; `E_SHAPE` if lists are too short
 *   or long, or the window does not fit.
 */
export function slideWindow(
  attributes: WindowAttributes,
  input: Shape,
  kernel: readonly number[],
  ceil = false,
): Window {
  const rank = input.length
  const strides = perAxis('strides', attributes.strides, rank, 1)
  const dilations = perAxis('dilations', attributes.dilations, rank, 1)
  perAxis('kernel_shape', kernel, rank, 1)
  const extent = kernel.map((size, i) => (size - 1) * dilations[i] + 1)
  const { begin, end } = padding(attributes, input, extent, strides)
  const output = input.map((size, i) => {
    if (size + begin[i] + end[i] > LIMIT)
      throw new LanewiseError('E_VALUE', `an axis of ${size} with padding ${begin[i]} and ${end[i]} is too long`)
    const room = size + begin[i] + end[i] - extent[i]
    // Where ceil leaves a place: one window that reaches beyond the end, or, if a step or more is missing, none.
    if (room < 0 && !(ceil && room > -2 * strides[i])) {
      throw new LanewiseError(
        'E_SHAPE',
        `a window of ${extent[i]} does not fit into ${size} with padding ${begin[i]} and ${end[i]}`,
        {
          expected: `>= ${extent[i]}`,
          actual: String(size + begin[i] + end[i]),
        },
      )
    }
    const steps = ceil ? Math.ceil(room / strides[i]) : Math.floor(room / strides[i])
    // A last window that ceil adds must begin inside the input or its leading padding.
    return steps * strides[i] >= size + begin[i] && ceil ? steps : steps + 1
  })
  return { kernel, strides, dilations, begin, end, output }
}

function padding(
  attributes: WindowAttributes,
  input: Shape,
  extent: readonly number[],
  strides: readonly number[],
): { begin: number[]; end: number[] } {
  const rank = input.length
  const mode = attributes.auto_pad
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const total = input.map((size, i) =>
      Math.max(0, (Math.ceil(size / strides[i]) - 1) * strides[i] + extent[i] - size),
    )
    const small = total.map((pad) => Math.floor(pad / 2))
    const large = total.map((pad) => Math.ceil(pad / 2))
    return mode === 'SAME_UPPER' ? { begin: small, end: large } : { begin: large, end: small }
  }
  if (mode === 'VALID') return { begin: input.map(() => 0), end: input.map(() => 0) }
  if (mode !== 'NOTSET' && mode !== '')
    throw new LanewiseError('E_VALUE', `auto_pad "${mode}" is not one of NOTSET, VALID, SAME_UPPER, SAME_LOWER`)
  const pads = attributes.pads ?? new Array<number>(2 * rank).fill(0)
  if (pads.length !== 2 * rank)
    throw new LanewiseError('E_SHAPE', `pads must have ${2 * rank} entries, got ${formatShape(pads)}`)
  for (const pad of pads)
    if (!(pad >= 0 && pad <= LIMIT))
      throw new LanewiseError('E_VALUE', `pads must be 0 or more, got ${formatShape(pads)}`)
  return { begin: pads.slice(0, rank), end: pads.slice(rank) }
}

/** A list with an entry per spatial axis, each in [1, 2^31). */
export function perAxis(
  name: string,
  list: readonly number[] | undefined,
  rank: number,
  fallback: number,
): readonly number[] {
  if (!list || list.length === 0) return new Array<number>(rank).fill(fallback)
  if (list.length !== rank)
    throw new LanewiseError('E_SHAPE', `${name} must have ${rank} entries, got ${formatShape(list)}`)
  for (const value of list)
    if (!(value >= 1 && value <= LIMIT))
      throw new LanewiseError('E_VALUE', `${name} must be positive, got ${formatShape(list)}`)
  return list
}

/** Three entries, the missing leading ones filled: kernels see every window as depth, height, width. */
export function threeAxes(list: readonly number[], fill: number): [number, number, number] {
  return [fill, fill, fill, ...list].slice(-3) as [number, number, number]
}

/** What slides where: shapes are [N, C, spatial …] of dense channels-last tensors, channels those of one group. */
export interface Sliding {
  readonly x: Shape
  readonly y: Shape
  readonly window: Pick<Window, 'kernel' | 'strides' | 'dilations' | 'begin'> & Partial<Pick<Window, 'end'>>
  readonly groups: number
  readonly inputs: number
  readonly outputs: number
}

/**
 * The table that kernels read a window from, in the order of WINDOW_* in assembly/abi/codes.ts
 * (assembly/lib/window.ts).
 */
export function windowTable({ x, y, window, groups, inputs, outputs }: Sliding): Int32Array {
  const { kernel, strides, dilations, begin, end = [] } = window
  return Int32Array.of(
    ...[x[1], y[1], y[1], groups, inputs, outputs],
    ...[x.slice(2), y.slice(2), kernel, strides, dilations].flatMap((sizes) => threeAxes(sizes, 1)),
    ...threeAxes(begin, 0),
    ...threeAxes(end, 0),
    x[0],
  )
}

/** The same for a window that does nothing along the depth: every depth is an image, for kernels of two axes. */
export function flatWindowTable(sliding: Sliding): Int32Array {
  const entries = windowTable(sliding)
  entries[WINDOW_IMAGES] *= entries[WINDOW_X]
  entries[WINDOW_X] = entries[WINDOW_Y] = 1
  return entries
}

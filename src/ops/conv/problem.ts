import type { Activation, Address, KernelEmitter, Operand } from '../../ir/emitter.js'
import { threeAxes, type Sliding, type Window } from '../pool/window.js'

/** One convolution to be computed: operands channels-last, filters [M, C/group, kernel …]. */
export interface ConvProblem {
  readonly x: Operand
  readonly w: Operand
  readonly y: Operand
  readonly window: Window
  readonly group: number
  /** Added to every pixel; 0: none. */
  readonly bias: Address | 0
  /** Added before the activation, shaped like y; 0: none. */
  readonly residual: Address | 0
  readonly activation: Activation
}

/** One of the ways to compute a convolution. */
export interface ConvKernel {
  readonly name: string
  emit(e: KernelEmitter, problem: ConvProblem): void
}

/** Channels in and out of one group. */
export function channelsOf({ w, group }: Pick<ConvProblem, 'w' | 'group'>): { inputs: number; outputs: number } {
  return { inputs: w.shape[1], outputs: w.shape[0] / group }
}

/** What the kernels' table is made of. */
export function slidingOf(
  problem: Pick<ConvProblem, 'x' | 'w' | 'y' | 'group'> & { readonly window: Sliding['window'] },
): Sliding {
  const { x, y, window, group } = problem
  return { x: x.shape, y: y.shape, window, groups: group, ...channelsOf(problem) }
}

/** Whether there are at most two spatial axes that the window does anything in. */
export function isFlat({ kernel, strides, begin, end }: Window): boolean {
  return kernel.length < 3 || (kernel[0] === 1 && strides[0] === 1 && begin[0] === 0 && end[0] === 0)
}

/** 3 for 3×3, 4 for 4×4, 5 for 5×5, at stride 1 and not dilated; otherwise 0. */
export function unitTaps({ kernel, strides, dilations }: Pick<Window, 'kernel' | 'strides' | 'dilations'>): number {
  const [, kh, kw] = threeAxes(kernel, 1)
  return kh === kw &&
    kh >= 3 &&
    kh <= 5 &&
    strides.every((stride) => stride === 1) &&
    dilations.every((dilation) => dilation === 1)
    ? kh
    : 0
}

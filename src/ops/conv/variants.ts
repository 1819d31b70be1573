import { DIRECT_DOTS, DIRECT_PRODUCTS, DIRECT_TAPS, DIRECT_TILES } from '../../../assembly/abi/codes.js'
import type { Shape } from '../../core/shape.js'
import type { KernelEmitter } from '../../ir/op.js'
import { threeAxes, type Window } from '../pool/window.js'
import {
  depthwise,
  direct,
  gemv,
  grouped,
  im2col,
  winograd,
  winogradBytes,
  type DirectKind,
} from './kernels.js'
import { channelsOf, isFlat, unitTaps, type ConvProblem, type ConvVariant } from './problem.js'

/** Up to so many filters per group a matrix product per group is too narrow (docs/performance/gemm.md). */
const GROUPED_OUTPUTS = 8
/** A 1×1 kernel needs no gathering, so that the matrix product is worth it sooner. */
const GROUPED_POINTWISE = 4

/** Up to so many readings of every filter a convolution is bound by them (docs/performance/narrow.md). */
const FEW_READINGS = 3
/** Along one axis: never few. */
const MANY_PIXELS = 64

/** Up to so many channels the tiles of short kernel rows are faster than Winograd's transforms (docs/performance/narrow.md). */
const TILES_BEFORE_WINOGRAD = 3

/** From so many pixels on, Winograd's way is faster even if the filters are transformed anew at every run (docs/performance/training.md). */
const REPACKED_PIXELS = 192

/** The one place where a convolution's algorithm is chosen. */
export function chooseVariant(e: KernelEmitter, problem: ConvProblem): ConvVariant {
  const { x, w, window, group } = problem
  const { inputs, outputs } = channelsOf(problem)
  if (group > 1 && group === x.shape[1] && isFlat(window)) return depthwise
  // What is chosen for one example is right for all, where that is asked for.
  const examples = e.perExample ? 1 : x.shape[0]
  if (group === 1 && isFlat(window) && examples * readingsOfFilters(x.shape, window) <= FEW_READINGS) return gemv
  const kind =
    group === 1 && isFlat(window) && window.dilations.every((dilation) => dilation === 1)
      ? directKind(problem)
      : undefined
  if (kind === DIRECT_TILES && inputs <= TILES_BEFORE_WINOGRAD) return direct(kind)
  const taps = isFlat(window) ? unitTaps(window) : 0
  if (e.fast && taps > 0 && (group === 1 || Math.min(inputs, outputs) >= 8)) {
    const [depth, oh, ow] = threeAxes(window.output, 1)
    const images = examples * depth
    const tile =
      w.constant || images * oh * ow >= REPACKED_PIXELS
        ? e.ask('winograd_choice', taps, images, inputs, outputs, oh, ow)
        : 0
    // Packed filters take up to four times the original ones' memory: where that is scarce, what takes less.
    for (const m of tile === 4 ? [4, 2] : [tile]) {
      if (m && e.affords(w, winogradBytes(e, m, taps, group, inputs, outputs)))
        return winograd(m, taps)
    }
  }
  if (group > 1)
    return outputs <= (w.size === w.shape[0] * inputs ? GROUPED_POINTWISE : GROUPED_OUTPUTS) ? grouped : im2col
  return kind === undefined ? im2col : direct(kind)
}

/** How conv_direct_f32 would do it, where that beats gathering: the evidence is in docs/performance/narrow.md. */
function directKind({ w, window }: ConvProblem): DirectKind | undefined {
  const [outputs, inputs] = w.shape
  const [, kh, kw] = threeAxes(window.kernel, 1)
  const run = kw * inputs
  if (inputs === 1 && outputs <= 6) return DIRECT_TAPS
  // Tiles are eight filters wide: a quarter of their work must be lost before dot products win.
  const lost = Math.ceil(outputs / 8) * 8 - outputs
  if (inputs > 1 && run >= 4 && outputs <= 12 && (kh * kw === 1 ? outputs <= 4 && inputs >= 16 : 3 * lost >= outputs))
    return DIRECT_DOTS
  const short = kh * kw > 1 && run <= 40 && inputs <= 8 && outputs <= (inputs <= 4 ? 32 : 16)
  if (short && threeAxes(window.output, 1)[2] >= 12) return DIRECT_TILES
  return kh > 1 && run >= 80 && outputs <= 32 && threeAxes(window.output, 1)[2] >= 16 ? DIRECT_PRODUCTS : undefined
}

/** How often a convolution of one example reads its filters if it passes over the taps that lie in the padding. */
function readingsOfFilters(x: Shape, { kernel, strides, dilations, begin, output }: Window): number {
  return kernel.reduce((readings, taps, axis) => {
    if (output[axis] > MANY_PIXELS) return Infinity
    let used = 0
    for (let i = 0; i < output[axis]; i++) {
      const first = i * strides[axis] - begin[axis]
      const end = Math.min(taps, Math.ceil((x[axis + 2] - first) / dilations[axis]))
      used += Math.max(0, end - Math.max(0, Math.ceil(-first / dilations[axis])))
    }
    return (readings * used) / taps
  }, 1)
}

// Which way a convolution is computed. `npm run bench -- kernels --variant conv/A,conv/B --sweep` measures ways against
// each other on layers around these thresholds; the figures behind them are in docs/performance/narrow.md, winograd.md
// and gemm.md.
import {
  DEPTHWISE_IMAGE,
  DEPTHWISE_LINES,
  DEPTHWISE_RING,
  DIRECT_DOTS,
  DIRECT_PRODUCTS,
  DIRECT_TAPS,
  DIRECT_TILES,
  UNARY_CLIP,
} from '../../../assembly/abi/codes.js'
import type { Shape } from '../../core/shape.js'
import { firstThatPays, type Variant } from '../../core/variants.js'
import type { KernelEmitter } from '../../ir/emitter.js'
import { threeAxes, type Window } from '../pool/window.js'
import {
  depthwise,
  direct,
  gemv,
  grouped,
  im2col,
  winograd,
  winogradBytes,
  type DepthwiseWay,
  type DirectKind,
} from './kernels.js'
import { channelsOf, isFlat, unitTaps, type ConvKernel, type ConvProblem } from './problem.js'

/** What decides: the problem, the kernels' own sizes, and what was asked of the session. */
interface Case extends ConvProblem {
  readonly e: KernelEmitter
}

interface ConvVariant extends Variant<Case> {
  readonly kernel: ConvKernel
}

/** Up to so many readings of every filter a convolution is bound by them: --variant conv/gemv,conv/im2col */
const FEW_READINGS = 3
/** Along one axis: never few. */
const MANY_PIXELS = 64

/**
 * An image of more bytes than that is not kept in the second-level cache: --variant
 * conv/depthwise/image,conv/depthwise/ring
 */
const FAR_IMAGE = 1 << 20
/** Pixels a multiple of so many floats apart fall into few sets of the first-level cache: the same command. */
const CROWDED_PITCH = 256

/**
 * Up to so many channels tiles on short kernel rows beat Winograd's transforms: --variant
 * conv/direct/tiles,conv/winograd/4x4
 */
const TILES_BEFORE_WINOGRAD = 3

/**
 * From so many pixels on Winograd pays even if the filters are transformed at every run (a training): npm run bench --
 * train
 */
const REPACKED_PIXELS = 192

/** Up to so many filters per group a matrix product per group is too narrow: --variant conv/grouped,conv/im2col */
const GROUPED_OUTPUTS = 8
/** The same for 1×1, which needs no gathering. */
const GROUPED_POINTWISE = 4

const always = (): boolean => true

/** In this order: the first that takes and pays. */
const table: readonly ConvVariant[] = [
  depthwiseVariant(DEPTHWISE_LINES),
  depthwiseVariant(DEPTHWISE_IMAGE),
  depthwiseVariant(DEPTHWISE_RING),
  {
    name: 'gemv',
    kernel: gemv,
    takes: ({ window, group }) => group === 1 && isFlat(window),
    pays: (problem) => examplesOf(problem) * readingsOfFilters(problem.x.shape, problem.window) <= FEW_READINGS,
  },
  directVariant(DIRECT_TILES, ({ w }) => w.shape[1] <= TILES_BEFORE_WINOGRAD),
  winogradVariant(4),
  winogradVariant(3),
  winogradVariant(2),
  {
    name: 'grouped',
    kernel: grouped,
    takes: always,
    pays: ({ w, group }) =>
      group > 1 && w.shape[0] / group <= (w.size === w.shape[0] * w.shape[1] ? GROUPED_POINTWISE : GROUPED_OUTPUTS),
  },
  directVariant(DIRECT_TAPS),
  directVariant(DIRECT_DOTS),
  directVariant(DIRECT_TILES),
  directVariant(DIRECT_PRODUCTS),
  { name: 'im2col', kernel: im2col, takes: always, pays: always },
]

/** The way to compute a convolution. */
export function chooseKernel(e: KernelEmitter, problem: ConvProblem): ConvKernel {
  return firstThatPays('conv', table, { ...problem, e }).kernel
}

/** What is chosen for one example is right for all, where that is asked for. */
function examplesOf({ e, x }: Case): number {
  return e.perExample ? 1 : x.shape[0]
}

/** 3 wide, with nothing to do after the sums but a clamp, columns without padding can be read where they lie. */
function depthwiseVariant(way: DepthwiseWay): ConvVariant {
  const kernel = depthwise(way)
  return {
    name: kernel.name,
    kernel,
    takes({ x, w, window, group, residual, activation }) {
      const [kw, sw, dw] = [window.kernel, window.strides, window.dilations].map((sizes) => sizes.at(-1))
      const channels = x.shape[1]
      if (group < 2 || group !== channels || !isFlat(window)) return false
      if (way === DEPTHWISE_RING) return true
      if (kw !== 3 || dw !== 1 || w.shape[0] !== channels || residual || activation.code > UNARY_CLIP) return false
      return way === DEPTHWISE_LINES ? sw === 2 && channels % 16 === 0 : (sw === 1 || sw === 2) && channels % 4 === 0
    },
    pays({ x, window }) {
      const [, height, width] = threeAxes(x.shape.slice(2), 1)
      const far = 4 * x.shape[1] * height * width > FAR_IMAGE
      return way === DEPTHWISE_RING || (x.shape[1] % CROWDED_PITCH > 0 && (far || window.strides.at(-1) === 1))
    },
  }
}

/** One group, not dilated; where it beats gathering by itself, and a condition besides. */
function directVariant(kind: DirectKind, condition: (problem: Case) => boolean = always): ConvVariant {
  const kernel = direct(kind)
  return {
    name: kernel.name,
    kernel,
    takes: ({ w, window, group }) =>
      group === 1 &&
      isFlat(window) &&
      window.dilations.every((dilation) => dilation === 1) &&
      (kind !== DIRECT_TAPS || w.shape[1] === 1) &&
      (kind !== DIRECT_DOTS || w.shape[1] * threeAxes(window.kernel, 1)[2] >= 4),
    pays: (problem) => directKind(problem) === kind && condition(problem),
  }
}

/**
 * Which kind of conv_direct_f32 beats gathering: --variant
 * conv/direct/taps,conv/direct/dots,conv/direct/products,conv/im2col
 */
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

/**
 * 3×3, 4×4 and 5×5 at stride 1; winograd_choice (assembly/conv/winograd.ts) says which tile pays: --variant
 * conv/winograd/4x4,conv/winograd/2x2
 */
function winogradVariant(m: 2 | 3 | 4): ConvVariant {
  const kernel = winograd(m)
  return {
    name: kernel.name,
    kernel,
    // Six points make F(4, 3), F(3, 4) and F(2, 5), four F(2, 3).
    takes: ({ window }) => isFlat(window) && (unitTaps(window) + m === 7 || (unitTaps(window) === 3 && m === 2)),
    pays(problem) {
      const { e, w, window, group } = problem
      const { inputs, outputs } = channelsOf(problem)
      if (!e.fast || (group > 1 && Math.min(inputs, outputs) < 8)) return false
      const taps = unitTaps(window)
      const [depth, oh, ow] = threeAxes(window.output, 1)
      const images = examplesOf(problem) * depth
      if (!w.constant && images * oh * ow < REPACKED_PIXELS) return false
      // Packed filters take up to four times the original ones' memory: where that is scarce, the smaller tile's.
      const tile = e.ask('winograd_choice', taps, images, inputs, outputs, oh, ow)
      return tile >= m && e.affords(w, winogradBytes(e, m, taps, group, inputs, outputs))
    },
  }
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

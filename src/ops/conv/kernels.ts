// The calls of every way to compute a convolution; which is taken where: variants.ts.
import {
  DEPTHWISE_IMAGE,
  DEPTHWISE_LINES,
  DEPTHWISE_RING,
  DIRECT_DOTS,
  DIRECT_PRODUCTS,
  DIRECT_TAPS,
  DIRECT_TILES,
} from '../../../assembly/abi/codes.js'
import { sizeOf } from '../../core/shape.js'
import { plus, type Address, type KernelEmitter } from '../../ir/emitter.js'
import { flatWindowTable, threeAxes, windowTable } from '../pool/window.js'
import { channelsOf, slidingOf, type ConvProblem, type ConvKernel } from './problem.js'

/** Bytes of the packed filters. Packing works in scratch after what it makes. */
export function winogradBytes(
  e: KernelEmitter,
  m: number,
  taps: number,
  group: number,
  inputs: number,
  outputs: number,
): number {
  return group * e.ask('winograd_packed_size', m, taps, inputs, outputs) + e.ask('winograd_pack_scratch_size')
}

/** Fewer multiplications by transforming tiles of m×m outputs; groups are slices of the channels. */
export function winograd(m: number): ConvKernel {
  return {
    name: `winograd/${m}x${m}`,
    emit(e, problem) {
      const { x, w, y, group, bias, residual, activation } = problem
      const { inputs, outputs } = channelsOf(problem)
      const { images, oh, ow, kw: taps } = planesOf(problem)
      const bytes = e.ask('winograd_packed_size', m, taps, inputs, outputs)
      const key = `winograd ${m} ${group}`
      const packed = e.pack(w, key, winogradBytes(e, m, taps, group, inputs, outputs), (p, from, to) => {
        const panels = Math.ceil(outputs / 8)
        for (let g = 0; g < group; g++) {
          const [filters, panel] = [plus(from, 4 * taps * taps * inputs * outputs * g), plus(to, g * bytes)]
          const scratch = plus(to, group * bytes)
          for (let i = 0; i < panels; i += 8) {
            const end = Math.min(i + 8, panels)
            p.call('winograd_pack_f32', m, taps, filters, inputs, outputs, panel, scratch, i, end)
          }
        }
      })
      const scratch = e.scratch(e.ask('winograd_scratch_size', m, taps, images, oh, ow, inputs, outputs))
      const table = e.table(flatWindowTable(slidingOf(problem)))
      const blocks = e.ask('winograd_blocks', m, taps, images, oh, ow, inputs, outputs)
      const { code, a, b } = activation
      for (let g = 0; g < group; g++) {
        const slice = (at: Address | 0) => at && plus(at, 4 * g * outputs)
        const [from, filters] = [plus(x.at, 4 * g * inputs), plus(packed, g * bytes)]
        const [biases, added, to] = [slice(bias), slice(residual), slice(y.at)]
        e.call('winograd_f32', m, from, filters, biases, added, to, table, code, a, b, 0, blocks, scratch)
      }
    },
  }
}

const depthwiseNames = {
  [DEPTHWISE_RING]: 'depthwise/ring',
  [DEPTHWISE_IMAGE]: 'depthwise/image',
  [DEPTHWISE_LINES]: 'depthwise/lines',
}

export type DepthwiseWay = keyof typeof depthwiseNames

/** One filter per channel: no products across channels. */
export const depthwise = (way: DepthwiseWay): ConvKernel => ({
  name: depthwiseNames[way],
  emit(e, problem) {
    const { x, w, y, bias, residual, activation } = problem
    const { images, oh, ow, kh, kw, sw, dh, dw } = planesOf(problem)
    const channels = y.shape[1]
    const bytes = 4 * e.ask('depthwise_packed_size', channels, kh * kw)
    const packed = e.pack(w, `depthwise ${kh * kw}`, bytes, (p, from, to) =>
      p.call('depthwise_pack_f32', from, channels, kh * kw, to),
    )
    const scratch = e.scratch(e.ask('depthwise_scratch_size', channels, ow, kh, kw, sw, dh, dw))
    const table = e.table(flatWindowTable(slidingOf(problem)))
    const { code, a, b } = activation
    e.call('depthwise_f32', way, x.at, packed, bias, residual, y.at, table, code, a, b, 0, images * oh, scratch)
  },
})

/** A matrix product whose left side is gathered from the image a strip at a time; 1×1 kernels need no gathering. */
export const im2col: ConvKernel = {
  name: 'im2col',
  emit(e, problem) {
    const { w } = problem
    const scratch = e.scratch(e.ask('conv_im2col_scratch_size', w.shape[1], sizeOf(w.shape.slice(2))))
    emitTaps(e, 'conv_im2col_f32', problem, scratch)
  },
}

/** Hardly any pixels: matrix times vector. */
export const gemv: ConvKernel = {
  name: 'gemv',
  emit(e, problem) {
    const { x, w, y, bias, residual, activation } = problem
    const table = e.table(flatWindowTable(slidingOf(problem)))
    const { code, a, b } = activation
    e.call('conv_gemv_f32', x.at, packTaps(e, problem), bias, residual, y.at, table, code, a, b, 0, w.shape[0])
  },
}

const directNames = {
  [DIRECT_PRODUCTS]: 'direct/products',
  [DIRECT_DOTS]: 'direct/dots',
  [DIRECT_TAPS]: 'direct/taps',
  [DIRECT_TILES]: 'direct/tiles',
}

export type DirectKind = keyof typeof directNames

/** Few filters or wide kernels: reads from rows that are copied once. */
export function direct(kind: DirectKind): ConvKernel {
  return {
    name: directNames[kind],
    emit(e, problem) {
      const { x, w, y, bias, residual, activation } = problem
      const { images, oh, ow, kh, kw, sw } = planesOf(problem)
      const { inputs, outputs } = channelsOf(problem)
      const bytes = e.ask('conv_direct_packed_size', kind, outputs, inputs, kh, kw)
      const packed = e.pack(w, `direct ${kind} ${sw}`, bytes, (p, from, to) => {
        p.call('conv_direct_pack_f32', kind, from, outputs, inputs, kh, kw, sw, to)
      })
      const table = e.table(flatWindowTable(slidingOf(problem)))
      const scratch = e.scratch(e.ask('conv_direct_scratch_size', kind, inputs, kh, kw, sw, ow))
      const { code, a, b } = activation
      const rows = images * oh
      e.call('conv_direct_f32', kind, x.at, packed, bias, residual, y.at, table, code, a, b, 0, rows, scratch)
    },
  }
}

/** Many small groups: tiles that read from rows copied once for all of them. */
export const grouped: ConvKernel = {
  name: 'grouped',
  emit(e, problem) {
    const { w, y, window, group } = problem
    const [kd, kh, kw] = threeAxes(window.kernel, 1)
    const [, , sw] = threeAxes(window.strides, 1)
    const [, , dw] = threeAxes(window.dilations, 1)
    const [, , ow] = threeAxes(y.shape.slice(2), 1)
    const bytes = e.ask('conv_grouped_scratch_size', w.shape[1], group, kd, kh, kw, sw, dw, ow)
    emitTaps(e, 'conv_grouped_f32', problem, e.scratch(bytes))
  },
}

/** What a flat window does in each image, whose number counts the depth in. */
function planesOf({ x, y, window }: ConvProblem) {
  const [, kh, kw] = threeAxes(window.kernel, 1)
  const [, , sw] = threeAxes(window.strides, 1)
  const [, dh, dw] = threeAxes(window.dilations, 1)
  const [depth] = threeAxes(x.shape.slice(2), 1)
  const [, oh, ow] = threeAxes(y.shape.slice(2), 1)
  return { images: x.shape[0] * depth, oh, ow, kh, kw, sw, dh, dw }
}

function packTaps(e: KernelEmitter, problem: ConvProblem): Address {
  const { inputs, outputs } = channelsOf(problem)
  const { w, group } = problem
  const taps = sizeOf(w.shape.slice(2))
  return e.pack(w, `conv ${group}`, e.ask('conv_packed_size', outputs, inputs, taps, group), (p, from, to) => {
    p.call('conv_pack_f32', from, outputs, inputs, taps, group, to)
  })
}

/** The call of a kernel that takes any window and filters packed by conv_pack_f32. */
function emitTaps(
  e: KernelEmitter,
  kernel: 'conv_im2col_f32' | 'conv_grouped_f32',
  problem: ConvProblem,
  scratch: Address,
): void {
  const { x, y } = problem
  const [od, oh] = threeAxes(y.shape.slice(2), 1)
  const table = e.table(windowTable(slidingOf(problem)))
  emitRows(e, kernel, problem, packTaps(e, problem), table, x.shape[0] * od * oh, scratch)
}

/** The call that most kernels of the family share: it covers `rows` rows of the output. */
export function emitRows(
  e: KernelEmitter,
  kernel: 'conv_im2col_f32' | 'conv_grouped_f32' | 'conv_transpose_f32' | 'conv_transpose_no_overlap_f32',
  { x, y, bias, residual, activation }: Omit<ConvProblem, 'window'>,
  packed: Address,
  table: Address,
  rows: number,
  scratch: Address,
): void {
  const { code, a, b } = activation
  e.call(kernel, x.at, packed, bias, residual, y.at, table, code, a, b, 0, rows, scratch)
}

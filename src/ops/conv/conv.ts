import {
  DIRECT_DOTS,
  DIRECT_PRODUCTS,
  DIRECT_TAPS,
  DIRECT_TILES,
  UNARY_LEAKY_RELU,
  UNARY_NONE,
} from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { channelsLastOrder, type Layout, type LayoutQuery } from '../../core/layout.js'
import { formatShape, type Shape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { defineOp, plus, type Address, type Emitter, type KernelEmitter, type Operand } from '../../ir/op.js'
import { sameType } from '../elementwise/operands.js'
import { slideWindow, threeAxes, windowAttributes, type Window } from '../pool/window.js'

const none = { code: UNARY_NONE, a: 0, b: 0 }

const attributes = { ...windowAttributes, group: int(1) }

export interface ConvAttributes {
  readonly auto_pad: string
  readonly dilations?: readonly number[]
  readonly kernel_shape?: readonly number[]
  readonly pads?: readonly number[]
  readonly strides?: readonly number[]
  readonly group: number
}

/** Inputs: X [N, C, spatial …], W [M, C/group, kernel …], B [M]; graph passes may add a residual of Y's shape as input 3. */
export const Conv = defineOp({
  name: 'Conv',
  arity: [2, 4],
  attributes,
  infer({ attributes, inputs }) {
    const [x, w, b] = inputs
    const { output } = windowOf(attributes, x.shape, w.shape, b?.shape)
    return [{ dtype: sameType(inputs), shape: [x.shape[0], w.shape[0], ...output] }]
  },
  layout: channelsLastData,
  emit(e) {
    const x = e.input(0)
    const w = e.input(1)
    const y = outputOver(e)
    if (y.size === 0) return
    const window = windowOf(e.attributes, x.shape, w.shape, undefined)
    const { group } = e.attributes
    const bias = e.inputs[2]?.at ?? 0
    const residual = e.fused.residual === undefined ? 0 : e.input(e.fused.residual).at
    const activation = e.fused.activation ?? none
    const problem: ConvProblem = { x, w, y, window, group, bias, residual, activation }
    const kernel = chooseKernel(e, problem)
    // What the kernels do not apply in registers is faster over the whole result than in the short stretches they have at hand
    // (docs/performance/elementwise.md).
    const inRegisters = activation.code <= UNARY_LEAKY_RELU
    kernel.emit(e, inRegisters ? problem : { ...problem, activation: none })
    if (!inRegisters) e.call('unary_f32', activation.code, y.at, y.at, y.size, activation.a, activation.b)
    e.note({ kernel: kernel.name, flops: 2 * y.size * (w.size / w.shape[0]) })
  },
})

/** The output in the memory of the residual, if nobody else needs that: kernels read it where they write. Unless it is the image, too. */
export function outputOver(e: Emitter<unknown>): Operand {
  const { residual } = e.fused
  if (residual === undefined || e.input(residual).constant || e.input(residual).at.block === e.input(0).at.block)
    return e.output(0)
  return e.overwrite(0, residual)
}

/** Data and residual channels-last; weights and bias as they are. */
export function channelsLastData({ inputs, outputs }: LayoutQuery<unknown>): Layout {
  return {
    inputs: inputs.map((input, i) =>
      input && (i === 0 || i >= 3) ? channelsLastOrder(input.shape.length) : undefined,
    ),
    outputs: outputs.map((shape) => channelsLastOrder(shape.length)),
  }
}

export function windowOf(attributes: ConvAttributes, x: Shape, w: Shape, b: Shape | undefined): Window {
  const { group } = attributes
  if (x.length < 3 || x.length > 5) {
    const code = x.length < 3 ? 'E_SHAPE' : 'E_UNSUPPORTED'
    throw new LanewiseError(code, `Conv takes inputs of 3 to 5 axes, got ${formatShape(x)}`, {
      expected: '3 to 5 axes',
      actual: formatShape(x),
    })
  }
  if (w.length !== x.length)
    throw new LanewiseError(
      'E_SHAPE',
      `the weights ${formatShape(w)} do not have as many axes as the input ${formatShape(x)}`,
    )
  if (!(group >= 1)) throw new LanewiseError('E_VALUE', `group must be positive, got ${group}`)
  if (x[1] !== w[1] * group || w[0] % group !== 0) {
    throw new LanewiseError('E_SHAPE', `weights ${formatShape(w)} in ${group} groups do not fit ${x[1]} channels`, {
      expected: `${w[1] * group} channels`,
      actual: `${x[1]} channels`,
    })
  }
  if (b && (b.length !== 1 || b[0] !== w[0]))
    throw new LanewiseError('E_SHAPE', `the bias must have ${w[0]} elements, got ${formatShape(b)}`)
  const kernel = w.slice(2)
  if (attributes.kernel_shape && formatShape(attributes.kernel_shape) !== formatShape(kernel)) {
    throw new LanewiseError(
      'E_SHAPE',
      `kernel_shape ${formatShape(attributes.kernel_shape)} is not that of the weights ${formatShape(w)}`,
    )
  }
  return slideWindow(attributes, x.slice(2), kernel)
}

/** One convolution to be computed. */
export interface ConvProblem {
  readonly x: Operand
  readonly w: Operand
  readonly y: Operand
  readonly window: Window
  readonly group: number
  readonly bias: Address | 0
  readonly residual: Address | 0
  readonly activation: { readonly code: number; readonly a: number; readonly b: number }
}

export interface Kernel {
  readonly name: string
  emit(e: KernelEmitter, problem: ConvProblem): void
}

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

/** The one place where a convolution's algorithm is chosen; the evidence is in docs/performance/winograd.md. */
export function chooseKernel(e: KernelEmitter, problem: ConvProblem): Kernel {
  const { x, w, window, group } = problem
  if (group > 1 && group === x.shape[1] && isFlat(window)) return depthwise
  // What is chosen for one example is right for all, where that is asked for.
  const examples = e.perExample ? 1 : x.shape[0]
  if (group === 1 && isFlat(window) && examples * readingsOfFilters(x.shape, window) <= FEW_READINGS) return few
  const inputs = w.shape[1]
  const outputs = w.shape[0] / group
  const kind =
    group === 1 && isFlat(window) && window.dilations.every((dilation) => dilation === 1)
      ? rowsKind(problem)
      : undefined
  if (kind === DIRECT_TILES && inputs <= TILES_BEFORE_WINOGRAD) return rows(kind)
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
      if (m && e.affords(w, winogradBytes(e, m, taps, group, inputs, outputs))) return winograd(m, taps)
    }
  }
  if (group > 1)
    return outputs <= (w.size === w.shape[0] * inputs ? GROUPED_POINTWISE : GROUPED_OUTPUTS) ? grouped : gathered
  return kind === undefined ? gathered : rows(kind)
}

/** How conv_direct_f32 would do it, where that beats gathering: the evidence is in docs/performance/narrow.md. */
function rowsKind({ w, window }: ConvProblem): keyof typeof rowsNames | undefined {
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

/** Whether there are at most two spatial axes that the window does anything in. */
function isFlat({ kernel, strides, begin, end }: Window): boolean {
  return kernel.length < 3 || (kernel[0] === 1 && strides[0] === 1 && begin[0] === 0 && end[0] === 0)
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

/** 3 for 3×3, 5 for 5×5, at stride 1 and not dilated; otherwise 0. */
export function unitTaps({ kernel, strides, dilations }: Pick<Window, 'kernel' | 'strides' | 'dilations'>): number {
  const [, kh, kw] = threeAxes(kernel, 1)
  return kh === kw &&
    (kh === 3 || kh === 5) &&
    strides.every((stride) => stride === 1) &&
    dilations.every((dilation) => dilation === 1)
    ? kh
    : 0
}

const winogradKey = (m: number, group: number): string => `winograd ${m} ${group}`

/** Bytes of the packed filters. Packing works in scratch behind what it makes. */
function winogradBytes(
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
function winograd(m: number, taps: number): Kernel {
  return {
    name: `winograd ${m}x${m}`,
    emit(e, problem) {
      const { x, w, y, group, bias, residual, activation } = problem
      const { images, height, width, oh, ow, top, left } = planesOf(problem)
      const inputs = w.shape[1]
      const outputs = w.shape[0] / group
      const bytes = e.ask('winograd_packed_size', m, taps, inputs, outputs)
      const packed = e.pack(
        w,
        winogradKey(m, group),
        winogradBytes(e, m, taps, group, inputs, outputs),
        (p, from, to) => {
          const panels = Math.ceil(outputs / 8)
          for (let g = 0; g < group; g++) {
            const filters = plus(from, 4 * taps * taps * inputs * outputs * g)
            for (let i = 0; i < panels; i += 8) {
              p.call(
                'winograd_pack_f32',
                m,
                taps,
                filters,
                inputs,
                outputs,
                plus(to, g * bytes),
                plus(to, group * bytes),
                i,
                Math.min(i + 8, panels),
              )
            }
          }
        },
      )
      const scratch = e.scratch(e.ask('winograd_scratch_size', m, taps, images, oh, ow, inputs, outputs))
      for (let g = 0; g < group; g++) {
        const slice = (at: Address | 0) => at && plus(at, 4 * g * outputs)
        e.call(
          'winograd_f32',
          m,
          taps,
          plus(x.at, 4 * g * inputs),
          x.shape[1],
          plus(packed, g * bytes),
          slice(bias),
          slice(residual),
          y.shape[1],
          slice(y.at),
          y.shape[1],
          images,
          height,
          width,
          inputs,
          outputs,
          oh,
          ow,
          top,
          left,
          activation.code,
          activation.a,
          activation.b,
          scratch,
          0,
          e.ask('winograd_blocks', m, taps, images, oh, ow, inputs, outputs),
        )
      }
    },
  }
}

/** One filter per channel: no products across channels. */
const depthwise: Kernel = {
  name: 'depthwise',
  emit(e, problem) {
    const { x, w, y, group, bias, residual, activation } = problem
    const { images, height, width, oh, ow, kh, kw, sh, sw, dh, dw, top, left } = planesOf(problem)
    const channels = y.shape[1]
    const bytes = 4 * e.ask('depthwise_packed_size', channels, kh * kw)
    const packed = e.pack(w, `depthwise ${kh * kw}`, bytes, (p, from, to) =>
      p.call('depthwise_pack_f32', from, channels, kh * kw, to),
    )
    const scratch = e.scratch(e.ask('depthwise_scratch_size', channels, ow, kh, kw, sw, dh, dw))
    e.call(
      'depthwise_f32',
      x.at,
      group,
      packed,
      bias,
      residual,
      channels,
      y.at,
      channels,
      height,
      width,
      channels,
      channels / group,
      oh,
      ow,
      kh,
      kw,
      sh,
      sw,
      dh,
      dw,
      top,
      left,
      activation.code,
      activation.a,
      activation.b,
      scratch,
      0,
      images * oh,
    )
  },
}

/** A matrix product whose left side is gathered from the image a strip at a time; 1×1 kernels need no gathering. */
const gathered: Kernel = {
  name: 'im2col',
  emit(e, problem) {
    const { inputs, taps } = sizesOf(problem)
    emitTaps(e, problem, 'conv_im2col_f32', e.scratch(e.ask('conv_im2col_scratch_size', inputs, taps)))
  },
}

/** Hardly any pixels: matrix times vector. */
const few: Kernel = {
  name: 'gemv',
  emit(e, problem) {
    const { x, w, y, bias, residual, activation } = problem
    const { images, height, width, oh, ow, kh, kw, sh, sw, dh, dw, top, left } = planesOf(problem)
    const [outputs, inputs] = w.shape
    e.call(
      'conv_gemv_f32',
      x.at,
      height,
      width,
      inputs,
      packTaps(e, problem),
      kh,
      kw,
      sh,
      sw,
      dh,
      dw,
      top,
      left,
      y.at,
      images,
      oh,
      ow,
      outputs,
      bias,
      residual,
      activation.code,
      activation.a,
      activation.b,
      0,
      outputs,
    )
  },
}

const rowsNames = {
  [DIRECT_PRODUCTS]: 'direct/products',
  [DIRECT_DOTS]: 'direct/dots',
  [DIRECT_TAPS]: 'direct/taps',
  [DIRECT_TILES]: 'direct/tiles',
}

/** Few filters or wide kernels: reads from rows that are copied once. */
function rows(kind: keyof typeof rowsNames): Kernel {
  return {
    name: rowsNames[kind],
    emit(e, problem) {
      const { x, w, y, bias, residual, activation } = problem
      const { images, height, width, oh, ow, kh, kw, sh, sw, top, left } = planesOf(problem)
      const [outputs, inputs] = w.shape
      const packed = e.pack(
        w,
        `rows ${kind} ${sw}`,
        e.ask('conv_direct_packed_size', kind, outputs, inputs, kh, kw),
        (p, from, to) => {
          p.call('conv_direct_pack_f32', kind, from, outputs, inputs, kh, kw, sw, to)
        },
      )
      e.call(
        'conv_direct_f32',
        kind,
        x.at,
        inputs,
        height,
        width,
        inputs,
        packed,
        kh,
        kw,
        sh,
        sw,
        top,
        left,
        y.at,
        outputs,
        oh,
        ow,
        outputs,
        bias,
        residual,
        outputs,
        activation.code,
        activation.a,
        activation.b,
        0,
        images * oh,
        e.scratch(e.ask('conv_direct_scratch_size', kind, inputs, kh, kw, sw, ow)),
      )
    },
  }
}

/** Many small groups: tiles that read from rows copied once for all of them. */
const grouped: Kernel = {
  name: 'grouped',
  emit(e, problem) {
    const { window, group } = problem
    const { inputs, out } = sizesOf(problem)
    const [kd, kh, kw] = threeAxes(window.kernel, 1)
    const [, , sw] = threeAxes(window.strides, 1)
    const [, , dw] = threeAxes(window.dilations, 1)
    emitTaps(
      e,
      problem,
      'conv_grouped_f32',
      e.scratch(e.ask('conv_grouped_scratch_size', inputs, group, kd, kh, kw, sw, dw, out[2])),
    )
  },
}

/** What a flat window does in each image, whose number counts the depth in. */
function planesOf({ x, y, window }: ConvProblem) {
  const [, kh, kw] = threeAxes(window.kernel, 1)
  const [, sh, sw] = threeAxes(window.strides, 1)
  const [, dh, dw] = threeAxes(window.dilations, 1)
  const [, top, left] = threeAxes(window.begin, 0)
  const [depth, height, width] = threeAxes(x.shape.slice(2), 1)
  const [, oh, ow] = threeAxes(y.shape.slice(2), 1)
  return { images: x.shape[0] * depth, height, width, oh, ow, kh, kw, sh, sw, dh, dw, top, left }
}

/** Channels in and out of one group, and the sizes of the output. */
function sizesOf({ w, y, window, group }: ConvProblem): {
  inputs: number
  outputs: number
  taps: number
  out: [number, number, number]
} {
  const [kd, kh, kw] = threeAxes(window.kernel, 1)
  return { inputs: w.shape[1], outputs: w.shape[0] / group, taps: kd * kh * kw, out: threeAxes(y.shape.slice(2), 1) }
}

function packTaps(e: KernelEmitter, problem: ConvProblem): Address {
  const { inputs, outputs, taps } = sizesOf(problem)
  const { w, group } = problem
  return e.pack(w, `conv ${group}`, e.ask('conv_packed_size', outputs, inputs, taps, group), (p, from, to) => {
    p.call('conv_pack_f32', from, outputs, inputs, taps, group, to)
  })
}

/** The call of a kernel that takes any window and filters packed by conv_pack. */
function emitTaps(
  e: KernelEmitter,
  problem: ConvProblem,
  kernel: 'conv_im2col_f32' | 'conv_grouped_f32',
  scratch: Address,
): void {
  const { x, y, window, group, bias, residual, activation } = problem
  const { inputs, outputs, out } = sizesOf(problem)
  e.call(
    kernel,
    x.at,
    x.shape[1],
    ...threeAxes(x.shape.slice(2), 1),
    inputs,
    group,
    packTaps(e, problem),
    ...threeAxes(window.kernel, 1),
    ...threeAxes(window.strides, 1),
    ...threeAxes(window.dilations, 1),
    ...threeAxes(window.begin, 0),
    y.at,
    y.shape[1],
    ...out,
    outputs,
    bias,
    residual,
    y.shape[1],
    activation.code,
    activation.a,
    activation.b,
    0,
    x.shape[0] * out[0] * out[1],
    scratch,
  )
}

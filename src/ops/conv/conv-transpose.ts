import { UNARY_NONE } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { formatShape, type Shape } from '../../core/shape.js'
import { int, ints } from '../../ir/attributes.js'
import { channelsLastData, outputOver } from './conv.js'
import { emitRows } from './kernels.js'
import type { ConvProblem } from './problem.js'
import type { KernelEmitter } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'
import { sameType } from '../shared/operands.js'
import { LIMIT, perAxis, threeAxes, windowAttributes, windowTable, type WindowAttributes } from '../pool/window.js'

const attributes = { ...windowAttributes, group: int(1), output_padding: ints(), output_shape: ints() }

export interface TransposeAttributes extends WindowAttributes {
  readonly group: number
  readonly output_padding?: readonly number[]
  readonly output_shape?: readonly number[]
}

/** How a kernel lies over the output. */
export interface Geometry {
  readonly kernel: readonly number[]
  readonly strides: readonly number[]
  readonly dilations: readonly number[]
  readonly begin: readonly number[]
  readonly output: readonly number[]
}

/**
 * Inputs: X [N, C, spatial …], W [C, M/group, kernel …], B [M]; graph passes may add a residual of Y's shape as
 * input 3.
 */
export const ConvTranspose = defineOp({
  name: 'ConvTranspose',
  arity: [2, 4],
  attributes,
  infer({ attributes, inputs }) {
    const [x, w, b] = inputs
    const { output } = geometryOf(attributes, x.shape, w.shape, b?.shape)
    return [{ dtype: sameType(inputs), shape: [x.shape[0], w.shape[1] * attributes.group, ...output] }]
  },
  layout: channelsLastData,
  emit(e) {
    const [x, w, y] = [e.input(0), e.input(1), outputOver(e)]
    if (y.size === 0) return
    const geometry = geometryOf(e.attributes, x.shape, w.shape, undefined)
    const { residual, activation = { code: UNARY_NONE, a: 0, b: 0 } } = e.fused
    const kernel = emitTransposed(e, {
      x,
      w,
      y,
      window: geometry,
      group: e.attributes.group,
      bias: e.inputs[2]?.at ?? 0,
      residual: residual === undefined ? 0 : e.input(residual).at,
      activation,
    })
    e.note({ kernel, flops: 2 * x.size * (w.size / w.shape[0]) })
  },
})

/** A transposed convolution to be computed: where it goes says how large it is. Filters are [C, M/group, kernel …]. */
export type ConvTransposeProblem = Omit<ConvProblem, 'window'> & { readonly window: Omit<Geometry, 'output'> }

/** Records a transposed convolution, whose output must not be empty; returns which kernel does it. */
export function emitTransposed(e: KernelEmitter, problem: ConvTransposeProblem): string {
  const { x, w, y, window, group } = problem
  const inputs = x.shape[1] / group
  const outputs = w.shape[1]
  const kernel = threeAxes(window.kernel, 1)
  const strides = threeAxes(window.strides, 1)
  const dilations = threeAxes(window.dilations, 1)
  const begin = threeAxes(window.begin, 0)
  const size = threeAxes(x.shape.slice(2), 1)
  const out = threeAxes(y.shape.slice(2), 1)
  const rows = x.shape[0] * out[0] * out[1]
  const entries = windowTable({ x: x.shape, y: y.shape, window, groups: group, inputs, outputs })
  const table = e.table(entries)
  const [kd, kh, kw] = kernel
  const overlaps = kernel.some(
    (taps, i) => taps !== strides[i] || taps * size[i] !== out[i] || begin[i] !== 0 || (taps > 1 && dilations[i] !== 1),
  )
  if (group === 1 && kd === 1 && !overlaps) {
    const bytes = kh * e.ask('gemm_packed_size', inputs, kw * outputs)
    const packed = e.pack(w, 'transposed without overlap', bytes, (p, from, to) => {
      p.call('conv_transpose_no_overlap_pack_f32', from, inputs, outputs, kh, kw, to)
    })
    emitRows(e, 'conv_transpose_no_overlap_f32', problem, packed, table, rows, e.scratch(4 * kw * outputs))
    return 'transpose without overlap'
  }
  const taps = kd * kh * kw
  const key = `transposed ${group} ${strides.join()} ${dilations.join()} ${begin.join()}`
  const packed = e.pack(w, key, e.ask('conv_packed_size', outputs, inputs, taps, group), (p, from, to) => {
    p.call('conv_transpose_pack_f32', from, p.table(entries), to)
  })
  const scratch = e.scratch(e.ask('conv_im2col_scratch_size', inputs, taps))
  emitRows(e, 'conv_transpose_f32', problem, packed, table, rows, scratch)
  return 'transpose'
}

export function geometryOf(attributes: TransposeAttributes, x: Shape, w: Shape, b: Shape | undefined): Geometry {
  const { group } = attributes
  if (x.length < 3 || x.length > 5) {
    throw new LanewiseError(
      x.length < 3 ? 'E_SHAPE' : 'E_UNSUPPORTED',
      `ConvTranspose takes inputs of 3 to 5 axes, got ${formatShape(x)}`,
    )
  }
  if (w.length !== x.length)
    throw new LanewiseError(
      'E_SHAPE',
      `the weights ${formatShape(w)} do not have as many axes as the input ${formatShape(x)}`,
    )
  if (!(group >= 1)) throw new LanewiseError('E_VALUE', `group must be positive, got ${group}`)
  if (w[0] !== x[1] || x[1] % group !== 0) {
    throw new LanewiseError('E_SHAPE', `weights ${formatShape(w)} in ${group} groups do not fit ${x[1]} channels`, {
      expected: `${w[0]} channels`,
      actual: `${x[1]} channels`,
    })
  }
  if (b && (b.length !== 1 || b[0] !== w[1] * group))
    throw new LanewiseError('E_SHAPE', `the bias must have ${w[1] * group} elements, got ${formatShape(b)}`)
  const rank = x.length - 2
  const kernel = w.slice(2)
  if (attributes.kernel_shape && formatShape(attributes.kernel_shape) !== formatShape(kernel)) {
    throw new LanewiseError(
      'E_SHAPE',
      `kernel_shape ${formatShape(attributes.kernel_shape)} is not that of the weights ${formatShape(w)}`,
    )
  }
  const strides = perAxis('strides', attributes.strides, rank, 1)
  const dilations = perAxis('dilations', attributes.dilations, rank, 1)
  const extra = attributes.output_padding ?? new Array<number>(rank).fill(0)
  if (extra.length !== rank || extra.some((pad) => !(pad >= 0)))
    throw new LanewiseError('E_VALUE', `output_padding ${formatShape(extra)} must be ${rank} numbers of 0 or more`)
  const whole = kernel.map((size, i) => strides[i] * (x[i + 2] - 1) + extra[i] + (size - 1) * dilations[i] + 1)
  const wanted = attributes.output_shape
    ? attributes.output_shape.slice(-rank)
    : attributes.auto_pad.startsWith('SAME')
      ? x.slice(2).map((size, i) => size * strides[i])
      : undefined
  for (const size of whole)
    if (size > LIMIT)
      throw new LanewiseError(
        'E_VALUE',
        `strides, dilations and kernel make an output of ${size} before padding is cut off`,
      )
  if (wanted) {
    // What is too much is cut off on both sides; of an odd number SAME_UPPER cuts one more at the end, the others at
    // the beginning.
    const total = whole.map((size, i) => Math.max(0, size - wanted[i]))
    const begin = total.map((pad) => (attributes.auto_pad === 'SAME_UPPER' ? Math.floor(pad / 2) : Math.ceil(pad / 2)))
    return checked({ kernel, strides, dilations, begin, output: wanted })
  }
  const pads = attributes.auto_pad === 'VALID' ? undefined : attributes.pads
  if (pads && (pads.length !== 2 * rank || pads.some((pad) => !(pad >= 0))))
    throw new LanewiseError('E_VALUE', `pads ${formatShape(pads)} must be ${2 * rank} numbers of 0 or more`)
  const begin = pads?.slice(0, rank) ?? new Array<number>(rank).fill(0)
  const end = pads?.slice(rank) ?? begin
  return checked({ kernel, strides, dilations, begin, output: whole.map((size, i) => size - begin[i] - end[i]) })
}

function checked(geometry: Geometry): Geometry {
  for (const size of geometry.output) {
    if (!(Number.isSafeInteger(size) && size >= 1))
      throw new LanewiseError('E_SHAPE', `the output would have the spatial shape ${formatShape(geometry.output)}`)
  }
  return geometry
}

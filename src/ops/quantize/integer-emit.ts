// Kernel calls of products and convolutions of 8-bit integers (assembly/quantize/tile.ts).
import { INTEGER_BYTES, INTEGER_FLOAT32, INTEGER_INT32, UNARY_CLIP, UNARY_RELU } from '../../../assembly/abi/codes.js'
import type { DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { sizeOf, type Shape } from '../../core/shape.js'
import { convWindow, productShape, type ConvAttributes } from '../matmul/scalar-linear.js'
import { plus, type Activation, type Address, type Emitter, type Operand, type PackEmitter } from '../../ir/emitter.js'
import { requiredInput } from '../../ir/op.js'
import { isByte } from './quantize.js'
import { threeAxes, windowTable } from '../pool/window.js'
import { chooseKernel } from './variants.js'

/** Which input of an operator is what. Without scales the sums are stored; without `yScale` they are floats. */
export interface Roles {
  readonly x: number
  readonly w: number
  readonly xZero?: number
  readonly wZero?: number
  readonly xScale?: number
  readonly wScale?: number
  readonly yScale?: number
  readonly yZero?: number
  /** int32, added to the sums. */
  readonly bias?: number
  /** float32, added to scaled sums. */
  readonly offset?: number
}

type Known = readonly ({ readonly shape: Shape; readonly constant: boolean } | undefined)[]

/**
 * What both kinds of product ask of their operands: bytes, one zero point for x, scales and zero points for all columns
 * or each.
 */
function fits(types: readonly (DType | undefined)[], operands: Known, roles: Roles, columns: number): boolean {
  const at = (index: number | undefined) => (index === undefined ? undefined : operands[index])
  const type = (index: number | undefined) => (index === undefined ? undefined : types[index])
  const one = (...indices: (number | undefined)[]) => indices.every((index) => sizeOf(at(index)?.shape ?? []) === 1)
  const perColumn = (index: number | undefined) => [1, columns].includes(sizeOf(at(index)?.shape ?? []))
  const float = (index: number | undefined) => (type(index) ?? 'float32') === 'float32'
  return (
    isByte(type(roles.x)) &&
    isByte(type(roles.w)) &&
    (type(roles.xZero) ?? type(roles.x)) === type(roles.x) &&
    (type(roles.wZero) ?? type(roles.w)) === type(roles.w) &&
    (roles.yZero === undefined || type(roles.yZero) === undefined || isByte(type(roles.yZero))) &&
    [roles.xScale, roles.wScale, roles.yScale, roles.offset].every(float) &&
    one(roles.xZero, roles.xScale, roles.yScale, roles.yZero) &&
    perColumn(roles.wZero) &&
    perColumn(roles.wScale) &&
    [at(roles.bias), at(roles.offset)].every((added) => !added || sizeOf(added.shape) === columns) &&
    // Filters packed once must not depend on what changes from run to run.
    (!at(roles.w)?.constant || (at(roles.wZero)?.constant ?? true))
  )
}

export function convKernel(types: readonly (DType | undefined)[], operands: Known, roles: Roles): boolean {
  const { length, 0: filters } = requiredInput(operands, roles.w).shape
  return length >= 3 && length <= 5 && fits(types, operands, roles, filters)
}

export function productKernel(
  types: readonly (DType | undefined)[],
  operands: Known,
  roles: Roles,
  transposed = false,
): boolean {
  const { shape } = requiredInput(operands, roles.w)
  return shape.length === 2 && fits(types, operands, roles, shape[transposed ? 0 : 1])
}

/** The bounds that an activation means for x / scale. */
export function boundsOf(
  activation: Activation | undefined,
  yScale: Operand | undefined,
): [floor: number, ceiling: number] {
  if (activation?.code === UNARY_RELU) return [0, Infinity]
  if (activation?.code !== UNARY_CLIP) return [-Infinity, Infinity]
  const known = yScale?.constant
  if (!known) throw new LanewiseError('E_GRAPH', 'the scale of a result with an activation must be a constant')
  const scale = Number(known.data[0])
  return [activation.a / scale, activation.b / scale]
}

/** What becomes of sums. */
interface Finish {
  readonly epilogue: Address
  readonly mode: number
}

/**
 * How the dot product of bytes computes, where the build has it and it is exact: what is flipped in bytes of x, and
 * what they are less then.
 */
interface Dots {
  readonly flip: number
  readonly less: number
}

/**
 * `undefined` if the engine's is not exact for all bytes, or elements of w less their zero points may be more than
 * signed bytes.
 */
function dotsOf(e: Emitter<unknown>, roles: Roles): Dots | undefined {
  if (e.build !== 'relaxed') return undefined
  const kind = e.ask('dot_kind_q8', -128, 127)
  if (kind === 0 || !fitSignedBytes(e.input(roles.w), roles.wZero === undefined ? undefined : e.inputs[roles.wZero]))
    return undefined
  const unsigned = kind === 1
  return { flip: unsigned === (signed(e.input(roles.x)) === 1) ? 0x80 : 0, less: unsigned ? 0 : 128 }
}

/**
 * Whether elements of w less their zero points are −128 … 127 whatever they are: a prepared model does not have them
 * any more.
 */
function fitSignedBytes(w: Operand, zero: Operand | undefined): boolean {
  const middle = w.dtype === 'int8' ? 0 : 128
  if (!zero) return middle === 0
  const zeros = zero.constant?.data as ArrayLike<number> | undefined
  return zeros !== undefined && Array.from(zeros).every((value) => value === middle)
}

/**
 * Emits the epilogue of `n` columns from `first` on, whose filters add up to what is at `sums`; elements of x are
 * `less` less than tile.ts of the kernels says.
 */
function emitEpilogue(e: Emitter<unknown>, roles: Roles, sums: Address, first: number, n: number, less = 0): Finish {
  const input = (index: number | undefined) => (index === undefined ? undefined : e.inputs[index])
  const x = e.input(roles.x)
  const y = e.output(0)
  const column = (operand: Operand | undefined) =>
    operand ? (operand.size === 1 ? operand.at : plus(operand.at, 4 * first)) : 0
  const [wScale, yScale] = [input(roles.wScale), input(roles.yScale)]
  const epilogue = e.scratch(e.ask('epilogue_q8_size', n))
  e.call(
    'epilogue_q8',
    epilogue,
    sums,
    less,
    n,
    column(input(roles.bias)),
    column(input(roles.offset)),
    input(roles.xZero)?.at ?? 0,
    signed(x),
    input(roles.xScale)?.at ?? 0,
    column(wScale),
    wScale?.size === 1 ? 1 : n,
    yScale?.at ?? 0,
    input(roles.yZero)?.at ?? 0,
    signed(y),
    ...boundsOf(e.fused.activation, yScale),
  )
  return {
    epilogue,
    mode: isByte(y.dtype) ? INTEGER_BYTES : y.dtype === 'int32' ? INTEGER_INT32 : INTEGER_FLOAT32,
  }
}

export const signed = (operand: { readonly dtype: DType }): number => (operand.dtype === 'int8' ? 1 : 0)

/** Where gemm_pack_q8 and depthwise_pack_q8 put the sums of columns. */
const sumsOf = (packed: Address, k: number, n: number): Address =>
  plus(packed, 32 * Math.ceil(n / 8) * Math.ceil(k / 2))

/** Packs w by `pack` under a name that says which zero points went in. */
function packed(
  e: Emitter<unknown>,
  { w, wZero }: Roles,
  name: string,
  bytes: number,
  pack: (p: PackEmitter, from: Address, zero: Address | 0, step: number, to: Address) => void,
): Address {
  const zero = wZero === undefined ? undefined : e.inputs[wZero]
  const key = `integer ${name} ${zero?.constant ? Array.from(zero.constant.data as ArrayLike<number>).join() : ''}`
  return e.pack(e.input(w), key, bytes, (p, from, to) =>
    pack(p, from, zero?.at ?? 0, zero && zero.size > 1 ? 1 : 0, to),
  )
}

/** A convolution: x and y channels-last, w in logical order. */
export function emitConv(e: Emitter<ConvAttributes>, roles: Roles): void {
  const x = e.input(roles.x)
  const w = e.input(roles.w)
  const y = e.output(0)
  if (y.size === 0) return
  const { group } = e.attributes
  const window = convWindow(e.attributes, x.shape, w.shape)
  const [kd, kh, kw] = threeAxes(window.kernel, 1)
  const [od, oh, ow] = threeAxes(y.shape.slice(2), 1)
  const xZero = roles.xZero === undefined ? 0 : (e.inputs[roles.xZero]?.at ?? 0)
  const taps = kd * kh * kw
  const inputs = w.shape[1]
  const outputs = w.shape[0] / group
  const images = x.shape[0]
  const flops = 2 * y.size * inputs * taps
  const table = e.table(windowTable({ x: x.shape, y: y.shape, window, groups: group, inputs, outputs }))
  const dots = dotsOf(e, roles)
  const [, sh, sw] = threeAxes(window.strides, 1)
  const [, dh, dw] = threeAxes(window.dilations, 1)
  const winogradSums = e.ask('winograd_q8_packed_size', inputs, outputs)
  const winograd =
    window.kernel.length === 2 && kh === 3 && kw === 3 && sh * sw * dh * dw === 1 && e.affords(w, group * winogradSums)
  const pixels = images * oh * ow
  const kernel = chooseKernel({
    axes: window.kernel.length,
    inputs,
    outputs,
    dots: dots !== undefined,
    winograd,
    pixels,
  })
  if (kernel === 'depthwise') {
    const at = packed(e, roles, 'depthwise', e.ask('gemm_q8_packed_size', taps, group), (p, from, zero, step, to) => {
      p.call('depthwise_pack_q8', from, signed(w), zero, step, group, taps, to)
    })
    const { epilogue, mode } = emitEpilogue(e, roles, sumsOf(at, taps, group), 0, group)
    const scratch = e.scratch(e.ask('depthwise_q8_scratch_size', group, ow, kh, kw, sw, dh, dw))
    e.call('depthwise_q8', x.at, signed(x), xZero, at, epilogue, mode, y.at, table, 0, images * oh, scratch)
    return e.note({ kernel: 'depthwise', flops })
  }
  const k = taps * inputs
  if (dots && kernel === 'dot') {
    // A row of taps is one segment where they touch.
    const together = threeAxes(window.dilations, 1)[2] === 1 ? kw : 1
    const sums = e.ask('dot_q8_panels_size', taps / together, together * inputs, outputs)
    const bytes = sums + 32 * Math.ceil(outputs / 8)
    const name = `conv by dots ${group} ${together}`
    const at = packed(e, roles, name, group * bytes, (p, from, zero, step, to) => {
      for (let g = 0; g < group; g++) {
        const [filters, zeros] = [plus(from, g * outputs * k), zero && plus(zero, step * g * outputs)]
        const target = plus(to, g * bytes)
        p.call('gemm_pack_dot_q8', filters, signed(w), zeros, step, outputs, taps, inputs, together, k, 1, taps, target)
      }
    })
    const pointwise = taps * sh * sw === 1 && x.size / x.shape[1] === y.size / y.shape[1] ? 1 : 0
    const scratch = e.scratch(e.ask('conv_dot_q8_scratch_size', pointwise, inputs, oh, ow, kh, kw, sh, sw, dh, dw))
    for (let g = 0; g < group; g++) {
      const filters = plus(at, g * bytes)
      const { epilogue, mode } = emitEpilogue(e, roles, plus(filters, sums), g * outputs, outputs, dots.less)
      const [from, to] = [plus(x.at, g * inputs), plus(y.at, g * outputs * (isByte(y.dtype) ? 1 : 4))]
      e.call('conv_dot_q8', from, dots.flip, xZero, filters, epilogue, mode, to, table, 0, images * oh, scratch)
    }
    return e.note({ kernel: 'dot', flops })
  }
  if (kernel === 'winograd') {
    const sums = winogradSums
    const bytes = sums + 32 * Math.ceil(outputs / 8)
    const at = packed(e, roles, `winograd ${group}`, group * bytes, (p, from, zero, step, to) => {
      for (let g = 0; g < group; g++) {
        const [filters, zeros] = [plus(from, g * outputs * k), zero && plus(zero, step * g * outputs)]
        p.call('winograd_pack_q8', filters, signed(w), zeros, step, outputs, inputs, plus(to, g * bytes))
      }
    })
    const scratch = e.scratch(e.ask('winograd_q8_scratch_size', inputs, ow))
    const rows = images * Math.ceil(oh / 2)
    for (let g = 0; g < group; g++) {
      const filters = plus(at, g * bytes)
      // The kernel takes the zero point off itself: the sums of columns are zeros.
      const { epilogue, mode } = emitEpilogue(e, roles, plus(filters, sums), g * outputs, outputs)
      const [from, to] = [plus(x.at, g * inputs), plus(y.at, g * outputs * (isByte(y.dtype) ? 1 : 4))]
      e.call('winograd_q8', from, signed(x), xZero, filters, epilogue, mode, to, table, 0, rows, scratch)
    }
    return e.note({ kernel: 'winograd/2x2', flops })
  }
  const bytes = e.ask('gemm_q8_packed_size', k, outputs)
  const at = packed(e, roles, `conv ${group}`, group * bytes, (p, from, zero, step, to) => {
    for (let g = 0; g < group; g++) {
      const zeros = zero && plus(zero, step * g * outputs)
      p.call(
        'gemm_pack_q8',
        plus(from, g * outputs * k),
        signed(w),
        zeros,
        step,
        outputs,
        taps,
        inputs,
        k,
        1,
        taps,
        plus(to, g * bytes),
      )
    }
  })
  const scratch = e.scratch(e.ask('conv_im2col_q8_scratch_size', k))
  for (let g = 0; g < group; g++) {
    const { epilogue, mode } = emitEpilogue(e, roles, sumsOf(plus(at, g * bytes), k, outputs), g * outputs, outputs)
    const [from, to] = [plus(x.at, g * inputs), plus(y.at, g * outputs * (isByte(y.dtype) ? 1 : 4))]
    const filters = plus(at, g * bytes)
    e.call('conv_im2col_q8', from, signed(x), xZero, filters, epilogue, mode, to, table, 0, images * od * oh, scratch)
  }
  e.note({ kernel: 'im2col', flops })
}

/** y[…, m, n] = x[…, m, k] · w[k, n] (w[n, k] if `transposed`). */
export function emitProduct(e: Emitter<unknown>, roles: Roles, transposed = false): void {
  const x = e.input(roles.x)
  const w = e.input(roles.w)
  const y = e.output(0)
  if (y.size === 0) return
  const { k, n } = productShape(x.shape, transposed ? [w.shape[1], w.shape[0]] : w.shape)
  const rows = y.size / n
  // A convolution with one tap over rows of one pixel.
  const one = { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], begin: [0, 0] }
  const [from, to] = [
    [1, k, rows, 1],
    [1, n, rows, 1],
  ]
  const table = e.table(windowTable({ x: from, y: to, window: one, groups: 1, inputs: k, outputs: n }))
  const [columnStep, innerStep] = transposed ? [k, 1] : [1, n]
  const dots = dotsOf(e, roles)
  if (dots && chooseKernel({ axes: 2, inputs: k, outputs: n, dots: true, winograd: false, pixels: rows }) === 'dot') {
    const sums = e.ask('dot_q8_panels_size', 1, k, n)
    const bytes = sums + 32 * Math.ceil(n / 8)
    const name = `${transposed ? 'transposed' : 'product'} by dots`
    const at = packed(e, roles, name, bytes, (p, from, zero, step, to) => {
      p.call('gemm_pack_dot_q8', from, signed(w), zero, step, n, 1, k, 1, columnStep, 0, innerStep, to)
    })
    const { epilogue, mode } = emitEpilogue(e, roles, plus(at, sums), 0, n, dots.less)
    const scratch = e.scratch(e.ask('conv_dot_q8_scratch_size', 1, k, rows, 1, 1, 1, 1, 1, 1, 1))
    e.call('conv_dot_q8', x.at, dots.flip, 0, at, epilogue, mode, y.at, table, 0, rows, scratch)
    return e.note({ kernel: 'dot', flops: 2 * y.size * k })
  }
  const at = packed(
    e,
    roles,
    transposed ? 'transposed' : 'product',
    e.ask('gemm_q8_packed_size', k, n),
    (p, from, zero, step, to) => {
      p.call('gemm_pack_q8', from, signed(w), zero, step, n, 1, k, columnStep, 0, innerStep, to)
    },
  )
  const { epilogue, mode } = emitEpilogue(e, roles, sumsOf(at, k, n), 0, n)
  const scratch = e.scratch(e.ask('conv_im2col_q8_scratch_size', k))
  e.call('conv_im2col_q8', x.at, signed(x), 0, at, epilogue, mode, y.at, table, 0, rows, scratch)
  e.note({ kernel: 'gemm', flops: 2 * y.size * k })
}

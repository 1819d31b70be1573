import { BINARY_ADD, UNARY_AFFINE, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { isBig } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { saturatedBigInt } from '../../core/host.js'
import { formatShape, sizeOf, stridesOf, type Shape } from '../../core/shape.js'
import { emitStridedCopy } from '../../ir/strided.js'
import { float, int, type AttributesOf } from '../../ir/attributes.js'
import type { Address, KernelEmitter, Operand } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'
import { sameType } from '../shared/operands.js'

import { emitProduct, multiply, productOf, stridesWithin, swapped, type Product } from './product.js'

export type GemmAttributes = AttributesOf<typeof gemmAttributes>
const gemmAttributes = { alpha: float(1), beta: float(1), transA: int(0), transB: int(0) }

export const Gemm = defineOp({
  name: 'Gemm',
  arity: [2, 4],
  attributes: gemmAttributes,
  infer({ attributes, inputs }) {
    const [a, b, c] = inputs
    const product = gemmProduct(a.shape, b.shape, attributes)
    if (c) checkAddend(c.shape, product)
    return [{ dtype: sameType(inputs), shape: product.shape }]
  },
  layout: ({ inputs, outputs }) => ({
    inputs: inputs.slice(0, 2).map((input) => input?.order),
    outputs: outputs.map(() => undefined),
  }),
  emit(e) {
    const a = e.input(0)
    const b = e.input(1)
    const { alpha, beta, transA, transB } = e.attributes
    const product = gemmProduct(a.shape, b.shape, e.attributes)
    const aStrides = swapped(stridesWithin(a, a.shape), transA)
    const bStrides = swapped(stridesWithin(b, b.shape), transB)
    const activation = e.fused.activation ?? { code: UNARY_NONE, a: 0, b: 0 }
    const c = e.inputs[2] && scaled(e, e.inputs[2], beta)
    const asBias = c && c.shape.at(-1) === product.n && sizeOf(c.shape) === product.n
    const addend = c && !asBias ? expanded(e, c, product) : 0
    if (alpha === 1) {
      emitProduct(e, e.output(0).at, {
        product,
        a,
        b,
        aStrides,
        bStrides,
        bias: asBias ? c.at : 0,
        residual: addend,
        activation,
      })
      return
    }
    // Rare: the scale has to come before the addend.
    emitProduct(e, e.output(0).at, {
      product,
      a,
      b,
      aStrides,
      bStrides,
      bias: 0,
      residual: 0,
      activation: { code: UNARY_AFFINE, a: alpha, b: 0 },
    })
    const y = e.output(0)
    if (c) e.call('binary_f32', BINARY_ADD, y.at, 1, asBias ? expanded(e, c, product) : addend, 1, y.at, y.size)
    if (activation.code !== UNARY_NONE)
      e.call('unary_f32', activation.code, y.at, y.at, y.size, activation.a, activation.b)
  },
  compute({ attributes, inputs: [a, b, c] }) {
    const product = gemmProduct(a.shape, b.shape, attributes)
    const y = multiply(
      a,
      b,
      product,
      swapped(stridesOf(a.shape), attributes.transA),
      swapped(stridesOf(b.shape), attributes.transB),
    )
    if (attributes.alpha === 1 && !c) return [y]
    const whole = y.dtype !== 'float64' && y.dtype !== 'float32'
    const scale = (value: number, factor: number) =>
      whole && factor !== 1 ? Math.trunc(value * factor) : value * factor
    const [rowStep, colStep] = c ? addendStrides(c.shape) : [0, 0]
    const data = y.data as { [i: number]: number | bigint }
    for (let i = 0; i < product.m * product.n; i++) {
      const addend = c ? Number(c.data[Math.floor(i / product.n) * rowStep + (i % product.n) * colStep]) : 0
      const sum = scale(Number(data[i]), attributes.alpha) + scale(addend, attributes.beta)
      data[i] = isBig(y.dtype) ? saturatedBigInt(sum, y.dtype) : sum
    }
    return [y]
  },
  // Until opset 7 C was broadcast only if an attribute said so; the rule is the same.
  upgrades: [{ below: 7, apply: ({ attributes }) => void attributes.delete('broadcast') }],
})

/** The product of the matrices, turned where they are to be. */
export function gemmProduct(
  a: Shape,
  b: Shape,
  { transA, transB }: { readonly transA: number; readonly transB: number },
): Product {
  if (a.length !== 2 || b.length !== 2)
    throw new LanewiseError('E_SHAPE', `Gemm multiplies matrices, got ${formatShape(a)} and ${formatShape(b)}`)
  return productOf(swapped(a, transA), swapped(b, transB))
}

function checkAddend(shape: Shape, { m, n, shape: target }: Product): void {
  const [rows, cols] = [1, 1, ...shape].slice(-2)
  if (shape.length <= 2 && (rows === 1 || rows === m) && (cols === 1 || cols === n)) return
  throw new LanewiseError('E_SHAPE', `C of shape ${formatShape(shape)} does not broadcast to ${formatShape(target)}`)
}

/** Steps of C's rows and columns, 0 where it is broadcast. */
function addendStrides(shape: Shape): [number, number] {
  const [rows, cols] = [1, 1, ...shape].slice(-2)
  return [rows === 1 ? 0 : cols, cols === 1 ? 0 : 1]
}

/** C with its factor applied. */
function scaled(e: KernelEmitter, c: Operand, beta: number): Operand | (Pick<Operand, 'shape'> & { at: Address }) {
  if (beta === 1) return c
  const to = e.scratch(c.size * 4)
  e.call('unary_f32', UNARY_AFFINE, c.at, to, c.size, beta, 0)
  return { shape: c.shape, at: to }
}

/** C as a full matrix. */
function expanded(e: KernelEmitter, c: Pick<Operand, 'shape' | 'at'>, { m, n }: Product): Address {
  if (sizeOf(c.shape) === m * n) return c.at
  const to = e.scratch(m * n * 4)
  const [row, column] = addendStrides(c.shape)
  const axes = [
    { size: m, from: row, to: n },
    { size: n, from: column, to: 1 },
  ]
  emitStridedCopy(e, 'float32', { axes, from: 0, to: 0 }, c.at, to)
  return to
}

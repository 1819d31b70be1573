import { UNARY_LEAKY_RELU, UNARY_NONE } from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import { channelsLastOrder, type Layout, type LayoutQuery } from '../../core/layout.js'
import { formatShape, type Shape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import type { Emitter, Operand } from '../../ir/emitter.js'
import { defineOp } from '../../ir/op.js'
import { sameType } from '../shared/operands.js'
import { slideWindow, windowAttributes, type Window } from '../pool/window.js'
import type { ConvProblem } from './problem.js'
import { chooseKernel } from './variants.js'

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

/**
 * Inputs: X [N, C, spatial …], W [M, C/group, kernel …], B [M]; graph passes may add a residual of Y's shape as
 * input 3.
 */
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
    // What the kernels do not apply in registers is faster over the whole result than in the short stretches they work
    // on (docs/performance/elementwise.md).
    const inRegisters = activation.code <= UNARY_LEAKY_RELU
    kernel.emit(e, inRegisters ? problem : { ...problem, activation: none })
    if (!inRegisters) e.call('unary_f32', activation.code, y.at, y.at, y.size, activation.a, activation.b)
    e.note({ kernel: kernel.name, flops: 2 * y.size * (w.size / w.shape[0]) })
  },
})

/**
 * The output in the memory of the residual, if nobody else needs that: kernels read it where they write. Unless it is
 * the image, too.
 */
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

import * as code from '../../../assembly/abi/codes.js'
import { LanewiseError } from '../../core/errors.js'
import type { Gradient } from '../../ir/gradient.js'
import type { OpDefinition } from '../../ir/op.js'
import {
  Abs,
  Acos,
  Acosh,
  Asin,
  Asinh,
  Atan,
  Atanh,
  Ceil,
  Celu,
  Clip,
  Cos,
  Cosh,
  Elu,
  Erf,
  Exp,
  Floor,
  Gelu,
  HardSigmoid,
  HardSwish,
  LeakyRelu,
  Log,
  Mish,
  Neg,
  Reciprocal,
  Relu,
  Round,
  Selu,
  Shrink,
  Sigmoid,
  Sign,
  Sin,
  Sinh,
  Softplus,
  Softsign,
  Sqrt,
  Swish,
  Tan,
  Tanh,
  ThresholdedRelu,
  clipBounds,
} from './unary.js'

/** The gradient of an operator that is a function of one element. */
export function unaryGradient<A>(op: OpDefinition<A>): Gradient<A> {
  return {
    op,
    inputs: [0],
    backward(g) {
      const x = g.input(0)
      if (!g.wants(0) || x.size === 0) return
      const f = op.activation?.(
        g.attributes,
        g.inputs.map((input, i) => (i === 0 ? undefined : input?.constant)),
      )
      if (!f) throw new LanewiseError('E_UNSUPPORTED', `${op.name} has no gradient for bounds that are not constant`)
      g.call('unary_gradient_f32', f.code, x.at, g.output(0).at, g.gradient().at, g.result(0).at, x.size, f.a, f.b)
    },
  }
}

/**
 * Clip as `hardtanh` and `relu6` of PyTorch mean it: at the bounds themselves, too, the gradient is 0. Its bounds are
 * constants.
 */
export const HardtanhGradient: Gradient = {
  op: { ...Clip },
  inputs: [0],
  backward(g) {
    const [x, low, high] = g.inputs
    if (!g.wants(0) || !x || x.size === 0) return
    const bounds = clipBounds([undefined, low?.constant, high?.constant])
    g.call(
      'unary_gradient_f32',
      code.UNARY_HARDTANH,
      x.at,
      g.output(0).at,
      g.gradient().at,
      g.result(0).at,
      x.size,
      bounds.low,
      bounds.high,
    )
  },
}

export const unaryGradients = /* @__PURE__ */ (() =>
  [
    Abs,
    Acos,
    Acosh,
    Asin,
    Asinh,
    Atan,
    Atanh,
    Ceil,
    Celu,
    Cos,
    Cosh,
    Elu,
    Erf,
    Exp,
    Floor,
    Gelu,
    HardSigmoid,
    HardSwish,
    LeakyRelu,
    Log,
    Mish,
    Neg,
    Reciprocal,
    Relu,
    Round,
    Selu,
    Shrink,
    Sigmoid,
    Sign,
    Sin,
    Sinh,
    Softplus,
    Softsign,
    Sqrt,
    Swish,
    Tan,
    Tanh,
    ThresholdedRelu,
  ].map((op) => unaryGradient(op as OpDefinition)))()

/** dy where x was within the bounds. */
export const ClipGradient: Gradient<object> = {
  op: Clip,
  inputs: [0],
  backward(g) {
    const x = g.input(0)
    if (g.wants(0) && x.size > 0)
      g.call('equal_gradient_f32', x.at, g.output(0).at, g.gradient().at, g.result(0).at, x.size)
  },
}

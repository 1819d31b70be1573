import { UNARY_NONE } from '../../../assembly/abi/codes.js'
import { stridesOf } from '../../core/shape.js'
import { defineOp } from '../../ir/op.js'
import { sameType } from '../shared/operands.js'

import { emitProduct, multiply, productOf, stridesWithin } from './product.js'

export const MatMul = defineOp({
  name: 'MatMul',
  // Bias and residual are added by graph passes.
  arity: [2, 4],
  attributes: {},
  infer: ({ inputs }) => [{ dtype: sameType(inputs), shape: productOf(inputs[0].shape, inputs[1].shape).shape }],
  // Kernels read their operands with strides, so any order of axes will do.
  layout: ({ inputs, outputs }) => ({
    inputs: inputs.slice(0, 2).map((input) => input?.order),
    outputs: outputs.map(() => undefined),
  }),
  emit(e) {
    const a = e.input(0)
    const b = e.input(1)
    const product = productOf(a.shape, b.shape)
    const { bias, residual, activation } = e.fused
    emitProduct(e, e.output(0).at, {
      product,
      a,
      b,
      aStrides: stridesWithin(a, product.a),
      bStrides: stridesWithin(b, product.b),
      bias: bias === undefined ? 0 : e.input(bias).at,
      residual: residual === undefined ? 0 : e.input(residual).at,
      activation: activation ?? { code: UNARY_NONE, a: 0, b: 0 },
    })
  },
  compute: ({ inputs: [a, b] }) => {
    const product = productOf(a.shape, b.shape)
    return [multiply(a, b, product, stridesOf(product.a), stridesOf(product.b))]
  },
})

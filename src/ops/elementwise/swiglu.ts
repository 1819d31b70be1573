import { float } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

/** a · sigmoid(alpha · a) · b (Shazeer, 2020; opset 28): Swish and a product. */
export const SwiGLU = defineOp({
  name: 'SwiGLU',
  arity: 2,
  attributes: { alpha: float(1) },
  decompose(node) {
    const [a, b] = node.inputs
    node.inputs = [node.node('Swish', [a], new Map(node.attributes)), b]
    node.attributes.clear()
    node.rename('Mul')
  },
})

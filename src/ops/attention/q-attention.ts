import { float, int, required } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

/**
 * onnxruntime's attention on quantised input and weights: Attention of what they stand for. Its products are then
 * rounded as those of float32 are, not exact, which is less than a step of the quantisation.
 */
export const QAttention = defineOp({
  name: 'QAttention',
  domain: 'com.microsoft',
  arity: [5, 9],
  outputs: 2,
  attributes: {
    do_rotary: int(0),
    mask_filter_value: float(-10000),
    num_heads: required(int()),
    past_present_share_buffer: int(0),
    scale: float(0),
    unidirectional: int(0),
  },
  optional: [5, 6, 7],
  decompose(node) {
    const [x, w, bias, xScale, wScale, mask = '', xZero = '', wZero = '', past = ''] = node.inputs
    const of = (q: string, scale: string, zero: string) =>
      node.node('DequantizeLinear', zero === '' ? [q, scale] : [q, scale, zero], { axis: 1 })
    const inputs = [of(x, xScale, xZero), of(w, wScale, wZero), bias, mask, past]
    while (inputs.at(-1) === '') inputs.pop()
    node.inputs = inputs
    node.rename('Attention', 'com.microsoft')
  },
})

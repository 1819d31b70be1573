import { normalizeAxis, sizeOf } from '../../core/shape.js'
import type { Gradient } from '../../ir/gradient.js'
import type { OpDefinition } from '../../ir/op.js'
import { LogSoftmax, Softmax, type AxisAttribute } from './softmax.js'

function gradientOf(
  op: OpDefinition<AxisAttribute>,
  kernel: 'softmax_gradient_f32' | 'log_softmax_gradient_f32',
): Gradient<AxisAttribute> {
  return {
    op,
    backward(g) {
      const y = g.output(0)
      if (!g.wants(0) || y.size === 0) return
      const at = y.order.indexOf(normalizeAxis(g.attributes.axis, y.shape.length))
      const [outer, inner] = [sizeOf(y.physical.slice(0, at)), sizeOf(y.physical.slice(at + 1))]
      g.call(kernel, y.at, g.gradient().at, g.result(0).at, y.physical[at], inner, 0, outer)
    },
  }
}

export const SoftmaxGradient = /* @__PURE__ */ gradientOf(Softmax, 'softmax_gradient_f32')
export const LogSoftmaxGradient = /* @__PURE__ */ gradientOf(LogSoftmax, 'log_softmax_gradient_f32')

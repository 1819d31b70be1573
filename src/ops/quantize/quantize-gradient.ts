import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import type { AttributesOfOp, Gradient, GradientEmitter } from '../../ir/gradient.js'
import { numbersOf, roundEven } from '../shared/scalar-floats.js'
import { DequantizeLinear, eachScaled, granularity, QuantizeLinear, rangeOf } from './quantize.js'

/**
 * Gradients by x and by the scales, element by element.
 *
 * @param slopes - for an element of x, its scale and its zero point: the derivatives of the element of y by both.
 */
function scaledBackward(
  g: GradientEmitter<{ readonly axis: number; readonly block_size: number }>,
  slopes: (x: number, scale: number, zero: number) => readonly [byX: number, byScale: number],
): void {
  const [x, scale, zero] = [g.input(0), g.input(1), g.inputs[2]]
  const values = numbersOf(g.elements(x))
  const scales = numbersOf(g.elements(scale))
  const zeros = zero && numbersOf(g.elements(zero))
  const dy = numbersOf(g.elements(g.gradient()))
  const dx = new Float32Array(x.size)
  const sums = new Float64Array(scale.size)
  eachScaled(granularity(x.shape, scale.shape, g.attributes), (i, s) => {
    const [byX, byScale] = slopes(values[i], scales[s], zeros ? zeros[s] : 0)
    dx[i] = dy[i] * byX
    sums[s] += dy[i] * byScale
  })
  if (g.wants(0)) g.store({ dtype: 'float32', shape: x.shape, data: dx }, g.result(0))
  if (g.wants(1)) g.store({ dtype: 'float32', shape: scale.shape, data: Float32Array.from(sums) }, g.result(1))
}

/**
 * Straight-through: rounding counts as the identity, and what is cut off has no slope (Bengio et al., 2013). With
 * {@link DequantizeLinearGradient} after it the gradient by x is PyTorch's of `fake_quantize`, the one by the scales
 * that of learned step sizes (Esser et al., 2020).
 */
export const QuantizeLinearGradient: Gradient<AttributesOfOp<typeof QuantizeLinear>> = {
  op: QuantizeLinear,
  inputs: [0, 1],
  anyFloat: true,
  integers: true,
  backward(g) {
    const { dtype } = g.output(0)
    if (isFloat(dtype))
      throw new LanewiseError('E_UNSUPPORTED', `it has no gradient where its result is ${dtype}`, { actual: dtype })
    const [low, high] = rangeOf(dtype)
    scaledBackward(g, (x, scale, zero) => {
      const q = roundEven(x / scale) + zero
      return q >= low && q <= high ? [1 / scale, -x / (scale * scale)] : [0, 0]
    })
  },
}

export const DequantizeLinearGradient: Gradient<AttributesOfOp<typeof DequantizeLinear>> = {
  op: DequantizeLinear,
  inputs: [0, 1],
  anyFloat: true,
  backward: (g) => scaledBackward(g, (x, scale, zero) => [scale, x - zero]),
}

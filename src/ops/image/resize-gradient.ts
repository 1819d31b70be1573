import { present } from '../../core/errors.js'
import { sizeOf } from '../../core/shape.js'
import type { AttributesOfOp, Gradient } from '../../ir/gradient.js'
import { axesOf, Resize, resizedAxes } from './resize.js'

/**
 * Interpolation is linear and goes axis by axis: so does its gradient, with the same tables. What lies outside of a
 * cropped input has none.
 */
export const ResizeGradient: Gradient<AttributesOfOp<typeof Resize>> = {
  op: Resize,
  inputs: [0],
  backward(g) {
    const [x, dy] = [g.input(0), g.gradient()]
    const resized = resizedAxes(
      axesOf(x.shape, g.attributes, (index) => g.inputs[index]?.constant),
      g.attributes,
    )
    if (resized.size === 0) return g.pass(0)
    const dx = g.result(0)
    if (dx.size === 0) return
    if (dy.size === 0) return g.call('fill_f32', dx.at, 0, dx.size)
    const places = [...resized.keys()].map((axis) => x.order.indexOf(axis))
    // What was enlarged most goes first: the least is left to do for the others.
    const growth = (place: number) => dy.physical[place] / x.physical[place]
    places.sort((a, b) => growth(b) - growth(a))
    const sizes = [...dy.physical]
    let from = dy.at
    places.forEach((place, i) => {
      const { taps, index, weight, outside } = present(resized.get(x.order[place]), 'taps')
      const weights = Float32Array.from(weight, (value, at) => (outside.includes(Math.floor(at / taps)) ? 0 : value))
      sizes[place] = x.physical[place]
      const outer = sizeOf(sizes.slice(0, place))
      const inner = sizeOf(sizes.slice(place + 1))
      const to = i === places.length - 1 ? dx.at : g.scratch(sizeOf(sizes) * 4)
      g.call(
        'resize_axis_gradient_f32',
        from,
        to,
        g.table(index),
        g.table(weights),
        taps,
        x.physical[place],
        dy.physical[place],
        inner,
        0,
        outer,
      )
      from = to
    })
  },
}

import { SAMPLE_CUBIC, SAMPLE_LINEAR, SAMPLE_NEAREST } from '../../../assembly/abi/codes.js'
import { emitReorder } from '../../ir/strided.js'
import { channelsLastOrder, sameMemory } from '../../core/layout.js'
import { sizeOf, stridesOf } from '../../core/shape.js'
import type { AttributesOfOp, Gradient } from '../../ir/gradient.js'
import { AffineGrid, evenCoordinate, GridSample, MODES, PADDINGS } from './grid-sample.js'
import { emitMatrixProduct } from '../matmul/product.js'
import { plus, type Operand } from '../../ir/emitter.js'

const SAMPLES: Readonly<Record<string, number>> = {
  linear: SAMPLE_LINEAR,
  nearest: SAMPLE_NEAREST,
  cubic: SAMPLE_CUBIC,
}

/** By the image, and by the coordinates that it was sampled at. */
export const GridSampleGradient: Gradient<AttributesOfOp<typeof GridSample>> = {
  op: GridSample,
  inputs: [0, 1],
  backward(g) {
    const [x, grid, dy] = [g.input(0), g.input(1), g.gradient()]
    const [batch, channels] = x.shape
    const axes = x.shape.length - 2
    const [depth, height, width] = [1, 1, ...x.shape.slice(2)].slice(-3)
    const last = channelsLastOrder(x.shape.length)
    // Only the linear mode has a forward kernel, and with it this order.
    const innermost = (operand: Operand) => {
      if (sameMemory(operand.shape, operand.order, last)) return operand.at
      const to = g.scratch(operand.size * 4)
      emitReorder(g, 'float32', operand.shape, operand.order, last, operand.at, to)
      return to
    }
    const dgrid = g.wants(1) ? g.result(1) : undefined
    const dx = g.wants(0) ? g.result(0) : undefined
    const direct = dx && sameMemory(dx.shape, dx.order, last)
    const image = dx && (direct ? dx.at : g.scratch(dx.size * 4))
    if (image) g.call('fill_f32', image, 0, x.size)
    if (x.size === 0) {
      if (dgrid && grid.size > 0) g.call('fill_f32', dgrid.at, 0, dgrid.size)
    } else if (grid.size > 0) {
      const mode = SAMPLES[MODES[g.attributes.mode]]
      const scratch = g.scratch(g.ask('grid_sample_gradient_scratch_size'))
      g.call(
        'grid_sample_gradient_f32',
        mode,
        innermost(x),
        grid.at,
        innermost(dy),
        image ?? 0,
        dgrid?.at ?? 0,
        axes,
        depth,
        height,
        width,
        channels,
        sizeOf(grid.shape.slice(1, -1)),
        g.attributes.align_corners ? 1 : 0,
        PADDINGS[g.attributes.padding_mode],
        batch,
        scratch,
      )
    }
    if (dx && image && !direct && dx.size > 0) emitReorder(g, 'float32', dx.shape, last, dx.order, image, dx.at)
  },
}

/** The map's gradient is a product of the grid's with the even coordinates that it maps. */
export const AffineGridGradient: Gradient<AttributesOfOp<typeof AffineGrid>> = {
  op: AffineGrid,
  inputs: [0],
  backward(g) {
    if (!g.wants(0)) return
    const [dgrid, dtheta] = [g.gradient(), g.result(0)]
    const sizes = dgrid.shape.slice(1, -1)
    const dims = sizes.length
    const points = sizeOf(sizes)
    const strides = stridesOf(sizes)
    const even = new Float32Array(points * (dims + 1)).fill(1)
    for (let p = 0; p < points; p++) {
      // x, the innermost axis, comes first.
      sizes.forEach(
        (size, axis) =>
          (even[p * (dims + 1) + dims - 1 - axis] = evenCoordinate(
            Math.floor(p / strides[axis]) % size,
            size,
            g.attributes.align_corners,
          )),
      )
    }
    const coordinates = g.table(even)
    if (points === 0 && dtheta.size > 0) g.call('fill_f32', dtheta.at, 0, dtheta.size)
    for (let n = 0; points > 0 && n < dgrid.shape[0]; n++) {
      const given = { at: plus(dgrid.at, n * points * dims * 4), row: 1, column: dims }
      emitMatrixProduct(g, plus(dtheta.at, n * dims * (dims + 1) * 4), dims, points, dims + 1, given, {
        at: coordinates,
        row: dims + 1,
        column: 1,
      })
    }
  },
}

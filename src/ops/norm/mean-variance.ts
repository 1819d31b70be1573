import {
  BINARY_DIV,
  BINARY_SUB,
  REDUCE_MEAN,
  UNARY_AFFINE,
  UNARY_SQRT,
  UNARY_SQUARE,
} from '../../../assembly/abi/codes.js'
import { follow } from '../../core/layout.js'
import { normalizeAxes, sizeOf } from '../../core/shape.js'
import { emitBinary } from '../elementwise/arithmetic.js'
import { ints } from '../../ir/attributes.js'
import { requireFloat } from '../shared/operands.js'
import { defineOp } from '../../ir/op.js'
import { emitReduce } from '../shared/emit-reduce.js'

/** (x − mean)/(standard deviation + 1e−9) over the given axes. */
export const MeanVarianceNormalization = defineOp({
  name: 'MeanVarianceNormalization',
  arity: 1,
  attributes: { axes: ints([0, 2, 3]) },
  infer({ attributes: { axes }, inputs: [x] }) {
    requireFloat(x.dtype)
    normalizeAxes(axes, x.shape.length)
    return [x]
  },
  layout: follow,
  emit(e) {
    const x = e.input(0)
    const axes = normalizeAxes(e.attributes.axes, x.shape.length)
    const reduced = x.order.map((axis) => axes.includes(axis))
    const shape = x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))
    const size = sizeOf(shape)
    const y = e.overwrite(0, 0)
    if (x.size === 0) return
    const statistic = { shape, order: x.order, at: e.scratch(size * 4) }
    const squares = e.scratch(x.size * 4)
    emitReduce(e, REDUCE_MEAN, x.at, x.physical, reduced, statistic.at)
    emitBinary(e, BINARY_SUB, x, statistic, y)
    e.call('unary_f32', UNARY_SQUARE, y.at, squares, x.size, 0, 0)
    emitReduce(e, REDUCE_MEAN, squares, x.physical, reduced, statistic.at)
    e.call('unary_f32', UNARY_SQRT, statistic.at, statistic.at, size, 0, 0)
    e.call('unary_f32', UNARY_AFFINE, statistic.at, statistic.at, size, 1, 1e-9)
    emitBinary(e, BINARY_DIV, y, statistic, y)
  },
})

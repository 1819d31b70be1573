import { BINARY_DIV, REDUCE_SUM } from '../../../assembly/abi/codes.js'
import { byteSize } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { toNumbers } from '../../core/host.js'
import { sizeOf } from '../../core/shape.js'
import type { Gradient } from '../../ir/gradient.js'
import { SoftmaxCrossEntropyLoss, type LossAttributes } from './loss.js'

/** No target is that. */
const NEVER = -(2 ** 31)

/**
 * Cross-entropy fused with its softmax: nothing of the size of the scores is kept, only one number per target. (The
 * second output is not followed.)
 *
 * The order of memory is the scores' logical one: [batch, classes, rest].
 */
export const SoftmaxCrossEntropyLossGradient: Gradient<LossAttributes> = {
  op: SoftmaxCrossEntropyLoss,
  inputs: [0],
  kernel: ([x, target, weight]) =>
    x === 'float32' && (target === 'int32' || target === 'int64') && (weight ?? 'float32') === 'float32',
  forward(e) {
    const [x, target, weight] = [e.input(0), e.input(1), e.inputs[2]]
    const [batch, classes] = x.shape
    const inner = sizeOf(x.shape.slice(2))
    const { ignore_index: ignored, reduction } = e.attributes
    e.check(target, (tensor) => {
      for (const t of toNumbers(tensor, 'target')) {
        if (!(t >= 0 && t < classes) && t !== ignored)
          throw new LanewiseError('E_VALUE', `target ${t} is outside [0, ${classes - 1}]`)
      }
    })
    const count = batch * inner
    const logs = e.save(count * 4)
    const total = e.save(4)
    const y = e.output(0)
    const losses = reduction === 'none' ? y.at : e.scratch(count * 4)
    e.call(
      'cross_entropy_f32',
      x.at,
      target.at,
      byteSize(target.dtype),
      weight?.at ?? 0,
      ignored ?? NEVER,
      losses,
      logs,
      total,
      classes,
      inner,
      0,
      batch,
    )
    if (reduction !== 'none') e.call('reduce_f32', REDUCE_SUM, losses, y.at, count, 1, 0, 1)
    if (reduction === 'mean') e.call('binary_f32', BINARY_DIV, y.at, 1, total, 1, y.at, 1)
    if (!e.outputs[1]) return
    const logarithms = e.output(1)
    e.call('log_softmax_f32', x.at, logarithms.at, classes, inner, 0, batch)
  },
  backward(g) {
    const [x, target, weight] = [g.input(0), g.input(1), g.inputs[2]]
    const [batch, classes] = x.shape
    const dy = g.optionalGradient(0)
    if (g.optionalGradient(1))
      throw new LanewiseError(
        'E_UNSUPPORTED',
        'the logarithms of the probabilities have no gradient here; take LogSoftmax',
        { op: 'SoftmaxCrossEntropyLoss' },
      )
    if (!g.wants(0) || !dy) return
    const { ignore_index: ignored, reduction } = g.attributes
    let each = dy.at
    if (reduction === 'mean') {
      each = g.scratch(4)
      g.call('binary_f32', BINARY_DIV, dy.at, 1, g.saved(1), 1, each, 1)
    }
    g.call(
      'cross_entropy_gradient_f32',
      x.at,
      target.at,
      byteSize(target.dtype),
      weight?.at ?? 0,
      ignored ?? NEVER,
      g.saved(0),
      each,
      reduction === 'none' ? 1 : 0,
      g.result(0).at,
      classes,
      sizeOf(x.shape.slice(2)),
      0,
      batch,
    )
  },
}

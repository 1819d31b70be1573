import { LanewiseError } from '../../core/errors.js'
import { copyElements } from '../../ir/strided.js'
import { hostZeros, toNumbers } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

/**
 * Turns the first so many steps of every sequence of a batch round; the two leading axes are batch and time, either
 * way.
 */
export const ReverseSequence = defineOp({
  name: 'ReverseSequence',
  arity: 2,
  attributes: { batch_axis: int(1), time_axis: int(0) },
  infer({ attributes: { batch_axis: batch, time_axis: time }, inputs: [x, lengths] }) {
    const { shape } = x
    if (!((batch === 0 && time === 1) || (batch === 1 && time === 0)))
      throw new LanewiseError('E_VALUE', 'batch_axis and time_axis must be 0 and 1')
    if (shape.length < 2 || lengths.shape.length !== 1 || lengths.shape[0] !== shape[batch]) {
      throw new LanewiseError('E_SHAPE', `sequence_lens ${formatShape(lengths.shape)} do not fit ${formatShape(shape)}`)
    }
    return [x]
  },
  compute({ attributes: { batch_axis: batch, time_axis: time }, inputs: [x, lengths] }) {
    const { dtype, shape } = x
    const y = hostZeros(dtype, shape)
    const run = sizeOf(shape.slice(2))
    const [batchStride, timeStride] = batch === 0 ? [shape[1] * run, run] : [run, shape[1] * run]
    toNumbers(lengths, 'sequence_lens').forEach((length, b) => {
      if (length < 0 || length > shape[time])
        throw new LanewiseError('E_VALUE', `a sequence of ${length} in ${shape[time]} steps`)
      for (let t = 0; t < shape[time]; t++) {
        const from = t < length ? length - 1 - t : t
        copyElements(x, b * batchStride + from * timeStride, y, b * batchStride + t * timeStride, run)
      }
    })
    return [y]
  },
})

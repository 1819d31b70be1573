import { isBig, isFloat } from '../../core/dtype.js'
import { present } from '../../core/errors.js'
import { hostZeros, toNumbers, type HostTensor } from '../../core/host.js'
import { normalizeAxis, sizeOf } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import { defineOp, type InferContext, type PresenceOf, type TensorType } from '../../ir/op.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'

interface Running {
  readonly exclusive: number
  readonly reverse: number
}

/** Results so far along one axis, each with (or, `exclusive`, without) the element at its place. */
function runningFold(
  x: HostTensor,
  axis: HostTensor,
  { exclusive, reverse }: Running,
  start: number,
  add: (a: number, b: number) => number,
): HostTensor {
  const { dtype, shape } = x
  const at = normalizeAxis(toNumbers(axis, 'axis')[0], shape.length)
  const inner = sizeOf(shape.slice(at + 1))
  const floating = isFloat(dtype)
  const from = (floating ? floatsOf(x) : x.data) as unknown as number[]
  const to = floating ? new Float64Array(from.length) : (hostZeros(dtype, shape).data as unknown as number[])
  const step = reverse ? -inner : inner
  for (let first = 0; first < from.length; first++) {
    if (Math.floor(first / inner) % shape[at] !== 0) continue
    let sum = (isBig(dtype) ? BigInt(start) : start) as number
    for (let k = 0, i = reverse ? first + (shape[at] - 1) * inner : first; k < shape[at]; k++, i += step) {
      if (exclusive) to[i] = sum
      sum = add(sum, from[i])
      if (!exclusive) to[i] = sum
    }
  }
  return floating ? floatTensor(dtype, shape, to) : { dtype, shape, data: to as unknown as HostTensor['data'] }
}

const running = { exclusive: int(0), reverse: int(0) }

function inferRunning({ inputs: [x], value }: InferContext<unknown, PresenceOf<2>>): TensorType[] {
  normalizeAxis(toNumbers(value(1), 'axis')[0], x.shape.length)
  return [x]
}

export const CumSum = defineOp({
  name: 'CumSum',
  arity: 2,
  attributes: running,
  infer: inferRunning,
  layout: ({ inputs: [x] }) => ({ inputs: [x.order], outputs: [x.order] }),
  kernel: ([type]) => type === 'float32',
  emit(e) {
    const x = e.input(0)
    const at = x.order.indexOf(
      normalizeAxis(toNumbers(present(e.input(1).constant, 'axis'), 'axis')[0], x.shape.length),
    )
    const [outer, inner] = [sizeOf(x.physical.slice(0, at)), sizeOf(x.physical.slice(at + 1))]
    const { exclusive, reverse } = e.attributes
    e.call('cumsum_f32', x.at, e.overwrite(0, 0).at, x.physical[at], inner, 0, outer, exclusive, reverse)
  },
  compute: ({ attributes, inputs: [x, axis] }) => [runningFold(x, axis, attributes, 0, (a, b) => a + b)],
})

export const CumProd = defineOp({
  name: 'CumProd',
  arity: 2,
  attributes: running,
  infer: inferRunning,
  compute: ({ attributes, inputs: [x, axis] }) => [runningFold(x, axis, attributes, 1, (a, b) => a * b)],
})

import { COMPARE_EQUAL, COMPARE_GREATER, COMPARE_GREATER_OR_EQUAL, COMPARE_LESS, COMPARE_LESS_OR_EQUAL } from '../../assembly/codes.js'
import { byteSize, isFloat, type DType } from '../dtype.js'
import { LanewiseError } from '../errors.js'
import { elementwise, follow } from '../graph/layout.js'
import { hostZeros, type HostTensor } from '../host.js'
import { broadcastShapes } from '../shape.js'
import { int } from './attributes.js'
import { emitBroadcast, emitWhere, forEachBroadcast } from './broadcast.js'
import { floatsOf } from './host-floats.js'
import { defineOp, type OpDefinition } from './op.js'

/** Elements that can be compared: floats as numbers, the rest as they are. */
function comparable(tensor: HostTensor): ArrayLike<number> {
  return isFloat(tensor.dtype) ? floatsOf(tensor) : (tensor.data as unknown as number[])
}

const kernels: Partial<Record<DType, 'compare_broadcast_f32' | 'compare_broadcast_i32' | 'compare_broadcast_i64'>> = {
  float32: 'compare_broadcast_f32',
  int32: 'compare_broadcast_i32',
  int64: 'compare_broadcast_i64',
}

function compareOp(name: string, code: number, test: (a: number, b: number) => boolean, equality = false): OpDefinition<Record<never, never>> {
  return defineOp({
    name,
    arity: 2,
    attributes: {},
    infer({ inputs: [a, b] }) {
      if (a!.dtype !== b!.dtype) {
        throw new LanewiseError('E_TENSOR', `the operands are ${a!.dtype} and ${b!.dtype}`, { expected: a!.dtype, actual: b!.dtype })
      }
      if (!equality && (a!.dtype === 'string' || a!.dtype === 'bool')) {
        throw new LanewiseError('E_UNSUPPORTED', `not supported for ${a!.dtype}`, { actual: a!.dtype })
      }
      return [{ dtype: 'bool', shape: broadcastShapes(a!.shape, b!.shape) }]
    },
    layout: elementwise,
    kernel: ([a]) => a !== undefined && kernels[a] !== undefined,
    emit(e) {
      emitBroadcast(e, kernels[e.input(0).dtype]!, code, e.input(0), e.input(1), e.output(0))
    },
    compute({ inputs: [a, b], outputs: [{ shape }] }) {
      const y = hostZeros('bool', shape)
      const [x, z, to] = [comparable(a!), comparable(b!), y.data as Uint8Array]
      forEachBroadcast(shape, [a!.shape, b!.shape], (i, [p, q]) => (to[i] = test(x[p], z[q]) ? 1 : 0))
      return [y]
    },
    upgrades: [{ below: 7, apply: ({ attributes }) => void attributes.delete('broadcast') }],
  })
}

export const Equal = compareOp('Equal', COMPARE_EQUAL, (a, b) => a === b, true)
export const Less = compareOp('Less', COMPARE_LESS, (a, b) => a < b)
export const LessOrEqual = compareOp('LessOrEqual', COMPARE_LESS_OR_EQUAL, (a, b) => a <= b)
export const Greater = compareOp('Greater', COMPARE_GREATER, (a, b) => a > b)
export const GreaterOrEqual = compareOp('GreaterOrEqual', COMPARE_GREATER_OR_EQUAL, (a, b) => a >= b)

export const IsNaN = defineOp({
  name: 'IsNaN',
  arity: 1,
  attributes: {},
  infer: ({ inputs: [x] }) => [{ dtype: 'bool', shape: x!.shape }],
  layout: follow,
  kernel: ([type]) => type === 'float32',
  emit(e) {
    const x = e.input(0)
    e.call('isnan_f32', x.at, e.output(0).at, x.size)
  },
  compute: ({ inputs: [x] }) => [{ dtype: 'bool', shape: x!.shape, data: Uint8Array.from(floatsOf(x!), (value) => Number(Number.isNaN(value))) }],
})

export const IsInf = defineOp({
  name: 'IsInf',
  arity: 1,
  attributes: { detect_negative: int(1), detect_positive: int(1) },
  infer: ({ inputs: [x] }) => [{ dtype: 'bool', shape: x!.shape }],
  layout: follow,
  kernel: ([type]) => type === 'float32',
  emit(e) {
    const x = e.input(0)
    e.call('isinf_f32', x.at, e.output(0).at, x.size, e.attributes.detect_negative, e.attributes.detect_positive)
  },
  compute({ attributes: { detect_negative: negative, detect_positive: positive }, inputs: [x] }) {
    const test = (value: number) => Number((negative !== 0 && value === -Infinity) || (positive !== 0 && value === Infinity))
    return [{ dtype: 'bool', shape: x!.shape, data: Uint8Array.from(floatsOf(x!), test) }]
  },
})

export const Where = defineOp({
  name: 'Where',
  arity: 3,
  attributes: {},
  infer({ inputs: [condition, a, b] }) {
    if (a!.dtype !== b!.dtype) throw new LanewiseError('E_TENSOR', `the operands are ${a!.dtype} and ${b!.dtype}`, { expected: a!.dtype, actual: b!.dtype })
    if (condition!.dtype !== 'bool') throw new LanewiseError('E_TENSOR', `the condition is ${condition!.dtype}`, { expected: 'bool', actual: condition!.dtype })
    return [{ dtype: a!.dtype, shape: broadcastShapes(condition!.shape, a!.shape, b!.shape) }]
  },
  layout: elementwise,
  kernel: ([, type]) => type !== undefined && [1, 2, 4, 8].includes(byteSize(type)),
  emit(e) {
    const [condition, a, b] = [e.input(0), e.input(1), e.input(2)]
    emitWhere(e, Math.log2(byteSize(a.dtype)), condition, a, b, e.output(0))
  },
  compute({ inputs: [condition, a, b], outputs: [{ dtype, shape }] }) {
    const y = hostZeros(dtype, shape)
    const [from, other, to] = [a!.data, b!.data, y.data] as unknown[][]
    const width = dtype === 'complex128' ? 2 : 1
    forEachBroadcast(shape, [condition!.shape, a!.shape, b!.shape], (i, [c, p, q]) => {
      const [source, at] = condition!.data[c] ? [from, p] : [other, q]
      for (let k = 0; k < width; k++) to[i * width + k] = source[at * width + k]
    })
    return [y]
  },
})

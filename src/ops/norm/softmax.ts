import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { follow } from '../../core/layout.js'
import type { HostTensor } from '../../core/host.js'
import { normalizeAxis, sizeOf } from '../../core/shape.js'
import { int, type AttributesOf } from '../../ir/attributes.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { exp, log } from '../../core/scalar-functions.js'
import { defineOp, type OpDefinition, type UpgradeContext } from '../../ir/op.js'

const axisAttribute = { axis: int(-1) }
export type AxisAttribute = AttributesOf<typeof axisAttribute>

/**
 * An operator along one axis, whose result has the input's shape. `row` computes it in TypeScript for elements `step`
 * apart.
 */
function axisOp(
  name: string,
  kernel: 'softmax_f32' | 'log_softmax_f32' | 'hardmax_f32',
  row: (x: ArrayLike<number>, y: Float64Array, first: number, count: number, step: number) => void,
): OpDefinition<AxisAttribute> {
  return defineOp({
    name,
    arity: 1,
    attributes: axisAttribute,
    infer({ attributes: { axis }, inputs: [x] }) {
      if (!isFloat(x.dtype))
        throw new LanewiseError('E_UNSUPPORTED', `not supported for ${x.dtype}`, {
          expected: 'a float type',
          actual: x.dtype,
        })
      normalizeAxis(axis, x.shape.length)
      return [x]
    },
    layout: follow,
    emit(e) {
      const x = e.input(0)
      const at = x.order.indexOf(normalizeAxis(e.attributes.axis, x.shape.length))
      const [outer, inner] = [sizeOf(x.physical.slice(0, at)), sizeOf(x.physical.slice(at + 1))]
      const y = kernel === 'hardmax_f32' ? e.output(0) : e.overwrite(0, 0)
      e.call(kernel, x.at, y.at, x.physical[at], inner, 0, outer)
    },
    compute: ({ attributes: { axis }, inputs: [x] }) => [alongAxis(x, normalizeAxis(axis, x.shape.length), row)],
    upgrades: [{ below: 13, apply: (node) => flattenFirst(name, node) }],
  })
}

function alongAxis(x: HostTensor, axis: number, row: Parameters<typeof axisOp>[2]): HostTensor {
  const from = floatsOf(x)
  const to = new Float64Array(from.length)
  const inner = sizeOf(x.shape.slice(axis + 1))
  const count = x.shape[axis]
  for (let first = 0; first < from.length; first++) {
    if (Math.floor(first / inner) % count === 0) row(from, to, first, count, inner)
  }
  return floatTensor(x.dtype, x.shape, to)
}

/** Until opset 13 every axis from `axis` (1 by default) on was taken as one. */
function flattenFirst(name: string, node: UpgradeContext): void {
  const given = node.attributes.get('axis')
  const axis = given?.kind === 'int' ? Number(given.value) : 1
  if (axis === -1) return
  const [x] = node.inputs
  const flat = node.node('Flatten', [x], { axis })
  const y = node.node(name, [flat], { axis: 1 })
  node.inputs = [y, node.node('Shape', [x])]
  node.attributes.clear()
  node.rename('Reshape')
}

function largestOf(x: ArrayLike<number>, first: number, count: number, step: number): number {
  let largest = -Infinity
  for (let k = 0; k < count; k++) largest = Math.max(largest, x[first + k * step])
  return largest
}

export const Softmax = axisOp('Softmax', 'softmax_f32', (x, y, first, count, step) => {
  const largest = largestOf(x, first, count, step)
  let sum = 0
  for (let k = 0; k < count; k++) sum += y[first + k * step] = exp(x[first + k * step] - largest)
  for (let k = 0; k < count; k++) y[first + k * step] /= sum
})

export const LogSoftmax = axisOp('LogSoftmax', 'log_softmax_f32', (x, y, first, count, step) => {
  const largest = largestOf(x, first, count, step)
  let sum = 0
  for (let k = 0; k < count; k++) sum += exp(x[first + k * step] - largest)
  const rest = log(sum)
  for (let k = 0; k < count; k++) y[first + k * step] = x[first + k * step] - largest - rest
})

/** 1 at the first largest element, 0 elsewhere. */
export const Hardmax = axisOp('Hardmax', 'hardmax_f32', (x, y, first, count, step) => {
  const largest = largestOf(x, first, count, step)
  for (let k = 0; k < count; k++) {
    const value = x[first + k * step]
    if (value !== largest && !(value !== value && largest !== largest)) continue
    y[first + k * step] = 1
    return
  }
})

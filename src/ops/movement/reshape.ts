import { attributeToInput } from '../shared/attribute-to-input.js'
import { LanewiseError } from '../../core/errors.js'
import { regroup } from '../../core/layout.js'
import { toNumbers } from '../../core/host.js'
import { formatShape, normalizeAxes, sizeOf, type Shape } from '../../core/shape.js'
import { int } from '../../ir/attributes.js'
import type { Emitter } from '../../ir/emitter.js'
import { defineOp, type ComputeContext } from '../../ir/op.js'

/** What operators share that keep every element in its logical place: a view, and the same data in JavaScript. */
const viewing = {
  kernel: () => true,
  layout: regroup,
  emit: (e: Emitter<unknown>) => e.view(0, 0),
  compute: ({ inputs: [x], outputs: [y] }: ComputeContext<unknown, readonly [true, ...boolean[]]>) => [
    { ...y, data: x.data },
  ],
}

export const Reshape = defineOp({
  name: 'Reshape',
  arity: 2,
  attributes: { allowzero: int(0) },
  infer({ attributes, inputs, value }) {
    const shape = toNumbers(value(1), 'shape')
    const x = inputs[0]
    return [{ dtype: x.dtype, shape: reshaped(x.shape, shape, attributes.allowzero !== 0) }]
  },
  ...viewing,
})

/**
 * The shape that `wanted` asks for: 0 copies the size of that axis (unless zeros are meant), one −1 takes what is left.
 */
function reshaped(shape: Shape, wanted: readonly number[], allowZero: boolean): Shape {
  const fail = (why: string) =>
    new LanewiseError('E_SHAPE', `cannot reshape ${formatShape(shape)} to ${formatShape(wanted)}: ${why}`)
  if (allowZero && wanted.includes(0) && wanted.includes(-1)) throw fail('with allowzero, 0 and -1 exclude each other')
  const result = wanted.map((size, axis) => {
    if (size !== 0 || allowZero) return size
    if (axis >= shape.length) throw fail(`there is no axis ${axis} to copy`)
    return shape[axis]
  })
  const open = result.indexOf(-1)
  if (open !== result.lastIndexOf(-1)) throw fail('more than one axis is -1')
  if (result.some((size) => size < -1)) throw fail('a size is negative')
  const size = sizeOf(shape)
  if (open >= 0) {
    const rest = sizeOf(result.filter((_, axis) => axis !== open))
    // Of nothing, any number of nothings can be made: -1 beside a 0 stands for no size in particular.
    if (rest === 0 || size % rest !== 0) throw fail(`${size} elements are no multiple of ${rest}`)
    result[open] = size / rest
  }
  if (sizeOf(result) !== size) throw fail('the numbers of elements differ')
  return result
}

export const Flatten = defineOp({
  name: 'Flatten',
  arity: 1,
  attributes: { axis: int(1) },
  infer({ attributes, inputs: [x] }) {
    const rank = x.shape.length
    const { axis } = attributes
    if (axis < -rank || axis > rank) throw new LanewiseError('E_VALUE', `axis ${axis} is outside [${-rank}, ${rank}]`)
    const split = axis < 0 ? axis + rank : axis
    return [{ dtype: x.dtype, shape: [sizeOf(x.shape.slice(0, split)), sizeOf(x.shape.slice(split))] }]
  },
  ...viewing,
})

export const Squeeze = defineOp({
  name: 'Squeeze',
  arity: [1, 2],
  attributes: {},
  infer({ inputs, value }) {
    const { dtype, shape } = inputs[0]
    const given = value(1)
    const axes = given && normalizeAxes(toNumbers(given, 'axes'), shape.length)
    for (const axis of axes ?? []) {
      if (shape[axis] !== 1) throw new LanewiseError('E_SHAPE', `axis ${axis} of ${formatShape(shape)} is not 1`)
    }
    return [{ dtype, shape: shape.filter((size, axis) => (axes ? !axes.includes(axis) : size !== 1)) }]
  },
  ...viewing,
  upgrades: [{ below: 13, apply: (node) => attributeToInput(node, 'axes', 1) }],
})

export const Unsqueeze = defineOp({
  name: 'Unsqueeze',
  arity: 2,
  attributes: {},
  infer({ inputs, value }) {
    const { dtype, shape } = inputs[0]
    const given = toNumbers(value(1), 'axes')
    const rank = shape.length + given.length
    const axes = normalizeAxes(given, rank)
    let next = 0
    return [{ dtype, shape: Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? 1 : shape[next++])) }]
  },
  ...viewing,
  upgrades: [{ below: 13, apply: (node) => attributeToInput(node, 'axes', 1) }],
})

import { LanewiseError } from '../../core/errors.js'
import { follow, type Layout, type LayoutQuery } from '../../core/layout.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { formatShape, normalizeAxis, sizeOf } from '../../core/shape.js'
import { int, required } from '../../ir/attributes.js'
import { moving, wholeCopy, type Part } from './copy.js'
import { defineOp } from '../../ir/op.js'
import { attributeToInput } from '../shared/attribute-to-input.js'

export const Concat = defineOp({
  name: 'Concat',
  arity: [1, Infinity],
  attributes: { axis: required(int()) },
  infer({ attributes, inputs }) {
    const first = inputs[0]
    const axis = normalizeAxis(attributes.axis, first.shape.length)
    let total = 0
    for (const input of inputs) {
      if (!input) throw new LanewiseError('E_GRAPH', 'an input is left out')
      if (input.dtype !== first.dtype) {
        throw new LanewiseError('E_TENSOR', `the inputs differ in type: ${first.dtype} and ${input.dtype}`, {
          expected: first.dtype,
          actual: input.dtype,
        })
      }
      if (
        input.shape.length !== first.shape.length ||
        !input.shape.every((size, i) => i === axis || size === first.shape[i])
      ) {
        throw new LanewiseError(
          'E_SHAPE',
          `${formatShape(first.shape)} and ${formatShape(input.shape)} differ beyond axis ${axis}`,
        )
      }
      total += input.shape[axis]
    }
    return [{ dtype: first.dtype, shape: first.shape.map((size, i) => (i === axis ? total : size)) }]
  },
  layout: largest,
  ...moving<{ readonly axis: number }>(({ attributes, inputs, input, y }) => {
    const axis = normalizeAxis(attributes.axis, y.shape.length)
    let at = 0
    return inputs.map((_, source): Part => {
      const x = input(source)
      const part = { source, ...wholeCopy(x.shape, x.strides, y.strides, { from: 0, to: at * y.strides[axis] }) }
      at += x.shape[axis]
      return part
    })
  }),
})

/** Everything in the order of the largest operand that is not a constant. */
function largest({ inputs, outputs }: LayoutQuery<unknown>): Layout {
  let lead: (typeof inputs)[number]
  for (const input of inputs)
    if (input && !input.constant && (!lead || sizeOf(input.shape) > sizeOf(lead.shape))) lead = input
  const order = lead?.order
  return { inputs: inputs.map(() => order), outputs: outputs.map(() => order) }
}

export const Split = defineOp({
  name: 'Split',
  arity: [1, 2],
  outputs: Infinity,
  attributes: { axis: int(0), num_outputs: int() },
  infer({ attributes, inputs, outputCount, value }) {
    const { dtype, shape } = inputs[0]
    const sizes = value(1)
    const axis = normalizeAxis(attributes.axis, shape.length)
    return partsOf(sizes, shape[axis], attributes.num_outputs ?? outputCount, outputCount).map((size) => ({
      dtype,
      shape: shape.map((whole, i) => (i === axis ? size : whole)),
    }))
  },
  layout: follow,
  ...moving<{ readonly axis: number; readonly num_outputs: number | undefined }>(
    ({ attributes, input, outputs, values }) => {
      const { shape, strides } = input(0)
      const axis = normalizeAxis(attributes.axis, shape.length)
      let at = 0
      return partsOf(values[1], shape[axis], attributes.num_outputs ?? outputs.length, outputs.length).flatMap(
        (size, output): Part[] => {
          const from = at * strides[axis]
          at += size
          const y = outputs[output]
          return y ? [{ source: 0, output, ...wholeCopy(y.shape, strides, y.strides, { from, to: 0 }) }] : []
        },
      )
    },
  ),
  upgrades: [{ below: 13, apply: (node) => attributeToInput(node, 'split', 1) }],
})

/** The sizes of the parts: as given, or equal but for the last, which may be smaller. */
function partsOf(sizes: HostTensor | undefined, whole: number, count: number, named: number): number[] {
  // More parts than elements would have sizes below zero; more than are named, of an empty axis, nobody has asked for.
  if (count < 1 || (!sizes && count > Math.max(whole, named)))
    throw new LanewiseError('E_VALUE', `an axis of ${whole} is not split into ${count} parts`)
  const each = Math.ceil(whole / count)
  const parts = sizes
    ? toNumbers(sizes, 'split')
    : Array.from({ length: count }, (_, i) => (i < count - 1 ? each : whole - each * (count - 1)))
  if (parts.some((size) => size < 0) || parts.reduce((a, b) => a + b, 0) !== whole) {
    throw new LanewiseError('E_SHAPE', `${formatShape(parts)} does not split an axis of ${whole}`)
  }
  return parts
}

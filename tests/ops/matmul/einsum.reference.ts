import { stridesOf } from '../../../src/core/shape.js'
import type { Plain, Reference } from '../case.js'
import { indices } from '../movement/transpose.reference.js'

/** Every combination of the labels' values, for equations with an arrow and without an ellipsis. */
export const einsum: Reference = (inputs, attributes) => {
  const [left, output] = (attributes.equation as string).replaceAll(' ', '').split('->')
  const terms = left.split(',')
  const labels = [...new Set((output + terms.join('')).split(''))]
  const sizes = labels.map((label) =>
    Math.max(
      ...terms.flatMap((term, i) => term.split('').flatMap((l, axis) => (l === label ? [inputs[i].shape[axis]] : []))),
    ),
  )
  const zero = labels.findIndex((label) =>
    terms.some((term, i) => term.split('').some((l, axis) => l === label && inputs[i].shape[axis] === 0)),
  )
  if (zero >= 0) sizes[zero] = 0
  const shape = output.split('').map((label) => sizes[labels.indexOf(label)])
  const to = stridesOf(shape)
  const data = new Array<number>(shape.reduce((a, b) => a * b, 1)).fill(0)
  for (const index of indices(sizes)) {
    const of = (label: string) => index[labels.indexOf(label)]
    const at = output.split('').reduce((sum, label, axis) => sum + of(label) * to[axis], 0)
    data[at] += terms.reduce((product, term, i) => {
      const strides = stridesOf(inputs[i].shape)
      return (
        product *
        inputs[i].data[
          term
            .split('')
            .reduce((sum, label, axis) => sum + (inputs[i].shape[axis] === 1 ? 0 : of(label)) * strides[axis], 0)
        ]
      )
    }, 1)
  }
  return [{ shape, data }] satisfies Plain[]
}

import { LanewiseError } from '../../core/errors.js'
import { identityOrder } from '../../core/layout.js'
import { formatShape } from '../../core/shape.js'
import { transposed } from '../shared/transposed.js'
import { ints } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

export const Transpose = defineOp({
  name: 'Transpose',
  arity: 1,
  attributes: { perm: ints() },
  infer({ attributes, inputs: [x] }) {
    const perm = permutation(attributes.perm, x.shape.length)
    return [{ dtype: x.dtype, shape: perm.map((axis) => x.shape[axis]) }]
  },
  kernel: () => true,
  // Nothing moves: the output is the same memory with its axes renamed, and whoever needs another order asks for it.
  layout({ attributes, inputs: [x] }) {
    const perm = permutation(attributes.perm, x.shape.length)
    return { inputs: [x.order], outputs: [x.order.map((axis) => perm.indexOf(axis))] }
  },
  emit: (e) => e.view(0, 0),
  compute: ({ attributes, inputs: [x] }) => [transposed(x, permutation(attributes.perm, x.shape.length))],
})

function permutation(perm: readonly number[] | undefined, rank: number): readonly number[] {
  if (!perm) return identityOrder(rank).slice().reverse()
  if (perm.length !== rank || [...perm].sort((a, b) => a - b).some((axis, i) => axis !== i)) {
    throw new LanewiseError('E_SHAPE', `perm ${formatShape(perm)} is not a permutation of ${rank} axes`)
  }
  return perm
}

import { LanewiseError } from '../../core/errors.js'
import { identityOrder, physicalShape } from '../../core/layout.js'
import { hostZeros, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf, stridesOf } from '../../core/shape.js'
import { copyElements } from '../../ir/strided.js'
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

/** The tensor with its axes in another order: axis i of the result is axis `perm[i]` of x. */
export function transposed(x: HostTensor, perm: readonly number[]): HostTensor {
  const shape = physicalShape(x.shape, perm)
  const y = hostZeros(x.dtype, shape)
  const strides = physicalShape(stridesOf(x.shape), perm)
  const index = new Array<number>(shape.length).fill(0)
  let at = 0
  for (let i = 0, size = sizeOf(shape); i < size; i++) {
    copyElements(x, at, y, i, 1)
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += strides[axis]
      if (++index[axis] < shape[axis]) break
      at -= strides[axis] * shape[axis]
      index[axis] = 0
    }
  }
  return y
}

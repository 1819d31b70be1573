import { hostZeros, type HostTensor } from '../../core/host.js'
import { physicalShape } from '../../core/layout.js'
import { sizeOf, stridesOf } from '../../core/shape.js'
import { copyElements } from '../../ir/strided.js'

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

import { isSmallFloat } from '../../src/core/floats.js'
import { hostFrom, type HostTensor } from '../../src/core/host.js'
import type { DType } from '../../src/core/dtype.js'
import type { Shape } from '../../src/core/shape.js'
import { floatsOf, floatTensor } from '../../src/ops/shared/scalar-floats.js'

/** A tensor of any numeric type from numbers, small floats rounded. */
export function tensorOf(dtype: DType, shape: Shape, values: readonly number[]): HostTensor {
  if (dtype === 'complex64' || dtype === 'complex128') {
    const array = dtype === 'complex64' ? Float32Array : Float64Array
    return { dtype, shape, data: array.from(values) }
  }
  return isSmallFloat(dtype) ? floatTensor(dtype, shape, values) : hostFrom(dtype, shape, values)
}

/** The elements as numbers, small floats decoded. */
export function numbersIn(tensor: HostTensor): number[] {
  return isSmallFloat(tensor.dtype)
    ? Array.from(floatsOf(tensor))
    : Array.from(tensor.data as ArrayLike<number>, Number)
}

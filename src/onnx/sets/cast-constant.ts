import { dtypeToOnnx, isFloat, type DType } from '../../core/dtype.js'
import { present } from '../../core/errors.js'
import { toNumbers, type HostTensor } from '../../core/host.js'
import { withRule } from '../../ir/op.js'
import { findOp } from '../../ir/registry.js'

/** The elements of a tensor as another type. */
export function castConstant(tensor: HostTensor, dtype: DType): HostTensor {
  const cast = withRule(present(findOp('', 'Cast'), 'operator Cast'), 'compute')
  const { shape } = tensor
  const attributes = { to: dtypeToOnnx(dtype), saturate: 1, round_mode: 'up' }
  return cast.compute({ attributes, inputs: [tensor], outputs: [{ dtype, shape }], outputCount: 1 })[0]
}

/** The elements of a tensor of numbers, as far as numbers hold them. */
export function numbersIn(tensor: HostTensor): number[] {
  return isFloat(tensor.dtype) ? Array.from(castConstant(tensor, 'float64').data as Float64Array) : toNumbers(tensor)
}

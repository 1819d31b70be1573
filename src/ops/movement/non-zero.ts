import { arrayElements } from '../../core/dtype.js'
import { hostTensor } from '../../core/host.js'
import { numbersOf } from '../shared/scalar-floats.js'
import { defineOp } from '../../ir/op.js'

/** Its output's shape depends on data: it has no `infer`. */
export const NonZero = defineOp({
  name: 'NonZero',
  arity: 1,
  attributes: {},
  compute({ inputs }) {
    const x = inputs[0]
    const values = numbersOf(x)
    const found: number[] = []
    // A complex number is two, and not zero if one of them is not.
    const lanes = arrayElements(x.dtype)
    for (let i = 0; i < values.length; i++) {
      const at = Math.floor(i / lanes)
      if (values[i] !== 0 && found.at(-1) !== at) found.push(at)
    }
    const rank = x.shape.length
    const data = new BigInt64Array(rank * found.length)
    let stride = 1
    for (let axis = rank - 1; axis >= 0; axis--) {
      for (let i = 0; i < found.length; i++)
        data[axis * found.length + i] = BigInt(Math.floor(found[i] / stride) % x.shape[axis])
      stride *= x.shape[axis]
    }
    return [hostTensor('int64', [rank, found.length], data)]
  },
})

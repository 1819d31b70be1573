import { LanewiseError } from '../../core/errors.js'
import { isFloat } from '../../core/dtype.js'
import { hostZeros } from '../../core/host.js'
import { normalizeAxis, sizeOf } from '../../core/shape.js'
import { int, type AttributesOf } from '../../ir/attributes.js'
import { defineOp, type OpDefinition, type TensorType } from '../../ir/op.js'
import { floatsOf } from '../shared/scalar-floats.js'
import { forEachFolded, keptInPlace, reducedShape } from './reduce.js'

const argAttributes = { axis: int(0), keepdims: int(1), select_last_index: int(0) }
type ArgAttributes = AttributesOf<typeof argAttributes>

function argOp(name: string, smallest: boolean): OpDefinition<ArgAttributes> {
  return defineOp({
    name,
    arity: 1,
    attributes: argAttributes,
    infer({ attributes: { axis, keepdims }, inputs: [x] }): TensorType[] {
      const { shape } = x
      const at = normalizeAxis(axis, shape.length)
      if (shape[at] === 0) throw new LanewiseError('E_SHAPE', `axis ${at} is empty: it has no largest element`)
      return [{ dtype: 'int64', shape: reducedShape(shape, [at], keepdims !== 0) }]
    },
    layout: keptInPlace,
    kernel: ([type]) => type === 'float32',
    emit(e) {
      const x = e.input(0)
      const at = x.order.indexOf(normalizeAxis(e.attributes.axis, x.shape.length))
      const [outer, inner] = [sizeOf(x.physical.slice(0, at)), sizeOf(x.physical.slice(at + 1))]
      const y = e.output(0)
      if (y.size === 0) return
      e.call(
        'arg_extreme_f32',
        x.at,
        y.at,
        x.physical[at],
        inner,
        0,
        outer,
        Number(smallest),
        e.attributes.select_last_index,
      )
    },
    compute({ attributes: { axis, select_last_index: last }, inputs: [x], outputs: [{ shape }] }) {
      const at = normalizeAxis(axis, x.shape.length)
      const y = hostZeros('int64', shape)
      const from = isFloat(x.dtype) ? floatsOf(x) : (x.data as unknown as number[])
      const best = new Int32Array(y.data.length).fill(-1)
      const inner = sizeOf(x.shape.slice(at + 1))
      const beats = (a: number, b: number) =>
        a !== a ? b === b || last !== 0 : (smallest ? a < b : a > b) || (last !== 0 && a === b)
      forEachFolded(x.shape, [at], (i, k) => {
        if (best[k] < 0 || beats(from[i], from[best[k]])) best[k] = i
      })
      best.forEach((i, k) => ((y.data as BigInt64Array)[k] = BigInt(Math.floor(i / inner) % x.shape[at])))
      return [y]
    },
  })
}

export const ArgMax = argOp('ArgMax', false)
export const ArgMin = argOp('ArgMin', true)

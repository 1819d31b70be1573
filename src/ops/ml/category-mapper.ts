import { LanewiseError } from '../../core/errors.js'
import { hostTensor, toNumbers } from '../../core/host.js'
import { int, ints, string, strings } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'

/** Texts become the whole numbers that belong to them, whole numbers become texts. */
export const CategoryMapper = defineOp({
  name: 'CategoryMapper',
  domain: 'ai.onnx.ml',
  arity: 1,
  attributes: {
    cats_int64s: ints(),
    cats_strings: strings(),
    default_int64: int(-1),
    default_string: string('_Unused'),
  },
  infer({ attributes: { cats_int64s: numbers, cats_strings: texts }, inputs: [x] }) {
    if (!numbers || numbers.length !== texts?.length)
      throw new LanewiseError('E_VALUE', `${numbers?.length ?? 'no'} numbers for ${texts?.length ?? 'no'} texts`)
    if (x.dtype !== 'string' && x.dtype !== 'int64')
      throw new LanewiseError('E_TENSOR', `the input is ${x.dtype}`, { expected: 'string or int64', actual: x.dtype })
    return [{ dtype: x.dtype === 'string' ? 'int64' : 'string', shape: x.shape }]
  },
  compute({ attributes, inputs: [x] }) {
    const {
      cats_int64s: numbers = [],
      cats_strings: texts = [],
      default_int64: number,
      default_string: text,
    } = attributes
    if (x.dtype !== 'string') {
      const names = new Map(numbers.map((value, i) => [value, texts[i]]))
      return [
        hostTensor(
          'string',
          x.shape,
          Array.from(toNumbers(x), (value) => names.get(value) ?? text),
        ),
      ]
    }
    const values = new Map(texts.map((value, i) => [value, numbers[i]]))
    const found = (x.data as readonly string[]).map((value) => BigInt(values.get(value) ?? number))
    return [hostTensor('int64', x.shape, BigInt64Array.from(found))]
  },
})

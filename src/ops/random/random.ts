import { dtypeFromOnnx, isBig, isInteger, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostFrom, type HostTensor } from '../../core/host.js'
import { formatShape, sizeOf } from '../../core/shape.js'
import { float, int, ints, required } from '../../ir/attributes.js'
import { floatsOf, numericTensor } from '../elementwise/scalar-floats.js'
import { exp } from '../../core/scalar-functions.js'
import { defineOp, type ComputeContext } from '../../ir/op.js'
import { BulkGenerator } from './bulk-generator.js'

/** A generator for one call: by the node's own seed, else by one of the session's. */
function generator(own: number | undefined, session: (() => number) | undefined): BulkGenerator {
  return new BulkGenerator(own ?? session?.() ?? 0)
}

function typeOf(code: number | undefined, fallback: DType): DType {
  const dtype = code === undefined ? fallback : dtypeFromOnnx(code)
  if (!dtype || dtype === 'string' || dtype.startsWith('complex'))
    throw new LanewiseError('E_VALUE', `random numbers of the type ${code ?? fallback} do not exist`)
  return dtype
}

/** An operator with a shape of its own, and its -Like sibling that takes an input's. */
function distribution<K extends string>(
  name: string,
  [a, b]: readonly [K, K],
  defaults: readonly [number, number],
  fill: (random: BulkGenerator, to: Float64Array, a: number, b: number) => void,
) {
  const parameters = { [a]: float(defaults[0]), [b]: float(defaults[1]), seed: float() }
  const values = ({
    attributes,
    outputs: [{ dtype, shape }],
    seed,
  }: ComputeContext<{ readonly [name: string]: unknown }>): HostTensor[] => {
    const drawn = new Float64Array(sizeOf(shape))
    const random = generator(attributes.seed as number | undefined, seed)
    fill(random, drawn, attributes[a] as number, attributes[b] as number)
    return [numericTensor(dtype, shape, drawn)]
  }
  const plain = defineOp({
    name,
    arity: 0,
    random: true,
    attributes: { dtype: int(1), shape: required(ints()), ...parameters },
    infer: ({ attributes: { dtype, shape } }) => [{ dtype: typeOf(dtype, 'float32'), shape: shape.map(Number) }],
    compute: values,
  })
  const like = defineOp({
    name: `${name}Like`,
    arity: 1,
    random: true,
    attributes: { dtype: int(), ...parameters },
    infer: ({ attributes: { dtype }, inputs: [x] }) => [{ dtype: typeOf(dtype, x.dtype), shape: x.shape }],
    compute: values,
  })
  return [plain, like] as const
}

export const [RandomUniform, RandomUniformLike] = distribution(
  'RandomUniform',
  ['low', 'high'],
  [0, 1],
  (random, to, low, high) => {
    random.uniforms(to)
    for (let i = 0; i < to.length; i++) to[i] = low + (high - low) * to[i]
  },
)
export const [RandomNormal, RandomNormalLike] = distribution(
  'RandomNormal',
  ['mean', 'scale'],
  [0, 1],
  (random, to, mean, scale) => {
    random.normals(to)
    for (let i = 0; i < to.length; i++) to[i] = mean + scale * to[i]
  },
)

/** 1 with the probability that the input says, else 0. */
export const Bernoulli = defineOp({
  name: 'Bernoulli',
  arity: 1,
  random: true,
  attributes: { dtype: int(), seed: float() },
  infer: ({ attributes: { dtype }, inputs: [x] }) => [{ dtype: typeOf(dtype, x.dtype), shape: x.shape }],
  compute({ attributes, inputs: [x], outputs: [y], seed }) {
    const probabilities = floatsOf(x)
    const drawn = new Float64Array(probabilities.length)
    generator(attributes.seed, seed).uniforms(drawn)
    for (let i = 0; i < drawn.length; i++) drawn[i] = drawn[i] < probabilities[i] ? 1 : 0
    return [numericTensor(y.dtype, y.shape, drawn)]
  },
})

/** Classes drawn from rows of unnormalised logarithms of probabilities. */
export const Multinomial = defineOp({
  name: 'Multinomial',
  arity: 1,
  random: true,
  attributes: { dtype: int(6), sample_size: int(1), seed: float() },
  infer({ attributes: { dtype, sample_size: samples }, inputs: [x] }) {
    const type = typeOf(dtype, 'int32')
    if (!isInteger(type)) throw new LanewiseError('E_VALUE', `classes are whole numbers, not ${type}`)
    if (x.shape.length !== 2 || x.shape[1] === 0)
      throw new LanewiseError('E_SHAPE', `the input must be [batch, classes], got ${formatShape(x.shape)}`)
    if (samples < 0) throw new LanewiseError('E_VALUE', `sample_size must not be negative, got ${samples}`)
    return [{ dtype: type, shape: [x.shape[0], samples] }]
  },
  compute({ attributes, inputs: [x], outputs: [y], seed }) {
    const samples = attributes.sample_size
    const random = generator(attributes.seed, seed)
    const classes = x.shape[1]
    const logits = Float64Array.from(floatsOf(x))
    const drawn: number[] = []
    for (let at = 0; at < logits.length; at += classes) {
      const row = logits.subarray(at, at + classes)
      const largest = row.reduce((a, b) => Math.max(a, b), -Infinity)
      let total = 0
      const ends = Array.from(row, (value) => (total += exp(value - largest)))
      for (let s = 0; s < samples; s++) {
        const place = random.uniform() * total
        const chosen = ends.findIndex((end) => place < end)
        drawn.push(chosen < 0 ? classes - 1 : chosen)
      }
    }
    return [isBig(y.dtype) ? hostFrom(y.dtype, y.shape, drawn) : numericTensor(y.dtype, y.shape, drawn)]
  },
})

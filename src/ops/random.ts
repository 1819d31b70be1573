import { dtypeFromOnnx, isBig, isInteger, type DType } from '../dtype.js'
import { LanewiseError } from '../errors.js'
import { hostFrom, type HostTensor } from '../host.js'
import { formatShape, sizeOf, type Shape } from '../shape.js'
import { float, int, ints, required } from './attributes.js'
import { floatsOf, numericTensor } from './host-floats.js'
import { cos, exp, log } from './host-functions.js'
import { defineOp, type ComputeContext } from './op.js'

/** xoshiro128** (Blackman and Vigna, 2018): the same numbers for the same seed everywhere. */
export class Random {
  private readonly state: Uint32Array

  constructor(seed: number) {
    // Seeds are spread by splitmix32, so that neighbouring ones have nothing in common. A seed may be any float.
    let z = new Uint32Array(Float64Array.of(seed).buffer).reduce((a, b) => Math.imul(a, 31) + b, 0) >>> 0
    this.state = Uint32Array.from({ length: 4 }, () => {
      z = (z + 0x9e3779b9) >>> 0
      let t = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
      t = Math.imul(t ^ (t >>> 13), 0xc2b2ae35)
      return t ^ (t >>> 16)
    })
  }

  private bits(): number {
    const s = this.state
    const product = Math.imul(s[1], 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0
    const t = s[1] << 9
    s[2] ^= s[0]
    s[3] ^= s[1]
    s[1] ^= s[2]
    s[0] ^= s[3]
    s[2] ^= t
    s[3] = (s[3] << 11) | (s[3] >>> 21)
    return result
  }

  /** In [0, 1), 53 bits. */
  uniform(): number {
    return ((this.bits() >>> 5) * 2 ** 26 + (this.bits() >>> 6)) / 2 ** 53
  }

  /** Of mean 0 and variance 1 (Box and Muller, 1958). */
  normal(): number {
    const radius = Math.sqrt(-2 * log(1 - this.uniform()))
    return radius * cos(2 * Math.PI * this.uniform())
  }
}

/** A generator for one call: by the node's own seed, else by one of the session's. */
function generator(own: number | undefined, session: (() => number) | undefined): Random {
  return new Random(own ?? session?.() ?? 0)
}

function typeOf(code: number | undefined, fallback: DType): DType {
  const dtype = code === undefined ? fallback : dtypeFromOnnx(code)
  if (!dtype || dtype === 'string' || dtype.startsWith('complex')) throw new LanewiseError('E_VALUE', `random numbers of the type ${code ?? fallback} do not exist`)
  return dtype
}

function filled(dtype: DType, shape: Shape, next: () => number): HostTensor {
  return numericTensor(dtype, shape, Float64Array.from({ length: sizeOf(shape) }, next))
}

/** An operator with a shape of its own, and its -Like sibling that takes an input's. */
function distribution<K extends string>(name: string, [a, b]: readonly [K, K], defaults: readonly [number, number], next: (random: Random, a: number, b: number) => number) {
  const parameters = { [a]: float(defaults[0]), [b]: float(defaults[1]), seed: float() }
  const values = ({ attributes, outputs: [{ dtype, shape }], seed }: ComputeContext<{ readonly [name: string]: unknown }>) => {
    const random = generator(attributes.seed as number | undefined, seed)
    return [filled(dtype, shape, () => next(random, attributes[a] as number, attributes[b] as number))]
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
    infer: ({ attributes: { dtype }, inputs: [x] }) => [{ dtype: typeOf(dtype, x!.dtype), shape: x!.shape }],
    compute: values,
  })
  return [plain, like] as const
}

export const [RandomUniform, RandomUniformLike] = distribution('RandomUniform', ['low', 'high'], [0, 1], (random, low, high) => low + (high - low) * random.uniform())
export const [RandomNormal, RandomNormalLike] = distribution('RandomNormal', ['mean', 'scale'], [0, 1], (random, mean, scale) => mean + scale * random.normal())

/** 1 with the probability that the input says, else 0. */
export const Bernoulli = defineOp({
  name: 'Bernoulli',
  arity: 1,
  random: true,
  attributes: { dtype: int(), seed: float() },
  infer: ({ attributes: { dtype }, inputs: [x] }) => [{ dtype: typeOf(dtype, x!.dtype), shape: x!.shape }],
  compute({ attributes, inputs: [x], outputs: [y], seed }) {
    const random = generator(attributes.seed, seed)
    const probabilities = floatsOf(x!)
    let i = 0
    return [filled(y.dtype, y.shape, () => (random.uniform() < probabilities[i++] ? 1 : 0))]
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
    if (x!.shape.length !== 2 || x!.shape[1] === 0) throw new LanewiseError('E_SHAPE', `the input must be [batch, classes], got ${formatShape(x!.shape)}`)
    if (samples < 0) throw new LanewiseError('E_VALUE', `sample_size must not be negative, got ${samples}`)
    return [{ dtype: type, shape: [x!.shape[0], samples] }]
  },
  compute({ attributes, inputs: [x], outputs: [y], seed }) {
    const samples = attributes.sample_size
    const random = generator(attributes.seed, seed)
    const classes = x!.shape[1]
    const logits = Float64Array.from(floatsOf(x!))
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

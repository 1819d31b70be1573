import { checkArguments } from '../core/arguments.js'
import { LanewiseError } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import type { Random } from '../core/random.js'
import { sizeOf, type Shape } from '../core/shape.js'

/** Makes the elements of a new parameter. */
export type Initializer = (shape: Shape, random: Random) => Float32Array

/** Inputs and outputs of one unit: of [out, in, kernel …] weights, as PyTorch counts them. */
export function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  checkArguments('fans', { shape }, 'numbers')

  if (shape.length < 2)
    throw new LanewiseError('E_SHAPE', `a tensor of shape [${shape.join(',')}] has no fan in and fan out`)
  const taps = sizeOf(shape.slice(2))
  return { fanIn: shape[1] * taps, fanOut: shape[0] * taps }
}

function fill(shape: Shape, next: () => number): Float32Array {
  checkArguments('an initializer', { shape }, 'numbers')
  const data = new Float32Array(sizeOf(shape))
  for (let i = 0; i < data.length; i++) data[i] = next()
  return data
}

/** 0 everywhere. */
export const zeros: Initializer = (shape) => fill(shape, () => 0)
/** 1 everywhere. */
export const ones: Initializer = (shape) => fill(shape, () => 1)

/** The same number everywhere. */
export function constant(value: number): Initializer {
  checkArguments('constant', { value }, 'number')

  return (shape) => fill(shape, () => value)
}

/** Evenly from [low, high). */
export function uniform(low = 0, high = 1): Initializer {
  checkArguments('uniform', { low, high }, 'number?', 'number?')

  return (shape, random) => fill(shape, () => random.between(low, high))
}

/** Normal numbers of a mean and a standard deviation. */
export function normal(mean = 0, deviation = 1): Initializer {
  checkArguments('normal', { mean, deviation }, 'number?', 'number?')

  return (shape, random) => fill(shape, () => mean + deviation * random.normal())
}

/** Normal, drawn again outside [low, high]. */
export function truncatedNormal(mean = 0, deviation = 1, low = -2 * deviation, high = 2 * deviation): Initializer {
  checkArguments('truncatedNormal', { mean, deviation, low, high }, 'number?', 'number?', 'number?', 'number?')

  return (shape, random) =>
    fill(shape, () => {
      for (;;) {
        const value = mean + deviation * random.normal()
        if (value >= low && value <= high) return value
      }
    })
}

/** Glorot & Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010. */
export function xavierUniform(gain = 1): Initializer {
  checkArguments('xavierUniform', { gain }, 'number?')

  return (shape, random) => {
    const { fanIn, fanOut } = fans(shape)
    const bound = gain * Math.sqrt(6 / (fanIn + fanOut))
    return uniform(-bound, bound)(shape, random)
  }
}

/** Normal numbers of variance 2·gain²/(fan in + fan out) (Glorot & Bengio, 2010). */
export function xavierNormal(gain = 1): Initializer {
  checkArguments('xavierNormal', { gain }, 'number?')

  return (shape, random) => {
    const { fanIn, fanOut } = fans(shape)
    return normal(0, gain * Math.sqrt(2 / (fanIn + fanOut)))(shape, random)
  }
}

/** Which fan counts, and for which function after it. */
export interface KaimingOptions {
  /** Which variance stays the same: forward (`fanIn`) or backward. */
  readonly mode?: 'fanIn' | 'fanOut'
  /** √2 for ReLU; √(2/(1 + a²)) for a leaky one of slope a. */
  readonly gain?: number
}

/** He et al., "Delving deep into rectifiers", 2015. */
export function kaimingUniform(options: KaimingOptions = {}): Initializer {
  checkArguments('kaimingUniform', { options }, { mode: 'string', gain: 'number' })
  const { mode = 'fanIn', gain = Math.SQRT2 } = options

  return (shape, random) => {
    const bound = gain * Math.sqrt(3 / fans(shape)[mode])
    return uniform(-bound, bound)(shape, random)
  }
}

/** Normal numbers of variance gain²/fan (He et al., arXiv:1502.01852). */
export function kaimingNormal(options: KaimingOptions = {}): Initializer {
  checkArguments('kaimingNormal', { options }, { mode: 'string', gain: 'number' })
  const { mode = 'fanIn', gain = Math.SQRT2 } = options

  return (shape, random) => normal(0, gain / Math.sqrt(fans(shape)[mode]))(shape, random)
}

/**
 * Rows (or columns) at right angles (Saxe et al., 2014), by Gram and Schmidt over normal numbers, twice for accuracy.
 */
export function orthogonal(gain = 1): Initializer {
  checkArguments('orthogonal', { gain }, 'number?')

  return (shape, random) => {
    const rows = shape[0]
    const columns = sizeOf(shape.slice(1))
    const [count, length] = rows <= columns ? [rows, columns] : [columns, rows]
    const vectors = Array.from({ length: count }, () => Float64Array.from({ length }, () => random.normal()))
    vectors.forEach((vector, i) => {
      for (let round = 0; round < 2; round++) {
        for (let k = 0; k < i; k++) {
          const along = dot(vector, vectors[k])
          for (let j = 0; j < length; j++) vector[j] -= along * vectors[k][j]
        }
      }
      const norm = Math.sqrt(dot(vector, vector))
      for (let j = 0; j < length; j++) vector[j] /= norm
    })
    const data = new Float32Array(rows * columns)
    vectors.forEach((vector, i) =>
      vector.forEach((value, j) => (data[rows <= columns ? i * columns + j : j * columns + i] = gain * value)),
    )
    return data
  }
}

/** ±1/√fan: what PyTorch's Linear and convolutions begin with. */
export function byFan(fan: number): Initializer {
  checkArguments('byFan', { fan }, 'number')

  const bound = fan > 0 ? 1 / Math.sqrt(fan) : 0
  return uniform(-bound, bound)
}

/** The elements as a tensor. */
export function initialized(shape: Shape, initializer: Initializer, random: Random): HostTensor {
  checkArguments('initialized', { shape, initializer, random }, 'numbers', 'function', 'object')

  // No device holds as many, and an engine has no array for them.
  if (sizeOf(shape) > 2 ** 30)
    throw new LanewiseError('E_BUDGET', `a parameter of shape [${shape.join(',')}] has ${sizeOf(shape)} elements`)
  return { dtype: 'float32', shape, data: initializer(shape, random) }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

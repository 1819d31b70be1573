import { isBig, isInteger } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { hostFrom, hostTensor } from '../../core/host.js'
import { exp } from '../../core/scalar-functions.js'
import { formatShape } from '../../core/shape.js'
import { float, int } from '../../ir/attributes.js'
import { defineOp } from '../../ir/op.js'
import { floatsOf, numericTensor, type Floats } from '../shared/scalar-floats.js'
import { generator, typeOf } from './random.js'

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
  compute({ attributes, inputs: [x], outputs: [{ dtype, shape }], seed }) {
    const samples = attributes.sample_size
    const random = generator(attributes.seed, seed)
    const [batch, classes] = x.shape
    const logits = floatsOf(x)
    const ends = new Float64Array(classes)
    const places = new Float64Array(samples)
    const drawn = new Int32Array(batch * samples)
    // A table of where to begin pays from about a quarter as many samples as classes on.
    const starts = 4 * samples < classes ? undefined : new Int32Array(classes + 1)
    for (let row = 0; row < batch; row++) {
      accumulate(logits, row * classes, ends)
      random.uniforms(places, 0, ends[classes - 1])
      const to = drawn.subarray(row * samples, (row + 1) * samples)
      if (starts) findFrom(starts, ends, places, to)
      else find(ends, places, to)
    }
    if (dtype === 'int32') return [hostTensor(dtype, shape, drawn)]
    return [isBig(dtype) ? hostFrom(dtype, shape, Array.from(drawn)) : numericTensor(dtype, shape, drawn)]
  },
})

/** By bisection, for each place the first class that ends beyond it; rounding may leave none but the last. */
export function find(ends: Float64Array, places: Float64Array, to: Int32Array): void {
  for (let s = 0; s < to.length; s++) {
    let [low, high] = [0, ends.length - 1]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (places[s] < ends[middle]) high = middle
      else low = middle + 1
    }
    to[s] = low
  }
}

/**
 * The same by a table of where to begin to look, one entry for each class's share of the total (Chen and Asau, 1974).
 */
export function findFrom(starts: Int32Array, ends: Float64Array, places: Float64Array, to: Int32Array): void {
  const last = ends.length - 1
  const scale = ends.length / ends[last]
  let filled = 0
  for (let i = 0; i < last; i++) for (const entry = (ends[i] * scale) | 0; filled <= entry; filled++) starts[filled] = i
  starts.fill(last, filled)
  for (let s = 0; s < to.length; s++) {
    const place = places[s]
    let i = starts[(place * scale) | 0]
    while (i < last && !(place < ends[i])) i++
    to[s] = i
  }
}

/** Where each class of a row ends: sums of e^(x − the largest). */
function accumulate(logits: Floats, from: number, ends: Float64Array): void {
  const { fractions, powers } = (tables ??= makeTables())
  let largest = -Infinity
  for (let i = 0; i < ends.length; i++) largest = Math.max(largest, logits[from + i])
  let total = 0
  for (let i = 0; i < ends.length; i++) {
    const x = logits[from + i] - largest
    if (x < -700) ends[i] = total
    else {
      // x = r − (64·n + j)·ln 2/64, so that five terms of the series of e^r are enough.
      const k = Math.round(x * (-64 / Math.LN2))
      const r = x + k * LN2_HIGH + k * LN2_LOW
      const series = 1 + r * (1 + r * (1 / 2 + r * (1 / 6 + r * (1 / 24 + r * (1 / 120)))))
      total += series * fractions[k & 63] * powers[k >> 6]
      ends[i] = total
    }
  }
}

// ln 2/64 in two parts, of which the first has 32 bits (Cody and Waite, 1980).
const LN2_HIGH = 6.9314718036912381649e-1 / 64
const LN2_LOW = 1.90821492927058770002e-10 / 64

interface Tables {
  /** 2^(−j/64) */
  readonly fractions: Float64Array
  /** 2^−n */
  readonly powers: Float64Array
}

let tables: Tables | undefined

function makeTables(): Tables {
  const powers = new Float64Array(1024).fill(1)
  for (let n = 1; n < 1024; n++) powers[n] = powers[n - 1] / 2
  return { fractions: Float64Array.from({ length: 64 }, (_, j) => exp((j * -Math.LN2) / 64)), powers }
}

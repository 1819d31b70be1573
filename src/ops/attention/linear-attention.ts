// Operators of models that carry a state instead of a cache of keys and values (opset 27).
import { isFloat } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { formatShape, sizeOf, type Shape } from '../../core/shape.js'
import { float, int, required, string } from '../../ir/attributes.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { exp, sigmoid } from '../../core/scalar-functions.js'
import { defineOp } from '../../ir/op.js'

interface Sizes {
  readonly batch: number
  readonly length: number
  readonly heads: number
  readonly kvHeads: number
  readonly size: number
  readonly valueSize: number
}

function sizesOf(
  query: Shape,
  key: Shape,
  value: Shape,
  heads: number,
  kvHeads: number,
  past: Shape | undefined,
): Sizes {
  const [batch, length] = query
  const size = query[2] / heads
  const valueSize = value[2] / kvHeads
  const fits =
    query.length === 3 &&
    heads > 0 &&
    kvHeads > 0 &&
    heads % kvHeads === 0 &&
    Number.isInteger(size) &&
    Number.isInteger(valueSize) &&
    key.join() === [batch, length, kvHeads * size].join() &&
    value.join() === [batch, length, kvHeads * valueSize].join() &&
    (!past || past.join() === [batch, kvHeads, size, valueSize].join())
  if (fits) return { batch, length, heads, kvHeads, size, valueSize }
  const shapes = [query, key, value, past].map((shape) => (shape ? formatShape(shape) : 'none')).join(', ')
  throw new LanewiseError(
    'E_SHAPE',
    `queries, keys, values and state do not fit ${heads} and ${kvHeads} heads: ${shapes}`,
  )
}

const rules = ['linear', 'gated', 'delta', 'gated_delta']

/**
 * A state S [key, value] per head: S ← e^decay ∘ S ("gated"), S ← S + k·β(v − Sᵀk)ᵀ ("delta") or S + k·vᵀ, y = scale ·
 * Sᵀq. The gated delta rule is that of Yang, Kautz and Hatamizadeh, 2024.
 */
export const LinearAttention = defineOp({
  name: 'LinearAttention',
  takes: isFloat,
  arity: [3, 6],
  outputs: 2,
  attributes: {
    q_num_heads: required(int()),
    kv_num_heads: required(int()),
    scale: float(0),
    update_rule: string('gated_delta'),
    chunk_size: int(64),
  },
  infer({ attributes: { q_num_heads, kv_num_heads }, inputs: [q, k, v, past] }) {
    const { batch, length, heads, kvHeads, size, valueSize } = sizesOf(
      q.shape,
      k.shape,
      v.shape,
      q_num_heads,
      kv_num_heads,
      past?.shape,
    )
    return [
      { dtype: q.dtype, shape: [batch, length, heads * valueSize] },
      { dtype: past?.dtype ?? q.dtype, shape: [batch, kvHeads, size, valueSize] },
    ]
  },
  compute({ attributes, inputs: [q, k, v, past, decay, beta], outputs: [y, present] }) {
    const { q_num_heads, kv_num_heads, update_rule: rule } = attributes
    const { batch, length, heads, kvHeads, size, valueSize } = sizesOf(
      q.shape,
      k.shape,
      v.shape,
      q_num_heads,
      kv_num_heads,
      past?.shape,
    )
    if (!rules.includes(rule))
      throw new LanewiseError('E_VALUE', `update_rule "${rule}" is not one of ${rules.join(', ')}`)
    const gated = rule.startsWith('gated')
    const delta = rule.endsWith('delta')
    if ((gated && !decay) || (delta && !beta))
      throw new LanewiseError('E_GRAPH', `update_rule "${rule}" needs ${gated && !decay ? 'decay' : 'beta'}`)
    const decayWidth = gated && decay ? width(decay.shape, batch, length, [kvHeads, kvHeads * size], 'decay') : 0
    const betaWidth = delta && beta ? width(beta.shape, batch, length, [kvHeads, 1], 'beta') : 0
    const [queries, keys, values] = [q, k, v].map(floatsOf)
    const decays = gated && decay && floatsOf(decay)
    const betas = delta && beta && floatsOf(beta)
    const state = past ? Float64Array.from(floatsOf(past)) : new Float64Array(batch * kvHeads * size * valueSize)
    const result = new Float64Array(batch * length * heads * valueSize)
    const scale = attributes.scale || 1 / Math.sqrt(size)
    const write = new Float64Array(valueSize)
    for (let b = 0; b < batch; b++) {
      for (let t = 0; t < length; t++) {
        const row = b * length + t
        for (let h = 0; h < kvHeads; h++) {
          const s = (b * kvHeads + h) * size * valueSize
          const kAt = (row * kvHeads + h) * size
          for (let c = 0; decays && c < size; c++) {
            const factor = exp(decays[decayWidth === kvHeads ? row * kvHeads + h : kAt + c])
            for (let d = 0; d < valueSize; d++) state[s + c * valueSize + d] *= factor
          }
          for (let d = 0; d < valueSize; d++) {
            let target = values[(row * kvHeads + h) * valueSize + d]
            if (betas) {
              for (let c = 0; c < size; c++) target -= state[s + c * valueSize + d] * keys[kAt + c]
              target *= betas[betaWidth === 1 ? row : row * kvHeads + h]
            }
            write[d] = target
          }
          for (let c = 0; c < size; c++)
            for (let d = 0; d < valueSize; d++) state[s + c * valueSize + d] += keys[kAt + c] * write[d]
        }
        for (let h = 0; h < heads; h++) {
          const s = (b * kvHeads + Math.floor((h * kvHeads) / heads)) * size * valueSize
          for (let d = 0; d < valueSize; d++) {
            let sum = 0
            for (let c = 0; c < size; c++) sum += queries[(row * heads + h) * size + c] * state[s + c * valueSize + d]
            result[(row * heads + h) * valueSize + d] = scale * sum
          }
        }
      }
    }
    return [floatTensor(y.dtype, y.shape, result), floatTensor(present.dtype, present.shape, state)]
  },
})

/** The last axis of a tensor that goes along with the sequence. */
function width(shape: Shape, batch: number, length: number, allowed: readonly number[], what: string): number {
  const last = sizeOf(shape.slice(2))
  if (shape[0] === batch && shape[1] === length && allowed.includes(last)) return last
  throw new LanewiseError(
    'E_SHAPE',
    `${what} of shape ${formatShape(shape)} does not fit ${batch} sequences of ${length}`,
  )
}

/**
 * A depthwise convolution over time that looks back only; what it saw last is its state. X [batch, channels, length], W
 * [channels, 1, taps], state [batch, channels, taps − 1].
 */
export const CausalConvWithState = defineOp({
  name: 'CausalConvWithState',
  takes: isFloat,
  arity: [2, 4],
  outputs: 2,
  attributes: { activation: string('none') },
  infer({ inputs: [x, w, bias, past] }) {
    const [batch, channels] = x.shape
    const taps = w.shape[2]
    const fits =
      x.shape.length === 3 &&
      w.shape.length === 3 &&
      w.shape[0] === channels &&
      w.shape[1] === 1 &&
      taps >= 1 &&
      (!bias || sizeOf(bias.shape) === channels) &&
      (!past || past.shape.join() === [batch, channels, taps - 1].join())
    if (!fits) {
      const shapes = [x, w, bias, past].map((type) => (type ? formatShape(type.shape) : 'none')).join(', ')
      throw new LanewiseError('E_SHAPE', `input, weights, bias and state do not fit each other: ${shapes}`)
    }
    return [x, { dtype: x.dtype, shape: [batch, channels, taps - 1] }]
  },
  compute({ attributes: { activation }, inputs: [x, w, bias, past], outputs: [y, state] }) {
    if (!['none', 'silu', 'swish'].includes(activation))
      throw new LanewiseError('E_VALUE', `activation "${activation}" is not known`)
    const [batch, channels, length] = y.shape
    const before = state.shape[2]
    const total = before + length
    const [values, weights] = [x, w].map(floatsOf)
    const [biases, pasts] = [bias, past].map((tensor) => tensor && floatsOf(tensor))
    const result = new Float64Array(batch * channels * length)
    const last = new Float64Array(batch * channels * before)
    const line = new Float64Array(total)
    for (let row = 0; row < batch * channels; row++) {
      const channel = row % channels
      if (pasts) line.set(pasts.subarray(row * before, (row + 1) * before))
      line.set(values.subarray(row * length, (row + 1) * length), before)
      for (let t = 0; t < length; t++) {
        let sum = biases ? biases[channel] : 0
        for (let k = 0; k <= before; k++) sum += line[t + k] * weights[channel * (before + 1) + k]
        result[row * length + t] = activation === 'none' ? sum : sum * sigmoid(sum)
      }
      last.set(line.subarray(length), row * before)
    }
    return [floatTensor(y.dtype, y.shape, result), floatTensor(state.dtype, state.shape, last)]
  },
})

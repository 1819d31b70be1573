import { dtypeFromOnnx, isFloat, type DType } from '../../core/dtype.js'
import { LanewiseError } from '../../core/errors.js'
import { isHostTensor, type HostTensor } from '../../core/host.js'
import { formatShape, sameShape } from '../../core/shape.js'
import type { Steps } from '../../core/steps.js'
import type { Graph } from '../../ir/graph.js'
import { normalize } from './attention-scalar.js'
import { float, graph, int } from '../../ir/attributes.js'
import { floatsOf, floatTensor } from '../shared/scalar-floats.js'
import { product } from '../matmul/scalar-linear.js'
import { defineOp, type RunBody } from '../../ir/op.js'
import { tensorAt } from '../control/sequence.js'

/**
 * Attention whose scores and probabilities [batch, heads, queries, keys] may each go through a graph. All operands have
 * four axes.
 */
export const FlexAttention = defineOp({
  name: 'FlexAttention',
  domain: 'ai.onnx.preview',
  arity: 3,
  attributes: { scale: float(), score_mod: graph(), prob_mod: graph(), softmax_precision: int() },
  *control({ attributes, inputs }, run) {
    const [q, k, v] = inputs.map((_, i) => tensorAt(inputs, i))
    const [batch, heads, queries, size] = q.shape
    const [, kvHeads, keys, valueSize] = v.shape
    const fits =
      q.shape.length === 4 &&
      sameShape(k.shape, [batch, kvHeads, keys, size]) &&
      sameShape(v.shape, [batch, kvHeads, keys, valueSize]) &&
      heads % kvHeads === 0
    if (!fits)
      throw new LanewiseError(
        'E_SHAPE',
        `queries, keys and values do not fit each other: ${[q, k, v].map(({ shape }) => formatShape(shape)).join(', ')}`,
      )
    const precision =
      attributes.softmax_precision === undefined ? wide(q.dtype) : dtypeFromOnnx(attributes.softmax_precision)
    if (!precision || !isFloat(precision))
      throw new LanewiseError('E_VALUE', `softmax_precision ${attributes.softmax_precision} is not a float type`)
    const [queryData, keyData, valueData] = [q, k, v].map(floatsOf)
    const scale = attributes.scale ?? 1 / Math.sqrt(size)
    const shape = [batch, heads, queries, keys]
    const scores = new Float64Array(batch * heads * queries * keys)
    const kvOf = (head: number) => Math.floor(head / heads) * kvHeads + Math.floor(((head % heads) * kvHeads) / heads)
    for (let head = 0; head < batch * heads; head++) {
      const transposed = new Float64Array(size * keys)
      for (let j = 0; j < keys; j++)
        for (let c = 0; c < size; c++) transposed[c * keys + j] = keyData[(kvOf(head) * keys + j) * size + c] * scale
      product(scores, head * queries * keys, queryData, head * queries * size, transposed, 0, queries, size, keys)
    }
    const changed = Float64Array.from(
      floatsOf(yield* modified(run, attributes.score_mod, floatTensor(precision, shape, scores))),
    )
    for (let i = 0; i < changed.length; i += keys) normalize(changed.subarray(i, i + keys))
    const probabilities = floatsOf(yield* modified(run, attributes.prob_mod, floatTensor(precision, shape, changed)))
    const y = new Float64Array(batch * heads * queries * valueSize)
    for (let head = 0; head < batch * heads; head++) {
      product(
        y,
        head * queries * valueSize,
        probabilities,
        head * queries * keys,
        valueData,
        kvOf(head) * keys * valueSize,
        queries,
        keys,
        valueSize,
      )
    }
    return [floatTensor(q.dtype, [batch, heads, queries, valueSize], y)]
  },
})

function wide(dtype: DType): DType {
  return dtype === 'float64' ? dtype : 'float32'
}

function* modified(run: RunBody, body: Graph | undefined, tensor: HostTensor): Steps<HostTensor> {
  if (!body) return tensor
  const [result] = yield* run(body, [tensor])
  if (!isHostTensor(result) || !sameShape(result.shape, tensor.shape)) {
    throw new LanewiseError(
      'E_SHAPE',
      `a graph that modifies scores must return a tensor of shape ${formatShape(tensor.shape)}`,
    )
  }
  return result
}

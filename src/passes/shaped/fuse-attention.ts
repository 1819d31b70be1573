import { FusedAttention, fusedSizes } from '../../ops/attention/attention-fused.js'
import type { OpDefinition, TensorType } from '../../ir/op.js'
import { broadcastShapes, sameShape } from '../../core/shape.js'
import type { Inferred } from '../../ir/infer.js'
import { notFused, type Graph, type Node, type Value } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'
import { eliminateDead } from '../load/eliminate-dead.js'
import { plain, Reader } from '../pattern.js'

/** The kernel has axes for examples and heads, and no more. */
const MOST_AXES = 4

/** What stands between the product of queries and keys and the softmax, gathered from the softmax backwards. */
interface Scores {
  readonly product: Node
  readonly scale: number
  readonly mask?: Value
  readonly fill?: number
}

/**
 * MatMul(Q, Kᵀ), scaled and masked, → Softmax → MatMul(·, V), as exporters write attention: one operator that keeps no
 * scores. The scale may come as Mul or Div of the scores or of Q and Kᵀ by numbers, the mask as Add of a tensor or as
 * Where with a number.
 */
export function fuseAttention(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph {
  const rewriter = new Rewriter(graph)
  const reader = new Reader(rewriter, types)
  let found = false
  for (const node of graph.nodes) {
    const fused = plain(node, 'MatMul') && fusedAttention(reader, node)
    if (!fused) continue
    rewriter.replace(node, fused)
    found = true
  }
  return found ? eliminateDead.run(rewriter.apply()) : graph
}

function fusedAttention(reader: Reader, node: Node): Node | undefined {
  const [p, v] = node.inputs
  const scores = softmaxInput(reader, p)
  const found = scores && peel(reader, scores)
  if (!found) return undefined
  let { scale } = found
  const factor = (value: Value | undefined): Value | undefined => {
    const scaled = scaledBy(reader, value)
    if (!scaled) return value
    scale *= scaled.by
    return scaled.value
  }
  const [q, k] = [factor(found.product.inputs[0]), factor(found.product.inputs[1])]
  const matrices = (value: Value | undefined): TensorType | undefined => {
    const type = reader.type(value)
    return type?.dtype === 'float32' && type.shape.length >= 2 && type.shape.length <= MOST_AXES ? type : undefined
  }
  const [qType, kType, vType, sType, yType] = [q, k, v, scores, node.outputs[0]].map(matrices)
  if (!qType || !kType || !vType || !sType || !yType) return undefined
  const { lead, queries, keys, valueSize } = fusedSizes(qType.shape, kType.shape, vType.shape)
  if (!sameShape(sType.shape, [...lead, queries, keys]) || !sameShape(yType.shape, [...lead, queries, valueSize]))
    return undefined
  const mType = reader.type(found.mask)
  if (found.mask && !(mType && fits(mType, sType, found.fill !== undefined))) return undefined
  return {
    op: FusedAttention as unknown as OpDefinition,
    name: node.name,
    attributes: { scale, fill: found.fill ?? -Infinity },
    inputs: found.mask ? [q, k, v, found.mask] : [q, k, v],
    outputs: node.outputs,
    fused: notFused,
  }
}

function fits(mask: TensorType, scores: TensorType, chosen: boolean): boolean {
  const width = mask.shape.at(-1)
  if (mask.dtype !== (chosen ? 'bool' : 'float32') || (width !== 1 && width !== scores.shape.at(-1))) return false
  try {
    return sameShape(broadcastShapes(mask.shape, scores.shape), scores.shape)
  } catch {
    return false
  }
}

/**
 * What a softmax over the last axis is taken of; from before opset 13 it is wrapped in a Flatten and a Reshape back.
 */
function softmaxInput(reader: Reader, value: Value | undefined): Value | undefined {
  const back = plain(reader.inner(value), 'Reshape')
  const softmax = plain(reader.inner(back ? back.inputs[0] : value), 'Softmax')
  if (!softmax) return undefined
  const type = reader.type(softmax.inputs[0])
  const axis = Number(softmax.attributes.axis)
  if (!type || (axis !== -1 && axis !== type.shape.length - 1)) return undefined
  if (!back) return softmax.inputs[0]
  const flat = plain(reader.inner(softmax.inputs[0]), 'Flatten')
  if (!flat) return undefined
  const [from, to] = [reader.type(flat.inputs[0]), reader.type(back.outputs[0])]
  return from && to && sameShape(from.shape, to.shape) && from.shape.at(-1) === type.shape.at(-1)
    ? flat.inputs[0]
    : undefined
}

function peel(reader: Reader, scores: Value): Scores | undefined {
  let value: Value | undefined = scores
  let mask: Value | undefined
  let fill: number | undefined
  let scale = 1
  for (;;) {
    const node = reader.inner(value)
    const product = plain(node, 'MatMul')
    if (product) return { product, scale, mask, fill }
    const [add, where] = [plain(node, 'Add'), plain(node, 'Where')]
    const scaled = scaledBy(reader, value)
    if (scaled) {
      scale *= scaled.by
      value = scaled.value
    } else if (mask || scale !== 1) {
      return undefined
    } else if (add) {
      const [a, b] = add.inputs
      // The scores are the summand that comes from a product.
      const first = leadsToProduct(reader, a)
      if (!first && !leadsToProduct(reader, b)) return undefined
      ;[value, mask] = first ? [a, b] : [b, a]
    } else if (where) {
      fill = reader.number(where.inputs[2])
      if (fill === undefined) return undefined
      ;[mask, value] = where.inputs
    } else {
      return undefined
    }
  }
}

function leadsToProduct(reader: Reader, value: Value | undefined): boolean {
  const scaled = scaledBy(reader, value)
  return plain(reader.inner(scaled ? scaled.value : value), 'MatMul') !== undefined
}

/** A value that is another one times a number. */
function scaledBy(
  reader: Reader,
  value: Value | undefined,
): { readonly value: Value; readonly by: number } | undefined {
  const inner = reader.inner(value)
  const node = plain(inner, 'Mul') ?? plain(inner, 'Div')
  if (!node) return undefined
  const [a, b] = node.inputs
  const [first, second] = [reader.number(a), reader.number(b)]
  if (second !== undefined && a) return { value: a, by: node.op.name === 'Mul' ? second : 1 / second }
  if (first !== undefined && b && node.op.name === 'Mul') return { value: b, by: first }
  return undefined
}

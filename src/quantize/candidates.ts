// Which operators have weights to quantise, and why the others have not.
import type { HostTensor } from '../core/host.js'
import { bodiesOf, usesOf, type Graph, type Node, type Value } from '../ir/graph.js'
import { floatsOfConstant, isOp } from './nodes.js'

/** A value whose elements are float32 and known. */
export type Weights = Value & { readonly constant: HostTensor }

/** A node that multiplies an activation with constant weights. */
export interface Candidate {
  readonly node: Node
  readonly x: Value
  readonly weights: Weights
  /** The axis of the weights whose positions are the output's channels. */
  readonly axis: number
  /** One number for each output channel. */
  readonly bias?: Weights
  readonly channels: number
}

/** A node that computes in float32 as before. */
export interface KeptNode {
  /** Its name in the model. */
  readonly node: string
  /** Its operator. */
  readonly op: string
  /** Why it stays in float32. */
  readonly reason: string
}

/** Operators whose weights are no operand of a convolution or product. */
const WEIGHTED = ['ConvTranspose', 'LSTM', 'GRU', 'RNN', 'DeformConv', 'Einsum']

/** The nodes that can be quantised in their order, and those with weights or products that cannot. */
export function candidatesOf(graph: Graph): { candidates: Candidate[]; refused: KeptNode[] } {
  const candidates: Candidate[] = []
  const refused: KeptNode[] = []
  for (const node of graph.nodes) {
    const found = candidateOf(node)
    if (typeof found === 'object') candidates.push(found)
    else if (found !== undefined) refused.push({ node: node.name, op: node.op.name, reason: found })
    const inside = bodiesOf(node).flatMap((body) => body.nodes.filter((inner) => hasProducts(inner)))
    if (inside.length > 0)
      refused.push({
        node: node.name,
        op: node.op.name,
        reason: `its bodies are left as they are (${inside.length} with weights or products in them)`,
      })
  }
  return { candidates, refused }
}

function hasProducts(node: Node): boolean {
  return isOp(node, 'Conv', 'Gemm', 'MatMul', ...WEIGHTED)
}

/** A reason, if it has weights or a product and cannot be quantised; undefined if it has neither. */
function candidateOf(node: Node): Candidate | string | undefined {
  const [x, w, b] = node.inputs
  if (isOp(node, ...WEIGHTED)) return 'there is no integer form of this operator'
  if (!isOp(node, 'Conv', 'Gemm', 'MatMul') || !x || !w) return undefined
  if (!w.constant) return x.constant ? 'its first operand is the constant one' : 'both operands are computed'
  const weights = floatsOfConstant(w)
  if (!weights) return `its weights are ${w.constant.dtype}`
  if (x.constant) return 'both operands are constant'
  if (!weights.every(Number.isFinite)) return 'its weights are not all finite'
  if (weights.length === 0) return 'it has no weights'
  const { shape } = w.constant
  if (isOp(node, 'Conv')) return withBias(node, x, w as Weights, 0, b, [shape[0]])
  if (shape.length !== 2) return `its weights have ${shape.length} axes, not 2`
  if (isOp(node, 'MatMul')) return { node, x, weights: w as Weights, axis: 1, channels: shape[1] }
  const { alpha, beta, transA, transB } = node.attributes
  if (alpha !== 1 || (b && beta !== 1)) return 'alpha or beta is not 1'
  if (transA !== 0) return 'its first operand is transposed'
  const axis = transB ? 0 : 1
  return withBias(node, x, w as Weights, axis, b, [shape[axis]])
}

function withBias(
  node: Node,
  x: Value,
  weights: Weights,
  axis: number,
  bias: Value | undefined,
  expected: readonly [channels: number],
): Candidate | string {
  const [channels] = expected
  if (!bias) return { node, x, weights, axis, channels }
  const numbers = floatsOfConstant(bias)
  if (!numbers) return 'its bias is not constant'
  if (!numbers.every(Number.isFinite)) return 'its bias is not finite'
  if (numbers.length !== channels) return 'its bias is not one number for each channel'
  return { node, x, weights, axis, bias: bias as Weights, channels }
}

/**
 * The value behind a node's result that a Relu or Clip makes of it, where nobody else reads the result; else the result
 * itself.
 */
export function activated(graph: Graph, node: Node): { readonly value?: Value; readonly by?: Node } {
  const [result] = node.outputs
  if (!result) return {}
  const { consumers, outputs } = usesOf(graph)
  const readers = consumers.get(result) ?? []
  const [reader] = readers
  if (readers.length !== 1 || outputs.has(result) || !isOp(reader, 'Relu', 'Clip')) return { value: result }
  if (reader.inputs[0] !== result || !reader.inputs.slice(1).every((bound) => !bound || bound.constant))
    return { value: result }
  return { value: reader.outputs[0], by: reader }
}

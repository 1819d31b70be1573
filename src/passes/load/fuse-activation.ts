import type { Graph, Node } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'
import { activationOf } from '../pattern.js'

/** Operators whose kernels apply a function to each element before they store it. */
export const carriers: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'MatMul', 'Gemm'])

/** Lets the node that makes a value apply the function of one element that follows it (Relu, Clip, Sigmoid …). */
export const fuseActivation = {
  name: 'fuse-activation',
  run(graph: Graph): Graph {
    const rewriter = new Rewriter(graph)
    for (const node of graph.nodes) fuseInto(rewriter, node)
    return rewriter.apply()
  },
} as const

/** Fuses what follows `node` into it, if that can be. */
export function fuseInto(rewriter: Rewriter, node: Node): boolean {
  if (!canCarry(node)) return false
  const follower = rewriter.single(node.outputs[0])
  if (!follower || follower.inputs[0] !== node.outputs[0] || !rewriter.stands(follower)) return false
  const activation = activationOf(follower)
  if (!activation) return false
  rewriter.remove(node)
  rewriter.replace(follower, { ...node, outputs: [follower.outputs[0]], fused: { ...node.fused, activation } })
  return true
}

function canCarry({ op, outputs, fused }: Node): boolean {
  return op.domain === '' && carriers.has(op.name) && outputs[0] !== undefined && !fused.activation
}

import type { Graph, Node } from '../../ir/graph.js'
import { Rewriter } from '../../ir/rewrite.js'

/** Removes nodes that hand their input on: Identity, and Dropout outside training. */
export const eliminateIdentity = {
  name: 'eliminate-identity',
  run(graph: Graph): Graph {
    const rewriter = new Rewriter(graph)
    for (const node of graph.nodes) {
      const [input] = node.inputs
      const [output] = node.outputs
      if (!input || !output || !handsOn(node, rewriter) || !rewriter.rewritable(output)) continue
      rewriter.rename(output, input)
      rewriter.remove(node)
    }
    return rewriter.apply()
  },
} as const

function handsOn(node: Node, { uses }: Rewriter): boolean {
  if (node.op.domain !== '') return false
  if (node.op.name === 'Identity') return true
  if (node.op.name !== 'Dropout') return false
  const mask = node.outputs[1]
  const training = node.inputs[2]
  return (
    !(mask && (uses.consumers.has(mask) || uses.outputs.has(mask))) &&
    (!training || Number(training.constant?.data[0] ?? 1) === 0)
  )
}

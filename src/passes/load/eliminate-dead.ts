import { usedBy, withNodes, type Graph, type Node, type Value } from '../../ir/graph.js'

/** Removes nodes whose results nobody reads. */
export const eliminateDead = {
  name: 'eliminate-dead',
  run(graph: Graph): Graph {
    const needed = new Set<Value>(graph.outputs)
    const kept: Node[] = []
    for (let i = graph.nodes.length - 1; i >= 0; i--) {
      const node = graph.nodes[i]
      if (!node.outputs.some((output) => output && needed.has(output))) continue
      kept.push(node)
      for (const value of usedBy(node)) needed.add(value)
    }
    return withNodes(graph, kept.reverse())
  },
} as const

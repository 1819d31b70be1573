import type { Steps } from '../../core/steps.js'
import { bodiesOf, usedBy, withNodes, type Graph, type Node, type Value } from '../../ir/graph.js'
import type { PassContext } from './index.js'

/** Computes whatever depends on constants alone, once, when the model is loaded. */
export const foldConstants = {
  name: 'fold-constants',
  *run(graph: Graph, context: PassContext): Steps<Graph> {
    const foldable: Node[] = []
    const rest: Node[] = []
    const made = new Set<Value>()
    for (const node of graph.nodes) {
      const fixed = usedBy(node).every((value) => value.constant || made.has(value))
      if (fixed && node.op.infer && !node.op.random && !node.op.control && bodiesOf(node).length === 0) {
        foldable.push(node)
        for (const output of node.outputs) if (output) made.add(output)
      } else {
        rest.push(node)
      }
    }
    if (foldable.length === 0) return graph
    const wanted = new Set(graph.outputs.filter((value) => made.has(value)))
    for (const node of rest) for (const value of usedBy(node)) if (made.has(value)) wanted.add(value)
    const results = yield* context.evaluate({ name: 'constants', inputs: [], outputs: [...wanted], nodes: foldable })
    for (const [value, tensor] of results) value.constant = tensor
    return withNodes(graph, rest)
  },
} as const

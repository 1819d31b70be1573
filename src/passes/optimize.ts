import type { Steps } from '../core/steps.js'
import { bodiesOf, withNodes, type Graph, type Node, type Value } from '../ir/graph.js'
import { extraPasses } from './extra.js'
import { passes, type PassContext, type PassName } from './load/index.js'
import { shapedPasses, type ShapedPassName } from './shaped/index.js'

/** Which passes run: all by default; `false` switches every one off, an object single ones. */
export type PassOptions = boolean | Partial<Record<PassName | ShapedPassName, boolean>>

/** Every pass that can be switched off. */
export const passNames = (): readonly string[] => [...passes, ...shapedPasses].map(({ name }) => name)

/** Whether a pass is to run. */
export function passEnabled(options: PassOptions, name: PassName | ShapedPassName): boolean {
  return typeof options === 'boolean' ? options : (options[name] ?? true)
}

/** The graph that computes `outputs`, rewritten by the passes in their order. */
export function optimize(
  graph: Graph,
  outputs: readonly Value[],
  options: PassOptions,
  context: PassContext,
): Steps<Graph> {
  const wanted = { ...graph, outputs }
  return rewrite(extraPasses().prepare?.(wanted) ?? wanted, options, context)
}

function* rewrite(graph: Graph, options: PassOptions, context: PassContext): Steps<Graph> {
  let result = graph
  for (const { name, run } of passes) {
    if (!passEnabled(options, name)) continue
    const rewritten = run(result, context)
    result = 'nodes' in rewritten ? rewritten : yield* rewritten
  }
  // The bodies last: by then they see which of the values around them are constants.
  if (!result.nodes.some((node) => bodiesOf(node).length > 0)) return result
  const nodes: Node[] = []
  for (const node of result.nodes) nodes.push(yield* withBodiesOptimized(node, options, context))
  return withNodes(result, nodes)
}

function* withBodiesOptimized(node: Node, options: PassOptions, context: PassContext): Steps<Node> {
  const bodies = new Set(bodiesOf(node))
  if (bodies.size === 0) return node
  const attributes: Record<string, unknown> = { ...node.attributes }
  for (const [name, value] of Object.entries(attributes)) {
    if (bodies.has(value as Graph)) attributes[name] = yield* rewrite(value as Graph, options, context)
  }
  return { ...node, attributes }
}

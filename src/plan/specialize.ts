import { isHalf } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import type { TensorType } from '../ir/op.js'
import { MAX_RANK } from '../core/shape.js'
import { inferTypes, type Inferred, type InferenceMemory } from '../ir/infer.js'
import { shapedPasses, type ShapedPassName } from '../passes/shaped/index.js'
import { withNodes, type Graph, type Node, type Value } from '../ir/graph.js'

/** A graph for some input types: without the nodes of which everything is known that they make. */
export interface Specialized {
  readonly graph: Graph
  /** What those made. */
  readonly settled: ReadonlyMap<Value, Inferred>
  /** What is known of the values of the graph as it was. */
  readonly inferred: ReadonlyMap<Value, Inferred>
}

/**
 * The graph for these input types. Errors are left for the planner to find, which knows more about them.
 *
 * @param watched - filled with the types, and given to passes in their place, to see what they look at.
 */
export function specialize(
  graph: Graph,
  given: ReadonlyMap<Value, TensorType | undefined>,
  known: ReadonlyMap<Value, HostTensor>,
  enabled: (name: ShapedPassName) => boolean,
  memory?: InferenceMemory,
  watched?: Map<Value, Inferred>,
): Specialized {
  const inputs = new Map<Value, TensorType>()
  for (const [value, type] of given) if (type) inputs.set(value, type)
  const inferred = inferTypes(graph, inputs, ignore, known, memory)
  const settled = new Map<Value, Inferred>()
  const nodes = graph.nodes.filter((node) => !settle(node, inferred, settled))
  let result = settled.size > 0 ? withNodes(graph, nodes) : graph
  if (watched) for (const [value, known] of inferred) watched.set(value, known)
  const types = watched ?? inferred
  for (const { name, run } of shapedPasses) if (enabled(name as ShapedPassName)) result = run(result, types)
  return { graph: result, settled, inferred }
}

/** Whether the elements of everything that a node makes follow from the shapes; notes them if so. */
function settle(
  { op, inputs, outputs }: Node,
  inferred: ReadonlyMap<Value, Inferred>,
  settled: Map<Value, Inferred>,
): boolean {
  // What the planner refuses, or computes in a kernel between casts, is left to it.
  const known = (value: Value | undefined) =>
    !value || (inferred.get(value)?.known?.shape.length ?? Infinity) <= MAX_RANK
  const half = (value: Value | undefined) => value && isHalf((value.constant ?? inferred.get(value)?.type)?.dtype)
  if (!outputs.every(known) || (op.emit && inputs.some(half))) return false
  for (const value of outputs) {
    const found = value && inferred.get(value)
    if (found) settled.set(value, found)
  }
  return true
}

function ignore(): void {}

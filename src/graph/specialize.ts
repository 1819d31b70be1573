import { isHalf } from '../dtype.js'
import type { HostTensor } from '../host.js'
import type { TensorType } from '../ops/op.js'
import { findOp } from '../ops/registry.js'
import { MAX_RANK } from '../shape.js'
import { inferTypes, type Inferred, type InferenceMemory } from './infer.js'
import { withNodes, type Graph, type Node, type Value } from './ir.js'
import { fuseAttention } from './passes/fuse-attention.js'
import { fuseChain } from './passes/fuse-chain.js'
import { fuseNorm } from './passes/fuse-norm.js'
import { fuseQuantize } from './passes/fuse-quantize.js'
import { fuseResidual } from './passes/fuse-residual.js'
import { fuseSoftmax } from './passes/fuse-softmax.js'

/** Rewrites a graph into one that computes the same for the shapes it was given. */
interface ShapedPass {
  readonly name: string
  run(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph
}

const fuseIntegerSums: ShapedPass['run'] = (graph, types) => findOp('', 'QLinearConv')?.rewrite?.withTypes(graph, types) ?? graph

/** Passes that need shapes run when a plan is made; those that do not run once, at load (passes/index.ts). */
const list = [
  { name: 'fuse-norm', run: fuseNorm },
  { name: 'fuse-softmax', run: fuseSoftmax },
  { name: 'fuse-attention', run: fuseAttention },
  { name: 'fuse-integer-sums', run: fuseIntegerSums },
  { name: 'fuse-quantize', run: fuseQuantize },
  { name: 'fuse-residual', run: fuseResidual },
  { name: 'fuse-chain', run: fuseChain },
] as const

export type ShapedPassName = (typeof list)[number]['name']
/** Every pass that needs shapes, in the order in which they run. */
export const shapedPasses: readonly ShapedPass[] = list

/** A graph for some input types: without the nodes of which everything is known that they make. */
export interface Specialized {
  readonly graph: Graph
  /** What those made. */
  readonly settled: ReadonlyMap<Value, Inferred>
}

/** The graph for these input types. Errors are left for the planner to find, which knows more about them. */
export function specialize(
  graph: Graph,
  types: ReadonlyMap<Value, TensorType | undefined>,
  known: ReadonlyMap<Value, HostTensor>,
  enabled: (name: ShapedPassName) => boolean,
  memory?: InferenceMemory,
): Specialized {
  const inputs = new Map<Value, TensorType>()
  for (const [value, type] of types) if (type) inputs.set(value, type)
  const inferred = inferTypes(graph, inputs, ignore, known, memory)
  const settled = new Map<Value, Inferred>()
  const nodes = graph.nodes.filter((node) => !settle(node, inferred, settled))
  let result = settled.size > 0 ? withNodes(graph, nodes) : graph
  for (const { name, run } of shapedPasses) if (enabled(name as ShapedPassName)) result = run(result, inferred)
  return { graph: result, settled }
}

/** Whether the elements of everything that a node makes follow from the shapes; notes them if so. */
function settle({ op, inputs, outputs }: Node, inferred: ReadonlyMap<Value, Inferred>, settled: Map<Value, Inferred>): boolean {
  // What the planner refuses, or computes in a kernel between casts, is left to it.
  const known = (value: Value | undefined) => !value || (inferred.get(value)?.known?.shape.length ?? Infinity) <= MAX_RANK
  const half = (value: Value | undefined) => value && isHalf((value.constant ?? inferred.get(value)?.type)?.dtype)
  if (!outputs.every(known) || (op.emit && inputs.some(half))) return false
  for (const value of outputs) if (value) settled.set(value, inferred.get(value)!)
  return true
}

function ignore(): void {}

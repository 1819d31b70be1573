import type { Graph, Value } from '../../ir/graph.js'
import type { Inferred } from '../../ir/infer.js'
import { extraPasses } from '../extra.js'
import { fuseChain } from './fuse-chain.js'
import { fuseResidual } from './fuse-residual.js'
import { fuseSoftmax } from './fuse-softmax.js'

/** Rewrites a graph into one that computes the same for the shapes it was given. */
interface ShapedPass {
  readonly name: string
  run(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph
}

const fuseIntegerSums: ShapedPass['run'] = (graph, types) => extraPasses().integersWithTypes?.(graph, types) ?? graph

const fuseQuantize: ShapedPass['run'] = (graph, types) => extraPasses().quantizers?.(graph, types) ?? graph

const fuseAttention: ShapedPass['run'] = (graph, types) => extraPasses().attention?.(graph, types) ?? graph

const fuseNorm: ShapedPass['run'] = (graph, types) => extraPasses().norm?.(graph, types) ?? graph

/** Passes that need shapes run when a plan is made; those that do not run once, at load (passes/load/index.ts). */
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

import type { HostTensor } from '../../core/host.js'
import type { Steps } from '../../core/steps.js'
import type { Graph, Value } from '../../ir/graph.js'
import { extraPasses } from '../extra.js'
import { eliminateDead } from './eliminate-dead.js'
import { eliminateIdentity } from './eliminate-identity.js'
import { foldBatchNorm } from './fold-batchnorm.js'
import { foldConstants } from './fold-constants.js'
import { fuseActivation } from './fuse-activation.js'
import { fuseBias } from './fuse-bias.js'
import { fuseGelu } from './fuse-gelu.js'
import { fuseSwish } from './fuse-swish.js'
import { transposedToConv } from './transposed-to-conv.js'

export interface PassContext {
  /** Runs a graph that has no inputs: how constants are folded. */
  evaluate(graph: Graph): Steps<ReadonlyMap<Value, HostTensor>>
  /** False if results nearest to exact arithmetic are asked for. */
  readonly fast: boolean
}

/** Rewrites a graph into one that computes the same. */
export interface Pass {
  readonly name: string
  run(graph: Graph, context: PassContext): Graph | Steps<Graph>
}

/** What stands between quantisers, on integers (shaped/fuse-integers.ts), if the operators for that are known. */
const fuseIntegers = {
  name: 'fuse-integers',
  run: (graph: Graph): Graph => extraPasses().integersAtLoad?.(graph) ?? graph,
} as const

const list = [
  eliminateDead,
  eliminateIdentity,
  fuseIntegers,
  foldConstants,
  transposedToConv,
  foldBatchNorm,
  fuseBias,
  fuseGelu,
  fuseSwish,
  fuseActivation,
] as const

export type PassName = (typeof list)[number]['name']

/** Every pass, in the order in which they run. */
export const passes: readonly (Pass & { readonly name: PassName })[] = list

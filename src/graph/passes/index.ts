import type { HostTensor } from '../../host.js'
import type { Graph, Value } from '../ir.js'
import { eliminateDead } from './eliminate-dead.js'

export interface PassContext {
  /** Runs a graph that has no inputs: how constants are folded. */
  evaluate(graph: Graph): Promise<ReadonlyMap<Value, HostTensor>>
  /** False if results nearest to exact arithmetic are asked for. */
  readonly fast: boolean
}

/** Rewrites a graph into one that computes the same. */
export interface Pass {
  readonly name: string
  run(graph: Graph, context: PassContext): Graph | Promise<Graph>
  /** Runs even when passes are switched off. */
  readonly needed?: boolean
}

/** Every pass, in the order in which they run. */
export const passes = [eliminateDead] as const satisfies readonly Pass[] as readonly (Pass & { readonly name: PassName })[]

export type PassName = 'eliminate-dead'

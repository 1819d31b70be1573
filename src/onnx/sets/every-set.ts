import type { Group } from './type-groups.js'
import type { Rewrite, Surroundings, WrittenNode } from './written-node.js'

/**
 * What writes graphs in any operator set, of operators of any type: what an app does not carry that writes the networks
 * it trains, in the set that files have by default. `know-every-set.ts` makes it known: Node has it, and in browsers
 * whatever meets operators by their names.
 */
export interface EverySet {
  /**
   * Nodes that stand for one whose types an operator set does not have. @throws LanewiseError `E_UNSUPPORTED` if there
   * are none.
   */
  fitTypes(node: WrittenNode, wrong: readonly Group[], opset: number, around: Surroundings): readonly WrittenNode[]
  /** Brings a node of ai.onnx into the form that an operator set has. */
  readonly rewrite: Rewrite
  noNegativeAxes(node: WrittenNode, opset: number, around: Surroundings): void
}

let known: EverySet | undefined

/** What is known of other operator sets than the default one; undefined if nothing is. */
export function everySet(): EverySet | undefined {
  return known
}

export function registerEverySet(set: EverySet): void {
  known = set
}

/** What brings it to an app that does not have it. */
export const MORE_SETS = "import 'lanewise/ops/all' for other operators, types and sets than the layers of an app have"

import type { Attributes } from '../ir/attributes.js'
import type { Value } from '../ir/graph.js'
import type { Gradient } from '../ir/gradient.js'
import type { Address } from '../ir/emitter.js'
import type { OpDefinition } from '../ir/op.js'
import type { Placed } from '../plan/placed.js'
import type { Variable } from './variable.js'

/** One applied operator. */
export interface TapeNode {
  readonly op: OpDefinition
  /** undefined if the operator has none: then asking for it is an error that names the operator. */
  readonly gradient: Gradient | undefined
  readonly attributes: Attributes
  readonly inputs: readonly (Variable | undefined)[]
  /** The inputs as the kernels saw them. */
  readonly operands: readonly (Placed | undefined)[]
  readonly outputs: (Variable | undefined)[]
  readonly saved: readonly Address[]
  /** Where in the model it was applied, e.g. "features/0". */
  readonly scope: string
  /** The how many-th operator of the step it is: where it stands if nothing has a name. */
  readonly applied: number
  /** Its place on the tape. */
  readonly position: number
  /** How often each input had been changed from outside when it was used. */
  readonly versions: readonly number[]
  /** A backward pass has used it and may not again. */
  spent: boolean
  /**
   * Instead of the operator's gradient: the gradients of the inputs from those of the outputs, in memory of their own.
   */
  readonly replay?: (gradients: readonly (Placed | undefined)[]) => readonly (Placed | undefined)[]
}

/** What an applied operator was, for exporters and tools: the same record, whether a gradient is wanted or not. */
export type Trace = Pick<TapeNode, 'op' | 'attributes' | 'inputs' | 'outputs' | 'scope'> & {
  /**
   * For operators with a graph inside, made when the graph around it is: what the inner one uses of it, and the
   * attributes for those values.
   */
  readonly body?: {
    readonly captures: readonly Variable[]
    attributes(captured: readonly Value[]): Readonly<Record<string, unknown>>
  }
}

/** Where an operator was applied, in the words of an error: its place in the model, or in the step. */
export function whereOf({ scope, applied }: Pick<TapeNode, 'scope' | 'applied'>): string {
  return scope || `operation ${applied} of the step`
}

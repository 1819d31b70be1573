import type { Graph, Value } from '../ir/graph.js'
import type { Inferred } from '../ir/infer.js'

/** Passes that make operators on integers of what stands between quantisers: at load, and once the types of values are known. */
export interface IntegerPasses {
  atLoad(graph: Graph): Graph
  withTypes(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph
}

let registered: IntegerPasses | undefined

/** Switches the passes on. They come with the operators that they make, so that an app without those goes without them. */
export function registerIntegerPasses(passes: IntegerPasses): void {
  registered = passes
}

/** The passes, if the operators that they make are known. */
export function integerPasses(): IntegerPasses | undefined {
  return registered
}

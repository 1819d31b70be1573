import type { Graph, Value } from '../ir/graph.js'
import type { Inferred } from '../ir/infer.js'

/**
 * Passes that only some models need, or that make operators outside the common set: an app without those goes without
 * the passes.
 */
export interface ExtraPasses {
  /**
   * Makes float32 of everything that is float16 or bfloat16 (passes/load/widen-halves.ts), and lets Dropouts in
   * training mode drop. No optimisations: always on.
   */
  prepare?(graph: Graph): Graph
  /** Operators on integers for what stands between quantisers: at load … */
  integersAtLoad?(graph: Graph): Graph
  /** … and once the types of values are known. */
  integersWithTypes?(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph
  /** Roundings to the grid of a quantiser as parts of what comes before them (passes/shaped/fuse-quantize.ts). */
  quantizers?(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph
  /** Attention that is written out as one operator (passes/shaped/fuse-attention.ts). */
  attention?(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph
  /** Normalisations of rows likewise (passes/shaped/fuse-norm.ts). */
  norm?(graph: Graph, types: ReadonlyMap<Value, Inferred>): Graph
}

let registered: ExtraPasses = {}

/** Switches the passes on. */
export function registerExtraPasses(passes: ExtraPasses): void {
  registered = { ...registered, ...passes }
}

/**
 * The passes that have been loaded: those for attention and norms with frequent operators, the others with every
 * operator (`lanewise/ops/all`).
 */
export function extraPasses(): ExtraPasses {
  return registered
}

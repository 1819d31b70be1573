import type { Graph, Value } from './ir.js'
import { passes, type PassContext, type PassName } from './passes/index.js'

/** Which passes run: all by default; `false` switches every one off, an object single ones. */
export type PassOptions = boolean | Partial<Record<PassName, boolean>>

/** The graph that computes `outputs`, rewritten by the passes in their order. */
export async function optimize(graph: Graph, outputs: readonly Value[], options: PassOptions, context: PassContext): Promise<Graph> {
  let result: Graph = { ...graph, outputs }
  for (const { name, run } of passes) {
    const on = typeof options === 'boolean' ? options : (options[name] ?? true)
    if (on) result = await run(result, context)
  }
  return result
}

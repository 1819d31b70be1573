import type { Graph, Value } from './ir.js'
import { passes, type PassContext, type PassName } from './passes/index.js'
import type { ShapedPassName } from './specialize.js'

/** Which passes run: all by default; `false` switches every one off, an object single ones. */
export type PassOptions = boolean | Partial<Record<PassName | ShapedPassName, boolean>>

/** Whether a pass is to run. */
export function passEnabled(options: PassOptions, name: PassName | ShapedPassName): boolean {
  return typeof options === 'boolean' ? options : (options[name] ?? true)
}

/** The graph that computes `outputs`, rewritten by the passes in their order. */
export async function optimize(graph: Graph, outputs: readonly Value[], options: PassOptions, context: PassContext): Promise<Graph> {
  let result: Graph = { ...graph, outputs }
  for (const { name, run } of passes) {
    if (passEnabled(options, name)) result = await run(result, context)
  }
  return result
}

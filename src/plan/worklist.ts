import { usedBy, type Node, type Value } from '../ir/graph.js'

/**
 * A list of nodes, and how often they read each value (and what is fetched, once more): counted once, however often
 * planning stops in it.
 */
interface NodeList {
  readonly nodes: readonly Node[]
  readonly uses: ReadonlyMap<Value, number>
}

/**
 * The nodes that a plan has still to come to: the rest of a stretch, and after it the rest of those around it. Never
 * changed, so that plans which go on from the same place share it: neither stopping nor putting a branch in the place
 * of its If looks at what comes later.
 */
export interface Worklist {
  readonly stretch: NodeList
  readonly at: number
  readonly after: Worklist | undefined
}

/** Everything in a graph. */
export function wholeGraph(nodes: readonly Node[], outputs: readonly Value[]): Worklist {
  return { stretch: stretchOf(nodes, outputs), at: 0, after: undefined }
}

/** The first node to do; undefined if all is done. */
export function firstOf({ stretch, at }: Worklist): Node | undefined {
  return stretch.nodes[at]
}

/** What is to do after the first node. */
export function afterFirst({ stretch, at, after }: Worklist): Worklist {
  return onward({ stretch, at: at + 1, after })
}

/** Other nodes in the place of the first, and how often they read each value. */
export function insteadOfFirst(
  { stretch, at, after }: Worklist,
  nodes: readonly Node[],
): { todo: Worklist; uses: ReadonlyMap<Value, number> } {
  const inserted = stretchOf(nodes, [])
  return { todo: onward({ stretch: inserted, at: 0, after: { stretch, at: at + 1, after } }), uses: inserted.uses }
}

/** How often a value that is only made now will be read. */
export function usesToCome(todo: Worklist, value: Value): number {
  let uses = 0
  for (let rest: Worklist | undefined = todo; rest; rest = rest.after) uses += rest.stretch.uses.get(value) ?? 0
  return uses
}

function stretchOf(nodes: readonly Node[], outputs: readonly Value[]): NodeList {
  const uses = new Map<Value, number>()
  const use = (value: Value) => uses.set(value, (uses.get(value) ?? 0) + 1)
  for (const node of nodes) usedBy(node).forEach(use)
  outputs.forEach(use)
  return { nodes, uses }
}

/** Out of the stretches that are done; the outermost stays, for what is fetched from it. */
function onward(todo: Worklist): Worklist {
  let rest = todo
  while (rest.after && rest.at >= rest.stretch.nodes.length) rest = rest.after
  return rest
}

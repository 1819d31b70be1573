import type { Node } from '../ir/graph.js'
import { isArenaBlock, type ArenaBlock } from '../plan/arena.js'
import { Placed } from '../plan/placed.js'
import type { Segment } from '../plan/plan-state.js'

/** A stretch of the arena that holds one thing for a while. */
export interface MemoryBlock {
  /** What it holds. */
  readonly name: string
  readonly offset: number
  readonly bytes: number
  /** The first and the last entry of the profile during which it is held. */
  readonly from: number
  readonly to: number
}

/** What lies where in memory over a run. */
export interface MemoryMap {
  readonly arenaBytes: number
  readonly weightBytes: number
  /** Entries of the profile that the map speaks of: all, unless data decides how the run goes on. */
  readonly entries: number
  readonly blocks: readonly MemoryBlock[]
}

/** The arena of a planned segment, in the steps of a profile. */
export function memoryMap(segment: Segment, weightBytes: number): MemoryMap {
  const { steps, uploads, blocks, arenaBytes } = segment
  // A profile adds up consecutive steps of a node: src/api/profile.ts.
  const entryOf: number[] = []
  let last: Node | undefined
  for (const { node } of steps) {
    const before = entryOf.at(-1) ?? -1
    entryOf.push(before >= 0 && node && node === last ? before : before + 1)
    last = node
  }
  const entries = (entryOf.at(-1) ?? -1) + 1
  const names = new Map<ArenaBlock, string>()
  const touched = ({ block }: { readonly block: object }, name: string) => {
    if (isArenaBlock(block as ArenaBlock) && !names.has(block as ArenaBlock)) names.set(block as ArenaBlock, name)
  }
  for (const { value, to } of uploads) touched(to.at, `input ${value.name}`)
  // Whoever touches a block first fills it; what nobody else reads is the node's own working memory.
  for (const [i, step] of steps.entries()) {
    const { node } = step
    const places =
      'kernel' in step
        ? step.args.filter((arg) => typeof arg === 'object')
        : [...step.inputs, ...step.outputs].filter((operand) => operand instanceof Placed).map(({ at }) => at)
    const what = node ? (node.outputs[0]?.name ?? node.name) : 'another order of axes'
    for (const place of places) {
      const { block } = place
      if (!isArenaBlock(block)) continue
      const alone = entryOf[Math.min(block.last, steps.length - 1)] === entryOf[i]
      touched(place, alone && node ? `working memory of ${node.op.name} ${node.name}` : what)
    }
  }
  return {
    arenaBytes,
    weightBytes,
    entries,
    blocks: blocks.map((block) => ({
      name: names.get(block) ?? 'unknown',
      offset: block.offset ?? 0,
      bytes: block.bytes,
      from: entryOf[Math.max(0, block.first)] ?? 0,
      to: entryOf[Math.min(block.last, steps.length - 1)] ?? 0,
    })),
  }
}

import { align } from '../../bindings/context.js'
import type { Block } from '../ir/emitter.js'

/** A block of the arena: lives from the first step that touches it to the last. */
export interface ArenaBlock extends Block {
  base: number | undefined
  /** Offset in the arena, once planned. */
  offset: number | undefined
  first: number
  last: number
  /** In a plan that was derived from another (variations.ts), the block of that one whose place it takes. */
  home?: ArenaBlock
}

/** @param home - the block whose place it takes. */
export function arenaBlock(bytes: number, home?: ArenaBlock): ArenaBlock {
  return { bytes, base: undefined, offset: undefined, first: Infinity, last: -Infinity, home }
}

/** Whether a block is part of an arena, rather than of the weights. */
export function isArenaBlock(block: Block): block is ArenaBlock {
  return 'first' in block
}

/**
 * The memory of what a session keeps from run to run: not of any arena, and the same for every plan. An operator may
 * put an output over it.
 */
export interface StateBlock extends Block {
  /** Of the value that is there now; there may be room for more after it. */
  bytes: number
  base: number | undefined
  readonly state: true
}

export function isStateBlock(block: Block): block is StateBlock {
  return 'state' in block
}

const isPlaced = (block: ArenaBlock): block is ArenaBlock & { offset: number } => block.offset !== undefined

/** Above this many blocks the quadratic search below would take seconds; then blocks are placed in order of time. */
const QUADRATIC = 4000
/**
 * With more than this many alive at a time gaps between them are not searched, either: the next block goes to the end.
 */
const WIDE = 1000

/**
 * Gives each block an offset such that no two that live at the same time overlap, and returns the bytes the arena
 * needs. Blocks that have an offset already keep it. Largest first, each at the lowest place that fits ("greedy by
 * size", Pisarchyk & Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020).
 */
export function placeBlocks(blocks: readonly ArenaBlock[]): number {
  const placed = blocks.filter(isPlaced)
  const waiting = blocks.filter((block) => block.offset === undefined)
  const bySize = waiting.length <= QUADRATIC
  waiting.sort((a, b) => (bySize ? b.bytes - a.bytes || a.first - b.first : a.first - b.first))
  let end = 0
  for (const block of placed) end = Math.max(end, block.offset + align(block.bytes))
  let live = placed
  let looked = 0
  for (const block of waiting) {
    // In order of time, whatever has died is out of the way for good.
    if (!bySize && (live.length <= WIDE || ++looked > live.length / 16)) {
      live = live.filter((other) => other.last >= block.first)
      looked = 0
    }
    if (!bySize && live.length > WIDE) {
      live.push(Object.assign(block, { offset: end }))
      end += align(block.bytes)
      continue
    }
    const near = live
      .filter((other) => other.first <= block.last && other.last >= block.first)
      .sort((a, b) => a.offset - b.offset)
    let offset = 0
    for (const other of near) {
      if (other.offset - offset >= align(block.bytes)) break
      offset = Math.max(offset, other.offset + align(other.bytes))
    }
    live.push(Object.assign(block, { offset }))
    end = Math.max(end, offset + align(block.bytes))
  }
  return end
}

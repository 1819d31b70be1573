import { LanewiseError } from '../core/errors.js'
import type { Address } from '../ir/emitter.js'
import { isArenaBlock, placeBlocks, type ArenaBlock } from './arena.js'
import { Placed } from './placed.js'
import type { Segment } from './plan-state.js'
import { placesOf } from './slots.js'

/**
 * Gives the blocks of a segment their places in the arena, from the steps that touch them.
 *
 * @returns the blocks that are used, and what the arena takes.
 * @throws LanewiseError `E_BUDGET` if that passes the memory limit.
 */
export function placeSegment(
  { steps, uploads, sources, state }: Pick<Segment, 'steps' | 'uploads' | 'sources' | 'state'>,
  blocks: readonly ArenaBlock[],
  limit: number,
): Pick<Segment, 'blocks' | 'arenaBytes'> {
  // What earlier segments left has been there from the start.
  for (const block of blocks) {
    block.first = block.offset === undefined ? Infinity : -1
    block.last = -1
  }
  const touch = ({ block }: Address, step: number) => {
    if (!isArenaBlock(block)) return
    block.first = Math.min(block.first, step)
    block.last = Math.max(block.last, step)
  }
  for (const { to } of uploads) touch(to.at, 0)
  steps.forEach((step, i) => {
    if ('kernel' in step) for (const arg of step.args) if (typeof arg !== 'number') touch(arg, i)
    if ('compute' in step)
      for (const operand of [...step.inputs, ...step.outputs]) if (operand instanceof Placed) touch(operand.at, i)
  })
  // What is read after the steps, here or by later segments, must still be there then.
  for (const source of sources.values()) if ('placed' in source) touch(source.placed.at, steps.length)
  for (const slot of state.slots.values()) for (const { at } of placesOf(slot)) touch(at, steps.length)
  const used = blocks.filter((block) => block.first !== Infinity)
  const arenaBytes = placeBlocks(used)
  if (arenaBytes > limit)
    throw new LanewiseError(
      'E_BUDGET',
      `the intermediate values need ${arenaBytes} bytes, over the memory limit of ${limit}`,
      { expected: `<= ${limit}`, actual: String(arenaBytes) },
    )
  return { blocks: used, arenaBytes }
}

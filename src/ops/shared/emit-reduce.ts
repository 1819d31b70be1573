import {
  REDUCE_L1,
  REDUCE_L2,
  REDUCE_LOG_SUM,
  REDUCE_LOG_SUM_EXP,
  REDUCE_MAX,
  REDUCE_MEAN,
  REDUCE_MIN,
  REDUCE_PROD,
  REDUCE_SUM,
  REDUCE_SUM_SQUARE,
  UNARY_LOG,
  UNARY_SQRT,
} from '../../../assembly/abi/codes.js'
import { sizeOf } from '../../core/shape.js'
import type { Address, KernelEmitter } from '../../ir/emitter.js'

/** A stretch of neighbouring axes in memory: all reduced or none. */
export interface Run {
  size: number
  readonly reduced: boolean
}

/** Neighbouring axes of one kind in memory order, merged; axes of size 1 do not separate. */
export function runsOf(physical: readonly number[], reduced: readonly boolean[]): Run[] {
  const runs: Run[] = []
  physical.forEach((size, i) => {
    const last = runs.at(-1)
    if (size === 1) return
    if (last?.reduced === reduced[i]) last.size *= size
    else runs.push({ size, reduced: reduced[i] })
  })
  return runs
}

/** What a fold over several separate stretches of axes does first, for the others, and at the end. */
export const stages: Record<number, { readonly first: number; readonly rest: number; readonly finish?: number }> = {
  [REDUCE_SUM]: { first: REDUCE_SUM, rest: REDUCE_SUM },
  [REDUCE_MEAN]: { first: REDUCE_MEAN, rest: REDUCE_MEAN },
  [REDUCE_MAX]: { first: REDUCE_MAX, rest: REDUCE_MAX },
  [REDUCE_MIN]: { first: REDUCE_MIN, rest: REDUCE_MIN },
  [REDUCE_PROD]: { first: REDUCE_PROD, rest: REDUCE_PROD },
  [REDUCE_SUM_SQUARE]: { first: REDUCE_SUM_SQUARE, rest: REDUCE_SUM },
  [REDUCE_L1]: { first: REDUCE_L1, rest: REDUCE_SUM },
  [REDUCE_L2]: { first: REDUCE_SUM_SQUARE, rest: REDUCE_SUM, finish: UNARY_SQRT },
  [REDUCE_LOG_SUM]: { first: REDUCE_SUM, rest: REDUCE_SUM, finish: UNARY_LOG },
  [REDUCE_LOG_SUM_EXP]: { first: REDUCE_LOG_SUM_EXP, rest: REDUCE_LOG_SUM_EXP },
}

/**
 * Records the fold of float32 elements over some axes; over none, each element is folded by itself (its magnitude for
 * L1, its logarithm for LogSum), as the specification says of `noop_with_empty_axes`.
 *
 * @param physical - sizes in memory order.
 * @param reduced - which of them are folded.
 * @param y - where the result goes: the other axes in the same order.
 */
export function emitReduce(
  e: KernelEmitter,
  code: number,
  x: Address,
  physical: readonly number[],
  reduced: readonly boolean[],
  y: Address,
): void {
  const runs = runsOf(physical, reduced)
  const size = runs.reduce((product, run) => (run.reduced ? product : product * run.size), 1)
  if (size === 0) return
  const folds = runs.filter((run) => run.reduced).length
  // An axis of size 0 leaves nothing to start from; one call over all of them gives each code's neutral element.
  if (folds <= 1 || runs.some((run) => run.size === 0)) {
    const empty = runs.some((run) => run.size === 0)
    const at = runs.findIndex((run) => run.reduced)
    const inner = at < 0 || empty ? 1 : sizeOf(runs.slice(at + 1).map((run) => run.size))
    const axis = empty ? 0 : at < 0 ? 1 : runs[at].size
    e.call('reduce_f32', code, x, y, axis, inner, 0, size / inner)
    return
  }
  const { first, rest, finish } = stages[code]
  let from = x
  let stage = first
  for (let done = 0; done < folds; done++) {
    // From the inside, where elements are neighbours.
    const at = runs.findLastIndex((run) => run.reduced)
    const outer = sizeOf(runs.slice(0, at).map((run) => run.size))
    const inner = sizeOf(runs.slice(at + 1).map((run) => run.size))
    const to = done === folds - 1 ? y : e.scratch(outer * inner * 4)
    e.call('reduce_f32', stage, from, to, runs[at].size, inner, 0, outer)
    runs.splice(at, 1)
    from = to
    stage = rest
  }
  if (finish !== undefined) e.call('unary_f32', finish, y, y, size, 0, 0)
}

// What a plan is made of, and what is known where one of its segments ends and the next begins.
import { isHostTensor, type HostTensor, type HostValue } from '../core/host.js'
import { present } from '../core/errors.js'
import type { Argument, Block } from '../ir/emitter.js'
import type { TensorType } from '../ir/op.js'
import { isArenaBlock, type ArenaBlock } from './arena.js'
import type { KernelStep, Step } from './emitter.js'
import type { Placed } from './placed.js'
import type { Inferred } from '../ir/infer.js'
import { usedBy, type Graph, type Node, type Value } from '../ir/graph.js'
import type { ShapedPassName } from '../passes/shaped/index.js'
import { afterFirst, usesToCome, wholeGraph, type Worklist } from './worklist.js'

/** What the planner knows of a value at one point of the graph. */
export interface Slot {
  /** undefined: not a tensor (a sequence, an optional, a map). */
  type?: TensorType
  /** The elements, where they follow from the model and the shapes. */
  known?: HostTensor
  /** Where the value is in the arena. */
  placed?: Placed
  /** The same value in other orders of axes. */
  variants?: Placed[]
  /** The value is (also) in JavaScript, in the run's host slots. */
  host?: boolean
  /** What `atLeast` says of the value, by its bound. */
  bounded?: ReadonlyMap<number, number>
  /** Nodes still to come that read it, plus one if it is fetched. */
  uses: number
}

/** Everything the rest of a plan depends on. */
export interface PlanState {
  readonly slots: ReadonlyMap<Value, Slot>
  readonly todo: Worklist
}

/** Why a segment ends: the run is done, elements are needed to plan on, or a node has to run in JavaScript. */
export type SegmentEnd =
  | { readonly kind: 'done' }
  | { readonly kind: 'values'; readonly values: readonly Value[] }
  | { readonly kind: 'number'; readonly value: Value; readonly least: number }
  | { readonly kind: 'node'; readonly node: Node }

/** Where the executor finds a value after a segment's steps. */
export type Source = { readonly known: HostTensor } | { readonly placed: Placed } | { readonly host: Value }

/** A stretch of the graph that runs without a question: steps over planned memory. */
export interface Segment {
  readonly steps: readonly Step[]
  /** Values to copy from host slots into the arena before the steps. */
  readonly uploads: readonly { readonly value: Value; readonly to: Placed }[]
  readonly end: SegmentEnd
  /** Values that the end needs: fetched outputs, elements to plan on, inputs of the node. */
  readonly sources: ReadonlyMap<Value, Source>
  readonly blocks: readonly ArenaBlock[]
  readonly arenaBytes: number
  /** The largest total of scratch that one node asks for. */
  readonly scratchBytes: number
  readonly state: PlanState
  /** The steps that are not those of the plan that it was made of, but for those in `likes`. */
  readonly changed?: readonly number[]
  /** Calls that are like one of `steps`, in whose place there those of the plan stand that it was made of. */
  readonly likes?: readonly LikeSteps[]
}

/** A step, and those that are the same call over blocks of their own. */
export interface LikeSteps {
  readonly like: KernelStep
  readonly others: readonly OwnStep[]
}

/** A step of a plan that others are made of. */
export interface OwnStep {
  readonly at: number
  readonly node: Node | undefined
  /** The block of each argument that is one which may move; its offset there is that of the step that this is like. */
  readonly blocks: readonly (Block | undefined)[]
}

export interface PlanOptions {
  readonly build: 'simd' | 'relaxed'
  readonly fast: boolean
  /** Whether the bits of an example's result must not depend on the batch around it. */
  readonly perExample?: boolean
  /** Whether a pass that needs shapes is to run. */
  readonly shapedPass: (name: ShapedPassName) => boolean
  /** The most bytes the arena may take. */
  readonly arenaLimit: number
  /** A seed for random operators that have none of their own: another one each time. */
  readonly seed?: () => number
}

/**
 * The state before the first node: feeds are in host slots, unless they are `placed` already; `settled` is what is
 * known besides.
 */
export function initialState(
  graph: Graph,
  feeds: ReadonlyMap<Value, TensorType | undefined>,
  known: ReadonlyMap<Value, HostTensor>,
  places: ReadonlyMap<Value, Placed>,
  settled: ReadonlyMap<Value, Inferred>,
): PlanState {
  const slots = new Map<Value, Slot>()
  const todo = wholeGraph(graph.nodes, graph.outputs)
  for (const [value, type] of feeds) {
    const uses = usesToCome(todo, value)
    const placed = places.get(value)
    if (uses > 0)
      slots.set(value, placed ? { type, placed, uses } : { type, known: known.get(value), host: true, uses })
  }
  for (const [value, inferred] of settled) {
    const uses = usesToCome(todo, value)
    if (uses > 0) slots.set(value, { ...inferred, uses })
  }
  return { slots, todo }
}

/** The state after values have become known, or a node has been run in JavaScript. */
export function advance(
  state: PlanState,
  end: SegmentEnd,
  results: ReadonlyMap<Value, HostTensor | { readonly type: TensorType | undefined }>,
): PlanState {
  const slots = new Map(state.slots)
  let { todo } = state
  if (end.kind === 'node') {
    for (const value of usedBy(end.node)) {
      const slot = slots.get(value)
      if (slot?.uses === 1) slots.delete(value)
      else if (slot) slots.set(value, { ...slot, uses: slot.uses - 1 })
    }
    todo = afterFirst(todo)
  }
  for (const [value, result] of results) {
    if (!('type' in result)) slots.set(value, { ...present(slots.get(value), value.name), known: result })
    else if (usesToCome(state.todo, value) > 0)
      slots.set(value, { type: result.type, host: true, uses: usesToCome(state.todo, value) })
  }
  return { slots, todo }
}

/** The state after it has become known what a value is beyond a bound. */
export function advanceBounded(
  state: PlanState,
  { value, least }: SegmentEnd & { kind: 'number' },
  number: number,
): PlanState {
  const slots = new Map(state.slots)
  const slot = present(slots.get(value), value.name)
  slots.set(value, { ...slot, bounded: new Map([...(slot.bounded ?? []), [least, number]]) })
  return { ...state, slots }
}

/** The type a host value has for the planner. */
export function typeOfHost(value: HostValue): TensorType | undefined {
  return isHostTensor(value) ? { dtype: value.dtype, shape: value.shape } : undefined
}

/** All steps of a segment, those in its `likes` made: for whoever looks at them. To run it takes less. */
export function stepsOf({ steps, likes = [] }: Segment): readonly Step[] {
  if (likes.length === 0) return steps
  const all = [...steps]
  for (const { like, others } of likes)
    for (const own of others) {
      const args = like.args.map((arg, n) => argumentLike(arg, own.blocks[n]))
      all[own.at] = { node: own.node, kernel: like.kernel, args, note: like.note }
    }
  return all
}

/** An argument of a step that is like another. @param own - the block that it has, where that may move. */
function argumentLike(arg: Argument, own: Block | undefined): Argument {
  if (!own || typeof arg === 'number') return arg
  const { bytes } = arg.block
  const block = bytes === own.bytes || !isArenaBlock(own) ? own : { ...own, bytes, home: own }
  return { block, offset: arg.offset }
}

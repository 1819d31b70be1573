// Nodes planned again for other sizes (variations.ts), with calls and blocks in the places of those that there are.
import { sameOrder, type Order } from '../core/layout.js'
import type { Graph, Node, Value } from '../ir/graph.js'
import { InferenceMemory, sameElements, sameType, type Inferred } from '../ir/infer.js'
import type { Address, Argument, Block } from '../ir/emitter.js'
import type { TensorType } from '../ir/op.js'
import { isArenaBlock, isStateBlock, type ArenaBlock } from './arena.js'
import { checkOutputs } from '../ir/check-outputs.js'
import type { Step, StepRecorder } from './emitter.js'
import { Placed, type ConstantOperand } from './placed.js'
import type { DyingSlots } from './like-nodes.js'
import { SegmentPlanner } from './plan.js'
import type { PlanOptions, Segment, Slot, Source } from './plan-state.js'
import type { Recording, Site } from './recording.js'
import { Slots } from './slots.js'
import type { Specialized } from './specialize.js'
import type { WeightLease } from './weights.js'
import { wholeGraph } from './worklist.js'

/** Thrown where the other sizes lead to another plan; Variations catches it. */
export class Differs extends Error {}

/** What a plan was made of. */
export interface Origin {
  readonly graph: Graph
  readonly specialized: Specialized
  readonly watched: { readonly asked: ReadonlySet<Value>; readonly read: ReadonlySet<Value> }
  readonly recording: Recording
  readonly segment: Segment
  readonly lease: WeightLease
  readonly options: PlanOptions
  /** The graph for other types, as a plan of its own would begin. */
  readonly specialize: (types: ReadonlyMap<Value, TensorType | undefined>) => Specialized
}

/** Types that differ in sizes alone, and not in which axes have one element or none: those may lie anywhere. */
export function mayBecome(a: TensorType, b: TensorType): boolean {
  return (
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((size, i) => size === b.shape[i] || (size > 1 && b.shape[i] > 1) || a.shape.length === 1)
  )
}

export type Upload = Segment['uploads'][number]

/** What is known of values now, where that is something else than in the base. */
export type Changes = Pick<ReadonlyMap<Value, Inferred>, 'get'>

/** Stays empty: what is found again stands in the changes. */
const memory = new InferenceMemory()
const nothing = wholeGraph([], [])

/** Plans nodes again whose inputs have changed. */
export class Replanner extends SegmentPlanner<ReplanSlots> {
  /** The sites that were planned again. */
  readonly replanned: number[] = []
  /** The steps of the plan, and which of them are others than in the base. */
  protected readonly all: Step[]
  protected readonly changed: number[] = []
  private sources: ReadonlyMap<Value, Source>

  constructor(
    protected readonly from: Origin,
    users: ReadonlyMap<Value, readonly number[]>,
    protected readonly now: Changes,
    lease: WeightLease,
    makeRecorder: (...to: [Step[], ReplanSlots, WeightLease, PlanOptions]) => StepRecorder,
  ) {
    const steps: Step[] = []
    const { graph, options, segment } = from
    const slots = new ReplanSlots(from, users, lease, steps)
    const recorder = makeRecorder(steps, slots, lease, options)
    super(graph, steps, slots, lease, options, memory, undefined, recorder)
    this.all = [...segment.steps]
    this.sources = segment.sources
  }

  /** The values that are others now, as they were last. */
  get values(): ReadonlyMap<Value, Slot> {
    return this.slots.all
  }

  /**
   * The plan, once all has been planned again that reads `changes`. Values that are in memory already stand in
   * `places`.
   */
  replan(
    changes: Iterable<[Value, Inferred]>,
    inputs: { has(value: Value): boolean },
    places: ReadonlyMap<Value, Placed>,
  ): Segment {
    const { slots, from } = this
    for (const [value, known] of changes) {
      if (from.specialized.settled.has(value)) this.settle(value, known)
      else if (inputs.has(value)) this.feed(value, known.type, places.get(value))
    }
    for (let i = 0; i < from.recording.sites.length; i++) if (slots.isPending(i)) this.site(i)
    return this.finish()
  }

  /** Notes what follows from shapes. */
  protected settle(value: Value, { type, known }: Inferred): void {
    this.slots.change(value, { type, known, uses: 1 })
  }

  /** Notes an input. */
  protected feed(value: Value, type: TensorType, placed: Placed | undefined): void {
    this.slots.change(value, placed ? { type, placed, uses: 1 } : { type, host: true, uses: 1 })
  }

  /** Plans a site again. @returns its first step among those of this planner. */
  protected site(i: number): number {
    const { slots, from, all } = this
    const { segment, recording } = from
    const { sites } = recording
    const { node, folded, firstStep } = sites[i]
    const start = slots.begin(i)
    if (node) this.again(node, folded)
    else this.sources = this.sourcesAgain(segment.sources)
    const made = this.steps.length - start
    const end = i + 1 < sites.length ? sites[i + 1].firstStep : segment.steps.length
    if (made !== end - firstStep || !slots.isComplete) throw new Differs()
    for (let j = 0; j < made; j++) {
      const step = this.steps[start + j]
      const at = firstStep + j
      if (step === segment.steps[at]) continue
      if (!sameBlocks(segment.steps[at], step)) throw new Differs()
      all[at] = step
      this.changed.push(at)
    }
    this.replanned.push(i)
    return start
  }

  /** What is done for an input that was not planned again. */
  protected uploadLike(upload: Upload, _made: ReadonlyMap<Value, Upload>): Upload {
    return upload
  }

  protected finish(): Segment {
    const { slots, sources, changed, from } = this
    const uploads = new Map(slots.uploads.map((upload) => [upload.value, upload]))
    return {
      ...from.segment,
      steps: this.all,
      changed,
      uploads: from.segment.uploads.map((upload) => uploads.get(upload.value) ?? this.uploadLike(upload, uploads)),
      sources,
      blocks: slots.blocks,
    }
  }

  private again(node: Node, folded: boolean): void {
    // The branch of an If has been chosen by elements, which stay the same.
    if (node.op.name === 'If' && node.op.domain === '') throw new Differs()
    const inputs = node.inputs.map((value) => value && this.slots.slot(value))
    const outputs = this.infer(node, inputs)
    if (this.fold(node, inputs, outputs) !== folded) throw new Differs()
    if (!folded) this.recorder.emit(node, inputs, outputs)
  }

  private sourcesAgain(before: ReadonlyMap<Value, Source>): Map<Value, Source> {
    const sources = new Map<Value, Source>()
    for (const [value, was] of before) sources.set(value, this.sourceAgain(value, was, sources))
    return sources
  }

  /** Where a value that is fetched is now. */
  protected sourceAgain(value: Value, was: Source, _before: ReadonlyMap<Value, Source>): Source {
    const source = this.slots.sourceOf(value)
    if ('host' in source !== 'host' in was || 'known' in source !== 'known' in was) throw new Differs()
    return source
  }

  protected override infer(node: Node, inputs: readonly (Slot | undefined)[]): readonly TensorType[] {
    const before = this.from.specialized.inferred
    const known = node.outputs.map((value) => value && (this.now.get(value) ?? before.get(value))?.type)
    if (!node.outputs.every((value, i) => !value || known[i])) return super.infer(node, inputs)
    const outputs = known as TensorType[]
    checkOutputs(node, outputs, this.options.arenaLimit)
    return outputs
  }
}

/** Slots of what has changed. What is asked for and made must come in the order of the base. */
export class ReplanSlots extends Slots implements DyingSlots {
  /** The block that takes the place of one of the base. */
  readonly standIns = new Map<Block, ArenaBlock>()
  private readonly pending: Uint8Array
  private site: Site
  private start = 0
  private asked = 0
  private ownedCount = 0
  private died = 0

  constructor(
    private readonly base: Origin,
    private readonly users: ReadonlyMap<Value, readonly number[]>,
    lease: WeightLease,
    steps: Step[],
  ) {
    super({ slots: new Map(), todo: nothing }, lease, base.options.arenaLimit, steps)
    const { sites } = base.recording
    this.pending = new Uint8Array(sites.length)
    this.site = sites[0]
  }

  isPending(site: number): boolean {
    return this.pending[site] !== 0
  }

  /** What follows is done for this site. @returns the step that comes. */
  begin(site: number): number {
    this.site = this.base.recording.sites[site]
    this.asked = this.ownedCount = this.died = 0
    return (this.start = this.steps.length)
  }

  /** Whether as much was asked for and made as in the base. */
  get isComplete(): boolean {
    const { operands, owned, dies } = this.site
    return this.asked === operands.length && this.ownedCount === owned.length && this.died === dies.length
  }

  override own(block: ArenaBlock): void {
    super.own(block)
    block.home = this.site.owned[this.ownedCount++]
    if (!block.home) throw new Differs()
    this.standIns.set(block.home, block)
  }

  override dies(): boolean {
    return this.site.dies[this.died++]
  }

  get diesAsked(): number {
    return this.died
  }

  get diesOfNode(): readonly boolean[] {
    return this.site.dies
  }

  skipDies(count: number): void {
    this.died += count
  }

  override operand(value: Value, order?: Order): Placed | ConstantOperand {
    const was = this.site.operands[this.asked++]
    if (was?.value !== value || !sameOrders(was.order, order)) throw new Differs()
    if (!this.all.has(value)) {
      // The same as before, with what it took.
      const first = this.site.firstStep + this.steps.length - this.start
      this.steps.push(...this.base.segment.steps.slice(first, first + was.steps))
      this.ownedCount += was.owned
      return was.found
    }
    const [steps, owned] = [this.steps.length, this.ownedCount]
    const found = super.operand(value, order)
    if (this.steps.length - steps !== was.steps || this.ownedCount - owned !== was.owned) throw new Differs()
    if (found instanceof Placed !== was.found instanceof Placed) throw new Differs()
    if (found instanceof Placed && !sameBlock(was.found.at.block, found.at.block)) throw new Differs()
    return found
  }

  /** Whether the next thing asked for is this value, as it lies: it is passed over then. */
  skipOperand(value: Value): boolean {
    const was = this.site.operands[this.asked]
    if (was.value !== value || was.steps > 0 || was.owned > 0) return false
    this.asked++
    return true
  }

  override slot(value: Value): Slot {
    return this.all.get(value) ?? this.base.recording.slots.get(value) ?? super.slot(value)
  }

  override define(value: Value, slot: Slot): void {
    const was = this.base.recording.slots.get(value)
    if (!was?.type || !slot.type || !mayBecome(was.type, slot.type) || !was.known !== !slot.known) throw new Differs()
    const same =
      sameType(was.type, slot.type) && sameElements(was.known, slot.known) && samePlace(was.placed, slot.placed)
    if (!same) this.change(value, slot)
  }

  /** The value is another than in the base: who reads it is planned again. */
  change(value: Value, slot: Slot): void {
    this.all.set(value, slot)
    for (const user of this.users.get(value) ?? []) this.pending[user] = 1
  }
}

/** Whether a block stands where another one does in the base. */
function sameBlock(was: Block, is: Block): boolean {
  return was === is || (isArenaBlock(is) && is.home === was)
}

function samePlace(was: Placed | undefined, is: Placed | undefined): boolean {
  if (!was || !is) return was === is
  return sameBlock(was.at.block, is.at.block) && was.at.offset === is.at.offset && sameOrder(was.order, is.order)
}

function sameOrders(a: Order | undefined, b: Order | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && sameOrder(a, b))
}

/** Whether two steps touch the same blocks of the arena, so that what is alive when stays as it was. */
function sameBlocks(was: Step, is: Step): boolean {
  if ('kernel' in was && 'kernel' in is) return sameMoving(was.args, is.args, addressOfArgument)
  if ('kernel' in was || 'kernel' in is) return false
  return sameMoving(was.inputs, is.inputs, addressOfOperand) && sameMoving(was.outputs, is.outputs, addressOfOperand)
}

/** Whether what is in the arena or a state of each argument is in blocks that stand for each other. */
function sameMoving<T>(was: readonly T[], is: readonly T[], addressOf: (argument: T) => Address | undefined): boolean {
  if (was.length !== is.length) return false
  for (let i = 0; i < was.length; i++) {
    const [a, b] = [moving(addressOf(was[i])), moving(addressOf(is[i]))]
    if (a && b ? !sameBlock(a, b) : a !== b) return false
  }
  return true
}

function addressOfArgument(argument: Argument): Address | undefined {
  return typeof argument === 'number' ? undefined : argument
}

function addressOfOperand(operand: unknown): Address | undefined {
  return operand instanceof Placed ? operand.at : undefined
}

function moving(at: Address | undefined): Block | undefined {
  return at && (isArenaBlock(at.block) || isStateBlock(at.block)) ? at.block : undefined
}

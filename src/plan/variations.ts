// A plan for other sizes, made of one that there is: what a growing past changes is planned again, everything else stays where it is.
import { present } from '../core/errors.js'
import { sameOrder, type Order } from '../core/layout.js'
import { sizeOf } from '../core/shape.js'
import type { Graph, Node, Value } from '../ir/graph.js'
import { usedBy } from '../ir/graph.js'
import { InferenceMemory, inferNode, sameElements, sameType, type Inferred } from '../ir/infer.js'
import type { Address, Argument, Block, TensorType } from '../ir/op.js'
import { sizeClass } from '../passes/shaped/fuse-chain.js'
import { isArenaBlock, isStateBlock, placeBlocks, type ArenaBlock } from './arena.js'
import { Placed, type ConstantOperand, type Step } from './emitter.js'
import { checkOutputs } from './check-outputs.js'
import { LikeNodes, SharingRecorder, type DyingSlots } from './like-nodes.js'
import { SegmentPlanner } from './plan.js'
import { Recording, type Site } from './recording.js'
import { sameNodes } from './same-nodes.js'
import { Slots } from './slots.js'
import type { PlanOptions, Segment, Slot, Source } from './plan-state.js'
import type { Specialized } from './specialize.js'
import type { WeightLease } from './weights.js'
import { wholeGraph } from './worklist.js'

/** How much more room a tensor gets that has outgrown its own: at most, and beyond this many bytes. */
const GROWTH = 1.5

/** Thrown where the other sizes lead to another plan; never leaves this file. */
class Differs extends Error {}

/** The types that passes look at, and a list of those. @public - program.ts knows this file by a dynamic import. */
export class WatchedTypes extends Map<Value, Inferred> {
  readonly asked = new Set<Value>()
  /** Values whose elements were looked at. */
  readonly read = new Set<Value>()

  override get(value: Value): Inferred | undefined {
    const found = super.get(value)
    this.asked.add(value)
    if (!found?.known) return found
    const { read } = this
    return {
      type: found.type,
      get known() {
        read.add(value)
        return found.known
      },
    }
  }
}

/** @public - as above. */
export { Recording }

/** What a plan was made of. */
interface Origin {
  readonly graph: Graph
  readonly specialized: Specialized
  readonly watched: WatchedTypes
  readonly recording: Recording
  readonly segment: Segment
  readonly lease: WeightLease
  readonly options: PlanOptions
  /** The graph for other types, as a plan of its own would begin. */
  readonly specialize: (types: ReadonlyMap<Value, TensorType | undefined>) => Specialized
}

/**
 * Plans for the same graph and other sizes, made of one of them, the base. Nodes are inferred and emitted again if what they are given has changed; what comes
 * out has to be the plan that would have been made from scratch, but for numbers: otherwise there is none. All share one arrangement of the arena, in which
 * tensors that grow get room in advance.
 */
export class Variations {
  /** Counts arrangements of the arena. */
  epoch = 0
  arenaBytes: number
  private readonly readers = new Map<Value, number[]>()
  private readonly users = new Map<Value, number[]>()
  private readonly likes = new LikeNodes()
  private readonly reserved = new Map<ArenaBlock, number>()
  /** Sides of bounds for which passes have been seen to do the same. */
  private readonly proven = new Set<string>()
  private others: { count: number; values: readonly Value[]; sizes: ReadonlySet<number> } | undefined
  private readonly fixedSizes = new Set<number>([0, 1])

  constructor(private readonly from: Origin) {
    this.arenaBytes = from.segment.arenaBytes
    const note = (index: Map<Value, number[]>, values: readonly Value[], at: number) => {
      for (const value of new Set(values)) {
        const list = index.get(value)
        if (list) list.push(at)
        else index.set(value, [at])
      }
    }
    from.graph.nodes.forEach((node, i) => {
      const used = usedBy(node)
      note(this.readers, used, i)
      for (const { constant } of used) constant?.shape.forEach((size) => this.fixedSizes.add(size))
    })
    from.recording.sites.forEach(({ node, operands }, i) => {
      note(this.users, node ? usedBy(node) : [...from.graph.outputs, ...operands.map(({ value }) => value)], i)
    })
  }

  get base(): Segment {
    return this.from.segment
  }

  get lease(): WeightLease {
    return this.from.lease
  }

  /**
   * The plan for these types. Values that are in memory already stand in `places`.
   *
   * @returns 'other' if this base does not lead there and another may, undefined if it is a plan of its own.
   */
  derive(
    types: ReadonlyMap<Value, TensorType | undefined>,
    places: ReadonlyMap<Value, Placed>,
    lease: WeightLease,
  ): Segment | 'other' | undefined {
    try {
      const now = this.infer(types)
      if (!now) return undefined
      const equal = this.equalities(now)
      if (equal === 'other') return equal
      const sides = this.sides(now)
      if (!equal || sides === undefined || !this.proven.has(sides)) {
        const { specialize, specialized } = this.from
        if (!sameNodes(specialized.graph.nodes, specialize(types).graph.nodes)) return undefined
        if (equal && sides !== undefined) this.proven.add(sides)
      }
      const segment = new Replanner(this.from, this.users, this.likes, now, lease).replan(types, places)
      return this.makeRoom(segment) ? segment : undefined
    } catch {
      // What is wrong with these types a plan from scratch says better.
      return undefined
    }
  }

  /** What is known now of the values of which something else was known. */
  private infer(types: ReadonlyMap<Value, TensorType | undefined>): Map<Value, Inferred> | undefined {
    const { graph, specialized } = this.from
    const before = specialized.inferred
    const now = new Map<Value, Inferred>()
    const pending = new Uint8Array(graph.nodes.length)
    const change = (value: Value, after: Inferred): boolean => {
      const was = before.get(value)
      if (!was || !mayBecome(was.type, after.type) || !was.known !== !after.known) return false
      if (sameType(was.type, after.type) && sameElements(was.known, after.known)) return true
      now.set(value, after)
      for (const reader of this.readers.get(value) ?? []) pending[reader] = 1
      return true
    }
    for (const [value, type] of types) {
      const was = before.get(value)
      if (!type || !was) return undefined
      if (!sameType(was.type, type) && !change(value, { type })) return undefined
    }
    const look = (value: Value): Inferred | undefined =>
      value.constant ? { type: value.constant, known: value.constant } : (now.get(value) ?? before.get(value))
    for (let i = 0; i < pending.length; i++) {
      if (pending[i] === 0) continue
      const node = graph.nodes[i]
      const given = node.inputs.map((value) => value && look(value))
      if (!node.op.infer || node.inputs.some((value, j) => value && !given[j])) continue
      const outputs = inferNode(node, given, () => undefined)
      for (let j = 0; j < node.outputs.length; j++) {
        const value = node.outputs[j]
        if (!value) continue
        const output = outputs?.[j]
        if (output ? !change(value, output) : before.has(value)) return undefined
      }
    }
    return now
  }

  /**
   * Passes ask whether sizes are the same. Whether those that were equal are, and those that were not are not. false: a size happens to be that of another
   * now; 'other': it was in the base.
   */
  private equalities(now: ReadonlyMap<Value, Inferred>): boolean | 'other' {
    const { watched, specialized } = this.from
    const sizes = new Map<number, number>()
    const back = new Map<number, number>()
    let equal = true
    for (const [value, { type }] of now) {
      if (!watched.asked.has(value)) continue
      const was = present(specialized.inferred.get(value), value.name).type.shape
      for (let i = 0; i < was.length; i++) {
        const [a, b] = [was[i], type.shape[i]]
        if ((sizes.get(a) ?? b) !== b) return 'other'
        equal &&= (back.get(b) ?? a) === a
        sizes.set(a, b)
        back.set(b, a)
      }
    }
    for (const size of this.sizesOfOthers(now)) {
      if ((sizes.get(size) ?? size) !== size) return 'other'
      equal &&= (back.get(size) ?? size) === size
    }
    return equal
  }

  /** The sizes that passes may have compared with those that have changed. */
  private sizesOfOthers(now: ReadonlyMap<Value, Inferred>): ReadonlySet<number> {
    const { watched, specialized } = this.from
    if (this.others?.count === now.size && this.others.values.every((value) => now.has(value))) return this.others.sizes
    const sizes = new Set(this.fixedSizes)
    for (const value of watched.asked)
      if (!now.has(value)) specialized.inferred.get(value)?.type.shape.forEach((size) => sizes.add(size))
    this.others = { count: now.size, values: [...now.keys()], sizes }
    return sizes
  }

  /** And on which side of some bounds they are. undefined: they have looked at elements that are others now. */
  private sides(now: ReadonlyMap<Value, Inferred>): string | undefined {
    const { watched, specialized } = this.from
    let sides = ''
    for (const [value, { type, known }] of now) {
      if (!watched.asked.has(value)) continue
      if (watched.read.has(value) && !sameElements(specialized.inferred.get(value)?.known, known)) return undefined
      sides += sizeClass(sizeOf(type.shape))
    }
    return sides
  }

  /** Gives tensors that have outgrown their places larger ones. */
  private makeRoom({ blocks }: Segment): boolean {
    const room = (home: ArenaBlock) => this.reserved.get(home) ?? home.bytes
    const homes = blocks.filter(({ home }) => home?.offset !== undefined) as (ArenaBlock & { home: ArenaBlock })[]
    if (homes.every(({ home, bytes }) => bytes <= room(home))) return true
    for (const factor of [GROWTH, 1]) {
      const wanted = new Map(homes.map(({ home, bytes }) => [home, Math.max(room(home), Math.ceil(factor * bytes))]))
      const used = this.base.blocks
      const trial = used.map((block) => ({
        ...block,
        bytes: wanted.get(block) ?? room(block),
        base: undefined,
        offset: undefined,
      }))
      const bytes = placeBlocks(trial)
      if (bytes > this.from.options.arenaLimit) continue
      trial.forEach(({ offset }, i) => (used[i].offset = offset))
      for (const [home, size] of wanted) this.reserved.set(home, size)
      this.arenaBytes = bytes
      this.epoch++
      return true
    }
    return false
  }
}

/** Types that differ in sizes alone, and not in which axes have one element or none: those may lie anywhere. */
function mayBecome(a: TensorType, b: TensorType): boolean {
  return (
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((size, i) => size === b.shape[i] || (size > 1 && b.shape[i] > 1) || a.shape.length === 1)
  )
}

/** Plans nodes again whose inputs have changed. */
class Replanner extends SegmentPlanner<ReplanSlots> {
  constructor(
    private readonly from: Origin,
    users: ReadonlyMap<Value, readonly number[]>,
    likes: LikeNodes,
    private readonly now: ReadonlyMap<Value, Inferred>,
    lease: WeightLease,
  ) {
    const steps: Step[] = []
    const { graph, options } = from
    const slots = new ReplanSlots(from, users, lease, steps)
    const recorder = new SharingRecorder(steps, slots, lease, options, likes)
    super(graph, steps, slots, lease, options, new InferenceMemory(), undefined, recorder)
  }

  replan(types: ReadonlyMap<Value, TensorType | undefined>, places: ReadonlyMap<Value, Placed>): Segment {
    const { slots } = this
    const { segment, recording, specialized } = this.from
    for (const [value, { type, known }] of this.now) {
      if (specialized.settled.has(value)) slots.change(value, { type, known, uses: 1 })
      else if (types.has(value)) {
        const placed = places.get(value)
        slots.change(value, placed ? { type, placed, uses: 1 } : { type, host: true, uses: 1 })
      }
    }
    const steps = [...segment.steps]
    const changed: number[] = []
    let { sources } = segment
    const { sites } = recording
    for (let i = 0; i < sites.length; i++) {
      if (!slots.isPending(i)) continue
      const { node, folded, firstStep } = sites[i]
      const start = slots.begin(i)
      if (node) this.again(node, folded)
      else sources = this.sourcesAgain(segment.sources)
      const made = this.steps.length - start
      const end = i + 1 < sites.length ? sites[i + 1].firstStep : segment.steps.length
      if (made !== end - firstStep || !slots.isComplete) throw new Differs()
      for (let j = 0; j < made; j++) {
        const step = this.steps[start + j]
        const at = firstStep + j
        if (step === segment.steps[at]) continue
        if (!sameBlocks(segment.steps[at], step)) throw new Differs()
        steps[at] = step
        changed.push(at)
      }
    }
    const uploads = new Map(slots.uploads.map((upload) => [upload.value, upload]))
    return {
      ...segment,
      steps,
      changed,
      uploads: segment.uploads.map((upload) => uploads.get(upload.value) ?? upload),
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
    for (const [value, was] of before) {
      const source = this.slots.sourceOf(value)
      if ('host' in source !== 'host' in was || 'known' in source !== 'known' in was) throw new Differs()
      sources.set(value, source)
    }
    return sources
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
class ReplanSlots extends Slots implements DyingSlots {
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
    super({ slots: new Map(), todo: wholeGraph([], []) }, lease, base.options.arenaLimit, steps)
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

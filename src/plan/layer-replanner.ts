// Plans one layer again and gives its result to the layers that are like it.
import type { Value } from '../ir/graph.js'
import { usedBy } from '../ir/graph.js'
import type { Block } from '../ir/emitter.js'
import type { TensorType } from '../ir/op.js'
import { arenaBlock, isArenaBlock, isStateBlock } from './arena.js'
import { StepRecorder } from './emitter.js'
import { Placed } from './placed.js'
import type { LikeSteps, OwnStep, Segment, Source } from './plan-state.js'
import { Differs, Replanner, type Changes, type Origin, type Upload } from './replan.js'
import type { WeightLease } from './weights.js'

/** A site, and those that are planned as it is. */
export interface Group {
  readonly first: number
  readonly others: number[]
  /** The steps of the others, by the step of the first that they are like. */
  readonly steps: OwnStep[][]
}

export const isMoving = (block: Block): boolean => isArenaBlock(block) || isStateBlock(block)
export const homeOf = (block: Block): Block => (isArenaBlock(block) && block.home) || block

/** What {@link LayerReplanner} knows of inputs. */
interface Fed {
  readonly types: ReadonlyMap<Value, TensorType | undefined>
  readonly firsts: ReadonlyMap<Value, Value>
  readonly places: ReadonlyMap<Value, Placed>
}

/** Plans the first site of each group again, and gives the others what that got. */
export class LayerReplanner extends Replanner {
  private readonly likes: LikeSteps[] = []

  constructor(
    from: Origin,
    users: ReadonlyMap<Value, readonly number[]>,
    now: Changes,
    lease: WeightLease,
    private readonly fed: Fed,
    /** The value whose place is like that of another, by that. */
    private readonly likePlaces: ReadonlyMap<Value, Value>,
  ) {
    super(from, users, now, lease, (...to) => new StepRecorder(...to))
  }

  replanGroups(groups: readonly Group[], covered: ReadonlySet<number>): Segment {
    const { recording } = this.from
    const { types, firsts, places } = this.fed
    for (const [value, type] of types)
      if (type && firsts.get(value) === value) this.feed(value, type, places.get(value))
    for (const { first, steps } of groups) {
      const { node } = recording.sites[first]
      // What is fetched is looked for when it is its turn.
      if (node) for (const value of usedBy(node)) this.stand(value)
      this.site(first)
      this.giveOthers(recording.sites[first].firstStep, steps)
    }
    for (let i = 0; i < recording.sites.length; i++) if (this.slots.isPending(i) && !covered.has(i)) throw new Differs()
    return { ...this.finish(), likes: this.likes }
  }

  /** Notes where a value is that is like another one. */
  private stand(value: Value): void {
    const { slots, now, from, fed } = this
    if (slots.all.has(value)) return
    if (from.specialized.settled.has(value)) {
      const known = now.get(value)
      if (known) this.settle(value, known)
      return
    }
    const type = fed.types.get(value)
    const first = type ? fed.firsts.get(value) : this.likePlaces.get(value)
    const slot = first && slots.all.get(first)
    if (!slot) return
    if (type && (!slot.placed || fed.places.has(value))) {
      this.feed(value, type, fed.places.get(value))
      return
    }
    const { slots: base } = from.recording
    const [was, own] = [base.get(first), base.get(value)]
    const placed = slot.placed && this.placedLike(slot.placed, was?.placed, own?.placed)
    const variants = slot.variants?.map((variant, i) =>
      this.placedLike(variant, was?.variants?.[i], own?.variants?.[i]),
    )
    slots.change(value, { ...slot, placed, variants })
  }

  /** Gives the sites that are like one the steps which that got. */
  private giveOthers(firstStep: number, others: readonly OwnStep[][]): void {
    const base = this.from.segment.steps
    for (let j = 0; j < others.length; j++) {
      const like = this.all[firstStep + j]
      if (like === base[firstStep + j]) continue
      if (!('kernel' in like)) throw new Differs()
      this.likes.push({ like, others: others[j] })
    }
  }

  protected override uploadLike(upload: Upload, made: ReadonlyMap<Value, Upload>): Upload {
    const { value, to } = upload
    const [first, type] = [this.fed.firsts.get(value), this.fed.types.get(value)]
    if (!first || first === value || !type) return upload
    const like = made.get(first)
    if (!like) throw new Differs()
    const block = this.blockLike(like.to.at.block, homeOf(like.to.at.block), to.at.block)
    return { value, to: new Placed(type.dtype, type.shape, like.to.order, { block, offset: 0 }) }
  }

  protected override sourceAgain(value: Value, was: Source, before: ReadonlyMap<Value, Source>): Source {
    const { slots, from } = this
    const first = slots.all.has(value) ? undefined : this.likePlaces.get(value)
    const [own, like] = first ? [from.segment.sources.get(first), before.get(first)] : []
    const alike = own && like && 'placed' in was && 'placed' in own && 'placed' in like
    if (alike && slots.skipOperand(value)) return { placed: this.placedLike(like.placed, own.placed, was.placed) }
    this.stand(value)
    return super.sourceAgain(value, was, before)
  }

  private placedLike(placed: Placed, was: Placed | undefined, own: Placed | undefined): Placed {
    if (!was || !own) throw new Differs()
    const block = this.blockLike(placed.at.block, was.at.block, own.at.block)
    return new Placed(placed.dtype, placed.shape, placed.order, { block, offset: placed.at.offset })
  }

  /** @returns what is to `own` as `is` to `was`. */
  private blockLike(is: Block, was: Block, own: Block): Block {
    if (is === was && (isMoving(is) || was === own)) return own
    if (is === was || homeOf(is) !== was || !isArenaBlock(own)) throw new Differs()
    const { slots } = this
    const before = slots.standIns.get(own)
    if (before && before.bytes === is.bytes) return before
    if (before) throw new Differs()
    const block = arenaBlock(is.bytes, own)
    slots.standIns.set(own, block)
    slots.blocks.push(block)
    return block
  }
}

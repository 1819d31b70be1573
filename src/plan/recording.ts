// What the planner did, so that it can be done again for other sizes (variations.ts).
import type { Order } from '../core/layout.js'
import type { Node, Value } from '../ir/graph.js'
import type { Block } from '../ir/emitter.js'
import type { ArenaBlock } from './arena.js'
import type { Step } from './emitter.js'
import type { ConstantOperand, Placed } from './placed.js'
import type { PlanState, Slot } from './plan-state.js'
import { Slots } from './slots.js'
import type { WeightLease } from './weights.js'

/** What was done for one node, in order. */
export interface Site {
  /** undefined: what is fetched at the end. */
  readonly node: Node | undefined
  readonly firstStep: number
  /** What was asked for, and how many steps and blocks were made for that. */
  readonly operands: {
    readonly value: Value
    readonly order: Order | undefined
    readonly found: Placed | ConstantOperand
    readonly steps: number
    readonly owned: number
  }[]
  readonly owned: ArenaBlock[]
  readonly dies: boolean[]
  /** Whether the node was computed when it was planned. */
  folded: boolean
}

/** What was done for all nodes. */
export class Recording {
  readonly sites: Site[] = []
  /** Every value there was, as it was last. */
  readonly slots = new Map<Value, Slot>()

  /** What follows is done for this node. */
  begin(node: Node | undefined, firstStep: number): void {
    this.sites.push({ node, firstStep, operands: [], owned: [], dies: [], folded: false })
  }

  get site(): Site | undefined {
    return this.sites.at(-1)
  }

  /** Slots that note what they are asked here. */
  makeSlots(from: PlanState, weights: WeightLease, arenaLimit: number, steps: Step[]): Slots {
    return new RecordingSlots(from, weights, arenaLimit, steps, this)
  }
}

class RecordingSlots extends Slots {
  constructor(
    from: PlanState,
    weights: WeightLease,
    arenaLimit: number,
    steps: Step[],
    private readonly recording: Recording,
  ) {
    super(from, weights, arenaLimit, steps)
    for (const [value, slot] of this.all) recording.slots.set(value, slot)
  }

  override own(block: ArenaBlock): void {
    super.own(block)
    this.recording.site?.owned.push(block)
  }

  override dies(block: Block): boolean {
    const dies = super.dies(block)
    this.recording.site?.dies.push(dies)
    return dies
  }

  override operand(value: Value, order?: Order): Placed | ConstantOperand {
    const { steps } = this
    const { site } = this.recording
    const [firstStep, firstOwned] = [steps.length, site?.owned.length ?? 0]
    const found = super.operand(value, order)
    const owned = (site?.owned.length ?? 0) - firstOwned
    site?.operands.push({ value, order, found, steps: steps.length - firstStep, owned })
    return found
  }

  override define(value: Value, slot: Slot): void {
    super.define(value, slot)
    this.recording.slots.set(value, slot)
  }
}

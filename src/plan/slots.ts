// Where the values of a plan are: in which orders of axes, in which blocks, and for how long.
import { byteSize } from '../core/dtype.js'
import { LanewiseError, present } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { identityOrder, sameMemory, sameOrder, type Order } from '../core/layout.js'
import { sizeOf } from '../core/shape.js'
import { usedBy, type Node, type Value } from '../ir/graph.js'
import type { Block } from '../ir/emitter.js'
import type { TensorType } from '../ir/op.js'
import { emitReorder } from '../ir/strided.js'
import { arenaBlock, isArenaBlock, isStateBlock, type ArenaBlock } from './arena.js'
import { recorder, type Step } from './emitter.js'
import { ConstantOperand, Placed } from './placed.js'
import type { PlanState, Slot, Source } from './plan-state.js'
import type { WeightLease } from './weights.js'
import { afterFirst, usesToCome, type Worklist } from './worklist.js'

/** The values that are alive at one point of a plan, and the blocks that they hold. */
export class Slots {
  readonly all = new Map<Value, Slot>()
  readonly blocks: ArenaBlock[] = []
  readonly uploads: { value: Value; to: Placed }[] = []
  /** How many live slots use each block. */
  private readonly holders = new Map<Block, number>()
  private readonly constants = new Map<HostTensor, ConstantOperand[]>()
  /** Uses of blocks by the node being emitted that are their last. */
  private dying = new Map<Block, number>()

  /** Nodes to come. */
  todo: Worklist

  /** @param steps - where the calls go that put a value into another order of axes. */
  constructor(
    from: PlanState,
    private readonly weights: WeightLease,
    private readonly arenaLimit: number,
    protected readonly steps: Step[],
  ) {
    this.todo = from.todo
    const blocks = new Set<ArenaBlock>()
    for (const [value, slot] of from.slots) {
      this.all.set(value, { ...slot, variants: slot.variants && [...slot.variants] })
      for (const { at } of placesOf(slot)) {
        this.hold(at.block)
        if (isArenaBlock(at.block)) blocks.add(at.block)
      }
    }
    this.blocks.push(...blocks)
  }

  /** @throws LanewiseError `E_BUDGET` if the block alone passes the memory limit. */
  own(block: ArenaBlock): void {
    this.blocks.push(block)
    // Blocks get their places only at the end; a model that asks for too much is refused before that.
    if (block.bytes > this.arenaLimit) {
      throw new LanewiseError('E_BUDGET', `a tensor of ${block.bytes} bytes passes the memory limit`, {
        expected: `<= ${this.arenaLimit}`,
        actual: String(block.bytes),
      })
    }
  }

  /** Whether nobody needs what is in this block after the node that is being emitted. */
  dies(block: Block): boolean {
    // What is not in the arena (a view of a constant) is not this plan's to overwrite.
    return (isArenaBlock(block) || isStateBlock(block)) && this.holders.get(block) === (this.dying.get(block) ?? 0)
  }

  /** The value in memory, in a given order of axes (or in whichever it has). */
  operand(value: Value, order?: Order): Placed | ConstantOperand {
    const slot = this.slot(value)
    if (slot.known) return this.constant(slot.known, order ?? identityOrder(slot.known.shape.length))
    const main = slot.placed ?? this.upload(value, slot)
    if (!order) return main
    for (const placed of placesOf(slot)) {
      if (sameOrder(placed.order, order)) return placed
      if (sameMemory(placed.shape, placed.order, order)) {
        const relabelled = new Placed(placed.dtype, placed.shape, order, placed.at)
        this.addVariant(slot, relabelled)
        return relabelled
      }
    }
    const block = arenaBlock(main.bytes)
    this.own(block)
    const moved = new Placed(main.dtype, main.shape, order, { block, offset: 0 })
    emitReorder(
      recorder(this.steps, this.weights, undefined, 'reorder'),
      main.dtype,
      main.shape,
      main.order,
      order,
      main.at,
      moved.at,
    )
    this.addVariant(slot, moved)
    return moved
  }

  private addVariant(slot: Slot, placed: Placed): void {
    ;(slot.variants ??= []).push(placed)
    this.hold(placed.at.block)
  }

  private constant(tensor: HostTensor, order: Order): ConstantOperand {
    const forms = this.constants.get(tensor) ?? []
    this.constants.set(tensor, forms)
    let form = forms.find((candidate) => sameOrder(candidate.order, order))
    if (!form) forms.push((form = new ConstantOperand(tensor, order, this.weights)))
    return form
  }

  private upload(value: Value, slot: Slot): Placed {
    const { dtype, shape } = typeOf(slot)
    const block = arenaBlock(sizeOf(shape) * byteSize(dtype))
    this.own(block)
    slot.placed = new Placed(dtype, shape, identityOrder(shape.length), { block, offset: 0 })
    this.hold(block)
    this.uploads.push({ value, to: slot.placed })
    return slot.placed
  }

  define(value: Value, slot: Slot): void {
    slot.uses = usesToCome(this.todo, value)
    this.all.set(value, slot)
    for (const placed of placesOf(slot)) this.hold(placed.at.block)
  }

  slot(value: Value): Slot {
    const slot = this.all.get(value)
    if (slot) return slot
    if (value.constant) return { type: value.constant, known: value.constant, uses: Infinity }
    throw new LanewiseError('E_GRAPH', `the value "${value.name}" is used before it is made`, { tensor: value.name })
  }

  /** The order of axes that ONNX means. */
  identity(value: Value): Order {
    return identityOrder(typeOf(this.slot(value)).shape.length)
  }

  private hold(block: Block): void {
    this.holders.set(block, (this.holders.get(block) ?? 0) + 1)
  }

  /** No block may be overwritten by the node that comes. */
  keepAll(): void {
    this.dying = new Map()
  }

  /** Notes which blocks lose holders with this node, so that an output may take their place. */
  markDying(node: Node): void {
    this.keepAll()
    const counts = new Map<Value, number>()
    for (const value of usedBy(node)) counts.set(value, (counts.get(value) ?? 0) + 1)
    for (const [value, count] of counts) {
      const slot = this.all.get(value)
      if (!slot || slot.uses !== count) continue
      for (const placed of placesOf(slot)) this.dying.set(placed.at.block, (this.dying.get(placed.at.block) ?? 0) + 1)
    }
  }

  /** The first node has been planned: its inputs have one reader less, and what nobody reads is forgotten. */
  retire(node: Node): void {
    for (const value of usedBy(node)) {
      const slot = this.all.get(value)
      if (slot && --slot.uses === 0) this.forget(value, slot)
    }
    for (const value of node.outputs) {
      const slot = value && this.all.get(value)
      if (slot && slot.uses === 0) this.forget(value, slot)
    }
    this.todo = afterFirst(this.todo)
  }

  private forget(value: Value, slot: Slot): void {
    for (const { at } of placesOf(slot)) this.holders.set(at.block, (this.holders.get(at.block) ?? 0) - 1)
    this.all.delete(value)
  }

  /** Where a run finds the value after the steps. */
  sourceOf(value: Value): Source {
    const slot = this.slot(value)
    if (slot.known) return { known: slot.known }
    if (slot.host) return { host: value }
    return { placed: this.operand(value, this.identity(value)) as Placed }
  }
}

export function typeOf({ type }: Slot): TensorType {
  return present(type, 'type')
}

export function placesOf(slot: Slot): Placed[] {
  return slot.placed ? [slot.placed, ...(slot.variants ?? [])] : []
}

// Layers of a model are alike: what a node was emitted as, the nodes like it in other layers are, too, over blocks of
// their own.
import { sameOrder, type Layout } from '../core/layout.js'
import { sameShape, sizeOf } from '../core/shape.js'
import type { Node, Value } from '../ir/graph.js'
import { sameElements, sameType } from '../ir/infer.js'
import type { Address, Block } from '../ir/emitter.js'
import type { TensorType } from '../ir/op.js'
import { arenaBlock, isArenaBlock, isStateBlock, type ArenaBlock } from './arena.js'
import { StepRecorder, type KernelStep, type Step } from './emitter.js'
import { Placed, type ConstantOperand } from './placed.js'
import type { PlanOptions } from './plan-state.js'
import type { Slots } from './slots.js'
import type { WeightLease } from './weights.js'

/** Constants of at most this many elements are compared by those. */
export const SMALL = 16

type OperandInPlan = Placed | ConstantOperand | undefined

/** Finds nodes that compute the same of their inputs. */
export class LikeNodes {
  private readonly firsts = new Map<Node['op'], Node[]>()
  private readonly found = new Map<Node, Node>()

  /** The first node that was asked for and is like this one. */
  first(node: Node): Node {
    const before = this.found.get(node)
    if (before) return before
    let firsts = this.firsts.get(node.op)
    if (!firsts) this.firsts.set(node.op, (firsts = []))
    let first = firsts.find((other) => isLike(other, node))
    if (!first) firsts.push((first = node))
    this.found.set(node, first)
    return first
  }
}

function isLike(a: Node, b: Node): boolean {
  return (
    a.inputs.length === b.inputs.length &&
    a.outputs.length === b.outputs.length &&
    a.inputs.every((value, i) => {
      const other = b.inputs[i]
      if (!value || !other) return value === other
      return !value.constant === !other.constant
    }) &&
    a.outputs.every((value, i) => !value === !b.outputs[i]) &&
    sameContent(a.attributes, b.attributes) &&
    sameContent(a.fused, b.fused)
  )
}

/** What a node has been emitted as. */
interface Emitted {
  readonly inputs: readonly OperandInPlan[]
  readonly outputs: readonly TensorType[]
  readonly layout: Layout
  readonly dies: readonly boolean[]
  readonly owned: readonly ArenaBlock[]
  readonly steps: readonly KernelStep[]
  readonly results: readonly (Placed | undefined)[]
}

/** Slots that know what emitting the node at hand again will be told of blocks that die. */
export interface DyingSlots extends Slots {
  /** The answers so far, and then those to come. */
  readonly diesAsked: number
  readonly diesOfNode: readonly boolean[]
  /** Passes over answers that are known. */
  skipDies(count: number): void
}

/** Records nodes; those that are like one before by what that was recorded as. */
export class SharingRecorder extends StepRecorder {
  private readonly emitted = new Map<Node, Emitted>()

  constructor(
    steps: Step[],
    private readonly dying: DyingSlots,
    weights: WeightLease,
    options: PlanOptions,
    private readonly likes: LikeNodes,
  ) {
    super(steps, dying, weights, options)
  }

  protected override emitInto(
    node: Node,
    inputs: readonly OperandInPlan[],
    outputs: readonly TensorType[],
    layout: Layout,
  ): readonly (Placed | undefined)[] {
    const first = this.likes.first(node)
    const like = this.emitted.get(first)
    const results = like && this.emitLike(like, node, inputs, outputs, layout)
    if (results) return results
    const { steps, dying } = this
    const [firstStep, firstBlock, firstDies] = [steps.length, dying.blocks.length, dying.diesAsked]
    const made = super.emitInto(node, inputs, outputs, layout)
    const own = steps.slice(firstStep)
    if (!like && own.every((step) => 'kernel' in step))
      this.emitted.set(first, {
        inputs,
        outputs,
        layout,
        dies: dying.diesOfNode.slice(firstDies, dying.diesAsked),
        owned: dying.blocks.slice(firstBlock),
        steps: own,
        results: made,
      })
    return made
  }

  /** The same steps over these operands, if they lie as those did. */
  private emitLike(
    like: Emitted,
    node: Node,
    inputs: readonly OperandInPlan[],
    outputs: readonly TensorType[],
    layout: Layout,
  ): readonly (Placed | undefined)[] | undefined {
    const theirs: Block[] = []
    const mine: Block[] = []
    for (let i = 0; i < inputs.length; i++) {
      const [a, b] = [like.inputs[i], inputs[i]]
      if (!a || !b) {
        if (a !== b) return undefined
      } else if (a instanceof Placed && b instanceof Placed) {
        if (!liesAlike(a, b) || !pair(theirs, mine, a.at.block, b.at.block)) return undefined
      } else if (!sameConstant(a, b)) return undefined
    }
    for (let i = 0; i < outputs.length; i++) {
      if (!sameType(like.outputs[i], outputs[i])) return undefined
      const [a, b] = [like.layout.outputs[i], layout.outputs[i]]
      if (a !== b && !(a && b && sameOrder(a, b))) return undefined
    }
    const { dying } = this
    const { diesAsked, diesOfNode } = dying
    for (let i = 0; i < like.dies.length; i++) if (like.dies[i] !== diesOfNode[diesAsked + i]) return undefined
    dying.skipDies(like.dies.length)
    for (const { bytes } of like.owned) {
      const block = arenaBlock(bytes)
      this.own(block)
      mine.push(block)
    }
    theirs.push(...like.owned)
    const here = (at: Address): Address => {
      const i = theirs.indexOf(at.block)
      return i < 0 ? at : { block: mine[i], offset: at.offset }
    }
    for (const { kernel, args, note } of like.steps)
      this.steps.push({ node, kernel, args: args.map((arg) => (typeof arg === 'number' ? arg : here(arg))), note })
    return like.results.map(
      (result) => result && new Placed(result.dtype, result.shape, result.order, here(result.at), result.constant),
    )
  }
}

/** Whether two operands are the same but for the block, and the blocks of a kind. */
export function liesAlike(a: Placed, b: Placed): boolean {
  const [x, y] = [a.at.block, b.at.block]
  if (a.constant || b.constant) return false
  if (!isArenaBlock(x) && !isStateBlock(x) && x !== y) return false
  return (
    a.dtype === b.dtype &&
    a.at.offset === b.at.offset &&
    x.bytes === y.bytes &&
    isArenaBlock(x) === isArenaBlock(y) &&
    isStateBlock(x) === isStateBlock(y) &&
    sameShape(a.shape, b.shape) &&
    sameOrder(a.order, b.order)
  )
}

/** Notes that one block stands for another; whether that agrees with what was noted. */
export function pair(theirs: Block[], mine: Block[], a: Block, b: Block): boolean {
  const i = theirs.indexOf(a)
  if (i !== mine.indexOf(b)) return false
  if (i < 0) {
    theirs.push(a)
    mine.push(b)
  }
  return true
}

export function sameConstant(a: Placed | ConstantOperand, b: Placed | ConstantOperand): boolean {
  if (!a.constant || !b.constant || !sameOrder(a.order, b.order)) return false
  return a.constant === b.constant || (sizeOf(a.shape) <= SMALL && sameElements(a.constant, b.constant))
}

/** Whether passes have left the same graph. */
export function sameNodes(a: readonly Node[], b: readonly Node[]): boolean {
  return a.length === b.length && a.every((node, i) => node === b[i] || sameNode(node, b[i]))
}

function sameNode(a: Node, b: Node): boolean {
  const sameValue = (x: Value | undefined, y: Value | undefined): boolean =>
    x === y || (x?.constant !== undefined && x.constant === y?.constant)
  return (
    a.op === b.op &&
    a.inputs.length === b.inputs.length &&
    a.outputs.length === b.outputs.length &&
    a.inputs.every((value, i) => sameValue(value, b.inputs[i])) &&
    a.outputs.every((value, i) => value === b.outputs[i]) &&
    sameContent(a.attributes, b.attributes) &&
    sameContent(a.fused, b.fused)
  )
}

/** Deeply equal, as far as arrays and plain objects go; anything else has to be the same object. */
function sameContent(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true
  if (typeof a !== 'object' || typeof b !== 'object' || !a || !b) return false
  const prototype: unknown = Object.getPrototypeOf(a)
  if (prototype !== Object.getPrototypeOf(b) || (prototype !== Object.prototype && prototype !== Array.prototype))
    return false
  const [keys, others] = [Object.keys(a), Object.keys(b)]
  return (
    keys.length === others.length &&
    keys.every((key) => sameContent((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]))
  )
}

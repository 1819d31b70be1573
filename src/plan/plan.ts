import { byteSize, isHalf, type DType } from '../core/dtype.js'
import { errorAt, LanewiseError, present } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { STRING_BYTES } from '../core/host-memory.js'
import { emitCast } from '../ops/elementwise/cast.js'
import type { Attributes } from '../ir/attributes.js'
import {
  allFloat32,
  withRule,
  type Address,
  type Block,
  type InferContext,
  type PackEmitter,
  type TensorType,
} from '../ir/op.js'
import { findOp } from '../ir/registry.js'
import { checkComplex } from '../ir/complex.js'
import { formatShape, MAX_RANK, sizeOf } from '../core/shape.js'
import { arenaBlock, isArenaBlock, isStateBlock, placeBlocks, type ArenaBlock } from './arena.js'
import { ConstantOperand, NodeEmitter, Placed, type EmitTarget, type Step } from './emitter.js'
import { emitReorder } from '../ir/strided.js'
import { computeChecked, listOf, readsShapesOnly } from '../ir/compute.js'
import { notFused, usedBy, type Graph, type Node, type Value } from '../ir/graph.js'
import { FOLD_ELEMENTS, InferenceMemory, isSmall, largerNumber, type Inferred } from '../ir/infer.js'
import { identityOrder, physicalShape, sameMemory, type Layout, type Order } from '../core/layout.js'
import type { PlanOptions, PlanState, Segment, SegmentEnd, Slot, Source } from './plan-state.js'
import { afterFirst, firstOf, insteadOfFirst, usesToCome, type Worklist } from './worklist.js'
import type { WeightLease } from './weights.js'

/** Thrown by `infer` through `value()` when elements are not known yet; caught by the planner, never leaves it. */
class NeedsValue extends Error {
  constructor(
    readonly value: Value,
    /** If only what the value is beyond this is needed. */
    readonly least?: number,
  ) {
    super('a value is needed to plan on')
  }
}

/** Plans from a state to the end of the graph or to the first question that only a run can answer. */
export function planSegment(
  graph: Graph,
  from: PlanState,
  weights: WeightLease,
  options: PlanOptions,
  memory = new InferenceMemory(),
): Segment {
  return new SegmentPlanner(graph, from, weights, options, memory).plan()
}

class SegmentPlanner implements EmitTarget {
  readonly steps: Step[] = []
  readonly build: 'simd' | 'relaxed'
  readonly fast: boolean
  readonly perExample: boolean
  private readonly slots = new Map<Value, Slot>()
  private readonly blocks: ArenaBlock[] = []
  private readonly uploads: { value: Value; to: Placed }[] = []
  /** How many live slots use each block. */
  private readonly holders = new Map<Block, number>()
  private readonly constants = new Map<HostTensor, ConstantOperand[]>()
  private todo: Worklist
  /** Uses of values by the node being emitted that are its last. */
  private dying = new Map<Block, number>()
  private scratchBytes = 0

  constructor(
    private readonly graph: Graph,
    from: PlanState,
    readonly weights: WeightLease,
    private readonly options: PlanOptions,
    private readonly memory: InferenceMemory,
  ) {
    this.build = options.build
    this.fast = options.fast
    this.perExample = options.perExample ?? false
    this.todo = from.todo
    const blocks = new Set<ArenaBlock>()
    for (const [value, slot] of from.slots) {
      this.slots.set(value, { ...slot, variants: slot.variants && [...slot.variants] })
      for (const { at } of placesOf(slot)) {
        this.hold(at.block)
        if (isArenaBlock(at.block)) blocks.add(at.block)
      }
    }
    this.blocks.push(...blocks)
  }

  plan(): Segment {
    let end: SegmentEnd = { kind: 'done' }
    for (let node = firstOf(this.todo); node; node = firstOf(this.todo)) {
      const stop = this.planNode(node)
      if (stop) {
        end = stop
        break
      }
    }
    const wanted =
      end.kind === 'done'
        ? this.graph.outputs
        : end.kind === 'values'
          ? end.values
          : end.kind === 'number'
            ? [end.value]
            : usedBy(end.node).filter((v) => v.constant === undefined)
    const sources = new Map<Value, Source>()
    for (const value of wanted) sources.set(value, this.sourceOf(value))
    const state: PlanState = { slots: end.kind === 'done' ? new Map() : this.slots, todo: this.todo }
    return this.finish(end, sources, state)
  }

  own(block: ArenaBlock): void {
    this.blocks.push(block)
    // Places are only found at the end; a bomb should not get as far as that.
    if (block.bytes > this.options.arenaLimit) {
      throw new LanewiseError('E_BUDGET', `a tensor of ${block.bytes} bytes passes the memory limit`, {
        expected: `<= ${this.options.arenaLimit}`,
        actual: String(block.bytes),
      })
    }
  }

  dies(block: Block): boolean {
    // What is not in the arena (a view of a constant) is not this plan's to overwrite.
    return (isArenaBlock(block) || isStateBlock(block)) && this.holders.get(block) === (this.dying.get(block) ?? 0)
  }

  private planNode(node: Node): SegmentEnd | undefined {
    try {
      if (node.op.name === 'If' && node.op.domain === '') return this.inlineIf(node)
      const inputs = node.inputs.map((value) => value && this.slot(value))
      checkComplex(
        node.op,
        inputs.map((slot) => slot?.type),
      )
      const opaque = inputs.some((slot) => slot && (slot.type === undefined || slot.type.dtype === 'string'))
      if (!node.op.infer || node.op.control || node.op.work || opaque) {
        return this.foldOpaque(node, inputs) ? this.retire(node) : { kind: 'node', node }
      }
      const found = this.memory.recall(node, inputs)
      const outputs = this.infer(node, inputs, found)
      if (this.fold(node, inputs, outputs, found)) return this.retire(node)
      // Strings are never in the arena: what makes them of numbers runs in between.
      if (outputs.some(({ dtype }, i) => node.outputs[i] && dtype === 'string')) return { kind: 'node', node }
      this.emit(node, inputs, outputs)
      return this.retire(node)
    } catch (error) {
      if (error instanceof NeedsValue) {
        const { value, least } = error
        return least === undefined ? { kind: 'values', values: [value] } : { kind: 'number', value, least }
      }
      throw errorAt(node.op.name, node.name, error)
    }
  }

  /** The branch that will run takes the node's place, once the condition is known: a branch is planned like any other stretch. */
  private inlineIf(node: Node): SegmentEnd | undefined {
    const condition = node.inputs[0]
    if (!condition) throw new LanewiseError('E_GRAPH', 'If has no condition')
    const known = this.slot(condition).known
    if (!known) throw new NeedsValue(condition)
    if (sizeOf(known.shape) !== 1)
      throw new LanewiseError('E_SHAPE', `the condition of If must have one element, got ${formatShape(known.shape)}`)
    const branch = (Number(known.data[0]) !== 0 ? node.attributes.then_branch : node.attributes.else_branch) as Graph
    if (branch.outputs.length < node.outputs.length)
      throw new LanewiseError('E_GRAPH', 'a branch of If has too few outputs')
    const identity = findOp('', 'Identity')
    if (!identity) throw new LanewiseError('E_UNSUPPORTED', 'If needs the operator Identity')
    const rename: Node[] = []
    node.outputs.forEach((output, i) => {
      if (output)
        rename.push({
          op: identity,
          name: node.name,
          attributes: {},
          inputs: [branch.outputs[i]],
          outputs: [output],
          fused: notFused,
        })
    })
    const { todo, uses } = insteadOfFirst(this.todo, [...branch.nodes, ...rename])
    // What the branch reads it reads as often as its nodes do; what only the condition or the other branch wanted may go.
    for (const [value, count] of uses) {
      const slot = this.slots.get(value)
      if (slot) slot.uses += count
    }
    this.retire(node)
    this.todo = todo
    return undefined
  }

  /** @param found - what is known to be inferred of these inputs. */
  private infer(node: Node, inputs: readonly (Slot | undefined)[], found?: readonly Inferred[]): readonly TensorType[] {
    const same = (type: TensorType, i: number) =>
      node.outputs[i] ? this.memory.typeAsBefore(node.outputs[i], type) : type
    const outputs = found ? found.map(({ type }) => type) : this.inferAnew(node, inputs).map(same)
    checkOutputs(node, outputs, this.options.arenaLimit)
    return outputs
  }

  private inferAnew(node: Node, inputs: readonly (Slot | undefined)[]): readonly TensorType[] {
    const valueOf = (index: number): HostTensor | undefined => inputs[index]?.known
    const context: InferContext<Attributes> = {
      attributes: node.attributes,
      inputs: inputs.map((slot) => slot?.type),
      outputCount: node.outputs.length,
      known: valueOf,
      value: (index) => {
        const value = node.inputs[index]
        if (value && inputs[index] && !valueOf(index)) throw new NeedsValue(value)
        return valueOf(index)
      },
      atLeast: (index, least) => {
        const slot = inputs[index]
        const number = slot?.known ? largerNumber(slot.known, least) : slot?.bounded?.get(least)
        if (number === undefined) throw new NeedsValue(present(node.inputs[index], 'input'), least)
        return number
      },
    }
    return listOf(withRule(node.op, 'infer').infer(context), 'infer')
  }

  /** Small results of known inputs are known. */
  private fold(
    node: Node,
    inputs: readonly (Slot | undefined)[],
    outputs: readonly TensorType[],
    found?: readonly Inferred[],
  ): boolean {
    const { op } = node
    if (!op.compute || op.random || op.work || isFused(node)) return false
    // Half-precision operands are for the kernels, between casts: the plain versions of most operators do not decode them.
    if (op.emit && inputs.some((slot) => isHalf(slot?.type?.dtype))) return false
    if (
      !inputs.every((slot) => !slot || slot.known) ||
      !node.outputs.every((value, i) => !value || sizeOf(outputs[i].shape) <= FOLD_ELEMENTS)
    ) {
      // A Shape needs no elements, only the shape.
      if (!readsShapesOnly(op)) return false
    }
    const given = (slot: Slot | undefined) => slot && (slot.known ?? { ...typeOf(slot), data: [] })
    const computed = () =>
      computeChecked(
        op,
        { attributes: node.attributes, inputs: inputs.map(given), outputs, outputCount: node.outputs.length },
        node.outputs,
      )
    const results = found?.[0]?.known ? found : computed().map((known) => ({ type: known, known }))
    if (!results.every(({ known }) => isSmall(known))) return false
    node.outputs.forEach((value, i) => {
      if (value) this.define(value, { ...this.memory.asBefore(value, results[i]), uses: 0 })
    })
    return true
  }

  /** Strings whose elements are known fold like numbers; everything else that is not numeric waits for the run. */
  private foldOpaque(node: Node, inputs: readonly (Slot | undefined)[]): boolean {
    if (
      !node.op.infer ||
      !node.op.compute ||
      node.op.random ||
      node.op.work ||
      !inputs.every((slot) => !slot || slot.known)
    )
      return false
    return this.fold(node, inputs, this.infer(node, inputs))
  }

  private emit(node: Node, inputs: readonly (Slot | undefined)[], outputs: readonly TensorType[]): void {
    const { op } = node
    const dtypes = inputs.map((slot) => slot?.type?.dtype)
    const wanted = node.outputs.map((value) => value !== undefined)
    const known = inputs.map((slot) => slot?.type && { shape: slot.type.shape, constant: slot.known !== undefined })
    const accepts = (types: readonly (DType | undefined)[]) =>
      op.kernel ? op.kernel(types, node.attributes, wanted, known) : allFloat32(types)
    if (op.emit && accepts(dtypes)) {
      this.emitKernels(node, outputs)
    } else if (op.emit && dtypes.some(isHalf) && accepts(dtypes.map(promoted))) {
      this.emitPromoted(node, outputs)
    } else if (op.compute && !isFused(node)) {
      this.emitHost(node, outputs)
    } else {
      const actual = dtypes.filter((dtype) => dtype !== undefined).join(', ')
      throw new LanewiseError('E_UNSUPPORTED', `${op.name} is not supported for inputs of type ${actual}`, {
        op: op.name,
        actual,
      })
    }
  }

  private emitKernels(node: Node, outputs: readonly TensorType[]): void {
    const given = node.inputs.map((value) => value && this.operand(value))
    const layout = this.layoutOf(node, given, outputs)
    const inputs = node.inputs.map((value, i) => value && this.operand(value, layout.inputs[i] ?? this.identity(value)))
    this.markDying(node)
    const results = this.emitInto(node, inputs, outputs, layout)
    node.outputs.forEach((value, i) => {
      if (value) this.define(value, { type: outputs[i], placed: results[i], uses: 0 })
    })
  }

  /** Half-precision floats have no arithmetic of their own: cast up, compute in float32, cast down. */
  private emitPromoted(node: Node, outputs: readonly TensorType[]): void {
    this.dying = new Map()
    const given = node.inputs.map((value) => value && this.operand(value))
    const layout = this.layoutOf(node, given, outputs)
    const convert = (input: Placed | ConstantOperand, dtype: DType): Placed => {
      const block = arenaBlock(input.size * byteSize(dtype))
      this.own(block)
      const result = new Placed(dtype, input.shape, input.order, { block, offset: 0 })
      emitCast(this.recorder(node, 'cast'), input, result)
      return result
    }
    const inputs = node.inputs.map((value, i) => {
      if (!value) return undefined
      const operand = this.operand(value, layout.inputs[i] ?? this.identity(value))
      return isHalf(operand.dtype) ? convert(operand, 'float32') : operand
    })
    const wide = outputs.map((type) => (isHalf(type.dtype) ? { ...type, dtype: 'float32' as const } : type))
    const results = this.emitInto(node, inputs, wide, layout)
    node.outputs.forEach((value, i) => {
      const result = results[i]
      if (value && result) {
        const type = outputs[i]
        this.define(value, { type, placed: isHalf(type.dtype) ? convert(result, type.dtype) : result, uses: 0 })
      }
    })
  }

  private emitHost(node: Node, outputs: readonly TensorType[]): void {
    const inputs = node.inputs.map((value) => {
      if (!value) return undefined
      return this.slot(value).known ?? (this.operand(value, this.identity(value)) as Placed)
    })
    const placed = node.outputs.map((value, i) => {
      if (!value) return undefined
      const type = outputs[i]
      const block = arenaBlock(sizeOf(type.shape) * byteSize(type.dtype))
      this.own(block)
      const result = new Placed(type.dtype, type.shape, identityOrder(type.shape.length), { block, offset: 0 })
      this.define(value, { type, placed: result, uses: 0 })
      return result
    })
    const { op, attributes } = node
    this.steps.push({
      node,
      inputs,
      outputs: placed,
      compute: (tensors) =>
        computeChecked(
          op,
          { attributes, inputs: tensors, outputs, outputCount: node.outputs.length, seed: this.options.seed },
          node.outputs,
        ),
      note: { kernel: 'TypeScript' },
    })
  }

  private emitInto(
    node: Node,
    inputs: readonly (Placed | ConstantOperand | undefined)[],
    outputs: readonly TensorType[],
    layout: Layout,
  ): readonly (Placed | undefined)[] {
    const types = node.outputs.map((value, i) => {
      if (!value) return undefined
      const { dtype, shape } = outputs[i]
      const order = layout.outputs[i] ?? identityOrder(shape.length)
      return { dtype, shape, order, physical: physicalShape(shape, order) }
    })
    const blocksBefore = this.blocks.length
    const firstStep = this.steps.length
    const e = new NodeEmitter(this, node, node.attributes, inputs, types)
    withRule(node.op, 'emit').emit(e)
    const results = types.map((type, i) => type && (e.placed[i] ?? (e.output(i) as Placed)))
    const bytes = [...inputs, ...types].reduce(
      (sum, type) => sum + (type ? sizeOf(type.shape) * byteSize(type.dtype) : 0),
      0,
    )
    for (let i = firstStep; i < this.steps.length; i++) this.steps[i].note = { ...this.steps[i].note, bytes }
    const kept = new Set<Block>(results.map((result) => result?.at.block as Block))
    let scratch = 0
    for (let i = blocksBefore; i < this.blocks.length; i++)
      if (!kept.has(this.blocks[i])) scratch += this.blocks[i].bytes
    this.scratchBytes = Math.max(this.scratchBytes, scratch)
    return results
  }

  private layoutOf(
    node: Node,
    given: readonly (Placed | ConstantOperand | undefined)[],
    outputs: readonly TensorType[],
  ): Layout {
    if (!node.op.layout) return { inputs: [], outputs: [] }
    return node.op.layout({
      attributes: node.attributes,
      inputs: given.map(
        (operand) =>
          operand && { shape: operand.shape, order: operand.order, constant: operand.constant !== undefined },
      ),
      outputs: outputs.map((type) => type.shape),
    })
  }

  /** The value in memory, in a given order of axes (or in whichever it has). */
  private operand(value: Value, order?: Order): Placed | ConstantOperand {
    const slot = this.slot(value)
    if (slot.known) return this.constant(slot.known, order ?? identityOrder(slot.known.shape.length))
    const main = slot.placed ?? this.upload(value, slot)
    if (!order) return main
    for (const placed of placesOf(slot)) {
      if (placed.order.join() === order.join()) return placed
      if (sameMemory(placed.shape, placed.order, order)) {
        const relabelled = new Placed(placed.dtype, placed.shape, order, placed.at)
        this.addVariant(slot, relabelled)
        return relabelled
      }
    }
    const block = arenaBlock(main.bytes)
    this.own(block)
    const moved = new Placed(main.dtype, main.shape, order, { block, offset: 0 })
    emitReorder(this.recorder(undefined, 'reorder'), main.dtype, main.shape, main.order, order, main.at, moved.at)
    this.addVariant(slot, moved)
    return moved
  }

  /** Records calls that the planner itself puts between nodes. */
  private recorder(node: Node | undefined, what: string): PackEmitter {
    return {
      call: (kernel, ...args) => this.steps.push({ node, kernel, args, note: { kernel: what } }),
      table: (data) => this.weights.table(data),
      ask: (kernel, ...args) => this.weights.ask(kernel, ...args),
    }
  }

  private addVariant(slot: Slot, placed: Placed): void {
    ;(slot.variants ??= []).push(placed)
    this.hold(placed.at.block)
  }

  private constant(tensor: HostTensor, order: Order): ConstantOperand {
    const forms = this.constants.get(tensor) ?? []
    this.constants.set(tensor, forms)
    let form = forms.find((candidate) => candidate.order.join() === order.join())
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

  private define(value: Value, slot: Slot): void {
    slot.uses = usesToCome(this.todo, value)
    this.slots.set(value, slot)
    for (const placed of placesOf(slot)) this.hold(placed.at.block)
  }

  private slot(value: Value): Slot {
    const slot = this.slots.get(value)
    if (slot) return slot
    if (value.constant) return { type: value.constant, known: value.constant, uses: Infinity }
    throw new LanewiseError('E_GRAPH', `the value "${value.name}" is used before it is made`, { tensor: value.name })
  }

  /** The order of axes that ONNX means. */
  private identity(value: Value): Order {
    return identityOrder(typeOf(this.slot(value)).shape.length)
  }

  private hold(block: Block): void {
    this.holders.set(block, (this.holders.get(block) ?? 0) + 1)
  }

  /** Notes which blocks lose holders with this node, so that an output may take their place. */
  private markDying(node: Node): void {
    this.dying = new Map()
    const counts = new Map<Value, number>()
    for (const value of usedBy(node)) counts.set(value, (counts.get(value) ?? 0) + 1)
    for (const [value, count] of counts) {
      const slot = this.slots.get(value)
      if (!slot || slot.uses !== count) continue
      for (const placed of placesOf(slot)) this.dying.set(placed.at.block, (this.dying.get(placed.at.block) ?? 0) + 1)
    }
  }

  /** The first node is behind us: its inputs have one reader less, and what nobody reads is forgotten. */
  private retire(node: Node): undefined {
    for (const value of usedBy(node)) {
      const slot = this.slots.get(value)
      if (slot && --slot.uses === 0) this.forget(value, slot)
    }
    for (const value of node.outputs) {
      const slot = value && this.slots.get(value)
      if (slot && slot.uses === 0) this.forget(value, slot)
    }
    this.todo = afterFirst(this.todo)
    return undefined
  }

  private forget(value: Value, slot: Slot): void {
    for (const { at } of placesOf(slot)) this.holders.set(at.block, (this.holders.get(at.block) ?? 0) - 1)
    this.slots.delete(value)
  }

  private sourceOf(value: Value): Source {
    const slot = this.slot(value)
    if (slot.known) return { known: slot.known }
    if (slot.host) return { host: value }
    return { placed: this.operand(value, this.identity(value)) as Placed }
  }

  private finish(end: SegmentEnd, sources: ReadonlyMap<Value, Source>, state: PlanState): Segment {
    // What earlier segments left has been there from the start.
    for (const block of this.blocks) {
      block.first = block.offset === undefined ? Infinity : -1
      block.last = -1
    }
    const touch = ({ block }: Address, step: number) => {
      if (!isArenaBlock(block)) return
      block.first = Math.min(block.first, step)
      block.last = Math.max(block.last, step)
    }
    for (const { to } of this.uploads) touch(to.at, 0)
    this.steps.forEach((step, i) => {
      if ('kernel' in step) for (const arg of step.args) if (typeof arg !== 'number') touch(arg, i)
      if ('compute' in step)
        for (const operand of [...step.inputs, ...step.outputs]) if (operand instanceof Placed) touch(operand.at, i)
    })
    // What is read after the steps, here or by later segments, must still be there then.
    for (const source of sources.values()) if ('placed' in source) touch(source.placed.at, this.steps.length)
    for (const slot of state.slots.values()) for (const { at } of placesOf(slot)) touch(at, this.steps.length)
    const used = this.blocks.filter((block) => block.first !== Infinity)
    const arenaBytes = placeBlocks(used)
    if (arenaBytes > this.options.arenaLimit) {
      throw new LanewiseError(
        'E_BUDGET',
        `the intermediate values need ${arenaBytes} bytes, over the memory limit of ${this.options.arenaLimit}`,
        {
          expected: `<= ${this.options.arenaLimit}`,
          actual: String(arenaBytes),
        },
      )
    }
    return {
      steps: this.steps,
      uploads: this.uploads,
      end,
      sources,
      blocks: used,
      arenaBytes,
      scratchBytes: this.scratchBytes,
      state,
    }
  }
}

/**
 * Looks at the outputs that an operator announces before anything is made for them.
 *
 * @returns what they take together, in bytes: in typed arrays and in JavaScript's heap.
 * @throws LanewiseError `E_UNSUPPORTED` for one that it does not make, `E_TENSOR` for too many axes or elements, `E_BUDGET` over the limit.
 */
export function checkOutputs(
  node: Node,
  outputs: readonly TensorType[],
  limit: number,
): [buffers: number, heap: number] {
  const sums: [number, number] = [0, 0]
  node.outputs.forEach((value, i) => {
    if (!value) return
    if (!outputs[i]) throw new LanewiseError('E_UNSUPPORTED', `output ${i} is not supported`)
    const { dtype, shape } = outputs[i]
    if (shape.length > MAX_RANK)
      throw new LanewiseError('E_TENSOR', `output ${i} would have ${shape.length} axes`, {
        expected: `<= ${MAX_RANK}`,
        actual: String(shape.length),
      })
    const bytes = sizeOf(shape) * (byteSize(dtype) || STRING_BYTES)
    if (bytes > limit) {
      throw new LanewiseError(
        'E_BUDGET',
        `output ${i} of shape ${formatShape(shape)} takes ${bytes} bytes, over the memory limit`,
        { expected: `<= ${limit}`, actual: String(bytes) },
      )
    }
    sums[dtype === 'string' ? 1 : 0] += bytes
  })
  return sums
}

function typeOf({ type }: Slot): TensorType {
  return present(type, 'type')
}

function placesOf(slot: Slot): Placed[] {
  return slot.placed ? [slot.placed, ...(slot.variants ?? [])] : []
}

function isFused(node: Node): boolean {
  return node.fused !== notFused
}

function promoted(dtype: DType | undefined): DType | undefined {
  return isHalf(dtype) ? 'float32' : dtype
}

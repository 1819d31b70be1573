// Operands, the steps of a plan, and how nodes become steps: which of `emit`, casts around `emit` and `compute` runs.
import type { KernelName, Kernels } from '../../bindings/module.js'
import { byteSize, isHalf, type DType, type TypedArray } from '../core/dtype.js'
import { LanewiseError, present } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import { identityOrder, physicalShape, type Layout, type Order } from '../core/layout.js'
import { sizeOf } from '../core/shape.js'
import type { Attributes } from '../ir/attributes.js'
import { computeChecked } from '../ir/compute.js'
import type { Node } from '../ir/graph.js'
import {
  plus,
  type Address,
  type Argument,
  type Arguments,
  type Block,
  type Emitter,
  type Fused,
  type KernelInfo,
  type Operand,
  type PackEmitter,
} from '../ir/emitter.js'
import { withRule, type TensorType } from '../ir/op.js'
import { wayOf } from '../ir/rehearse.js'
import { emitCast } from '../ops/elementwise/cast.js'
import { arenaBlock, isStateBlock, type ArenaBlock } from './arena.js'
import { ConstantOperand, Placed } from './placed.js'
import type { PlanOptions, Slot } from './plan-state.js'
import type { Slots } from './slots.js'
import type { WeightLease } from './weights.js'

/** A kernel call of a plan. */
export interface KernelStep {
  readonly node: Node | undefined
  readonly kernel: KernelName
  readonly args: readonly Argument[]
  note: KernelInfo
}

/** A step that runs in TypeScript over views of its operands. */
export interface HostStep {
  readonly node: Node
  readonly compute: (inputs: readonly (HostTensor | undefined)[]) => readonly HostTensor[]
  readonly inputs: readonly (Placed | HostTensor | undefined)[]
  readonly outputs: readonly (Placed | undefined)[]
  note: KernelInfo
}

export type Step = KernelStep | HostStep

/** What an emitter needs of the plan it writes to. */
export interface EmitTarget {
  readonly build: 'simd' | 'relaxed'
  readonly fast: boolean
  readonly perExample: boolean
  readonly seed: PlanOptions['seed']
  readonly weights: WeightLease
  readonly steps: Step[]
  /** Whether nobody needs what is in this block after the node that is being emitted. */
  dies(block: Block): boolean
  /** Called for every block the plan makes. */
  own(block: ArenaBlock): void
}

/** Records calls that the planner itself puts between nodes. */
export function recorder(steps: Step[], weights: WeightLease, node: Node | undefined, what: string): PackEmitter {
  return {
    call: (kernel, ...args) => steps.push({ node, kernel, args, note: { kernel: what } }),
    table: (data) => weights.table(data),
    ask: (kernel, ...args) => weights.ask(kernel, ...args),
  }
}

/** Records the kernel calls of one node. */
class NodeEmitter implements Emitter<Attributes> {
  readonly fused: Fused
  readonly build: 'simd' | 'relaxed'
  readonly fast: boolean
  readonly perExample: boolean
  readonly nextSeed: PlanOptions['seed']
  readonly placed: (Placed | undefined)[]
  private readonly firstStep: number

  constructor(
    private readonly target: EmitTarget,
    private readonly node: Node,
    readonly attributes: Attributes,
    readonly inputs: readonly (Placed | ConstantOperand | undefined)[],
    readonly outputs: readonly ((TensorType & { order: Order; physical: readonly number[] }) | undefined)[],
  ) {
    this.fused = node.fused
    this.build = target.build
    this.fast = target.fast
    this.perExample = target.perExample
    this.nextSeed = target.seed
    this.placed = outputs.map(() => undefined)
    this.firstStep = target.steps.length
  }

  input(index: number): Operand {
    const operand = this.inputs[index]
    if (!operand) throw new LanewiseError('E_GRAPH', `required input ${index} is missing`)
    return operand
  }

  output(index: number): Operand {
    const existing = this.placed[index]
    if (existing) return existing
    const type = this.outputs[index]
    if (!type) throw new Error(`output ${index} of ${this.node.op.name} is not wanted`)
    const block = arenaBlock(sizeOf(type.shape) * byteSize(type.dtype))
    this.target.own(block)
    return this.place(index, { block, offset: 0 })
  }

  overwrite(index: number, from: number): Operand {
    return this.replaceable(index, from) ? this.place(index, this.input(from).at) : this.output(index)
  }

  keep(index: number, from: number): boolean {
    return this.replaceable(index, from) && isStateBlock(this.input(from).at.block)
  }

  private replaceable(index: number, from: number): boolean {
    const type = this.outputs[index]
    const input = this.inputs[from]
    return (
      type !== undefined &&
      input instanceof Placed &&
      input.bytes === sizeOf(type.shape) * byteSize(type.dtype) &&
      input.at.offset === 0 &&
      input.at.block.bytes === input.bytes &&
      this.target.dies(input.at.block) &&
      // The same value again, or a view of part of it, may be read after the first elements are written.
      !this.inputs.some((other, i) => i !== from && other instanceof Placed && other.at.block === input.at.block)
    )
  }

  view(index: number, from: number, elementOffset = 0): void {
    const input = this.input(from)
    this.place(index, plus(input.at, elementOffset * byteSize(input.dtype)))
  }

  call<K extends KernelName>(kernel: K, ...args: Arguments<K>): void {
    this.target.steps.push({ node: this.node, kernel, args, note: {} })
  }

  scratch(bytes: number): Address {
    const block = arenaBlock(bytes)
    this.target.own(block)
    return { block, offset: 0 }
  }

  pack(
    operand: Operand,
    key: string,
    bytes: number,
    pack: (e: PackEmitter, from: Address, to: Address) => void,
  ): Address {
    if (operand.constant) return this.target.weights.packed(operand.constant, key, bytes, pack)
    const to = this.scratch(bytes)
    pack(this, operand.at, to)
    return to
  }

  affords(operand: Operand, bytes: number): boolean {
    return this.target.weights.affords(operand.size * byteSize(operand.dtype), bytes)
  }

  table(data: TypedArray): Address {
    return this.target.weights.table(data)
  }

  constant(tensor: HostTensor): Address {
    return this.target.weights.raw(tensor)
  }

  host(operands: readonly Operand[], run: (...tensors: HostTensor[]) => void): void {
    this.hostStep(operands, run, 'TypeScript')
  }

  check(operand: Operand, test: (tensor: HostTensor) => void): void {
    const name = this.node.inputs[this.inputs.indexOf(operand as Placed)]?.name
    const named = (tensor: HostTensor) => {
      try {
        test(tensor)
      } catch (error) {
        if (error instanceof LanewiseError) error.tensor ??= name
        throw error
      }
    }
    if (operand.constant) named(operand.constant)
    else this.hostStep([operand], named, 'check')
  }

  private hostStep(operands: readonly Operand[], run: (...tensors: HostTensor[]) => void, kernel: string): void {
    const compute = (tensors: readonly (HostTensor | undefined)[]) => {
      run(...(tensors as readonly HostTensor[]))
      return []
    }
    const inputs = operands.map(
      (operand) => operand.constant ?? new Placed(operand.dtype, operand.shape, operand.order, operand.at),
    )
    this.target.steps.push({ node: this.node, inputs, outputs: [], compute, note: { kernel } })
  }

  ask<K extends KernelName>(kernel: K, ...args: Parameters<Kernels[K]>): number {
    return this.target.weights.ask(kernel, ...args)
  }

  note(note: KernelInfo): void {
    for (let i = this.firstStep; i < this.target.steps.length; i++) {
      const step = this.target.steps[i]
      // FLOPs of a node are counted once, however many calls it takes.
      step.note = i === this.firstStep ? note : { ...note, flops: 0 }
    }
  }

  private place(index: number, at: Address): Placed {
    const type = present(this.outputs[index], 'output')
    return (this.placed[index] = new Placed(type.dtype, type.shape, type.order, at))
  }
}

/** Records the steps of nodes, one node after the other. */
export class StepRecorder implements EmitTarget {
  readonly build: 'simd' | 'relaxed'
  readonly fast: boolean
  readonly perExample: boolean
  readonly seed: PlanOptions['seed']
  /** The most that one node has asked for besides its values. */
  scratchBytes = 0

  constructor(
    readonly steps: Step[],
    private readonly slots: Slots,
    readonly weights: WeightLease,
    { build, fast, perExample = false, seed }: PlanOptions,
  ) {
    this.build = build
    this.fast = fast
    this.perExample = perExample
    this.seed = seed
  }

  own(block: ArenaBlock): void {
    this.slots.own(block)
  }

  dies(block: Block): boolean {
    return this.slots.dies(block)
  }

  /** Records a node by kernels, by kernels between casts, or in TypeScript: whichever its types allow. */
  emit(node: Node, inputs: readonly (Slot | undefined)[], outputs: readonly TensorType[]): void {
    const way = wayOf(node, inputs)
    if (way === 'kernels') this.emitKernels(node, outputs)
    else if (way === 'casts') this.emitPromoted(node, outputs)
    else this.emitHost(node, outputs)
  }

  private emitKernels(node: Node, outputs: readonly TensorType[]): void {
    const given = node.inputs.map((value) => value && this.slots.operand(value))
    const layout = this.layoutOf(node, given, outputs)
    const inputs = node.inputs.map(
      (value, i) => value && this.slots.operand(value, layout.inputs[i] ?? this.slots.identity(value)),
    )
    this.slots.markDying(node)
    const results = this.emitInto(node, inputs, outputs, layout)
    node.outputs.forEach((value, i) => {
      if (value) this.slots.define(value, { type: outputs[i], placed: results[i], uses: 0 })
    })
  }

  /** Half-precision floats have no arithmetic of their own: cast up, compute in float32, cast down. */
  private emitPromoted(node: Node, outputs: readonly TensorType[]): void {
    this.slots.keepAll()
    const given = node.inputs.map((value) => value && this.slots.operand(value))
    const layout = this.layoutOf(node, given, outputs)
    const convert = (input: Placed | ConstantOperand, dtype: DType): Placed => {
      const block = arenaBlock(input.size * byteSize(dtype))
      this.own(block)
      const result = new Placed(dtype, input.shape, input.order, { block, offset: 0 })
      emitCast(recorder(this.steps, this.weights, node, 'cast'), input, result)
      return result
    }
    const inputs = node.inputs.map((value, i) => {
      if (!value) return undefined
      const operand = this.slots.operand(value, layout.inputs[i] ?? this.slots.identity(value))
      return isHalf(operand.dtype) ? convert(operand, 'float32') : operand
    })
    const wide = outputs.map((type) => (isHalf(type.dtype) ? { ...type, dtype: 'float32' as const } : type))
    const results = this.emitInto(node, inputs, wide, layout)
    node.outputs.forEach((value, i) => {
      const result = results[i]
      if (value && result) {
        const type = outputs[i]
        this.slots.define(value, { type, placed: isHalf(type.dtype) ? convert(result, type.dtype) : result, uses: 0 })
      }
    })
  }

  private emitHost(node: Node, outputs: readonly TensorType[]): void {
    const inputs = node.inputs.map((value) => {
      if (!value) return undefined
      return this.slots.slot(value).known ?? (this.slots.operand(value, this.slots.identity(value)) as Placed)
    })
    const placed = node.outputs.map((value, i) => {
      if (!value) return undefined
      const type = outputs[i]
      const block = arenaBlock(sizeOf(type.shape) * byteSize(type.dtype))
      this.own(block)
      const result = new Placed(type.dtype, type.shape, identityOrder(type.shape.length), { block, offset: 0 })
      this.slots.define(value, { type, placed: result, uses: 0 })
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
          { attributes, inputs: tensors, outputs, outputCount: node.outputs.length, seed: this.seed },
          node.outputs,
        ),
      note: { kernel: 'TypeScript' },
    })
  }

  protected emitInto(
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
    const blocksBefore = this.slots.blocks.length
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
    for (let i = blocksBefore; i < this.slots.blocks.length; i++)
      if (!kept.has(this.slots.blocks[i])) scratch += this.slots.blocks[i].bytes
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
}

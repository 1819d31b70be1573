import type { KernelName, Kernels } from '../../bindings/module.js'
import { byteSize, type TypedArray } from '../core/dtype.js'
import { LanewiseError, present } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import type { Attributes } from '../ir/attributes.js'
import type {
  Address,
  Argument,
  Arguments,
  Block,
  Emitter,
  Fused,
  KernelInfo,
  Operand,
  PackEmitter,
  TensorType,
} from '../ir/op.js'
import { plus } from '../ir/op.js'
import { sizeOf, type Shape } from '../core/shape.js'
import { arenaBlock, isStateBlock, type ArenaBlock } from './arena.js'
import type { Node } from '../ir/graph.js'
import { identityOrder, physicalShape, sameMemory, type Order } from '../core/layout.js'
import { emitReorder } from '../ir/strided.js'
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

/** A tensor that has a place. */
export class Placed implements Operand {
  readonly size: number
  readonly physical: readonly number[]

  constructor(
    readonly dtype: Operand['dtype'],
    readonly shape: Shape,
    readonly order: Order,
    readonly at: Address,
    /** The elements, where they are known although they are in memory: in eager mode. */
    readonly constant: HostTensor | undefined = undefined,
  ) {
    this.size = sizeOf(shape)
    this.physical = physicalShape(shape, order)
  }

  get bytes(): number {
    return this.size * byteSize(this.dtype)
  }
}

/** A constant: gets a place in the weights only if a kernel asks for its raw form. */
export class ConstantOperand implements Operand {
  readonly dtype: Operand['dtype']
  readonly shape: Shape
  readonly size: number
  readonly physical: readonly number[]

  constructor(
    readonly constant: HostTensor,
    readonly order: Order,
    private readonly weights: WeightLease,
  ) {
    this.dtype = constant.dtype
    this.shape = constant.shape
    this.size = sizeOf(constant.shape)
    this.physical = physicalShape(constant.shape, order)
  }

  get at(): Address {
    const identity = identityOrder(this.shape.length)
    if (sameMemory(this.shape, this.order, identity)) return this.weights.raw(this.constant)
    const bytes = this.size * byteSize(this.dtype)
    return this.weights.packed(this.constant, `order ${this.order.join()}`, bytes, (e, from, to) => {
      emitReorder(e, this.dtype, this.shape, identity, this.order, from, to)
    })
  }
}

/** What an emitter needs of the plan it writes to. */
export interface EmitTarget {
  readonly build: 'simd' | 'relaxed'
  readonly fast: boolean
  readonly perExample: boolean
  readonly weights: WeightLease
  readonly steps: Step[]
  /** Whether nobody needs what is in this block after the node that is being emitted. */
  dies(block: Block): boolean
  /** Called for every block the plan makes. */
  own(block: ArenaBlock): void
}

/** Records the kernel calls of one node. */
export class NodeEmitter implements Emitter<Attributes> {
  readonly fused: Fused
  readonly build: 'simd' | 'relaxed'
  readonly fast: boolean
  readonly perExample: boolean
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

import type { TrainKernelName } from '../../bindings/module.js'
import type { TypedArray } from '../core/dtype.js'
import { byteSize } from '../core/dtype.js'
import { LanewiseError, present } from '../core/errors.js'
import { Placed } from '../plan/placed.js'
import { emitReorder } from '../ir/strided.js'
import { notFused } from '../ir/graph.js'
import { physicalShape, sameMemory, type Order } from '../core/layout.js'
import { hostBytes, hostTensor, type HostTensor } from '../core/host.js'
import type { Attributes } from '../ir/attributes.js'
import type { GradientEmitter, TrainingEmitter } from '../ir/gradient.js'
import type { Address, Argument, KernelEmitter, Operand, PackEmitter } from '../ir/emitter.js'
import type { TensorType } from '../ir/op.js'
import { plus } from '../ir/emitter.js'
import { formatShape, sameShape, sizeOf } from '../core/shape.js'
import type { Device } from './device.js'
import { Variable } from './variable.js'

type OutputType = TensorType & { readonly order: Order; readonly physical: readonly number[] }

/** Makes kernel calls at once. */
class Immediate implements KernelEmitter {
  readonly build: 'simd' | 'relaxed'
  readonly fast: boolean
  readonly perExample = false
  private readonly scratches: Address[] = []

  constructor(protected readonly device: Device) {
    this.build = device.build
    this.fast = device.fast
  }

  call(kernel: TrainKernelName, ...args: readonly Argument[]): void {
    this.device.call(kernel, ...(args as never))
  }

  ask(kernel: TrainKernelName, ...args: readonly unknown[]): number {
    return (this.device.context.kernel(kernel)(...(args as number[])) as number) >>> 0
  }

  table(data: TypedArray): Address {
    return this.device.table(data)
  }

  constant(tensor: HostTensor): Address {
    return this.device.lasting(tensor)
  }

  scratch(bytes: number): Address {
    const address = this.device.allocate(bytes)
    this.scratches.push(address)
    return address
  }

  pack(
    operand: Operand,
    _key: string,
    bytes: number,
    pack: (e: PackEmitter, from: Address, to: Address) => void,
  ): Address {
    const to = this.scratch(bytes)
    pack(this, operand.at, to)
    return to
  }

  /** Packed forms last for one call here. */
  affords(): boolean {
    return true
  }

  note(): void {}

  host(operands: readonly Operand[], run: (...tensors: HostTensor[]) => void): void {
    run(...operands.map((operand) => this.device.hostOf(operand as Placed)))
  }

  /** Scratch is worth nothing any more. */
  done(): void {
    for (const address of this.scratches) this.device.free(address)
    this.scratches.length = 0
  }
}

/** Runs an operator's forward kernels. */
export class EagerEmitter extends Immediate implements TrainingEmitter<Attributes> {
  readonly fused = notFused
  readonly placed: (Placed | undefined)[]
  readonly kept: Address[] = []

  constructor(
    device: Device,
    readonly attributes: Attributes,
    readonly inputs: readonly (Placed | undefined)[],
    readonly outputs: readonly (OutputType | undefined)[],
  ) {
    super(device)
    this.placed = outputs.map(() => undefined)
  }

  input(index: number): Placed {
    const operand = this.inputs[index]
    if (!operand) throw new LanewiseError('E_GRAPH', `required input ${index} is missing`)
    return operand
  }

  output(index: number): Placed {
    const existing = this.placed[index]
    if (existing) return existing
    const type = present(this.outputs[index], 'output')
    return this.place(index, this.device.allocate(sizeOf(type.shape) * byteSize(type.dtype)))
  }

  /** What was fed may be needed by a gradient or by the program: nothing is overwritten. */
  overwrite(index: number): Placed {
    return this.output(index)
  }

  keep(): boolean {
    return false
  }

  view(index: number, from: number, elementOffset = 0): void {
    const input = this.input(from)
    this.place(index, plus(input.at, elementOffset * byteSize(input.dtype)))
  }

  check(operand: Operand, test: (tensor: HostTensor) => void): void {
    test(this.device.hostOf(operand as Placed))
  }

  save(bytes: number): Address {
    const address = this.device.allocate(bytes)
    this.kept.push(address)
    return address
  }

  seed(): readonly [number, number] {
    return this.device.seed64()
  }

  readonly nextSeed = (): number => this.device.random.integer(2 ** 32)

  private place(index: number, at: Address): Placed {
    const type = present(this.outputs[index], 'output')
    return (this.placed[index] = new Placed(type.dtype, type.shape, type.order, at))
  }
}

/** Where the gradients of a node come from and go to; the backward pass implements it. */
export interface Flow {
  readonly attributes: Attributes
  readonly inputs: readonly (Placed | undefined)[]
  readonly outputs: readonly (Placed | undefined)[]
  readonly saved: readonly Address[]
  gradient(index: number): Placed | undefined
  wants(index: number): boolean
  /** Memory for the gradient of an input in the operand's order. */
  claim(index: number): Placed
  pass(index: number, placed: Placed): void
}

/** Runs an operator's gradient kernels. */
export class EagerGradientEmitter extends Immediate implements GradientEmitter<Attributes> {
  constructor(
    device: Device,
    private readonly flow: Flow,
  ) {
    super(device)
  }

  get attributes(): Attributes {
    return this.flow.attributes
  }

  get inputs(): readonly (Placed | undefined)[] {
    return this.flow.inputs
  }

  get outputs(): readonly (Placed | undefined)[] {
    return this.flow.outputs
  }

  input(index: number): Placed {
    const operand = this.flow.inputs[index]
    if (!operand) throw new LanewiseError('E_GRAPH', `required input ${index} is missing`)
    return operand
  }

  output(index: number): Placed {
    const operand = this.flow.outputs[index]
    if (!operand) throw new Error(`output ${index} was not made`)
    return operand
  }

  gradient(index = 0): Placed {
    const gradient = this.optionalGradient(index)
    if (!gradient) throw new LanewiseError('E_STATE', `output ${index} has no gradient`)
    return gradient
  }

  optionalGradient(index = 0): Placed | undefined {
    return this.flow.gradient(index)
  }

  wants(index: number): boolean {
    return this.flow.wants(index)
  }

  result(index: number): Placed {
    return this.flow.claim(index)
  }

  pass(index: number, from = 0): void {
    const gradient = this.optionalGradient(from)
    const input = this.input(index)
    if (gradient) this.flow.pass(index, new Placed('float32', input.shape, input.order, gradient.at))
  }

  elements(operand: Operand): HostTensor {
    return new Variable(this.device, operand as Placed, { step: this.device.currentStep }).host()
  }

  store(tensor: HostTensor, to: Operand): void {
    const { dtype, shape, data } = tensor
    if (dtype !== to.dtype || !sameShape(shape, to.shape)) {
      const [expected, actual] = [to.dtype + formatShape(to.shape), dtype + formatShape(shape)]
      throw new LanewiseError('E_TENSOR', `a gradient must be ${expected}, got ${actual}`, { expected, actual })
    }
    const bytes = hostBytes(hostTensor(dtype, shape, data))
    this.device.copyOrdered(this.device.upload(tensor, this.scratch(bytes)), to as Placed)
  }

  saved(index: number): Address {
    return this.flow.saved[index]
  }
}

/** The tensor in another order of axes: itself if that is the same memory, else a copy in the step's memory. */
export function inOrder(device: Device, placed: Placed, order: Order): Placed {
  if (sameMemory(placed.shape, placed.order, order)) {
    return placed.order === order ? placed : new Placed(placed.dtype, placed.shape, order, placed.at)
  }
  const moved = new Placed(placed.dtype, placed.shape, order, device.allocate(placed.bytes))
  reorderInto(device, placed, moved)
  return moved
}

/** Writes a tensor's elements into memory that wants them in its own order. */
export function reorderInto(device: Device, from: Placed, to: Placed): void {
  emitReorder(new Immediate(device), from.dtype, from.shape, from.order, to.order, from.at, to.at)
}

/** The type of an output with the order that a layout rule promised. */
export function outputType(type: TensorType, order: Order): OutputType {
  return { ...type, order, physical: physicalShape(type.shape, order) }
}

import type { KernelName, Kernels, TrainKernelName, TrainKernels } from '../../bindings/module.js'
import type { DType } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import type { Layout, LayoutQuery } from '../core/layout.js'
import type { Attributes } from './attributes.js'
import type { Address, ArgumentFor, Arguments, Emitter, KernelEmitter, Operand } from './emitter.js'
import type { OpDefinition } from './op.js'

/** The arguments of a kernel of the training builds in a recorded call. */
export type TrainArguments<K extends TrainKernelName> = TrainKernels[K] extends (...args: infer P) => unknown
  ? { [I in keyof P]: ArgumentFor<P[I]> }
  : never

/** The attributes of an operator's definition. */
export type AttributesOfOp<Op> = Op extends OpDefinition<infer A> ? A : never

/**
 * The gradient of an operator: a plain object exported beside the definition, so that an app which only runs models
 * does not carry it (a bundler drops what nobody imports), and listed in `ops/gradients.ts`. What layers and functions
 * apply comes from `autograd/operators.ts`.
 */
export interface Gradient<A = Attributes> {
  /** The operator whose gradient it is. */
  readonly op: OpDefinition<A>
  /** Inputs that have a gradient; by default every float32 input. */
  readonly inputs?: readonly number[]
  /**
   * Whether the gradient looks at no element of inputs and outputs, so that these may be floats of any type. Gradients
   * themselves are float32 whatever type a value has.
   */
  readonly anyFloat?: boolean
  /**
   * Whether integers that it makes carry gradients on: what takes them further keeps the tape, or is named where it has
   * no gradient.
   */
  readonly integers?: boolean
  /**
   * How many outputs the gradient needs at least, where those are more than a program may ask for: they are made under
   * a tape.
   */
  readonly outputs?: number
  /**
   * The operator under a tape, where the gradient needs more than inputs and outputs (gates of an LSTM, the mask of a
   * Dropout). By default `op.emit`.
   */
  forward?(e: TrainingEmitter<A>): void
  /** Orders of axes that `forward` wants and makes, where they are not those of `op.layout`. */
  layout?(query: LayoutQuery<A>): Layout
  /** Whether `forward` takes these, where that differs from `op.kernel`. */
  kernel?(inputs: readonly (DType | undefined)[], attributes: A): boolean
  /** Makes the gradients that are wanted of the inputs from those of the outputs. */
  backward(g: GradientEmitter<A>): void
}

/** An {@link Emitter} that may keep memory for the backward pass, and draw random numbers. */
export interface TrainingEmitter<A> extends Emitter<A> {
  ask<K extends TrainKernelName>(kernel: K, ...args: Parameters<TrainKernels[K]>): number
  ask<K extends KernelName>(kernel: K, ...args: Parameters<Kernels[K]>): number
  call<K extends TrainKernelName>(kernel: K, ...args: TrainArguments<K>): void
  call<K extends KernelName>(kernel: K, ...args: Arguments<K>): void
  /** Memory that lasts until the step ends; `backward` gets it by the number of the call that reserved it. */
  save(bytes: number): Address
  /**
   * 64 bits of the device's generator, as two 32-bit numbers: a new seed at every call, the same in every run of the
   * same program.
   */
  seed(): readonly [low: number, high: number]
}

/** Accepts the kernel calls that compute the gradients of one node; they run at once. */
export interface GradientEmitter<A> extends KernelEmitter {
  /** The node's attributes, defaults filled in. */
  readonly attributes: A
  /** The operands as the forward kernels saw them. */
  readonly inputs: readonly (Operand | undefined)[]
  /** The results as the forward kernels left them; undefined where one was not made. */
  readonly outputs: readonly (Operand | undefined)[]
  /** Operand `index`, which the operator requires. */
  input(index: number): Operand
  /** Result `index`, which the forward pass made. */
  output(index: number): Operand
  /**
   * The gradient of the loss by output `index` (0), in that output's shape and order. @throws LanewiseError `E_STATE`
   * if there is none.
   */
  gradient(index?: number): Operand
  /** The same; undefined if the loss does not depend on that output. For operators of several outputs. */
  optionalGradient(index?: number): Operand | undefined
  /** Whether anybody needs the gradient of input `index`. Do not compute what is not wanted. */
  wants(index: number): boolean
  /**
   * Memory for the gradient of input `index`, in that input's shape and order; contents undefined. Asked once per
   * input.
   */
  result(index: number): Operand
  /** The gradient of input `index` is the one of output `from`, element by element in memory: nothing is computed. */
  pass(index: number, from?: number): void
  /** The elements of an operand or gradient in logical order, copied: for gradients in plain TypeScript. */
  elements(operand: Operand): HostTensor
  /**
   * Writes elements in logical order to the place of a {@link result}. @throws LanewiseError `E_TENSOR` if type or
   * shape differ.
   */
  store(tensor: HostTensor, to: Operand): void
  /** What the forward function saved, in the order of its calls. */
  saved(index: number): Address
  ask<K extends TrainKernelName>(kernel: K, ...args: Parameters<TrainKernels[K]>): number
  ask<K extends KernelName>(kernel: K, ...args: Parameters<Kernels[K]>): number
  call<K extends TrainKernelName>(kernel: K, ...args: TrainArguments<K>): void
  call<K extends KernelName>(kernel: K, ...args: Arguments<K>): void
}

/** The gradients that are known, by their operators. */
const known = new Map<OpDefinition, Gradient>()

/**
 * Registers a gradient and returns its operator. Called where layers and functions name the operators that they apply,
 * so that an app carries the gradients of those alone. Bundlers may drop the call with its result: without the operator
 * nobody needs its gradient.
 */
export function withGradient<A>(gradient: Gradient<A>): OpDefinition {
  registerGradients([gradient])
  return gradient.op as unknown as OpDefinition
}

/** Makes gradients known. */
export function registerGradients(gradients: Iterable<unknown>): void {
  for (const gradient of gradients as Iterable<Gradient>) known.set(gradient.op, gradient)
}

/** The gradient of an operator; undefined if it has none. */
export function gradientOf(op: OpDefinition): Gradient | undefined {
  return known.get(op) ?? (op.gradient as Gradient | undefined)
}

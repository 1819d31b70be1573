// What an operator writes its kernel calls with, and what it sees of memory when it does.
import type { KernelName, Kernels } from '../../bindings/module.js'
import type { DType, TypedArray } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { identityOrder, type Order } from '../core/layout.js'
import { sizeOf, type Shape } from '../core/shape.js'
import type { TensorType } from './op.js'

/** A number given to a kernel: known now, or an address that is known when the plan is bound to memory. */
export type Argument = number | Address

/**
 * What a parameter of a kernel takes in a recorded call: an address to be (or 0 for none) where the kernel takes an
 * address, else a number.
 */
export type ArgumentFor<P> = number extends P ? number : Address | 0

/** The arguments of a kernel in a recorded call. */
export type Arguments<K extends KernelName> = Kernels[K] extends (...args: infer P) => unknown
  ? { [I in keyof P]: ArgumentFor<P[I]> }
  : never

/** A place in memory that gets its number when a plan is bound. */
export interface Address {
  /** The stretch of memory that it lies in. */
  readonly block: Block
  /** Bytes from the block's beginning. */
  readonly offset: number
}

/** A stretch of memory with one lifetime. `base` is undefined until it is placed. */
export interface Block {
  readonly bytes: number
  base: number | undefined
}

/** A tensor in memory, as kernels see it. */
export interface Operand {
  /** The element type. */
  readonly dtype: DType
  /** Logical shape: ONNX's. */
  readonly shape: Shape
  /** In which order the axes lie in memory, outermost first: `[0, 2, 3, 1]` is channels-last. */
  readonly order: Order
  /** `shape` in memory order. */
  readonly physical: readonly number[]
  /** Number of elements. */
  readonly size: number
  /** Where the elements are. Reading this puts a constant into memory: do not, if only its packed form is used. */
  readonly at: Address
  /** The elements, if the operand is a constant. */
  readonly constant: HostTensor | undefined
}

/**
 * A function of one element applied to an operator's result before it is stored; `code` is one of `UNARY_*` of
 * assembly/abi/codes.ts.
 */
export interface Activation {
  /** Which function, a `UNARY_*` number. */
  readonly code: number
  /** The function's first parameter (a slope, a bound); 0 if it has none. */
  readonly a: number
  /** The function's second parameter; 0 if it has none. */
  readonly b: number
}

/** What graph passes have folded into a node; `bias` and `residual` are indices of inputs that the passes added. */
export interface Fused {
  readonly activation?: Activation
  /** A vector over the output's channels (Conv) or last axis (MatMul). */
  readonly bias?: number
  /** A tensor of the output's shape that is added before the activation. */
  readonly residual?: number
}

/** What a profile says about one kernel call. */
export interface KernelInfo {
  /** Which algorithm was chosen: "winograd/4x4", "direct/taps". */
  readonly kernel?: string
  /** Floating-point operations of the direct algorithm. */
  readonly flops?: number
  /** Bytes of the tensors read and written; filled in by the planner. */
  readonly bytes?: number
}

/** What writing packed forms needs. */
export interface PackEmitter {
  /** What a size function of the kernels says, e.g. how much scratch a kernel needs. */
  ask<K extends KernelName>(kernel: K, ...args: Parameters<Kernels[K]>): number
  /** One kernel call. */
  call<K extends KernelName>(kernel: K, ...args: Arguments<K>): void
  /** A small read-only table (sizes, strides, weights of an interpolation …). Equal tables share memory. */
  table(data: TypedArray): Address
}

/** Accepts kernel calls over memory that is already there: what forward and backward passes have in common. */
export interface KernelEmitter extends PackEmitter {
  /** Which kernels the calls will run on. */
  readonly build: 'simd' | 'relaxed'
  /** False if the user asked for results nearest to exact arithmetic (no Winograd). */
  readonly fast: boolean
  /** Whether the bits of an example's result must not depend on how many examples are computed beside it. */
  readonly perExample: boolean
  /** Memory that holds nothing before and is worth nothing after this node. */
  scratch(bytes: number): Address
  /**
   * An operand in another form: for a constant made once (and its raw form never stored), otherwise made again in
   * scratch on every run. `key` names the form, everything it depends on included; `pack` emits the calls that write
   * `bytes` bytes at `to`.
   */
  pack(
    operand: Operand,
    key: string,
    bytes: number,
    pack: (e: PackEmitter, from: Address, to: Address) => void,
  ): Address
  /**
   * Whether a packed form that is larger than its operand is affordable under the session's `memoryLimit`. Model and
   * options decide, never how much memory happens to be left: the form decides which algorithm runs, and so the bits of
   * the result.
   */
  affords(operand: Operand, bytes: number): boolean
  /**
   * A large read-only table, kept with the weights by its identity: what an operator makes of its attributes once and
   * holds on to.
   */
  constant(tensor: HostTensor): Address
  /**
   * A step in TypeScript in every run, between the calls before and after, on views of the operands. For what is too
   * rare for a kernel.
   */
  host(operands: readonly Operand[], run: (...tensors: HostTensor[]) => void): void
  /** Describes the calls of this node for the profile. */
  note(note: KernelInfo): void
}

/** Accepts the kernel calls that compute an operator: a plan records them, eager mode runs them at once. */
export interface Emitter<A> extends KernelEmitter {
  /** The node's attributes, defaults filled in. */
  readonly attributes: A
  /** Operands in the orders that the layout rule asked for; undefined where an optional input is left out. */
  readonly inputs: readonly (Operand | undefined)[]
  /**
   * Types of the outputs the node names (undefined where one is not wanted), with the orders the layout rule promised.
   */
  readonly outputs: readonly (
    | (TensorType & { readonly order: Order; readonly physical: readonly number[] })
    | undefined
  )[]
  /** What passes have folded into the node: what `emit` does not apply is lost. */
  readonly fused: Fused
  /**
   * For operators that are `random`: a seed from the session's, another one each time. To be asked in a step of a run
   * (`host`), not when it is planned.
   */
  readonly nextSeed?: () => number

  /** Input `index`, which the operator requires. */
  input(index: number): Operand
  /** Memory for output `index`. Asked once per output; contents are undefined. */
  output(index: number): Operand
  /**
   * Output `index` in the memory of input `from` if nobody needs that input afterwards and the sizes agree, else in
   * memory of its own.
   */
  overwrite(index: number, from: number): Operand
  /**
   * Whether output `index` would, by `overwrite`, take the place of an input that the session keeps from run to run:
   * what is left there from earlier runs may then stay.
   */
  keep(index: number, from: number): boolean
  /**
   * Output `index` is the memory of input `from`, beginning at an element offset, read as the output's shape and order:
   * no kernel runs.
   */
  view(index: number, from: number, elementOffset?: number): void
  /**
   * Has the elements of an operand looked at before the calls that follow are made: at once if it is a constant,
   * otherwise in the middle of every run. `test` throws what a kernel could only run into: an index outside its tensor.
   * For small operands.
   */
  check(operand: Operand, test: (tensor: HostTensor) => void): void
}

/** An operand that an operator makes of its constants: kept with the weights in whichever form a kernel asks for. */
export function constantOperand(e: KernelEmitter, tensor: HostTensor): Operand {
  const { dtype, shape } = tensor
  return {
    dtype,
    shape,
    order: identityOrder(shape.length),
    physical: shape,
    size: sizeOf(shape),
    constant: tensor,
    get at() {
      return e.constant(tensor)
    },
  }
}

/** Address of a place some bytes further. */
export function plus(address: Address, bytes: number): Address {
  return bytes === 0 ? address : { block: address.block, offset: address.offset + bytes }
}

import { isFloat, type DType, type NumericDType, type TypedArray } from '../core/dtype.js'
import { LanewiseError } from '../core/errors.js'
import { Placed } from '../plan/placed.js'
import { identityOrder, sameMemory } from '../core/layout.js'
import { copyStrided } from '../ir/strided.js'
import { hostZeros, type HostTensor } from '../core/host.js'
import { stridesOf, type Shape } from '../core/shape.js'
import { Tensor } from '../api/tensor.js'
import type { Block } from '../ir/emitter.js'
import type { Device } from './device.js'
import type { TapeNode } from './tape.js'

/**
 * A tensor in a {@link Device}'s memory, to which operators are applied and, under a tape, by which gradients are
 * taken.
 *
 * One made inside a step lives until that step ends; using it afterwards throws `E_STATE`. {@link Device.keep} copies
 * it out.
 */
export class Variable {
  static readonly name = 'Variable'
  /** Where the elements are, in which order of axes. @internal */
  readonly placed: Placed
  /** The same elements in other orders of axes, made in `variantsOf` when an operator wanted them. @internal */
  variants: Placed[] = []
  /** The step that the variants belong to. @internal */
  variantsOf = -1
  /** The elements, if they were given by the program and never change: shapes, axes. @internal */
  readonly constant: HostTensor | undefined
  /** What made it, if a tape has it. @internal */
  readonly node: TapeNode | undefined
  /** The step it belongs to; -1: it lasts. @internal */
  readonly step: number
  private readonly tracked: boolean
  /** Whose memory this lies in: gone when that is disposed of. @internal */
  readonly owner: Variable | undefined
  /** How often its elements were changed from outside. @internal */
  version = 0
  /** A name for errors, summaries and exported models. */
  name: string | undefined

  /** @internal */
  constructor(
    /** The device in whose memory it lies. */
    readonly device: Device,
    placed: Placed,
    {
      step,
      node,
      requiresGrad = false,
      constant,
      name,
      owner,
    }: {
      step: number
      node?: TapeNode
      requiresGrad?: boolean
      constant?: HostTensor
      name?: string
      owner?: Variable
    },
  ) {
    this.placed = placed
    this.step = step
    this.node = node
    this.tracked = requiresGrad
    this.constant = constant
    this.name = name
    this.owner = owner
  }

  /** Whether gradients are wanted by it, or by something it was made from. */
  get requiresGrad(): boolean {
    return this.tracked
  }

  /**
   * Whether a gradient by it has a meaning: of integers those have one that the tape follows, since they stand for
   * floats. @internal
   */
  get followed(): boolean {
    return this.requiresGrad && (this.step >= 0 || isFloat(this.dtype))
  }

  /** The element type. */
  get dtype(): DType {
    return this.placed.dtype
  }

  /** Logical shape, outermost axis first, whatever the order in memory. */
  get shape(): Shape {
    return this.placed.shape
  }

  /** Number of elements. */
  get size(): number {
    return this.placed.size
  }

  /**
   * @throws LanewiseError `E_STATE` if the step it was made in is over, or its device or itself was disposed
   *   of. @internal
   */
  check(): void {
    this.device.context.check()
    this.owner?.check()
    if (this.step >= 0 && this.step !== this.device.currentStep) {
      throw new LanewiseError(
        'E_STATE',
        `the step that ${this.describe()} was made in is over; keep() a tensor that has to last`,
        { tensor: this.name },
      )
    }
  }

  /** The elements in logical order, copied. */
  data(): TypedArray {
    this.check()
    return this.host().data as TypedArray
  }

  /** The elements as a tensor of a session: a copy. */
  tensor(): Tensor {
    return new Tensor(this.dtype, this.data(), this.shape)
  }

  /** The only element, as a number. @throws LanewiseError `E_SHAPE` if there is not exactly one. */
  item(): number {
    if (this.size !== 1) throw new LanewiseError('E_SHAPE', `${this.describe()} has ${this.size} elements, not one`)
    return Number(this.data()[0])
  }

  /** The same elements, not followed by the tape. */
  detach(): Variable {
    return this.requiresGrad
      ? new Variable(this.device, this.placed, {
          step: this.step,
          constant: this.constant,
          name: this.name,
          owner: this.step < 0 ? this : this.owner,
        })
      : this
  }

  /**
   * Adds the gradient of this value by every {@link Parameter} it was made from to the parameter's `grad`.
   *
   * Of what a step has made gradients are taken once, as in PyTorch: what two losses share is kept for the second by
   * `retainGraph` of the first.
   *
   * @param gradient - the gradient by this value, of its shape; 1 by default, for a value with one element.
   * @throws LanewiseError `E_STATE` if no tape has it, if gradients were taken of something it was made from, or if a
   * parameter has changed since; `E_SHAPE` for several elements without `gradient`.
   */
  backward(gradient?: Variable | BackwardOptions, options: BackwardOptions = {}): void {
    this.check()
    if (gradient instanceof Variable) this.device.backward(this, gradient, options)
    else this.device.backward(this, undefined, gradient ?? options)
  }

  /** Name, type and shape. */
  toString(): string {
    return this.describe()
  }

  /** What `console.log` shows in Node. @internal */
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.describe()
  }

  /** A short description for messages: name, type and shape. @internal */
  describe(): string {
    return `${this.name === undefined ? 'a tensor' : `"${this.name}"`} (${this.dtype}[${this.shape.join(',')}])`
  }

  /** @internal */
  host(): HostTensor {
    if (this.constant) return { ...this.constant, data: (this.constant.data as TypedArray).slice() }
    const { placed, device } = this
    const raw = device.context.view(placed.dtype as NumericDType, device.addressOf(placed), placed.size)
    const order = placed.order
    if (sameMemory(placed.shape, order, identityOrder(order.length)))
      return { dtype: placed.dtype, shape: placed.shape, data: raw.slice() }
    const result = hostZeros(placed.dtype, placed.shape)
    const from = stridesOf(placed.physical)
    const to = stridesOf(placed.shape)
    copyStrided(
      {
        axes: placed.shape.map((size, axis) => ({ size, from: from[order.indexOf(axis)], to: to[axis] })),
        from: 0,
        to: 0,
      },
      { dtype: placed.dtype, shape: placed.physical, data: raw },
      result,
    )
    return result
  }
}

/** How a backward pass leaves the record of what it went through. */
export interface BackwardOptions {
  /** Whether another pass may go through it. */
  readonly retainGraph?: boolean
}

/** Whether a parameter is learned. */
export interface ParameterOptions {
  /** A name for errors, summaries and exported models. */
  readonly name?: string
  /** Whether it is learned. Default true. */
  readonly trainable?: boolean
  /** Whether it is state that is saved and not learned, such as running statistics. Default false. */
  readonly buffer?: boolean
}

/**
 * A tensor that lasts and is learned: weights and biases. `grad` is added to by every backward pass until
 * {@link zeroGrad}.
 */
export class Parameter extends Variable {
  private gradient: Placed | undefined
  /** Whether `grad` holds anything: what was never written need not be cleared. */
  private filled = false
  private gone = false
  /** Whether it is learned; a frozen parameter gets no gradient. */
  trainable: boolean
  /** Whether it is part of a module's state but never learned: running statistics. */
  readonly buffer: boolean

  /** @internal */
  constructor(device: Device, placed: Placed, { name, trainable = true, buffer = false }: ParameterOptions = {}) {
    super(device, placed, { step: -1, name })
    this.trainable = trainable && !buffer
    this.buffer = buffer
  }

  override get requiresGrad(): boolean {
    return this.trainable
  }

  /** The gradient, in the parameter's shape; undefined if no backward pass has reached it since {@link zeroGrad}. */
  get grad(): Variable | undefined {
    this.check()
    return this.filled && this.gradient
      ? new Variable(this.device, this.gradient, { step: -1, name: this.name && `${this.name}.grad`, owner: this })
      : undefined
  }

  /** Forgets the gradient. Its memory is kept. */
  zeroGrad(): void {
    this.check()
    this.filled = false
  }

  /** Whether {@link dispose} was called. */
  get disposed(): boolean {
    return this.gone
  }

  override check(): void {
    super.check()
    if (this.gone) throw new LanewiseError('E_STATE', `${this.describe()} was disposed of`, { tensor: this.name })
  }

  /** Sets the elements, in logical order. @throws LanewiseError `E_TENSOR` if type or shape differ. */
  assign(tensor: HostTensor | Tensor | TypedArray): void {
    this.check()
    const source =
      tensor instanceof Tensor ? (tensor.data as TypedArray) : 'data' in tensor ? (tensor.data as TypedArray) : tensor
    const shape = tensor instanceof Tensor ? tensor.dims : 'shape' in tensor ? tensor.shape : undefined
    if (
      source.length !== this.size ||
      (shape && (shape.length !== this.shape.length || shape.some((size, axis) => size !== this.shape[axis])))
    ) {
      throw new LanewiseError(
        'E_TENSOR',
        `${this.describe()} cannot take ${shape ? `[${shape.join(',')}]` : `${source.length} elements`}`,
        { tensor: this.name },
      )
    }
    const target = this.device.context.view(this.dtype as NumericDType, this.device.addressOf(this.placed), this.size)
    if (source.constructor !== target.constructor)
      throw new LanewiseError('E_TENSOR', `${this.describe()} cannot take the elements of another type`, {
        tensor: this.name,
      })
    ;(target as Float32Array).set(source as Float32Array)
    this.changed()
  }

  /**
   * Sets the elements to another tensor's, without JavaScript seeing them. @throws LanewiseError `E_TENSOR` if type or
   * shape differ.
   */
  copyFrom(source: Variable): void {
    this.check()
    source.check()
    if (source.dtype !== this.dtype || source.shape.join() !== this.shape.join()) {
      throw new LanewiseError('E_TENSOR', `${this.describe()} cannot take ${source.describe()}`, { tensor: this.name })
    }
    this.device.copyOrdered(source.placed, this.placed)
    this.changed()
  }

  /** Copies of the elements in other orders are no longer right. @internal */
  changed(): void {
    this.variants = []
    this.version++
  }

  /** Memory for the gradient that nothing has been written to since it was cleared, or undefined. @internal */
  claimGradient(): Placed | undefined {
    if (this.filled) return undefined
    if (this.dtype !== 'float32')
      throw new LanewiseError('E_UNSUPPORTED', `${this.describe()} cannot be learned: what is learned is float32`, {
        tensor: this.name,
      })
    this.filled = true
    this.gradient ??= new Placed(this.dtype, this.shape, this.placed.order, this.device.persistent(this.placed.bytes))
    return this.gradient
  }

  /** @internal */
  get gradientPlaced(): Placed | undefined {
    return this.filled ? this.gradient : undefined
  }

  /** Frees parameter and gradient. Any later use throws `E_STATE`, but for disposing of it again. */
  dispose(): void {
    if (this.gone) return
    this.gone = true
    this.device.releasePersistent(this.placed)
    if (this.gradient) this.device.releasePersistent(this.gradient)
    this.gradient = undefined
    this.filled = false
  }
}

/** A place of known bytes. @internal */
export function blockAt(base: number, bytes: number): Block {
  return { base, bytes }
}

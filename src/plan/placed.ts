import { byteSize } from '../core/dtype.js'
import type { HostTensor } from '../core/host.js'
import { identityOrder, physicalShape, sameMemory, type Order } from '../core/layout.js'
import { sizeOf, type Shape } from '../core/shape.js'
import type { Address, Operand } from '../ir/emitter.js'
import { emitReorder } from '../ir/strided.js'
import type { WeightLease } from './weights.js'

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

import type { WasmAddress } from '../../bindings/address.js'
import type { Context } from '../../bindings/context.js'
import type { KernelName, Kernels } from '../../bindings/module.js'
import { byteSize, type NumericDType, type TypedArray } from '../core/dtype.js'
import { hostBytes, rawBytes, writeElements, type HostTensor } from '../core/host.js'
import { sizeOf } from '../core/shape.js'
import { bodiesOf, type Graph } from '../ir/graph.js'
import type { Address, Argument, Arguments, Block, PackEmitter } from '../ir/emitter.js'
import { bindCall } from './call.js'

/** What the constants of a model take as they are. */
export interface ConstantBytes {
  readonly all: number
  /** Those that may be filters of more than one tap. */
  readonly filters: number
}

/** Packed forms that need not be made: what fills one with its bytes, if there is one of that name. */
export type PreparedForms = (tensor: HostTensor, key: string) => ((into: Uint8Array) => void) | undefined

/** Adds up the constants of a graph and of the bodies in it, each once. */
export function constantBytes(graph: Graph, seen = new Set<HostTensor>()): ConstantBytes {
  let all = 0
  let filters = 0
  for (const node of graph.nodes) {
    for (const value of node.inputs) {
      const tensor = value?.constant
      if (!tensor || seen.has(tensor)) continue
      seen.add(tensor)
      const bytes = hostBytes(tensor)
      all += bytes
      if (tensor.shape.length > 2 && tensor.shape.slice(2).some((taps) => taps > 1)) filters += bytes
    }
    for (const body of bodiesOf(node)) {
      const inner = constantBytes(body, seen)
      all += inner.all
      filters += inner.filters
    }
  }
  return { all, filters }
}

/** A block whose place never changes: weights and tables. */
interface FixedBlock extends Block {
  readonly base: number
  /** Leases that count on it. */
  users: number
  /** Takes it out of its index. */
  readonly forget: () => void
}

/**
 * Constants in WebAssembly memory, each form of each constant once, shared by every plan of a session: raw, rearranged
 * or packed for a kernel. What plans use they hold by a {@link WeightLease}; what nobody holds any more is freed, so
 * that constants which were computed for one set of shapes go with its plan.
 */
export class WeightStore {
  private readonly forms = new Map<HostTensor, Map<string, FixedBlock>>()
  private readonly tables = new Map<string, FixedBlock>()
  private held = 0

  constructor(
    private readonly context: Context,
    private readonly constants: ConstantBytes = { all: 0, filters: 0 },
    private readonly prepared?: PreparedForms,
  ) {}

  /** Bytes held. */
  get bytes(): number {
    return this.held
  }

  /** Every form that is held, with its name ('' for the elements as they are). */
  *entries(): Generator<readonly [tensor: HostTensor, key: string, block: Block & { readonly base: number }]> {
    for (const [tensor, forms] of this.forms) for (const [key, block] of forms) yield [tensor, key, block]
  }

  /** Takes part in what the store holds. */
  lease(): WeightLease {
    return new WeightLease(this)
  }

  /** The elements as they are. */
  raw(tensor: HostTensor): FixedBlock {
    return this.form(tensor, '', hostBytes(tensor), (block) => this.upload(tensor, block.base))
  }

  /** A packed form, made by kernels the first time it is asked for. */
  packed(
    tensor: HostTensor,
    key: string,
    bytes: number,
    pack: (e: PackEmitter, from: Address, to: Address) => void,
  ): FixedBlock {
    const prepared = this.prepared?.(tensor, key)
    return this.form(tensor, key, bytes, (block) => {
      if (prepared) return prepared(this.context.bytes(block.base, bytes))
      const from = this.context.alloc(hostBytes(tensor))
      const lease = this.lease()
      try {
        this.upload(tensor, from)
        pack(
          this.immediate(lease),
          { block: { bytes: hostBytes(tensor), base: from }, offset: 0 },
          { block, offset: 0 },
        )
      } finally {
        lease.release()
        this.context.release(from)
      }
    })
  }

  /**
   * Whether packed forms that are so much larger than their operands, of all filters of the model, take at most half of
   * what its constants leave.
   */
  affords(operand: number, bytes: number): boolean {
    const { all, filters } = this.constants
    return 2 * bytes * Math.max(1, filters / operand) <= this.context.limit - all
  }

  /** Calls a size function of the kernels. */
  ask<K extends KernelName>(kernel: K, ...args: Parameters<Kernels[K]>): number {
    const f = this.context.kernel(kernel) as (...a: number[]) => number
    // Sizes are unsigned; WebAssembly hands out signed numbers.
    return f(...(args as number[])) >>> 0
  }

  /** A small read-only array. */
  table(data: TypedArray): FixedBlock {
    const key = `${data.constructor.name}:${data.join(',')}`
    let block = this.tables.get(key)
    if (!block) {
      block = this.reserve(data.byteLength, () => this.tables.delete(key))
      this.context.bytes(block.base, data.byteLength).set(rawBytes(data))
      this.tables.set(key, block)
    }
    return block
  }

  /** Whether two blocks hold the same. */
  sameContent(a: Block, b: Block): boolean {
    if (a === b) return true
    if (a.base === undefined || b.base === undefined || a.bytes !== b.bytes) return false
    const [x, y] = [this.context.bytes(a.base, a.bytes), this.context.bytes(b.base, b.bytes)]
    return x.every((byte, i) => byte === y[i])
  }

  /** Frees a block that nobody holds. */
  free(block: FixedBlock): void {
    block.forget()
    this.held -= block.bytes
    this.context.release(block.base)
  }

  /** Frees everything; the addresses handed out are no longer valid. */
  dispose(): void {
    for (const forms of this.forms.values()) for (const block of forms.values()) this.context.release(block.base)
    for (const block of this.tables.values()) this.context.release(block.base)
    this.forms.clear()
    this.tables.clear()
    this.held = 0
  }

  /** Makes calls at once. */
  private immediate(lease: WeightLease): PackEmitter {
    return {
      call: <K extends KernelName>(kernel: K, ...args: Arguments<K>) => {
        const call = bindCall(this.context.kernel(kernel), (args as readonly Argument[]).map(resolve))
        try {
          call()
        } catch (error) {
          throw this.context.guard(error)
        }
      },
      table: (data) => lease.table(data),
      ask: (kernel, ...args) => this.ask(kernel, ...args),
    }
  }

  private form(tensor: HostTensor, key: string, bytes: number, fill: (block: FixedBlock) => void): FixedBlock {
    let forms = this.forms.get(tensor)
    if (!forms) this.forms.set(tensor, (forms = new Map<string, FixedBlock>()))
    const found = forms.get(key)
    if (found) return found
    const block = this.reserve(bytes, () => {
      forms.delete(key)
      if (forms.size === 0) this.forms.delete(tensor)
    })
    try {
      fill(block)
    } catch (error) {
      this.free(block)
      throw error
    }
    forms.set(key, block)
    return block
  }

  private reserve(bytes: number, forget: () => void): FixedBlock {
    const base = this.context.alloc(bytes)
    this.held += bytes
    return { bytes, base, users: 0, forget }
  }

  private upload(tensor: HostTensor, address: number): void {
    const { dtype, shape } = tensor
    if (byteSize(dtype) === 0) throw new Error(`a ${dtype} tensor cannot enter WebAssembly memory`)
    writeElements(tensor, this.context.view(dtype as NumericDType, address, sizeOf(shape)))
  }
}

/** What one plan uses of a {@link WeightStore}, for as long as it may run. */
export class WeightLease {
  private readonly blocks = new Set<FixedBlock>()
  private holders = 1

  constructor(private readonly store: WeightStore) {}

  /** One more holder, who releases it, too. */
  share(): this {
    this.holders++
    return this
  }

  /** Bytes that nobody else holds now. */
  get ownBytes(): number {
    let bytes = 0
    for (const block of this.blocks) if (block.users === 1) bytes += block.bytes
    return bytes
  }

  /** See {@link WeightStore.raw}. */
  raw(tensor: HostTensor): Address {
    return this.hold(this.store.raw(tensor))
  }

  /** See {@link WeightStore.packed}. */
  packed(
    tensor: HostTensor,
    key: string,
    bytes: number,
    pack: (e: PackEmitter, from: Address, to: Address) => void,
  ): Address {
    return this.hold(this.store.packed(tensor, key, bytes, pack))
  }

  /** See {@link WeightStore.affords}. */
  affords(operand: number, bytes: number): boolean {
    return this.store.affords(operand, bytes)
  }

  /** See {@link WeightStore.table}. */
  table(data: TypedArray): Address {
    return this.hold(this.store.table(data))
  }

  /** See {@link WeightStore.ask}. */
  ask<K extends KernelName>(kernel: K, ...args: Parameters<Kernels[K]>): number {
    return this.store.ask(kernel, ...args)
  }

  /** See {@link WeightStore.sameContent}. */
  sameContent(a: Block, b: Block): boolean {
    return this.store.sameContent(a, b)
  }

  /** The last holder lets go of everything; the addresses handed out are no longer valid. */
  release(): void {
    if (--this.holders > 0) return
    for (const block of this.blocks) if (--block.users === 0) this.store.free(block)
    this.blocks.clear()
  }

  private hold(block: FixedBlock): Address {
    if (!this.blocks.has(block)) {
      this.blocks.add(block)
      block.users++
    }
    return { block, offset: 0 }
  }
}

/** The number of an argument whose block has been placed. */
export function resolve(argument: Address): WasmAddress
export function resolve(argument: Argument): number
export function resolve(argument: Argument): number {
  return typeof argument === 'number' ? argument : placeOf(argument.block) + argument.offset
}

/** Where a block is that has been placed. */
export function placeOf({ base }: Block): number {
  if (base === undefined) throw new Error('an address was used before it was placed')
  return base
}

/** Bytes from an address to the end of its block. */
export function roomAt(argument: Argument): number {
  return typeof argument === 'number' ? 0 : argument.block.bytes - argument.offset
}

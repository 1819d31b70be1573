import type { Context } from '../../bindings/context.js'
import type { KernelName, Kernels } from '../../bindings/module.js'
import { byteSize, type TypedArray } from '../dtype.js'
import { hostBytes, rawBytes, type HostTensor } from '../host.js'
import type { Address, Argument, Arguments, Block, PackEmitter } from '../ops/op.js'
import { bindCall } from './call.js'

/** A block whose place never changes: weights and tables. */
interface FixedBlock extends Block {
  readonly base: number
}

/**
 * Constants in WebAssembly memory, each form of each constant once, shared by every plan of a session: raw, rearranged or packed for a
 * kernel. Nothing is freed before the session is.
 */
export class WeightStore {
  private readonly forms = new Map<HostTensor, Map<string, FixedBlock>>()
  private readonly tables = new Map<string, FixedBlock>()
  private held = 0

  constructor(private readonly context: Context) {}

  /** Bytes held. */
  get bytes(): number {
    return this.held
  }

  /** The elements as they are. */
  raw(tensor: HostTensor): Address {
    return this.form(tensor, '', () => {
      const block = this.reserve(hostBytes(tensor))
      this.upload(tensor, block.base)
      return block
    })
  }

  /** A packed form, made by kernels the first time it is asked for. */
  packed(tensor: HostTensor, key: string, bytes: number, pack: (e: PackEmitter, from: Address, to: Address) => void): Address {
    return this.form(tensor, key, () => {
      const block = this.reserve(bytes)
      const from = this.context.alloc(hostBytes(tensor))
      try {
        this.upload(tensor, from)
        pack(this.immediate, fixed(hostBytes(tensor), from), { block, offset: 0 })
      } finally {
        this.context.release(from)
      }
      return block
    })
  }

  /** Whether a packed form of a constant is there already, or would take at most a quarter of the memory that is left. */
  affords(tensor: HostTensor | undefined, key: string, bytes: number): boolean {
    return (tensor && this.forms.get(tensor)?.has(key)) || 4 * bytes <= this.context.left
  }

  /** Calls a size function of the kernels. */
  ask<K extends KernelName>(kernel: K, ...args: Parameters<Kernels[K]>): number {
    const f = this.context.kernels[kernel] as (...a: number[]) => number
    // Sizes are unsigned; WebAssembly hands out signed numbers.
    return f(...(args as number[])) >>> 0
  }

  /** A small read-only array. */
  table(data: TypedArray): Address {
    const key = `${data.constructor.name}:${data.join(',')}`
    let block = this.tables.get(key)
    if (!block) {
      block = this.reserve(data.byteLength)
      this.context.bytes(block.base, data.byteLength).set(rawBytes(data))
      this.tables.set(key, block)
    }
    return { block, offset: 0 }
  }

  /** Frees everything; the addresses handed out are no longer valid. */
  dispose(): void {
    for (const forms of this.forms.values()) for (const block of forms.values()) this.context.release(block.base)
    for (const block of this.tables.values()) this.context.release(block.base)
    this.forms.clear()
    this.tables.clear()
    this.held = 0
  }

  private readonly immediate: PackEmitter = {
    call: <K extends KernelName>(kernel: K, ...args: Arguments<K>) => {
      bindCall(this.context.kernels[kernel], (args as readonly Argument[]).map(resolve))()
    },
    table: (data) => this.table(data),
    ask: (kernel, ...args) => this.ask(kernel, ...args),
  }

  private form(tensor: HostTensor, key: string, make: () => FixedBlock): Address {
    let forms = this.forms.get(tensor)
    if (!forms) this.forms.set(tensor, (forms = new Map<string, FixedBlock>()))
    let block = forms.get(key)
    if (!block) forms.set(key, (block = make()))
    return { block, offset: 0 }
  }

  private reserve(bytes: number): FixedBlock {
    this.held += bytes
    return { bytes, base: this.context.alloc(bytes) }
  }

  private upload(tensor: HostTensor, address: number): void {
    const { data, dtype } = tensor
    if (byteSize(dtype) === 0) throw new Error(`a ${dtype} tensor cannot enter WebAssembly memory`)
    this.context.bytes(address, hostBytes(tensor)).set(rawBytes(data as TypedArray))
  }
}

function fixed(bytes: number, base: number): Address {
  return { block: { bytes, base }, offset: 0 }
}

/** The number of an argument whose block has been placed. */
export function resolve(argument: Argument): number {
  if (typeof argument === 'number') return argument
  const { base } = argument.block
  if (base === undefined) throw new Error('an address was used before it was placed')
  return base + argument.offset
}

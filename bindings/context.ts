import { viewData, type NumericDType, type TypedArray } from '../src/core/dtype.js'
import { isTrap, LanewiseError } from '../src/core/errors.js'
import { HostMemory } from '../src/core/host-memory.js'
import type { WasmAddress } from './address.js'
import type { Build, Kernels } from './module.js'
import { moreKernels } from './more-kernels.js'

const PAGE = 65536
/** Every allocation starts on a cache line, so that two values never share one and vectors never straddle two. */
const ALIGN = 64
/** WebAssembly addresses are 32 bits: 65,536 pages, less one so that every size stays a positive number of bytes. */
const ADDRESS_SPACE = (65536 - 1) * PAGE

interface Span {
  start: number
  end: number
}

/** What shares calls between threads (threads.ts). */
export interface Threads {
  /** How many there are. */
  readonly count: number
  /** Bytes of memory that the others take. */
  readonly bytes: number
  /**
   * A call that is cut into pieces; undefined if it cannot be, or is too small for that.
   *
   * @param room - bytes from the address on that an argument is.
   * @param work - floating-point operations of the call, and bytes that it reads and writes, roughly.
   * @param alone - the same call, made by one thread: for moments at which others are held up.
   */
  bind(
    kernel: string,
    args: readonly number[],
    room: (index: number) => number,
    work: { readonly flops?: number; readonly bytes?: number },
    alone: () => void,
  ): (() => void) | undefined
  /**
   * Makes a call at once, if it is worth sharing; false if not. Of what is likely to take long more is made per byte.
   */
  run(kernel: string, args: readonly number[], room: (index: number) => number): boolean
  /** Other threads let go of the memory. */
  dispose(): void
}

/**
 * One owner of one WebAssembly memory, the instance whose kernels work in it, and what is allocated there.
 *
 * Addresses are plain numbers. Growing the memory detaches every view of it, so views are asked for when they are used
 * ({@link view}) and never kept across an allocation; {@link generation} tells that the memory has grown.
 */
export class Context {
  readonly memory: WebAssembly.Memory
  readonly kernels: Kernels
  readonly build: Build
  /** Counts growths of the memory: a cached view is good as long as this number stays. */
  generation = 0
  /** What lies in JavaScript under the same limit. */
  readonly host: HostMemory
  /** How many sessions work in it: the last one that is released frees it. */
  users = 0
  /** Shares calls between threads, if there are several. */
  threads: Threads | undefined
  /** The most bytes that may be allocated at a time. */
  readonly limit: number
  private more: Partial<Kernels> | undefined
  private readonly heapStart: number
  private readonly taken = new Map<number, number>()
  private free: Span[] = []
  private top: number
  private usedBytes = 0
  private peakBytes = 0
  private failure: LanewiseError | undefined
  private whole: Uint8Array | undefined

  /**
   * @param module - a compiled build of the kernels.
   * @param limit - the most bytes that may be allocated at a time (weights, arena and scratch together, and what is
   *   held in JavaScript).
   * @param shared - whether other threads share the memory: what a build with threads expects.
   * @param oneThread - why there is one where more would have been taken.
   * @throws LanewiseError `E_BUDGET` if the engine has no memory to give.
   */
  constructor(
    readonly module: WebAssembly.Module,
    limit = ADDRESS_SPACE,
    shared = false,
    readonly oneThread?: string,
  ) {
    try {
      this.memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared })
    } catch (cause) {
      throw new LanewiseError(
        'E_BUDGET',
        'no WebAssembly memory is left: release sessions, or share one (option `context`)',
        { cause },
      )
    }
    this.kernels = instantiate(module, this.memory)
    this.build = this.kernels.is_relaxed() === 1 ? 'relaxed' : 'simd'
    this.limit = Math.min(limit, ADDRESS_SPACE)
    this.host = new HostMemory(limit, () => this.usedBytes)
    this.heapStart = align(this.kernels.heap_base())
    this.top = this.heapStart
  }

  /**
   * A kernel by its name: of this build, or of those that come with rare operators.
   *
   * @throws LanewiseError `E_UNSUPPORTED` for those, if these operators are not there.
   */
  kernel(name: string): (...args: number[]) => unknown {
    const named = name as keyof Kernels
    const kernel = this.kernels[named] ?? (this.more ??= moreKernels(this.build, this.memory))[named]
    if (!kernel) throw new LanewiseError('E_UNSUPPORTED', `the kernel ${name} comes with lanewise/ops/all`)
    return kernel as (...args: number[]) => unknown
  }

  /** Bytes allocated now. */
  get used(): number {
    return this.usedBytes
  }

  /** Bytes that may still be allocated. */
  get left(): number {
    return this.limit - this.usedBytes
  }

  /** The most bytes that were allocated at one time. */
  get peak(): number {
    return this.peakBytes
  }

  /**
   * Reserves bytes; the contents are whatever was there.
   *
   * @throws LanewiseError `E_BUDGET` over the limit, `E_STATE` after release or a trap.
   */
  alloc(bytes: number): WasmAddress {
    this.check()
    const size = align(Math.max(bytes, 1))
    const room = this.limit - this.usedBytes - size
    const host = this.host.bytesUnless(room)
    if (!Number.isSafeInteger(size) || room < host) {
      const used = this.usedBytes + host
      throw new LanewiseError(
        'E_BUDGET',
        `${bytes} more bytes would pass the memory limit of ${this.limit} bytes (${used} in use)`,
        {
          expected: `<= ${this.limit}`,
          actual: String(used + size),
        },
      )
    }
    const address = this.fit(size) ?? this.extend(size)
    this.taken.set(address, size)
    this.usedBytes += size
    this.peakBytes = Math.max(this.peakBytes, this.usedBytes)
    return address as WasmAddress
  }

  /** Gives an allocation back. Unknown addresses (0, or after release) are ignored. */
  release(address: number): void {
    const size = this.taken.get(address)
    if (size === undefined) return
    this.taken.delete(address)
    this.usedBytes -= size
    let start = address
    let end = address + size
    this.free = this.free.filter((span) => {
      if (span.end === start) start = span.start
      else if (span.start === end) end = span.end
      else return true
      return false
    })
    if (end === this.top) this.top = start
    else this.free.push({ start, end })
  }

  /** A typed view of the memory as it is now; do not keep it across an allocation. */
  view(dtype: NumericDType, address: number, size: number): TypedArray {
    // An empty tensor may have any address, even one after the end of the memory.
    return viewData(dtype, this.memory.buffer, size === 0 ? 0 : address, size)
  }

  /** Bytes of the memory as it is now; do not keep it across an allocation. */
  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, length === 0 ? 0 : address, length)
  }

  /** All of the memory as it is now. */
  get everything(): Uint8Array {
    if (this.whole?.buffer !== this.memory.buffer) this.whole = new Uint8Array(this.memory.buffer)
    return this.whole
  }

  /** @throws LanewiseError `E_STATE` if the context was released or a kernel trapped. */
  check(): void {
    if (this.failure) throw new LanewiseError('E_STATE', this.failure.message, { cause: this.failure.cause })
  }

  /**
   * Turns a WebAssembly trap into a typed error and makes the context unusable: after a trap nothing in its memory can
   * be trusted. Other errors are passed through, those that plain TypeScript throws among them.
   */
  guard(error: unknown): unknown {
    if (isTrap(error)) {
      this.failure ??= new LanewiseError(
        'E_STATE',
        `a kernel failed (${error.message}); this session can no longer be used`,
        {
          cause: error,
        },
      )
      return this.failure
    }
    return error
  }

  /** Frees everything when its last user says so; any later use throws `E_STATE`, saying what happened to whom. */
  dispose(what = 'session was released'): void {
    if (--this.users > 0) return
    this.failure ??= new LanewiseError('E_STATE', `the ${what}`)
    this.threads?.dispose()
    this.taken.clear()
    this.free = []
    this.usedBytes = 0
    // The memory itself is freed when the last reference goes; shrinking is not possible in WebAssembly.
    ;(this as { memory: unknown }).memory = this.whole = undefined
    ;(this as { kernels: unknown }).kernels = this.more = undefined
  }

  private fit(size: number): number | undefined {
    let best = -1
    for (let i = 0; i < this.free.length; i++) {
      const length = this.free[i].end - this.free[i].start
      if (length >= size && (best < 0 || length < this.free[best].end - this.free[best].start)) best = i
    }
    if (best < 0) return undefined
    const span = this.free[best]
    const address = span.start
    if (span.end - span.start === size) this.free.splice(best, 1)
    else span.start += size
    return address
  }

  private extend(size: number): number {
    const address = this.top
    const end = address + size
    const missing = end - this.memory.buffer.byteLength
    if (missing > 0) {
      try {
        this.memory.grow(Math.ceil(missing / PAGE))
      } catch (cause) {
        throw new LanewiseError('E_BUDGET', `the machine has no ${missing} more bytes for WebAssembly memory`, {
          cause,
        })
      }
      this.generation++
    }
    this.top = end
    return address
  }
}

/** @throws LanewiseError `E_VALUE` if the module holds no kernels of this version. */
function instantiate(module: WebAssembly.Module, memory: WebAssembly.Memory): Kernels {
  let kernels: Partial<Kernels>
  try {
    // Kernels are called on hot paths: the bare exports, nothing around them.
    kernels = new WebAssembly.Instance(module, { env: { memory } }).exports
  } catch (cause) {
    throw notKernels((cause as Error).message, cause)
  }
  if (!kernels.is_relaxed || !kernels.heap_base) throw notKernels('it exports other functions')
  return kernels as Kernels
}

function notKernels(why: string, cause?: unknown): LanewiseError {
  return new LanewiseError('E_VALUE', `this is not a WebAssembly module of Lanewise's kernels: ${why}`, { cause })
}

/** The next address, or size, that is a whole number of cache lines. */
export function align(bytes: number): number {
  return Math.ceil(bytes / ALIGN) * ALIGN
}

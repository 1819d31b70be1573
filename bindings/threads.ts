// Kernel calls cut into pieces that several threads take (assembly/lib/threads.ts). Only sessions and devices with threads load this.
import {
  CALL_ARGUMENTS,
  CALL_BEGIN,
  CALL_END,
  CALL_KERNEL,
  CALL_PIECES,
  CALL_SCRATCH,
  CALL_SCRATCH_BYTES,
  CALL_SCRATCHES,
  CALL_STEP,
  SHARE_AWAKE,
  SHARE_BYTES,
  SHARE_CALL,
  SHARE_FAILED,
  SHARE_PATIENCE,
  SHARE_PAUSES,
  SHARE_REASON,
  SHARE_REASON_BYTES,
} from '../assembly/abi/codes.js'
import { now } from '../src/core/clock.js'
import { LanewiseError } from '../src/core/errors.js'
import { align, type Context, type Threads } from './context.js'

/** What a build with threads exports besides its kernels. */
interface ShareExports {
  share_call(share: number, sleeps: number): number
}

/** How a kernel's calls can be cut: where in its arguments the range and the scratch are, −1 for none. */
interface Cut {
  /** The number that `dispatch` knows the kernel by. */
  readonly kernel: number
  /** The type of each parameter: a (address), i (i32) or f (f32). */
  readonly types: string
  readonly begin: number
  readonly end: number
  readonly scratch: number
}

type Work = Parameters<Threads['bind']>[3]

/** Microseconds of work, as estimated, below which a call is not cut. */
const LEAST = 12
/** Microseconds that a piece should take. */
const PIECE = 8
/** The most pieces of one call. */
const PIECES = 32
/** Floating-point operations, and bytes of tensors, per microsecond: what an ordinary core does. */
const FLOPS = 30_000
const BYTES = 10_000
/** The most scratch for a thread: a call that wants more runs on one. */
const SCRATCH = 2 ** 22

/**
 * Units of a range that a piece should be a multiple of, where kernels do best with (or insist on) more than one: rows of register tiles, columns of
 * panels; 64 elements of elementwise kernels are whole cache lines.
 */
const GRAINS: Readonly<Record<string, number>> = {
  gemm_f32: 24,
  gemm_unpacked_f32: 24,
  gemm_strided_a_f32: 48,
  conv_gemv_f32: 32,
  gemv_packed_f32: 32,
  gemv_rows_f32: 32,
  gemv_transposed_f32: 64,
}
/** The same for kernels that take a count: elements, as a rule. */
const ELEMENTS = 64
/** Kernels that count slabs and not elements. */
const SLABS: ReadonlySet<string> = new Set([
  'gather',
  'transpose_2d',
  'squared_distances_f32',
  'impute_f32',
  'normalize_rows_f32',
])

/** Kernels that add up across their range where an argument is given, by its place: cutting would change the sum, or lose it. */
const SUMS: Readonly<Record<string, number>> = { cross_entropy_f32: 7, attention_gradient_f32: 11 }

/** A tenth of a second each: a machine with much else to do may leave a thread aside for longer than one would think. */
const PATIENCE = 600

/** Words of the longest call. */
const CALL_WORDS = (SHARE_BYTES - SHARE_CALL) / 4

/** How calls are cut instead of by what they cost, and who is told of each that was made, its pieces and milliseconds: for tests and benches. @internal */
export const cutting: {
  pieces?: number
  grain?: number
  pauses?: number
  patience?: number
  made?: (pieces: number, ms: number) => void
} = {}

/** The cuts that a module's section "calls" tells (scripts/dispatch.js). */
function cutsOf(module: WebAssembly.Module): ReadonlyMap<string, Cut> {
  const [section] = WebAssembly.Module.customSections(module, 'calls')
  const lines = section ? new TextDecoder().decode(section).split('\n') : []
  return new Map(
    lines.map((line, kernel) => {
      const [name, types, ...places] = line.split(' ')
      const [begin, end, scratch] = places.map(Number)
      return [name, { kernel, types, begin, end, scratch }]
    }),
  )
}

/** What a context shares with other threads: the place where the call lies that is being made, and scratch for each. */
export class Crew implements Threads {
  /** Where the block of SHARE_* is. */
  readonly share: number
  private readonly cuts: ReadonlyMap<string, Cut>
  private readonly words: Int32Array
  private scratch = 0
  private scratchBytes = 0
  /** A call that is made at once. */
  private readonly call = new Int32Array(CALL_WORDS)

  /**
   * @param others - threads besides the first.
   * @param sleeps - whether the first may sleep.
   * @param pool - has others come that are asleep, or let go of this context.
   */
  constructor(
    private readonly context: Context,
    module: WebAssembly.Module,
    readonly others: number,
    private readonly sleeps: boolean,
    private readonly pool: { wake(): void; forget(): void },
  ) {
    this.cuts = cutsOf(module)
    this.share = context.alloc(SHARE_BYTES)
    // A view of shared memory stays good when that grows.
    this.words = new Int32Array(context.memory.buffer, this.share, SHARE_BYTES / 4)
    this.words.fill(0)
    this.words[SHARE_PAUSES / 4] = cutting.pauses ?? 0
    this.words[SHARE_PATIENCE / 4] = cutting.patience ?? PATIENCE
  }

  get count(): number {
    return this.others + 1
  }

  get bytes(): number {
    return align(SHARE_BYTES) + this.others * this.scratchBytes
  }

  bind(kernel: string, args: readonly number[], room: (index: number) => number, work: Work): (() => void) | undefined {
    const call = new Int32Array(CALL_ARGUMENTS + args.length)
    return this.cut(call, kernel, args, room, () => work) ? () => this.make(call) : undefined
  }

  run(kernel: string, args: readonly number[], room: (index: number) => number): boolean {
    if (!this.cut(this.call, kernel, args, room, (types) => workOf(kernel, types, room))) return false
    this.make(this.call)
    return true
  }

  dispose(): void {
    this.pool.forget()
  }

  /** Writes a call down, cut by its sizes; false if it is not worth it or cannot be. */
  private cut(
    call: Int32Array,
    kernel: string,
    args: readonly number[],
    room: (index: number) => number,
    work: (types: string) => Work,
  ): boolean {
    const cut = this.cuts.get(kernel)
    if (!cut || (kernel in SUMS && args[SUMS[kernel]] !== 0)) return false
    const begin = cut.begin < 0 ? 0 : args[cut.begin]
    const end = args[cut.end]
    const usual = GRAINS[kernel] ?? (cut.begin < 0 && !SLABS.has(kernel) ? ELEMENTS : 1)
    const grain = Math.min(usual, cutting.grain ?? usual)
    const most = Math.ceil((end - begin) / grain)
    if (most < 2) return false
    const wanted = cutting.pieces ?? piecesFor(work(cut.types))
    if (wanted < 2) return false
    const step = Math.ceil(most / Math.min(most, wanted)) * grain
    if (cut.scratch >= 0 && args[cut.scratch] !== 0 && !this.reserve(room(cut.scratch))) return false
    const floats = new Float32Array(call.buffer)
    call[CALL_KERNEL] = cut.kernel
    call[CALL_BEGIN] = begin
    call[CALL_END] = end
    call[CALL_STEP] = step
    call[CALL_PIECES] = Math.ceil((end - begin) / step)
    call[CALL_SCRATCH] = cut.scratch < 0 ? 0 : args[cut.scratch]
    for (let i = 0; i < args.length; i++) {
      if (cut.types[i] === 'f') floats[CALL_ARGUMENTS + i] = args[i]
      else call[CALL_ARGUMENTS + i] = args[i]
    }
    return true
  }

  /** Sees to it that each thread has so much scratch; false if there is no room. */
  private reserve(bytes: number): boolean {
    if (bytes <= this.scratchBytes) return true
    if (bytes > SCRATCH) return false
    const size = align(bytes)
    try {
      const scratch = this.context.alloc(size * this.others)
      this.context.release(this.scratch)
      this.scratch = scratch
      this.scratchBytes = size
      return true
    } catch (error) {
      if (error instanceof LanewiseError && error.code === 'E_BUDGET') return false
      throw error
    }
  }

  private make(call: Int32Array): void {
    const { words } = this
    const start = cutting.made && now()
    call[CALL_SCRATCHES] = this.scratch
    call[CALL_SCRATCH_BYTES] = this.scratchBytes
    // Nobody reads what is there: every piece of the call before is finished.
    words.set(call, SHARE_CALL / 4)
    if (Atomics.load(words, SHARE_AWAKE / 4) < this.others) this.pool.wake()
    const unfinished = (this.context.kernels as unknown as ShareExports).share_call(this.share, this.sleeps ? 1 : 0)
    if (words[SHARE_FAILED / 4]) throw new WebAssembly.RuntimeError(`in another thread: ${this.reason()}`)
    if (unfinished) throw new WebAssembly.RuntimeError('another thread has ended with a part of it')
    if (start !== undefined) cutting.made?.(call[CALL_PIECES], now() - start)
  }

  /** Why a kernel has failed in another thread. */
  private reason(): string {
    const letters = new Uint8Array(this.context.memory.buffer, this.share + SHARE_REASON, SHARE_REASON_BYTES)
    return String.fromCharCode(...letters).replace(/\0+$/, '')
  }
}

/** Kernels that do many operations with each byte, and how many, roughly. */
const HEAVY = /^(gemm|gemv|conv|winograd|matmul|attention|lstm|gru|rnn|depthwise)/
const HEAVY_FLOPS = 16

/** What a call does, by the blocks that its addresses are in. */
function workOf(kernel: string, types: string, room: (index: number) => number): Work {
  let bytes = 0
  for (let i = 0; i < types.length; i++) if (types[i] === 'a') bytes += room(i)
  return { bytes, flops: HEAVY.test(kernel) ? HEAVY_FLOPS * bytes : 0 }
}

/** How many pieces work is worth, roughly: 1 if it is not worth cutting. */
function piecesFor({ flops = 0, bytes = 0 }: Work): number {
  const microseconds = flops / FLOPS + bytes / BYTES
  return microseconds < LEAST ? 1 : Math.min(PIECES, Math.ceil(microseconds / PIECE))
}

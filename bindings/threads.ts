// Kernel calls cut into pieces that several threads take (assembly/lib/threads.ts). Only sessions and devices with
// threads load this.
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
  share_call(share: number, sleeps: number, grace: number): number
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
/** Microseconds that a piece takes at least. */
const PIECE = 8
/** The most pieces of one call for each thread: enough for one that comes late to leave what it cannot do to others. */
const TURNS = 4
/** Floating-point operations, and bytes of tensors, per microsecond: what an ordinary core does. */
const FLOPS = 30_000
const BYTES = 10_000
/** What a call may take beside what it takes whole, at most, for cutting it to be worth its while. */
const WORTH = 0.9
/** The most scratch for a thread: a call that wants more runs on one. */
const SCRATCH = 2 ** 22

/**
 * Units of a range that a piece should be a multiple of, where kernels do best with (or insist on) more than one: rows
 * of register tiles, columns of panels; 64 elements of elementwise kernels are whole cache lines.
 */
const GRAINS: Readonly<Record<string, number>> = {
  gemm_f32: 12,
  gemm_unpacked_f32: 12,
  gemm_strided_a_f32: 48,
  conv_gemv_f32: 32,
  gemv_packed_f32: 32,
  gemv_rows_f32: 32,
  gemv_transposed_f32: 64,
}
/**
 * What every piece of a call reads whole, or packs for itself, by its place among the arguments, and how many bytes of
 * that in a microsecond: pieces are as few as there are threads where that is much of what they do, and none where it
 * is nearly all. From the times of calls that one thread makes in one piece and in many.
 */
const REPEATED: Readonly<Record<string, readonly [argument: number, speed: number]>> = {
  conv_im2col_f32: [1, 15_000],
  conv_grouped_f32: [1, 15_000],
  conv_im2col_q8: [2, 15_000],
  conv_dot_q8: [2, 15_000],
  gemm_f32: [2, 15_000],
  gemm_strided_a_f32: [1, 15_000],
  winograd_f32: [2, 15_000],
  winograd_q8: [2, 15_000],
  gemm_unpacked_f32: [1, 6000],
  gemm_tn_f32: [2, 10_000],
  conv_weight_gradient_f32: [1, 1000],
  winograd_weight_gradient_f32: [2, 300],
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

/**
 * Kernels that add up across their range where an argument is given, by its place: cutting would change the sum, or
 * lose it.
 */
const SUMS: Readonly<Record<string, number>> = { cross_entropy_f32: 7, attention_gradient_f32: 11 }

/**
 * A tenth of a second each: a machine with much else to do may leave a thread aside for longer than one would think.
 */
const PATIENCE = 600

/**
 * Nanoseconds after which a piece that another thread makes is late: a thread whose core somebody else wants is away
 * for a turn of the scheduler, three milliseconds and more. With that, two threads are slower than one on a machine
 * that has other work; so that calls are made by one for a while, from FIRST_PAUSE to LONGEST_PAUSE milliseconds, twice
 * as long whenever it happens again within RECENT times as long. (npm run bench -- threads, beside a process for each
 * core that does not pause.)
 */
const GRACE = 1_000_000
/** Ten times as long as a piece should take is no reason yet. */
const GRACE_OF_WORK = 10_000
const LONGEST_GRACE = 2e9
const FIRST_PAUSE = 10
const LONGEST_PAUSE = 1280
const RECENT = 16

/** Milliseconds that calls of this process are made by one thread, and until when; 0 if no other was late of late. */
const heldUp = { pause: 0, until: 0 }

/** Another thread was held up with a piece. */
function late(): void {
  const { pause, until } = heldUp
  const end = now()
  // At the end of a pause one may be late again, as long as the other work goes on.
  heldUp.pause = pause > 0 && end < until + RECENT * pause ? Math.min(2 * pause, LONGEST_PAUSE) : FIRST_PAUSE
  heldUp.until = end + heldUp.pause
}

function paused(): boolean {
  const { pause, until } = heldUp
  const time = now()
  if (time > until + RECENT * pause) heldUp.pause = 0
  return time < until
}

/**
 * Microseconds of calls worth sharing that one thread makes before threads which nobody asked for are started: about
 * what starting them costs (a fresh process that runs mnist-8 once takes 61 ms of processor time without them and 76
 * with).
 */
const EARNED = 10_000

/** Words of the longest call. */
const CALL_WORDS = (SHARE_BYTES - SHARE_CALL) / 4

/**
 * How calls are cut instead of by what they cost, and who is told of each that was made, its pieces and milliseconds:
 * for tests and benches. @internal
 */
export const cutting: {
  pieces?: number
  grain?: number
  pauses?: number
  patience?: number
  grace?: number
  earned?: number
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
  private begun = false
  /** Microseconds of calls worth sharing that the first has made alone. */
  private earned = 0
  /** Microseconds of the call that was cut last. */
  private lasts = 0
  /** Nanoseconds that others may take longer than the first for the call that was cut last. */
  private grace = GRACE
  private scratch = 0
  private scratchBytes = 0
  /** A call that is made at once. */
  private readonly call = new Int32Array(CALL_WORDS)

  /**
   * @param others - threads besides the first.
   * @param sleeps - whether the first may sleep.
   * @param pool - makes this context known to others, has those come that are asleep, or lets go of it.
   */
  constructor(
    private readonly context: Context,
    module: WebAssembly.Module,
    readonly others: number,
    private readonly sleeps: boolean,
    private readonly pool: { begin(): void; wake(): void; forget(): void },
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

  bind(
    kernel: string,
    args: readonly number[],
    room: (index: number) => number,
    work: Work,
    alone: () => void,
  ): (() => void) | undefined {
    const call = new Int32Array(CALL_ARGUMENTS + args.length)
    if (!this.cut(call, kernel, args, room, () => work)) return undefined
    const { grace, lasts } = this
    return () => {
      if (!this.ready(lasts) || (heldUp.pause > 0 && paused())) alone()
      else this.make(call, grace)
    }
  }

  run(kernel: string, args: readonly number[], room: (index: number) => number): boolean {
    if (heldUp.pause > 0 && paused()) return false
    if (!this.cut(this.call, kernel, args, room, (types) => workOf(kernel, types, room))) return false
    if (!this.ready(this.lasts)) return false
    this.make(this.call, this.grace)
    return true
  }

  dispose(): void {
    if (this.begun) this.pool.forget()
  }

  /** Whether the others are there for a call: they are started when the first has made enough alone for that to pay. */
  private ready(microseconds: number): boolean {
    if (!this.begun && (this.earned += microseconds) >= (cutting.earned ?? EARNED)) this.begin()
    return this.begun
  }

  /** The others come to know of this context. */
  begin(): void {
    if (this.begun) return
    this.begun = true
    this.pool.begin()
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
    const repeated = REPEATED[kernel] as (typeof REPEATED)[string] | undefined
    const { flops = 0, bytes = 0 } = work(cut.types)
    const microseconds = flops / FLOPS + bytes / BYTES
    const wanted = cutting.pieces ?? piecesFor(microseconds, this.count, repeated ? room(repeated[0]) / repeated[1] : 0)
    if (wanted < 2) return false
    const patient = cutting.pauses ? LONGEST_GRACE : GRACE + (GRACE_OF_WORK * microseconds) / wanted
    this.grace = cutting.grace ?? Math.min(patient, LONGEST_GRACE)
    const step = Math.ceil(most / Math.min(most, wanted)) * grain
    if (cut.scratch >= 0 && args[cut.scratch] !== 0 && !this.reserve(room(cut.scratch))) return false
    this.lasts = microseconds
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

  private make(call: Int32Array, grace: number): void {
    const { words } = this
    const start = cutting.made && now()
    call[CALL_SCRATCHES] = this.scratch
    call[CALL_SCRATCH_BYTES] = this.scratchBytes
    // Nobody reads what is there: every piece of the call before is finished.
    words.set(call, SHARE_CALL / 4)
    if (Atomics.load(words, SHARE_AWAKE / 4) < this.others) this.pool.wake()
    const { share_call } = this.context.kernels as unknown as ShareExports
    const ended = share_call(this.share, this.sleeps ? 1 : 0, grace)
    if (words[SHARE_FAILED / 4]) throw new WebAssembly.RuntimeError(`in another thread: ${this.reason()}`)
    if (ended === 1) throw new WebAssembly.RuntimeError('another thread has ended with a part of it')
    if (ended === 2) late()
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

/**
 * How many pieces work is worth: 1 if it is not worth cutting.
 *
 * @param microseconds - that it takes one thread.
 * @param threads - that share it.
 * @param repeated - microseconds of what every piece does again.
 */
function piecesFor(microseconds: number, threads: number, repeated: number): number {
  if (microseconds < LEAST) return 1
  const share = microseconds / threads
  if (share + repeated > microseconds * WORTH) return 1
  let turns = TURNS
  while (turns > 1 && turns * repeated > share / 8) turns /= 2
  return Math.min(turns * threads, Math.ceil(microseconds / PIECE))
}

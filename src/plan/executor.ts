// A planned segment made into calls with addresses, and those calls made.
import type { Context } from '../../bindings/context.js'
import { Breather } from '../core/breather.js'
import { now } from '../core/clock.js'
import { errorAt, LanewiseError, present } from '../core/errors.js'
import type { HostTensor } from '../core/host.js'
import type { Steps } from '../core/steps.js'
import type { Node } from '../ir/graph.js'
import type { KernelInfo } from '../ir/emitter.js'
import type { Work } from '../ir/op.js'
import { bindCall } from './call.js'
import type { HostStep, KernelStep, Step } from './emitter.js'
import { Placed } from './placed.js'
import { stepsOf, type OwnStep, type Segment } from './plan-state.js'
import type { States } from './states.js'
import { copyData, viewOf } from './transfer.js'
import type { Variations } from './variations.js'
import { placeOf, resolve, roomAt } from './weights.js'

/** What one step took, for a profile. */
export interface StepTime {
  readonly node: Node | undefined
  readonly kernel: string
  readonly note: KernelInfo
  readonly ms: number
  /** Bytes of the tensors that the step's node reads and writes. */
  readonly bytes: number
}

/** How many times as large an arena becomes, at least, that turns out too small. */
const ARENA_GROWTH = 1.25

/** What calls are bound to; a generation of −1 before the first time. */
interface Binding {
  readonly generation: number
  readonly arena: number
  readonly moves: number
  readonly epoch: number
}

/** A segment and its calls. */
export interface Bound extends Binding {
  readonly segment: Segment
  /** Those that the segment is one of, or the base of. */
  readonly variations: Variations | undefined
  calls: readonly (() => void)[]
}

/** A segment that has not been bound yet. */
export function unbound(segment: Segment, variations?: Variations): Bound {
  return { segment, variations, calls: [], generation: -1, arena: 0, moves: 0, epoch: 0 }
}

/**
 * Whether calls are still bound to the memory as it is. Compares numbers only: it is asked before every run, and a run
 * allocates nothing.
 */
function stands(bound: Binding, generation: number, arena: number, moves: number, epoch: number): boolean {
  return bound.generation === generation && bound.arena === arena && bound.moves === moves && bound.epoch === epoch
}

/** The arena of one program, and the calls over it. */
export class Executor {
  private arena = 0
  private arenaSize = 0
  /** The calls of plans of which others are made. */
  private readonly bases = new WeakMap<Variations, Binding & { readonly calls: readonly (() => void)[] }>()

  constructor(
    private readonly context: Context,
    private readonly states: States | undefined,
  ) {}

  /** Bytes of the arena now. */
  get bytes(): number {
    return this.arenaSize
  }

  /**
   * Places a segment's blocks and makes its calls, unless they still stand. `begun`: the arena holds values of this
   * run.
   */
  bind(prepared: Bound, begun: boolean): void {
    const { context } = this
    context.check()
    const { segment, variations } = prepared
    const { arenaBytes } = variations ?? segment
    if (arenaBytes > this.arenaSize) this.growArena(arenaBytes, begun)
    const { generation } = context
    const { arena } = this
    const moves = this.states?.moves ?? 0
    const epoch = variations?.epoch ?? 0
    if (stands(prepared, generation, arena, moves, epoch)) return
    const binding = { generation, arena, moves, epoch }
    const base = variations && segment.changed ? this.bindBase(variations, binding) : undefined
    for (const block of segment.blocks) {
      // A block that no step touches has been given no place.
      const { offset } = block.home ?? block
      if (offset !== undefined) block.base = this.arena + offset
    }
    const calls = base ? [...base] : segment.steps.map((step) => this.bindStep(step))
    if (base) {
      for (const i of segment.changed ?? []) calls[i] = this.bindStep(segment.steps[i])
      for (const { like, others } of segment.likes ?? [])
        for (const own of others) calls[own.at] = this.bindLike(like, own)
    }
    Object.assign(prepared, binding, { calls })
  }

  /** The calls that a plan shares with all plans derived from it. */
  private bindBase(variations: Variations, binding: Binding): readonly (() => void)[] {
    const bound = this.bases.get(variations)
    const { generation, arena, moves, epoch } = binding
    if (bound && stands(bound, generation, arena, moves, epoch)) return bound.calls
    const { steps, blocks } = variations.base
    for (const block of blocks) block.base = this.arena + present(block.offset, 'offset')
    const calls = steps.map((step) => this.bindStep(step))
    this.bases.set(variations, { ...binding, calls })
    return calls
  }

  private growArena(bytes: number, begun: boolean): void {
    const { context } = this
    // Where one has been too small already, the next may be, too: a past that grows by a row with every token.
    const size = Math.max(
      bytes,
      Math.min(Math.floor(this.arenaSize * ARENA_GROWTH), this.arenaSize + Math.floor(context.left / 4)),
    )
    if (begun) {
      const to = context.alloc(size)
      context.bytes(to, this.arenaSize).set(context.bytes(this.arena, this.arenaSize))
      context.release(this.arena)
      this.arena = to
    } else {
      context.release(this.arena)
      this.arena = this.arenaSize = 0
      this.arena = context.alloc(size)
    }
    this.arenaSize = size
  }

  private bindStep(step: Step): () => void {
    return 'kernel' in step ? this.bindKernel(step, step.args.map(resolve)) : this.bindHost(step)
  }

  private bindLike(like: KernelStep, { blocks }: OwnStep): () => void {
    const { args } = like
    const at = new Array<number>(args.length)
    for (let n = 0; n < args.length; n++) {
      const arg = args[n]
      at[n] = typeof arg === 'number' ? arg : placeOf(blocks[n] ?? arg.block) + arg.offset
    }
    return this.bindKernel(like, at)
  }

  private bindKernel({ kernel, args, note }: KernelStep, at: readonly number[]): () => void {
    const { threads } = this.context
    const alone = bindCall(this.context.kernel(kernel), at)
    return threads?.bind(kernel, at, (i) => roomAt(args[i]), note, alone) ?? alone
  }

  private bindHost({ node, inputs, outputs, compute }: HostStep): () => void {
    const view = (placed: Placed): HostTensor => viewOf(this.context, placed)
    const from = inputs.map((input) => (input instanceof Placed ? view(input) : input))
    const to = outputs.map((output) => output && view(output))
    return () => {
      let results
      try {
        results = compute(from)
      } catch (error) {
        throw errorAt(node.op.name, node.name, error)
      }
      to.forEach((output, i) => output && copyData(output, results[i].data))
    }
  }

  /** Makes the calls of a segment that is bound. */
  run(bound: Bound, profile?: (time: StepTime) => void): void {
    this.execute(callsOf(bound, profile), bound.segment)
  }

  /** Makes the calls, and lets events run in between. */
  *runPaced(bound: Bound, pace: Pace, profile?: (time: StepTime) => void): Steps<void> {
    pace.check()
    // Nodes that run in TypeScript stand between stretches of calls, and there may be nothing but those.
    if (pace.due) yield* pace.breathe()
    for (const [i, call] of callsOf(bound, profile).entries()) {
      this.execute([call], bound.segment, i)
      if (pace.due) yield* pace.breathe()
    }
  }

  dispose(): void {
    this.context.release(this.arena)
    this.arena = 0
    this.arenaSize = 0
  }

  /** @param first - the step whose call comes first: a kernel that fails is told by its node. */
  private execute(calls: readonly (() => void)[], { steps }: Segment, first = 0): void {
    let i = 0
    try {
      for (; i < calls.length; i++) calls[i]()
    } catch (error) {
      const { node } = steps[first + i]
      const failure = this.context.guard(error)
      throw node ? errorAt(node.op.name, node.name, failure) : failure
    }
  }
}

/** Yields to timers and events often enough that a signal can fire. */
export class Pace extends Breather {
  constructor(private readonly signal: AbortSignal) {
    super()
  }

  /** @throws LanewiseError `E_STATE` once the signal has fired. */
  check(): void {
    throwIfAborted(this.signal)
  }

  override *breathe(): Steps<void> {
    yield* super.breathe()
    this.check()
  }

  /** The result of work that is done in pieces. */
  *finish(work: Work): Steps<readonly HostTensor[]> {
    for (;;) {
      const { done, value } = work.next()
      if (done) return value
      if (this.due) yield* this.breathe()
    }
  }
}

function callsOf({ calls, segment }: Bound, profile?: (time: StepTime) => void): readonly (() => void)[] {
  if (!profile) return calls
  const steps = stepsOf(segment)
  return calls.map((call, i) => () => {
    const step = steps[i]
    const start = now()
    call()
    const ms = now() - start
    profile({
      node: step.node,
      kernel: step.note.kernel ?? ('kernel' in step ? step.kernel : 'TypeScript'),
      note: step.note,
      ms,
      bytes: step.note.bytes ?? 0,
    })
  })
}

/** @throws LanewiseError `E_STATE` once the signal has fired. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new LanewiseError('E_STATE', 'the run was aborted', { cause: signal.reason })
}

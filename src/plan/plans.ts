// The plans that are kept, and those that are derived from others, for inputs of which only the sizes are new.
import { isHostTensor, type HostTensor, type HostValue } from '../core/host.js'
import type { Value } from '../ir/graph.js'
import type { TensorType } from '../ir/op.js'
import { unbound, type Bound } from './executor.js'
import { Lru } from '../ir/lru.js'
import type { Placed } from './placed.js'
import type { Segment } from './plan-state.js'
import type { Recording } from './recording.js'
import type { Origin } from './replan.js'
import type { Variations, WatchedTypes } from './variations.js'
import type { WeightLease, WeightStore } from './weights.js'

/** Plans kept per place where plans branch: one per set of input shapes. */
export const PLANS = 16
/**
 * What one step of theirs takes, roughly: its arguments, twice; and one that is shared. Constants in WebAssembly
 * memory, which never shrinks, count more.
 */
const OWN_STEP_BYTES = 512
const SHARED_STEP_BYTES = 16
const CONSTANTS_WEIGH = 128
/**
 * Bytes that all plans may take that were made of others: hundreds of lengths of a text, which come again with the next
 * one. No more than this part of the memory limit.
 */
const VARIED_BYTES = 2 ** 24
const VARIED_PART = 1 / 16
/** Sets of inputs that differ in sizes alone, for which such plans are made. */
const FAMILIES = 4
/** After so many plans in a row that could not be derived, it is no longer tried. */
const FAILURES = 8

/** A segment and what has been made of it: calls with addresses, and the segments that followed it. */
export interface Prepared extends Bound {
  /** The constants that the segment reads. */
  readonly lease: WeightLease
  readonly next: Lru<Prepared>
  /** The values in JavaScript that this segment or a later one reads. */
  readonly reads: ReadonlySet<Value>
  /** What a plan that was made of another takes besides that, roughly. */
  readonly ownBytes: number
}

/**
 * A segment that can be run.
 *
 * @param base - the plan that it was made of, which reads the same values, and which none follows either.
 */
export function prepare(segment: Segment, lease: WeightLease, variations?: Variations, base?: Prepared): Prepared {
  const { next, reads } = base ?? { next: new Lru(PLANS, forget), reads: hostValues(segment) }
  const { steps, changed = [] } = segment
  const ownBytes = changed.length * OWN_STEP_BYTES + steps.length * SHARED_STEP_BYTES + lease.ownBytes * CONSTANTS_WEIGH
  return { ...unbound(segment, variations), lease, next, reads, ownBytes }
}

/** Frees what a plan that will not run again holds, and those that go on from it: chains of them may be long. */
export function forget(prepared: Prepared): void {
  const all = [prepared]
  for (const { lease, next, variations, segment } of all) {
    lease.release()
    // What was made of another reads the constants of that, too.
    if (segment.changed) variations?.lease.release()
    all.push(...next.values())
  }
}

/** The values in JavaScript that a segment or one after it reads. */
function hostValues(segment: Segment): Set<Value> {
  const values = readLater(segment)
  for (const { value } of segment.uploads) values.add(value)
  return values
}

/** The values in JavaScript that are read after a segment's uploads. */
export function readLater({ sources, state }: Segment): Set<Value> {
  const values = new Set<Value>()
  for (const source of sources.values()) if ('host' in source) values.add(source.host)
  for (const [value, { host }] of state.slots) if (host) values.add(value)
  return values
}

/** The code that derives plans: loaded when inputs come in a second size; until it is there, plans are made anew. */
let maker: typeof import('./variations.js') | undefined
let loading: Promise<void> | undefined

/** Has it from the start, where nothing can be loaded. */
export function provideVariations(loaded: typeof import('./variations.js')): void {
  maker = loaded
}

/** Sees to it that plans can be made of others. A loop of runs lets nothing load, so it has to be there before. */
export function loadVariations(): Promise<void> {
  return (loading ??= maker
    ? Promise.resolve()
    : import('./variations.js').then(
        (loaded) => void (maker = loaded),
        () => undefined,
      ))
}

/** What is noted while a plan is made that others may be made of. */
interface Watch {
  readonly recording: Recording
  readonly watched: WatchedTypes
}

/** Plans for inputs that differ in sizes alone. */
export class Family {
  private variations: Variations | undefined
  /** The plan that others are made of. */
  private base: Prepared | undefined
  private failures = 0

  /**
   * A plan for these types, made of another.
   *
   * @returns 'other' if there is none to make it of or that does not lead there, so that a new one may found the
   *   family; undefined if it is a plan of its own.
   */
  derive(
    types: ReadonlyMap<Value, TensorType | undefined>,
    places: ReadonlyMap<Value, Placed>,
    weights: WeightStore,
  ): Prepared | 'other' | undefined {
    const { variations } = this
    if (!variations || this.failures >= FAILURES) return 'other'
    const lease = weights.lease()
    const segment = variations.derive(types, places, lease)
    if (typeof segment !== 'object') {
      lease.release()
      this.failures++
      return segment
    }
    this.failures = 0
    variations.lease.share()
    return prepare(segment, lease, variations, this.base)
  }

  /** What has to watch a plan being made, if others are to be made of it. */
  watch(): Watch | undefined {
    void loadVariations()
    return maker && this.failures < FAILURES
      ? { recording: new maker.Recording(), watched: new maker.WatchedTypes() }
      : undefined
  }

  /** Takes a plan as the one that others are made of, if it is whole and the same every time. */
  founded(made: Prepared, origin: Omit<Origin, 'segment' | 'lease'>): Prepared {
    const { segment, lease } = made
    if (!maker || segment.end.kind !== 'done' || origin.graph.nodes.some(({ op }) => op.random)) return made
    this.release()
    lease.share()
    this.variations = new maker.Variations({ ...origin, segment, lease })
    return (this.base = prepare(segment, lease, this.variations))
  }

  release(): void {
    this.variations?.lease.release()
  }
}

/** The families of a program, and the plans that were made in them. */
export class Families {
  private readonly known = new Lru<Family>(FAMILIES, (family) => family.release())
  private readonly varied: Lru<Prepared>

  /** @param limit - bytes of memory that the program may take. */
  constructor(limit: number) {
    this.varied = new Lru(Math.min(VARIED_BYTES, limit * VARIED_PART), forget, ({ ownBytes }) => ownBytes)
  }

  /** A plan that was made of another before. */
  get(key: string): Prepared | undefined {
    return this.varied.get(key)
  }

  keep(key: string, made: Prepared): void {
    this.varied.set(key, made)
  }

  /** A family, from the second time on that it is asked for. */
  of(key: string): Family | undefined {
    const family = this.known.get(key)
    if (!family) this.known.set(key, new Family())
    return family
  }

  dispose(): void {
    for (const prepared of this.varied.values()) forget(prepared)
    for (const family of this.known.values()) family.release()
  }
}

/** Whether what is fed is of these types. */
export function fits(feeds: ReadonlyMap<Value, HostValue>, types: ReadonlyMap<Value, TensorType>): boolean {
  if (feeds.size !== types.size) return false
  for (const [value, host] of feeds) {
    const type = types.get(value)
    if (!type || !isHostTensor(host) || host.dtype !== type.dtype || host.shape.length !== type.shape.length)
      return false
    for (let axis = 0; axis < type.shape.length; axis++) if (host.shape[axis] !== type.shape[axis]) return false
  }
  return true
}

/** Elements as part of a plan's key. Strings may hold the separator. */
export function elementsKey({ data }: HostTensor): string {
  return Array.isArray(data) ? JSON.stringify(data) : String(data)
}

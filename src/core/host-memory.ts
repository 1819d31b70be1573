import { LanewiseError } from './errors.js'
import { isHostTensor, type HostSequence, type HostTensor, type HostValue } from './host.js'

/** What a tensor of any size takes in JavaScript besides its elements, roughly. */
const TENSOR_BYTES = 512
/** A place in an array. */
const PLACE_BYTES = 8
/** A string besides its characters; the place it is kept in included. */
export const STRING_BYTES = 24
/** An entry of a Map, its key and its value. */
const ENTRY_BYTES = 64
/**
 * Strings and objects lie in JavaScript's own heap, and an engine whose heap is full ends the process instead of
 * throwing (V8 from about 2 GiB on). So they get less than that, whatever the memory limit is.
 */
const HEAP_LIMIT = 2 ** 29

/** Bytes of elements in typed arrays, and bytes in JavaScript's heap. */
interface Size {
  buffers: number
  heap: number
}

/**
 * What the values that lie in JavaScript take of a session's memory limit: strings, sequences, optionals, maps, and
 * tensors between operators that run in TypeScript. What is held counts until it is dropped. Values share tensors (a
 * sequence and the sequence with one item more): counted is first what all would take without sharing, and only where
 * that passes the limit, every tensor once.
 */
export class HostMemory {
  private readonly held = new Map<HostValue, { users: number; readonly size: Size }>()
  /** What is held, shared tensors as often as they are. */
  private readonly sum: Size = { buffers: 0, heap: 0 }
  /** An upper bound from the last time that every tensor was counted once. */
  private readonly counted: Size = { buffers: 0, heap: 0 }

  /**
   * @param limit - the session's memory limit.
   * @param elsewhere - bytes of that limit which are taken by WebAssembly memory now.
   */
  constructor(
    private readonly limit: number,
    private readonly elsewhere: () => number,
  ) {}

  /** Bytes that the values take now, at least so many as to pass `most` if they do. */
  bytesUnless(most: number): number {
    const bound = Math.min(this.sum.buffers + this.sum.heap, this.counted.buffers + this.counted.heap)
    if (bound <= most) return bound
    this.count()
    return this.counted.buffers + this.counted.heap
  }

  /** What one stretch of work holds: all of it is dropped when the scope is closed. */
  scope(): HostScope {
    return new HostScope(this)
  }

  /** @throws LanewiseError `E_BUDGET` if so much more, in typed arrays or in JavaScript's heap, passes the limit. */
  reserve(buffers: number, heap = 0): void {
    if (this.fits(buffers, heap)) return
    this.count()
    if (this.fits(buffers, heap)) return
    const { counted } = this
    const most = counted.heap + heap > HEAP_LIMIT ? HEAP_LIMIT : this.limit
    const taken = counted.heap + heap > HEAP_LIMIT ? counted.heap : counted.heap + counted.buffers + this.elsewhere()
    throw new LanewiseError(
      'E_BUDGET',
      `${buffers + heap} more bytes of values in JavaScript would pass the limit of ${most} bytes (${taken} in use)`,
      { expected: `<= ${most}`, actual: String(taken + buffers + heap) },
    )
  }

  /** @throws LanewiseError `E_BUDGET`; the value is then not held. */
  hold(value: HostValue): void {
    const known = this.held.get(value)
    if (known) {
      known.users++
      return
    }
    const size = sizeOf(value)
    this.held.set(value, { users: 1, size })
    add(this.sum, size, 1)
    add(this.counted, size, 1)
    try {
      this.reserve(0)
    } catch (error) {
      this.drop(value)
      throw error
    }
  }

  drop(value: HostValue): void {
    const known = this.held.get(value)
    if (!known || --known.users > 0) return
    this.held.delete(value)
    add(this.sum, known.size, -1)
    // When nothing is held the count is 0 again, whatever was added: a size that is NaN must not stay for ever.
    if (this.held.size === 0) for (const size of [this.sum, this.counted]) size.buffers = size.heap = 0
  }

  private fits(buffers: number, heap: number): boolean {
    const { sum, counted } = this
    const inHeap = Math.min(sum.heap, counted.heap) + heap
    return (
      inHeap <= HEAP_LIMIT && Math.min(sum.buffers, counted.buffers) + buffers + inHeap + this.elsewhere() <= this.limit
    )
  }

  /** Counts every tensor once. */
  private count(): void {
    const seen = new Set<unknown>()
    const size = { buffers: 0, heap: 0 }
    for (const value of this.held.keys()) measure(value, size, seen)
    Object.assign(this.counted, size)
  }
}

/** See {@link HostMemory.scope}. */
export class HostScope {
  /** Made when it is wanted: most scopes hold nothing. */
  private values: Map<HostValue, number> | undefined

  constructor(private readonly memory: HostMemory) {}

  /** Counts a value. @throws LanewiseError `E_BUDGET` if that passes the limit. */
  hold(value: HostValue): void {
    this.memory.hold(value)
    this.values ??= new Map()
    this.values.set(value, (this.values.get(value) ?? 0) + 1)
  }

  /** Counts a value no longer that this scope has held. */
  drop(value: HostValue): void {
    const times = this.values?.get(value)
    if (!this.values || !times) return
    if (times === 1) this.values.delete(value)
    else this.values.set(value, times - 1)
    this.memory.drop(value)
  }

  /** Asks for room before something is made. @throws LanewiseError `E_BUDGET`. */
  reserve(buffers: number, heap = 0): void {
    this.memory.reserve(buffers, heap)
  }

  close(): void {
    if (!this.values) return
    for (const [value, times] of this.values) for (let i = 0; i < times; i++) this.memory.drop(value)
    this.values = undefined
  }
}

/** What strings take in JavaScript. */
export function stringBytes(strings: readonly string[]): number {
  let bytes = 0
  // What is no string is refused where elements are checked; here it has no length.
  for (const text of strings) bytes += STRING_BYTES + (typeof text === 'string' ? 2 * text.length : 0)
  return bytes
}

/** What an array with so many places takes. */
export function placeBytes(count: number): number {
  return count * PLACE_BYTES
}

/** What so many tensors take in JavaScript besides their elements. */
export function tensorBytes(count: number): number {
  return count * (TENSOR_BYTES + PLACE_BYTES)
}

function add(to: Size, { buffers, heap }: Size, sign: number): void {
  to.buffers += sign * buffers
  to.heap += sign * heap
}

function sizeOf(value: HostValue): Size {
  const known = sequences.get(value)
  if (known) return known
  const size = { buffers: 0, heap: 0 }
  measure(value, size)
  if (!isHostTensor(value) && value.kind === 'sequence') sequences.set(value, size)
  return size
}

/** What sequences take that have been measured. */
const sequences = new WeakMap<HostValue, Size>()

/**
 * A sequence is another one with an item more: where that has been measured, only the item is, so that one which grows
 * in a loop is not measured all over.
 */
export function noteGrown(sequence: HostSequence, from: HostSequence, item: HostTensor): void {
  const known = sequences.get(from)
  if (!known) return
  const size = { ...known }
  measure(item, size)
  size.heap += PLACE_BYTES
  sequences.set(sequence, size)
}

/** What strings take is found out once for each list of them. */
const measured = new WeakMap<readonly string[], number>()

/** @param seen - tensors that do not count again. */
function measure(value: HostValue, size: Size, seen?: Set<unknown>): void {
  if (isHostTensor(value)) return measureTensor(value, size, seen)
  size.heap += TENSOR_BYTES
  if (value.kind === 'sequence') {
    size.heap += PLACE_BYTES * value.items.length
    for (const item of value.items) measure(item, size, seen)
  } else if (value.kind === 'map') {
    size.heap += ENTRY_BYTES * value.entries.size
    for (const pair of value.entries)
      for (const part of pair) if (typeof part === 'string') size.heap += 2 * part.length
  } else if (value.value) {
    measure(value.value, size, seen)
  }
}

function measureTensor({ data }: HostTensor, size: Size, seen?: Set<unknown>): void {
  if (seen?.has(data)) return
  seen?.add(data)
  size.heap += TENSOR_BYTES
  if (!Array.isArray(data)) {
    size.buffers += data.byteLength
    return
  }
  let bytes = measured.get(data)
  if (bytes === undefined) measured.set(data, (bytes = stringBytes(data)))
  size.heap += bytes
}

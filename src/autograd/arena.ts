import { align, type Context } from '../../bindings/context.js'

/** The first stretch an arena reserves. */
const FIRST_BYTES = 1 << 20

interface Chunk {
  readonly start: number
  readonly bytes: number
}

/** Bytes that nobody uses between others that somebody does. */
interface Gap {
  start: number
  readonly end: number
}

/**
 * Memory of one training step. What is freed inside the step is taken again by later requests, from the smallest gap
 * that holds them; everything else goes at once when the step ends. A step that needed several stretches of memory
 * leaves one behind that is long enough, so that the steps after it reserve nothing.
 */
export class StepArena {
  private chunks: Chunk[] = []
  private top = 0
  /** Bytes of the chunks before the current one, and of this one up to `top`. */
  private taken = 0
  /** In the order of their addresses; no two of them touch. */
  private gaps: Gap[] = []
  private peakBytes = 0
  private mostTaken = 0

  constructor(private readonly context: Context) {}

  /** Bytes reserved. */
  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)
  }

  /** The most bytes that one step has used. */
  get peak(): number {
    return Math.max(this.peakBytes, this.mostTaken)
  }

  /** @throws LanewiseError `E_BUDGET` over the memory limit. */
  alloc(bytes: number): number {
    const size = align(Math.max(bytes, 1))
    const gap = this.fit(size)
    if (gap !== undefined) return gap
    const chunk = this.chunks.at(-1)
    if (!chunk || this.top + size > chunk.start + chunk.bytes) this.extend(size)
    const address = this.top
    this.top += size
    this.taken += size
    this.mostTaken = Math.max(this.mostTaken, this.taken)
    return address
  }

  /** Gives memory back before the step ends. */
  release(address: number, bytes: number): void {
    let [start, end] = [address, address + align(Math.max(bytes, 1))]
    let place = this.placeOf(address)
    const before = this.gaps[place - 1]
    if (place > 0 && before.end === start && !this.startsChunk(start)) {
      start = before.start
      this.gaps.splice(--place, 1)
    }
    const after = this.gaps[place]
    if (place < this.gaps.length && after.start === end && !this.startsChunk(end)) {
      end = after.end
      this.gaps.splice(place, 1)
    }
    const chunk = this.chunks.at(-1)
    if (end === this.top && chunk && start >= chunk.start) {
      // Free up to the end of what is handed out: not handed out any more.
      this.taken -= this.top - start
      this.top = start
    } else this.gaps.splice(place, 0, { start, end })
  }

  /** The step is over: everything handed out is free. */
  reset(): void {
    this.peakBytes = Math.max(this.peakBytes, this.mostTaken)
    this.gaps = []
    this.taken = 0
    this.mostTaken = 0
    if (this.chunks.length > 1) {
      this.dispose()
      this.extend(this.peakBytes)
    }
    this.top = this.chunks[0]?.start ?? 0
  }

  /** The beginning of the smallest gap of so many bytes, the first of equal ones. */
  private fit(size: number): number | undefined {
    let best: Gap | undefined
    let room = Infinity
    for (const gap of this.gaps) {
      const length = gap.end - gap.start
      if (length < size || length >= room) continue
      best = gap
      room = length
      if (length === size) break
    }
    if (!best) return undefined
    const address = best.start
    if (room === size) this.gaps.splice(this.gaps.indexOf(best), 1)
    else best.start += size
    return address
  }

  /** Where among the gaps one that begins at an address belongs. */
  private placeOf(address: number): number {
    let [low, high] = [0, this.gaps.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.gaps[middle].start < address) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Chunks may touch; gaps end with them. */
  private startsChunk(address: number): boolean {
    return this.chunks.some(({ start }) => start === address)
  }

  dispose(): void {
    for (const chunk of this.chunks) this.context.release(chunk.start)
    this.chunks = []
  }

  private extend(size: number): void {
    const bytes = Math.max(size, FIRST_BYTES, this.bytes >> 1)
    const start = this.context.alloc(bytes)
    this.chunks.push({ start, bytes })
    this.top = start
  }
}

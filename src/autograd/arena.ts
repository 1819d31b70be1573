import { align, type Context } from '../../bindings/context.js'

/** The first stretch an arena reserves. */
const FIRST_BYTES = 1 << 20

interface Chunk {
  readonly start: number
  readonly bytes: number
}

/**
 * Memory of one training step. What is freed inside the step is taken again by later requests of the same size (the steps of a training
 * are alike, so are their sizes); everything else goes at once when the step ends. A step that needed several stretches of memory
 * leaves one behind that is long enough, so that the steps after it reserve nothing.
 */
export class StepArena {
  private chunks: Chunk[] = []
  private top = 0
  /** Bytes of the chunks before the current one, and of this one up to `top`. */
  private taken = 0
  private readonly free = new Map<number, number[]>()
  private peakBytes = 0

  constructor(private readonly context: Context) {}

  /** Bytes reserved. */
  get bytes(): number {
    return this.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0)
  }

  /** The most bytes that one step has used. */
  get peak(): number {
    return Math.max(this.peakBytes, this.taken)
  }

  /** @throws LanewiseError `E_BUDGET` over the memory limit. */
  alloc(bytes: number): number {
    const size = align(Math.max(bytes, 1))
    const again = this.free.get(size)?.pop()
    if (again !== undefined) return again
    const chunk = this.chunks.at(-1)
    if (!chunk || this.top + size > chunk.start + chunk.bytes) this.extend(size)
    const address = this.top
    this.top += size
    this.taken += size
    return address
  }

  /** Gives memory back before the step ends. */
  release(address: number, bytes: number): void {
    const size = align(Math.max(bytes, 1))
    const list = this.free.get(size)
    if (list) list.push(address)
    else this.free.set(size, [address])
  }

  /** The step is over: everything handed out is free. */
  reset(): void {
    this.peakBytes = Math.max(this.peakBytes, this.taken)
    this.free.clear()
    this.taken = 0
    if (this.chunks.length > 1) {
      this.dispose()
      this.extend(this.peakBytes)
    }
    this.top = this.chunks[0]?.start ?? 0
  }

  dispose(): void {
    for (const chunk of this.chunks) this.context.release(chunk.start)
    this.chunks = []
  }

  private extend(size: number): void {
    const bytes = Math.max(size, FIRST_BYTES, this.bytes)
    const start = this.context.alloc(bytes)
    this.chunks.push({ start, bytes })
    this.top = start
  }
}

import { Context } from '../bindings/context.js'
import { chooseBuild, loadModule, type Build } from '../bindings/module.js'
import { platform } from '../src/platform/platform.js'

const FLOPS_PER_ITERATION = 96

/** What this build and engine can do at most, from loops that do nothing else: see assembly/peak.ts. */
export class Peaks {
  private buffer = 0
  private bytes = 0

  private constructor(private readonly context: Context) {}

  static async create(build: Build | 'auto'): Promise<Peaks> {
    return new Peaks(new Context(await loadModule(chooseBuild(build, false), platform().wasm)))
  }

  get build(): Build {
    return this.context.build
  }

  /** The best rate seen in a few tries, GFLOP/s. */
  best(): number {
    return 1 / Math.min(...Array.from({ length: 9 }, () => this.timeOfFlops(1e6)))
  }

  /** Milliseconds for `flops` operations of multiply-adds in registers. */
  timeOfFlops(flops: number): number {
    // A fixed amount near a millisecond: long enough for the clock, short enough to stay in one mood of the machine.
    const iterations = 400_000
    const start = performance.now()
    this.context.kernels.peak_madd(iterations)
    return ((performance.now() - start) * flops) / (iterations * FLOPS_PER_ITERATION)
  }

  /** Milliseconds to read `bytes` once, as often as a kernel that follows itself would. */
  timeOfReading(bytes: number): number {
    const size = Math.ceil(bytes / 128) * 128
    const { context } = this
    if (size > this.bytes) {
      context.release(this.buffer)
      this.buffer = context.alloc(size)
      this.bytes = size
      // Pages that were never written are all the same page of zeros.
      context.bytes(this.buffer, size).fill(1)
      context.kernels.peak_read(this.buffer, size)
    }
    const runs = Math.max(1, Math.ceil(16e6 / size))
    const start = performance.now()
    for (let i = 0; i < runs; i++) context.kernels.peak_read(this.buffer, size)
    return (performance.now() - start) / runs
  }
}

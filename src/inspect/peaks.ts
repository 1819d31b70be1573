import { Context } from '../../bindings/context.js'
import type { WasmAddress } from '../../bindings/address.js'
import { chooseBuild, loadModule, type Build, type TrainKernels } from '../../bindings/module.js'
import { platform } from '../platform/platform.js'
import { trainWasmFile } from '../platform/train-wasm-files.js'
import { clockStep } from './clock-step.js'

/** Steps of the clock that are told well enough: it rounds by one. */
const TELLABLE = 20
const FLOPS = { peak_madd: 312, peak_add: 52 }

/** GFLOP/s in registers. */
export interface PeakRates {
  readonly peak: number
  /** Two for each addition of a loop of additions: the peak if products cost nothing beside them. */
  readonly peakOfAdditions: number
}

/** What a device can do at most: the two roofs of a roofline. */
export interface DeviceRates {
  /** GFLOP/s of multiply-adds in registers. */
  readonly gflops: number
  /** GB/s of reading memory that no cache holds. */
  readonly gbytes: number
}

/** More than caches hold, and little enough for a phone. */
const READ = 48 * 2 ** 20

/** Measures this device, by the kernels of a build. Takes a fifth of a second. */
export async function measureDevice(build: Build | 'auto'): Promise<DeviceRates> {
  const peaks = await Peaks.create(build)
  try {
    const read = Math.min(...Array.from({ length: 5 }, () => peaks.timeOfReading(READ)))
    return { gflops: peaks.best().peak, gbytes: READ / read / 1e6 }
  } finally {
    peaks.dispose()
  }
}

/** For a report's first line. */
export function describePeaks({ peak, peakOfAdditions }: PeakRates): string {
  return `${peak.toFixed(1)} GFLOP/s of multiply-adds in registers, ${peakOfAdditions.toFixed(1)} if products cost nothing beside the additions`
}

/** What this build and engine can do at most, from loops that do nothing else: see assembly/lib/peak.ts. */
export class Peaks {
  private buffer: WasmAddress | 0 = 0
  private bytes = 0

  private readonly kernels: TrainKernels
  /** Milliseconds that the clock can tell well enough. */
  private readonly tellable = TELLABLE * clockStep()

  private constructor(private readonly context: Context) {
    // The loops stand in the training builds, so that nobody downloads them to run a model.
    this.kernels = context.kernels as TrainKernels
  }

  static async create(build: Build | 'auto'): Promise<Peaks> {
    const source = (chosen: Build) => platform().readKernels(trainWasmFile(chosen))
    return new Peaks(new Context(await loadModule(chooseBuild(build, false), source, 'train')))
  }

  get build(): Build {
    return this.context.build
  }

  /** The best rates seen in a few tries. */
  best(): PeakRates {
    const rate = (kernel: keyof typeof FLOPS): number =>
      1 / Math.min(...Array.from({ length: 9 }, () => this.timeOfFlops(1e6, kernel)))
    return { peak: rate('peak_madd'), peakOfAdditions: 2 * rate('peak_add') }
  }

  /** Milliseconds for `flops` operations of multiply-adds (or additions alone) in registers. */
  timeOfFlops(flops: number, kernel: keyof typeof FLOPS = 'peak_madd'): number {
    // A fixed amount near a millisecond: long enough for the clock, short enough to stay in one mood of the machine.
    const iterations = Math.round(4e7 / FLOPS[kernel])
    const ms = this.timeOf(1, () => this.kernels[kernel](iterations))
    return (ms * flops) / (iterations * FLOPS[kernel])
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
      this.kernels.peak_read(this.buffer, size)
    }
    return this.timeOf(Math.max(1, Math.ceil(16e6 / size)), () => this.kernels.peak_read(this.buffer, size))
  }

  /** Milliseconds of what is done `least` times, or as often as the clock needs to tell. */
  private timeOf(least: number, work: () => void): number {
    const start = performance.now()
    for (let times = 1; ; times++) {
      work()
      const ms = performance.now() - start
      if (times >= least && ms >= this.tellable) return ms / times
    }
  }

  dispose(): void {
    this.context.dispose()
  }
}

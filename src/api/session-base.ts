import type { SessionOptions } from './session-options.js'
import type { MaybeAsyncDisposable, MaybeDisposable } from './tensor-types.js'

/** Bytes of WebAssembly memory a session holds. */
export interface SessionMemory {
  /** Constants, in whatever form the kernels read them. */
  readonly weights: number
  /** Inputs, outputs and intermediate values. */
  readonly arena: number
  /** The most that one node uses besides its values; part of `arena`. */
  readonly scratch: number
  /** What is kept from one run to the next, room to grow included. */
  readonly states: number
  /** What threads add: scratch for each but the first. */
  readonly threads: number
  /** The most that was ever allocated at one time, packing included. */
  readonly peak: number
}

// oxlint-disable-next-line typescript/no-unsafe-declaration-merging -- disposal, where the compiler knows of it
export interface SessionBase extends MaybeDisposable, MaybeAsyncDisposable {}

/** What a session has wherever it lives, here or in a worker: ways to end it, and whether its runs are timed. */
export abstract class SessionBase {
  protected profiling: boolean

  protected constructor({ profile, enableProfiling }: SessionOptions) {
    this.profiling = profile ?? enableProfiling ?? false
  }

  /** Waits for runs that were begun, then frees everything. Any later run is refused with `E_STATE`. */
  abstract release(): Promise<void>

  /** {@link release} without waiting for it. */
  dispose(): void {
    void this.release()
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  /** Records the time of every node from the next run on. */
  startProfiling(): void {
    this.profiling = true
  }

  /** Records no more times. */
  endProfiling(): void {
    this.profiling = false
  }
}

import { LanewiseError } from '../core/errors.js'

// Always by globalThis: where the bare name stands, some bundlers put a whole imitation of it into pages.
const NAMES = ['SIGINT', 'SIGTERM'] as const

/**
 * Whether a run was asked to stop: by an AbortSignal, or by the first signal of the process, after which the next one
 * ends it as usual. @internal
 */
export class StopSignals {
  stopped = false
  /** The signal that it was. */
  name: (typeof NAMES)[number] | undefined

  constructor(
    private readonly ofProcess: boolean,
    private readonly signal: AbortSignal | undefined,
  ) {}

  /** @throws LanewiseError `E_UNSUPPORTED` for signals of a process where there is none. */
  listen(): void {
    if (this.ofProcess && typeof globalThis.process?.on !== 'function')
      throw new LanewiseError('E_UNSUPPORTED', 'stopOnSignals: there is no process here; give fit a signal')
    if (this.ofProcess) for (const name of NAMES) globalThis.process.on(name, this.onSignal)
    if (this.signal?.aborted) this.stopped = true
    this.signal?.addEventListener('abort', this.onAbort)
  }

  close(): void {
    for (const name of NAMES) if (this.ofProcess) globalThis.process.off(name, this.onSignal)
    this.signal?.removeEventListener('abort', this.onAbort)
  }

  private readonly onAbort = () => {
    this.stopped = true
  }

  private readonly onSignal = (name: NodeJS.Signals) => {
    this.stopped = true
    this.name = name as (typeof NAMES)[number]
    for (const other of NAMES) globalThis.process.off(other, this.onSignal)
  }
}

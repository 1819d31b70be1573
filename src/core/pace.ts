import { LanewiseError } from './errors.js'

/** How long JavaScript may be kept from everything else, in milliseconds: signals and timers get their turn then. */
const PATIENCE = 25

/** Lets events run every now and then in work that never waits. @internal */
export class Pace {
  private last = performance.now()

  /** Gives way if that was long ago. */
  async turn(): Promise<void> {
    if (performance.now() - this.last < PATIENCE) return
    await new Promise<void>((resolve) =>
      typeof setImmediate === 'function' ? setImmediate(resolve) : setTimeout(resolve),
    )
    this.last = performance.now()
  }
}

/** @throws LanewiseError `E_STATE` if the signal has fired. @internal */
export function throwIfAborted(signal: AbortSignal, what: string): void {
  if (signal.aborted) throw new LanewiseError('E_STATE', `${what} was aborted`, { cause: signal.reason as unknown })
}

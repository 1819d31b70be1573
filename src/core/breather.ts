import { now } from './clock.js'
import type { Steps } from './steps.js'

/** The longest stretch of work without letting timers and aborts happen, in milliseconds. */
const YIELD_MS = 50

/** Lets events run now and then in work that does not wait for anything itself. */
export class Breather {
  private last = now()

  /** Whether it is time: to ask before {@link breathe} where a generator for nothing would be felt. */
  get due(): boolean {
    return now() - this.last >= YIELD_MS
  }

  *breathe(): Steps<void> {
    if (!this.due) return
    yield
    this.last = now()
  }
}

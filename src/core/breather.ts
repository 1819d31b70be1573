import { now } from './clock.js'
import type { Steps } from './steps.js'

/** The longest stretch of work without letting timers and aborts happen, in milliseconds. */
const YIELD_MS = 50

/** Lets events run now and then in work that does not wait for anything itself. */
export class Breather {
  private last = now()

  /**
   * Whether it is time to yield. Ask before {@link breathe} where making a generator every time would cost too much.
   */
  get due(): boolean {
    return now() - this.last >= YIELD_MS
  }

  *breathe(): Steps<void> {
    if (!this.due) return
    yield
    this.last = now()
  }
}

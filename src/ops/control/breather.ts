import { now } from '../../core/clock.js'
import type { Steps } from '../../core/steps.js'

/** The longest stretch of iterations without letting timers and aborts happen. */
const YIELD_MS = 50

/** Lets events run now and then: a body may be too short to do so itself. */
export class Breather {
  private last = now();

  *breathe(): Steps<void> {
    if (now() - this.last < YIELD_MS) return
    yield
    this.last = now()
  }
}

/** The longest stretch of iterations without letting timers and aborts happen. */
const YIELD_MS = 50

/** Lets events run now and then: a body may be too short to do so itself. */
export class Breather {
  private last = performance.now()

  async breathe(): Promise<void> {
    if (performance.now() - this.last < YIELD_MS) return
    await new Promise((done) => setTimeout(done, 0))
    this.last = performance.now()
  }
}

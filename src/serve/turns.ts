/** Long work in pieces, of which one is done between two looks for new requests, however many there are who wait. */
export class Turns {
  private readonly waiting: (() => void)[] = []

  /** Resolves when it is this one's turn. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      if (this.waiting.push(resolve) === 1) setImmediate(this.take)
    })
  }

  private readonly take = (): void => {
    this.waiting.shift()?.()
    if (this.waiting.length > 0) setImmediate(this.take)
  }
}

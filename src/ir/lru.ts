/** A map that forgets the entry that has not been asked for the longest. */
export class Lru<V> {
  private readonly entries = new Map<string, V>()
  private weight = 0

  /**
   * @param capacity - the weight of all entries, at most, but for the one that was set last.
   * @param forgotten - is given each entry that is dropped.
   * @param weightOf - what an entry counts, always the same: one, if left out.
   */
  constructor(
    private readonly capacity: number,
    private readonly forgotten?: (value: V) => void,
    private readonly weightOf: (value: V) => number = () => 1,
  ) {}

  get(key: string): V | undefined {
    const value = this.entries.get(key)
    if (value !== undefined) {
      this.entries.delete(key)
      this.entries.set(key, value)
    }
    return value
  }

  /** Adds an entry that there was none of. */
  set(key: string, value: V): void {
    this.entries.set(key, value)
    this.weight += this.weightOf(value)
    for (const [eldest, dropped] of this.entries) {
      if (this.weight <= this.capacity || eldest === key) return
      this.entries.delete(eldest)
      this.weight -= this.weightOf(dropped)
      this.forgotten?.(dropped)
    }
  }

  values(): IterableIterator<V> {
    return this.entries.values()
  }
}

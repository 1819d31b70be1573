/** A map that forgets the entry that has not been asked for the longest. */
export class Lru<V> {
  private readonly entries = new Map<string, V>()

  /** @param forgotten - is given each entry that is dropped. */
  constructor(
    private readonly capacity: number,
    private readonly forgotten?: (value: V) => void,
  ) {}

  get(key: string): V | undefined {
    const value = this.entries.get(key)
    if (value !== undefined) {
      this.entries.delete(key)
      this.entries.set(key, value)
    }
    return value
  }

  set(key: string, value: V): void {
    this.entries.set(key, value)
    if (this.entries.size <= this.capacity) return
    const [oldest, dropped] = this.entries.entries().next().value!
    this.entries.delete(oldest)
    this.forgotten?.(dropped)
  }

  values(): IterableIterator<V> {
    return this.entries.values()
  }
}

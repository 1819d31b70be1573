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
    const eldest = this.entries.size > this.capacity && this.entries.entries().next().value
    if (!eldest) return
    this.entries.delete(eldest[0])
    this.forgotten?.(eldest[1])
  }

  values(): IterableIterator<V> {
    return this.entries.values()
  }
}

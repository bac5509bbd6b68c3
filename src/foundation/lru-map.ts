/** A map that holds at most `limit` entries; the least recently read or written one goes first. */
export class LruMap<K, V> {
  readonly #limit: number;
  readonly #entries = new Map<K, V>();
  readonly #dropped: ((value: V) => void) | undefined;

  /** @param dropped - called with each value that leaves the map, pushed out or cleared */
  constructor(limit: number, dropped?: (value: V) => void) {
    this.#limit = limit;
    this.#dropped = dropped;
  }

  get(key: K): V | undefined {
    const value = this.#entries.get(key);
    if (value === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    if (this.#entries.size <= this.#limit) return;
    for (const [oldest, oldValue] of this.#entries) {
      this.#entries.delete(oldest);
      this.#dropped?.(oldValue);
      return;
    }
  }

  keys(): IterableIterator<K> {
    return this.#entries.keys();
  }

  clear(): void {
    for (const value of this.#entries.values()) this.#dropped?.(value);
    this.#entries.clear();
  }
}

/** Reads once for all who ask within a moment, so that many open pages cost the database as much as one. */
export class SharedReads<T> {
  readonly #milliseconds: number
  readonly #reads = new Map<string, { readonly value: Promise<T>; readonly at: number }>()

  constructor(milliseconds: number) {
    this.#milliseconds = milliseconds
  }

  /** What `read` answers, or answered another a moment ago. */
  async get(key: string, read: () => Promise<T>): Promise<T> {
    const now = performance.now()
    for (const [other, { at }] of this.#reads) if (now - at >= this.#milliseconds) this.#reads.delete(other)
    const known = this.#reads.get(key)
    if (known !== undefined) return await known.value
    const value = read()
    this.#reads.set(key, { value, at: now })
    return await value
  }

  /** Something was written: who asks now wants to see it. */
  forget(): void {
    this.#reads.clear()
  }
}

/** What is made of each text, made once and kept; begun anew when it is of so many texts. */
export class KeptByText<V> {
  readonly #most: number
  readonly #make: (text: string) => V
  readonly #kept = new Map<string, V>()

  constructor(most: number, make: (text: string) => V) {
    this.#most = most
    this.#make = make
  }

  get(text: string): V {
    const kept = this.#kept.get(text)
    if (kept !== undefined) return kept
    const made = this.#make(text)
    if (this.#kept.size >= this.#most) this.#kept.clear()
    this.#kept.set(text, made)
    return made
  }

  clear(): void {
    this.#kept.clear()
  }
}

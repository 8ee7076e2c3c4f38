/** What happens at a time. */
type Happening = () => Promise<void> | void

/**
 * What is to happen, ordered by time, and what was added first first. Times are milliseconds since the start.
 */
export interface Timeline {
  add(at: number, happening: Happening): void
  /** Takes the next one, if there is one. */
  next(): { readonly at: number; readonly happening: Happening } | undefined
}

/** Creates an empty timeline. */
export function createTimeline(): Timeline {
  const entries: { readonly at: number; readonly happening: Happening }[] = []
  return {
    add(at, happening) {
      // After all that happen at the same time or before.
      let [low, high] = [0, entries.length]
      while (low < high) {
        const middle = (low + high) >>> 1
        if ((entries[middle]?.at ?? 0) <= at) low = middle + 1
        else high = middle
      }
      entries.splice(low, 0, { at, happening })
    },
    next: () => entries.shift(),
  }
}

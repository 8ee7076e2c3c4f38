/** When runs are due. */
export interface DueTimes {
  add(time: Date): void
  /**
   * How many of them are before `now`, and how many before it or at it, together. A start time may lie within
   * the millisecond that a `Date` ends at, so that a poll at `now` may find the run or not.
   */
  countedTwice(now: Date): number
}

/** Creates an empty list of times. */
export function createDueTimes(): DueTimes {
  const times: number[] = []
  return {
    add: (time) => void times.splice(placeAfter(times, time.getTime()), 0, time.getTime()),
    countedTwice: (now) => placeAfter(times, now.getTime()) + placeAfter(times, now.getTime() - 1),
  }
}

/** How many of the sorted numbers are at most `most`. */
export function placeAfter(sorted: readonly number[], most: number): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] ?? 0) <= most) low = middle + 1
    else high = middle
  }
  return low
}

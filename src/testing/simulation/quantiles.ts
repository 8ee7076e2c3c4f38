/** The least, the middle and the most of several numbers. */
export interface Spread {
  least: number
  median: number
  most: number
}

/**
 * The number that a share of the sorted numbers does not exceed, between two of them where it falls there, as
 * spreadsheets and numpy have it; to three decimals. `null` when there are none.
 */
export function quantile(sorted: readonly number[], share: number): number | null {
  const place = (sorted.length - 1) * share
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]]
  return low === undefined || high === undefined ? null : rounded(low + (high - low) * (place - Math.floor(place)))
}

/** A number to three decimals: of seconds, milliseconds. */
export function rounded(number: number): number {
  return Math.round(number * 1000) / 1000
}

/** The spread of numbers. `null` when there are none. */
export function spreadOf(numbers: readonly number[]): Spread | null {
  const sorted = numbers.toSorted((a, b) => a - b)
  const [least, median, most] = [sorted[0], quantile(sorted, 0.5), sorted.at(-1)]
  return least === undefined || median === null || most === undefined ? null : { least, median, most }
}

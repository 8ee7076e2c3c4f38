/**
 * How many more runs a concurrency limit lets in: the limit less the active runs, never negative; `Infinity`
 * without a limit.
 *
 * @example
 * ```ts
 * openSlots(3, 1) // 2
 * openSlots(0, 0) // 0
 * openSlots(null, 100) // Infinity
 * ```
 */
export function openSlots(limit: number | null | undefined, active: number): number {
  return limit === null || limit === undefined ? Infinity : Math.max(0, limit - active)
}

/**
 * The priority that a new queue gets when it asks for none: the smallest integer from 1 that is not taken.
 *
 * Priorities may come in any order, and may repeat. Source: `create_work_queue` of Prefect's
 * `models.work_queues`, which gives a taken one when priorities repeat; this never does.
 *
 * @example
 * ```ts
 * firstFreePriority([1, 2, 5]) // 3
 * firstFreePriority([]) // 1
 * ```
 */
export function firstFreePriority(priorities: Iterable<number>): number {
  const taken = new Set(priorities)
  let priority = 1
  while (taken.has(priority)) priority++
  return priority
}

/** What rebalancing needs to know of a queue. */
export interface PrioritizedQueue {
  readonly id: string
  readonly priority: number
}

/**
 * The changes that give some queues of one pool new priorities and keep all of the pool's priorities unique
 * and positive.
 *
 * - The queues in `newPriorities` get exactly the priority asked for. Ids of no queue in `queues` are
 *   ignored.
 * - The others keep their order. The ones in the way move down (to a larger number), never up, and no further
 *   than they must.
 * - Queues whose priority stays are not in the result, so an empty result means that nothing has to be
 *   written.
 * - Priorities that were equal or not positive are repaired on the way; of equal ones the smaller id comes
 *   first.
 *
 * The targets must be distinct; `bulkUpdateWorkQueuePriorities` checks that. Source:
 * `bulk_update_work_queue_priorities` of Prefect's `models.workers`, which leaves equal priorities when
 * several change at once.
 *
 * @param queues - Every queue of the pool, in any order.
 * @param newPriorities - Queue id to priority, as a map or a record.
 * @returns Queue id to new priority, in ascending order of the priority.
 *
 * @example
 * ```ts
 * const queues = [{ id: 'a', priority: 1 }, { id: 'b', priority: 2 }, { id: 'c', priority: 4 }]
 * rebalancePriorities(queues, new Map([['c', 1]])) // Map { 'c' => 1, 'a' => 2, 'b' => 3 }
 * ```
 */
export function rebalancePriorities(
  queues: Iterable<PrioritizedQueue>,
  newPriorities: ReadonlyMap<string, number> | Readonly<Record<string, number>>,
): Map<string, number> {
  const targets = new Map(isMap(newPriorities) ? newPriorities : Object.entries(newPriorities))
  const changes: [id: string, priority: number][] = []
  const others: PrioritizedQueue[] = []
  const asked = new Set<number>()

  for (const queue of queues) {
    const target = targets.get(queue.id)
    if (target === undefined) {
      others.push(queue)
    } else {
      asked.add(target)
      if (target !== queue.priority) changes.push([queue.id, target])
    }
  }

  // Each of the others takes the first place at or below its own that is free: that moves as few as possible,
  // each as little as possible, since a queue can only be pushed by one that had to move or by an asked
  // place.
  let last = 0
  for (const queue of others.toSorted(byPriorityThenId)) {
    let place = Math.max(queue.priority, last + 1)
    while (asked.has(place)) place++
    if (place !== queue.priority) changes.push([queue.id, place])
    last = place
  }

  return new Map(changes.toSorted(([, a], [, b]) => a - b))
}

/** Whether priorities come as a map, of whatever realm and class. */
export function isMap(
  priorities: ReadonlyMap<string, number> | Readonly<Record<string, number>>,
): priorities is ReadonlyMap<string, number> {
  return typeof (priorities as { get?: unknown } | null | undefined)?.get === 'function'
}

function byPriorityThenId(a: PrioritizedQueue, b: PrioritizedQueue): number {
  return a.priority - b.priority || (a.id < b.id ? -1 : 1)
}

import { differenceInMilliseconds } from 'date-fns/differenceInMilliseconds'
import type { PollingHistory, SlotCount, SlotOwner } from './history.js'
import { rounded } from './quantiles.js'

/** How the slots of a queue or a pool were used. */
export interface SlotUsage extends SlotOwner {
  /** The limit at the end. `null`: any number. */
  limit: number | null
  /** The most that were occupied at a time. */
  most: number
  /** How many were occupied on average over time. */
  mean: number
  /**
   * Which part of the slots that there were was occupied, from 0 to 1, over the time in which there was a
   * limit; more than 1 when it was exceeded. `null`: there was no limit, or no slot.
   */
  utilization: number | null
  /** How often a run took a slot which was not there. */
  overshoots: number
}

/** Which queue or pool it is, as a text that no other has. */
export function keyOf({ kind, queue, pool }: SlotOwner): string {
  return JSON.stringify([kind, pool, queue])
}

/** The counts of slots by queue and pool, in the order in which these come first. */
export function slotsByOwner({ slots }: PollingHistory): SlotCount[][] {
  const owners = new Map<string, SlotCount[]>()
  for (const count of slots) {
    const known = owners.get(keyOf(count))
    if (known === undefined) owners.set(keyOf(count), [count])
    else known.push(count)
  }
  return [...owners.values()]
}

/** How the slots of each queue and pool were used. */
export function slotUsages(history: PollingHistory): SlotUsage[] {
  const overshoots = new Map<string, number>()
  for (const each of history.overshoots) overshoots.set(keyOf(each), (overshoots.get(keyOf(each)) ?? 0) + 1)
  return slotsByOwner(history).flatMap((counts) => {
    const last = counts.at(-1)
    if (last === undefined) return []
    const { kind, queue, pool, limit } = last
    let [occupied, occupiedOfLimit, ofLimit] = [0, 0, 0]
    for (const [index, { at, active, limit: thisLimit }] of counts.entries()) {
      const time = differenceInMilliseconds(counts[index + 1]?.at ?? history.endedAt, at)
      occupied += active * time
      if (thisLimit === null) continue
      occupiedOfLimit += active * time
      ofLimit += thisLimit * time
    }
    const time = differenceInMilliseconds(history.endedAt, history.startedAt)
    return [
      {
        kind,
        queue,
        pool,
        limit,
        most: counts.reduce((most, { active }) => Math.max(most, active), 0),
        mean: time === 0 ? 0 : rounded(occupied / time),
        utilization: ofLimit === 0 ? null : rounded(occupiedOfLimit / ofLimit),
        overshoots: overshoots.get(keyOf(last)) ?? 0,
      },
    ]
  })
}

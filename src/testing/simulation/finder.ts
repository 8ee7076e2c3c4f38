import { addMilliseconds } from 'date-fns/addMilliseconds'
import type { RequiredTables, Session } from '../../session.js'
import type { CheckedOptions } from './options-schema.js'
import { claimAsHost, claimRuns, type FoundRun, pollRuns } from './find-runs.js'
import type { Poller } from './pollers.js'
import { nowIn, type Simulation } from './simulation.js'

/** Finds runs for pollers: by the library's claims, by the host's own, or by polls. */
export interface Finder {
  /** @param room - How many runs the poller can take. */
  find(poller: Poller, room: number, simulation: Simulation): Promise<FoundRun[]>
}

/** Creates a finder. */
export function createFinder(
  session: Session<RequiredTables>,
  host: unknown,
  { by, claim, pollSeconds, leases }: Pick<CheckedOptions, 'by' | 'claim' | 'pollSeconds' | 'leases'>,
): Finder {
  /**
   * The situation in which a target last had nothing. Most polls find nothing: they are not made again until
   * something changes.
   */
  const idle = new Map<string, string>()
  /** The runs that the transactions of polls have locked. */
  let locks: { readonly ids: readonly string[]; readonly until: Date }[] = []

  return {
    async find({ name, process, workQueueId, workPoolIds, limit: asked }, room, simulation) {
      const now = nowIn(simulation)
      const limit = room === Infinity ? asked : Math.min(asked ?? room, room)
      const target = { workQueueId, workPoolIds, limit }
      const lease = { holder: leases && process.holder, leaseSeconds: leases?.leaseSeconds }
      // What a host's claim depends on is not known: each is made.
      if (claim !== undefined) {
        return await claimAsHost(session, host, claim, { poller: name, ...target, ...lease, now }, simulation.world)
      }
      const key = JSON.stringify(target)
      // All that the answer depends on: how often something was written, and how many runs have become due.
      const situation = `${simulation.changes} ${simulation.runs.dueBy(now)}`
      if (idle.get(key) === situation) return []
      locks = locks.filter(({ until }) => until > now)
      const locked = [...new Set(locks.flatMap(({ ids }) => ids))]
      const found = await (by === 'claim'
        ? claimRuns(session, target, lease, now)
        : pollRuns(session, target, now, locked))
      if (found.length === 0 && locked.length === 0) idle.set(key, situation)
      if (by === 'poll') {
        locks.push({ ids: found.map(({ flowRun }) => flowRun.id), until: addMilliseconds(now, pollSeconds * 1000) })
      }
      return found
    },
  }
}

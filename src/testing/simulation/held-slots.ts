import { readFlowRuns } from '../../flow-runs/read-flow-runs.js'
import { WORK_QUEUE_SLOT_STATES } from '../../rules/states.js'
import type { HeldSlot } from './lease-history.js'
import type { Simulation } from './simulation.js'

/** The runs that occupy slots in the database, and that nobody works on. */
export async function readHeldSlots({ session, runs }: Simulation): Promise<HeldSlot[]> {
  const active = await readFlowRuns(session, { filter: { stateType: { any: [...WORK_QUEUE_SLOT_STATES] } } })
  return active.flatMap(({ id, name }) => {
    const run = runs.get(id)
    // What others had before the simulation began is theirs.
    if (run === undefined) return []
    const { holder, queue } = run
    if (holder !== undefined && holder.leftAt === null) return []
    const [poller, since] = [holder?.handOut.poller ?? null, holder?.leftAt ?? null]
    return [{ run: name, queue: queue.name, pool: queue.pool, poller, since }]
  })
}

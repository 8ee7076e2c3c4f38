import { takeEvents } from 'kysely-work-queues'
import { isTerminal } from 'kysely-work-queues/rules'
import type { Host } from './host-database.js'

/**
 * Tells of every run that ended. The events and what is done about them are one transaction, so that of each run it is told once,
 * whenever a server dies.
 */
export async function notify(db: Host): Promise<void> {
  await db.transaction().execute(async (trx) => {
    for (const { id, resource, resourceId, after } of await takeEvents(trx)) {
      if (resource !== 'flow-run' || !isTerminal(after?.stateType ?? null)) continue
      const text = `is ${String(after?.stateName)}`
      await trx.insertInto('notification').values({ id, flow_run_id: resourceId, text }).execute()
    }
  })
}

import { updateWorkPool } from '../../work-pools/update-work-pool.js'
import { updateWorkQueue } from '../../work-queues/update-work-queue.js'
import type { SimulatedEvent } from './options.js'
import { nowIn, type Simulation } from './simulation.js'
import { findPool, findQueue } from './world.js'

/** Changes a queue or a pool while pollers poll. */
export async function happen(simulation: Simulation, event: SimulatedEvent, path: string): Promise<void> {
  const { session, world, ledger, settings } = simulation
  const { isPaused, concurrencyLimit, priority } = event
  const now = nowIn(simulation)
  simulation.changes++
  let id: string
  let [queue, pool]: [string | null, string] = [null, event.pool ?? '']
  if (event.queue === undefined) {
    id = findPool(world, pool, path).id
    await updateWorkPool(session, id, { isPaused, concurrencyLimit }, { now })
  } else {
    const found = findQueue(world, event.queue, event.pool, path)
    ;({ id, name: queue, pool } = found)
    await updateWorkQueue(session, id, { isPaused, concurrencyLimit, priority }, { now })
  }
  if (concurrencyLimit !== undefined) ledger.setLimit(id, concurrencyLimit, now)
  settings.push({
    at: now,
    kind: queue === null ? 'pool' : 'queue',
    queue,
    pool,
    ...(isPaused === undefined ? {} : { isPaused }),
    ...(concurrencyLimit === undefined ? {} : { concurrencyLimit }),
    ...(priority === undefined ? {} : { priority }),
  })
}

import {
  ensureWorkPoolExists,
  ensureWorkQueueExists,
  updateWorkPool,
  updateWorkQueue,
  type WorkPool,
} from 'kysely-work-queues'
import type { Host } from './host-database.js'

const WORK_POOL = { name: 'etl', type: 'process', concurrencyLimit: 4 }

const WORK_QUEUES = [
  { name: 'urgent', priority: 1, concurrencyLimit: 2 },
  { name: 'bulk', priority: 2, concurrencyLimit: null },
]

/** Makes the pool and its queues what is written above, whatever they were. Every server does so when it starts. */
export async function setUp(db: Host): Promise<WorkPool> {
  const { concurrencyLimit } = WORK_POOL
  const { workPool } = await ensureWorkPoolExists(db, WORK_POOL)
  await updateWorkPool(db, workPool.id, { concurrencyLimit })
  for (const { name, ...settings } of WORK_QUEUES) {
    const { id } = await ensureWorkQueueExists(db, name, { workPoolId: workPool.id })
    await updateWorkQueue(db, id, settings)
  }
  return workPool
}

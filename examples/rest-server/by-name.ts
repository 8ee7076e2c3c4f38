// Pools and queues by the names in a path.

import { HTTPException } from 'hono/http-exception'
import type { Kysely } from 'kysely'
import {
  readWorkPoolByName,
  readWorkQueueByName,
  type WorkPool,
  type WorkQueue,
  type WorkQueueTables,
} from 'kysely-work-queues'
import { found, orNothing } from './answer-error.js'

export async function findPool(db: Kysely<WorkQueueTables>, name: string): Promise<WorkPool> {
  return found(await orNothing(readWorkPoolByName(db, name)), `Work pool "${name}" not found.`)
}

export async function findQueue(db: Kysely<WorkQueueTables>, workPoolName: string, name: string): Promise<WorkQueue> {
  return found(
    await orNothing(readWorkQueueByName(db, name, { workPoolName })),
    `Work pool queue '${workPoolName}/${name}' not found.`,
  )
}

/** Pools whose names begin like this are Prefect's own: clients may pause and limit them, and nothing else. */
export function refuseReserved(name: string, what: string): void {
  if (!name.toLowerCase().startsWith('prefect')) return
  const message = `Work pools starting with 'Prefect' are reserved for internal use and can not be ${what}.`
  throw new HTTPException(403, { message })
}

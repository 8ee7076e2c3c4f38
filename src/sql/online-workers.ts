import { sql } from 'kysely'
import { decodeBoolean } from '../model/values.js'
import type { Scope } from '../session.js'
import type { Condition } from './lists.js'

/** The worker under the alias `worker` is ONLINE, as the index of those says it. */
export const isOnline: Condition = sql`worker.status = 'ONLINE'`

/** The worker under the alias `worker` is OFFLINE, as the index of those says it. */
export const isOffline: Condition = sql`worker.status <> 'ONLINE'`

/** The pool under the alias `pool` has a worker ONLINE. */
export function hasOnlineWorker({ tables }: Pick<Scope, 'tables'>): Condition {
  return sql`exists (select 1 from ${tables.worker} as worker where worker.work_pool_id = pool.id and ${isOnline})`
}

/** Whether a pool has a worker ONLINE, as far as is committed. */
export async function readHasOnlineWorker({ db, tables }: Scope, workPoolId: string): Promise<boolean> {
  const { rows } = await sql<{ isServed: unknown }>`
    select ${hasOnlineWorker({ tables })} as "isServed" from ${tables.work_pool} as pool where pool.id = ${workPoolId}
  `.execute(db)
  return decodeBoolean(rows[0]?.isServed)
}

import type { Kysely } from 'kysely'
import type { WorkQueueTables } from 'kysely-work-queues'

/**
 * Runs in the transaction that the session is, or in one of its own. Unlike Kysely's, it throws the error that came first, also when
 * the rollback fails after it.
 */
export async function together<T>(
  db: Kysely<WorkQueueTables>,
  run: (trx: Kysely<WorkQueueTables>) => Promise<T>,
): Promise<T> {
  if (db.isTransaction) return await run(db)
  return await db.connection().execute(async (connection) => {
    const trx = await connection.startTransaction().execute()
    try {
      const result = await run(trx)
      await trx.commit().execute()
      return result
    } catch (error) {
      await trx
        .rollback()
        .execute()
        .catch(() => undefined)
      throw error
    }
  })
}

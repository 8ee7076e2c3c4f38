import type { CompiledQuery } from 'kysely'
import { recorder } from '../support/recorder.js'
import type { Db, PlanDatabase } from './plan-database.js'

/**
 * Calls a function with a session that keeps the statements it sends, and undoes what they did.
 *
 * To the function the session is no transaction, and it may open its own. Beneath, all happens in one that is rolled back.
 */
export async function record(database: PlanDatabase, call: (db: Db) => Promise<unknown>): Promise<CompiledQuery[]> {
  return await undone(database, async (trx) => {
    const { db, queries } = recorder({ plain: trx, dialect: database.dialect })
    await call(db)
    return queries
  })
}

/** Runs something in a transaction, and rolls it back. */
export async function undone<T>({ plain }: PlanDatabase, run: (trx: Db) => Promise<T>): Promise<T> {
  const trx = await plain.startTransaction().execute()
  try {
    return await run(trx)
  } finally {
    await trx.rollback().execute()
  }
}
